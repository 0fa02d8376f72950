/* Making text tidy: carriage returns, byte order marks and what is not UTF-8. */
#include "corpus/tidy.h"
#include "core/utf8.h"

#include <string.h>

bl_span bl_span_strip(bl_span text)
{
    while (text.bytes && bl_is_space(text.text[0])) {
        text.text++;
        text.bytes--;
    }
    while (text.bytes && bl_is_space(text.text[text.bytes - 1]))
        text.bytes--;
    return text;
}

/* Valid UTF-8 that no text keeps: carriage returns and byte order marks. */
static void append_tidy(bl_tidy *t, const char *text, size_t bytes)
{
    size_t start = 0;
    for (size_t i = 0; i < bytes; i++) {
        int is_return = text[i] == '\r';
        int is_mark = text[i] == BL_MARK[0] && bytes - i >= BL_MARK_BYTES &&
                      memcmp(text + i, BL_MARK, BL_MARK_BYTES) == 0;
        if (!is_return && !is_mark)
            continue;
        bl_buf_append(&t->clean, text + start, i - start);
        t->returns += (uint64_t)is_return;
        t->marks += (uint64_t)is_mark;
        if (is_return && !(i + 1 < bytes && text[i + 1] == '\n'))
            bl_buf_append(&t->clean, "\n", 1);
        i += is_mark ? BL_MARK_BYTES - 1 : 0;
        start = i + 1;
    }
    bl_buf_append(&t->clean, text + start, bytes - start);
}

bl_status bl_tidy_up(bl_tidy *t, bl_span *d, int as_it_is, bl_error *err)
{
    size_t at = 0;
    bl_buf_clear(&t->clean);
    while (at < d->bytes) {
        size_t good = bl_utf8_invalid(d->text + at, d->bytes - at), used = 0;
        if (as_it_is)
            bl_buf_append(&t->clean, d->text + at, good);
        else
            append_tidy(t, d->text + at, good);
        at += good;
        if (at < d->bytes) {
            (void)bl_utf8_look(d->text + at, d->bytes - at, &used);
            bl_buf_puts(&t->clean, BL_UTF8_REPLACEMENT);
            t->replaced++;
            at += used;
        }
    }
    *d = (bl_span){t->clean.data, t->clean.len};
    return bl_buf_status(&t->clean, err);
}

int bl_tidy_wanted(const bl_span *d)
{
    const char *end = d->text + d->bytes, *at = d->text;
    if (memchr(at, '\r', d->bytes))
        return 1;
    while ((at = memchr(at, BL_MARK[0], (size_t)(end - at))) != NULL && end - at >= BL_MARK_BYTES) {
        if (memcmp(at, BL_MARK, BL_MARK_BYTES) == 0)
            return 1;
        at++;
    }
    return 0;
}
