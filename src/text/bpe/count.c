/* The BPE trainer's first half: documents into words and their counts.
 *
 * Each thread counts in a small table of its own, which holds nearly all words it meets; when it is
 * full it is emptied into the table of all words, which is divided among locks by the hash of a
 * word.  So rare words, which are most of them, are kept once, whatever the number of threads.  The
 * order of the words depends on the threads; what is learnt from them does not. */
#include "core/alloc.h"
#include "core/mutex.h"
#include "core/team.h"
#include "core/utf8.h"
#include "text/bpe/halves.h"
#include "text/units.h"
#include "text/wordscan.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    OWN_WORDS = 3 << 14,  /* words of a thread's own table: three quarters of its slots */
    UNIT_BYTES = 1 << 18, /* what a thread takes at a time */
    ROUND_UNITS = 4,      /* of a thread, between two calls of the progress function */
};

/* What one thread keeps from call to call. */
typedef struct words_worker {
    bl_wordcount own;
    bl_buf first; /* a document's first word with its space in front */
    bl_status status;
    bl_error error;
} words_worker;

/* Documents first .. last - 1, or of a single one the bytes from .. to - 1. */
typedef struct words_unit {
    size_t first, last, from, to;
} words_unit;

typedef struct shard {
    bl_mutex *lock;
    bl_wordcount words;
} shard;

struct bl_bpe_trainer {
    bl_bpe_options options;
    bl_wordscan *scan;
    words_worker *worker;
    size_t threads;
    shard shard[BL_WORD_SHARDS];
    words_unit *units;
    size_t unit_count, unit_cap;
};

static bl_status check_options(const bl_bpe_options *o, bl_error *err)
{
    if (o->vocab_size > INT32_MAX)
        return bl_fail(err, BL_EINVAL, "a vocabulary of %zu is past %ld", o->vocab_size,
                       (long)INT32_MAX);
    for (size_t i = 0; o->specials && i < o->specials_count; i++) {
        size_t n = strlen(o->specials[i]);
        if (n == 0 || bl_utf8_invalid(o->specials[i], n) < n)
            return bl_fail(err, BL_EINVAL, "special token %zu is empty or not UTF-8", i);
    }
    return BL_OK;
}

bl_status bl_bpe_trainer_open(bl_bpe_trainer **t, const bl_bpe_options *options, bl_error *err)
{
    *t = NULL;
    BL_TRY(check_options(options, err));
    size_t threads;
    BL_TRY(bl_unit_threads(options->threads, &threads, err));
    bl_bpe_trainer *made = bl_calloc(1, sizeof *made);
    if (!made)
        return bl_fail(err, BL_ENOMEM, "out of memory for the tokenizer's trainer");
    made->options = *options;
    made->threads = threads;
    made->worker = bl_calloc(threads, sizeof *made->worker);
    bl_status status = made->worker
                           ? bl_wordscan_open(&made->scan, err)
                           : bl_fail(err, BL_ENOMEM, "out of memory for %zu threads", threads);
    for (int i = 0; i < BL_WORD_SHARDS && status == BL_OK; i++)
        status = bl_mutex_open(&made->shard[i].lock, err);
    if (status != BL_OK) {
        bl_bpe_trainer_close(made);
        return status;
    }
    *t = made;
    return BL_OK;
}

static void release_workers(bl_bpe_trainer *t)
{
    for (size_t i = 0; t->worker && i < t->threads; i++) {
        bl_wordcount_release(&t->worker[i].own);
        bl_buf_release(&t->worker[i].first);
    }
    bl_free(t->worker);
    bl_free(t->units);
    t->worker = NULL;
    t->units = NULL;
}

void bl_bpe_trainer_close(bl_bpe_trainer *t)
{
    if (!t)
        return;
    release_workers(t);
    for (int i = 0; i < BL_WORD_SHARDS; i++) {
        bl_mutex_close(t->shard[i].lock);
        bl_wordcount_release(&t->shard[i].words);
    }
    bl_wordscan_close(t->scan);
    bl_free(t);
}

/* ---- one thread's part ---- */

