/* The filters of templates: `x | trim`. */
#include "template/filters.h"
#include "template/arguments.h"
#include "template/cases.h"
#include "template/lookup.h"
#include "template/methods.h"
#include "template/builtins.h"
#include "template/numbers.h"
#include "template/sequences.h"
#include "template/spelled.h"
#include "template/strings.h"

#include <string.h>

static int64_t length(bl_run *r, bl_value v)
{
    if (v.kind == BL_VALUE_STRING)
        return (int64_t)bl_chars_count(v.u.chars);
    if (v.kind == BL_VALUE_LIST && v.u.list->kind != BL_LIST_GENERATOR)
        return (int64_t)v.u.list->count;
    if (v.kind == BL_VALUE_DICT)
        return (int64_t)v.u.dict->count;
    if (v.kind != BL_VALUE_UNDEFINED)
        bl_run_fail(r, BL_EFORMAT, "a %s has no length", bl_kind_name(v));
    return 0;
}

static bl_value otherwise(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "default", "default_value boolean", 0))
        return bl_none();
    if (v.kind == BL_VALUE_UNDEFINED || (bl_truth(a.v[1]) && !bl_truth(v)))
        return bl_given(&a, 0) ? a.v[0] : bl_text(r, "");
    return v;
}

static bl_value trim(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "trim", "chars", 0))
        return bl_none();
    int has = bl_given(&a, 0) && a.v[0].kind != BL_VALUE_NONE;
    return bl_strip(r, bl_spelled(r, v).u.chars,
                    has ? bl_want_chars(r, a.v[0], "what is trimmed") : NULL,
                    BL_STRIP_LEFT | BL_STRIP_RIGHT);
}

static bl_value replace(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "replace", "old new count", 2))
        return bl_none();
    bl_value text = bl_spelled(r, v), from = bl_spelled(r, a.v[0]), to = bl_spelled(r, a.v[1]);
    int most = bl_given(&a, 2) && a.v[2].kind != BL_VALUE_NONE;
    return bl_replace(r, text.u.chars, from.u.chars, to.u.chars,
                      most ? bl_want_whole(r, a.v[2], "count") : -1);
}

/* `width` copies of a space, or a text itself; NULL: no width. */
static const bl_chars *indent_of(bl_run *r, bl_value width)
{
    if (width.kind == BL_VALUE_STRING)
        return width.u.chars;
    int64_t n = bl_want_whole(r, width, "an indent");
    bl_writer w = {.most = r->most};
    for (int64_t i = 0; i < n && bl_run_step(r, 0); i++)
        bl_write_text(r, &w, " ");
    return bl_written(r, &w).u.chars;
}

static bl_value indent(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    bl_writer w = {.most = r->most};
    if (!bl_bind(r, &a, l, "indent", "width first blank", 0))
        return bl_none();
    const bl_chars *by = indent_of(r, bl_given(&a, 0) ? a.v[0] : bl_whole(4));
    bl_writer ended = {.most = r->most};
    bl_write_chars(r, &ended, bl_want_chars(r, v, "what is indented"));
    bl_write_text(r, &ended, "\n"); /* as Jinja does: the last line is then one, also when empty */
    const bl_list *lines = bl_split_lines(r, bl_written(r, &ended).u.chars, 0).u.list;
    if (bl_truth(a.v[1]))
        bl_write_chars(r, &w, by);
    for (size_t i = 0; i < lines->count && r->status == BL_OK; i++) {
        const bl_chars *line = lines->item[i].u.chars;
        if (i)
            bl_write_text(r, &w, "\n");
        if (i && (line->bytes || bl_truth(a.v[2])))
            bl_write_chars(r, &w, by);
        bl_write_chars(r, &w, line);
    }
    return bl_written(r, &w);
}

static bl_value to_json(bl_run *r, bl_value v, const bl_call_list *l)
{
    static const bl_chars comma = {.text = ", ", .bytes = 2}, colon = {.text = ": ", .bytes = 2},
                          bare = {.text = ",", .bytes = 1};
    bl_arguments a;
    if (!bl_bind(r, &a, l, "tojson", "ensure_ascii indent separators sort_keys", 0))
        return bl_none();
    bl_json_style style = {.ascii = bl_truth(a.v[0]), .sorted = bl_truth(a.v[3]), .colon = &colon};
    if (bl_given(&a, 1) && a.v[1].kind != BL_VALUE_NONE)
        style.indent = indent_of(r, a.v[1]);
    style.comma = style.indent ? &bare : &comma;
    if (bl_given(&a, 2) && a.v[2].kind != BL_VALUE_NONE) {
        const bl_list *pair = bl_items(r, a.v[2]);
        if (pair->count != 2) {
            bl_run_fail(r, BL_EFORMAT, "the separators of tojson are two texts");
            return bl_none();
        }
        style.comma = bl_want_chars(r, pair->item[0], "a separator");
        style.colon = bl_want_chars(r, pair->item[1], "a separator");
    }
    bl_writer w = {.most = r->most};
    bl_spell_json(r, &w, v, &style);
    return bl_written(r, &w);
}

