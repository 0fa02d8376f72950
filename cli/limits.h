/* What the machine reaches at most, collected and printed. */
#ifndef BL_CLI_LIMITS_H
#define BL_CLI_LIMITS_H

#include "cli.h"

enum { BL_LIMITS_CAP = 16 };

typedef struct bl_limit_list {
    bl_limit at[BL_LIMITS_CAP];
    size_t count;
    size_t threads; /* of `all` */
} bl_limit_list;

/* Measures with that many threads (0: as many as the command may use). */
bl_status bl_limits_collect(bl_limit_list *list, size_t threads, bl_error *err);

/* One by its name; NULL: there is none. */
const bl_limit *bl_limits_find(const bl_limit_list *list, const char *name);

void bl_limits_print(const bl_limit_list *list);
void bl_limits_print_json(const bl_limit_list *list); /* an array */

#endif
