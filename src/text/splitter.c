/* Opening a splitter: patterns are recognised or compiled, and characters divided into kinds. */
#include "text/splitter.h"
#include "core/alloc.h"
#include "text/bytechars.h"
#include "text/pattern.h"

#include <stdlib.h>
#include <string.h>

const char bl_pattern_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static bl_scanner scanner_of(const char *pattern)
{
#define LINES(numbers)                                                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers                          \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    if (strcmp(pattern, bl_pattern_gpt2) == 0)
        return BL_BY_GPT2;
    if (strcmp(pattern, LINES("\\p{N}{1,3}")) == 0)
        return BL_BY_LLAMA3;
    return strcmp(pattern, LINES("\\p{N}")) == 0 ? BL_BY_QWEN2 : BL_BY_REGEX;
#undef LINES
}

/* The kinds that a match may begin with, as PCRE2 found them.  A pattern of S+ and a rest fails
 * when the rest matches after none of a run of characters of S: starting at the next of them leaves
 * it the same places but one. */
static void find_beginnings(bl_stage *g, const char *text)
{
    const uint8_t *map = NULL;
    uint32_t known = 0, kind = 0;
    (void)pcre2_pattern_info(g->code, PCRE2_INFO_FIRSTCODETYPE, &known);
    (void)pcre2_pattern_info(g->code, PCRE2_INFO_FIRSTCODEUNIT, &kind);
    (void)pcre2_pattern_info(g->code, PCRE2_INFO_FIRSTBITMAP, &map);
    for (size_t i = 0; i < BL_KINDS; i++)
        g->begins[i] = known == 1 ? i == kind : !map || map[i / 8] >> i % 8 & 1;
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    g->in_vain = end && end[1] == '+' && !strchr(text, '|') && (known == 1 || map);
}

static bl_status compile(bl_stage *to, const bl_buf *text, const char *what, bl_error *err)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    uint32_t empty = 0;
    to->code = pcre2_compile((PCRE2_SPTR)text->data, text->len, PCRE2_NO_AUTO_POSSESS, &code,
                             &offset, NULL);
    if (!to->code)
        return bl_fail(err, code == PCRE2_ERROR_HEAP_FAILED ? BL_ENOMEM : BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: PCRE2 does not compile the pattern (error %d)", what,
                       code);
    if (pcre2_pattern_info(to->code, PCRE2_INFO_MATCHEMPTY, &empty) != 0 || empty)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: a pattern that matches an empty text is not supported",
                       what);
    find_beginnings(to, text->data);
    return BL_OK;
}

/* PCRE2 counts what it may have to go back to, but not the characters of what it never goes back
 * into: a possessive repeat, a lookahead once it has come true, the least number of a counted
 * repeat.  The translation uses these signs for nothing else. */
static int runs_unseen(const char *text)
{
    enum { MANY = 16 };
    static const char *const possessive[] = {"?+", "*+", "++", "}+"};
    for (size_t i = 0; i < sizeof possessive / sizeof possessive[0]; i++)
        if (strstr(text, possessive[i]))
            return 1;
    for (const char *p = text; (p = strpbrk(p, "({")) != NULL; p++)
        if (*p == '{' ? strtoul(p + 1, NULL, 10) > MANY
                      : (strncmp(p, "(?=", 3) == 0 || strncmp(p, "(?!", 3) == 0) &&
                            p[3 + strcspn(p + 3, "*+{()")] != ')')
            return 1;
    return 0;
}

/* A pattern that is one set, perhaps repeated, needs no PCRE2: its set are the kinds that it
 * begins with.  (The translation spells every kind as \xHH, so the first ] is the set's own.) */
static void recognise_set(bl_stage *to, const bl_buf *text)
{
    const char *end = text->data[0] == '[' ? strchr(text->data, ']') : NULL;
    if (end && strcmp(end, "]") == 0)
        to->scanner = BL_BY_SET;
    else if (end && (strcmp(end, "]+") == 0 || strcmp(end, "]++") == 0))
        to->scanner = BL_BY_RUN;
}

static bl_status prepare_punctuation(bl_splitter *s, bl_stage *to, bl_error *err)
{
    bl_kinds_clear(s->kinds);
    bl_kinds_add_having(s->kinds, UINT64_C(1) << BL_PROPERTY_PUNCTUATION, 0);
    if (!bl_kinds_part(s->kinds))
        return bl_fail(
            err, BL_EUNSUPPORTED,
            "%s: pre_tokenizer: more than 256 kinds of characters; that is not supported", s->what);
    bl_kinds_members(s->kinds, to->begins);
    return BL_OK;
}

