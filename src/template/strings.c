/* Operations on texts that methods and filters share, as Python's str has them. */
#include "template/strings.h"
#include "template/lexer.h"
#include "template/spelled.h"
#include "core/utf8.h"

#include <string.h>

static int is_one_of(bl_run *r, const bl_chars *chars, const char *text, size_t n)
{
    if (!bl_run_step(r, chars->bytes / 8))
        return 0;
    for (size_t at = 0; at < chars->bytes; at += bl_utf8_length((unsigned char)chars->text[at]))
        if (chars->bytes - at >= n && memcmp(chars->text + at, text, n) == 0)
            return 1;
    return 0;
}

/* The bytes of a character to strip at text[0]; 0: it stays. */
static size_t strips(bl_run *r, const bl_chars *chars, const char *text, size_t bytes)
{
    if (!bytes)
        return 0;
    if (!chars)
        return bl_space_at(text, bytes);
    size_t n = bl_utf8_length((unsigned char)*text);
    return is_one_of(r, chars, text, n) ? n : 0;
}

bl_value bl_strip(bl_run *r, const bl_chars *c, const bl_chars *chars, unsigned sides)
{
    size_t from = 0, to = c->bytes, n;
    while ((sides & BL_STRIP_LEFT) && (n = strips(r, chars, c->text + from, to - from)) > 0)
        from += n;
    while ((sides & BL_STRIP_RIGHT) && to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)c->text[at] & 0xC0) == 0x80)
            at--;
        if (!strips(r, chars, c->text + at, to - at))
            break;
        to = at;
    }
    return bl_part(r, c, from, to);
}

static void write_part(bl_run *r, bl_writer *w, const bl_chars *c, size_t from, size_t to)
{
    bl_write(r, w, c->text + from, c->marks ? c->marks + from : NULL, to - from);
}

bl_value bl_replace(bl_run *r, const bl_chars *c, const bl_chars *from, const bl_chars *to,
                    int64_t most)
{
    bl_writer w = {.most = r->most};
    size_t at = 0, next;
    if (!from->bytes) { /* between all characters */
        while (most != 0 && bl_run_step(r, 0)) {
            bl_write_chars(r, &w, to);
            most--;
            if (at == c->bytes)
                break;
            next = at + bl_utf8_length((unsigned char)c->text[at]);
            write_part(r, &w, c, at, next);
            at = next;
        }
    }
    while (from->bytes && most != 0 && (next = bl_chars_find(r, c, from, at)) != SIZE_MAX) {
        write_part(r, &w, c, at, next);
        bl_write_chars(r, &w, to);
        at = next + from->bytes;
        most--;
    }
    write_part(r, &w, c, at, c->bytes);
    bl_value v = bl_written(r, &w);
    if (r->status == BL_OK)
        v.u.chars->safe = c->safe;
    return v;
}

size_t bl_chars_find_last(bl_run *r, const bl_chars *in, const bl_chars *what)
{
    if (what->bytes > in->bytes)
        return SIZE_MAX;
    for (size_t at = in->bytes - what->bytes + 1; at > 0;) {
        at--;
        if (!bl_run_step(r, what->bytes / 64))
            break;
        if (!what->bytes || memcmp(in->text + at, what->text, what->bytes) == 0)
            return at;
    }
    return SIZE_MAX;
}

static void reverse(bl_list *l)
{
    for (size_t i = 0; i < l->count / 2; i++) {
        bl_value v = l->item[i];
        l->item[i] = l->item[l->count - 1 - i];
        l->item[l->count - 1 - i] = v;
    }
}

static void split_spaces(bl_run *r, const bl_chars *c, int64_t most, bl_value out)
{
    size_t at = 0, n;
    for (;;) {
        while ((n = bl_space_at(c->text + at, c->bytes - at)) > 0)
            at += n;
        if (at == c->bytes || r->status != BL_OK)
            return;
        size_t from = at;
        if (most == 0) {
            bl_list_add(r, out, bl_part(r, c, from, c->bytes));
            return;
        }
        while (at < c->bytes && !bl_space_at(c->text + at, c->bytes - at))
            at += bl_utf8_length((unsigned char)c->text[at]);
        bl_list_add(r, out, bl_part(r, c, from, at));
        most--;
    }
}