/* Pours a thread's own table into the table of all words. */
static bl_status pour(bl_bpe_trainer *t, bl_wordcount *own, bl_error *err)
{
    for (unsigned k = 0; k < BL_WORD_SHARDS; k++) {
        shard *s = &t->shard[k];
        bl_status status = BL_OK;
        bl_mutex_hold(s->lock);
        for (size_t i = 0; i < own->count && status == BL_OK; i++) {
            const bl_word_entry *e = &own->word[i];
            const char *word = own->text.data + e->start;
            uint64_t hash = bl_word_hash(word, e->bytes);
            if (hash >> 60 == k)
                status = bl_wordcount_add(&s->words, word, e->bytes, hash, e->count, err);
        }
        bl_mutex_release(s->lock);
        BL_TRY(status);
    }
    bl_wordcount_clear(own);
    return BL_OK;
}

static bl_status count_word(bl_bpe_trainer *t, words_worker *w, const char *word, size_t bytes,
                            bl_error *err)
{
    BL_TRY(bl_wordcount_add(&w->own, word, bytes, bl_word_hash(word, bytes), 1, err));
    return w->own.count < OWN_WORDS && w->own.text.len < OWN_WORDS * 32 ? BL_OK
                                                                        : pour(t, &w->own, err);
}

/* Part of a document; at its beginning a space is put in front unless there is one. */
static bl_status count_text(bl_bpe_trainer *t, words_worker *w, const char *text, size_t bytes,
                            int beginning, bl_error *err)
{
    size_t at = 0;
    if (beginning && bytes && text[0] != ' ' && !t->options.no_prefix_space) {
        at = bl_wordscan_prefixed(t->scan, text, bytes);
        bl_buf_clear(&w->first);
        bl_buf_append(&w->first, " ", 1);
        bl_buf_append(&w->first, text, at);
        BL_TRY(bl_buf_status(&w->first, err));
        BL_TRY(count_word(t, w, w->first.data, w->first.len, err));
    }
    while (at < bytes) {
        size_t end = bl_wordscan_next(t->scan, text, bytes, at);
        BL_TRY(count_word(t, w, text + at, end - at, err));
        at = end;
    }
    return BL_OK;
}

static void count_unit(bl_bpe_trainer *t, const words_unit *u, const bl_span *documents,
                       words_worker *w)
{
    if (u->last == u->first + 1) {
        w->status = count_text(t, w, documents[u->first].text + u->from, u->to - u->from,
                               u->from == 0, &w->error);
        return;
    }
    for (size_t i = u->first; i < u->last && w->status == BL_OK; i++)
        w->status = count_text(t, w, documents[i].text, documents[i].bytes, 1, &w->error);
}

/* ---- a call ---- */

/* The first document that is not UTF-8, or their number. */
typedef struct utf8_check {
    const bl_span *documents;
    atomic_size_t wrong;
} utf8_check;

static void check_documents(void *user, size_t first, size_t last, size_t member)
{
    utf8_check *c = user;
    (void)member;
    for (size_t i = first; i < last; i++) {
        size_t least = atomic_load(&c->wrong);
        if (i >= least)
            return;
        if (bl_utf8_invalid(c->documents[i].text, c->documents[i].bytes) == c->documents[i].bytes)
            continue;
        while (i < least && !atomic_compare_exchange_weak(&c->wrong, &least, i))
            ;
    }
}

static bl_status check_utf8(const bl_bpe_trainer *t, const bl_span *documents, size_t count,
                            bl_error *err)
{
    utf8_check c = {.documents = documents};
    atomic_init(&c.wrong, count);
    bl_team_run(t->threads, count, check_documents, &c);
    size_t wrong = atomic_load(&c.wrong);
    if (wrong == count)
        return BL_OK;
    return bl_fail(err, BL_EFORMAT, "the document is not UTF-8 at byte %zu",
                   bl_utf8_invalid(documents[wrong].text, documents[wrong].bytes));
}

static bl_status add_unit(bl_bpe_trainer *t, words_unit u, bl_error *err)
{
    BL_TRY(bl_grow(&t->units, &t->unit_cap, t->unit_count + 1, sizeof *t->units, err));
    t->units[t->unit_count++] = u;
    return BL_OK;
}

