/* Batches for training, shuffled by a keyed permutation.
 *
 * Instead of a shuffled array, the order of an epoch is a Feistel network over [0, 2^(2h)) with
 * Philox as its round function, walked until it lands in [0, windows) again ("cycle walking"; Black
 * and Rogaway, 2002).  A bijection whatever the round function, in constant memory, and any
 * position costs the same, so seeking is free. */
#include "data/loader.h"
#include "core/alloc.h"
#include "core/rng.h"

#include <string.h>

enum { FEISTEL_ROUNDS = 6 };

struct bl_loader {
    const bl_token_file *tokens;
    size_t B, T;
    size_t windows, offsets; /* windows an epoch; the offset is drawn below the second */
    unsigned half_bits;      /* h: 4^h is at least the number of windows */
    uint64_t seed;
    int32_t end; /* of documents; negative: windows do not look at them */
    bl_loader_cursor at;
};

bl_status bl_loader_open(bl_loader **result, const bl_token_file *tokens, size_t B, size_t T,
                         uint64_t seed, bl_error *err)
{
    *result = NULL;
    size_t count = bl_token_file_count(tokens);
    if (B == 0 || T == 0)
        return bl_fail(err, BL_EINVAL, "batch %zu x context %zu: both must be at least 1", B, T);
    if (count < 2 || count - 1 < T)
        return bl_fail(err, BL_EFORMAT,
                       "%s: %zu tokens are too few for one window of context %zu (needs %zu); "
                       "prepare more text or train with a smaller context",
                       bl_token_file_path(tokens), count, T, T + 1);
    bl_loader *l = bl_calloc(1, sizeof *l);
    if (!l)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    *l = (bl_loader){.tokens = tokens, .B = B, .T = T, .seed = seed, .end = -1};
    l->windows = (count - 1 - T) / T;
    l->offsets = T;
    if (l->windows == 0) { /* between one and two windows: one, wherever it fits */
        l->windows = 1;
        l->offsets = count - T;
    }
    while (l->half_bits < 32 && (uint64_t)1 << (2 * l->half_bits) < l->windows)
        l->half_bits++;
    *result = l;
    return BL_OK;
}

void bl_loader_close(bl_loader *l)
{
    bl_free(l);
}

/* One pass of the Feistel network: (L, R) -> (R, L xor F(R)), F keyed by seed, epoch and round. */
static uint64_t feistel(const bl_loader *l, uint64_t epoch, uint64_t v)
{
    uint64_t mask = ((uint64_t)1 << l->half_bits) - 1;
    uint64_t left = v >> l->half_bits, right = v & mask;
    for (uint64_t round = 0; round < FEISTEL_ROUNDS; round++) {
        uint32_t f[4];
        bl_philox(l->seed + epoch * 0x9E3779B97F4A7C15u, BL_RNG_SHUFFLE + 1 + round, right, f);
        uint64_t swapped = (left ^ f[0]) & mask;
        left = right;
        right = swapped;
    }
    return left << l->half_bits | right;
}

size_t bl_loader_start(const bl_loader *l, uint64_t epoch, uint64_t position)
{
    uint64_t window = position;
    do
        window = feistel(l, epoch, window);
    while (window >= l->windows);
    uint64_t offset = bl_rng_below(l->seed, BL_RNG_SHUFFLE, epoch, l->offsets);
    return (size_t)(offset + window * l->T);
}

bl_status bl_window_get(const bl_token_file *tokens, size_t start, size_t T, int32_t *x, int32_t *y,
                        bl_error *err)
{
    BL_TRY(bl_token_file_get(tokens, start, T, x, err));
    if (bl_token_file_mask(tokens))
        return bl_token_file_targets(tokens, start + 1, T, y, err);
    memcpy(y, x + 1, (T - 1) * sizeof *y);
    return bl_token_file_get(tokens, start + T, 1, y + T - 1, err);
}

size_t bl_loader_take(bl_loader *l)
{
    size_t start = bl_loader_start(l, l->at.epoch, l->at.position);
    if (++l->at.position == l->windows)
        l->at = (bl_loader_cursor){.epoch = l->at.epoch + 1};
    return start;
}

void bl_loader_documents(bl_loader *l, int32_t end)
{
    l->end = end;
}

