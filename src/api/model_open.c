/* Models of the public API: opened, held by who uses them, closed. */
#include "api/model_open.h"
#include "api/device.h"
#include "api/weights.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/dir.h"
#include "core/lock.h"
#include "core/path.h"
#include "core/watch.h"
#include "format/other_file.h"
#include "format/shards.h"
#include "model/packed.h"
#include "train/checkpoint.h"

#include <string.h>

enum { DEFAULT_CONTEXT = 128 };

static bl_status no_folder(const char *path, bl_error *err)
{
    BL_TRY(bl_other_refuse(BL_PLACE_MODEL, path, err));
    return bl_fail(err, BL_EFORMAT,
                   "%s: a file, and not a model folder: name the folder of "
                   "config.json and model.safetensors",
                   path);
}

/* A file named in the place of its folder. */
static bl_status find_by_file(bl_model_files *f, const char *path, bl_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (strcmp(name, BL_WEIGHTS_FILE) != 0 && strcmp(name, BL_WEIGHTS_INDEX) != 0 &&
        strcmp(name, "config.json") != 0)
        return no_folder(path, err);
    char *folder = bl_strdup(slash ? path : ".");
    if (!folder)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    if (slash)
        folder[slash == path ? 1 : slash - path] = 0;
    bl_status status = bl_model_files_find(f, folder, err);
    bl_free(folder);
    return status;
}

/* A checkpoint has the weights; everything else is in its run, two folders up.  No weights_dir: not
 * a checkpoint. */
static bl_status find_checkpoint(bl_model_files *f, const char *path, bl_error *err)
{
    char *run = bl_path_join(path, "../..");
    if (!run)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    if (!bl_path_has(run, "config.json") || bl_path_has(path, "config.json") ||
        !bl_path_has(path, "state.json")) {
        bl_free(run);
        return BL_OK;
    }
    *f = (bl_model_files){.config_dir = run, .weights_dir = bl_strdup(path), .is_run = 1};
    bl_status status = f->weights_dir ? bl_lock_share(&f->hold, path, err)
                                      : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status != BL_OK)
        bl_model_files_release(f);
    return status;
}

bl_status bl_model_files_find(bl_model_files *f, const char *path, bl_error *err)
{
    *f = (bl_model_files){0};
    if (bl_path_what(path) == BL_PATH_FILE)
        return find_by_file(f, path, err);
    BL_TRY(find_checkpoint(f, path, err));
    if (f->weights_dir)
        return BL_OK;
    bl_dir_recover(path);
    if (bl_path_what(path) == BL_PATH_NONE)
        return bl_fail(err, BL_ENOENT, "%s: no such model folder", path);
    if (bl_path_what(path) != BL_PATH_DIR)
        return bl_fail(err, BL_EFORMAT, "%s: not a model folder", path);
    if (!bl_path_has(path, "config.json"))
        return bl_fail(err, BL_EFORMAT, "%s: no config.json, so not a model folder or a run", path);
    f->config_dir = bl_strdup(path);
    bl_status status = BL_OK;
    char *checkpoints = bl_path_join(path, "ckpt");
    if (!checkpoints)
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    f->is_run = checkpoints && bl_path_what(checkpoints) == BL_PATH_DIR;
    bl_free(checkpoints);
    if (status == BL_OK && f->is_run)
        status = bl_checkpoint_best(&f->weights_dir, &f->hold, path, err);
    if (status == BL_OK && !f->weights_dir)
        f->weights_dir = bl_strdup(path);
    if (status == BL_OK && (!f->config_dir || !f->weights_dir))
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    if (status != BL_OK)
        bl_model_files_release(f);
    return status;
}

void bl_model_files_release(bl_model_files *f)
{
    bl_lock_close(f->hold);
    bl_free(f->weights_dir);
    bl_free(f->config_dir);
    *f = (bl_model_files){0};
}

bl_status bl_model_files_use(const char *path, bl_model_files_fn *fn, void *user, bl_error *err)
{
    bl_status status = BL_OK;
    int gone = 1;
    for (int i = 0; gone && i < BL_CHECKPOINT_LOOKS; i++) {
        bl_model_files files;
        BL_TRY(bl_model_files_find(&files, path, err));
        status = fn(user, &files, err);
        gone = !bl_lock_is_of(files.hold, files.weights_dir);
        bl_model_files_release(&files);
    }
    return status;
}

/* The fingerprint in the metadata, if there is one: 32 digits, as this program writes them. */
static bl_status read_parent(bl_model *m, const bl_st *st, const char *path, bl_error *err)
{
    const char *parent = bl_st_metadata(st, BL_PARENT_FINGERPRINT);
    if (!parent)
        return BL_OK;
    if (strlen(parent) != sizeof m->parent - 1 ||
        strspn(parent, "0123456789abcdef") != sizeof m->parent - 1)
        return bl_fail(err, BL_EFORMAT,
                       "%s: " BL_PARENT_FINGERPRINT
                       " is \"%.40s\", expected %zu hexadecimal digits "
                       "in lower case",
                       path, parent, sizeof m->parent - 1);
    memcpy(m->parent, parent, sizeof m->parent);
    return BL_OK;
}

