/* Checkpoints: written under a hidden name and renamed, found again, pruned. */
#include "train/checkpoint.h"
#include "core/alloc.h"
#include "core/log.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/lock.h"
#include "core/path.h"
#include "format/number.h"
#include "train/manifest.h"
#include "train/state_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const checkpoint_files[] = {"model.safetensors", "optimizer.safetensors",
                                               "state.json"};
enum { CHECKPOINT_FILES = sizeof checkpoint_files / sizeof *checkpoint_files };

#define VISIBLE "step-" /* how the name of a checkpoint's folder begins; its step follows */
#define SPENT   ".tmp-spent"

/* "a/b" or BL_ENOMEM. */
static bl_status join(char **path, const char *a, const char *b, bl_error *err)
{
    *path = bl_path_join(a, b);
    return *path ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
}

static bl_status save_optimizer(const char *path, const bl_checkpoint_source *from, bl_error *err)
{
    const bl_net *net = from->net;
    bl_st_writer *w;
    BL_TRY(bl_st_writer_open(&w, path, err));
    bl_status status = bl_net_block_declare(net, w, "m.", err);
    if (status == BL_OK)
        status = bl_net_block_declare(net, w, "v.", err);
    if (status == BL_OK)
        status = bl_carried_declare(from->carried, net, w, err);
    if (status == BL_OK)
        status = bl_net_block_write(net, from->moments->m, w, err);
    if (status == BL_OK)
        status = bl_net_block_write(net, from->moments->v, w, err);
    if (status == BL_OK)
        status = bl_carried_write(from->carried, net, w, err);
    if (status == BL_OK)
        return bl_st_writer_commit(w, err);
    bl_st_writer_abandon(w);
    return status;
}

/* All files of a checkpoint into an existing folder, MANIFEST last. */
static bl_status fill(const char *dir, const bl_checkpoint_source *from, bl_error *err)
{
    char *path[CHECKPOINT_FILES] = {NULL};
    bl_status status = BL_OK;
    for (size_t i = 0; i < CHECKPOINT_FILES; i++)
        BL_TRY_GOTO(status, join(&path[i], dir, checkpoint_files[i], err), done);
    BL_TRY_GOTO(status, bl_net_save(from->net, path[0], err), done);
    BL_TRY_GOTO(status, save_optimizer(path[1], from, err), done);
    BL_TRY_GOTO(status, bl_train_state_save(from->state, path[2], err), done);
    BL_TRY_GOTO(status, bl_manifest_write(dir, checkpoint_files, CHECKPOINT_FILES, err), done);
    status = bl_dir_sync(dir, err);
done:
    for (size_t i = 0; i < CHECKPOINT_FILES; i++)
        bl_free(path[i]);
    return status;
}

/* Whether the checkpoint that has the name holds what was written now: both manifests say the same,
 * and the old one's files are what it says. */
