/* bl_export(): a model for others to read, with its ternary matrices packed. */
#include "api/device.h"
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/call.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/path.h"
#include "core/watch.h"
#include "format/dtype.h"
#include "format/shards.h"
#include "model/fingerprint.h"
#include "model/folder.h"
#include "model/packed.h"
#include "model/remote_code.h"
#include "text/text.h"

#include <stdio.h>
#include <string.h>

/* What goes where. */
typedef struct export_job {
    const bl_model *m;
    const char *out;
    const char *beside; /* hidden: written and checked first, then put into place */
    bl_dtype dtype;
    bl_weight_form form;
    char fingerprint[BL_FINGERPRINT];
} export_job;

static bl_status read_dtype(bl_dtype *dtype, const char *word, bl_error *err)
{
    static const struct {
        const char *word;
        bl_dtype dtype;
    } known[] = {{"f32", BL_F32}, {"bf16", BL_BF16}, {"f16", BL_F16}, {"int8", BL_I8}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(word, known[i].word) == 0) {
            *dtype = known[i].dtype;
            return BL_OK;
        }
    return bl_fail(err, BL_EINVAL, "dtype is one of f32|bf16|f16|int8, not '%.40s'", word);
}

/* Whether an export writes a file of that name: such a file may be replaced. */
static int is_ours(const char *dir, const char *name)
{
    static const char *const ours[] = {
        "config.json",           BL_WEIGHTS_FILE,          "tokenizer.json",
        "tokenizer_config.json", "generation_config.json", "README.md",
        "chat_template.jinja"};
    int known = 0;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        known |= strcmp(name, ours[i]) == 0;
    for (size_t i = 0; i < BL_REMOTE_FILES; i++)
        known |= strcmp(name, bl_remote_files[i].name) == 0;
    return known && bl_path_has_own(dir, name);
}

/* BL_EINVAL when something in the folder is not a file of an export. */
static bl_status check_names(const char *dir, size_t *count, bl_error *err)
{
    bl_names names;
    bl_status status = BL_OK;
    BL_TRY(bl_dir_list(&names, dir, err));
    *count = names.count;
    for (size_t i = 0; i < names.count && status == BL_OK; i++)
        if (!is_ours(dir, names.name[i]))
            status =
                bl_fail(err, BL_EINVAL, "%s is not empty, and %.60s in it is no part of an export",
                        dir, names.name[i]);
    bl_names_release(&names);
    return status;
}

static const char card_opening[] = "Exported by Bit-Llama";

/* The three below answer in *yes, or return BL_ENOMEM when they could not look: no memory is not a
 * "no". */
static bl_status card_is_ours(int *yes, const char *dir, bl_error *err)
{
    char *path = bl_path_join(dir, "README.md");
    bl_map map;
    bl_buf text = {0};
    *yes = 0;
    bl_status status =
        path ? bl_map_open(&map, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK) {
        bl_buf_append(&text, map.data, map.size);
        bl_map_close(&map);
        status = bl_buf_status(&text, err);
        *yes = status == BL_OK && strstr(text.data, card_opening) != NULL;
    }
    bl_buf_release(&text);
    bl_free(path);
    return bl_status_is_passing(status) ? status : BL_OK;
}

