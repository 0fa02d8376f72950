/* GBNF, the grammars of llama.cpp: text to a graph. */
#include "constrain/gbnf.h"
#include "constrain/gbnf_tree.h"
#include "core/alloc.h"
#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

/* Where reading is. */
typedef struct gbnf_reading {
    bl_graph *g;
    bl_gbnf_tree tree; /* of the rule being read */
    const char *text, *at, *end;
    uint32_t *slots; /* rules by their names: a hash table, each number plus 1 */
    size_t slot_count;
    bl_error *err;
} gbnf_reading;

static unsigned long line_of(const gbnf_reading *r)
{
    unsigned long line = 1;
    for (const char *c = r->text; c < r->at; c++)
        line += *c == '\n';
    return line;
}

/* The character at hand in words. */
static bl_status refuse(const gbnf_reading *r, const char *what)
{
    char seen[32] = "the end of the grammar";
    if (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at;
        if (c == '\n')
            (void)snprintf(seen, sizeof seen, "the end of the line");
        else if (c > ' ' && c < 0x7F)
            (void)snprintf(seen, sizeof seen, "'%c'", c);
        else
            (void)snprintf(seen, sizeof seen, "byte 0x%02X", c);
    }
    return bl_fail(r->err, BL_EFORMAT, "line %lu of the grammar: %s, not %s", line_of(r), what,
                   seen);
}

static bl_status refuse_here(const gbnf_reading *r, bl_status code, const char *what)
{
    return bl_fail(r->err, code, "line %lu of the grammar: %s", line_of(r), what);
}

static int here(const gbnf_reading *r, char c)
{
    return r->at < r->end && *r->at == c;
}

/* Spaces and comments, and with `lines` ends of lines. */
static void skip(gbnf_reading *r, int lines)
{
    for (; r->at < r->end; r->at++) {
        if (*r->at == '#') {
            while (r->at < r->end && *r->at != '\n')
                r->at++;
            if (r->at == r->end)
                return;
        }
        int newline = *r->at == '\n' || *r->at == '\r';
        if (!(newline ? lines : *r->at == ' ' || *r->at == '\t'))
            return;
    }
}

/* ---- names ---- */

static int is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static size_t name_bytes(const gbnf_reading *r)
{
    size_t n = 0;
    while (r->at + n < r->end && is_name(r->at[n]))
        n++;
    return n;
}

static uint32_t *slot_of(gbnf_reading *r, const char *name, size_t bytes)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    for (size_t at = hash & (r->slot_count - 1);; at = (at + 1) & (r->slot_count - 1)) {
        uint32_t *slot = &r->slots[at];
        const char *other = *slot ? r->g->rules[*slot - 1].name : NULL;
        if (!other || (strncmp(other, name, bytes) == 0 && !other[bytes]))
            return slot;
    }
}

/* The rule of the name at hand, which is made when it is new. */
static bl_status take_rule(gbnf_reading *r, uint32_t *rule)
{
    size_t bytes = name_bytes(r);
    if (!bytes)
        return refuse(r, "a rule's name expected");
    if (bytes >= BL_GRAPH_NAME)
        return refuse_here(r, BL_EUNSUPPORTED, "a rule's name has at most 63 letters");
    uint32_t *slot = slot_of(r, r->at, bytes);
    if (!*slot) {
        if (r->g->rule_count >= BL_GBNF_RULES)
            return refuse_here(r, BL_EUNSUPPORTED, "more than 65536 rules");
        *slot = bl_graph_rule_add(r->g, r->at, bytes) + 1;
        BL_TRY(bl_graph_status(r->g, r->err));
    }
    *rule = *slot - 1;
    r->at += bytes;
    return BL_OK;
}

/* ---- characters ---- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bl_status take_hex(gbnf_reading *r, size_t digits, uint32_t *code)
{
    *code = 0;
    for (size_t i = 0; i < digits; i++, r->at++) {
        int digit = r->at < r->end ? hex_of(*r->at) : -1;
        if (digit < 0)
            return refuse(r, digits == 2   ? "two hexadecimal digits after \\x expected"
                             : digits == 4 ? "four hexadecimal digits after \\u expected"
                                           : "eight hexadecimal digits after \\U expected");
        *code = *code << 4 | (uint32_t)digit;
    }
    if (*code > BL_GRAPH_CODE_MOST || (*code >= 0xD800 && *code <= 0xDFFF))
        return refuse_here(r, BL_EFORMAT, "an escape names no character of Unicode");
    return BL_OK;
}

/* One character, spelled or as it is. */
static bl_status take_code(gbnf_reading *r, uint32_t *code)
{
    static const char letters[] = "trn\\\"[]-^'/", means[] = "\t\r\n\\\"[]-^'/";
    if (*r->at != '\\') {
        size_t used;
        if (bl_utf8_look(r->at, (size_t)(r->end - r->at), &used) != BL_UTF8_VALID)
            return refuse_here(r, BL_EFORMAT, "not UTF-8");
        *code = bl_utf8_get(r->at, &used);
        r->at += used;
        return BL_OK;
    }
    if (++r->at == r->end)
        return refuse(r, "a character after the backslash expected");
    char c = *r->at;
    const char *found = c ? strchr(letters, c) : NULL;
    if (c == 'x' || c == 'u' || c == 'U') {
        r->at++;
        return take_hex(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, code);
    }
    if (!found)
        return refuse(r, "an escape is one of \\t \\r \\n \\\\ \\\" \\[ \\] \\x \\u \\U");
    *code = (unsigned char)means[found - letters];
    r->at++;
    return BL_OK;
}

