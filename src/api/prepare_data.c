/* bl_prepare(): text to a data folder. */
#include "api/runs.h"
#include "core/call.h"
#include "core/give.h"
#include "prepare/prepare.h"

bl_status bl_prepare(const char *const *sources, size_t count, const char *out_dir,
                     const bl_options *options, bl_progress_fn *progress, void *user,
                     bl_prepare_result *result, bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    bl_prepare_options defaults;
    bl_prepare_result done = {0};
    if (result)
        BL_TRY(bl_result_begin(result, __func__, err));
    BL_NOT_NULL_IF(err, count, sources);
    for (size_t i = 0; i < count; i++)
        BL_NOT_NULL(err, sources[i]);
    BL_NOT_NULL(err, out_dir);
    BL_TRY(bl_options_expect(options, BL_OPTIONS_PREPARE, __func__, err));
    bl_call_begin(&call, err);
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    const bl_prepare_job job = {
        .sources = sources,
        .count = count,
        .dir = out_dir,
        .options = options ? bl_options_prepare(options) : &defaults,
        .share_given = options && bl_options_is_set(options, "val_split"),
        .may_replace = bl_runs_check,
        .progress = progress ? bl_outside_progress_call : NULL,
        .user = &outside,
    };
    bl_status status = bl_prepare_folder(&job, &done, err);
    if (result && status == BL_OK)
        bl_result_give(result, &done, sizeof done);
    return bl_call_end(&call, status, err);
}
