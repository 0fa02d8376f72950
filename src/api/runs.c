/* RUNS: the list in a data folder, one path a line. */
#include "api/runs.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/path.h"
#include "train/checkpoint.h"

#include <string.h>

static const char list_name[] = "RUNS";
enum { LIST_MOST = 1 << 20 }; /* bytes: a longer one is not ours */

static bl_status read_list(const char *data_dir, bl_buf *list)
{
    bl_map map;
    bl_status status = BL_ENOENT;
    char *path = bl_path_join(data_dir, list_name);
    if (path && bl_path_what(path) == BL_PATH_FILE && bl_map_open(&map, path, NULL) == BL_OK) {
        if (map.size <= LIST_MOST)
            bl_buf_append(list, map.data, map.size);
        bl_map_close(&map);
        status = bl_buf_status(list, NULL);
    }
    bl_free(path);
    return status;
}

/* The next line of the list, without its end; NULL after the last. */
static char *next_line(char **at)
{
    char *line = *at, *end = line ? strchr(line, '\n') : NULL;
    if (!end)
        return NULL;
    *end = 0;
    *at = end + 1;
    return line;
}

/* Adds the run to the list, unless it is there. */
static void add_to_list(const char *path, const char *data_dir, const char *run)
{
    bl_buf list = {0};
    char *line;
    int known = 0;
    (void)!read_list(data_dir, &list);
    size_t before = list.len;
    for (char *at = list.data; !known && (line = next_line(&at)) != NULL;) {
        known = strcmp(line, run) == 0;
        line[strlen(line)] = '\n';
    }
    list.len = before;
    bl_buf_printf(&list, "%s\n", run);
    if (!known && bl_buf_status(&list, NULL) == BL_OK)
        (void)!bl_file_replace(path, list.data, list.len, NULL);
    bl_buf_release(&list);
}

void bl_runs_note(const char *data_dir, const char *run_dir)
{
    enum { TRIES = 50 }; /* others note theirs at the same time; prepare takes longer */
    char *run = bl_path_absolute(run_dir), *path = bl_path_join(data_dir, list_name);
    bl_lock *lock = NULL;
    for (int i = 0; i < TRIES && bl_lock_open(&lock, data_dir, NULL) == BL_EBUSY; i++)
        bl_os_sleep(0.02);
    if (lock && run && path && !strchr(run, '\n'))
        add_to_list(path, data_dir, run);
    bl_lock_close(lock);
    bl_free(run);
    bl_free(path);
}

/* Was the run trained on a train.bin with this hash?  One without a checkpoint will be. */
static int depends(const char *run_dir, const char *train_hash)
{
    char *config = bl_path_join(run_dir, "config.json"), *checkpoint = NULL;
    bl_lock *hold = NULL;
    bl_train_state state;
    int is_run = config && bl_path_what(config) == BL_PATH_FILE;
    int yes = is_run;
    if (is_run && bl_checkpoint_newest(&checkpoint, &hold, run_dir, UINT64_MAX, NULL) == BL_OK &&
        checkpoint && bl_checkpoint_state(&state, checkpoint, NULL) == BL_OK) {
        yes =
            !state.part_count && (!*state.train_hash || strcmp(state.train_hash, train_hash) == 0);
        for (size_t i = 0; i < state.part_count; i++)
            yes |= strcmp(state.part[i].train_hash, train_hash) == 0;
    }
    bl_lock_close(hold);
    bl_free(config);
    bl_free(checkpoint);
    return yes;
}

bl_status bl_runs_check(const char *data_dir, const bl_data_meta *meta, bl_error *err)
{
    bl_data_meta old;
    bl_buf list = {0};
    bl_status status = BL_OK;
    char *line;
    if (bl_data_meta_load(&old, data_dir, NULL) != BL_OK)
        return BL_OK; /* no data there */
    int same = strcmp(old.tokenizer_hash, meta->tokenizer_hash) == 0;
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        same &= strcmp(old.split[i].hash, meta->split[i].hash) == 0 &&
                strcmp(old.split[i].mask_hash, meta->split[i].mask_hash) == 0;
    if (!same && read_list(data_dir, &list) == BL_OK)
        for (char *at = list.data; status == BL_OK && (line = next_line(&at)) != NULL;)
            if (depends(line, old.split[BL_DATA_TRAIN].hash))
                status =
                    bl_fail(err, BL_EINVAL,
                            "%s: %.200s was trained on what is there, and could not be resumed "
                            "on other data; choose another folder (`force` replaces it)",
                            data_dir, line);
    bl_buf_release(&list);
    return status;
}
