/* Several corpora walked side by side, each window drawn by its number. */
#include "data/mix.h"
#include "core/alloc.h"

#include <math.h>

struct bl_mix {
    bl_loader *loader[BL_MIX_MOST];
    bl_token_file *tokens[BL_MIX_MOST]; /* borrowed */
    uint64_t below[BL_MIX_MOST]; /* corpus i ends before this 2^64th of [0, 1); not of the last */
    size_t count, B, T;
    uint64_t windows, taken[BL_MIX_MOST];
};

bl_status bl_mix_open(bl_mix **result, bl_token_file *const *tokens, const double *weight,
                      size_t count, size_t B, size_t T, uint64_t seed, bl_error *err)
{
    *result = NULL;
    if (count < 1 || count > BL_MIX_MOST)
        return bl_fail(err, BL_EINVAL, "%zu corpora: there can be 1 to %d", count, BL_MIX_MOST);
    if (B == 0 || T == 0)
        return bl_fail(err, BL_EINVAL, "batch %zu x context %zu: both must be at least 1", B, T);
    bl_mix *m = bl_calloc(1, sizeof *m);
    if (!m)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    *m = (bl_mix){.B = B, .T = T};
    double sum = 0;
    bl_status status = BL_OK;
    for (size_t i = 0; status == BL_OK && i < count; i++) {
        sum += weight[i];
        m->below[i] = sum < 1 ? (uint64_t)ldexp(sum, 64) : UINT64_MAX;
        m->tokens[i] = tokens[i];
        status = bl_loader_open(&m->loader[i], tokens[i], 1, T, seed, err);
        m->count += status == BL_OK;
    }
    if (status != BL_OK) {
        bl_mix_close(m);
        return status;
    }
    *result = m;
    return BL_OK;
}

void bl_mix_close(bl_mix *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++)
        bl_loader_close(m->loader[i]);
    bl_free(m);
}

size_t bl_mix_corpus(const bl_mix *m, uint64_t w)
{
    uint64_t u = (w + 1) * 0x9E3779B97F4A7C15u; /* 2^64 (phi - 1): mod 2^64 it is mod 1 */
    size_t i = 0;
    while (i + 1 < m->count && u >= m->below[i])
        i++;
    return i;
}

void bl_mix_documents(bl_mix *m, size_t i, int32_t end)
{
    bl_loader_documents(m->loader[i], end);
}

/* Asks for what a window that begins here would read, including the part of its document before
 * it. */
static void want_window(const bl_mix *m, size_t i, size_t start, int drawn)
{
    int back = drawn && bl_loader_keeps_documents(m->loader[i]);
    size_t before = !back ? 0 : start < m->T ? start : m->T;
    bl_token_file_want(m->tokens[i], start - before, before + m->T + 1);
}

/* Tells the system which windows the next batch reads, so that it fetches them side by side. */
static void want_batch(const bl_mix *m)
{
    bl_loader_cursor at[BL_MIX_MOST];
    for (size_t i = 0; i < m->count; i++)
        at[i] = bl_loader_at(m->loader[i]);
    for (size_t b = 0; b < m->B; b++) {
        size_t i = bl_mix_corpus(m, m->windows + b);
        size_t start = bl_loader_start(m->loader[i], at[i].epoch, at[i].position);
        want_window(m, i, start, 1);
        if (++at[i].position == bl_loader_windows(m->loader[i]))
            at[i] = (bl_loader_cursor){.epoch = at[i].epoch + 1};
    }
}

static bl_status take_batch(bl_mix *m, int32_t *x, int32_t *y, bl_error *err)
{
    for (size_t b = 0; b < m->B; b++) {
        size_t i = bl_mix_corpus(m, m->windows++);
        BL_TRY(bl_loader_next(m->loader[i], x + b * m->T, y + b * m->T, err));
        m->taken[i]++;
    }
    return BL_OK;
}

/* The files are still there; *scattered says whether reading them may wait for a disk. */
static bl_status look_at_files(const bl_mix *m, int *scattered, bl_error *err)
{
    *scattered = 0;
    for (size_t i = 0; i < m->count; i++) {
        BL_TRY(bl_token_file_still(m->tokens[i], err));
        *scattered |= bl_token_file_is_scattered(m->tokens[i]);
    }
    return BL_OK;
}

