/* Added tokens found in text: a binary search that narrows byte by byte, among tokens sorted. */
#include "text/added.h"
#include "core/alloc.h"
#include "text/unicode/classes.h"
#include "core/utf8.h"

#include <string.h>

void bl_added_index_release(bl_added_index *x)
{
    bl_buf_release(&x->text);
    bl_free(x->pattern);
    memset(x, 0, sizeof *x);
}

static int compare(const bl_added_index *x, const bl_added_pattern *a, const bl_added_pattern *b)
{
    size_t n = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(x->text.data + a->start, x->text.data + b->start, n);
    return order ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

bl_status bl_added_index_add(bl_added_index *x, const bl_added *token, const char *text,
                             size_t bytes, bl_error *err)
{
    BL_TRY(bl_grow(&x->pattern, &x->cap, x->count + 1, sizeof *x->pattern, err));
    x->pattern[x->count++] = (bl_added_pattern){x->text.len, bytes, token};
    bl_buf_append(&x->text, text, bytes);
    return bl_buf_status(&x->text, err);
}

/* A merge sort: stable, and never quadratic. */
static void sort(const bl_added_index *x, bl_added_pattern *p, bl_added_pattern *room, size_t count)
{
    if (count < 2)
        return;
    size_t half = count / 2, a = 0, b = half, n = 0;
    sort(x, p, room, half);
    sort(x, p + half, room, count - half);
    while (a < half || b < count)
        room[n++] = b == count || (a < half && compare(x, &p[a], &p[b]) <= 0) ? p[a++] : p[b++];
    memcpy(p, room, count * sizeof *p);
}

bl_status bl_added_index_sort(bl_added_index *x, bl_error *err)
{
    bl_added_pattern *room = bl_calloc(x->count, sizeof *room);
    if (!room)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu added tokens", x->count);
    sort(x, x->pattern, room, x->count);
    bl_free(room);
    size_t kept = 0;
    for (size_t i = 0; i < x->count; i++)
        if (kept == 0 || compare(x, &x->pattern[kept - 1], &x->pattern[i]) != 0)
            x->pattern[kept++] = x->pattern[i];
    x->count = kept;
    memset(x->first, 0, sizeof x->first);
    for (size_t i = 0; i < kept; i++)
        x->first[(unsigned char)x->text.data[x->pattern[i].start] + 1]++;
    for (size_t b = 0; b < 256; b++)
        x->first[b + 1] += x->first[b];
    x->only = -1;
    for (int b = 0; b < 256 && kept; b++)
        if (x->first[b + 1] - x->first[b] == kept)
            x->only = b;
    return BL_OK;
}

/* Byte number `depth` of a pattern that is longer than that. */
static unsigned char byte_of(const bl_added_index *x, size_t pattern, size_t depth)
{
    return (unsigned char)x->text.data[x->pattern[pattern].start + depth];
}

/* The first of the patterns low .. high - 1 whose byte at `depth` is at least `byte`. */
static size_t lower(const bl_added_index *x, size_t low, size_t high, size_t depth, int byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (byte_of(x, middle, depth) < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest pattern that begins the text, or NULL. */
static const bl_added_pattern *longest(const bl_added_index *x, const char *text, size_t bytes)
{
    size_t low = x->first[(unsigned char)text[0]], high = x->first[(unsigned char)text[0] + 1];
    const bl_added_pattern *found = NULL;
    for (size_t depth = 1; low < high; depth++) {
        if (x->pattern[low].bytes == depth) /* a prefix of those after it */
            found = &x->pattern[low++];
        if (low == high || depth == bytes)
            break;
        unsigned char byte = (unsigned char)text[depth];
        if (byte_of(x, low, depth) != byte || byte_of(x, high - 1, depth) != byte) {
            low = lower(x, low, high, depth, byte);
            high = lower(x, low, high, depth, byte + 1);
        }
    }
    return found;
}

/* The first place from `at` on where a token may begin, or the end. */
static size_t candidate(const bl_added_scan *s, size_t at)
{
    const bl_added_index *x = s->index;
    if (x->count == 0 || at >= s->bytes)
        return s->bytes;
    if (x->only >= 0) {
        const char *found = memchr(s->text + at, x->only, s->bytes - at);
        return found ? (size_t)(found - s->text) : s->bytes;
    }
    while (at < s->bytes) {
        unsigned char b = (unsigned char)s->text[at];
        if (x->first[b] != x->first[b + 1])
            break;
        at++;
    }
    return at;
}

static int is_single_word(const bl_added_scan *s, size_t first, size_t last)
{
    size_t used;
    if (first > 0 &&
        bl_code_is(BL_CODE_WORD, bl_utf8_get(s->text + bl_utf8_before(s->text, first), &used)))
        return 0;
    return last == s->bytes || !bl_code_is(BL_CODE_WORD, bl_utf8_get(s->text + last, &used));
}

/* The white space around a match, as far as the token takes it. */
static void strip(bl_added_scan *s, const bl_added *a, size_t *first, size_t *last)
{
    size_t used;
    if (a->lstrip) {
        while (*first > s->taken) {
            size_t at = bl_utf8_before(s->text, *first);
            if (!bl_code_is(BL_CODE_SPACE, bl_utf8_get(s->text + at, &used)))
                break;
            *first = at;
        }
        if (*first < s->taken)
            *first = s->taken;
    }
    if (a->rstrip) {
        if (*last < s->spaces) /* seen before: another token with white space in it */
            *last = s->spaces;
        while (*last < s->bytes && bl_code_is(BL_CODE_SPACE, bl_utf8_get(s->text + *last, &used)))
            *last += used;
        s->spaces = *last;
    }
}

const bl_added *bl_added_next(bl_added_scan *s, size_t *first, size_t *last)
{
    for (;;) {
        size_t at = candidate(s, s->at);
        if (at >= s->bytes)
            return NULL;
        const bl_added_pattern *p = longest(s->index, s->text + at, s->bytes - at);
        if (!p) {
            s->at = at + 1;
            continue;
        }
        const bl_added *a = p->token;
        s->at = at + p->bytes;
        if ((a->special &&
             (!s->take_special || (s->is_text && s->is_text(s->user, at, at + p->bytes)))) ||
            (a->single_word && !is_single_word(s, at, at + p->bytes)))
            continue;
        *first = at;
        *last = at + p->bytes;
        strip(s, a, first, last);
        if (*first >= *last) /* nothing is left of it: the token before took it as white space */
            continue;
        s->taken = *last;
        return a;
    }
}
