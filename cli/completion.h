/* Completion scripts for bash, zsh and fish, from the tables that make the help. */
#ifndef BL_CLI_COMPLETION_H
#define BL_CLI_COMPLETION_H

#include "cli.h"

/* The script for a shell; 0: there is none for it. */
int bl_completion_print(FILE *to, const char *shell, const bl_command *const *commands);

#endif
