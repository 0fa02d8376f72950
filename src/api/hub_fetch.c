/* bl_hub_fetch(): a file of the Hugging Face Hub. */
#include "core/call.h"
#include "hub/hub.h"

#include <string.h>

static bl_status fetch(bl_hub_kind kind, const char *repo, const char *revision, const char *file,
                       char *path, size_t cap, bl_progress_fn *progress, void *user, bl_error *err)
{
    const bl_hub_file wanted = {.kind = kind == BL_HUB_DATASET ? "datasets" : "models",
                                .repo = repo,
                                .revision = revision ? revision : "main",
                                .file = file};
    bl_hub hub;
    bl_buf place;
    bl_buf_init(&place);
    bl_status status = bl_hub_open(&hub, progress, user, err);
    if (status == BL_OK)
        status = bl_hub_get(&hub, &wanted, &place, err);
    bl_hub_close(&hub);
    if (status == BL_OK && place.len >= cap)
        status = bl_fail(err, BL_EINVAL, "%s: its path needs a buffer of %zu bytes", file,
                         place.len + 1);
    if (status == BL_OK)
        memcpy(path, place.data, place.len + 1);
    bl_buf_release(&place);
    return status;
}

bl_status bl_hub_fetch(bl_hub_kind kind, const char *repo, const char *revision, const char *file,
                       char *path, size_t cap, bl_progress_fn *progress, void *user, bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    if (path && cap)
        *path = 0;
    BL_NOT_NULL(err, repo);
    BL_NOT_NULL(err, file);
    BL_NOT_NULL_IF(err, cap, path);
    if (kind != BL_HUB_MODEL && kind != BL_HUB_DATASET)
        return bl_fail(err, BL_EINVAL, "%s: kind is %d, neither a model nor a data set", __func__,
                       (int)kind);
    bl_call_begin(&call, err);
    return bl_call_end(&call,
                       fetch(kind, repo, revision, file, path, cap,
                             progress ? bl_outside_progress_call : NULL, &outside, err),
                       err);
}
