/* JSON text as an indented listing for people. */
#ifndef BL_CLI_JSON_LISTING_H
#define BL_CLI_JSON_LISTING_H

#include <stdio.h>

/* Prints an object's members as "name  value" lines, nested ones indented.  Expects well-formed
 * JSON, as the library writes it; anything else is printed as it is. */
void bl_listing_print(FILE *stream, const char *json);

#endif
