/* Printing what the library says of a file or folder. */
#ifndef BL_CLI_INFO_H
#define BL_CLI_INFO_H

#include "cli.h"

/* bl_info() of a path to stdout, as a listing or as JSON. */
bl_status bl_cli_info(const char *path, int json, bl_error *err);

#endif