int bl_loader_keeps_documents(const bl_loader *l)
{
    return l->end >= 0;
}

/* `first` is the place of the last end at or before the start, and what is read after it ends with
 * the window that begins there: an end found there is of a document that fits.  With none in the T
 * tokens before, nothing is read after the start; the beginning of the file counts as one. */
static bl_status find_document(const bl_loader *l, size_t *start, int *found, bl_error *err)
{
    enum { PIECE = 1024 };
    int32_t ids[PIECE];
    size_t first = *start > l->T ? *start - l->T : 0, n;
    *found = 0;
    for (size_t i = first; i <= first + l->T; i += n) {
        n = first + l->T + 1 - i < PIECE ? first + l->T + 1 - i : PIECE;
        BL_TRY(bl_token_file_get(l->tokens, i, n, ids, err));
        for (size_t k = 0; k < n; k++) {
            if (ids[k] == l->end && i + k > *start) {
                *start = first;
                *found = 1;
                return BL_OK;
            }
            if (ids[k] == l->end)
                first = i + k;
        }
    }
    return BL_OK;
}

/* Whether token i is of an answer, and whether it ends a document. */
static bl_status look_at(const bl_loader *l, size_t i, int *answer, int *end, bl_error *err)
{
    unsigned char counts;
    int32_t id;
    BL_TRY(bl_mask_get(bl_token_file_mask(l->tokens), i, 1, &counts, err));
    BL_TRY(bl_token_file_get(l->tokens, i, 1, &id, err));
    *answer = counts;
    *end = id == l->end;
    return BL_OK;
}

/* In a conversation that does not fit: a window that would begin inside an answer begins with the
 * question before it, if both fit. */
static bl_status find_question(const bl_loader *l, size_t *start, bl_error *err)
{
    size_t count = bl_token_file_count(l->tokens), first = *start, last = *start;
    int answer, end;
    BL_TRY(look_at(l, first, &answer, &end, err));
    if (!answer)
        return BL_OK;
    while (answer && last - *start < l->T && ++last < count)
        BL_TRY(look_at(l, last, &answer, &end, err));
    for (answer = 1; answer && first > 0 && last - first <= l->T;)
        BL_TRY(look_at(l, --first, &answer, &end, err));
    while (!answer && !end && first > 0 && last - first <= l->T) {
        BL_TRY(look_at(l, first - 1, &answer, &end, err));
        first -= !answer;
    }
    if (last - first <= l->T)
        *start = first;
    return BL_OK;
}

bl_status bl_loader_place(const bl_loader *l, size_t *start, bl_error *err)
{
    int found;
    if (l->end < 0)
        return BL_OK;
    BL_TRY(find_document(l, start, &found, err));
    return found || !bl_token_file_mask(l->tokens) ? BL_OK : find_question(l, start, err);
}

bl_status bl_loader_next(bl_loader *l, int32_t *x, int32_t *y, bl_error *err)
{
    for (size_t b = 0; b < l->B; b++) {
        size_t start = bl_loader_take(l);
        BL_TRY(bl_loader_place(l, &start, err));
        BL_TRY(bl_window_get(l->tokens, start, l->T, x + b * l->T, y + b * l->T, err));
    }
    return BL_OK;
}

bl_loader_cursor bl_loader_at(const bl_loader *l)
{
    return l->at;
}

bl_status bl_loader_seek(bl_loader *l, bl_loader_cursor cursor, bl_error *err)
{
    if (cursor.position >= l->windows)
        return bl_fail(err, BL_EFORMAT,
                       "%s: data position %llu of %zu windows; the data or the context changed",
                       bl_token_file_path(l->tokens), (unsigned long long)cursor.position,
                       l->windows);
    l->at = cursor;
    return BL_OK;
}

size_t bl_loader_windows(const bl_loader *l)
{
    return l->windows;
}

size_t bl_windows_count(const bl_token_file *tokens, size_t T)
{
    size_t count = bl_token_file_count(tokens);
    return count ? (count - 1) / T : 0;
}

bl_status bl_windows_get(const bl_token_file *tokens, size_t T, size_t i, int32_t *x, int32_t *y,
                         bl_error *err)
{
    return bl_window_get(tokens, i * T, T, x, y, err);
}