/* Proven before anything of the size that config.json says is allocated. */
static bl_status open_weights(bl_model *m, const bl_config *config, bl_error *err)
{
    const bl_device_request request = bl_device_requested(m->device, m->dev->ternary);
    char *path;
    bl_st *st = NULL;
    BL_TRY(bl_weights_path(&path, m->path, err));
    bl_status status = bl_weights_open(&st, path, config, m->form, err);
    if (status == BL_OK)
        status = read_parent(m, st, path, err);
    bl_table_form tables = status == BL_OK ? bl_packed_form(config, st) : BL_TABLE_PARAMS;
    if (status == BL_OK)
        status = bl_weights_fit(m->path, m->dev, &request, config, m->form, tables, err);
    if (status == BL_OK)
        status = m->form == BL_WEIGHTS_LATENT
                     ? bl_net_open(&m->net, config, m->dev, err)
                     : bl_net_open_packed(&m->net, config, m->dev, tables, err);
    if (status == BL_OK)
        status = m->form == BL_WEIGHTS_LATENT ? bl_net_load(&m->net, st, path, err)
                                              : bl_net_load_packed(&m->net, m->form, st, path, err);
    if (status == BL_OK)
        status = bl_net_coarsen(&m->net, err);
    bl_st_close(st);
    bl_free(path);
    return status;
}

/* The context a run was trained with, and what it began with; a plain model folder does not say. */
static bl_status read_run(bl_model *m, const bl_model_files *files, bl_error *err)
{
    bl_train_state state;
    bl_status status = BL_ENOENT;
    if (files->is_run)
        status = bl_checkpoint_state(&state, files->weights_dir, err);
    m->trained_context = status == BL_OK ? state.options.context : 0;
    m->context = m->trained_context ? m->trained_context : DEFAULT_CONTEXT;
    if (status == BL_OK)
        memcpy(m->begun_with, state.parent, sizeof m->begun_with);
    return bl_status_is_passing(status) ? status : BL_OK;
}

bl_status bl_model_files_config(const bl_model_files *f, bl_config *config, bl_weight_form *form,
                                bl_error *err)
{
    char *path = bl_path_join(f->config_dir, "config.json");
    bl_status status =
        path ? bl_config_load(config, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_config_check(config, path, err);
    if (status == BL_OK)
        status = bl_config_form(form, path, err);
    bl_free(path);
    return status;
}

static bl_status open_model(bl_model *m, const bl_model_files *files, const bl_options *device,
                            bl_error *err)
{
    bl_config config;
    m->path = bl_strdup(files->weights_dir);
    m->config_dir = bl_strdup(files->config_dir);
    if (!m->path || !m->config_dir)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    BL_TRY(bl_model_files_config(files, &config, &m->form, err));
    BL_TRY(bl_options_from_config(&m->config, &config, err));
    if (bl_path_has(files->config_dir, "tokenizer.json"))
        BL_TRY(bl_tokenizer_open(&m->tokenizer, files->config_dir, err));
    if (m->tokenizer && bl_tokenizer_vocab_size(m->tokenizer) > config.vocab_size)
        return bl_fail(err, BL_EFORMAT, "%s: the tokenizer has %zu ids, the model %zu",
                       files->config_dir, bl_tokenizer_vocab_size(m->tokenizer), config.vocab_size);
    BL_TRY(read_run(m, files, err));
    BL_TRY(bl_options_copy(&m->device, BL_OPTIONS_DEVICE, device, err));
    const bl_device_request request =
        bl_device_requested(m->device, config.quantization == BL_QUANT_TERNARY);
    BL_TRY(bl_device_open(&m->dev, &request, err));
    BL_TRY(bl_executors_open(&m->executors, &m->net, m->device, err));
    return open_weights(m, &config, err);
}

/* What is to be opened, and the result. */
typedef struct opening {
    const bl_options *device;
    bl_model *model;
} opening;

static bl_status open_files(void *user, const bl_model_files *files, bl_error *err)
{
    opening *o = user;
    bl_model_close(o->model); /* of a checkpoint that is gone */
    o->model = bl_calloc(1, sizeof *o->model);
    return o->model ? open_model(o->model, files, o->device, err)
                    : bl_fail(err, BL_ENOMEM, "out of memory");
}

bl_status bl_model_open(bl_model **m, const char *path, const bl_options *device, bl_error *err)
{
    bl_call call;
    opening o = {.device = device};
    bl_watch watch;
    BL_NOT_NULL(err, m);
    *m = NULL;
    BL_NOT_NULL(err, path);
    BL_TRY(bl_options_expect(device, BL_OPTIONS_DEVICE, __func__, err));
    bl_call_begin(&call, err);
    bl_watch_begin(&watch, "loading", "%", 100);
    bl_status status = bl_model_files_use(path, open_files, &o, err);
    bl_watch_end(&watch);
    if (status != BL_OK) {
        bl_model_close(o.model);
        o.model = NULL;
    }
    *m = o.model;
    return bl_call_end(&call, status, err);
}

void bl_model_hold(bl_model *m)
{
    (void)atomic_fetch_add(&m->holders, 1);
}

void bl_model_close(bl_model *m)
{
    if (!m || atomic_fetch_sub(&m->holders, 1))
        return;
    bl_executors_close(&m->executors);
    bl_net_release(&m->net);
    bl_dev_close(m->dev);
    bl_tokenizer_close(m->tokenizer);
    bl_options_close(m->config);
    bl_options_close(m->device);
    bl_free(m->path);
    bl_free(m->config_dir);
    bl_free(m);
}

const char *bl_model_path(const bl_model *m)
{
    return m ? m->path : NULL;
}

const bl_options *bl_model_config(const bl_model *m)
{
    return m ? m->config : NULL;
}

const bl_tokenizer *bl_model_tokenizer(const bl_model *m)
{
    return m ? m->tokenizer : NULL;
}

uint64_t bl_model_parameters(const bl_model *m)
{
    return m ? m->net.tensors.parameters : 0;
}
