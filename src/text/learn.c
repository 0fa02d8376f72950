/* The BPE trainer's second half: the most frequent pair of symbols becomes a new token, again and
 * again, until the vocabulary is full.
 *
 * Words are stored once with their counts.  Every pair knows its count and, while it waits in the
 * queue, the words that may hold it, so a merge visits only those; it changes the counts of the
 * pairs to its left and right there, and the pairs it newly forms join the queue.  Queued counts
 * may be out of date; that is noticed when an entry comes out, and it goes back with the true one.
 *
 * Three rules are Hugging Face's trainer's: the count of a merged pair stays as it was; a token
 * that two different pairs spell is one token; a pair that comes up again is merged again, its last
 * place in the list counting.  No corpus tried so far reaches the last two, since equal letters are
 * always joined in the same way; they are here because nothing proves that none does.
 */
#include "core/alloc.h"
#include "text/bytechars.h"
#include "text/heap.h"
#include "text/train.h"
#include "text/utf8.h"

#include <string.h>

/* A pair of adjacent symbols. */
typedef struct pair {
    uint32_t left, right;
    int64_t count;
    uint32_t *words; /* words in which it was formed since it was last queued, rising */
    size_t words_count, words_cap;
} pair;

/* A pair in the queue, with the words to visit; owns them. */
typedef struct entry {
    uint64_t count;
    uint32_t left, right;
    uint32_t *words;
    uint32_t words_count;
    uint32_t number; /* of the pair */
} entry;

typedef struct learner {
    bl_tokenizer *t;
    uint64_t *word_count;
    uint32_t *symbols; /* of all words, one after the other */
    size_t *start;     /* [words + 1] */
    uint32_t *length;  /* [words] symbols left */
    pair *pairs;
    size_t pairs_count, pairs_cap;
    bl_pairmap numbers; /* pair of symbols -> place in pairs */
    uint32_t *fresh;    /* pairs whose `words` is not empty */
    size_t fresh_count, fresh_cap;
    bl_heap queue;
    size_t merges_cap;
    bl_buf joined;
} learner;

