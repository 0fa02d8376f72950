/* Texts before which a reply ends, and what of it waits because one of them may have begun. */
#include "infer/stops.h"
#include "core/alloc.h"

#include <string.h>

void bl_stops_release(bl_stops *s)
{
    bl_free(s->list);
    bl_free(s->text);
    bl_buf_release(&s->held);
    *s = (bl_stops){0};
}

static bl_status measure(const bl_span *list, size_t count, size_t *all, bl_error *err)
{
    *all = 0;
    if (count > BL_STOPS_MOST)
        return bl_fail(err, BL_EINVAL, "%zu texts to stop at: at most %d", count, BL_STOPS_MOST);
    for (size_t i = 0; i < count; i++) {
        if (!list[i].text || !list[i].bytes || list[i].bytes > BL_STOP_BYTES)
            return bl_fail(err, BL_EINVAL, "text %zu to stop at has 1 to %d bytes", i,
                           BL_STOP_BYTES);
        *all += list[i].bytes;
    }
    return BL_OK;
}

bl_status bl_stops_set(bl_stops *s, const bl_span *list, size_t count, bl_error *err)
{
    size_t all, at = 0;
    BL_TRY(measure(list, count, &all, err));
    bl_stops copy = {
        .list = bl_calloc(count, sizeof *copy.list), .text = bl_calloc(all, 1), .count = count};
    if (!copy.list || !copy.text) {
        bl_stops_release(&copy);
        return bl_fail(err, BL_ENOMEM, "out of memory for texts to stop at");
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(copy.text + at, list[i].text, list[i].bytes);
        copy.list[i] = (bl_span){copy.text + at, list[i].bytes};
        at += list[i].bytes;
    }
    bl_stops_release(s);
    *s = copy;
    return BL_OK;
}

bl_status bl_stops_copy(bl_stops *to, const bl_stops *from, bl_error *err)
{
    bl_stops copy = {.given = from->given, .done = from->done, .written = from->written};
    if (from->held.len)
        bl_buf_append(&copy.held, from->held.data, from->held.len);
    bl_status status = bl_buf_status(&copy.held, err);
    if (status == BL_OK)
        status = bl_stops_set(to, from->list, from->count, err);
    if (status != BL_OK) {
        bl_stops_release(&copy);
        return status;
    }
    to->held = copy.held;
    to->given = copy.given;
    to->done = copy.done;
    to->written = copy.written;
    return BL_OK;
}

void bl_stops_begin(bl_stops *s)
{
    bl_buf_clear(&s->held);
    s->given = s->done = 0;
}

bl_status bl_stops_add(bl_stops *s, const char *text, size_t bytes, int last, bl_span *out,
                       size_t *which, bl_error *err)
{
    bl_buf *held = &s->held;
    held->len -= s->done;
    if (held->len)
        memmove(held->data, held->data + s->done, held->len);
    s->given -= s->done < s->given ? s->done : s->given;
    s->done = 0;
    if (bytes)
        bl_buf_append(held, text, bytes);
    BL_TRY(bl_buf_status(held, err));
    s->done = bl_stops_find(s, held->data, held->len, which);
    size_t end = last && !*which ? held->len : s->done;
    end = end < s->given ? s->given : end;
    *out = (bl_span){end > s->given ? held->data + s->given : "", end - s->given};
    s->given = end;
    if (*which) /* what follows is another text */
        s->done = held->len;
    return BL_OK;
}

size_t bl_stops_find(const bl_stops *s, const char *text, size_t bytes, size_t *which)
{
    size_t waits = bytes;
    *which = 0;
    for (size_t at = 0; at < bytes; at++)
        for (size_t i = 0; i < s->count; i++) {
            const bl_span *stop = &s->list[i];
            size_t left = bytes - at, n = left < stop->bytes ? left : stop->bytes;
            if (text[at] != *stop->text || memcmp(text + at, stop->text, n) != 0)
                continue;
            if (n == stop->bytes) {
                *which = i + 1;
                return at;
            }
            waits = at < waits ? at : waits;
        }
    return waits;
}
