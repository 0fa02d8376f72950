/* A run folder as a model folder in the Hugging Face layout. */
#include "train/run_dir.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/path.h"
#include "model/folder.h"

#include <inttypes.h>
#include <stdio.h>

/* Removes what matches in a folder; a folder that is not there holds nothing. */
static bl_status remove_matching(const char *dir, const char *pattern, bl_error *err)
{
    bl_names names;
    if (bl_path_what(dir) != BL_PATH_DIR)
        return BL_OK;
    BL_TRY(bl_dir_list(&names, dir, err));
    bl_status status = BL_OK;
    for (size_t i = 0; status == BL_OK && i < names.count; i++) {
        if (!bl_glob_match(pattern, names.name[i]))
            continue;
        char *path = bl_path_join(dir, names.name[i]);
        if (!path)
            status = bl_fail(err, BL_ENOMEM, "out of memory");
        else if (bl_path_what(path) == BL_PATH_DIR && !bl_path_is_link(path))
            status = bl_dir_remove(path, err);
        else
            status = bl_file_remove(path, err);
        bl_free(path);
    }
    bl_names_release(&names);
    return status;
}

bl_status bl_run_dir_sweep(const char *run_dir, bl_error *err)
{
    /* What earlier versions called a run's own files until they were whole: NAME.PID.tmp. */
    static const char *const names[] = {
        "LATEST", "BEST", "*.json", "*.jsonl", "model.safetensors", "README.md", "loss.svg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char pattern[64];
        (void)snprintf(pattern, sizeof pattern, "%s.[0-9]*.tmp", names[i]);
        BL_TRY(remove_matching(run_dir, pattern, err));
    }
    bl_dir_sweep(run_dir);
    char *checkpoints = bl_path_join(run_dir, "ckpt");
    bl_status status = checkpoints ? remove_matching(checkpoints, ".tmp-*", err)
                                   : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = remove_matching(checkpoints, ".step-*", err);
    bl_free(checkpoints);
    return status;
}

bl_status bl_run_dir_publish(const char *run_dir, const bl_net *net, const bl_corpora *data,
                             const bl_train_state *state, bl_error *err)
{
    const bl_train_options *o = &state->options;
    char *best;
    BL_TRY(bl_checkpoint_best(&best, NULL, run_dir, err));
    if (!best)
        return BL_OK;
    bl_status status = bl_folder_copy(best, run_dir, "model.safetensors", err);
    bl_free(best);
    BL_TRY(status);
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_puts(&text, "Trained on ");
    for (size_t i = 0; i < data->count; i++)
        bl_buf_printf(&text, "%s%s", i ? "; " : "", data->data[i]->meta.source);
    if (!data->count)
        bl_buf_puts(&text, "batches of a program");
    bl_buf_printf(&text,
                  " for %" PRIu64 " of %zu steps (%" PRIu64 " tokens, %zu x %zu x %zu "
                  "a step).\n",
                  state->step, o->steps, state->tokens, o->batch, o->context, o->accum);
    if (state->best_step)
        bl_buf_printf(&text, "Best validation loss: %.4f nats a token, at step %" PRIu64 ".\n",
                      state->best_loss, state->best_step);
    if (*state->parent)
        bl_buf_printf(&text, "Begun with the weights of the model of fingerprint %s.\n",
                      state->parent);
    status = bl_buf_status(&text, err);
    if (status == BL_OK)
        status = bl_folder_card(run_dir, net, text.data, err);
    bl_buf_release(&text);
    return status;
}