/* On the first pass the rule's sets split the kinds, on the last they are known. */
static bl_status prepare_stage(bl_splitter *s, const bl_split_rule *rule, bl_stage *to, int last,
                               int regex, bl_buf *text, bl_error *err)
{
    if (rule->kind == BL_RULE_PUNCTUATION)
        return prepare_punctuation(s, to, err);
    if (rule->kind != BL_RULE_PATTERN || to->scanner != BL_BY_REGEX)
        return BL_OK;
    bl_buf_clear(text);
    BL_TRY(bl_pattern_translate(rule->pattern, s->what, s->kinds, 0, text, err));
    if (last && runs_unseen(text->data)) {
        bl_buf_clear(text);
        BL_TRY(bl_pattern_translate(rule->pattern, s->what, s->kinds, 1, text, err));
    }
    if (!last)
        return BL_OK;
    BL_TRY(compile(to, text, s->what, err));
    if (!regex)
        recognise_set(to, text);
    return BL_OK;
}

/* All rules split the kinds before any pattern is compiled. */
static bl_status prepare_stages(bl_splitter *s, const bl_split_rule *rules, size_t count, int regex,
                                bl_error *err)
{
    bl_buf text;
    bl_buf_init(&text);
    bl_status status = bl_kinds_open(&s->kinds, rules, count, err);
    for (size_t i = 0; i < 2 * s->count && status == BL_OK; i++)
        status = prepare_stage(s, &rules[i % s->count], &s->stage[i % s->count], i >= s->count,
                               regex, &text, err);
    if (status == BL_OK)
        bl_kinds_settle(s->kinds);
    for (unsigned byte = 0; byte < 256 && status == BL_OK; byte++)
        s->byte_kind[byte] = s->kinds->of[bl_bytechar_of((unsigned char)byte)];
    bl_buf_release(&text);
    return status;
}

/* How each rule is carried out; whether any needs the kinds of characters. */
static int choose_scanners(bl_splitter *s, const bl_split_rule *rules, int regex)
{
    int some = 0;
    for (size_t i = 0; i < s->count; i++) {
        bl_stage *g = &s->stage[i];
        *g = (bl_stage){.behavior = rules[i].behavior, .invert = rules[i].invert};
        switch (rules[i].kind) {
        case BL_RULE_SPACE:
            g->scanner = BL_ADDS_SPACE;
            break;
        case BL_RULE_BYTES:
            g->scanner = BL_TO_BYTES;
            regex = 1; /* the scanners of published patterns read UTF-8 */
            break;
        case BL_RULE_PUNCTUATION:
            g->scanner = BL_BY_SET;
            some = 1;
            break;
        case BL_RULE_PATTERN:
            g->scanner = regex ? BL_BY_REGEX : scanner_of(rules[i].pattern);
            some |= g->scanner == BL_BY_REGEX;
            break;
        }
    }
    return some;
}

bl_status bl_splitter_open(bl_splitter **s, const bl_split_rule *rules, size_t count, int regex,
                           const char *what, bl_error *err)
{
    *s = NULL;
    while (count && rules[count - 1].kind == BL_RULE_BYTES) /* words are raw bytes anyway */
        count--;
    bl_splitter *made = bl_calloc(1, sizeof *made);
    if (made) {
        made->what = bl_strdup(what);
        made->stage = bl_calloc(count, sizeof *made->stage);
        made->count = made->stage ? count : 0;
    }
    bl_status status = BL_OK;
    if (!made || !made->what || !made->stage)
        status = bl_fail(err, BL_ENOMEM, "%s: out of memory for the pre-tokenizer", what);
    else
        status = bl_wordscan_open(&made->scan, err);
    if (status == BL_OK && choose_scanners(made, rules, regex))
        status = prepare_stages(made, rules, count, regex, err);
    if (status != BL_OK) {
        bl_splitter_close(made);
        return status;
    }
    *s = made;
    return BL_OK;
}

void bl_splitter_close(bl_splitter *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        pcre2_code_free(s->stage[i].code);
    bl_kinds_close(s->kinds);
    bl_wordscan_close(s->scan);
    bl_free(s->stage);
    bl_free(s->what);
    bl_free(s);
}
