/* Patterns of tokenizer.json, written for Oniguruma, translated for PCRE2 over kinds of characters.
 *
 * A regex library's own \p{L} follows its Unicode version, and with it the ids of a text would
 * change from one system to the next; so the classes are our own (unicode/classes.c).  Only what
 * means the same in both libraries is accepted. */
#include "text/pattern.h"
#include "core/utf8.h"

#include <string.h>

enum { DEPTH = 32 };

typedef struct group {
    int fold;  /* inside (?i:...) */
    int looks; /* a lookahead: no quantifier may follow it */
    int takes; /* the alternative being read takes at least one character, */
    int empty; /* and one before may be empty */
} group;

/* What an escape such as \d or \P{Lu} stands for. */
typedef struct escaped_class {
    uint64_t properties; /* any of them, or with `negated` none */
    int negated;
} escaped_class;

typedef struct translation {
    const char *pattern, *what;
    size_t at, bytes;
    bl_kinds *kinds;
    bl_buf *out;
    group group[DEPTH];
    size_t depth;
    int callouts;  /* are wanted around repeated sets */
    size_t set;    /* where in `out` the last set begins, if there is one */
    int atom;      /* what came last may have a quantifier */
    int empty;     /* and it may be empty itself */
    int taken;     /* group.takes in front of it */
    char previous; /* the letter before, inside (?i:...) */
} translation;

static bl_status refuse(const translation *t, size_t at, const char *why, bl_error *err)
{
    return bl_fail(err, BL_EUNSUPPORTED,
                   "%s: pre_tokenizer: the pattern has %s at byte %zu; that is not supported",
                   t->what, why, at);
}

/* Marks that a quantifier may follow what was written. */
static void end_atom(translation *t, int empty)
{
    group *g = &t->group[t->depth];
    t->atom = 1;
    t->empty = empty;
    t->taken = g->takes;
    g->takes |= !empty;
}

/* Writes the collected set, or its complement. */
static bl_status put_set(translation *t, size_t at, int negated, bl_error *err)
{
    if (!bl_kinds_part(t->kinds))
        return refuse(t, at, "more than 256 kinds of characters", err);
    t->set = t->out->len;
    bl_kinds_put_set(t->kinds, negated, t->out);
    return BL_OK;
}

/* A character, inside (?i:...) a letter in all its cases. */
static size_t cases_of(uint32_t code, int fold, uint32_t cases[3])
{
    size_t count = 0;
    uint32_t lower = code | 0x20;
    cases[count++] = code;
    if (!fold || lower < 'a' || lower > 'z')
        return count;
    cases[count++] = code ^ 0x20;
    if (lower == 's')
        cases[count++] = 0x17F; /* long s */
    if (lower == 'k')
        cases[count++] = 0x212A; /* the Kelvin sign */
    return count;
}

/* Reads a class after a backslash, if one is there. */
static int read_class(translation *t, int in_set, escaped_class *c)
{
    const char *p = t->pattern + t->at + 1, *name = p + 2;
    size_t bytes = 0;
    *c = (escaped_class){.negated = *p < 'a'};
    switch (*p | 0x20) {
    case 's':
        c->properties = UINT64_C(1) << BL_PROPERTY_SPACE;
        break;
    case 'w':
        c->properties = UINT64_C(1) << (in_set ? BL_PROPERTY_WORD_IN_SET : BL_PROPERTY_WORD_ESCAPE);
        break;
    case 'd':
        c->properties = bl_categories_named("Nd", 2);
        break;
    case 'p':
        if (p[1] != '{')
            return 0;
        if (*name == '^') {
            c->negated = !c->negated;
            name++;
        }
        bytes = strcspn(name, "}");
        c->properties = name[bytes] ? bl_categories_named(name, bytes) : 0;
        break;
    default:
        return 0;
    }
    if (!c->properties)
        return 0;
    t->at += bytes ? (size_t)(name - p) + bytes + 2 : 2;
    return 1;
}

/* The character that a backslash and what follows stand for. */
static bl_status read_escape(translation *t, uint32_t *code, bl_error *err)
{
    static const char controls[][2] = {{'r', '\r'}, {'n', '\n'}, {'t', '\t'}};
    const char *p = t->pattern + t->at + 1;
    *code = (unsigned char)*p;
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++)
        if (*p == controls[i][0]) {
            *code = (unsigned char)controls[i][1];
            t->at += 2;
            return BL_OK;
        }
    if (!*p || !strchr("'\"!#%&()*+,-./:;<=>?@[\\]^_`{|}~ $", *p))
        return refuse(t, t->at,
                      "an escape other than \\p{L}, \\p{Lu} and so on, \\s \\d \\w \\r \\n \\t",
                      err);
    t->at += 2;
    return BL_OK;
}

