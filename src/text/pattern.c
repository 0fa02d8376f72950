/* Patterns of tokenizer.json, written for Oniguruma, said again for PCRE2.
 *
 * A regex library's own \p{L} follows its Unicode version, and with it the ids of a text would
 * change from one system to the next; so classes become ranges (unicode_classes.c).  Only what both
 * libraries mean alike is let through. */
#include "text/pattern.h"
#include "text/unicode_classes.h"
#include "text/utf8.h"

#include <string.h>

enum { DEPTH = 32, LAST_CODE = 0x10FFFF };

typedef struct group {
    int fold;  /* inside (?i:...) */
    int looks; /* a lookahead: no quantifier may follow it */
} group;

typedef struct translation {
    const char *pattern, *what;
    size_t at, bytes;
    bl_buf *out;
    group group[DEPTH];
    size_t depth;
    int atom;      /* what came last may have a quantifier */
    char previous; /* the letter before, inside (?i:...) */
} translation;

static bl_status refuse(const translation *t, size_t at, const char *why, bl_error *err)
{
    return bl_fail(err, BL_EUNSUPPORTED,
                   "%s: pre_tokenizer: the pattern has %s at byte %zu; that is not supported",
                   t->what, why, at);
}

static void put_code(bl_buf *out, uint32_t code)
{
    bl_buf_printf(out, "\\x{%X}", (unsigned)code);
}

static void put_range(bl_buf *out, uint32_t first, uint32_t last)
{
    put_code(out, first);
    bl_buf_puts(out, "-");
    put_code(out, last);
}

/* A class, or all that is not in it, as the inside of a [...]. */
static void put_class(bl_buf *out, int name, int negated)
{
    const bl_code_class *c = &bl_code_classes[name];
    uint32_t next = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (!negated)
            put_range(out, c->ranges[i].first, c->ranges[i].last);
        else if (next < c->ranges[i].first)
            put_range(out, next, c->ranges[i].first - 1);
        next = c->ranges[i].last + 1;
    }
    if (negated)
        put_range(out, next, LAST_CODE);
}

/* A character, inside (?i:...) a letter in all its cases, as the inside of a [...]. */
static void put_letter(bl_buf *out, uint32_t code, int fold)
{
    put_code(out, code);
    if (!fold || !((code | 0x20) >= 'a' && (code | 0x20) <= 'z'))
        return;
    put_code(out, code ^ 0x20);
    if ((code | 0x20) == 's')
        put_code(out, 0x17F); /* long s */
    if ((code | 0x20) == 'k')
        put_code(out, 0x212A); /* the Kelvin sign */
}

typedef enum escape_kind { ONE, CLASS } escape_kind;

/* What stands behind a backslash: a character, or a class. */
static bl_status read_escape(translation *t, escape_kind *kind, uint32_t *code, int *negated,
                             bl_error *err)
{
    static const struct {
        const char *spelled;
        int class, negated;
    } classes[] = {
        {"s", BL_CODE_SPACE, 0},     {"S", BL_CODE_SPACE, 1},     {"p{L}", BL_CODE_LETTER, 0},
        {"P{L}", BL_CODE_LETTER, 1}, {"p{N}", BL_CODE_NUMBER, 0}, {"P{N}", BL_CODE_NUMBER, 1},
    };
    static const char controls[][2] = {{'r', '\r'}, {'n', '\n'}, {'t', '\t'}};
    const char *p = t->pattern + t->at + 1;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        size_t n = strlen(classes[i].spelled);
        if (strncmp(p, classes[i].spelled, n) == 0) {
            *kind = CLASS;
            *code = (uint32_t)classes[i].class;
            *negated = classes[i].negated;
            t->at += 1 + n;
            return BL_OK;
        }
    }
    *kind = ONE;
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++)
        if (*p == controls[i][0]) {
            *code = (unsigned char)controls[i][1];
            t->at += 2;
            return BL_OK;
        }
    if (!*p || !strchr("'\"!#%&()*+,-./:;<=>?@[\\]^_`{|}~ $", *p))
        return refuse(t, t->at, "an escape other than \\p{L} \\p{N} \\s \\r \\n \\t", err);
    *code = (unsigned char)*p;
    t->at += 2;
    return BL_OK;
}

