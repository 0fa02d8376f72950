/* bl_trainer_model(): a model of the weights that a trainer has now. */
#include "api/device.h"
#include "api/model_open.h"
#include "api/weights.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "text/text.h"
#include "train/trainer.h"

#include <stdio.h>
#include <string.h>

/* The trainer's own device, as a set. */
static bl_status device_of(bl_options **device, const bl_trainer *t, bl_error *err)
{
    char threads[32];
    (void)snprintf(threads, sizeof threads, "%zu", t->o.threads);
    BL_TRY(bl_options_open(device, BL_OPTIONS_DEVICE, err));
    BL_TRY(bl_options_set(*device, "device", t->o.device, err));
    return bl_options_set(*device, "threads", threads, err);
}

static bl_status copy(bl_model *m, const bl_trainer *t, const bl_options *device, bl_error *err)
{
    const bl_net *from = &t->blocks.net;
    m->path = bl_strdup(t->run_dir);
    m->config_dir = bl_strdup(*t->run_dir ? t->run_dir : t->tokenizer_dir ? t->tokenizer_dir : "");
    if (!m->path || !m->config_dir)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    m->context = t->o.context;
    m->form = BL_WEIGHTS_LATENT;
    memcpy(m->begun_with, t->state.parent, sizeof m->begun_with);
    m->tokenizer = bl_tokenizer_hold(t->tokenizer);
    BL_TRY(bl_options_from_config(&m->config, &from->config, err));
    BL_TRY(device ? bl_options_copy(&m->device, BL_OPTIONS_DEVICE, device, err)
                  : device_of(&m->device, t, err));
    const bl_device_request request =
        bl_device_requested(m->device, from->config.quantization == BL_QUANT_TERNARY);
    BL_TRY(bl_device_open(&m->dev, &request, err));
    BL_TRY(bl_executors_open(&m->executors, &m->net, m->device, err));
    BL_TRY(bl_weights_fit(*t->run_dir ? t->run_dir : "the model", m->dev, &request, &from->config,
                          m->form, BL_TABLE_PARAMS, err));
    BL_TRY(bl_net_open(&m->net, &from->config, m->dev, err));
    BL_TRY(bl_net_copy(&m->net, from, err));
    return bl_net_coarsen(&m->net, err);
}

bl_status bl_trainer_model(bl_model **m, bl_trainer *t, const bl_options *device, bl_error *err)
{
    bl_call call;
    bl_watch watch;
    BL_NOT_NULL(err, m);
    *m = NULL;
    BL_NOT_NULL(err, t);
    BL_TRY(bl_options_expect(device, BL_OPTIONS_DEVICE, __func__, err));
    BL_TRY(bl_trainer_enter(t, t->listener, t->listening, __func__, &call, err));
    bl_watch_begin(&watch, "copying", "%", 100);
    bl_model *made = bl_calloc(1, sizeof *made);
    bl_status status =
        made ? copy(made, t, device, err) : bl_fail(err, BL_ENOMEM, "out of memory for a model");
    bl_watch_end(&watch);
    if (status != BL_OK) {
        bl_model_close(made);
        made = NULL;
    }
    *m = made;
    return bl_trainer_leave(t, &call, status, err);
}
