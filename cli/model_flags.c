/* The flags by which commands name a model, opening it, and describing a new one. */
#include "model_flags.h"
#include "progress.h"

#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_MOST = 1 << 14 };

/* OWNER/NAME, which no file or folder has, and no path that is spelled as one. */
static int is_repository(const char *name)
{
    struct stat there;
    const char *slash = strchr(name, '/');
    return slash && slash > name && slash[1] && !strchr(slash + 1, '/') && *name != '.' &&
           *name != '~' && stat(name, &there) != 0;
}

bl_status bl_cli_name_find(bl_args *args, const char *parts, const char **name, bl_error *err)
{
    bl_options *options = NULL;
    bl_error why = {BL_OK, ""};
    if (!is_repository(*name) || args->found_count == sizeof args->found / sizeof *args->found)
        return BL_OK;
    char *folder = malloc(PATH_MOST);
    if (!folder)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    args->found[args->found_count++] = folder;
    bl_status status = bl_options_open(&options, BL_OPTIONS_PULL, &why);
    if (status == BL_OK)
        status = bl_options_set(options, "parts", parts, &why);
    if (status == BL_OK)
        status = bl_hub_pull(*name, options, folder, PATH_MOST, NULL, bl_progress_passing, NULL,
                             NULL, &why);
    bl_options_close(options);
    if (status != BL_OK)
        return bl_cli_fail(err, status, "no file or folder %s is here; %s", *name, why.message);
    *name = folder;
    return BL_OK;
}

bl_status bl_cli_names_find(bl_args *args, bl_error *err)
{
    for (size_t i = 0; i < args->count; i++) {
        bl_setting *s = &args->settings[i];
        const char *parts = s->flag ? s->flag->hub : NULL;
        if (s->field && s->kind == BL_OPTIONS_PREPARE && strcmp(s->field->name, "tokenizer") == 0)
            parts = "tokenizer";
        bl_status status = parts ? bl_cli_name_find(args, parts, &s->value, err) : BL_OK;
        if (status != BL_OK)
            return status;
    }
    return BL_OK;
}

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
