/* bitllama export: a model folder with packed weights. */
#include "cli.h"
#include "figures.h"
#include "model_flags.h"
#include "paste.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>

static bl_status run(const bl_args *args, bl_error *err)
{
    const char *out = bl_flags_text(args, "out");
    bl_model *model = NULL;
    char hex[33];
    bl_signals_catch(); /* a folder half-written is removed first */
    bl_status status = bl_cli_model_open(&model, args, err);
    if (status == BL_OK)
        status =
            bl_export(model, out, bl_flags_text(args, "dtype"), bl_flags_on(args, "force"), err);
    if (status == BL_OK)
        status = bl_model_fingerprint(model, hex, err);
    if (status == BL_OK)
        bl_progress_print("%s: %s parameters, from %s with fingerprint %s", out,
                          bl_format_count(bl_model_parameters(model)).text, bl_model_path(model),
                          hex);
    if (status == BL_OK)
        bl_paste_print("next: ", (const char *const[]){"info", out, NULL});
    bl_model_close(model);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    {.name = "out", .value = "DIR", .required = 1, .help = "the folder to write"},
    {.name = "dtype",
     .value = "f32|bf16|f16",
     .fallback = "bf16",
     .help = "type of embedding and head (of a float model, of all matrices); f32 is twice as "
             "large and keeps every bit of what the model computes"},
    {.name = "force", .option = "replace", .help = "replace a model folder that is there"},
    {0},
};

const bl_command bl_command_export = {
    .name = "export",
    .summary = "Writes a model folder with its ternary weights packed to 2 bits.",
    .usage = "-m MODEL --out DIR [flags]",
    .example = "bitllama export -m run --out my-model",
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
