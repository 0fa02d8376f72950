/* Checkpoints: written beside and renamed, found again, pruned. */
#include "train/checkpoint.h"
#include "core/alloc.h"
#include "core/log.h"
#include "core/os.h"
#include "train/manifest.h"
#include "train/state_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const checkpoint_files[] = {"model.safetensors", "optimizer.safetensors",
                                               "state.json"};
enum { CHECKPOINT_FILES = sizeof checkpoint_files / sizeof *checkpoint_files };

/* "a/b" or BL_ENOMEM. */
static bl_status join(char **path, const char *a, const char *b, bl_error *err)
{
    *path = bl_path_join(a, b);
    return *path ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
}

static bl_status save_optimizer(const char *path, const bl_net *net, const bl_moments *moments,
                                bl_error *err)
{
    bl_st_writer *w;
    BL_TRY(bl_st_writer_open(&w, path, err));
    bl_status status = bl_net_block_declare(net, w, "m.", err);
    if (status == BL_OK)
        status = bl_net_block_declare(net, w, "v.", err);
    if (status == BL_OK)
        status = bl_net_block_write(net, moments->m, w, err);
    if (status == BL_OK)
        status = bl_net_block_write(net, moments->v, w, err);
    if (status == BL_OK)
        return bl_st_writer_commit(w, err);
    bl_st_writer_abandon(w);
    return status;
}

/* All files of a checkpoint into an existing folder, MANIFEST last. */
static bl_status fill(const char *dir, const bl_net *net, const bl_moments *moments,
                      const bl_train_state *state, bl_error *err)
{
    char *path[CHECKPOINT_FILES] = {NULL};
    bl_status status = BL_OK;
    for (size_t i = 0; i < CHECKPOINT_FILES; i++)
        BL_TRY_GOTO(status, join(&path[i], dir, checkpoint_files[i], err), done);
    BL_TRY_GOTO(status, bl_net_save(net, path[0], err), done);
    BL_TRY_GOTO(status, save_optimizer(path[1], net, moments, err), done);
    BL_TRY_GOTO(status, bl_train_state_save(state, path[2], err), done);
    BL_TRY_GOTO(status, bl_manifest_write(dir, checkpoint_files, CHECKPOINT_FILES, err), done);
    status = bl_dir_sync(dir, err);
done:
    for (size_t i = 0; i < CHECKPOINT_FILES; i++)
        bl_free(path[i]);
    return status;
}

/* Replaces RUN/ckpt/<name> by the finished folder and makes the change durable. */
static bl_status publish(const char *temporary, const char *final, const char *parent,
                         bl_error *err)
{
    if (bl_path_what(final) != BL_PATH_NONE)
        BL_TRY(bl_dir_remove(final, err));
    BL_TRY(bl_path_rename(temporary, final, err));
    return bl_dir_sync(parent, err);
}

static bl_status name_in(const char *run_dir, const char *file, const char *name, bl_error *err)
{
    char *path, line[64];
    BL_TRY(join(&path, run_dir, file, err));
    int n = snprintf(line, sizeof line, "%s\n", name);
    bl_status status = bl_file_replace(path, line, (size_t)n, err);
    bl_free(path);
    return status;
}

bl_status bl_checkpoint_save(const char *run_dir, const bl_net *net, const bl_moments *moments,
                             const bl_train_state *state, char **dir, bl_error *err)
{
    char name[32], hidden[40];
    char *parent = NULL, *temporary = NULL;
    bl_status status = BL_OK;
    *dir = NULL;
    (void)snprintf(name, sizeof name, "step-%08" PRIu64, state->step);
    (void)snprintf(hidden, sizeof hidden, ".tmp-%s", name);
    BL_TRY_GOTO(status, join(&parent, run_dir, "ckpt", err), done);
    BL_TRY_GOTO(status, join(&temporary, parent, hidden, err), done);
    BL_TRY_GOTO(status, join(dir, parent, name, err), done);
    if (bl_path_what(temporary) == BL_PATH_DIR)
        BL_TRY_GOTO(status, bl_dir_remove(temporary, err), done);
    BL_TRY_GOTO(status, bl_dir_make(temporary, err), done);
    status = fill(temporary, net, moments, state, err);
    if (status == BL_OK)
        status = publish(temporary, *dir, parent, err);
    if (status != BL_OK) {
        if (bl_dir_remove(temporary, NULL) != BL_OK)
            bl_log(BL_LOG_WARNING, "could not remove %s", temporary);
        goto done;
    }
    BL_TRY_GOTO(status, name_in(run_dir, "LATEST", name, err), done);
    if (state->best_step == state->step)
        BL_TRY_GOTO(status, name_in(run_dir, "BEST", name, err), done);
done:
    if (status != BL_OK) {
        bl_free(*dir);
        *dir = NULL;
    }
    bl_free(parent);
    bl_free(temporary);
    return status;
}

