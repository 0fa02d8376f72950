/* Canonical composition of text, and where each part of it comes from.
 *
 * Text is cut into stretches: a character, and those after it that may join it (marks, and second
 * halves of compositions).  Most stretches are one character that does not change.  The others are
 * decomposed, put in order and composed by libutf8proc.
 *
 * Which characters join is a table of the pinned tokenizers: they know an older Unicode than
 * libutf8proc, and a mark that they do not know neither moves nor joins. */
#include "text/unicode/nfc.h"
#include "core/alloc.h"
#include "text/unicode/classes.h"
#include "core/utf8.h"

#include <string.h>
#include <utf8proc.h>

enum {
    CODE_POINTS = 0x110000,
    FIRST_BYTE = 0xCC, /* of U+0300: characters below never change and never join */
    DECOMPOSED = 2     /* code points, at most, for each byte */
};

enum { STAYS = 0, CHANGES, JOINS };

struct bl_nfc {
    unsigned char kind[CODE_POINTS];
};

bl_status bl_nfc_open(bl_nfc **n, bl_error *err)
{
    *n = bl_calloc(1, sizeof **n);
    if (!*n)
        return bl_fail(err, BL_ENOMEM, "out of memory for the normaliser");
    bl_code_fill((*n)->kind, BL_CODE_CHANGES, CHANGES);
    bl_code_fill((*n)->kind, BL_CODE_JOINS, JOINS);
    return BL_OK;
}

void bl_nfc_close(bl_nfc *n)
{
    bl_free(n);
}

void bl_nfc_work_release(bl_nfc_work *w)
{
    bl_buf_release(&w->text);
    bl_free(w->change);
    bl_free(w->code);
    bl_free(w->room);
    *w = (bl_nfc_work){0};
}

static unsigned combining(int32_t code)
{
    return (unsigned)utf8proc_get_property(code)->combining_class;
}

/* Sorts a run of marks by their combining classes, equal ones in their order: by counting, so that
 * a text of nothing but marks takes no more than its length. */
static void sort_marks(int32_t *code, int32_t *room, size_t count)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < count; i++)
        start[combining(code[i]) + 1]++;
    for (size_t c = 0; c < 256; c++)
        start[c + 1] += start[c];
    memcpy(room, code, count * sizeof *code);
    for (size_t i = 0; i < count; i++)
        code[start[combining(room[i])]++] = room[i];
}

static void put_in_order(int32_t *code, int32_t *room, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        int sorted = 1;
        for (; i < count && combining(code[i]); i++)
            sorted &= i == first || combining(code[i - 1]) <= combining(code[i]);
        if (!sorted)
            sort_marks(code + first, room, i - first);
    }
}

/* The stretch as code points, composed; the number of them. */
static bl_status compose(bl_nfc_work *w, const char *text, size_t bytes, size_t *count,
                         bl_error *err)
{
    size_t most = DECOMPOSED * bytes, n = 0, used;
    BL_TRY(bl_grow(&w->code, &w->code_cap, most, sizeof *w->code, err));
    BL_TRY(bl_grow(&w->room, &w->room_cap, most, sizeof *w->room, err));
    for (size_t at = 0; at < bytes; at += used) {
        int unused = 0;
        utf8proc_ssize_t more = utf8proc_decompose_char(
            (utf8proc_int32_t)bl_utf8_get(text + at, &used), w->code + n,
            (utf8proc_ssize_t)(most - n), UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &unused);
        if (more < 0 || (size_t)more > most - n)
            return bl_fail(err, BL_EUNSUPPORTED, "libutf8proc: %s", utf8proc_errmsg(more));
        n += (size_t)more;
    }
    put_in_order(w->code, w->room, n);
    utf8proc_ssize_t kept =
        utf8proc_normalize_utf32(w->code, (utf8proc_ssize_t)n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (kept < 0)
        return bl_fail(err, BL_EUNSUPPORTED, "libutf8proc: %s", utf8proc_errmsg(kept));
    *count = (size_t)kept;
    return BL_OK;
}

/* Appends the stretch text[from] .. text[end - 1] composed, and notes it if that changed it.  *done
 * is how much of the source is in the result. */
static bl_status run_stretch(const bl_nfc *n, bl_nfc_work *w, const char *text, size_t from,
                             size_t end, size_t *done, bl_error *err)
{
    size_t used, count = 0;
    uint32_t head = bl_utf8_get(text + from, &used);
    if (n->kind[head] == JOINS || combining((int32_t)head) == 0)
        used = 0; /* else a mark that is too new: it stays where it is */
    bl_buf_append(&w->text, text + *done, from + used - *done);
    size_t to = w->text.len - used;
    BL_TRY(compose(w, text + from + used, end - from - used, &count, err));
    for (size_t i = 0; i < count; i++) {
        utf8proc_uint8_t utf8[4];
        bl_buf_append(&w->text, utf8, (size_t)utf8proc_encode_char(w->code[i], utf8));
    }
    BL_TRY(bl_buf_status(&w->text, err));
    *done = end;
    if (w->text.len - to == end - from && memcmp(w->text.data + to, text + from, end - from) == 0)
        return BL_OK;
    BL_TRY(bl_grow(&w->change, &w->cap, w->count + 1, sizeof *w->change, err));
    w->change[w->count++] = (bl_nfc_change){from, end, to, w->text.len};
    return BL_OK;
}

bl_status bl_nfc_run(const bl_nfc *n, bl_nfc_work *w, const char *text, size_t bytes, bl_error *err)
{
    size_t done = 0, head = 0, used;
    w->count = 0;
    bl_buf_clear(&w->text);
    for (size_t at = 0; at < bytes;) {
        unsigned char first = (unsigned char)text[at];
        if (first < FIRST_BYTE) {
            head = at;
            at += first < 0x80 ? 1 : 2;
            continue;
        }
        int kind = n->kind[bl_utf8_get(text + at, &used)];
        size_t from = kind == JOINS ? head : at;
        head = at;
        at += used;
        if (kind == STAYS)
            continue;
        while (at < bytes && n->kind[bl_utf8_get(text + at, &used)] == JOINS)
            at += used;
        BL_TRY(run_stretch(n, w, text, from, at, &done, err));
    }
    if (w->count)
        bl_buf_append(&w->text, text + done, bytes - done);
    return bl_buf_status(&w->text, err);
}

size_t bl_nfc_source(const bl_nfc_work *w, size_t at, int end)
{
    size_t low = 0, high = w->count; /* changes that begin before what is there */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->change[middle].to + (size_t)end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return at;
    const bl_nfc_change *c = &w->change[low - 1];
    if (at < c->to_end)
        return end ? c->from_end : c->from;
    return c->from_end + (at - c->to_end);
}
