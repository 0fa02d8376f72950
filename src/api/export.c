/* bl_export(): a model as others read it, with its ternary matrices packed. */
#include "api/device.h"
#include "api/model.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/os.h"
#include "format/dtype.h"
#include "model/fingerprint.h"
#include "model/folder.h"
#include "model/packed.h"

#include <stdio.h>
#include <string.h>

/* What goes where. */
typedef struct export_job {
    const bl_model *m;
    const char *out;
    char *beside; /* OUT.PID.tmp: written and checked first, then renamed */
    bl_dtype dtype;
    bl_weight_form form;
    char fingerprint[BL_FINGERPRINT];
} export_job;

static bl_status read_dtype(bl_dtype *dtype, const char *word, bl_error *err)
{
    static const struct {
        const char *word;
        bl_dtype dtype;
    } known[] = {{"f32", BL_F32}, {"bf16", BL_BF16}, {"f16", BL_F16}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(word, known[i].word) == 0) {
            *dtype = known[i].dtype;
            return BL_OK;
        }
    return bl_fail(err, BL_EINVAL, "dtype is one of f32|bf16|f16, not '%.40s'", word);
}

/* An empty place, or a model folder when `replace`; never a run, and nothing else. */
static bl_status check_place(const char *out, int replace, bl_error *err)
{
    bl_names names;
    if (!*out)
        return bl_fail(err, BL_EINVAL, "the output folder has no name");
    if (bl_path_what(out) == BL_PATH_NONE)
        return BL_OK;
    if (bl_path_what(out) != BL_PATH_DIR)
        return bl_fail(err, BL_EINVAL, "%s is there and is no folder", out);
    BL_TRY(bl_dir_list(&names, out, err));
    int has_model = 0, is_run = 0;
    for (size_t i = 0; i < names.count; i++) {
        has_model |= strcmp(names.name[i], "model.safetensors") == 0;
        is_run |= strcmp(names.name[i], "ckpt") == 0;
    }
    size_t count = names.count;
    bl_names_release(&names);
    if (!count || (replace && has_model && !is_run))
        return BL_OK;
    return bl_fail(err, BL_EINVAL, "%s is not empty%s", out,
                   is_run      ? ": it is a training run"
                   : has_model ? ": it holds a model (--force replaces it)"
                               : " and holds no model");
}

static bl_status write_card(const export_job *job, bl_error *err)
{
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_printf(&text, "Exported by Bit-Llama %s from a model with fingerprint %s; %s",
                  bl_version(), job->fingerprint,
                  job->form == BL_WEIGHTS_PACKED ? "ternary matrices packed to 2 bits, " : "");
    bl_buf_printf(&text, "%s as %s.\n",
                  job->form == BL_WEIGHTS_PACKED ? "embedding and head" : "the matrices",
                  bl_dtype_name(job->dtype));
    bl_status status = bl_buf_status(&text, err);
    if (status == BL_OK)
        status = bl_folder_card(job->beside, &job->m->net, text.data, err);
    bl_buf_release(&text);
    return status;
}

static bl_status write_folder(const export_job *job, bl_error *err)
{
    const bl_model *m = job->m;
    BL_TRY(bl_dir_make(job->beside, err));
    char *weights = bl_path_join(job->beside, "model.safetensors");
    if (!weights)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_net_save_packed(
        &m->net, job->dtype, job->dtype == BL_F32 ? NULL : job->fingerprint, weights, err);
    bl_free(weights);
    BL_TRY(status);
    BL_TRY(write_card(job, err));
    return bl_folder_describe(job->beside, m->tokenizer ? m->config_dir : NULL, &m->net.config,
                              job->form, err);
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

/* The new folder to its place; an old one steps aside first. */
static bl_status move_in(const export_job *job, bl_error *err)
{
    bl_buf old;
    bl_buf_init(&old);
    bl_buf_printf(&old, "%s.old", job->beside);
    bl_status status = bl_buf_status(&old, err);
    int replaces = bl_path_what(job->out) == BL_PATH_DIR;
    if (status == BL_OK && replaces)
        status = bl_path_rename(job->out, old.data, err);
    if (status == BL_OK) {
        status = bl_path_rename(job->beside, job->out, err);
        if (status != BL_OK && replaces && bl_path_rename(old.data, job->out, NULL) != BL_OK)
            status = bl_fail(err, BL_EIO, "%s could not be put in place; the old one is %s",
                             job->out, old.data);
    }
    if (status == BL_OK && replaces)
        status = bl_dir_remove(old.data, err);
    bl_buf_release(&old);
    return status;
}

bl_status bl_export(bl_model *m, const char *out, const char *dtype, int replace, bl_error *err)
{
    export_job job = {
        .m = m, .out = out, .form = m->dev->ternary ? BL_WEIGHTS_PACKED : BL_WEIGHTS_LATENT};
    bl_buf beside;
    BL_TRY(read_dtype(&job.dtype, dtype, err));
    BL_TRY(check_place(out, replace, err));
    BL_TRY(bl_net_fingerprint(&m->net, job.fingerprint, err));
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/')
        length--;
    bl_buf_init(&beside);
    bl_buf_printf(&beside, "%.*s.%08lx.tmp", (int)length, out,
                  (unsigned long)(bl_os_entropy() & 0xffffffff));
    bl_status status = bl_buf_status(&beside, err);
    if (status == BL_OK) {
        job.beside = beside.data;
        status = write_folder(&job, err);
        if (status == BL_OK)
            status = verify(&job, err);
        if (status == BL_OK)
            status = move_in(&job, err);
        if (status != BL_OK && bl_path_what(job.beside) == BL_PATH_DIR) {
            bl_status cleared = bl_dir_remove(job.beside, NULL);
            (void)cleared; /* the first failure is the one to tell */
        }
    }
    bl_buf_release(&beside);
    return status;
}

bl_status bl_model_fingerprint(const bl_model *m, char hex[33], bl_error *err)
{
    bl_net view;
    BL_TRY(bl_model_view(m, &view, err));
    bl_status status = bl_net_fingerprint(&view, hex, err);
    bl_dev_close(view.dev);
    return status;
}
