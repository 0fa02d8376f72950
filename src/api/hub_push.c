/* bl_hub_push(): a folder sent to the Hugging Face Hub. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/give.h"
#include "core/path.h"
#include "format/shards.h"
#include "hub/upload.h"

#include <string.h>

enum { FILES_MOST = 100000, DEPTH_MOST = 32 };

typedef struct pushing {
    const bl_push_options *options;
    bl_push_fn *fn;
    void *user;
    bl_hub hub;
    bl_hub_upload upload;
    size_t cap; /* of upload.file */
    bl_push_result result;
} pushing;

static bl_status add_file(pushing *p, const char *file, const char *path, bl_error *err)
{
    bl_hub_upload *u = &p->upload;
    if (!bl_hub_is_path(path))
        return bl_fail(err, BL_EINVAL, "%s: a name that a repository cannot hold", file);
    if (u->count == FILES_MOST)
        return bl_fail(err, BL_EINVAL, "%s: more than %d files", file, FILES_MOST);
    BL_TRY(bl_grow(&u->file, &p->cap, u->count + 1, sizeof *u->file, err));
    bl_hub_outgoing *f = &u->file[u->count++];
    *f = (bl_hub_outgoing){.path = bl_strdup(path), .file = bl_strdup(file), .state = "new"};
    return f->path && f->file ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
}

/* Files below a folder, without what is hidden; links count as the files that they lead to, and
 * those to folders not at all. */
static bl_status add_folder(pushing *p, const char *dir, const char *below, int depth,
                            bl_error *err)
{
    bl_names names;
    if (depth > DEPTH_MOST)
        return bl_fail(err, BL_EINVAL, "%s: folders in folders, more than %d deep", dir,
                       DEPTH_MOST);
    BL_TRY(bl_dir_list(&names, dir, err));
    bl_status status = BL_OK;
    for (size_t i = 0; i < names.count && status == BL_OK; i++) {
        const char *name = names.name[i];
        if (*name == '.')
            continue;
        char *file = bl_path_join(dir, name);
        char *path = *below ? bl_path_join(below, name) : bl_strdup(name);
        bl_path_kind what = file ? bl_path_what(file) : BL_PATH_NONE;
        if (!file || !path)
            status = bl_fail(err, BL_ENOMEM, "out of memory");
        else if (what == BL_PATH_FILE)
            status = add_file(p, file, path, err);
        else if (what == BL_PATH_DIR && !bl_path_is_link(file))
            status = add_folder(p, file, path, depth + 1, err);
        bl_free(file);
        bl_free(path);
    }
    bl_names_release(&names);
    return status;
}

/* Weights, and all files of an index of them. */
static bl_status check_weights(const char *folder, bl_error *err)
{
    char *path;
    bl_st *st = NULL;
    BL_TRY(bl_weights_path(&path, folder, err));
    bl_status status = BL_OK;
    if (bl_path_what(path) == BL_PATH_NONE)
        status = bl_fail(err, BL_EFORMAT, "%s: no model.safetensors", folder);
    else if (!bl_path_has(folder, BL_WEIGHTS_FILE))
        status = bl_weights_open_files(&st, path, err);
    bl_st_close(st);
    bl_free(path);
    return status;
}

/* A folder of a model, and not a run, most of which is nobody else's business. */
static bl_status check_model(const char *folder, bl_error *err)
{
    bl_model_files files;
    bl_config config;
    bl_weight_form form;
    bl_error why = {BL_OK, ""};
    bl_status status = bl_model_files_find(&files, folder, &why);
    int is_run = status == BL_OK && files.is_run;
    if (status == BL_OK) {
        status = bl_model_files_config(&files, &config, &form, &why);
        bl_model_files_release(&files);
    }
    if (status == BL_OK && is_run)
        return bl_fail(err, BL_EINVAL,
                       "%s is a training run: export it, and send what that makes; with `any` all "
                       "of it is sent",
                       folder);
    if (status == BL_OK)
        status = check_weights(folder, &why);
    if (status == BL_OK || status == BL_ENOMEM)
        return status == BL_OK ? BL_OK : bl_fail(err, status, "%s", why.message);
    return bl_fail(err, status, "%s; with `any` it is sent all the same", why.message);
}

