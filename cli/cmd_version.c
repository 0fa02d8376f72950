/* bitllama version and bitllama help. */
#include "cli.h"

static bl_status run_version(const bl_args *args, bl_error *err)
{
    (void)args;
    (void)err;
    printf("bitllama %s\n", bl_version());
    return BL_OK;
}

static bl_status run_help(const bl_args *args, bl_error *err)
{
    const bl_command *command = NULL;
    const char *folder = bl_flags_text(args, "man-pages");
    if (args->operand_count && folder)
        return bl_cli_fail(err, BL_EINVAL, "--man-pages writes all pages and takes no COMMAND");
    if (args->operand_count && !(command = bl_command_find(args->commands, args->operands[0])))
        return bl_cli_fail(err, BL_EINVAL, "unknown command '%s'; bitllama help lists them",
                           args->operands[0]);
    if (folder)
        return bl_man_write_all(folder, args->commands, err);
    if (bl_flags_on(args, "man"))
        bl_man_print(stdout, args->commands, command);
    else if (command)
        bl_help_command(command);
    else
        bl_help_overview(args->commands);
    return BL_OK;
}

static const bl_flag help_flags[] = {
    {.name = "man", .help = "as a man page in roff"},
    {.name = "man-pages", .value = "DIR", .help = "write the man pages of all commands there"},
    {0},
};

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
    .usage = "[--man] [COMMAND]",
    .example = "bitllama help train",
    .flags = help_flags,
    .operand = "COMMAND",
    .most = 1,
    .run = run_help,
};
