/* bitllama info: what a file or folder holds. */
#include "cli.h"
#include "info_print.h"
#include "model_flags.h"

#include <stdlib.h>

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_args found = *args; /* of the name, for as long as it is needed */
    const char *path = args->operands[0];
    bl_status status = bl_cli_name_find(&found, "model", &path, err);
    if (status == BL_OK)
        status = bl_cli_info(path, NULL, bl_flags_on(args, "json"), err);
    while (found.found_count > args->found_count)
        free(found.found[--found.found_count]);
    return status;
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