/* One member of a [...]: a class is written, a character handed out. */
static bl_status read_member(translation *t, int fold, int *is_class, uint32_t *code, bl_error *err)
{
    size_t at = t->at, used;
    const char *p = t->pattern + at;
    *is_class = 0;
    if (*p == '\\') {
        escape_kind kind;
        int negated = 0;
        BL_TRY(read_escape(t, &kind, code, &negated, err));
        if (kind == ONE)
            return BL_OK;
        *is_class = 1;
        if (fold)
            return refuse(t, at, "a class inside (?i:...)", err);
        put_class(t->out, (int)*code, negated);
        return BL_OK;
    }
    if (*p == '[' || (p[0] == '&' && p[1] == '&'))
        return refuse(t, at, "a set inside [...]", err);
    *code = bl_utf8_get(p, &used);
    t->at += used;
    return BL_OK;
}

static bl_status translate_set(translation *t, int fold, bl_error *err)
{
    size_t start = t->at++, members = 0;
    bl_buf_puts(t->out, "[");
    if (t->pattern[t->at] == '^') {
        bl_buf_puts(t->out, "^");
        t->at++;
    }
    for (; t->pattern[t->at] != ']' || members == 0; members++) {
        uint32_t code, last;
        int is_class;
        size_t at = t->at;
        if (at >= t->bytes || t->pattern[at] == ']')
            return refuse(t, start, "an empty or open [", err);
        BL_TRY(read_member(t, fold, &is_class, &code, err));
        int ranges = t->pattern[t->at] == '-' && t->pattern[t->at + 1] != ']';
        if (!is_class && fold && code >= 0x80)
            return refuse(t, at, "a character beyond ASCII inside (?i:...)", err);
        if (!is_class && !ranges)
            put_letter(t->out, code, fold);
        if (!ranges)
            continue;
        t->at++;
        if (is_class || fold || t->at >= t->bytes)
            return refuse(t, at, "a range of this kind", err);
        BL_TRY(read_member(t, fold, &is_class, &last, err));
        if (is_class || last < code)
            return refuse(t, at, "a range of this kind", err);
        put_range(t->out, code, last);
    }
    t->at++;
    bl_buf_puts(t->out, "]");
    t->atom = 1;
    return BL_OK;
}

