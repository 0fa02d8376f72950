/* Weights in several files: an index that is believed in nothing, and its shards as one. */
#include "format/shards.h"
#include "core/alloc.h"
#include "core/file.h"
#include "core/path.h"
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

enum { SHARDS_MOST = 1000, NAME_MOST = 255 };

static const char index_ending[] = ".index.json", shard_ending[] = ".safetensors";

bl_status bl_weights_path(char **path, const char *dir, bl_error *err)
{
    int sharded = !bl_path_has(dir, BL_WEIGHTS_FILE) && bl_path_has(dir, BL_WEIGHTS_INDEX);
    *path = bl_path_join(dir, sharded ? BL_WEIGHTS_INDEX : BL_WEIGHTS_FILE);
    if (!*path)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    if (sharded || bl_path_has(dir, BL_WEIGHTS_FILE) || !bl_path_has(dir, BL_WEIGHTS_PARTS))
        return BL_OK;
    bl_status status = bl_fail(
        err, BL_ENOENT, "%s: in parts, which must be joined first: models/parts join %s.parts",
        *path, *path);
    bl_free(*path);
    *path = NULL;
    return status;
}

/* ---- the index ---- */

/* A name that leads to no other folder. */
static int is_plain(const char *name)
{
    for (const char *c = name; *c; c++)
        if (*c == '/' || *c == '\\' || (unsigned char)*c < ' ' || *c == 127)
            return 0;
    return *name != '.' && strlen(name) <= NAME_MOST && bl_path_ends_with(name, shard_ending);
}

static bl_status check_map(const json_t *map, const char *path, bl_error *err)
{
    const char *tensor;
    json_t *file;
    if (!json_is_object(map) || !json_object_size(map))
        return bl_fail(err, BL_EFORMAT,
                       "%s: weight_map says which tensor is in which file; found %s", path,
                       json_is_object(map) ? "an empty one" : bl_json_type_name(map));
    json_object_foreach ((json_t *)map, tensor, file) {
        if (!json_is_string(file))
            return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s: a file name is text, found %s", path,
                           tensor, bl_json_type_name(file));
        if (!is_plain(json_string_value(file)))
            return bl_fail(err, BL_EFORMAT,
                           "%s: tensor %.80s: \"%.80s\" is no name of a safetensors file beside it",
                           path, tensor, json_string_value(file));
    }
    return BL_OK;
}

/* The index, whose owner frees it, and the map in it. */
static bl_status load_index(json_t **root, const json_t **map, const char *path, bl_error *err)
{
    uint64_t bytes;
    *root = NULL;
    BL_TRY(bl_file_bytes(path, &bytes, err));
    if (bytes > BL_INDEX_MOST)
        return bl_fail(err, BL_EFORMAT, "%s: %llu bytes; an index has at most %d", path,
                       (unsigned long long)bytes, BL_INDEX_MOST);
    BL_TRY(bl_json_load(root, path, err));
    *map = json_object_get(*root, "weight_map");
    bl_status status = check_map(*map, path, err);
    if (status != BL_OK) {
        json_decref(*root);
        *root = NULL;
    }
    return status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each file once, sorted. */
static bl_status list_files(bl_names *files, const json_t *map, const char *path, bl_error *err)
{
    const char *tensor;
    json_t *file;
    bl_status status = BL_OK;
    json_t *seen = json_object();
    *files = (bl_names){0};
    if (!seen)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    json_object_foreach ((json_t *)map, tensor, file) {
        const char *name = json_string_value(file);
        if (status != BL_OK || json_object_get(seen, name))
            continue;
        if (files->count == SHARDS_MOST)
            status = bl_fail(err, BL_EFORMAT, "%s: more than %d files", path, SHARDS_MOST);
        else if (json_object_set(seen, name, file))
            status = bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
        else
            status = bl_names_add(files, name, err);
    }
    json_decref(seen);
    if (status == BL_OK)
        qsort(files->name, files->count, sizeof *files->name, by_text);
    else
        bl_names_release(files);
    return status;
}

bl_status bl_shards_list(bl_names *files, const char *index, bl_error *err)
{
    json_t *root;
    const json_t *map;
    *files = (bl_names){0};
    BL_TRY(load_index(&root, &map, index, err));
    bl_status status = list_files(files, map, index, err);
    json_decref(root);
    return status;
}

/* ---- the shards ---- */

/* Whether a shard's tensors are those that the index names in it; *count grows by their number. */
static bl_status check_shard(const bl_st *st, const char *file, const json_t *map, size_t *count,
                             const char *path, bl_error *err)
{
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const char *name = bl_st_at(st, i)->name;
        const char *said = json_string_value(json_object_get(map, name));
        if (!said)
            return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s of %.80s is not in the index", path,
                           name, file);
        if (strcmp(said, file) != 0)
            return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s is in %.80s, by the index in %.80s",
                           path, name, file, said);
    }
    *count += bl_st_count(st);
    return BL_OK;
}

