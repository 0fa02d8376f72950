/* Signatures of plug-ins, and loading them. */
#include "ops/plugin.h"
#include "core/shared_object.h"

#include <string.h>

bl_status bl_plugin_signature(char hex[BL_HASH_TEXT], bl_error *err)
{
    static const char *const ops[] = {
#define X(op, params, args) #op #params,
        BL_OPS_LIST(X)
#undef X
    };
    static const uint64_t sizes[] = {
        sizeof(bl_plugin),       sizeof(bl_device_request),
        sizeof(bl_device_about), sizeof(bl_error),
        sizeof(bl_dev),          sizeof(bl_ops),
        sizeof(bl_step),         sizeof(bl_limits),
        sizeof(bl_ttt_shape),    sizeof(bl_ttt_params),
        sizeof(bl_ttt_state),    sizeof(bl_ttt_rows),
        sizeof(bl_ttt_carry),    sizeof(bl_latent),
        sizeof(bl_latents),      sizeof(bl_candidate),
    };
    bl_hash *h = bl_hash_begin();
    if (!h)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_hash_add(h, BL_BORDER_HASH, sizeof BL_BORDER_HASH);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        bl_hash_add(h, ops[i], strlen(ops[i]) + 1);
    bl_hash_add(h, sizes, sizeof sizes);
    bl_hash_end(h, hex);
    return BL_OK;
}

bl_status bl_plugin_load(const bl_plugin **plugin, const char *path, bl_error *err)
{
    char ours[BL_HASH_TEXT];
    bl_plugin_fn *get = NULL;
    *plugin = NULL;
    BL_TRY(bl_plugin_signature(ours, err));
    BL_TRY(bl_shared_object_function((bl_any_fn **)&get, path, BL_PLUGIN_SYMBOL, err));
    const bl_plugin *found = get();
    if (!found)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    if (memcmp(found->signature, ours, sizeof ours) != 0)
        return bl_fail(
            err, BL_EUNSUPPORTED,
            "%s: built for another version of this library (signature %.8s, this one has "
            "%.8s); build both from one source",
            path, found->signature, ours);
    *plugin = found;
    return BL_OK;
}