static void split_spaces_right(bl_run *r, const bl_chars *c, int64_t most, bl_value out)
{
    size_t to = c->bytes, n;
    for (;;) {
        while ((n = bl_space_before(c->text, to)) > 0)
            to -= n;
        if (!to || r->status != BL_OK)
            return;
        size_t end = to;
        if (most == 0) {
            bl_list_add(r, out, bl_part(r, c, 0, end));
            return;
        }
        while (to > 0 && !bl_space_before(c->text, to)) {
            do
                to--;
            while (((unsigned char)c->text[to] & 0xC0) == 0x80);
        }
        bl_list_add(r, out, bl_part(r, c, to, end));
        most--;
    }
}

bl_value bl_split(bl_run *r, const bl_chars *c, const bl_chars *sep, int64_t most, int from_right)
{
    bl_value out = bl_list_new(r, BL_LIST_PLAIN);
    size_t at = 0, to = c->bytes, next;
    if (sep && !sep->bytes) {
        bl_run_fail(r, BL_EFORMAT, "a text cannot be split at an empty one");
    } else if (!sep) {
        if (from_right)
            split_spaces_right(r, c, most, out);
        else
            split_spaces(r, c, most, out);
    } else if (from_right) {
        while (most != 0 && r->status == BL_OK) {
            bl_chars part = {.text = c->text, .bytes = to};
            if ((next = bl_chars_find_last(r, &part, sep)) == SIZE_MAX)
                break;
            bl_list_add(r, out, bl_part(r, c, next + sep->bytes, to));
            to = next;
            most--;
        }
        bl_list_add(r, out, bl_part(r, c, 0, to));
    } else {
        while (most != 0 && (next = bl_chars_find(r, c, sep, at)) != SIZE_MAX) {
            bl_list_add(r, out, bl_part(r, c, at, next));
            at = next + sep->bytes;
            most--;
        }
        bl_list_add(r, out, bl_part(r, c, at, c->bytes));
    }
    if (from_right && r->status == BL_OK)
        reverse(out.u.list);
    return out;
}

/* The bytes of a line end at text[0], as str.splitlines() knows them. */
static size_t line_end(const char *text, size_t bytes)
{
    size_t used;
    uint32_t c = bl_utf8_get(text, &used);
    if (c == '\r' && bytes > 1 && text[1] == '\n')
        return 2;
    return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
                   c == 0x2029
               ? used
               : 0;
}

bl_value bl_split_lines(bl_run *r, const bl_chars *c, int keep_ends)
{
    bl_value out = bl_list_new(r, BL_LIST_PLAIN);
    size_t from = 0, at = 0;
    while (at < c->bytes && r->status == BL_OK) {
        size_t n = line_end(c->text + at, c->bytes - at);
        if (n) {
            bl_list_add(r, out, bl_part(r, c, from, at + (keep_ends ? n : 0)));
            from = at + n;
        }
        at += n ? n : bl_utf8_length((unsigned char)c->text[at]);
    }
    if (from < c->bytes)
        bl_list_add(r, out, bl_part(r, c, from, c->bytes));
    return out;
}

bl_value bl_join(bl_run *r, const bl_chars *between, const bl_list *l, int spell)
{
    bl_writer w = {.most = r->most};
    for (size_t i = 0; i < l->count && r->status == BL_OK; i++) {
        if (i)
            bl_write_chars(r, &w, between);
        if (!spell && l->item[i].kind != BL_VALUE_STRING)
            bl_run_fail(r, BL_EFORMAT, "join() takes texts, and found a %s",
                        bl_kind_name(l->item[i]));
        else
            bl_spell(r, &w, l->item[i]);
    }
    return bl_written(r, &w);
}
