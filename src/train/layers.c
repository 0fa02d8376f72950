/* What the layers remember at an evaluation: for how long, and how far their states have moved
 * after a window. */
#include "core/alloc.h"
#include "data/loader.h"
#include "infer/feed.h"
#include "infer/heads.h"
#include "train/trainer.h"

enum { EVERY = 128 }; /* of the windows evaluated, so that it costs next to nothing */

bl_status bl_trainer_layers_open(bl_trainer *t, bl_error *err)
{
    const bl_dims *m = &t->blocks.net.m;
    t->layers = bl_calloc(m->L, sizeof *t->layers);
    t->heads = bl_calloc(m->L * m->H, sizeof *t->heads);
    t->window = bl_calloc(2 * t->o.context, sizeof *t->window);
    if (!t->layers || !t->heads || !t->window)
        return bl_fail(err, BL_ENOMEM, "out of memory for the records of %zu layers", m->L);
    return BL_OK;
}

void bl_trainer_layers_release(bl_trainer *t)
{
    bl_free(t->layers);
    bl_free(t->heads);
    bl_free(t->window);
}

/* Adds each layer's mean over its heads after one window. */
static bl_status add_window(bl_trainer *t, const bl_token_file *file, size_t i, bl_error *err)
{
    const bl_net *net = &t->blocks.net;
    size_t T = t->o.context, H = net->m.H;
    bl_state *s = &t->blocks.sample.state;
    BL_TRY(bl_windows_get(file, T, i, t->window, t->window + T, err));
    BL_TRY(bl_state_start(s, net, err));
    BL_TRY(bl_infer_feed(&t->blocks.reader, s, t->window, T, NULL, 0, err));
    BL_TRY(bl_heads_measure(net, s, t->heads, err));
    for (size_t k = 0; k < net->m.L * H; k++) {
        const bl_head_info *head = &t->heads[k];
        bl_train_layer *layer = &t->layers[k / H];
        layer->distance += head->distance / (double)H;
        if (k % H == 0 || head->half_life < layer->half_life_min)
            layer->half_life_min = head->half_life;
        if (k % H == 0 || head->half_life > layer->half_life_max)
            layer->half_life_max = head->half_life;
    }
    return BL_OK;
}

bl_status bl_trainer_fill_layers(bl_trainer *t, bl_train_event *event, const bl_token_file *file,
                                 uint64_t most, bl_error *err)
{
    size_t windows = bl_windows_count(file, t->o.context), L = t->blocks.net.m.L, count = 0;
    if (most && most / t->o.context < windows)
        windows = (size_t)(most / t->o.context);
    for (size_t l = 0; l < L; l++)
        t->layers[l] = (bl_train_layer){.size = sizeof *t->layers};
    for (size_t i = 0; i == 0 || i < windows; i += EVERY, count++)
        BL_TRY(add_window(t, file, i, err));
    for (size_t l = 0; l < L; l++)
        t->layers[l].distance /= (double)count;
    event->layers = t->layers;
    event->layer_count = L;
    return BL_OK;
}