static bl_status has_packed(int *yes, const char *dir, bl_error *err)
{
    char *path = bl_path_join(dir, BL_WEIGHTS_FILE);
    bl_st *st = NULL;
    *yes = 0;
    bl_status status = path ? bl_st_open(&st, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    for (size_t i = 0; status == BL_OK && i < bl_st_count(st); i++)
        *yes |= bl_st_at(st, i)->dtype == BL_U8;
    bl_st_close(st);
    bl_free(path);
    return bl_status_is_passing(status) ? status : BL_OK;
}

/* Whether a folder is clearly an export: its card says so, and its weights are not the latents of a
 * ternary model, which nothing can recreate. */
static bl_status is_export(int *yes, const char *dir, bl_error *err)
{
    bl_model_files files;
    bl_config config;
    bl_weight_form form;
    *yes = 0;
    bl_status status = bl_model_files_find(&files, dir, err);
    if (status == BL_OK) {
        status = bl_model_files_config(&files, &config, &form, err);
        bl_model_files_release(&files);
    }
    if (status == BL_OK)
        status = card_is_ours(yes, dir, err);
    if (status == BL_OK && *yes && config.quantization != BL_QUANT_NONE)
        status = has_packed(yes, dir, err);
    return bl_status_is_passing(status) ? status : BL_OK;
}

static bl_status file_links_into(int *yes, const char *dir, const char *file, const char *out,
                                 bl_error *err)
{
    char *a = bl_path_join(dir, file), *b = bl_path_join(out, BL_WEIGHTS_FILE);
    bl_status status = a && b ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    *yes |= status == BL_OK && (bl_path_is_inside(a, out) || bl_path_same(a, b));
    bl_free(a);
    bl_free(b);
    return status;
}

/* Whether weights that are links, as those of a cache, lead into `out`. */
static bl_status links_into(int *yes, const char *dir, const char *out, bl_error *err)
{
    bl_names files = {0};
    char *path;
    *yes = 0;
    BL_TRY(bl_weights_path(&path, dir, err));
    bl_status status = bl_path_has(dir, BL_WEIGHTS_FILE)
                           ? bl_names_add(&files, BL_WEIGHTS_FILE, err)
                           : bl_shards_list(&files, path, err);
    for (size_t i = 0; i < files.count && status == BL_OK; i++)
        status = file_links_into(yes, dir, files.name[i], out, err);
    bl_names_release(&files);
    bl_free(path);
    return bl_status_is_passing(status) ? status : BL_OK;
}

/* An absent or empty folder, or with `replace` an export that is not the model itself: a run, other
 * weights, or what somebody put beside a model, is never removed. */
static bl_status check_place(const bl_model *m, const char *out, int replace, bl_error *err)
{
    size_t count;
    int ours;
    if (bl_path_is_link(out))
        return bl_fail(err, BL_EINVAL, "%s is a symbolic link: name the folder itself", out);
    if (bl_path_what(out) == BL_PATH_NONE)
        return BL_OK;
    if (bl_path_what(out) != BL_PATH_DIR)
        return bl_fail(err, BL_EINVAL, "%s is there and is no folder", out);
    BL_TRY(check_names(out, &count, err));
    if (!count)
        return BL_OK;
    BL_TRY(is_export(&ours, out, err));
    if (!ours)
        return bl_fail(err, BL_EINVAL,
                       "%s is not empty and is no export of this program, so it is not replaced: "
                       "name another folder",
                       out);
    if (!replace)
        return bl_fail(err, BL_EINVAL,
                       "%s is not empty: it holds an export (`replace` replaces it)", out);
    int itself;
    if (!*m->path)
        return BL_OK;
    BL_TRY(links_into(&itself, m->path, out, err));
    if (itself || bl_path_same(out, m->path))
        return bl_fail(err, BL_EINVAL,
                       "%s holds the model that is to be exported: name another folder", out);
    return BL_OK;
}

static bl_status write_card(const export_job *job, bl_error *err)
{
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_printf(&text, "%s %s from a model with fingerprint %s; %s", card_opening, bl_version(),
                  job->fingerprint,
                  job->form == BL_WEIGHTS_PACKED ? "ternary matrices packed to 2 bits, " : "");
    bl_buf_printf(&text, "%s as %s.\n",
                  job->form == BL_WEIGHTS_PACKED ? "embedding and head" : "the matrices",
                  job->dtype == BL_I8 ? "rows of int8" : bl_dtype_name(job->dtype));
    if (*job->m->begun_with)
        bl_buf_printf(&text, "Begun with the weights of the model of fingerprint %s.\n",
                      job->m->begun_with);
    bl_status status = bl_buf_status(&text, err);
    if (status == BL_OK)
        status = bl_folder_card(job->beside, &job->m->net, text.data, err);
    bl_buf_release(&text);
    return status;
}

/* The fingerprint to record in the file, or NULL: of the model that lost digits first. */
static const char *parent_of(const export_job *job)
{
    if (*job->m->parent)
        return job->m->parent;
    return job->dtype == BL_F32 ? NULL : job->fingerprint;
}

/* tokenizer.json as it is; a model may come without the other file, which is then made. */
static bl_status write_tokenizer(const export_job *job, bl_error *err)
{
    static const char name[] = "tokenizer_config.json";
    const bl_model *m = job->m;
    const bl_config *c = &m->net.config;
    const bl_token_roles roles = {(uint32_t)c->eos_token_id, (uint32_t)c->pad_token_id};
    if (!m->tokenizer)
        return BL_OK;
    BL_TRY(bl_folder_copy(m->config_dir, job->beside, "tokenizer.json", err));
    if (bl_path_has(m->config_dir, "chat_template.jinja"))
        BL_TRY(bl_folder_copy(m->config_dir, job->beside, "chat_template.jinja", err));
    char *from = bl_path_join(m->config_dir, name), *to = bl_path_join(job->beside, name);
    bl_status status = BL_OK;
    if (!from || !to)
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    else if (bl_path_what(from) == BL_PATH_NONE)
        status = bl_tokenizer_save_config(m->tokenizer, roles, NULL, to, err);
    else
        status = bl_folder_copy(m->config_dir, job->beside, name, err);
    bl_free(from);
    bl_free(to);
    return status;
}

static bl_status write_folder(const export_job *job, bl_error *err)
{
    const bl_model *m = job->m;
    char *weights = bl_path_join(job->beside, BL_WEIGHTS_FILE);
    if (!weights)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_net_save_packed(&m->net, job->dtype, parent_of(job), weights, err);
    bl_free(weights);
    BL_TRY(status);
    BL_TRY(write_card(job, err));
    BL_TRY(write_tokenizer(job, err));
    return bl_folder_describe(job->beside, NULL, &m->net.config, job->form, 1, err);
}

/* Reads back what was written: with a float32 rest it is the same function. */
static bl_status verify(const export_job *job, bl_error *err)
{
    bl_model *copy;
    char hex[BL_FINGERPRINT];
    BL_TRY(bl_model_open(&copy, job->beside, job->m->device, err));
    bl_status status = bl_net_fingerprint(&copy->net, hex, err);
    if (status == BL_OK && job->dtype == BL_F32 && strcmp(hex, job->fingerprint) != 0)
        status = bl_fail(err, BL_EIO, "%s: read back, the export differs from the model (%s, %s)",
                         job->beside, hex, job->fingerprint);
    bl_model_close(copy);
    return status;
}

/* Something may have been put into the old folder since it was looked at. */
static bl_status check_old(void *user, const char *old, bl_error *err)
{
    const export_job *job = user;
    bl_error why = {BL_OK, ""};
    size_t count;
    if (check_names(old, &count, &why) == BL_OK)
        return BL_OK;
    return bl_fail(err, why.code, "%s is as it was: %.300s", job->out, why.message);
}

/* Writes under a hidden name, checks, and puts it into place; after a failure the old contents are
 * still there. */
static bl_status run(export_job *job, bl_error *err)
{
    bl_outdir *out;
    BL_TRY(bl_outdir_open(&out, job->out, err));
    job->beside = bl_outdir_temporary(out);
    bl_watch_part(30, 40);
    bl_status status = write_folder(job, err);
    bl_watch_part(70, 30);
    if (status == BL_OK)
        status = verify(job, err);
    if (status == BL_OK)
        return bl_outdir_commit(out, check_old, job, err);
    bl_outdir_abandon(out);
    return status;
}

static bl_status choose_dtype(export_job *job, const char *dtype, bl_error *err)
{
    BL_TRY(read_dtype(&job->dtype, dtype, err));
    if (job->dtype == BL_I8 && job->form != BL_WEIGHTS_PACKED)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "int8 is of a ternary model's embedding and head; this one is of floats");
    return BL_OK;
}

