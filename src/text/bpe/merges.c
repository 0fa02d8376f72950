/* The BPE trainer's second half: the most frequent pair of symbols becomes a new token, again and
 * again, until the vocabulary is full.
 *
 * Words are records in one array: length, count, symbols; a word is the place of its record.  Every
 * pair knows its count and, while it waits in the queue, a stretch of one growing list with the
 * words that may hold it, so a merge visits only those; it changes the counts of the pairs to its
 * left and right there, and the pairs it newly forms join the queue.  Queued counts
 * may be out of date; that is noticed when an entry comes out, and it goes back with the true one.
 *
 * Three rules are Hugging Face's trainer's: the count of a merged pair stays as it was; a token
 * that two different pairs spell is one token; a pair that comes up again is merged again, its last
 * place in the list counting.  No corpus tried so far needs the last two, since equal letters are
 * always joined in the same way; they are here because nothing proves that none ever will. */
#include "core/alloc.h"
#include "text/bpe/halves.h"
#include "text/bpe/heap.h"

#include <string.h>

enum { HEADER = 3, NOTICE = 64 }; /* of a record: its symbols, and the two halves of its count */

/* A pair of adjacent symbols. */
typedef struct pair {
    uint32_t left, right;
    int64_t count;
    uint32_t formed, fresh; /* in this step: in how many words, and its place in `fresh` */
    uint32_t last;          /* the last of these words */
} pair;

/* A pair in the queue, with the words to visit: lists[start .. start + words - 1]. */
typedef struct entry {
    uint64_t count;
    uint32_t left, right;
    size_t start;
    uint32_t words;
    uint32_t number; /* of the pair */
} entry;

/* A pair formed in a word in this step. */
typedef struct forming {
    uint32_t number, word;
} forming;

/* A pair formed in this step, and where the next of its words goes (SIZE_MAX: nowhere). */
typedef struct fresh_pair {
    uint32_t number;
    size_t to;
} fresh_pair;

typedef struct learner {
    bl_tokenizer *t;
    const bl_bpe_options *options;
    uint32_t *records; /* a word each: how many symbols, its count, and the symbols */
    size_t records_len;
    uint32_t *lists;
    size_t lists_len, lists_cap;
    unsigned char *byte_of; /* [first tokens] the byte of a byte character */
    uint32_t *length;       /* [tokens] characters */
    size_t length_cap;
    pair *pairs;
    size_t pairs_count, pairs_cap;
    bl_pairmap numbers; /* pair of symbols -> place in pairs */
    forming *forming;
    size_t forming_count, forming_cap;
    fresh_pair *fresh;
    size_t fresh_count, fresh_cap;
    bl_heap queue;
    size_t merges_cap;
    bl_buf joined;
    bl_progress_fn *progress;
    void *user;
} learner;

