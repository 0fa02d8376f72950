/* Printing what the library says about a file or folder. */
#ifndef BL_CLI_INFO_PRINT_H
#define BL_CLI_INFO_PRINT_H

#include "cli.h"

/* Prints bl_info() of a path, as a listing or as JSON; BL_EFORMAT when it is not of this kind
 * (NULL: any). */
bl_status bl_cli_info(const char *path, const char *kind, int json, bl_error *err);

#endif