static bl_status read_set(translation *t, int fold, int *negated, bl_error *err);

/* A [...] within another: what it holds is added. */
static bl_status read_inner_set(translation *t, bl_error *err)
{
    size_t at = t->at;
    int negated;
    if (t->pattern[at + 1] == ':')
        return refuse(t, at, "a class of POSIX", err);
    if (!bl_kinds_begin_set(t->kinds))
        return refuse(t, at, "too many sets in one another", err);
    BL_TRY(read_set(t, 0, &negated, err));
    bl_kinds_end_set(t->kinds, negated);
    return BL_OK;
}

/* One member of a [...]: a class or a set is added, a character handed out. */
static bl_status read_member(translation *t, int fold, int *is_class, uint32_t *code, bl_error *err)
{
    size_t at = t->at, used;
    const char *p = t->pattern + at;
    escaped_class c;
    *is_class = *p == '[' || (*p == '\\' && read_class(t, 1, &c));
    if (*is_class && fold)
        return refuse(t, at, "a class or a set in a set inside (?i:...)", err);
    if (*p == '[')
        return read_inner_set(t, err);
    if (*is_class)
        bl_kinds_add_having(t->kinds, c.properties, c.negated);
    else if (*p == '\\')
        BL_TRY(read_escape(t, code, err));
    else if (p[0] == '&' && p[1] == '&')
        return refuse(t, at, "an intersection of sets", err);
    else {
        *code = bl_utf8_get(p, &used);
        t->at += used;
    }
    return BL_OK;
}

/* Adds what is inside a [...] to the set being collected. */
static bl_status read_set(translation *t, int fold, int *negated, bl_error *err)
{
    size_t start = t->at++, members = 0;
    *negated = t->pattern[t->at] == '^';
    t->at += (size_t)*negated;
    for (; t->pattern[t->at] != ']' || members == 0; members++) {
        uint32_t code, last, cases[3];
        int is_class;
        size_t at = t->at;
        if (at >= t->bytes || t->pattern[at] == ']')
            return refuse(t, start, "an empty or open [", err);
        BL_TRY(read_member(t, fold, &is_class, &code, err));
        int ranges = t->pattern[t->at] == '-' && t->pattern[t->at + 1] != ']';
        if (!is_class && fold && code >= 0x80)
            return refuse(t, at, "a character beyond ASCII inside (?i:...)", err);
        for (size_t n = is_class || ranges ? 0 : cases_of(code, fold, cases); n > 0; n--)
            bl_kinds_add(t->kinds, cases[n - 1], cases[n - 1]);
        if (!ranges)
            continue;
        t->at++;
        if (is_class || fold || t->at >= t->bytes)
            return refuse(t, at, "a range of this kind", err);
        BL_TRY(read_member(t, fold, &is_class, &last, err));
        if (is_class || last < code)
            return refuse(t, at, "a range of this kind", err);
        bl_kinds_add(t->kinds, code, last);
    }
    t->at++;
    return BL_OK;
}

static bl_status translate_set(translation *t, int fold, bl_error *err)
{
    size_t start = t->at;
    int negated;
    bl_kinds_clear(t->kinds);
    BL_TRY(read_set(t, fold, &negated, err));
    BL_TRY(put_set(t, start, negated, err));
    end_atom(t, 0);
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
        t->group[++t->depth] = (group){.fold = kinds[i].fold | outside, .looks = kinds[i].looks};
        bl_buf_puts(t->out, kinds[i].written);
        t->at += n;
        t->atom = 0;
        return BL_OK;
    }
    return refuse(t, t->at, "a group of this kind", err);
}

static void end_alternative(translation *t)
{
    group *g = &t->group[t->depth];
    g->empty |= !g->takes;
    g->takes = 0;
}