/* The step of "step-00001000", or 0. */
static uint64_t step_of(const char *name)
{
    if (strncmp(name, "step-", 5) != 0)
        return 0;
    char *end;
    unsigned long long step = strtoull(name + 5, &end, 10);
    return *end ? 0 : step;
}

static int is_whole(const char *dir)
{
    bl_error why = {0};
    if (bl_manifest_verify(dir, checkpoint_files, CHECKPOINT_FILES, &why) == BL_OK)
        return 1;
    bl_log(BL_LOG_WARNING, "checkpoint passed over: %s", why.message);
    return 0;
}

bl_status bl_checkpoint_newest(char **dir, const char *run_dir, bl_error *err)
{
    *dir = NULL;
    char *parent;
    BL_TRY(join(&parent, run_dir, "ckpt", err));
    bl_names names = {0};
    bl_status status = BL_OK;
    if (bl_path_what(parent) == BL_PATH_DIR)
        status = bl_dir_list(&names, parent, err);
    /* From the highest step downwards until one is whole. */
    uint64_t below = UINT64_MAX;
    while (status == BL_OK && !*dir) {
        const char *name = NULL;
        uint64_t newest = 0;
        for (size_t i = 0; i < names.count; i++) {
            uint64_t step = step_of(names.name[i]);
            if (step > newest && step < below) {
                newest = step;
                name = names.name[i];
            }
        }
        if (!name)
            break;
        below = newest;
        status = join(dir, parent, name, err);
        if (status == BL_OK && !is_whole(*dir)) {
            bl_free(*dir);
            *dir = NULL;
        }
    }
    bl_names_release(&names);
    bl_free(parent);
    return status;
}

bl_status bl_checkpoint_best(char **dir, const char *run_dir, bl_error *err)
{
    *dir = NULL;
    char *path, name[64] = "";
    BL_TRY(join(&path, run_dir, "BEST", err));
    bl_map map;
    if (bl_map_open(&map, path, NULL) == BL_OK) {
        size_t n = 0;
        while (n < map.size && n < sizeof name - 1 && map.data[n] != '\n')
            n++;
        memcpy(name, map.data, n);
        bl_map_close(&map);
    }
    bl_free(path);
    if (step_of(name)) {
        char *parent;
        BL_TRY(join(&parent, run_dir, "ckpt", err));
        bl_status status = join(dir, parent, name, err);
        bl_free(parent);
        if (status != BL_OK || is_whole(*dir))
            return status;
        bl_free(*dir);
    }
    return bl_checkpoint_newest(dir, run_dir, err);
}

bl_status bl_checkpoint_state(bl_train_state *state, const char *dir, bl_error *err)
{
    char *path;
    BL_TRY(join(&path, dir, "state.json", err));
    bl_status status = bl_train_state_load(state, path, err);
    bl_free(path);
    return status;
}

bl_status bl_checkpoint_tensors(bl_net *net, const bl_moments *moments, const char *dir,
                                bl_error *err)
{
    char *model = NULL, *optimizer = NULL;
    bl_st *st = NULL;
    bl_status status = BL_OK;
    BL_TRY_GOTO(status, join(&model, dir, "model.safetensors", err), done);
    BL_TRY_GOTO(status, join(&optimizer, dir, "optimizer.safetensors", err), done);
    BL_TRY_GOTO(status, bl_st_open(&st, model, err), done);
    BL_TRY_GOTO(status, bl_net_load(net, st, model, err), done);
    bl_st_close(st);
    st = NULL;
    BL_TRY_GOTO(status, bl_st_open(&st, optimizer, err), done);
    BL_TRY_GOTO(status, bl_net_block_load(net, moments->m, st, "m.", optimizer, err), done);
    status = bl_net_block_load(net, moments->v, st, "v.", optimizer, err);
done:
    bl_st_close(st);
    bl_free(model);
    bl_free(optimizer);
    return status;
}

bl_status bl_checkpoint_prune(const char *run_dir, size_t keep, uint64_t best_step, bl_error *err)
{
    char *parent;
    BL_TRY(join(&parent, run_dir, "ckpt", err));
    bl_names names;
    bl_status status = bl_dir_list(&names, parent, err);
    for (size_t i = 0; status == BL_OK && i < names.count; i++) {
        uint64_t step = step_of(names.name[i]);
        size_t newer = 0;
        for (size_t j = 0; j < names.count; j++)
            newer += step_of(names.name[j]) > step;
        if (!step || step == best_step || newer < keep)
            continue;
        char *old;
        status = join(&old, parent, names.name[i], err);
        if (status == BL_OK)
            status = bl_dir_remove(old, err);
        bl_free(old);
    }
    bl_names_release(&names);
    bl_free(parent);
    return status;
}
