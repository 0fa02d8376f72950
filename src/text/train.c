/* The BPE trainer's first half: documents into words and their counts. */
#include "text/train.h"
#include "core/alloc.h"
#include "text/text.h"

struct bl_bpe_trainer {
    bl_bpe_options options;
    bl_splitter *splitter;
    bl_split_work split;
    bl_word_counts words;
};

bl_status bl_bpe_trainer_open(bl_bpe_trainer **t, const bl_bpe_options *options, bl_error *err)
{
    *t = NULL;
    if (options->vocab_size > INT32_MAX)
        return bl_fail(err, BL_EINVAL, "a vocabulary of %zu is past %ld", options->vocab_size,
                       (long)INT32_MAX);
    bl_bpe_trainer *made = bl_calloc(1, sizeof *made);
    if (!made)
        return bl_fail(err, BL_ENOMEM, "out of memory for the tokenizer's trainer");
    made->options = *options;
    bl_status status = bl_splitter_open(&made->splitter, err);
    if (status == BL_OK)
        status = bl_split_work_init(&made->split, err);
    if (status != BL_OK) {
        bl_bpe_trainer_close(made);
        return status;
    }
    *t = made;
    return BL_OK;
}

void bl_bpe_trainer_close(bl_bpe_trainer *t)
{
    if (!t)
        return;
    bl_splitter_close(t->splitter);
    bl_split_work_release(&t->split);
    bl_strtab_release(&t->words.text);
    bl_free(t->words.count);
    bl_free(t);
}

static bl_status count_word(void *user, const char *word, size_t bytes, bl_error *err)
{
    bl_word_counts *w = user;
    size_t number, before = w->text.count;
    BL_TRY(bl_grow(&w->count, &w->count_cap, before + 1, sizeof *w->count, err));
    BL_TRY(bl_strtab_add(&w->text, word, bytes, &number, err));
    if (number == before)
        w->count[number] = 0;
    w->count[number]++;
    return BL_OK;
}

bl_status bl_bpe_trainer_feed(bl_bpe_trainer *t, const bl_span *documents, size_t count,
                              bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bl_span d = documents[i];
        size_t invalid = bl_utf8_invalid(d.text, d.bytes);
        if (invalid < d.bytes)
            return bl_fail(err, BL_EFORMAT, "the document is not UTF-8 at byte %zu", invalid);
        BL_TRY(bl_splitter_run(t->splitter, &t->split, d.text, d.bytes, 1, count_word, &t->words,
                               err));
    }
    return BL_OK;
}

bl_status bl_bpe_trainer_finish(bl_bpe_trainer *t, bl_progress_fn *progress, void *user,
                                bl_tokenizer **result, bl_error *err)
{
    *result = NULL;
    bl_tokenizer *made = NULL;
    bl_status status = bl_tokenizer_new(&made, err);
    if (status == BL_OK)
        status = bl_merges_learn(&t->words, &t->options, made, progress, user, err);
    if (status == BL_OK)
        status = bl_tokenizer_bind(made, "the trained tokenizer", err);
    if (status != BL_OK) {
        bl_tokenizer_close(made);
        return status;
    }
    *result = made;
    return BL_OK;
}