static void tell(pushing *p)
{
    for (size_t i = 0; p->fn && i < p->upload.count; i++) {
        const bl_hub_outgoing *f = &p->upload.file[i];
        const bl_push_file file = {
            .size = sizeof file, .path = f->path, .bytes = f->size, .state = f->state};
        bl_call *call = bl_call_out();
        p->fn(p->user, &file);
        bl_call_back(call);
    }
}

static bl_status push(pushing *p, const char *folder, bl_error *err)
{
    bl_hub_upload *u = &p->upload;
    const bl_push_options *o = p->options;
    if (!bl_hub_is_repo(u->repo) || !strchr(u->repo, '/'))
        return bl_fail(err, BL_EINVAL, "'%.100s' is not the name of a repository, OWNER/NAME",
                       u->repo);
    if (!bl_hub_is_path(u->revision))
        return bl_fail(err, BL_EINVAL, "'%.100s' is not a branch", u->revision);
    if (bl_path_what(folder) != BL_PATH_DIR)
        return bl_fail(err, BL_ENOENT, "%s: no such folder", folder);
    if (!o->any)
        BL_TRY(check_model(folder, err));
    BL_TRY(add_folder(p, folder, "", 0, err));
    if (!u->count)
        return bl_fail(err, BL_ENOENT, "%s: no file in it", folder);
    if (p->hub.offline)
        return bl_fail(err, BL_ENETWORK, "HF_HUB_OFFLINE forbids to send anything");
    if (!p->hub.http.token && !o->dry_run)
        return bl_fail(err, BL_ENETWORK,
                       "no access token: set HF_TOKEN to one that may write to %s", u->repo);
    BL_TRY(bl_hub_compare(&p->hub, u, err));
    tell(p);
    if (!o->dry_run)
        BL_TRY(bl_hub_send(&p->hub, u, err));
    if (!o->dry_run && u->changed)
        BL_TRY(bl_hub_read_back(&p->hub, u, o->verify, err));
    memcpy(p->result.commit, u->commit, sizeof p->result.commit);
    p->result.files = u->count;
    p->result.changed = u->changed;
    p->result.bytes = u->total;
    p->result.sent = u->sent;
    return BL_OK;
}

static bl_status run(pushing *p, const char *folder, bl_progress_fn *progress, void *user,
                     bl_error *err)
{
    bl_status status = bl_hub_open(&p->hub, progress, user, err);
    if (status == BL_OK)
        status = bl_hub_use(&p->hub, "", p->options->token, err);
    if (status == BL_OK)
        status = push(p, folder, err);
    bl_hub_close(&p->hub);
    for (size_t i = 0; i < p->upload.count; i++) {
        bl_free(p->upload.file[i].path);
        bl_free(p->upload.file[i].file);
    }
    bl_free(p->upload.file);
    return status;
}

bl_status bl_hub_push(const char *folder, const char *repo, const bl_options *options,
                      bl_push_fn *fn, void *fn_user, bl_progress_fn *progress, void *user,
                      bl_push_result *result, bl_error *err)
{
    bl_call call;
    bl_push_options chosen;
    bl_outside_progress outside = {progress, user};
    BL_NOT_NULL(err, folder);
    BL_NOT_NULL(err, repo);
    if (result)
        BL_TRY(bl_result_begin(result, __func__, err));
    BL_TRY(bl_options_expect(options, BL_OPTIONS_PUSH, __func__, err));
    bl_call_begin(&call, err);
    bl_options_defaults(BL_OPTIONS_PUSH, &chosen);
    if (options)
        chosen = *bl_options_push(options);
    pushing p = {.options = &chosen,
                 .fn = fn,
                 .user = fn_user,
                 .upload = {.repo = repo,
                            .revision = *chosen.revision ? chosen.revision : "main",
                            .message = *chosen.message ? chosen.message : "Upload with bitllama",
                            .hidden = chosen.visibility == BL_VISIBILITY_PRIVATE},
                 .result = {.size = sizeof p.result}};
    bl_status status = run(&p, folder, progress ? bl_outside_progress_call : NULL, &outside, err);
    if (status == BL_OK && result)
        bl_result_give(result, &p.result, sizeof p.result);
    return bl_call_end(&call, status, err);
}
