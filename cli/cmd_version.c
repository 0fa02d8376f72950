/* bitllama version and bitllama help. */
#include "cli.h"

#include <stdio.h>

static bl_status run_version(const bl_args *args, bl_error *err)
{
    (void)args;
    (void)err;
    printf("bitllama %s\n", bl_version());
    return BL_OK;
}

static bl_status run_help(const bl_args *args, bl_error *err)
{
    if (args->operand_count == 0) {
        bl_help_overview();
        return BL_OK;
    }
    const bl_command *command = bl_command_find(args->operands[0]);
    if (!command)
        return bl_cli_fail(err, BL_EINVAL, "unknown command '%s'; bitllama help lists them",
                           args->operands[0]);
    bl_help_command(command);
    return BL_OK;
}

const bl_command bl_command_version = {
    .name = "version",
    .summary = "Prints the version.",
    .usage = "",
    .example = "bitllama version",
    .run = run_version,
};

const bl_command bl_command_help = {
    .name = "help",
    .summary = "Explains all commands, or one.",
    .usage = "[COMMAND]",
    .example = "bitllama help train",
    .operand = "COMMAND",
    .most = 1,
    .run = run_help,
};
