/* bl_hub_fetch(): a file of the Hugging Face Hub. */
#include "core/call.h"
#include "core/give.h"
#include "hub/hub.h"

static bl_status fetch(bl_hub_kind kind, const char *repo, const char *revision, const char *file,
                       char *path, size_t cap, size_t *bytes, bl_progress_fn *progress, void *user,
                       bl_error *err)
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
    if (status == BL_OK)
        bl_give_text(place.data, place.len, path, cap, bytes);
    bl_buf_release(&place);
    return status;
}

bl_status bl_hub_fetch(bl_hub_kind kind, const char *repo, const char *revision, const char *file,
                       char *path, size_t cap, size_t *bytes, bl_progress_fn *progress, void *user,
                       bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    if (bytes)
        *bytes = 0;
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
                       fetch(kind, repo, revision, file, path, cap, bytes,
                             progress ? bl_outside_progress_call : NULL, &outside, err),
                       err);
}
