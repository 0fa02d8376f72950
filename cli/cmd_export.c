/* bitllama export: a model folder with packed weights. */
#include "cli.h"
#include "figures.h"
#include "model_flags.h"
#include "paste.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>

static bl_status loss_of(double *loss, bl_model *model, const char *path, bl_error *err)
{
    bl_eval_result result = {.size = sizeof result};
    bl_status status = bl_eval(model, path, 0, bl_progress_report, NULL, &result, err);
    *loss = result.loss;
    return status;
}

/* What the export changes on the file of --data. */
static bl_status print_losses(const bl_args *args, bl_model *model, const char *out, bl_error *err)
{
    const char *path = bl_flags_text(args, "data");
    double before = 0, after = 0;
    bl_options *device = NULL;
    bl_model *copy = NULL;
    bl_status status = loss_of(&before, model, path, err);
    if (status == BL_OK)
        status = bl_flags_options(args, BL_OPTIONS_DEVICE, &device, err);
    if (status == BL_OK)
        status = bl_model_open(&copy, out, device, err);
    if (status == BL_OK)
        status = loss_of(&after, copy, path, err);
    if (status == BL_OK)
        bl_progress_print("%s: loss %.5f before, %.5f exported (%+.5f)", path, before, after,
                          after - before);
    bl_model_close(copy);
    bl_options_close(device);
    return status;
}

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
    if (status == BL_OK && bl_flags_text(args, "data"))
        status = print_losses(args, model, out, err);
    if (status == BL_OK)
        bl_paste_print("next: ", (const char *const[]){"info", out, NULL});
    bl_model_close(model);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    {.name = "out", .value = "DIR", .required = 1, .help = "the folder to write"},
    {.name = "dtype",
     .value = "f32|bf16|f16|int8",
     .fallback = "bf16",
     .help = "type of embedding and head (of a float model, of all matrices); f32 is twice as "
             "large and keeps every bit of what the model computes, int8 is half as large"},
    {.name = "data",
     .value = "FILE",
     .help = "a text or token file: what the model's loss on it was, and is when exported"},
    {.name = "force", .option = "replace", .help = "replace a model folder that is there"},
    {0},
};

const bl_command bl_command_export = {
    .name = "export",
    .summary = "Writes a model folder with its ternary weights packed to 2 bits.",
    .usage = "-m MODEL --out DIR [flags]",
    .details =
        "--dtype is the form of the head: rows of f32, bf16 or int8; the ternary matrices have 2 "
        "bits whatever it says.",
    .example = "bitllama export -m run --out my-model",
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
