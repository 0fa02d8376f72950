/* Evaluation on the validation data of a run. */
#include "infer/evaluate.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>

static int has_window(const bl_trainer *t, size_t i)
{
    const bl_data_split *val = &t->data->data[i]->meta.split[BL_DATA_VAL];
    return val->tokens > t->o.context && (val->counted || !*val->mask_hash);
}

int bl_trainer_can_evaluate(const bl_trainer *t)
{
    for (size_t i = 0; i < t->data->count; i++)
        if (has_window(t, i))
            return 1;
    return 0;
}

/* The most tokens of folder i, its part of eval_tokens; 0: all. */
static uint64_t most_tokens(const bl_trainer *t, size_t i)
{
    double all = (double)bl_corpora_tokens(t->data, BL_DATA_VAL);
    double share = (double)t->data->data[i]->meta.split[BL_DATA_VAL].tokens / all;
    uint64_t most = (uint64_t)((double)t->o.eval_tokens * share);
    return t->o.eval_tokens && !most ? 1 : most;
}

/* The mean loss over the validation data of all folders, weighted by tokens, and of each. */
static bl_status measure(bl_trainer *t, bl_progress_fn *progress, bl_train_event *event,
                         bl_train_corpus corpora[BL_MIX_MOST], uint64_t *count, bl_error *err)
{
    double nats = 0;
    uint64_t tokens = 0, bytes = 0;
    int masked = 0;
    *event = (bl_train_event){.kind = BL_TRAIN_EVAL};
    *count = 0;
    bl_trainer_fill_corpora(t, event, corpora);
    for (size_t i = 0; i < t->data->count; i++) {
        const bl_data_split *val = &t->data->data[i]->meta.split[BL_DATA_VAL];
        const bl_token_file *file = t->data->data[i]->split[BL_DATA_VAL];
        double its_nats;
        uint64_t its_count;
        if (!has_window(t, i))
            continue;
        BL_TRY(bl_token_file_still(file, err));
        BL_TRY(bl_evaluate_windows(&t->blocks.net, &t->blocks.eval, file, most_tokens(t, i),
                                   progress, t, NULL, &its_nats, &its_count, err));
        if (!event->layers)
            BL_TRY(bl_trainer_fill_layers(t, event, file, most_tokens(t, i), err));
        if (event->corpora)
            corpora[i].loss = its_nats / (double)its_count;
        nats += its_nats;
        *count += its_count;
        tokens += val->tokens;
        bytes += val->bytes;
        masked |= *val->mask_hash != 0;
    }
    event->loss = nats / (double)*count;
    if (bytes && !masked) /* how many bytes the answers have is not known */
        event->bits_per_byte = event->loss / log(2.0) * (double)tokens / (double)bytes;
    return BL_OK;
}

bl_status bl_trainer_evaluate(bl_trainer *t, bl_progress_fn *progress, bl_evaluation *found,
                              bl_error *err)
{
    bl_train_event event;
    bl_train_corpus corpora[BL_MIX_MOST];
    *found = (bl_evaluation){.best = 0};
    BL_TRY(measure(t, progress, &event, corpora, &found->tokens, err));
    found->loss = event.loss;
    found->bits_per_byte = event.bits_per_byte;
    bl_outputs_report(&t->outputs, &event);
    if (!isfinite(event.loss))
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING,
                       "step %" PRIu64 ": the validation loss is not a number; this is no "
                       "best checkpoint",
                       t->state.step);
    if (isfinite(event.loss) && (!t->state.best_step || event.loss < t->state.best_loss)) {
        t->state.best_loss = event.loss;
        t->state.best_step = t->state.step;
        found->best = 1;
    }
    return BL_OK;
}