static int is_the_same(const char *final, const char *temporary)
{
    if (bl_path_what(final) == BL_PATH_NONE ||
        bl_manifest_verify(final, checkpoint_files, CHECKPOINT_FILES, NULL) != BL_OK)
        return 0;
    char *a = bl_path_join(final, "MANIFEST"), *b = bl_path_join(temporary, "MANIFEST");
    bl_map x = {0}, y = {0};
    int same = a && b && bl_map_open(&x, a, NULL) == BL_OK && bl_map_open(&y, b, NULL) == BL_OK &&
               x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    bl_map_close(&x);
    bl_map_close(&y);
    bl_free(a);
    bl_free(b);
    return same;
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

bl_status bl_checkpoint_save(const char *run_dir, const bl_checkpoint_source *from, char **dir,
                             bl_error *err)
{
    const bl_train_state *state = from->state;
    char name[32];
    char *parent = NULL;
    bl_outdir *out = NULL;
    bl_status status = BL_OK;
    *dir = NULL;
    (void)snprintf(name, sizeof name, VISIBLE "%08" PRIu64, state->step);
    BL_TRY_GOTO(status, join(&parent, run_dir, "ckpt", err), done);
    BL_TRY_GOTO(status, join(dir, parent, name, err), done);
    BL_TRY_GOTO(status, bl_dir_make(parent, err), done);
    BL_TRY_GOTO(status, bl_outdir_open(&out, *dir, err), done);
    status = fill(bl_outdir_temporary(out), from, err);
    if (status != BL_OK || is_the_same(*dir, bl_outdir_temporary(out)))
        bl_outdir_abandon(out);
    else
        status = bl_outdir_commit(out, NULL, NULL, err);
    if (status != BL_OK)
        goto done;
    BL_TRY_GOTO(status, name_in(run_dir, "LATEST", name, err), done);
    if (state->best_step && state->best_step == state->step)
        BL_TRY_GOTO(status, name_in(run_dir, "BEST", name, err), done);
done:
    if (status != BL_OK) {
        bl_free(*dir);
        *dir = NULL;
    }
    bl_free(parent);
    return status;
}

static int begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* Is this the name of a checkpoint, such as "step-00001000"?  *step is 1000 then. */
static int read_step(uint64_t *step, const char *name)
{
    return begins(name, VISIBLE) && bl_number_read_u64(name + strlen(VISIBLE), step);
}

typedef enum look { WHOLE, DAMAGED, GONE } look;

/* A checkpoint is of the step in its name. */
static bl_status check_step(const char *dir, bl_error *err)
{
    uint64_t step;
    bl_train_state state;
    const char *slash = strrchr(dir, '/');
    if (!read_step(&step, slash ? slash + 1 : dir) ||
        bl_checkpoint_state(&state, dir, NULL) != BL_OK)
        return BL_OK; /* the reader of the state says what is wrong with it */
    if (state.step == step)
        return BL_OK;
    return bl_fail(err, BL_EFORMAT, "%s: its state.json is of step %" PRIu64 "; it was renamed",
                   dir, state.step);
}

/* Damage is worth a warning; a folder that a trainer has removed meanwhile is not.  One that could
 * not be looked at, for want of memory or because of a stop, is not passed over.  *hold, unless
 * hold is NULL, keeps a whole one from being pruned; NULL where the file system has no locks. */
static bl_status look_at(look *how, bl_lock **hold, const char *dir, bl_error *err)
{
    bl_error why = {0};
    bl_status status = hold ? bl_lock_share(hold, dir, &why) : BL_OK;
    if (status == BL_OK)
        status = bl_manifest_verify(dir, checkpoint_files, CHECKPOINT_FILES, &why);
    if (status == BL_OK)
        status = check_step(dir, &why);
    *how = status == BL_OK ? WHOLE : bl_path_what(dir) == BL_PATH_NONE ? GONE : DAMAGED;
    if (status != BL_OK && hold) {
        bl_lock_close(*hold);
        *hold = NULL;
    }
    if (bl_status_is_passing(status))
        return bl_fail(err, status, "%s", why.message);
    if (*how == DAMAGED)
        bl_log(BL_LOG_WARNING, "checkpoint passed over: %s", why.message);
    return BL_OK;
}

/* From the highest step downwards until one is whole, or *dir NULL and how the last one looked:
 * WHOLE when there was none. */
static bl_status newest_of(char **dir, bl_lock **hold, look *last, const bl_names *names,
                           const char *parent, uint64_t below, bl_error *err)
{
    *dir = NULL;
    *last = WHOLE;
    for (;;) {
        const char *name = NULL;
        uint64_t newest = 0, step;
        for (size_t i = 0; i < names->count; i++) {
            if (!read_step(&step, names->name[i]) || step >= below)
                continue;
            if (!name || step > newest) {
                newest = step;
                name = names->name[i];
            }
        }
        if (!name)
            return BL_OK;
        below = newest;
        BL_TRY(join(dir, parent, name, err));
        bl_status status = look_at(last, hold, *dir, err);
        if (status == BL_OK && *last == WHOLE)
            return BL_OK;
        bl_free(*dir);
        *dir = NULL;
        BL_TRY(status);
        if (*last == GONE)
            return BL_OK;
    }
}

/* ---- hidden ones ---- */

/* What is being written or was replaced; the second is what earlier versions called them. */
static int is_hidden(const char *name)
{
    return begins(name, "." VISIBLE) || begins(name, ".tmp-");
}

/* The whole one of the highest step below this among the hidden ones; NULL: none. */
static bl_status newest_hidden(char **dir, uint64_t *step, const bl_names *names,
                               const char *parent, uint64_t below, bl_error *err)
{
    *dir = NULL;
    for (size_t i = 0; i < names->count; i++) {
        char *path;
        bl_train_state state;
        if (!is_hidden(names->name[i]))
            continue;
        BL_TRY(join(&path, parent, names->name[i], err));
        if (bl_manifest_verify(path, checkpoint_files, CHECKPOINT_FILES, NULL) == BL_OK &&
            bl_checkpoint_state(&state, path, NULL) == BL_OK && state.step < below &&
            (!*dir || state.step > *step)) {
            bl_free(*dir);
            *dir = path;
            *step = state.step;
        } else {
            bl_free(path);
        }
    }
    return BL_OK;
}

/* Gives a hidden checkpoint the name of its step, and renames a damaged one that has it. */
static bl_status show(const char *hidden, const char *parent, uint64_t step, bl_error *err)
{
    char name[32], *final = NULL, *spent = NULL;
    bl_status status = BL_OK;
    (void)snprintf(name, sizeof name, VISIBLE "%08" PRIu64, step);
    BL_TRY_GOTO(status, join(&final, parent, name, err), done);
    BL_TRY_GOTO(status, join(&spent, parent, SPENT, err), done);
    if (bl_path_what(final) != BL_PATH_NONE) {
        if (bl_path_what(spent) != BL_PATH_NONE)
            BL_TRY_GOTO(status, bl_dir_remove(spent, err), done);
        BL_TRY_GOTO(status, bl_path_rename(final, spent, err), done);
    }
    BL_TRY_GOTO(status, bl_path_rename(hidden, final, err), done);
    BL_TRY_GOTO(status, bl_dir_sync(parent, err), done);
    bl_log(BL_LOG_WARNING, "%s: an earlier process left it hidden; it has its name again", final);
done:
    bl_free(final);
    bl_free(spent);
    return status;
}

bl_status bl_checkpoint_recover(const char *run_dir, bl_error *err)
{
    char *parent, *dir = NULL;
    bl_names names = {0};
    uint64_t step = 0;
    look last;
    int hidden = 0;
    BL_TRY(join(&parent, run_dir, "ckpt", err));
    bl_status status =
        bl_path_what(parent) == BL_PATH_DIR ? bl_dir_list(&names, parent, err) : BL_OK;
    for (size_t i = 0; i < names.count; i++)
        hidden |= is_hidden(names.name[i]);
    if (status == BL_OK && hidden)
        status = newest_of(&dir, NULL, &last, &names, parent, UINT64_MAX, err);
    if (status == BL_OK && hidden && !dir) {
        status = newest_hidden(&dir, &step, &names, parent, UINT64_MAX, err);
        if (status == BL_OK && dir)
            status = show(dir, parent, step, err);
    }
    bl_free(dir);
    bl_names_release(&names);
    bl_free(parent);
    return status;
}

bl_status bl_checkpoint_newest(char **dir, bl_lock **hold, const char *run_dir, uint64_t below,
                               bl_error *err)
{
    *dir = NULL;
    if (hold)
        *hold = NULL;
    char *parent;
    uint64_t step = 0;
    BL_TRY(join(&parent, run_dir, "ckpt", err));
    bl_status status = BL_OK;
    look last = GONE;
    /* Where one is gone, a newer one has come: the names are read again. */
    for (int i = 0; status == BL_OK && last == GONE && i < BL_CHECKPOINT_LOOKS; i++) {
        bl_names names = {0};
        last = WHOLE;
        if (bl_path_what(parent) == BL_PATH_DIR)
            status = bl_dir_list(&names, parent, err);
        if (status == BL_OK)
            status = newest_of(dir, hold, &last, &names, parent, below, err);
        if (status == BL_OK && !*dir && last != GONE)
            status = newest_hidden(dir, &step, &names, parent, below, err);
        bl_names_release(&names);
    }
    if (status == BL_OK && !*dir && last != WHOLE)
        status = bl_fail(err, BL_EFORMAT, "%s: no checkpoint is whole", parent);
    bl_free(parent);
    return status;
}

/* The line of BEST; "" when there is none or it is not a checkpoint's name. */
static bl_status best_name(char name[64], const char *run_dir, bl_error *err)
{
    char *path;
    uint64_t step;
    memset(name, 0, 64);
    BL_TRY(join(&path, run_dir, "BEST", err));
    bl_map map;
    if (bl_map_open(&map, path, NULL) == BL_OK) {
        size_t n = 0;
        while (n < map.size && n < 63 && map.data[n] != '\n')
            n++;
        memcpy(name, map.data, n);
        bl_map_close(&map);
    }
    bl_free(path);
    if (!read_step(&step, name))
        *name = 0;
    return BL_OK;
}

bl_status bl_checkpoint_best(char **dir, bl_lock **hold, const char *run_dir, bl_error *err)
{
    *dir = NULL;
    if (hold)
        *hold = NULL;
    char name[64];
    BL_TRY(best_name(name, run_dir, err));
    if (*name) {
        char *parent;
        BL_TRY(join(&parent, run_dir, "ckpt", err));
        bl_status status = join(dir, parent, name, err);
        bl_free(parent);
        look how = GONE;
        if (status == BL_OK)
            status = look_at(&how, hold, *dir, err);
        if (status == BL_OK && how == WHOLE)
            return BL_OK;
        bl_free(*dir);
        *dir = NULL;
        BL_TRY(status);
    }
    return bl_checkpoint_newest(dir, hold, run_dir, UINT64_MAX, err);
}

bl_status bl_checkpoint_state(bl_train_state *state, const char *dir, bl_error *err)
{
    char *path;
    BL_TRY(join(&path, dir, "state.json", err));
    bl_status status = bl_train_state_load(state, path, err);
    bl_free(path);
    return status;
}

/* The tensors of one file under each prefix of a list that ends with NULL. */
static bl_status check_file(const char *dir, const char *name, const bl_tensor_list *list,
                            const char *const *prefix, bl_error *err)
{
    char *path;
    bl_st *st;
    BL_TRY(join(&path, dir, name, err));
    bl_status status = bl_st_open(&st, path, err);
    for (; status == BL_OK && *prefix; prefix++)
        status = bl_tensors_check(list, st, *prefix, err);
    bl_st_close(st);
    bl_free(path);
    return status;
}

bl_status bl_checkpoint_check(const char *dir, const bl_config *config, bl_error *err)
{
    bl_tensor_list list;
    BL_TRY(bl_tensors_open(&list, config, 0, BL_TABLE_PARAMS, sizeof(float), err));
    bl_status status =
        check_file(dir, "model.safetensors", &list, (const char *const[]){"", NULL}, err);
    if (status == BL_OK)
        status = check_file(dir, "optimizer.safetensors", &list,
                            (const char *const[]){"m.", "v.", NULL}, err);
    bl_tensors_release(&list);
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

bl_status bl_checkpoint_carried(bl_carried *carried, const bl_net *net, const char *dir,
                                size_t count, bl_error *err)
{
    char *path;
    bl_st *st;
    BL_TRY(join(&path, dir, "optimizer.safetensors", err));
    bl_status status = bl_st_open(&st, path, err);
    if (status == BL_OK)
        status = bl_carried_load(carried, net, st, path, count, err);
    bl_st_close(st);
    bl_free(path);
    return status;
}

/* Is the folder of this name of no use any more?  Only checkpoints up to this step count as newer:
 * those beyond are damaged ones that a resumed run passed over and will replace. */
static int is_spent(const bl_names *names, const char *name, const bl_train_state *state)
{
    uint64_t step, other;
    if (is_hidden(name))
        return 1;
    if (!read_step(&step, name) || step == state->best_step || step > state->step)
        return 0;
    size_t newer = 0;
    for (size_t i = 0; i < names->count; i++)
        newer += read_step(&other, names->name[i]) && other > step && other <= state->step;
    return newer >= state->options.keep;
}

/* Hidden first, so that nobody finds half of it; not while somebody reads it. */
static bl_status remove_checkpoint(const char *parent, const char *name, bl_error *err)
{
    char *old = NULL, *hidden = NULL;
    bl_lock *lock = NULL;
    bl_status status = BL_OK;
    BL_TRY_GOTO(status, join(&old, parent, name, err), done);
    BL_TRY_GOTO(status, join(&hidden, parent, SPENT, err), done);
    if (is_hidden(name)) {
        status = bl_dir_remove(old, err);
        goto done;
    }
    if (bl_path_what(hidden) != BL_PATH_NONE)
        BL_TRY_GOTO(status, bl_dir_remove(hidden, err), done);
    if (bl_lock_open(&lock, old, NULL) == BL_EBUSY)
        goto done;
    BL_TRY_GOTO(status, bl_path_rename(old, hidden, err), done);
    status = bl_dir_remove(hidden, err);
done:
    bl_lock_close(lock);
    bl_free(old);
    bl_free(hidden);
    return status;
}

bl_status bl_checkpoint_prune(const char *run_dir, const bl_train_state *state, bl_error *err)
{
    char *parent, best[64];
    BL_TRY(best_name(best, run_dir, err));
    BL_TRY(join(&parent, run_dir, "ckpt", err));
    bl_names names;
    bl_status status = bl_dir_list(&names, parent, err);
    for (size_t i = 0; status == BL_OK && i < names.count; i++) {
        if (strcmp(names.name[i], best) == 0 || !is_spent(&names, names.name[i], state))
            continue;
        status = remove_checkpoint(parent, names.name[i], err);
    }
    bl_names_release(&names);
    bl_free(parent);
    return status;
}
