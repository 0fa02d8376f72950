/* Values as text: Python's str() and repr(), JSON. */
#include "template/spelled.h"
#include "core/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* ---- numbers ---- */

/* The fewest digits that read back as x, as Python writes them: 1e-05, 100000.0, 1e+16.  (The call
 * runs in the C locale: bl_call_begin.) */
static void spell_real(bl_run *r, bl_writer *w, double x)
{
    char text[64], digits[32];
    if (isnan(x) || isinf(x)) {
        bl_write_text(r, w, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
        return;
    }
    for (int n = 0; n < 17; n++) {
        (void)snprintf(digits, sizeof digits, "%.*e", n, x);
        double read = strtod(digits, NULL);
        if (read >= x && read <= x)
            break;
    }
    char *e = strchr(digits, 'e');
    long exponent = strtol(e + 1, NULL, 10);
    *e = 0;
    long after = (long)strlen(strchr(digits, '.') ? strchr(digits, '.') + 1 : "");
    if (exponent < -4 || exponent >= 16)
        (void)snprintf(text, sizeof text, "%se%c%02ld", digits, exponent < 0 ? '-' : '+',
                       labs(exponent));
    else if (after > exponent)
        (void)snprintf(text, sizeof text, "%.*f", (int)(after - exponent), x);
    else
        (void)snprintf(text, sizeof text, "%.1f", x);
    bl_write_text(r, w, text);
}

static void spell_whole(bl_run *r, bl_writer *w, int64_t n)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, n);
    bl_write_text(r, w, text);
}

/* ---- repr() ---- */

static int is_printable(uint32_t c)
{
    if (c < 0x7F)
        return c >= 0x20;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return 0;
    default:
        return 1;
    }
}