static bl_status export_to(const bl_model *m, const char *out, const char *dtype, int replace,
                           bl_error *err)
{
    export_job job = {.m = m, .form = m->dev->ternary ? BL_WEIGHTS_PACKED : BL_WEIGHTS_LATENT};
    size_t length = strlen(out);
    if (!length)
        return bl_fail(err, BL_EINVAL, "the output folder has no name");
    while (length > 1 && out[length - 1] == '/')
        length--;
    bl_buf place;
    bl_buf_init(&place);
    bl_buf_append(&place, out, length);
    bl_status status = bl_buf_status(&place, err);
    job.out = place.data;
    if (status == BL_OK)
        status = choose_dtype(&job, dtype, err);
    if (status == BL_OK) {
        bl_dir_recover(job.out);
        status = check_place(m, job.out, replace, err);
    }
    if (status == BL_OK)
        bl_watch_part(0, 30);
    if (status == BL_OK)
        status = bl_net_fingerprint(&m->net, job.fingerprint, err);
    if (status == BL_OK)
        status = run(&job, err);
    bl_buf_release(&place);
    return status;
}

bl_status bl_export(bl_model *m, const char *out, const char *dtype, int replace, bl_error *err)
{
    bl_call call;
    bl_watch watch;
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, out);
    BL_NOT_NULL(err, dtype);
    if (m->random)
        return bl_fail(err, BL_EUNSUPPORTED, "random weights are not exported");
    bl_call_begin(&call, err);
    bl_watch_begin(&watch, "packing", "%", 100);
    bl_model_hold(m);
    bl_status status = export_to(m, out, dtype, replace, err);
    bl_model_close(m);
    bl_watch_end(&watch);
    return bl_call_end(&call, status, err);
}

/* What is written into a folder in memory is read back as what is written to disk. */
static bl_status export_held(bl_files *f, const bl_model *m, const char *dtype, bl_error *err)
{
    export_job job = {.m = m,
                      .form = m->dev->ternary ? BL_WEIGHTS_PACKED : BL_WEIGHTS_LATENT,
                      .beside = bl_files_path(f)};
    BL_TRY(choose_dtype(&job, dtype, err));
    bl_watch_part(0, 30);
    BL_TRY(bl_net_fingerprint(&m->net, job.fingerprint, err));
    bl_watch_part(30, 40);
    BL_TRY(write_folder(&job, err));
    bl_watch_part(70, 30);
    return verify(&job, err);
}

bl_status bl_export_files(bl_files **f, bl_model *m, const char *dtype, bl_error *err)
{
    bl_call call;
    bl_watch watch;
    BL_NOT_NULL(err, f);
    *f = NULL;
    BL_NOT_NULL(err, m);
    BL_NOT_NULL(err, dtype);
    if (!*m->path)
        return bl_fail(err, BL_EUNSUPPORTED, "random weights are not exported");
    bl_call_begin(&call, err);
    bl_watch_begin(&watch, "packing", "%", 100);
    bl_model_hold(m);
    bl_status status = bl_files_open(f, NULL, 0, err);
    if (status == BL_OK)
        status = export_held(*f, m, dtype, err);
    bl_model_close(m);
    bl_watch_end(&watch);
    if (status != BL_OK) {
        bl_files_close(*f);
        *f = NULL;
    }
    return bl_call_end(&call, status, err);
}