/* The highest count first, then the smallest pair. */
static int before(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count;
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static bl_status add_token(bl_tokenizer *t, const char *token, size_t bytes, uint32_t *id,
                           bl_error *err)
{
    size_t number;
    BL_TRY(bl_strtab_add(&t->tokens, token, bytes, &number, err));
    *id = (uint32_t)number;
    return BL_OK;
}

/* The specials, then the 256 byte characters by code point. */
static bl_status add_alphabet(bl_tokenizer *t, uint32_t byte_id[256], bl_error *err)
{
    static const char *const specials[] = {BL_TOKEN_END_OF_TEXT, BL_TOKEN_PADDING};
    enum { SPECIALS = sizeof specials / sizeof specials[0] };
    t->added = bl_calloc(SPECIALS, sizeof *t->added);
    if (!t->added)
        return bl_fail(err, BL_ENOMEM, "out of memory for the special tokens");
    t->added_count = SPECIALS;
    for (size_t i = 0; i < SPECIALS; i++) {
        BL_TRY(add_token(t, specials[i], strlen(specials[i]), &t->added[i].id, err));
        t->added[i].special = 1;
    }
    for (uint32_t code = 0; code < BL_BYTECHAR_END; code++) {
        char spelled[2];
        int byte = bl_bytechar_byte(code);
        if (byte >= 0)
            BL_TRY(add_token(t, spelled, bl_utf8_put(code, spelled), &byte_id[byte], err));
    }
    return BL_OK;
}

/* Adds to the count of a pair; what grows was formed in `word` and has to be visited there. */
static bl_status change_count(learner *l, uint32_t left, uint32_t right, int64_t change,
                              uint32_t word, bl_error *err)
{
    uint32_t number = (uint32_t)l->pairs_count;
    BL_TRY(bl_pairmap_add(&l->numbers, left, right, &number, err));
    if (number == l->pairs_count) {
        BL_TRY(bl_grow(&l->pairs, &l->pairs_cap, l->pairs_count + 1, sizeof *l->pairs, err));
        l->pairs[l->pairs_count++] = (pair){.left = left, .right = right};
    }
    pair *p = &l->pairs[number];
    p->count += change;
    if (change < 0 || (p->words_count && p->words[p->words_count - 1] == word))
        return BL_OK;
    if (p->words_count == 0) {
        BL_TRY(bl_grow(&l->fresh, &l->fresh_cap, l->fresh_count + 1, sizeof *l->fresh, err));
        l->fresh[l->fresh_count++] = number;
    }
    BL_TRY(bl_grow(&p->words, &p->words_cap, p->words_count + 1, sizeof *p->words, err));
    p->words[p->words_count++] = word;
    return BL_OK;
}

/* Moves the pairs formed since the last time into the queue. */
static bl_status queue_fresh(learner *l, bl_error *err)
{
    for (; l->fresh_count > 0; l->fresh_count--) {
        uint32_t number = l->fresh[l->fresh_count - 1];
        pair *p = &l->pairs[number];
        if (p->count > 0) {
            entry e = {(uint64_t)p->count,       p->left, p->right, p->words,
                       (uint32_t)p->words_count, number};
            BL_TRY(bl_heap_push(&l->queue, &e, err));
        } else {
            bl_free(p->words);
        }
        p->words = NULL;
        p->words_count = p->words_cap = 0;
    }
    return BL_OK;
}

/* Words as symbols, one a byte, and the counts of all pairs. */
static bl_status load_words(learner *l, const bl_word_counts *words, const uint32_t byte_id[256],
                            bl_error *err)
{
    size_t count = words->text.count, total = words->text.bytes.len - count;
    l->word_count = words->count;
    l->symbols = bl_calloc(total, sizeof *l->symbols);
    l->start = bl_calloc(count + 1, sizeof *l->start);
    l->length = bl_calloc(count, sizeof *l->length);
    if (!l->symbols || !l->start || !l->length || count >= UINT32_MAX)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu words of %zu bytes", count, total);
    for (size_t w = 0; w < count; w++) {
        size_t n;
        const char *word = bl_strtab_get(&words->text, w, &n);
        if (n >= UINT32_MAX)
            return bl_fail(err, BL_EUNSUPPORTED, "a word of %zu bytes is too long", n);
        uint32_t *symbol = l->symbols + l->start[w];
        l->length[w] = (uint32_t)n;
        l->start[w + 1] = l->start[w] + n;
        for (size_t i = 0; i < n; i++)
            symbol[i] = byte_id[(unsigned char)word[i]];
        for (size_t i = 0; i + 1 < n; i++)
            BL_TRY(change_count(l, symbol[i], symbol[i + 1], (int64_t)words->count[w], (uint32_t)w,
                                err));
    }
    return queue_fresh(l, err);
}

/* Merges (left, right) into `made` in one word, from left to right; what stands before it is
 * already merged, what stands after it not yet. */
static bl_status merge_in_word(learner *l, uint32_t word, uint32_t left, uint32_t right,
                               uint32_t made, bl_error *err)
{
    uint32_t *s = l->symbols + l->start[word];
    int64_t count = (int64_t)l->word_count[word];
    size_t n = l->length[word], kept = 0;
    for (size_t i = 0; i < n; i++, kept++) {
        if (s[i] != left || i + 1 == n || s[i + 1] != right) {
            s[kept] = s[i];
            continue;
        }
        if (kept > 0) {
            BL_TRY(change_count(l, s[kept - 1], left, -count, word, err));
            BL_TRY(change_count(l, s[kept - 1], made, count, word, err));
        }
        if (i + 2 < n) {
            BL_TRY(change_count(l, right, s[i + 2], -count, word, err));
            BL_TRY(change_count(l, made, s[i + 2], count, word, err));
        }
        s[kept] = made;
        i++;
    }
    l->length[word] = (uint32_t)kept;
    return BL_OK;
}

/* The token that a pair spells, new or not, and the merge. */
static bl_status add_merge(learner *l, const entry *e, uint32_t *made, bl_error *err)
{
    bl_tokenizer *t = l->t;
    size_t n;
    bl_buf_clear(&l->joined);
    const char *half = bl_strtab_get(&t->tokens, e->left, &n);
    bl_buf_append(&l->joined, half, n);
    half = bl_strtab_get(&t->tokens, e->right, &n);
    bl_buf_append(&l->joined, half, n);
    BL_TRY(bl_buf_status(&l->joined, err));
    BL_TRY(add_token(t, l->joined.data, l->joined.len, made, err));
    BL_TRY(bl_grow(&t->merges, &l->merges_cap, t->merge_count + 1, sizeof *t->merges, err));
    t->merges[t->merge_count++] = (bl_merge){e->left, e->right, *made};
    return BL_OK;
}

static bl_status merge_until_full(learner *l, const bl_bpe_options *options,
                                  bl_progress_fn *progress, void *user, bl_error *err)
{
    uint64_t least = options->min_frequency > 1 ? options->min_frequency : 1;
    size_t bytes = l->t->tokens.count;
    size_t total = options->vocab_size > bytes ? options->vocab_size - bytes : 0;
    entry e;
    while (l->t->tokens.count < options->vocab_size && bl_heap_pop(&l->queue, &e)) {
        uint64_t count = (uint64_t)l->pairs[e.number].count;
        if (e.count != count) {
            e.count = count;
            bl_status pushed = bl_heap_push(&l->queue, &e, err);
            if (pushed != BL_OK)
                bl_free(e.words);
            BL_TRY(pushed);
            continue;
        }
        size_t done = l->t->tokens.count - bytes;
        bl_status status = BL_OK;
        uint32_t made = 0;
        if (progress && done % 64 == 0 && progress(user, "merges", done, total, "merges") != 0)
            status = bl_fail(err, BL_EINTERRUPTED, "stopped after %zu merges", done);
        if (status == BL_OK && count >= least)
            status = add_merge(l, &e, &made, err);
        for (size_t i = 0; i < e.words_count && count >= least && status == BL_OK; i++)
            status = merge_in_word(l, e.words[i], e.left, e.right, made, err);
        bl_free(e.words);
        BL_TRY(status);
        if (count < least)
            break;
        BL_TRY(queue_fresh(l, err));
    }
    if (progress)
        (void)progress(user, "merges", l->t->tokens.count - bytes, total, "merges");
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
    entry e;
    while (bl_heap_pop(&l->queue, &e))
        bl_free(e.words);
    for (size_t i = 0; i < l->pairs_count; i++)
        bl_free(l->pairs[i].words);
    bl_heap_release(&l->queue);
    bl_free(l->symbols);
    bl_free(l->start);
    bl_free(l->length);
    bl_free(l->pairs);
    bl_free(l->fresh);
    bl_pairmap_release(&l->numbers);
    bl_buf_release(&l->joined);
}

bl_status bl_merges_learn(const bl_word_counts *words, const bl_bpe_options *options,
                          bl_tokenizer *t, bl_progress_fn *progress, void *user, bl_error *err)
{
    learner l = {.t = t};
    uint32_t byte_id[256];
    bl_heap_init(&l.queue, sizeof(entry), before);
    bl_status status = add_alphabet(t, byte_id, err);
    if (status == BL_OK)
        status = load_words(&l, words, byte_id, err);
    if (status == BL_OK)
        status = merge_until_full(&l, options, progress, user, err);
    if (status == BL_OK)
        status = drop_repeated(t, err);
    t->vocab_count = t->tokens.count;
    release(&l);
    return status;
}
