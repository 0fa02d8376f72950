/* Opening a run: memory, data, and the state that it continues from. */
#include "train/trainer.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/path.h"
#include "model/fingerprint.h"
#include "model/folder.h"
#include "ops/measure.h"
#include "train/describing.h"
#include "train/run_dir.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Says so before the first byte is allocated: a run that swaps, or is killed in its first step, is
 * of no use. */
static bl_status check_memory(bl_trainer *t, const bl_config *config, bl_error *err)
{
    BL_TRY(bl_blocks_measure(&t->plan, t->dev, config, &t->o, &t->share, err));
    return bl_measure_fits(&t->plan, t->o.device, "this run",
                           "; lower `batch`, `context` or the size of the model", err);
}

static bl_status other_data(const char *checkpoint, const bl_token_file *file, const char *was,
                            const char *is, bl_error *err)
{
    return bl_fail(err, BL_EINVAL,
                   "%s was trained on other data: %s has the hash %s, not %s; resume with the same "
                   "folder",
                   checkpoint, bl_token_file_path(file), is, was);
}

static bl_status other_mask(const char *checkpoint, const char *dir, bl_error *err)
{
    return bl_fail(err, BL_EINVAL,
                   "%s was trained with another mask than train.mask of %s; resume with the same "
                   "folder",
                   checkpoint, dir);
}

/* Folders, order and weights of a run over several must be those it began with. */
static bl_status check_parts(const bl_trainer *t, const bl_train_state *saved,
                             const char *checkpoint, bl_error *err)
{
    size_t was = saved->part_count ? saved->part_count : 1;
    if (!t->data->count)
        return BL_OK;
    if (was != t->data->count)
        return bl_fail(err, BL_EINVAL,
                       "%s was trained on %zu data folders, here are %zu; resume with the same",
                       checkpoint, was, t->data->count);
    for (size_t i = 0; i < saved->part_count; i++) {
        const bl_train_part *old = &saved->part[i], *now = &t->state.part[i];
        if (strcmp(old->train_hash, now->train_hash) != 0)
            return other_data(checkpoint, t->data->data[i]->split[BL_DATA_TRAIN], old->train_hash,
                              now->train_hash, err);
        if (strcmp(old->mask_hash, now->mask_hash) != 0)
            return other_mask(checkpoint, t->data->dir[i], err);
        if (fabs(old->weight - now->weight) > 1e-9)
            return bl_fail(err, BL_EINVAL,
                           "%s was trained with %.6g of the windows from %s, here it is %.6g; "
                           "resume with the same weights",
                           checkpoint, old->weight, t->data->dir[i], now->weight);
    }
    return BL_OK;
}

static bl_status seek(bl_trainer *t, const bl_train_state *saved, bl_error *err)
{
    if (!t->batches)
        return BL_OK;
    bl_mix_cursor cursor = {.windows = saved->position, .at[0] = {saved->epoch, saved->position}};
    for (size_t i = 0; i < saved->part_count; i++) {
        cursor.at[i] = (bl_loader_cursor){saved->part[i].epoch, saved->part[i].position};
        cursor.taken[i] = saved->part[i].windows;
    }
    return bl_batches_seek(t->batches, &cursor, err);
}

/* Rows of a checkpoint of the same shape continue; those of another start fresh, which is
 * logged. */
static bl_status restore_carried(bl_trainer *t, const bl_train_options *was, const char *checkpoint,
                                 bl_error *err)
{
    const bl_train_options *is = &t->o;
    if (!t->blocks.carried.row)
        return BL_OK;
    if (was->carry > 0 && was->batch == is->batch && was->accum == is->accum &&
        was->context == is->context)
        return bl_checkpoint_carried(&t->blocks.carried, &t->blocks.net, checkpoint, t->data->count,
                                     err);
    bl_carried_reset(&t->blocks.carried, &t->blocks.net);
    bl_log(BL_LOG_INFO,
           "every row of the batch begins anew: %s has none of this batch, context and accum",
           checkpoint);
    return BL_OK;
}