/* The highest count first, then the smallest pair. */
static int before(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count;
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static bl_status notice(const learner *l, size_t done, size_t total, bl_error *err)
{
    if (l->progress && l->progress(l->user, "merges", done, total, "merges") != 0)
        return bl_fail(err, BL_EINTERRUPTED, "stopped after %zu merges", done);
    return BL_OK;
}

/* ---- words and their first pairs ---- */

/* Words as records of symbols; those with fewer than two symbols left have no pairs. */
static bl_status load_words(learner *l, bl_wordcount *words, bl_error *err)
{
    uint64_t seen[256] = {0};
    uint32_t byte_id[256];
    size_t room = 0;
    for (int k = 0; k < BL_WORD_SHARDS; k++) {
        room += words[k].text.len + HEADER * words[k].count;
        for (size_t i = 0; i < words[k].count; i++) {
            const bl_word_entry *e = &words[k].word[i];
            for (size_t j = 0; j < e->bytes; j++)
                seen[(unsigned char)words[k].text.data[e->start + j]] += e->count;
        }
    }
    BL_TRY(bl_alphabet_add(seen, l->options, l->t, byte_id, err));
    if (room >= UINT32_MAX)
        return bl_fail(err, BL_EUNSUPPORTED, "too many different words: %zu bytes", room);
    l->byte_of = bl_calloc(l->t->tokens.count, 1);
    l->records = bl_calloc(room, sizeof *l->records);
    for (int byte = 0; byte < 256 && l->byte_of; byte++)
        if (byte_id[byte] != BL_NO_BYTE_ID)
            l->byte_of[byte_id[byte]] = (unsigned char)byte;
    if (!l->records || !l->byte_of)
        return bl_fail(err, BL_ENOMEM, "out of memory: words of %zu bytes", room);
    for (int k = 0; k < BL_WORD_SHARDS; k++) {
        for (size_t i = 0; i < words[k].count; i++) {
            const bl_word_entry *e = &words[k].word[i];
            uint32_t *record = l->records + l->records_len, n = 0;
            for (size_t j = 0; j < e->bytes; j++) {
                uint32_t id = byte_id[(unsigned char)words[k].text.data[e->start + j]];
                record[HEADER + n] = id;
                n += id != BL_NO_BYTE_ID;
            }
            if (n < 2)
                continue;
            record[0] = n;
            memcpy(record + 1, &e->count, sizeof e->count);
            l->records_len += HEADER + n;
        }
        bl_wordcount_release(&words[k]);
        BL_TRY(notice(l, 0, 0, err));
    }
    return BL_OK;
}

/* The number of a pair, assigned when it is first met. */
static bl_status number_of(learner *l, uint32_t left, uint32_t right, uint32_t *number,
                           bl_error *err)
{
    *number = (uint32_t)l->pairs_count;
    BL_TRY(bl_pairmap_add(&l->numbers, left, right, number, err));
    if (*number == l->pairs_count) {
        BL_TRY(bl_grow(&l->pairs, &l->pairs_cap, l->pairs_count + 1, sizeof *l->pairs, err));
        l->pairs[l->pairs_count++] = (pair){.left = left, .right = right};
    }
    return BL_OK;
}

/* Goes through all pairs of the words; in the first pass (place NULL) it counts them, in the second
 * it makes the lists.  grid: the number of a pair of bytes + 1. */
static bl_status walk_pairs(learner *l, uint32_t *grid, size_t *place, bl_error *err)
{
    size_t step;
    for (size_t at = 0; at < l->records_len; at += step) {
        const uint32_t *record = l->records + at, *s = record + HEADER;
        int64_t count;
        memcpy(&count, record + 1, sizeof count);
        step = HEADER + record[0];
        for (size_t i = 0; i + 1 < record[0]; i++) {
            uint32_t *cell = &grid[l->byte_of[s[i]] << 8 | l->byte_of[s[i + 1]]];
            if (*cell == 0) {
                BL_TRY(number_of(l, s[i], s[i + 1], cell, err));
                ++*cell;
            }
            pair *p = &l->pairs[*cell - 1];
            if (!place)
                p->count += count;
            if (p->formed && p->last == (uint32_t)at)
                continue;
            p->formed++;
            p->last = (uint32_t)at;
            if (place)
                l->lists[place[*cell - 1]++] = (uint32_t)at;
        }
    }
    return BL_OK;
}

static bl_status queue_first(learner *l, uint32_t *grid, bl_error *err)
{
    BL_TRY(walk_pairs(l, grid, NULL, err));
    size_t *place = bl_calloc(l->pairs_count, sizeof *place);
    if (!place)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu pairs", l->pairs_count);
    bl_status status = BL_OK;
    for (size_t i = 0; i < l->pairs_count && status == BL_OK; i++) {
        pair *p = &l->pairs[i];
        entry e = {(uint64_t)p->count, p->left, p->right, l->lists_len, p->formed, (uint32_t)i};
        place[i] = l->lists_len;
        l->lists_len += p->formed;
        p->formed = 0;
        status = bl_heap_push(&l->queue, &e, err);
    }
    l->lists = bl_calloc(l->lists_len, sizeof *l->lists);
    l->lists_cap = l->lists_len;
    if (status == BL_OK && !l->lists)
        status = bl_fail(err, BL_ENOMEM, "out of memory: lists of %zu words", l->lists_len);
    if (status == BL_OK)
        status = walk_pairs(l, grid, place, err);
    for (size_t i = 0; i < l->pairs_count; i++)
        l->pairs[i].formed = 0;
    bl_free(place);
    return status;
}

/* All pairs of the words into the queue. */
static bl_status count_pairs(learner *l, bl_error *err)
{
    uint32_t *grid = bl_calloc(1 << 16, sizeof *grid);
    if (!grid)
        return bl_fail(err, BL_ENOMEM, "out of memory for the pairs of bytes");
    bl_status status = queue_first(l, grid, err);
    bl_free(grid);
    return status;
}

/* ---- merges ---- */

static bl_status lower_count(learner *l, uint32_t left, uint32_t right, int64_t count,
                             bl_error *err)
{
    uint32_t number;
    BL_TRY(number_of(l, left, right, &number, err));
    l->pairs[number].count -= count;
    return BL_OK;
}

/* A pair is formed in `word`, where it has to be visited if it is merged. */
static bl_status raise_count(learner *l, uint32_t left, uint32_t right, int64_t count,
                             uint32_t word, bl_error *err)
{
    uint32_t number;
    size_t most = l->options->max_token_length;
    if (most && (size_t)l->length[left] + l->length[right] >= most)
        return BL_OK;
    BL_TRY(number_of(l, left, right, &number, err));
    pair *p = &l->pairs[number];
    p->count += count;
    if (p->formed && p->last == word)
        return BL_OK;
    if (!p->formed) {
        BL_TRY(bl_grow(&l->fresh, &l->fresh_cap, l->fresh_count + 1, sizeof *l->fresh, err));
        p->fresh = (uint32_t)l->fresh_count;
        l->fresh[l->fresh_count++] = (fresh_pair){number, SIZE_MAX};
    }
    BL_TRY(bl_grow(&l->forming, &l->forming_cap, l->forming_count + 1, sizeof *l->forming, err));
    l->forming[l->forming_count++] = (forming){number, word};
    p->formed++;
    p->last = word;
    return BL_OK;
}

/* Moves the pairs formed in this step into the queue. */
static bl_status queue_fresh(learner *l, bl_error *err)
{
    size_t want = l->lists_len + l->forming_count;
    BL_TRY(bl_grow(&l->lists, &l->lists_cap, want, sizeof *l->lists, err));
    for (size_t i = 0; i < l->fresh_count; i++) {
        fresh_pair *f = &l->fresh[i];
        const pair *p = &l->pairs[f->number];
        if (p->count <= 0)
            continue;
        entry e = {(uint64_t)p->count, p->left, p->right, l->lists_len, p->formed, f->number};
        BL_TRY(bl_heap_push(&l->queue, &e, err));
        f->to = l->lists_len;
        l->lists_len += p->formed;
    }
    for (size_t i = 0; i < l->forming_count; i++) {
        fresh_pair *f = &l->fresh[l->pairs[l->forming[i].number].fresh];
        if (f->to != SIZE_MAX)
            l->lists[f->to++] = l->forming[i].word;
    }
    for (size_t i = 0; i < l->fresh_count; i++)
        l->pairs[l->fresh[i].number].formed = 0;
    l->forming_count = l->fresh_count = 0;
    return BL_OK;
}

/* Merges (left, right) into `made` in one word, from left to right; what is before it is already
 * merged, what is after it is not. */
static bl_status merge_in_word(learner *l, uint32_t word, uint32_t left, uint32_t right,
                               uint32_t made, bl_error *err)
{
    uint32_t *record = l->records + word, *s = record + HEADER;
    int64_t count;
    size_t n = record[0], kept = 0;
    memcpy(&count, record + 1, sizeof count);
    for (size_t i = 0; i < n; i++, kept++) {
        if (s[i] != left || i + 1 == n || s[i + 1] != right) {
            s[kept] = s[i];
            continue;
        }
        if (kept > 0) {
            BL_TRY(lower_count(l, s[kept - 1], left, count, err));
            BL_TRY(raise_count(l, s[kept - 1], made, count, word, err));
        }
        if (i + 2 < n) {
            BL_TRY(lower_count(l, right, s[i + 2], count, err));
            BL_TRY(raise_count(l, made, s[i + 2], count, word, err));
        }
        s[kept] = made;
        i++;
    }
    record[0] = (uint32_t)kept;
    return BL_OK;
}

/* How many characters each token has that `length` does not know yet. */
static bl_status measure(learner *l, size_t from, bl_error *err)
{
    size_t count = l->t->tokens.count, n;
    BL_TRY(bl_grow(&l->length, &l->length_cap, count, sizeof *l->length, err));
    for (size_t id = from; id < count; id++) {
        const char *token = bl_strtab_get(&l->t->tokens, id, &n);
        l->length[id] = 0;
        for (size_t i = 0; i < n; i++)
            l->length[id] += ((unsigned char)token[i] & 0xC0) != 0x80;
    }
    return BL_OK;
}

/* The token that a pair spells, new or not, and its merge. */
static bl_status add_merge(learner *l, const entry *e, uint32_t *made, bl_error *err)
{
    bl_tokenizer *t = l->t;
    size_t n, known = t->tokens.count;
    bl_buf_clear(&l->joined);
    const char *half = bl_strtab_get(&t->tokens, e->left, &n);
    bl_buf_append(&l->joined, half, n);
    half = bl_strtab_get(&t->tokens, e->right, &n);
    bl_buf_append(&l->joined, half, n);
    BL_TRY(bl_buf_status(&l->joined, err));
    BL_TRY(bl_strtab_add(&t->tokens, l->joined.data, l->joined.len, &n, err));
    BL_TRY(measure(l, known, err));
    *made = (uint32_t)n;
    BL_TRY(bl_grow(&t->merges, &l->merges_cap, t->merge_count + 1, sizeof *t->merges, err));
    t->merges[t->merge_count++] = (bl_merge){e->left, e->right, *made};
    return BL_OK;
}

static bl_status merge_until_full(learner *l, bl_error *err)
{
    uint64_t least = l->options->min_frequency > 1 ? l->options->min_frequency : 1;
    size_t vocab_size = l->options->vocab_size, first = l->t->tokens.count;
    size_t total = vocab_size > first ? vocab_size - first : 0;
    entry e;
    while (l->t->tokens.count < vocab_size && bl_heap_pop(&l->queue, &e)) {
        uint64_t count = (uint64_t)l->pairs[e.number].count;
        if (e.count != count) {
            e.count = count;
            BL_TRY(bl_heap_push(&l->queue, &e, err));
            continue;
        }
        if (count < least)
            break;
        size_t done = l->t->tokens.count - first;
        uint32_t made = 0;
        if (done % NOTICE == 0)
            BL_TRY(notice(l, done, total, err));
        BL_TRY(add_merge(l, &e, &made, err));
        for (size_t i = 0; i < e.words; i++)
            BL_TRY(merge_in_word(l, l->lists[e.start + i], e.left, e.right, made, err));
        BL_TRY(queue_fresh(l, err));
    }
    if (l->progress)
        (void)l->progress(l->user, "merges", l->t->tokens.count - first, total, "merges");
    return BL_OK;
}

/* Keeps the last of equal merges: that is the rank they have. */
static bl_status drop_repeated(bl_tokenizer *t, bl_error *err)
{
    bl_pairmap seen;
    bl_pairmap_init(&seen);
    bl_status status = BL_OK;
    size_t to = t->merge_count;
    for (size_t i = t->merge_count; i > 0 && status == BL_OK; i--) {
        bl_merge m = t->merges[i - 1];
        uint32_t first = (uint32_t)i;
        status = bl_pairmap_add(&seen, m.left, m.right, &first, err);
        if (first == i)
            t->merges[--to] = m;
    }
    t->merge_count -= to;
    if (to)
        memmove(t->merges, t->merges + to, t->merge_count * sizeof *t->merges);
    bl_pairmap_release(&seen);
    return status;
}

static void release(learner *l)
{
    bl_heap_release(&l->queue);
    bl_free(l->records);
    bl_free(l->lists);
    bl_free(l->byte_of);
    bl_free(l->length);
    bl_free(l->pairs);
    bl_free(l->forming);
    bl_free(l->fresh);
    bl_pairmap_release(&l->numbers);
    bl_buf_release(&l->joined);
}

bl_status bl_merges_learn(bl_wordcount words[BL_WORD_SHARDS], const bl_bpe_options *options,
                          bl_tokenizer *t, bl_progress_fn *progress, void *user, bl_error *err)
{
    learner l = {.t = t, .options = options, .progress = progress, .user = user};
    bl_heap_init(&l.queue, sizeof(entry), before);
    t->no_prefix_space = options->no_prefix_space;
    bl_status status = load_words(&l, words, err);
    if (status == BL_OK)
        status = measure(&l, 0, err);
    if (status == BL_OK)
        status = count_pairs(&l, err);
    if (status == BL_OK)
        status = merge_until_full(&l, err);
    if (status == BL_OK)
        status = drop_repeated(t, err);
    t->vocab_count = t->tokens.count;
    release(&l);
    return status;
}