/* A character of a quoted text; the marks of its escape are its own. */
static void spell_quoted(bl_run *r, bl_writer *w, uint32_t c, char quote, unsigned mark)
{
    char text[16];
    if (c == (unsigned char)quote || c == '\\')
        (void)snprintf(text, sizeof text, "\\%c", (char)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        (void)snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (is_printable(c)) {
        bl_write_code(r, w, c, mark);
        return;
    } else
        (void)snprintf(text, sizeof text,
                       c < 0x100     ? "\\x%02" PRIx32
                       : c < 0x10000 ? "\\u%04" PRIx32
                                     : "\\U%08" PRIx32,
                       c);
    for (const char *t = text; *t; t++)
        bl_write_code(r, w, (unsigned char)*t, mark);
}

static void spell_repr(bl_run *r, bl_writer *w, const bl_chars *c)
{
    int single = memchr(c->text, '\'', c->bytes) != NULL;
    int both = single && memchr(c->text, '"', c->bytes) != NULL;
    char quote[2] = {single && !both ? '"' : '\'', 0};
    bl_write_text(r, w, quote);
    for (size_t at = 0, n; at < c->bytes && r->status == BL_OK; at += n)
        spell_quoted(r, w, bl_utf8_get(c->text + at, &n), *quote, c->marks ? c->marks[at] : 0);
    bl_write_text(r, w, quote);
}

static void spell_list(bl_run *r, bl_writer *w, const bl_list *l)
{
    static const char *const open[] = {"[", "(", "", "dict_items(["};
    static const char *const close[] = {"]", ")", "", "])"};
    if (l->kind == BL_LIST_RANGE || l->kind == BL_LIST_GENERATOR || l->kind == BL_LIST_VIEW) {
        bl_run_fail(r, BL_EUNSUPPORTED, "the text of a %s is not supported",
                    bl_kind_name((bl_value){.kind = BL_VALUE_LIST, .u.list = (bl_list *)l}));
        return;
    }
    bl_write_text(r, w, open[l->kind]);
    for (size_t i = 0; i < l->count && r->status == BL_OK; i++) {
        bl_write_text(r, w, i ? ", " : "");
        bl_spell_exactly(r, w, l->item[i]);
    }
    bl_write_text(r, w, l->kind == BL_LIST_TUPLE && l->count == 1 ? "," : "");
    bl_write_text(r, w, close[l->kind]);
}

static void spell_dict(bl_run *r, bl_writer *w, const bl_dict *d)
{
    bl_write_text(r, w, "{");
    for (size_t i = 0; i < d->count && r->status == BL_OK; i++) {
        bl_write_text(r, w, i ? ", " : "");
        bl_spell_exactly(r, w, d->key[i]);
        bl_write_text(r, w, ": ");
        bl_spell_exactly(r, w, d->value[i]);
    }
    bl_write_text(r, w, "}");
}

void bl_spell_exactly(bl_run *r, bl_writer *w, bl_value v)
{
    if (!bl_run_enter(r))
        return;
    switch ((bl_value_kind)v.kind) {
    case BL_VALUE_UNDEFINED:
        bl_write_text(r, w, "Undefined");
        break;
    case BL_VALUE_NONE:
        bl_write_text(r, w, "None");
        break;
    case BL_VALUE_BOOL:
        bl_write_text(r, w, v.u.truth ? "True" : "False");
        break;
    case BL_VALUE_INT:
        spell_whole(r, w, v.u.whole);
        break;
    case BL_VALUE_FLOAT:
        spell_real(r, w, v.u.real);
        break;
    case BL_VALUE_STRING:
        if (v.u.chars->safe)
            bl_run_fail(r, BL_EUNSUPPORTED, "a list with a text that is marked as safe");
        spell_repr(r, w, v.u.chars);
        break;
    case BL_VALUE_LIST:
        spell_list(r, w, v.u.list);
        break;
    case BL_VALUE_DICT:
        spell_dict(r, w, v.u.dict);
        break;
    case BL_VALUE_NAMESPACE:
        bl_write_text(r, w, "<Namespace ");
        spell_dict(r, w, v.u.dict);
        bl_write_text(r, w, ">");
        break;
    default:
        bl_run_fail(r, BL_EUNSUPPORTED, "the text of a %s is not supported", bl_kind_name(v));
    }
    bl_run_leave(r);
}

void bl_spell(bl_run *r, bl_writer *w, bl_value v)
{
    if (v.kind == BL_VALUE_STRING)
        bl_write_chars(r, w, v.u.chars);
    else if (v.kind != BL_VALUE_UNDEFINED)
        bl_spell_exactly(r, w, v);
}

bl_value bl_spelled(bl_run *r, bl_value v)
{
    if (v.kind == BL_VALUE_STRING)
        return v;
    bl_writer w = {.most = r->most};
    bl_spell(r, &w, v);
    return bl_written(r, &w);
}

/* ---- HTML ---- */

void bl_spell_html(bl_run *r, bl_writer *w, const bl_chars *c)
{
    for (size_t at = 0, n; at < c->bytes && r->status == BL_OK; at += n) {
        const char *to = NULL;
        n = 1;
        switch (c->text[at]) {
        case '&':
            to = "&amp;";
            break;
        case '<':
            to = "&lt;";
            break;
        case '>':
            to = "&gt;";
            break;
        case '"':
            to = "&#34;";
            break;
        case '\'':
            to = "&#39;";
            break;
        default:
            n = strcspn(c->text + at, "&<>\"'");
            n = n < c->bytes - at ? n : c->bytes - at;
            n += n == 0; /* a zero byte */
            bl_write(r, w, c->text + at, c->marks ? c->marks + at : NULL, n);
            continue;
        }
        for (; *to; to++)
            bl_write_code(r, w, (unsigned char)*to, c->marks ? c->marks[at] : 0);
    }
}

/* ---- JSON ---- */

typedef struct json_writer {
    bl_run *r;
    bl_writer *w;
    const bl_json_style *style;
    size_t depth;
} json_writer;

static void json_value(json_writer *j, bl_value v);

static void json_code(json_writer *j, uint32_t c, unsigned mark)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
    const char *simple = c && c < 0x80 ? strchr(plain, (int)c) : NULL;
    char text[16] = {'\\', 0};
    if (simple)
        text[1] = escaped[simple - plain];
    else if (c < 0x20 || (j->style->ascii && c >= 0x7F && c < 0x10000 && c != 0x7F))
        (void)snprintf(text, sizeof text, "\\u%04" PRIx32, c);
    else if (j->style->ascii && c >= 0x10000)
        (void)snprintf(text, sizeof text, "\\u%04" PRIx32 "\\u%04" PRIx32,
                       0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF));
    else {
        bl_write_code(j->r, j->w, c, mark);
        return;
    }
    for (const char *t = text; *t; t++)
        bl_write_code(j->r, j->w, (unsigned char)*t, mark);
}