/* Behind the opening quote. */
static bl_status take_string(gbnf_reading *r, uint32_t *part)
{
    uint32_t seq = bl_gbnf_part(&r->tree, BL_GBNF_SEQ, 0, 0);
    while (!here(r, '"')) {
        uint32_t code;
        if (r->at == r->end || *r->at == '\n')
            return refuse(r, "\" at the end of a string expected");
        BL_TRY(take_code(r, &code));
        bl_gbnf_put(&r->tree, seq, bl_gbnf_char(&r->tree, code, code));
    }
    r->at++;
    *part = seq;
    return BL_OK;
}

/* Behind the opening bracket. */
static bl_status take_class(gbnf_reading *r, uint32_t *part)
{
    int negated = here(r, '^');
    size_t first = r->tree.range_count;
    r->at += negated;
    while (!here(r, ']')) {
        bl_char_range range;
        if (r->at == r->end || *r->at == '\n')
            return refuse(r, "] at the end of a class expected");
        BL_TRY(take_code(r, &range.low));
        range.high = range.low;
        if (r->end - r->at > 1 && *r->at == '-' && r->at[1] != ']') {
            r->at++;
            BL_TRY(take_code(r, &range.high));
        }
        if (range.high < range.low)
            return refuse_here(r, BL_EFORMAT, "a range of characters that ends before it begins");
        bl_gbnf_range(&r->tree, range);
    }
    r->at++;
    *part = bl_gbnf_class(&r->tree, first, negated);
    return BL_OK;
}

/* ---- what rules are made of ---- */

static bl_status take_alternatives(gbnf_reading *r, size_t nested, uint32_t *part);

static bl_status take_number(gbnf_reading *r, uint32_t *number)
{
    uint64_t n = 0;
    const char *first = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        n = n < BL_GRAPH_NODES ? 10 * n + (uint64_t)(*r->at - '0') : n;
    if (r->at == first)
        return refuse(r, "a number of repetitions expected");
    if (n > BL_GRAPH_NODES)
        return refuse_here(r, BL_EUNSUPPORTED, "more than 1048576 repetitions");
    *number = (uint32_t)n;
    return BL_OK;
}

/* Behind the brace: n} n,} n,m} ,m} */
static bl_status take_bounds(gbnf_reading *r, uint32_t *low, uint32_t *high)
{
    skip(r, 1);
    *low = 0;
    if (!here(r, ','))
        BL_TRY(take_number(r, low));
    *high = *low;
    skip(r, 1);
    if (here(r, ',')) {
        r->at++;
        skip(r, 1);
        *high = BL_GBNF_ENDLESS;
        if (!here(r, '}'))
            BL_TRY(take_number(r, high));
        skip(r, 1);
    }
    if (!here(r, '}'))
        return refuse(r, "} after the repetitions expected");
    r->at++;
    return *high < *low ? refuse_here(r, BL_EFORMAT, "fewer repetitions at most than at least")
                        : BL_OK;
}

/* *, +, ? and {} behind a part. */
static bl_status take_repeats(gbnf_reading *r, size_t nested, uint32_t *part)
{
    for (size_t depth = 0;; depth++) {
        uint32_t low = 0, high = BL_GBNF_ENDLESS;
        if (here(r, '{')) {
            r->at++;
            BL_TRY(take_bounds(r, &low, &high));
        } else if (here(r, '*') || here(r, '+') || here(r, '?')) {
            low = *r->at == '+';
            high = *r->at == '?' ? 1 : high;
            r->at++;
        } else {
            return BL_OK;
        }
        if (nested + depth >= BL_GBNF_NESTED)
            return refuse_here(r, BL_EUNSUPPORTED, "more than 200 groups in one another");
        *part = bl_gbnf_repeat(&r->tree, *part, low, high);
        skip(r, nested > 0);
    }
}

static bl_status take_group(gbnf_reading *r, size_t nested, uint32_t *part)
{
    if (nested >= BL_GBNF_NESTED)
        return refuse_here(r, BL_EUNSUPPORTED, "more than 200 groups in one another");
    skip(r, 1);
    BL_TRY(take_alternatives(r, nested + 1, part));
    if (!here(r, ')'))
        return refuse(r, ") at the end of a group expected");
    r->at++;
    return BL_OK;
}

