/* Commands found by name. */
#include "cli.h"

#include <string.h>

const bl_command *bl_command_find(const bl_command *const *commands, const char *name)
{
    for (const bl_command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}