bl_status bl_trainer_restore(bl_trainer *t, const char *checkpoint, bl_error *err)
{
    bl_train_state state;
    BL_TRY(bl_checkpoint_state(&state, checkpoint, err));
    BL_TRY(check_parts(t, &state, checkpoint, err));
    if (strcmp(state.data_id, t->state.data_id) != 0)
        return bl_fail(err, BL_EINVAL,
                       "%s was trained on other data (%s, here %s); resume with the same folder",
                       checkpoint, state.data_id, t->state.data_id);
    if (*state.train_hash && strcmp(state.train_hash, t->state.train_hash) != 0)
        return other_data(checkpoint, t->data->data[0]->split[BL_DATA_TRAIN], state.train_hash,
                          t->state.train_hash, err);
    if (!state.part_count && strcmp(state.mask_hash, t->state.mask_hash) != 0)
        return other_mask(checkpoint, t->data->dir[0], err);
    BL_TRY(bl_checkpoint_tensors(&t->blocks.net, &t->blocks.moments, checkpoint, err));
    BL_TRY(seek(t, &state, err));
    BL_TRY(restore_carried(t, &state.options, checkpoint, err));
    state.options = t->o;
    memcpy(state.train_hash, t->state.train_hash, sizeof state.train_hash);
    memcpy(state.mask_hash, t->state.mask_hash, sizeof state.mask_hash);
    t->state = state;
    t->kept = (bl_train_best){state.best_step, state.best_loss};
    return BL_OK;
}

/* An answer without its question teaches little: windows over conversations keep them whole unless
 * it is said otherwise. */
static int keeps_documents(const bl_trainer *t, size_t i)
{
    return t->o.windows == BL_WINDOWS_DOCUMENTS ||
           (t->o.windows == BL_WINDOWS_AUTO && bl_data_meta_masked(&t->data->data[i]->meta));
}

/* A batch costs microseconds when its pages are in memory: only what may have to wait for a disk is
 * worth a thread (docs/SPEED.md). */
static bl_status open_batches(bl_trainer *t, bl_error *err)
{
    bl_token_file *train[BL_MIX_MOST];
    int large = bl_corpora_bytes(t->data) > bl_os_memory() / 2;
    if (!t->data->count)
        return BL_OK;
    for (size_t i = 0; i < t->data->count; i++) {
        train[i] = t->data->data[i]->split[BL_DATA_TRAIN];
        if (large)
            bl_token_file_scattered(train[i]);
    }
    BL_TRY(bl_mix_open(&t->mix, train, t->data->weight, t->data->count, t->o.batch, t->o.context,
                       t->o.seed, err));
    for (size_t i = 0; i < t->data->count; i++)
        if (keeps_documents(t, i))
            bl_mix_documents(t->mix, i, (int32_t)t->data->data[i]->meta.roles.eos);
    int ahead = t->o.prefetch == BL_PREFETCH_AUTO ? large : t->o.prefetch == BL_PREFETCH_ON;
    if (t->o.carry > 0) /* where its rows continue is known when they have been drawn */
        ahead = 0;
    return bl_batches_open(&t->batches, t->mix, t->o.batch * t->o.context,
                           bl_share_turns(&t->share), ahead, err);
}

