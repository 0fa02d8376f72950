/* How far the data of a run has been read. */
#include "train/trainer.h"

#include <math.h>

void bl_trainer_note_place(bl_trainer *t, const bl_mix_cursor *place)
{
    bl_train_state *s = &t->state;
    if (!s->part_count) {
        s->epoch = place->at[0].epoch;
        s->position = place->at[0].position;
        return;
    }
    s->epoch = 0;
    s->position = place->windows;
    for (size_t i = 0; i < s->part_count; i++) {
        bl_train_part *part = &s->part[i];
        part->epoch = place->at[i].epoch;
        part->position = place->at[i].position;
        part->tokens_read += (place->taken[i] - part->windows) * t->o.context;
        part->windows = place->taken[i];
    }
}

void bl_trainer_fill_corpora(const bl_trainer *t, bl_train_event *event,
                             bl_train_corpus corpora[BL_MIX_MOST])
{
    if (t->data->count < 2)
        return;
    for (size_t i = 0; i < t->data->count; i++) {
        const bl_train_part *part = &t->state.part[i];
        double turn = (double)part->position / (double)bl_mix_windows(t->mix, i);
        if (t->blocks.carried.row) /* the loader only counts the rows that began */
            turn = (double)part->tokens_read / (double)part->tokens - (double)part->epoch;
        corpora[i] = (bl_train_corpus){.size = sizeof *corpora,
                                       .dir = t->data->dir[i],
                                       .weight = t->data->weight[i],
                                       .tokens = part->tokens_read,
                                       .epochs = (double)part->epoch + turn,
                                       .loss = (double)NAN};
    }
    event->corpora = corpora;
    event->corpus_count = t->data->count;
}
