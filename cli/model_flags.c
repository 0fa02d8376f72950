/* The flags by which commands name a model, opening it, and describing a new one. */
#include "model_flags.h"
#include "progress.h"

#include <stdlib.h>

bl_status bl_cli_model_open(bl_model **model, const bl_args *args, bl_error *err)
{
    char threads[32];
    bl_options *device = NULL;
    bl_status status = bl_flags_options(args, BL_OPTIONS_DEVICE, &device, err);
    if (status == BL_OK)
        status = bl_options_get(device, "threads", threads, sizeof threads, NULL, err);
    if (status == BL_OK) {
        bl_set_threads(strtoul(threads, NULL, 10));
        status = bl_model_open(model, bl_flags_text(args, "model"), device, err);
    }
    bl_options_close(device);
    return status;
}

bl_status bl_cli_session_save(const bl_session *session, const char *path, bl_error *err)
{
    bl_progress_to(NULL, NULL); /* which would stop it */
    bl_status status = bl_session_save(session, path, err);
    bl_progress_to(bl_progress_passing, NULL);
    return status;
}

bl_status bl_cli_config_read(bl_options **config, const bl_args *args, const bl_options *train,
                             bl_error *err)
{
    char preset[64];
    const char *file = bl_flags_text(args, "config");
    *config = NULL;
    if (!file && !bl_flags_any(args, BL_OPTIONS_CONFIG))
        return BL_OK;
    bl_status status = bl_options_open(config, BL_OPTIONS_CONFIG, err);
    if (status == BL_OK)
        status = bl_options_get(train, "preset", preset, sizeof preset, NULL, err);
    if (status == BL_OK)
        status = bl_options_preset(*config, preset, err);
    if (status == BL_OK && file)
        status = bl_options_load(*config, file, err);
    if (status == BL_OK)
        status = bl_flags_apply(args, BL_OPTIONS_CONFIG, *config, err);
    return status;
}
