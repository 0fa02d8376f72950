/* bitllama info: what a file or folder holds. */
#include "cli.h"
#include "info_print.h"

static bl_status run(const bl_args *args, bl_error *err)
{
    return bl_cli_info(args->operands[0], NULL, bl_flags_on(args, "json"), err);
}

static const bl_flag flags[] = {
    {.name = "json", .help = "as JSON"},
    {0},
};

const bl_command bl_command_info = {
    .name = "info",
    .summary = "Says what a model, a training run, a data folder or a file holds.",
    .usage = "PATH [--json]",
    .example = "bitllama info run",
    .operand = "PATH",
    .least = 1,
    .most = 1,
    .flags = flags,
    .run = run,
};