static bl_status open_group(translation *t, bl_error *err)
{
    static const struct {
        const char *spelled, *written;
        int fold, looks;
    } kinds[] = {{"(?:", "(?:", 0, 0},
                 {"(?i:", "(?:", 1, 0},
                 {"(?=", "(?=", 0, 1},
                 {"(?!", "(?!", 0, 1},
                 {"(", "(?:", 0, 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t n = strlen(kinds[i].spelled);
        if (strncmp(t->pattern + t->at, kinds[i].spelled, n) != 0)
            continue;
        if (n == 1 && t->pattern[t->at + 1] == '?')
            break;
        if (t->depth + 1 == DEPTH)
            return refuse(t, t->at, "too many groups in one another", err);
        int outside = t->group[t->depth].fold;
        t->group[++t->depth] = (group){kinds[i].fold | outside, kinds[i].looks};
        bl_buf_puts(t->out, kinds[i].written);
        t->at += n;
        t->atom = 0;
        return BL_OK;
    }
    return refuse(t, t->at, "a group of this kind", err);
}

/* The number at the current place, up to 1000; 0 when there is none. */
static int read_number(translation *t, unsigned *number)
{
    size_t start = t->at;
    *number = 0;
    for (; t->pattern[t->at] >= '0' && t->pattern[t->at] <= '9' && *number <= 1000; t->at++)
        *number = 10 * *number + (unsigned)(t->pattern[t->at] - '0');
    return t->at > start && *number <= 1000;
}

static bl_status translate_quantifier(translation *t, bl_error *err)
{
    size_t start = t->at;
    char c = t->pattern[t->at++];
    if (!t->atom)
        return refuse(t, start, "a quantifier without anything to repeat", err);
    if (c == '{') {
        unsigned low, high;
        if (!read_number(t, &low))
            return refuse(t, start, "a quantifier of this kind", err);
        high = low;
        if (t->pattern[t->at] == ',') {
            t->at++;
            if (!read_number(t, &high) || high < low)
                return refuse(t, start, "a quantifier of this kind", err);
        }
        if (t->pattern[t->at++] != '}')
            return refuse(t, start, "a quantifier of this kind", err);
        bl_buf_printf(t->out, "{%u,%u}", low, high);
    } else {
        bl_buf_append(t->out, &c, 1);
        char suffix = t->pattern[t->at];
        if (suffix == '?' || suffix == '+') { /* lazy or possessive, to both libraries */
            bl_buf_append(t->out, &suffix, 1);
            t->at++;
        }
    }
    if (t->pattern[t->at] && strchr("?*+{", t->pattern[t->at]))
        return refuse(t, t->at, "a quantifier of a quantifier", err);
    t->atom = 0;
    return BL_OK;
}

/* A character by itself. */
static bl_status translate_code(translation *t, size_t at, uint32_t code, bl_error *err)
{
    /* Letters that together are what one character folds to, such as the ligature fi. */
    static const char *const pairs[] = {"ss", "st", "ff", "fi", "fl"};
    int fold = t->group[t->depth].fold;
    char letter = (char)(code < 0x80 ? code | 0x20 : 0);
    if (fold && code >= 0x80)
        return refuse(t, at, "a character beyond ASCII inside (?i:...)", err);
    for (size_t i = 0; fold && i < sizeof pairs / sizeof pairs[0]; i++)
        if (t->previous == pairs[i][0] && letter == pairs[i][1])
            return refuse(t, at, "letters inside (?i:...) that one character may stand for", err);
    bl_buf_puts(t->out, "[");
    put_letter(t->out, code, fold);
    bl_buf_puts(t->out, "]");
    t->atom = 1;
    t->previous = letter;
    return BL_OK;
}

static bl_status translate_next(translation *t, bl_error *err)
{
    size_t at = t->at, used;
    char c = t->pattern[at], before = t->previous;
    t->previous = 0;
    switch (c) {
    case '(':
        return open_group(t, err);
    case ')':
        if (t->depth == 0)
            return refuse(t, at, "a ) too many", err);
        t->atom = !t->group[t->depth--].looks;
        bl_buf_puts(t->out, ")");
        t->at++;
        return BL_OK;
    case '|':
        bl_buf_puts(t->out, "|");
        t->atom = 0;
        t->at++;
        return BL_OK;
    case '[':
        return translate_set(t, t->group[t->depth].fold, err);
    case '?':
    case '*':
    case '+':
    case '{':
        return translate_quantifier(t, err);
    case '.':
    case '^':
    case '$':
        return refuse(t, at, "one of . ^ $", err);
    default:
        break;
    }
    uint32_t code;
    if (c == '\\') {
        escape_kind kind;
        int negated = 0;
        BL_TRY(read_escape(t, &kind, &code, &negated, err));
        if (kind == CLASS) {
            if (t->group[t->depth].fold && code != BL_CODE_SPACE)
                return refuse(t, at, "a class inside (?i:...)", err);
            bl_buf_puts(t->out, negated ? "[^" : "[");
            put_class(t->out, (int)code, 0);
            bl_buf_puts(t->out, "]");
            t->atom = 1;
            return BL_OK;
        }
    } else {
        code = bl_utf8_get(t->pattern + at, &used);
        t->at += used;
    }
    t->previous = before;
    return translate_code(t, at, code, err);
}

bl_status bl_pattern_translate(const char *pattern, const char *what, bl_buf *out, bl_error *err)
{
    translation t = {.pattern = pattern, .what = what, .bytes = strlen(pattern), .out = out};
    if (t.bytes == 0 || t.bytes > BL_PATTERN_BYTES)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: a pattern of %zu bytes; 1 to %d are supported", what,
                       t.bytes, BL_PATTERN_BYTES);
    while (t.at < t.bytes)
        BL_TRY(translate_next(&t, err));
    if (t.depth > 0)
        return refuse(&t, t.at, "an open (", err);
    return bl_buf_status(out, err);
}