/* Small documents together, large ones in pieces. */
static bl_status plan(bl_bpe_trainer *t, const bl_span *documents, size_t count, bl_error *err)
{
    t->unit_count = 0;
    for (size_t i = 0; i < count;) {
        const bl_span d = documents[i];
        size_t bytes, from = 0;
        if (d.bytes < 2 * UNIT_BYTES) {
            size_t last = bl_unit_end(documents, count, i, UNIT_BYTES, &bytes);
            BL_TRY(add_unit(t, (words_unit){i, last, 0, d.bytes}, err));
            i = last;
            continue;
        }
        while (from < d.bytes) {
            size_t to = d.bytes - from <= UNIT_BYTES
                            ? d.bytes
                            : bl_wordscan_cut(t->scan, d.text, d.bytes, from + UNIT_BYTES);
            BL_TRY(add_unit(t, (words_unit){i, i + 1, from, to}, err));
            from = to;
        }
        i++;
    }
    return BL_OK;
}

/* Units that are counted together, from `first` on. */
typedef struct round_of {
    bl_bpe_trainer *t;
    const bl_span *documents;
    size_t first;
} round_of;

static void count_units(void *user, size_t first, size_t last, size_t member)
{
    const round_of *r = user;
    words_worker *w = &r->t->worker[member];
    for (size_t i = first; i < last && w->status == BL_OK; i++)
        count_unit(r->t, &r->t->units[r->first + i], r->documents, w);
}

/* Units in rounds: between them no thread is at work, so the caller's function may do what it
 * likes. */
bl_status bl_bpe_trainer_feed(bl_bpe_trainer *t, const bl_span *documents, size_t count,
                              bl_progress_fn *progress, void *user, bl_error *err)
{
    if (!t->worker)
        return bl_fail(err, BL_EINVAL, "the trainer has already finished");
    BL_TRY(check_utf8(t, documents, count, err));
    BL_TRY(plan(t, documents, count, err));
    for (size_t i = 0; i < t->threads; i++)
        t->worker[i].status = BL_OK;
    round_of r = {t, documents, 0};
    while (r.first < t->unit_count) {
        size_t left = t->unit_count - r.first, most = ROUND_UNITS * t->threads;
        size_t now = left < most ? left : most;
        bl_team_deal(t->threads, now, count_units, &r);
        for (size_t i = 0; i < t->threads; i++)
            if (t->worker[i].status != BL_OK)
                return bl_fail(err, t->worker[i].status, "%s", t->worker[i].error.message);
        r.first += now;
        if (progress && progress(user, "words", r.first, t->unit_count, "units") != 0)
            return bl_fail(err, BL_EINTERRUPTED, "stopped while counting words");
    }
    return BL_OK;
}

bl_status bl_bpe_trainer_finish(bl_bpe_trainer *t, bl_progress_fn *progress, void *user,
                                bl_tokenizer **result, bl_error *err)
{
    *result = NULL;
    if (!t->worker)
        return bl_fail(err, BL_EINVAL, "the trainer has already finished");
    bl_status status = BL_OK;
    for (size_t i = 0; i < t->threads && status == BL_OK; i++)
        status = pour(t, &t->worker[i].own, err);
    release_workers(t);
    BL_TRY(status);
    bl_wordcount words[BL_WORD_SHARDS];
    for (int i = 0; i < BL_WORD_SHARDS; i++) {
        words[i] = t->shard[i].words;
        t->shard[i].words = (bl_wordcount){0};
    }
    bl_tokenizer *made = NULL;
    status = bl_tokenizer_new(&made, err);
    if (status == BL_OK)
        status = bl_merges_learn(words, &t->options, made, progress, user, err);
    for (int i = 0; i < BL_WORD_SHARDS; i++)
        bl_wordcount_release(&words[i]);
    if (status == BL_OK)
        status = bl_tokenizer_bind(made, "the trained tokenizer", err);
    if (status != BL_OK) {
        bl_tokenizer_close(made);
        return status;
    }
    *result = made;
    return BL_OK;
}
