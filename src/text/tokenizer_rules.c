/* Reading tokenizer.json: the pre-tokenizer as rules. */
#include "core/alloc.h"
#include "text/tokenizer_json.h"

#include <string.h>

enum { RULES_A_PART = 3 }; /* at most */

static void add_rule(bl_tokenizer *t, bl_split_rule rule)
{
    t->rules[t->rule_count++] = rule;
}

static bl_status add_pattern(bl_tokenizer *t, const char *pattern, bl_behavior behavior, int invert,
                             const char *path, bl_error *err)
{
    char *copy = bl_strdup(pattern);
    add_rule(t, (bl_split_rule){BL_RULE_PATTERN, behavior, invert, copy});
    return copy ? BL_OK : bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
}

static bl_status read_behavior(bl_behavior *behavior, const json_t *value, const char *where,
                               const char *path, bl_error *err)
{
    static const char *const names[] = {[BL_ISOLATED] = "Isolated",
                                        [BL_REMOVED] = "Removed",
                                        [BL_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [BL_MERGED_WITH_NEXT] = "MergedWithNext",
                                        [BL_CONTIGUOUS] = "Contiguous"};
    char text[BL_JSON_QUOTE];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_is_string(value) && strcmp(json_string_value(value), names[i]) == 0) {
            *behavior = (bl_behavior)i;
            return BL_OK;
        }
    return bl_fail(err, BL_EUNSUPPORTED,
                   "%s: pre_tokenizer %s.behavior is %s; only Isolated, Removed, "
                   "MergedWithPrevious, MergedWithNext and Contiguous are supported",
                   path, where, bl_json_quote(value, text));
}

/* A text as a pattern that matches it alone. */
static void escape(bl_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text > ' ' && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", *text))
            bl_buf_puts(out, "\\");
        bl_buf_append(out, text, 1);
    }
}

static bl_status read_split(bl_tokenizer *t, const json_t *split, const char *path, bl_error *err)
{
    static const bl_json_field fields[] = {
        {"type", "*", 1}, {"pattern", "*", 1}, {"behavior", "*", 1}, {"invert", NULL, 1}};
    char text[BL_JSON_QUOTE];
    bl_behavior behavior = BL_ISOLATED;
    BL_TRY(bl_json_check(split, "pre_tokenizer Split", fields, 4, path, err));
    BL_TRY(read_behavior(&behavior, json_object_get(split, "behavior"), "Split", path, err));
    int invert = json_is_true(json_object_get(split, "invert"));
    const json_t *pattern = json_object_get(split, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *literal = json_string_value(json_object_get(pattern, "String"));
    if ((!regex && !literal) || json_object_size(pattern) != 1)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer Split.pattern is %s; only a Regex or a String is "
                       "supported",
                       path, bl_json_quote(pattern, text));
    if (regex)
        return add_pattern(t, regex, behavior, invert, path, err);
    bl_buf escaped;
    bl_buf_init(&escaped);
    escape(&escaped, literal);
    bl_status status = bl_buf_status(&escaped, err);
    if (status == BL_OK)
        status = add_pattern(t, escaped.data ? escaped.data : "", behavior, invert, path, err);
    bl_buf_release(&escaped);
    return status;
}

/* A number is what \p{N} is: their two libraries agree on it. */
static bl_status read_digits(bl_tokenizer *t, const json_t *value, const char *path, bl_error *err)
{
    static const bl_json_field fields[] = {{"type", "*", 1}, {"individual_digits", NULL, 1}};
    BL_TRY(bl_json_check(value, "pre_tokenizer Digits", fields, 2, path, err));
    int individual = json_is_true(json_object_get(value, "individual_digits"));
    return add_pattern(t, individual ? "\\p{N}" : "\\p{N}+", BL_ISOLATED, 0, path, err);
}

static bl_status read_punctuation(bl_tokenizer *t, const json_t *value, const char *path,
                                  bl_error *err)
{
    static const bl_json_field fields[] = {{"type", "*", 1}, {"behavior", "*", 0}};
    const json_t *behavior = json_object_get(value, "behavior");
    bl_split_rule rule = {.kind = BL_RULE_PUNCTUATION};
    BL_TRY(bl_json_check(value, "pre_tokenizer Punctuation", fields, 2, path, err));
    if (behavior)
        BL_TRY(read_behavior(&rule.behavior, behavior, "Punctuation", path, err));
    add_rule(t, rule);
    return BL_OK;
}

static bl_status read_white_space(bl_tokenizer *t, const json_t *value, const char *path,
                                  bl_error *err)
{
    static const bl_json_field fields[] = {{"type", "*", 1}};
    BL_TRY(bl_json_check(value, "pre_tokenizer WhitespaceSplit", fields, 1, path, err));
    return add_pattern(t, "\\s", BL_REMOVED, 0, path, err);
}

static bl_status read_byte_level(bl_tokenizer *t, const json_t *value, const char *path,
                                 bl_error *err)
{
    BL_TRY(bl_json_check_byte_level(value, "pre_tokenizer", path, err));
    if (t->own_rules)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer has two ByteLevels; only one is supported", path);
    t->own_rules = 1;
    t->no_prefix_space = json_is_false(json_object_get(value, "add_prefix_space"));
    if (!t->no_prefix_space)
        add_rule(t, (bl_split_rule){.kind = BL_RULE_SPACE});
    if (!json_is_false(json_object_get(value, "use_regex")))
        BL_TRY(add_pattern(t, bl_pattern_gpt2, BL_ISOLATED, 0, path, err));
    add_rule(t, (bl_split_rule){.kind = BL_RULE_BYTES});
    return BL_OK;
}

bl_status bl_json_rules(bl_tokenizer *t, const json_t *value, const char *path, bl_error *err)
{
    static const struct {
        const char *type;
        bl_status (*read)(bl_tokenizer *t, const json_t *value, const char *path, bl_error *err);
    } readers[] = {{"ByteLevel", read_byte_level},
                   {"Split", read_split},
                   {"Digits", read_digits},
                   {"Punctuation", read_punctuation},
                   {"WhitespaceSplit", read_white_space}};
    enum { READERS = sizeof readers / sizeof readers[0] };
    bl_json_list parts;
    BL_TRY(bl_json_flatten(&parts, value, "pre_tokenizer", "pretokenizers", path, err));
    t->rules = bl_calloc(RULES_A_PART * (parts.count + 1), sizeof *t->rules);
    if (!t->rules)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < parts.count; i++) {
        size_t n = 0;
        while (n < READERS && !bl_json_has_type(parts.part[i], readers[n].type))
            n++;
        if (n == READERS)
            return bl_json_refuse_type(
                parts.part[i], "pre_tokenizer",
                "ByteLevel, Split, Digits, Punctuation, WhitespaceSplit or a Sequence of these",
                path, err);
        BL_TRY(readers[n].read(t, parts.part[i], path, err));
    }
    return t->own_rules
               ? BL_OK
               : bl_fail(err, BL_EUNSUPPORTED,
                         "%s: pre_tokenizer has no ByteLevel: this is not a byte-level BPE "
                         "tokenizer.json",
                         path);
}
