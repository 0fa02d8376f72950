/* Printing what the library says of a file or folder. */
#ifndef BL_CLI_INFO_PRINT_H
#define BL_CLI_INFO_PRINT_H

#include "cli.h"

/* bl_info() of a path to stdout, as a listing or as JSON; BL_EFORMAT for another
 * kind, unless NULL. */
bl_status bl_cli_info(const char *path, const char *kind, int json, bl_error *err);

#endif