static void json_chars(json_writer *j, const bl_chars *c)
{
    bl_write_text(j->r, j->w, "\"");
    for (size_t at = 0, n; at < c->bytes && j->r->status == BL_OK; at += n)
        json_code(j, bl_utf8_get(c->text + at, &n), c->marks ? c->marks[at] : 0);
    bl_write_text(j->r, j->w, "\"");
}

/* The end of a line and the indent of the next, where there is one. */
static void json_line(json_writer *j)
{
    if (!j->style->indent)
        return;
    bl_write_text(j->r, j->w, "\n");
    for (size_t i = 0; i < j->depth && bl_run_step(j->r, 0); i++)
        bl_write_chars(j->r, j->w, j->style->indent);
}

static void json_comma(json_writer *j, size_t i)
{
    if (i)
        bl_write_chars(j->r, j->w, j->style->comma);
    json_line(j);
}

static void json_list(json_writer *j, const bl_list *l)
{
    bl_write_text(j->r, j->w, "[");
    j->depth++;
    for (size_t i = 0; i < l->count && j->r->status == BL_OK; i++) {
        json_comma(j, i);
        json_value(j, l->item[i]);
    }
    j->depth--;
    if (l->count)
        json_line(j);
    bl_write_text(j->r, j->w, "]");
}

/* Keys of JSON are texts: numbers and None as they are written, all else not at all. */
static void json_key(json_writer *j, bl_value key)
{
    if (key.kind == BL_VALUE_STRING) {
        json_chars(j, key.u.chars);
        return;
    }
    if (key.kind > BL_VALUE_FLOAT || key.kind == BL_VALUE_UNDEFINED)
        bl_run_fail(j->r, BL_EFORMAT, "a %s cannot be a key in JSON", bl_kind_name(key));
    bl_write_text(j->r, j->w, "\"");
    json_value(j, key);
    bl_write_text(j->r, j->w, "\"");
}

/* The place of the i-th key in the order that is written: by insertion, or sorted. */
static size_t *json_order(json_writer *j, const bl_dict *d)
{
    size_t *order = bl_run_take(j->r, d->count + 1, sizeof *order);
    for (size_t i = 0; order && i < d->count; i++) {
        size_t to = i;
        while (j->style->sorted && to && bl_run_step(j->r, 0) &&
               bl_compare(j->r, d->key[order[to - 1]], d->key[i]) > 0) {
            order[to] = order[to - 1];
            to--;
        }
        order[to] = i;
    }
    return order;
}

static void json_dict(json_writer *j, const bl_dict *d)
{
    const size_t *order = json_order(j, d);
    bl_write_text(j->r, j->w, "{");
    j->depth++;
    for (size_t i = 0; order && i < d->count && j->r->status == BL_OK; i++) {
        json_comma(j, i);
        json_key(j, d->key[order[i]]);
        bl_write_chars(j->r, j->w, j->style->colon);
        json_value(j, d->value[order[i]]);
    }
    j->depth--;
    if (d->count)
        json_line(j);
    bl_write_text(j->r, j->w, "}");
}

static void json_real(json_writer *j, double x)
{
    if (isnan(x) || isinf(x))
        bl_write_text(j->r, j->w, isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
    else
        spell_real(j->r, j->w, x);
}

static void json_value(json_writer *j, bl_value v)
{
    if (!bl_run_enter(j->r))
        return;
    if (v.kind == BL_VALUE_NONE)
        bl_write_text(j->r, j->w, "null");
    else if (v.kind == BL_VALUE_BOOL)
        bl_write_text(j->r, j->w, v.u.truth ? "true" : "false");
    else if (v.kind == BL_VALUE_INT)
        spell_whole(j->r, j->w, v.u.whole);
    else if (v.kind == BL_VALUE_FLOAT)
        json_real(j, v.u.real);
    else if (v.kind == BL_VALUE_STRING)
        json_chars(j, v.u.chars);
    else if (v.kind == BL_VALUE_LIST && v.u.list->kind <= BL_LIST_TUPLE)
        json_list(j, v.u.list);
    else if (v.kind == BL_VALUE_DICT)
        json_dict(j, v.u.dict);
    else
        bl_run_fail(j->r, BL_EFORMAT, "a %s cannot be JSON", bl_kind_name(v));
    bl_run_leave(j->r);
}

void bl_spell_json(bl_run *r, bl_writer *w, bl_value v, const bl_json_style *style)
{
    json_writer j = {r, w, style, 0};
    json_value(&j, v);
}