static bl_status open_shard(bl_st **st, const char *dir, const char *file, const char *path,
                            bl_error *err)
{
    char *shard = bl_path_join(dir, file);
    *st = NULL;
    bl_status status = shard ? BL_OK : bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    if (status == BL_OK && bl_path_what(shard) == BL_PATH_NONE)
        status = bl_fail(err, BL_ENOENT, "%s: its file %s is not there", path, file);
    if (status == BL_OK)
        status = bl_st_open(st, shard, err);
    bl_free(shard);
    return status;
}

/* A tensor that is in no file, when there are fewer than the index has. */
static bl_status find_absent(bl_st *const *shards, const bl_names *files, const json_t *map,
                             const char *path, bl_error *err)
{
    const char *tensor;
    json_t *file;
    json_object_foreach ((json_t *)map, tensor, file) {
        size_t i = 0;
        while (strcmp(files->name[i], json_string_value(file)) != 0)
            i++;
        if (!bl_st_find(shards[i], tensor))
            return bl_fail(err, BL_EFORMAT,
                           "%s: tensor %.80s is not in %.80s, where the index has it", path, tensor,
                           files->name[i]);
    }
    return BL_OK;
}

static bl_status open_shards(bl_st **st, const char *dir, const bl_names *files, const json_t *map,
                             const char *path, bl_error *err)
{
    bl_st **shards = bl_calloc(files->count, sizeof *shards);
    size_t count = 0;
    if (!shards)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    bl_status status = BL_OK;
    for (size_t i = 0; i < files->count && status == BL_OK; i++) {
        status = open_shard(&shards[i], dir, files->name[i], path, err);
        if (status == BL_OK)
            status = check_shard(shards[i], files->name[i], map, &count, path, err);
    }
    if (status == BL_OK && count < json_object_size(map))
        status = find_absent(shards, files, map, path, err);
    if (status == BL_OK)
        return bl_st_join(st, path, shards, files->count, err);
    for (size_t i = 0; i < files->count; i++)
        bl_st_close(shards[i]);
    bl_free((void *)shards);
    return status;
}

static bl_status open_index(bl_st **st, const char *path, bl_error *err)
{
    json_t *root;
    const json_t *map;
    bl_names files = {0};
    BL_TRY(load_index(&root, &map, path, err));
    char *dir = bl_path_parent(path);
    bl_status status = dir ? BL_OK : bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    if (status == BL_OK)
        status = list_files(&files, map, path, err);
    if (status == BL_OK)
        status = open_shards(st, dir, &files, map, path, err);
    bl_names_release(&files);
    bl_free(dir);
    json_decref(root);
    return status;
}

bl_status bl_weights_open_files(bl_st **st, const char *path, bl_error *err)
{
    *st = NULL;
    return bl_path_ends_with(path, index_ending) ? open_index(st, path, err)
                                                 : bl_st_open(st, path, err);
}
