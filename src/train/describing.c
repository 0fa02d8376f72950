/* Finding the data folder that describes a run, and conversations that were written differently. */
#include "train/describing.h"
#include "core/alloc.h"
#include "core/path.h"
#include "format/json.h"

/* tokenizer_config.json of a folder; NULL: it has none. */
static bl_status load(json_t **config, const char *dir, bl_error *err)
{
    char *path = bl_path_join(dir, "tokenizer_config.json");
    *config = NULL;
    if (!path)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_path_what(path) == BL_PATH_NONE ? BL_OK : bl_json_load(config, path, err);
    bl_free(path);
    return status;
}

static int is_same(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
    return x == y || json_equal(x, y);
}

static bl_status compare(const json_t *a, const char *dir, const char *other, bl_error *err)
{
    json_t *b;
    BL_TRY(load(&b, other, err));
    int same = is_same(a, b, "chat_template") && is_same(a, b, "bos_token");
    json_decref(b);
    return same ? BL_OK
                : bl_fail(err, BL_EINVAL,
                          "the conversations of %.200s and %.200s were written by different chat "
                          "templates: prepare both with the same one (`template`)",
                          dir, other);
}

/* The others of conversations, written as those of folder `first` were? */
static bl_status check_others(const json_t *config, const bl_corpora *data, size_t first,
                              bl_error *err)
{
    for (size_t i = first + 1; i < data->count; i++)
        if (bl_data_meta_masked(&data->data[i]->meta))
            BL_TRY(compare(config, data->dir[first], data->dir[i], err));
    return BL_OK;
}

bl_status bl_describing_folder(const char **dir, const bl_corpora *data, bl_error *err)
{
    size_t found = data->count;
    *dir = data->count ? data->dir[0] : NULL;
    for (size_t i = 0; i < data->count; i++) {
        json_t *config;
        int talks = bl_data_meta_masked(&data->data[i]->meta);
        if (!talks && found < data->count)
            continue;
        BL_TRY(load(&config, data->dir[i], err));
        if (found == data->count && json_object_get(config, "chat_template")) {
            found = i;
            *dir = data->dir[i];
        }
        if (talks) {
            *dir = data->dir[i];
            bl_status status = check_others(config, data, i, err);
            json_decref(config);
            return status;
        }
        json_decref(config);
    }
    return BL_OK;
}
