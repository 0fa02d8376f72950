/* The batch encoder: texts cut into units of work, which threads take largest first. */
#include "core/alloc.h"
#include "core/busy.h"
#include "core/call.h"
#include "core/team.h"
#include "core/watch.h"
#include "text/text.h"
#include "text/units.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNIT_BYTES = 1 << 16, /* small texts are taken together until they have this size */
};

/* What one thread keeps from run to run. */
typedef struct worker {
    bl_word_cache *cache;
    bl_id_list tokens;
    size_t failed; /* the first text that failed, or SIZE_MAX */
    bl_error error;
} worker;

/* Where the tokens of a text lie. */
typedef struct id_place {
    size_t start, count;
    uint32_t worker;
} id_place;

/* Texts first .. last - 1 in one go. */
typedef struct unit {
    size_t first, last, bytes;
} unit;

struct bl_encoder {
    const bl_tokenizer *t;
    worker *worker;
    size_t threads;
    id_place *places;
    unit *units;
    size_t count, unit_count, place_cap, unit_cap;
    int offsets; /* the last run made them */
    bl_busy busy;
};

static bl_status open_over(bl_encoder **e, const bl_tokenizer *t, size_t threads, bl_error *err)
{
    BL_TRY(bl_unit_threads(threads, &threads, err));
    bl_encoder *made = bl_calloc(1, sizeof *made);
    worker *workers = bl_calloc(threads, sizeof *workers);
    if (!made || !workers) {
        bl_free(made);
        bl_free(workers);
        return bl_fail(err, BL_ENOMEM, "out of memory for an encoder");
    }
    *made = (bl_encoder){.t = t, .worker = workers, .threads = threads};
    for (size_t i = 0; i < threads; i++) {
        bl_status status = bl_word_cache_open(&workers[i].cache, err);
        if (status != BL_OK) {
            bl_encoder_close(made);
            return status;
        }
    }
    *e = made;
    return BL_OK;
}

bl_status bl_encoder_open(bl_encoder **e, const bl_tokenizer *t, size_t threads, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, e);
    *e = NULL;
    BL_NOT_NULL(err, t);
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_over(e, t, threads, err), err);
}

void bl_encoder_close(bl_encoder *e)
{
    if (!e || !bl_busy_close(&e->busy))
        return;
    for (size_t i = 0; i < e->threads; i++) {
        bl_word_cache_close(e->worker[i].cache);
        bl_id_list_release(&e->worker[i].tokens);
    }
    bl_free(e->worker);
    bl_free(e->places);
    bl_free(e->units);
    bl_free(e);
}

static int larger_first(const void *a, const void *b)
{
    const unit *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Small neighbours together, large texts alone, the largest first: so no thread is left with a
 * large one when the others are done. */
static bl_status plan(bl_encoder *e, const bl_span *texts, size_t count, bl_error *err)
{
    e->unit_count = 0;
    for (size_t i = 0; i < count;) {
        unit u = {.first = i};
        i = u.last = bl_unit_end(texts, count, i, UNIT_BYTES, &u.bytes);
        BL_TRY(bl_grow(&e->units, &e->unit_cap, e->unit_count + 1, sizeof *e->units, err));
        e->units[e->unit_count++] = u;
    }
    if (e->unit_count > 1)
        qsort(e->units, e->unit_count, sizeof *e->units, larger_first);
    return bl_grow(&e->places, &e->place_cap, count + 1, sizeof *e->places, err);
}

/* A call. */
typedef struct encoder_job {
    bl_encoder *e;
    const bl_span *texts;
    const unsigned char *const
        *typed; /* of each text, as of bl_tokenizer_append_typed(); or NULL */
    unsigned mask, flags;
} encoder_job;

static void encode_unit(const encoder_job *j, const unit *u, size_t number)
{
    bl_encoder *e = j->e;
    worker *w = &e->worker[number];
    for (size_t i = u->first; i < u->last && i < w->failed; i++) {
        bl_error why;
        size_t start = w->tokens.count;
        if (bl_tokenizer_append_typed(e->t, w->cache, j->texts[i].text, j->texts[i].bytes,
                                      j->typed ? j->typed[i] : NULL, j->mask, j->flags, &w->tokens,
                                      &why) != BL_OK) {
            w->failed = i;
            w->error = why;
            return;
        }
        e->places[i] = (id_place){start, w->tokens.count - start, (uint32_t)number};
    }
}

static void encode_units(void *user, size_t first, size_t last, size_t member)
{
    const encoder_job *j = user;
    for (size_t i = first; i < last; i++)
        encode_unit(j, &j->e->units[i], member);
}

static bl_status run(const encoder_job *job, size_t count, bl_error *err)
{
    bl_encoder *e = job->e;
    BL_TRY(plan(e, job->texts, count, err));
    for (size_t i = 0; i < e->threads; i++) {
        e->worker[i].tokens.count = 0;
        e->worker[i].failed = SIZE_MAX;
    }
    bl_team_deal(e->threads, e->unit_count, encode_units, (void *)(uintptr_t)job);

    const worker *failed = &e->worker[0];
    for (size_t i = 1; i < e->threads; i++)
        if (e->worker[i].failed < failed->failed)
            failed = &e->worker[i];
    if (failed->failed != SIZE_MAX)
        return bl_fail(err, failed->error.code, "text %zu of %zu: %s", failed->failed, count,
                       failed->error.message);
    e->count = count;
    e->offsets = (job->flags & BL_ENCODE_OFFSETS) != 0;
    return BL_OK;
}

bl_status bl_encoder_run_typed(bl_encoder *e, const bl_span *texts,
                               const unsigned char *const *typed, unsigned mask, size_t count,
                               unsigned flags, bl_error *err)
{
    const encoder_job job = {.e = e, .texts = texts, .typed = typed, .mask = mask, .flags = flags};
    e->count = 0;
    return run(&job, count, err);
}

bl_status bl_encoder_run(bl_encoder *e, const bl_span *texts, size_t count, unsigned flags,
                         bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, e);
    BL_NOT_NULL_IF(err, count, texts);
    for (size_t i = 0; i < count; i++)
        BL_NOT_NULL_IF(err, texts[i].bytes, texts[i].text);
    BL_TRY(bl_busy_enter(&e->busy, "the encoder", __func__, err));
    e->count = 0;
    bl_call_begin(&call, err);
    bl_watch watch;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += texts[i].bytes;
    bl_watch_begin(&watch, "encoding", "B", bytes);
    bl_status status = run(&(encoder_job){.e = e, .texts = texts, .flags = flags}, count, err);
    bl_watch_end(&watch);
    if (bl_busy_leave(&e->busy))
        bl_encoder_close(e);
    return bl_call_end(&call, status, err);
}

const int32_t *bl_encoder_ids(const bl_encoder *e, size_t i, size_t *count)
{
    static const int32_t none;
    int there = e && i < e->count;
    size_t n = there ? e->places[i].count : 0;
    if (count)
        *count = n;
    if (n)
        return e->worker[e->places[i].worker].tokens.ids + e->places[i].start;
    return there ? &none : NULL;
}

const bl_offset *bl_encoder_offsets(const bl_encoder *e, size_t i, size_t *count)
{
    static const bl_offset none;
    int there = e && e->offsets && i < e->count;
    size_t n = there ? e->places[i].count : 0;
    if (count)
        *count = n;
    if (n)
        return e->worker[e->places[i].worker].tokens.offsets + e->places[i].start;
    return there ? &none : NULL;
}