/* Which data this is. */
static void describe_data(bl_trainer *t)
{
    bl_train_state *s = &t->state;
    const bl_corpora *c = t->data;
    if (!c->count) {
        (void)snprintf(s->data_id, sizeof s->data_id, "batches of a program");
        return;
    }
    (void)snprintf(s->data_id, sizeof s->data_id, "%s:%" PRIu64, c->data[0]->meta.tokenizer_hash,
                   bl_corpora_tokens(c, BL_DATA_TRAIN));
    if (c->count == 1) {
        (void)snprintf(s->train_hash, sizeof s->train_hash, "%s", c->hash[0]);
        (void)snprintf(s->mask_hash, sizeof s->mask_hash, "%s",
                       c->data[0]->meta.split[BL_DATA_TRAIN].mask_hash);
        return;
    }
    s->part_count = c->count;
    for (size_t i = 0; i < c->count; i++) {
        bl_train_part *part = &s->part[i];
        part->tokens = c->data[i]->meta.split[BL_DATA_TRAIN].tokens;
        part->weight = c->weight[i];
        (void)snprintf(part->train_hash, sizeof part->train_hash, "%s", c->hash[i]);
        (void)snprintf(part->mask_hash, sizeof part->mask_hash, "%s",
                       c->data[i]->meta.split[BL_DATA_TRAIN].mask_hash);
    }
}

static bl_status open_tokenizer(bl_trainer *t, const char *dir, const bl_config *config,
                                bl_error *err)
{
    uint64_t said = t->data->count ? t->data->data[0]->meta.vocab_size : config->vocab_size;
    if (!dir)
        return BL_OK;
    t->tokenizer_dir = bl_strdup(dir);
    char *path = bl_data_path(dir, "tokenizer.json");
    bl_status status = path && t->tokenizer_dir ? bl_tokenizer_open(&t->tokenizer, path, err)
                                                : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && !t->data->count && bl_tokenizer_vocab_size(t->tokenizer) > said)
        status = bl_fail(err, BL_EINVAL, "%s: %zu ids, the model has a vocabulary of %" PRIu64,
                         path, bl_tokenizer_vocab_size(t->tokenizer), said);
    if (status == BL_OK && t->data->count && bl_tokenizer_vocab_size(t->tokenizer) != said)
        status =
            bl_fail(err, BL_EFORMAT,
                    "%s: %zu ids, meta.json says a vocabulary of %" PRIu64 "; run prepare again",
                    path, bl_tokenizer_vocab_size(t->tokenizer), said);
    bl_free(path);
    return status;
}

/* A run keeps the tokenizer that it began with, which is that of its data. */
static bl_status check_own_tokenizer(const bl_trainer *t, bl_error *err)
{
    char hash[BL_HASH_TEXT] = "", now[BL_HASH_TEXT];
    if (!t->tokenizer_dir)
        return BL_OK;
    char *own = bl_path_join(t->run_dir, "tokenizer.json");
    char *path = bl_data_path(t->tokenizer_dir, "tokenizer.json");
    bl_status status = own && path ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && bl_path_what(own) == BL_PATH_FILE)
        status = bl_file_hash(own, hash, err);
    if (status == BL_OK && t->data->count)
        memcpy(now, t->data->data[0]->meta.tokenizer_hash, sizeof now);
    else if (status == BL_OK && *hash)
        status = bl_file_hash(path, now, err);
    if (status == BL_OK && *hash && strcmp(hash, now) != 0)
        status = bl_fail(err, BL_EFORMAT,
                         "%s: not the tokenizer of the data (hash %s, there %s); copy that of %s "
                         "here",
                         own, hash, now, t->tokenizer_dir);
    bl_free(own);
    bl_free(path);
    return status;
}

/* The first weights: a model's, whose fingerprint is noted, or those of the seed. */
static bl_status open_weights(bl_trainer *t, const bl_train_begin *begin, bl_error *err)
{
    if (!begin->weights)
        return bl_net_init(&t->blocks.net, t->o.seed, err);
    BL_TRY(bl_net_load(&t->blocks.net, begin->weights, begin->path, err));
    return bl_net_fingerprint(&t->blocks.net, t->state.parent, err);
}