static bl_status close_group(translation *t)
{
    end_alternative(t);
    const group *g = &t->group[t->depth--];
    t->atom = 0;
    t->set = SIZE_MAX;
    if (!g->looks)
        end_atom(t, g->empty);
    bl_buf_puts(t->out, ")");
    t->at++;
    return BL_OK;
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

/* Callouts in front of the last set and after its quantifier, if it has one. */
static void put_callouts(translation *t)
{
    static const char before[] = "(?C1)";
    size_t n = sizeof before - 1, set = t->set;
    size_t bytes = set < t->out->len ? t->out->len - set : 0;
    const char *end = bytes ? memchr(t->out->data + set, ']', bytes) : NULL;
    t->set = SIZE_MAX;
    if (!t->callouts || !end || !strchr("*+{", end[1]) || !bl_buf_reserve(t->out, n))
        return;
    char *at = t->out->data + set;
    memmove(at + n, at, bytes);
    memcpy(at, before, n);
    t->out->len += n;
    bl_buf_puts(t->out, "(?C2)");
}

static bl_status translate_quantifier(translation *t, bl_error *err)
{
    size_t start = t->at;
    char c = t->pattern[t->at++];
    if (!t->atom)
        return refuse(t, start, "a quantifier without anything to repeat", err);
    if (c == '{') {
        unsigned low, high;
        if (t->empty) /* after an empty turn Oniguruma takes none of the others */
            return refuse(t, start, "a counted quantifier of what may be empty", err);
        if (!read_number(t, &low))
            return refuse(t, start, "a quantifier of this kind", err);
        high = low;
        int open = strncmp(t->pattern + t->at, ",}", 2) == 0; /* without an end */
        if (t->pattern[t->at] == ',') {
            t->at++;
            if (!open && (!read_number(t, &high) || high < low))
                return refuse(t, start, "a quantifier of this kind", err);
        }
        if (t->pattern[t->at++] != '}')
            return refuse(t, start, "a quantifier of this kind", err);
        if (low == 0)
            t->group[t->depth].takes = t->taken;
        bl_buf_printf(t->out, open ? "{%u,}" : "{%u,%u}", low, high);
    } else {
        bl_buf_append(t->out, &c, 1);
        if (c != '+')
            t->group[t->depth].takes = t->taken;
        char suffix = t->pattern[t->at];
        if (suffix == '?' || suffix == '+') { /* lazy or possessive, to both libraries */
            bl_buf_append(t->out, &suffix, 1);
            t->at++;
        }
    }
    if (t->pattern[t->at] && strchr("?*+{", t->pattern[t->at]))
        return refuse(t, t->at, "a quantifier of a quantifier", err);
    put_callouts(t);
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
    uint32_t cases[3];
    bl_kinds_clear(t->kinds);
    for (size_t n = cases_of(code, fold, cases); n > 0; n--)
        bl_kinds_add(t->kinds, cases[n - 1], cases[n - 1]);
    BL_TRY(put_set(t, at, 0, err));
    end_atom(t, 0);
    t->previous = letter;
    return BL_OK;
}

/* One of . ^ $, in which lines end with \n alone, and none begins after the last one. */
static bl_status put_known(translation *t, const char *before, int negated, const char *behind,
                           bl_error *err)
{
    bl_buf_puts(t->out, before);
    bl_kinds_clear(t->kinds);
    bl_kinds_add(t->kinds, '\n', '\n');
    BL_TRY(put_set(t, t->at++, negated, err));
    bl_buf_puts(t->out, behind);
    t->atom = 0;
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
        return close_group(t);
    case '|':
        end_alternative(t);
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
        BL_TRY(put_known(t, "", 1, "", err));
        end_atom(t, 0);
        return BL_OK;
    case '^':
        return put_known(t, "(?:\\A|(?<=", 0, ")(?!\\z))", err);
    case '$':
        return put_known(t, "(?!", 1, ")", err);
    default:
        break;
    }
    uint32_t code;
    escaped_class escaped;
    if (c == '\\' && read_class(t, 0, &escaped)) {
        bl_kinds_clear(t->kinds);
        bl_kinds_add_having(t->kinds, escaped.properties, escaped.negated);
        BL_TRY(put_set(t, at, 0, err));
        end_atom(t, 0);
        return BL_OK;
    }
    if (c == '\\') {
        BL_TRY(read_escape(t, &code, err));
    } else {
        code = bl_utf8_get(t->pattern + at, &used);
        t->at += used;
    }
    t->previous = before;
    return translate_code(t, at, code, err);
}

bl_status bl_pattern_translate(const char *pattern, const char *what, bl_kinds *kinds, int callouts,
                               bl_buf *out, bl_error *err)
{
    translation t = {.pattern = pattern,
                     .what = what,
                     .bytes = strlen(pattern),
                     .kinds = kinds,
                     .callouts = callouts,
                     .out = out};
    if (t.bytes == 0 || t.bytes > BL_PATTERN_BYTES)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: a pattern of %zu bytes; 1 to %d are supported", what,
                       t.bytes, BL_PATTERN_BYTES);
    bl_status status = BL_OK;
    while (t.at < t.bytes && status == BL_OK)
        status = translate_next(&t, err);
    if (status == BL_OK && t.depth > 0)
        status = refuse(&t, t.at, "an open (", err);
    return status == BL_OK ? bl_buf_status(out, err) : status;
}
