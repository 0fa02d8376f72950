/* Opening a run: memory, data, and the state it goes on from. */
#include "train/trainer.h"
#include "core/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bl_status open_blocks(bl_trainer *t, bl_error *err)
{
    bl_dev *d = t->dev;
    t->block_bytes = t->net.tensors.elements * d->param_bytes;
    void **blocks[] = {&t->grads_block, &t->moments.m, &t->moments.v};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        BL_TRY(BL_OP(d, alloc, blocks[i], t->block_bytes, err));
        BL_OP(d, zero, *blocks[i], t->block_bytes);
    }
    t->grads.layer = bl_calloc(t->net.m.L, sizeof *t->grads.layer);
    t->host_ids = bl_calloc(2 * t->pass.N, sizeof *t->host_ids);
    t->host_loss = bl_calloc(t->pass.N, sizeof *t->host_loss);
    if (!t->grads.layer || !t->host_ids || !t->host_loss)
        return bl_fail(err, BL_ENOMEM, "out of memory for a batch of %zu tokens", t->pass.N);
    bl_params_bind(&t->grads, &t->net.tensors, t->net.m.L, t->grads_block, d->param_bytes);
    return BL_OK;
}

bl_status bl_trainer_restore(bl_trainer *t, const char *checkpoint, bl_error *err)
{
    bl_train_state state;
    BL_TRY(bl_checkpoint_state(&state, checkpoint, err));
    if (strcmp(state.data_id, t->state.data_id) != 0)
        return bl_fail(err, BL_EINVAL,
                       "%s was trained on other data (%s, here %s); resume with the same folder",
                       checkpoint, state.data_id, t->state.data_id);
    if (*state.train_hash && strcmp(state.train_hash, t->state.train_hash) != 0)
        return bl_fail(err, BL_EINVAL,
                       "%s was trained on other data: %s has the hash %s, not %s; resume with the "
                       "same folder",
                       checkpoint, bl_tokens_path(t->data->split[BL_DATA_TRAIN]),
                       t->state.train_hash, state.train_hash);
    BL_TRY(bl_checkpoint_tensors(&t->net, &t->moments, checkpoint, err));
    bl_loader_cursor cursor = {state.epoch, state.position};
    BL_TRY(bl_loader_seek(t->loader, cursor, err));
    state.options = t->o;
    memcpy(state.train_hash, t->state.train_hash, sizeof state.train_hash);
    t->state = state;
    return BL_OK;
}

/* A run that cannot write down its first words is not begun. */
static bl_status open_records(bl_trainer *t, int resume, bl_error *err)
{
    BL_TRY(bl_tensorboard_open(&t->tensorboard, t->run_dir, t->state.step + 1, err));
    return bl_metrics_open(&t->metrics, t->run_dir, resume, t->state.metrics_bytes, err);
}

static bl_status open_parts(bl_trainer *t, const char *data_dir, const bl_config *config,
                            const char *checkpoint, bl_error *err)
{
    const bl_tokens *train = t->data->split[BL_DATA_TRAIN];
    BL_TRY(bl_run_dir_sweep(t->run_dir, err));
    BL_TRY(bl_loader_open(&t->loader, train, t->o.batch, t->o.context, t->o.seed, err));
    BL_TRY(bl_tokenizer_open(&t->tokenizer, data_dir, err));
    BL_TRY(bl_net_open(&t->net, config, t->dev, err));
    BL_TRY(bl_pass_open(&t->pass, &t->net, t->o.batch, t->o.context, 1, err));
    BL_TRY(bl_pass_open(&t->eval, &t->net, t->o.batch, t->o.context, 0, err));
    BL_TRY(bl_decode_open(&t->sample, &t->net, err));
    BL_TRY(open_blocks(t, err));
    t->pass.dropout = t->o.dropout > 0;
    t->state.options = t->o;
    t->state.lr_scale = 1;
    (void)snprintf(t->state.data_id, sizeof t->state.data_id, "%s:%" PRIu64,
                   t->data->meta.tokenizer_hash, t->data->meta.split[BL_DATA_TRAIN].tokens);
    BL_TRY(bl_file_hash(bl_tokens_path(train), t->state.train_hash, err));
    if (!checkpoint) {
        BL_TRY(bl_net_init(&t->net, t->o.seed, err));
        BL_TRY(open_records(t, 0, err));
        return bl_run_dir_describe(t->run_dir, data_dir, config, err); /* now it is a run */
    }
    t->resumed_from = bl_strdup(checkpoint);
    if (!t->resumed_from)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    BL_TRY(bl_trainer_restore(t, checkpoint, err));
    return open_records(t, 1, err);
}

bl_status bl_trainer_open_on(bl_trainer **result, bl_dev *dev, bl_data *data, const char *data_dir,
                             const char *run_dir, bl_lock *lock, const bl_config *config,
                             const bl_train_options *o, const char *checkpoint, bl_error *err)
{
    *result = NULL;
    bl_trainer *t = bl_calloc(1, sizeof *t);
    char *copy = bl_strdup(run_dir);
    if (!t || !copy) {
        bl_free(t);
        bl_free(copy);
        bl_dev_close(dev);
        bl_data_close(data);
        bl_lock_close(lock);
        return bl_fail(err, BL_ENOMEM, "out of memory");
    }
    *t = (bl_trainer){.dev = dev, .data = data, .run_dir = copy, .lock = lock, .o = *o};
    bl_status status = open_parts(t, data_dir, config, checkpoint, err);
    if (status != BL_OK) {
        bl_trainer_close(t);
        return status;
    }
    t->saved_at = bl_clock_seconds();
    *result = t;
    return BL_OK;
}

void bl_trainer_close(bl_trainer *t)
{
    if (!t)
        return;
    if (t->net.dev) {
        bl_decode_release(&t->sample, &t->net);
        bl_pass_release(&t->pass, &t->net);
        bl_pass_release(&t->eval, &t->net);
    }
    void *blocks[] = {t->grads_block, t->moments.m, t->moments.v};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        BL_OP(t->dev, free, blocks[i]);
    bl_net_release(&t->net);
    bl_dev_close(t->dev);
    bl_free(t->grads.layer);
    bl_free(t->host_ids);
    bl_free(t->host_loss);
    bl_metrics_release(&t->metrics);
    bl_tensorboard_release(&t->tensorboard);
    bl_loader_close(t->loader);
    bl_tokenizer_close(t->tokenizer);
    bl_data_close(t->data);
    bl_lock_close(t->lock);
    bl_free(t->resumed_from);
    bl_free(t->run_dir);
    bl_free(t);
}

void bl_trainer_stop(bl_trainer *t)
{
    t->stop = 1;
}

void bl_trainer_save(bl_trainer *t)
{
    t->save = 1;
}