static bl_value marked_safe(bl_run *r, bl_value v, int escape)
{
    bl_value text = bl_spelled(r, v);
    bl_chars safe = *text.u.chars;
    if (escape && !safe.safe) {
        bl_writer w = {.most = r->most};
        bl_spell_html(r, &w, text.u.chars);
        safe = *bl_written(r, &w).u.chars;
    }
    safe.safe = 1;
    return bl_string_of(r, &safe);
}

/* A text of its own, which adding to does not escape. */
static bl_value as_string(bl_run *r, bl_value v)
{
    return bl_spelled(r, v); /* soft_str: what is safe stays so */
}

static int64_t word_count(bl_run *r, bl_value v)
{
    const bl_chars *c = bl_spelled(r, v).u.chars;
    int64_t words = 0;
    int inside = 0;
    for (size_t at = 0; at < c->bytes && bl_run_step(r, 0); at++) {
        unsigned char b = (unsigned char)c->text[at];
        int is =
            (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '_';
        if (b >= 0x80)
            bl_run_fail(r, BL_EUNSUPPORTED, "wordcount of a text beyond ASCII");
        words += is && !inside;
        inside = is;
    }
    return words;
}

static bl_value of_text(bl_run *r, unsigned number, bl_value v)
{
    bl_chars *c = bl_spelled(r, v).u.chars;
    switch (number) {
    case BL_FILTER_upper:
        return bl_cased(r, c, BL_CASE_UPPER);
    case BL_FILTER_lower:
        return bl_cased(r, c, BL_CASE_LOWER);
    case BL_FILTER_capitalize:
        return bl_cased(r, c, BL_CASE_CAPITALIZE);
    default:
        return bl_cased_words(r, c);
    }
}

/* Filters without arguments. */
static bl_value plain(bl_run *r, unsigned number, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, bl_filter_name(number), "", 0))
        return bl_none();
    switch (number) {
    case BL_FILTER_abs:
        return bl_absolute(r, v);
    case BL_FILTER_count:
    case BL_FILTER_length:
        return bl_whole(length(r, v));
    case BL_FILTER_e:
    case BL_FILTER_escape:
        return marked_safe(r, v, 1);
    case BL_FILTER_safe:
        return marked_safe(r, v, 0);
    case BL_FILTER_string:
        return as_string(r, v);
    case BL_FILTER_wordcount:
        return bl_whole(word_count(r, v));
    default:
        return of_text(r, number, v);
    }
}

static bl_value attribute(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    char name[64];
    if (!bl_bind(r, &a, l, "attr", "name", 1))
        return bl_none();
    const bl_chars *c = bl_want_chars(r, a.v[0], "an attribute");
    if (c->bytes >= sizeof name)
        return bl_undefined("an attribute");
    memcpy(name, c->text, c->bytes);
    name[c->bytes] = 0;
    return v.kind == BL_VALUE_DICT ? bl_method_of(r, v, name) : bl_attribute(r, v, name);
}

bl_value bl_filter(bl_run *r, unsigned number, bl_value v, const bl_call_list *l)
{
    if (!bl_run_step(r, 0))
        return bl_none();
    switch (number) {
    case BL_FILTER_attr:
        return attribute(r, v, l);
    case BL_FILTER_d:
    case BL_FILTER_default:
        return otherwise(r, v, l);
    case BL_FILTER_float:
    case BL_FILTER_int:
        return bl_to_number(r, v, l, number == BL_FILTER_float);
    case BL_FILTER_indent:
        return indent(r, v, l);
    case BL_FILTER_replace:
        return replace(r, v, l);
    case BL_FILTER_round:
        return bl_rounded(r, v, l);
    case BL_FILTER_tojson:
        return to_json(r, v, l);
    case BL_FILTER_trim:
        return trim(r, v, l);
    case BL_FILTER_abs:
    case BL_FILTER_capitalize:
    case BL_FILTER_count:
    case BL_FILTER_e:
    case BL_FILTER_escape:
    case BL_FILTER_length:
    case BL_FILTER_lower:
    case BL_FILTER_safe:
    case BL_FILTER_string:
    case BL_FILTER_title:
    case BL_FILTER_upper:
    case BL_FILTER_wordcount:
        return plain(r, number, v, l);
    default:
        return bl_sequence_filter(r, number, v, l);
    }
}