static bl_status open_parts(bl_trainer *t, const bl_config *config, const bl_train_begin *begin,
                            bl_error *err)
{
    const char *checkpoint = begin->checkpoint;
    const char *describing;
    int leads = bl_share_leads(&t->share), writes = leads && *t->run_dir;
    BL_TRY(bl_share_check(&t->share, err));
    if (!t->data->count && t->o.carry > 0)
        return bl_fail(err, BL_EINVAL, "`carry` needs a data folder, whose rows continue");
    if (writes)
        BL_TRY(bl_run_dir_sweep(t->run_dir, err));
    BL_TRY(open_batches(t, err));
    BL_TRY(open_tokenizer(t, t->data->count ? t->data->dir[0] : begin->tokenizer_dir, config, err));
    BL_TRY(bl_describing_folder(&describing, t->data, err));
    if (checkpoint)
        BL_TRY(bl_checkpoint_check(checkpoint, config, err));
    BL_TRY(check_memory(t, config, err));
    BL_TRY(bl_blocks_open(&t->blocks, t->dev, config, &t->o, &t->share, err));
    if (leads)
        BL_TRY(bl_trainer_layers_open(t, err));
    t->state.options = t->o;
    t->state.lr_scale = 1;
    describe_data(t);
    if (!checkpoint) {
        BL_TRY(open_weights(t, begin, err));
        BL_TRY(bl_outputs_open(&t->outputs, 0, err));
        if (!writes)
            return BL_OK;
        return bl_folder_describe(t->run_dir, describing ? describing : t->tokenizer_dir, config,
                                  BL_WEIGHTS_LATENT, 0, err); /* now it is a run */
    }
    t->resumed_from = bl_strdup(checkpoint);
    if (!t->resumed_from)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    BL_TRY(bl_trainer_restore(t, checkpoint, err));
    if (leads)
        BL_TRY(check_own_tokenizer(t, err));
    return bl_outputs_open(&t->outputs, 1, err);
}

bl_status bl_trainer_open_on(bl_trainer **result, bl_dev *dev, bl_corpora *data,
                             const char *run_dir, bl_lock *lock, const bl_config *config,
                             const bl_train_options *o, const bl_train_begin *begin, bl_error *err)
{
    *result = NULL;
    const bl_comm *comm = begin->comm ? begin->comm : &bl_comm_alone;
    bl_trainer *t = bl_calloc(1, sizeof *t);
    char *copy = bl_strdup(run_dir);
    if (!t || !copy) {
        bl_comm_leave(comm);
        bl_free(t);
        bl_free(copy);
        bl_dev_close(dev);
        bl_corpora_close(data);
        bl_lock_close(lock);
        return bl_fail(err, BL_ENOMEM, "out of memory");
    }
    *t = (bl_trainer){.dev = dev, .data = data, .run_dir = copy, .o = *o};
    t->share = (bl_share){comm, o->accum};
    t->outputs = (bl_outputs){.run_dir = bl_share_leads(&t->share) && *copy ? copy : NULL,
                              .lock = lock,
                              .state = &t->state};
    bl_status status = open_parts(t, config, begin, err);
    if (status != BL_OK) {
        bl_trainer_close(t);
        return status;
    }
    *result = t;
    return BL_OK;
}

void bl_trainer_close(bl_trainer *t)
{
    if (!t)
        return;
    bl_trainer_stop(t);
    if (!bl_busy_close(&t->busy))
        return; /* the run closes it when it is done, which may be at once */
    bl_comm_leave(t->share.comm);
    bl_blocks_release(&t->blocks);
    bl_dev_close(t->dev);
    bl_trainer_layers_release(t);
    bl_batches_close(t->batches);
    bl_mix_close(t->mix);
    bl_tokenizer_close(t->tokenizer);
    bl_corpora_close(t->data);
    bl_outputs_close(&t->outputs);
    bl_free(t->resumed_from);
    bl_free(t->run_dir);
    bl_free(t->tokenizer_dir);
    bl_free(t);
}

void bl_trainer_stop(bl_trainer *t)
{
    if (t)
        t->stop = 1;
}

void bl_trainer_save(bl_trainer *t)
{
    if (t)
        t->save = 1;
}
