/* Decoding: ids to text, whole or as a stream of tokens. */
#include "core/call.h"
#include "text/text.h"
#include "text/tokenizer.h"
#include "core/utf8.h"

#include <string.h>

/* Takes `used` bytes off the front of what waits. */
static void drop(bl_decoder *d, size_t used)
{
    d->waiting -= used;
    memmove(d->pending, d->pending + used, d->waiting);
}

static size_t replace(char *out)
{
    memcpy(out, BL_UTF8_REPLACEMENT, 3);
    return 3;
}

/* One more byte; what it completes goes to out (at most 4 bytes, or 3 for each byte dropped). */
static size_t feed_byte(bl_decoder *d, unsigned char byte, char *out)
{
    size_t n = 0, used;
    d->pending[d->waiting++] = byte;
    while (d->waiting) {
        switch (bl_utf8_look((const char *)d->pending, d->waiting, &used)) {
        case BL_UTF8_INCOMPLETE:
            return n;
        case BL_UTF8_VALID:
            memcpy(out + n, d->pending, used);
            n += used;
            break;
        case BL_UTF8_INVALID:
            n += replace(out + n);
            break;
        }
        drop(d, used);
    }
    return n;
}

size_t bl_decoder_feed(bl_decoder *d, const bl_tokenizer *t, int32_t id, int drop_prefix_space,
                       char *out)
{
    char dropped[16];
    size_t bytes, n = 0;
    const char *token = bl_tokenizer_bytes(t, id, &bytes);
    if (!token || (t->special[id] && !d->special))
        return 0;
    for (size_t i = 0; i < bytes; i++) {
        int first = !d->started;
        d->started = 1;
        if (first && drop_prefix_space && !t->no_prefix_space && token[i] == ' ')
            continue;
        n += feed_byte(d, (unsigned char)token[i], out ? out + n : dropped);
    }
    return n;
}

size_t bl_decoder_finish(bl_decoder *d, char *out)
{
    size_t n = d->waiting ? replace(out) : 0;
    d->waiting = 0;
    return n;
}

/* The length of the tokens together. */
static bl_status measure(const bl_tokenizer *t, const int32_t *ids, size_t count, int special,
                         size_t *bytes, bl_error *err)
{
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= t->ids)
            return bl_fail(err, BL_EFORMAT, "id %ld (number %zu) is past the vocabulary of %zu",
                           (long)ids[i], i, t->ids);
        if (special || !t->special[ids[i]])
            *bytes += t->bytes_start[ids[i] + 1] - t->bytes_start[ids[i]];
    }
    return BL_OK;
}

/* The bytes of the tokens, one after the other.  Most are short: copying BL_BYTES_BEHIND bytes,
 * whatever their number, is one instruction, and there is room for it after both texts. */
static bl_status join(const bl_tokenizer *t, const int32_t *ids, size_t count, int special,
                      bl_buf *raw, bl_error *err)
{
    size_t bytes;
    BL_TRY(measure(t, ids, count, special, &bytes, err));
    char *to = bl_buf_reserve(raw, bytes + BL_BYTES_BEHIND);
    for (size_t i = 0; to && i < count; i++) {
        size_t start = t->bytes_start[ids[i]], n = t->bytes_start[ids[i] + 1] - start;
        if (t->special[ids[i]] && !special)
            continue;
        if (n <= BL_BYTES_BEHIND)
            memcpy(to, t->bytes.data + start, BL_BYTES_BEHIND);
        else
            memcpy(to, t->bytes.data + start, n);
        to += n;
    }
    raw->len = bytes;
    return bl_buf_status(raw, err);
}

/* Appends text with every part of it that is not UTF-8 replaced. */
static void append_valid(bl_buf *out, const char *text, size_t bytes)
{
    for (size_t at = 0, used; at < bytes; at += used) {
        size_t n = bl_utf8_invalid(text + at, bytes - at);
        bl_buf_append(out, text + at, n);
        at += n;
        if (at == bytes)
            break;
        bl_buf_puts(out, BL_UTF8_REPLACEMENT);
        if (bl_utf8_look(text + at, bytes - at, &used) == BL_UTF8_INCOMPLETE)
            break;
    }
}

static bl_status decode_all(const bl_tokenizer *t, const int32_t *ids, size_t count, unsigned flags,
                            char *text, size_t cap, size_t *bytes, bl_error *err)
{
    bl_buf raw, valid;
    bl_buf_init(&raw);
    bl_buf_init(&valid);
    bl_status status = join(t, ids, count, (flags & BL_DECODE_SPECIAL) != 0, &raw, err);
    const bl_buf *all = &raw;
    if (status == BL_OK && bl_utf8_invalid(raw.data, raw.len) < raw.len) {
        append_valid(&valid, raw.data, raw.len);
        status = bl_buf_status(&valid, err);
        all = &valid;
    }
    if (status == BL_OK) {
        size_t n = all->len < cap ? all->len : cap;
        if (n)
            memcpy(text, all->data, n);
        *bytes = all->len;
    }
    bl_buf_release(&raw);
    bl_buf_release(&valid);
    return status;
}

bl_status bl_tokenizer_decode(const bl_tokenizer *t, const int32_t *ids, size_t count,
                              unsigned flags, char *text, size_t cap, size_t *bytes, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, bytes);
    *bytes = 0;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL_IF(err, count, ids);
    BL_NOT_NULL_IF(err, cap, text);
    bl_call_begin(&call, err);
    return bl_call_end(&call, decode_all(t, ids, count, flags, text, cap, bytes, err), err);
}
