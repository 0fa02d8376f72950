/* The model whose weights a run starts from (option init). */
#include "api/parent.h"
#include "api/hub_model.h"
#include "api/model_open.h"
#include "api/weights.h"
#include "core/alloc.h"
#include "core/hash.h"
#include "core/path.h"
#include "core/watch.h"
#include "format/shards.h"

#include <string.h>

static bl_status read_tokenizer_hash(bl_parent *p, const char *dir, bl_error *err)
{
    if (!bl_path_has(dir, "tokenizer.json"))
        return BL_OK;
    char *path = bl_path_join(dir, "tokenizer.json");
    p->tokenizer_dir = bl_strdup(dir);
    bl_status status = path && p->tokenizer_dir ? bl_file_hash(path, p->tokenizer_hash, err)
                                                : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    return status;
}

static bl_status open_files(void *user, const bl_model_files *files, bl_error *err)
{
    bl_parent *p = user;
    bl_weight_form form;
    bl_parent_close(p); /* for a checkpoint that is gone */
    BL_TRY(bl_model_files_config(files, &p->config, &form, err));
    if (form != BL_WEIGHTS_LATENT)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: packed weights are rounded, and training needs those before: name the "
                       "run that it was exported from",
                       files->weights_dir);
    BL_TRY(read_tokenizer_hash(p, files->config_dir, err));
    BL_TRY(bl_weights_path(&p->path, files->weights_dir, err));
    return bl_weights_open(&p->weights, p->path, &p->config, form, err);
}

static int watch_download(void *user, const char *stage, uint64_t done, uint64_t total,
                          const char *unit)
{
    (void)user, (void)stage, (void)unit;
    return bl_watch_poll(done, total, NULL) != BL_OK;
}

/* OWNER/NAME, which no file or folder has. */
static int is_repository(const char *model)
{
    const char *slash = strchr(model, '/');
    return slash && slash > model && slash[1] && !strchr(slash + 1, '/') && *model != '.' &&
           *model != '~' && bl_path_what(model) == BL_PATH_NONE;
}

/* The folder of the cache that holds a repository's model, fetched when it is not there. */
static bl_status fetch(bl_buf *folder, const char *repository, bl_error *err)
{
    bl_pull_options options;
    bl_error why = {BL_OK, ""};
    bl_options_defaults(BL_OPTIONS_PULL, &options);
    bl_status status =
        bl_hub_model_find(repository, &options, watch_download, NULL, folder, NULL, &why);
    return status == BL_OK
               ? status
               : bl_fail(err, status, "no folder %s is here; %s", repository, why.message);
}

bl_status bl_parent_open(bl_parent *p, const char *model, bl_error *err)
{
    bl_buf folder;
    *p = (bl_parent){.path = NULL};
    bl_buf_init(&folder);
    bl_status status = is_repository(model) ? fetch(&folder, model, err) : BL_OK;
    if (status == BL_OK)
        status = bl_model_files_use(folder.len ? folder.data : model, open_files, p, err);
    bl_buf_release(&folder);
    if (status != BL_OK)
        bl_parent_close(p);
    return status;
}

void bl_parent_close(bl_parent *p)
{
    bl_st_close(p->weights);
    bl_free(p->path);
    bl_free(p->tokenizer_dir);
    *p = (bl_parent){.path = NULL};
}

bl_status bl_parent_check_data(const bl_parent *p, const char *data_dir, const bl_data_meta *meta,
                               bl_error *err)
{
    if (strcmp(p->tokenizer_hash, meta->tokenizer_hash) == 0 &&
        p->config.vocab_size == meta->vocab_size)
        return BL_OK;
    return bl_fail(
        err, BL_EINVAL,
        "%s was trained with another tokenizer (%zu ids) than %s was prepared with (%llu "
        "ids): prepare that with `tokenizer`, that of the model's folder",
        p->path, p->config.vocab_size, data_dir, (unsigned long long)meta->vocab_size);
}
