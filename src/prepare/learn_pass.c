/* The first pass: copies are found, documents counted, and the tokenizer learned. */
#include "core/alloc.h"
#include "core/team.h"
#include "prepare/preparation.h"
#include "text/bpe/bpe.h"

static bl_status drop_copies(bl_preparation *p, bl_dedup *dedup, bl_error *err)
{
    bl_prepare_batch *b = &p->batch;
    if (!dedup)
        return BL_OK;
    BL_TRY(bl_dedup_look(dedup, b->doc, b->hash, b->count, b->copy, err));
    BL_TRY(bl_grow(&p->dropped, &p->dropped_cap, (size_t)(p->read + b->count) / 8 + 1, 1, err));
    for (size_t i = 0; i < b->count; i++) {
        uint64_t n = p->read + i;
        if (n % 8 == 0)
            p->dropped[n / 8] = 0;
        if (b->copy[i] != BL_COPY_NONE)
            p->dropped[n / 8] |= (unsigned char)(1 << n % 8);
        p->result.exact_duplicates += b->copy[i] == BL_COPY_EXACT;
        p->result.near_duplicates += b->copy[i] == BL_COPY_NEAR;
    }
    return BL_OK;
}

/* What is learned from: documents, or what is text in conversations. */
static bl_status feed(bl_preparation *p, bl_bpe_trainer *trainer, size_t kept, bl_error *err)
{
    const bl_span *text = p->batch.doc;
    size_t count = kept;
    if (p->batch.talks) {
        BL_TRY(bl_prepare_stretch(p, kept, err));
        text = p->stretches.text;
        count = p->stretches.count;
    }
    return bl_bpe_trainer_feed(trainer, text, count, bl_prepare_ask_progress, p, err);
}

static bl_status open_trainer(bl_preparation *p, bl_bpe_trainer **trainer, bl_error *err)
{
    bl_bpe_options bpe = {.vocab_size = p->job->options->vocab_size,
                          .min_frequency = p->job->options->min_frequency,
                          .threads = p->job->options->threads};
    p->specials = bl_chosen_template_markers(&p->chosen, &bpe.specials_count, err);
    if (!p->specials)
        return BL_ENOMEM;
    bpe.specials = p->specials;
    if (bl_prepare_talks(p))
        BL_TRY(bl_chosen_template_seek(&p->chosen, bpe.specials, bpe.specials_count, err));
    return bl_bpe_trainer_open(trainer, &bpe, err);
}

static bl_status read_all(bl_preparation *p, bl_bpe_trainer *trainer, bl_dedup *dedup,
                          bl_error *err)
{
    BL_TRY(bl_prepare_begin_pass(p, "reading", err));
    for (;;) {
        BL_TRY(bl_prepare_read(p, err));
        if (p->batch.count == 0)
            return BL_OK;
        BL_TRY(drop_copies(p, dedup, err));
        p->read += p->batch.count;
        size_t kept = bl_prepare_keep_originals(&p->batch);
        if (trainer && !(p->batch.aside && bl_prepare_validation(p)))
            BL_TRY(feed(p, trainer, kept, err));
        for (size_t i = 0; i < kept; i++)
            bl_split_note(&p->split, bl_prepare_is_drawn(p, p->batch.hash[i]),
                          p->batch.doc[i].bytes);
    }
}

/* There are documents, and on both sides if `validation` gives one. */
static bl_status check_sides(const bl_preparation *p, bl_error *err)
{
    const char *validation = bl_prepare_validation(p);
    const char *empty = NULL;
    if (validation && !p->split.drawn)
        empty = validation;
    else if (p->split.documents == (validation ? p->split.drawn : 0))
        empty = p->meta.source;
    return empty ? bl_fail(err, BL_EFORMAT, "%s: no documents (files taken: %s)", empty,
                           p->job->options->glob)
                 : BL_OK;
}

bl_status bl_prepare_learn(bl_preparation *p, bl_error *err)
{
    bl_bpe_trainer *trainer = NULL;
    bl_dedup *dedup = NULL;
    bl_status status = BL_OK;
    size_t threads = bl_threads(p->job->options->threads);
    if (p->job->options->tokenizer[0]) {
        BL_TRY(bl_tokenizer_open(&p->tokenizer, p->job->options->tokenizer, err));
        BL_TRY(bl_token_roles_find(&p->meta.roles, p->tokenizer, p->job->options->tokenizer,
                                   p->job->options->eos, err));
    }
    BL_TRY(bl_prepare_open_template(p, err));
    if (!p->tokenizer)
        BL_TRY(open_trainer(p, &trainer, err));
    else if (bl_prepare_talks(p))
        BL_TRY(bl_chosen_template_seek_all(&p->chosen, p->tokenizer, err));
    if (p->job->options->dedup != BL_DEDUP_NONE)
        BL_TRY_GOTO(status,
                    bl_dedup_open(
                        &dedup, p->job->options->dedup == BL_DEDUP_NEAR ? p->job->options->near : 0,
                        threads, err),
                    done);
    BL_TRY_GOTO(status, read_all(p, trainer, dedup, err), done);
    BL_TRY_GOTO(status, check_sides(p, err), done);
    bl_dedup_close(dedup);
    dedup = NULL;
    if (trainer)
        status = bl_bpe_trainer_finish(trainer, p->job->progress, p->job->user, &p->tokenizer, err);
done:
    bl_dedup_close(dedup);
    bl_bpe_trainer_close(trainer);
    return status;
}