/* After a failure the place stays. */
static bl_status go_back(bl_mix *m, const bl_mix_cursor *before, bl_status status)
{
    return bl_mix_seek(m, before, NULL) == BL_OK ? status : BL_EFORMAT;
}

bl_status bl_mix_next(bl_mix *m, int32_t *x, int32_t *y, bl_error *err)
{
    bl_mix_cursor before;
    int scattered;
    BL_TRY(look_at_files(m, &scattered, err));
    if (scattered)
        want_batch(m);
    bl_mix_at(m, &before);
    bl_status status = take_batch(m, x, y, err);
    return status == BL_OK ? BL_OK : go_back(m, &before, status);
}

void bl_mix_skip(bl_mix *m, size_t n)
{
    for (size_t b = 0; b < n * m->B; b++) {
        size_t i = bl_mix_corpus(m, m->windows++);
        (void)bl_loader_take(m->loader[i]);
        m->taken[i]++;
    }
}

/* Where a row's next window begins: where it ended or, freshly drawn, would begin. */
static void place_row(bl_mix *m, bl_mix_row *row)
{
    if (!row->fresh && row->next + m->T + 1 > bl_token_file_count(m->tokens[row->corpus]))
        row->fresh = 1;
    if (row->fresh) {
        row->corpus = (uint32_t)bl_mix_corpus(m, m->windows++);
        row->next = bl_loader_take(m->loader[row->corpus]);
    }
    m->taken[row->corpus]++;
}

static bl_status read_row(const bl_mix *m, bl_mix_row *row, int32_t *x, int32_t *y, bl_error *err)
{
    size_t start = (size_t)row->next;
    if (row->fresh)
        BL_TRY(bl_loader_place(m->loader[row->corpus], &start, err));
    if (x)
        BL_TRY(bl_window_get(m->tokens[row->corpus], start, m->T, x, y, err));
    row->next = start + m->T;
    return BL_OK;
}

bl_status bl_mix_continue(bl_mix *m, bl_mix_row *row, int32_t *x, int32_t *y, bl_error *err)
{
    bl_mix_cursor before;
    int scattered;
    BL_TRY(look_at_files(m, &scattered, err));
    bl_mix_at(m, &before);
    for (size_t b = 0; b < m->B; b++) {
        place_row(m, &row[b]);
        if (scattered && x)
            want_window(m, row[b].corpus, (size_t)row[b].next, row[b].fresh);
    }
    for (size_t b = 0; b < m->B; b++) {
        size_t at = b * m->T;
        bl_status status = read_row(m, &row[b], x ? x + at : NULL, x ? y + at : NULL, err);
        if (status != BL_OK)
            return go_back(m, &before, status);
    }
    return BL_OK;
}

void bl_mix_at(const bl_mix *m, bl_mix_cursor *cursor)
{
    *cursor = (bl_mix_cursor){.windows = m->windows};
    for (size_t i = 0; i < m->count; i++) {
        cursor->at[i] = bl_loader_at(m->loader[i]);
        cursor->taken[i] = m->taken[i];
    }
}

bl_status bl_mix_seek(bl_mix *m, const bl_mix_cursor *cursor, bl_error *err)
{
    for (size_t i = 0; i < m->count; i++) /* all of them, before the first one moves */
        if (cursor->at[i].position >= bl_loader_windows(m->loader[i]))
            return bl_fail(err, BL_EFORMAT,
                           "%s: data position %llu of %zu windows; the data or the context changed",
                           bl_token_file_path(m->tokens[i]),
                           (unsigned long long)cursor->at[i].position,
                           bl_loader_windows(m->loader[i]));
    for (size_t i = 0; i < m->count; i++) {
        BL_TRY(bl_loader_seek(m->loader[i], cursor->at[i], err));
        m->taken[i] = cursor->taken[i];
    }
    m->windows = cursor->windows;
    return BL_OK;
}

size_t bl_mix_windows(const bl_mix *m, size_t i)
{
    return bl_loader_windows(m->loader[i]);
}