/* One part of a sequence; *part stays 0 where none begins. */
static bl_status take_part(gbnf_reading *r, size_t nested, uint32_t *part)
{
    *part = 0;
    if (r->at == r->end)
        return BL_OK;
    char c = *r->at;
    if (is_name(c)) {
        uint32_t rule;
        BL_TRY(take_rule(r, &rule));
        *part = bl_gbnf_part(&r->tree, BL_GBNF_CALL, rule, 0);
        return BL_OK;
    }
    if (c == '<' || c == '!')
        return refuse_here(r, BL_EUNSUPPORTED,
                           "tokens as parts of a grammar, <...>, are not supported: write their "
                           "text");
    if (!strchr("\"[(.", c) || !c)
        return BL_OK;
    r->at++;
    if (c == '"')
        return take_string(r, part);
    if (c == '[')
        return take_class(r, part);
    if (c == '(')
        return take_group(r, nested, part);
    *part = bl_gbnf_char(&r->tree, 0, BL_GRAPH_CODE_MOST);
    return BL_OK;
}

static bl_status take_sequence(gbnf_reading *r, size_t nested, uint32_t *seq)
{
    *seq = bl_gbnf_part(&r->tree, BL_GBNF_SEQ, 0, 0);
    for (;;) {
        uint32_t part;
        BL_TRY(take_part(r, nested, &part));
        if (!part)
            return bl_gbnf_status(&r->tree, r->err);
        skip(r, nested > 0);
        BL_TRY(take_repeats(r, nested, &part));
        bl_gbnf_put(&r->tree, *seq, part);
        skip(r, nested > 0);
    }
}

static bl_status take_alternatives(gbnf_reading *r, size_t nested, uint32_t *part)
{
    uint32_t seq;
    *part = bl_gbnf_part(&r->tree, BL_GBNF_ALT, 0, 0);
    for (;;) {
        BL_TRY(take_sequence(r, nested, &seq));
        bl_gbnf_put(&r->tree, *part, seq);
        if (!here(r, '|'))
            return bl_gbnf_status(&r->tree, r->err);
        r->at++;
        skip(r, 1);
    }
}

static bl_status take_definition(gbnf_reading *r)
{
    uint32_t rule, part;
    const char *name = r->at;
    BL_TRY(take_rule(r, &rule));
    if (r->g->rules[rule].defined) {
        r->at = name;
        return bl_fail(r->err, BL_EFORMAT, "line %lu of the grammar: rule %s is defined twice",
                       line_of(r), r->g->rules[rule].name);
    }
    skip(r, 0);
    if (r->end - r->at < 3 || strncmp(r->at, "::=", 3) != 0)
        return refuse(r, "::= after the rule's name expected");
    r->at += 3;
    skip(r, 1);
    bl_gbnf_clear(&r->tree);
    BL_TRY(take_alternatives(r, 0, &part));
    if (r->at < r->end && *r->at != '\n' && *r->at != '\r')
        return refuse(r, "a string, class, group, name or | expected");
    uint32_t start = bl_gbnf_build(&r->tree, r->g, part);
    r->g->rules[rule].start = start;
    r->g->rules[rule].defined = 1;
    return bl_graph_status(r->g, r->err);
}

static bl_status read_rules(gbnf_reading *r)
{
    for (skip(r, 1); r->at < r->end; skip(r, 1))
        BL_TRY(take_definition(r));
    for (size_t i = 0; i < r->g->rule_count; i++)
        if (!r->g->rules[i].defined)
            return bl_fail(r->err, BL_EFORMAT, "the grammar uses a rule %s that it does not define",
                           r->g->rules[i].name);
    uint32_t root = *slot_of(r, "root", 4);
    if (!root)
        return bl_fail(r->err, BL_EFORMAT,
                       "the grammar has no rule root, which says what the whole text is");
    r->g->root = root - 1;
    return bl_graph_check(r->g, r->err);
}

bl_status bl_gbnf_read(bl_graph *g, const char *text, size_t bytes, bl_error *err)
{
    gbnf_reading r = {.g = g, .text = text, .at = text, .end = text + bytes, .err = err};
    if (bytes > BL_GBNF_BYTES)
        return bl_fail(err, BL_EUNSUPPORTED, "a grammar of %zu bytes: it has at most %d", bytes,
                       BL_GBNF_BYTES);
    r.slot_count = 2 * BL_GBNF_RULES; /* at most half full */
    while (r.slot_count > 64 && r.slot_count > 2 * bytes)
        r.slot_count /= 2;
    r.slots = bl_calloc(r.slot_count, sizeof *r.slots);
    bl_status status =
        r.slots ? read_rules(&r) : bl_fail(err, BL_ENOMEM, "out of memory for a grammar");
    bl_gbnf_tree_release(&r.tree);
    bl_free(r.slots);
    return status;
}
