/* Text that a template puts together, and where its bytes come from. */
#include "template/values.h"
#include "core/utf8.h"

#include <string.h>

enum { NUMBER_STEP = 64 };

static int widen(bl_run *r, bl_writer *w, size_t more, int marked)
{
    if (r->status != BL_OK)
        return 0;
    if (more > w->most - w->bytes) {
        bl_run_fail(r, BL_EFORMAT, "the template makes a text of more than %zu bytes", w->most);
        return 0;
    }
    size_t want = w->bytes + more;
    if (want > w->cap) {
        size_t cap = want + want / 2 + 64;
        char *text = bl_run_take(r, cap, 1);
        unsigned char *marks = w->marks && text ? bl_run_take(r, cap, 1) : NULL;
        if (!text || (w->marks && !marks))
            return 0;
        if (w->bytes)
            memcpy(text, w->text, w->bytes);
        if (w->bytes && marks)
            memcpy(marks, w->marks, w->bytes);
        w->text = text;
        w->marks = marks;
        w->cap = cap;
    }
    if (marked && !w->marks)
        w->marks = bl_run_take(r, w->cap, 1);
    return r->status == BL_OK;
}

void bl_write(bl_run *r, bl_writer *w, const char *text, const unsigned char *marks, size_t bytes)
{
    if (!bytes || !bl_run_step(r, bytes / NUMBER_STEP) || !widen(r, w, bytes, marks || w->mark))
        return;
    memcpy(w->text + w->bytes, text, bytes);
    if (w->marks && marks && !w->mark)
        memcpy(w->marks + w->bytes, marks, bytes);
    else if (w->marks)
        memset(w->marks + w->bytes, (int)w->mark, bytes);
    for (size_t i = 0; w->mark && marks && i < bytes; i++)
        w->marks[w->bytes + i] |= marks[i];
    w->bytes += bytes;
}

void bl_write_chars(bl_run *r, bl_writer *w, const bl_chars *c)
{
    bl_write(r, w, c->text, c->marks, c->bytes);
}

void bl_write_text(bl_run *r, bl_writer *w, const char *text)
{
    bl_write(r, w, text, NULL, strlen(text));
}

void bl_write_code(bl_run *r, bl_writer *w, uint32_t code, unsigned mark)
{
    unsigned char m[4] = {(unsigned char)mark, (unsigned char)mark, (unsigned char)mark,
                          (unsigned char)mark};
    char t[4];
    size_t n = 1;
    if (code < 0x80) {
        t[0] = (char)code;
    } else if (code < 0x800) {
        n = bl_utf8_put(code, t);
    } else {
        n = code < 0x10000 ? 3 : 4;
        for (size_t i = n - 1; i > 0; i--, code >>= 6)
            t[i] = (char)(0x80 | (code & 0x3F));
        t[0] = (char)((n == 3 ? 0xE0 : 0xF0) | code);
    }
    bl_write(r, w, t, mark ? m : NULL, n);
}

bl_value bl_written(bl_run *r, const bl_writer *w)
{
    return bl_string_of(r, &(bl_chars){.text = w->bytes ? w->text : "",
                                       .marks = w->bytes ? w->marks : NULL,
                                       .bytes = w->bytes,
                                       .count = SIZE_MAX});
}
