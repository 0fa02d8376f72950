/* bitllama completion: what lets a shell complete commands, flags and their values. */
#include "completion.h"

static bl_status run(const bl_args *args, bl_error *err)
{
    const char *shell = args->operands[0];
    if (!bl_completion_print(stdout, shell, args->commands))
        return bl_cli_fail(err, BL_EINVAL, "there is no completion for '%s': bash, zsh or fish",
                           shell);
    return BL_OK;
}

const bl_command bl_command_completion = {
    .name = "completion",
    .summary = "Writes a script that completes commands, flags and values in a shell.",
    .usage = "bash | zsh | fish",
    .details = "An installed bitllama has these scripts where the shells look for them. Elsewhere: "
               "for bash, eval \"$(bitllama completion bash)\" in ~/.bashrc; for zsh the same with "
               "zsh in ~/.zshrc, after compinit; for fish, bitllama completion fish | source in "
               "~/.config/fish/config.fish.",
    .example = "eval \"$(bitllama completion bash)\"",
    .operand = "SHELL",
    .least = 1,
    .most = 1,
    .run = run,
};
