/* The arguments of filters, tests, methods and functions, by place or by name. */
#ifndef BL_TEMPLATE_ARGUMENTS_H
#define BL_TEMPLATE_ARGUMENTS_H

#include "template/values.h"

enum { BL_ARGUMENTS = 5 };

typedef struct bl_arguments {
    bl_value v[BL_ARGUMENTS];
    unsigned given; /* bit i: v[i] was */
} bl_arguments;

/* Puts them into their places.  `names`: those of the parameters, with spaces between; the first
 * `least` must be given; `what` is called.  0 after a failure. */
int bl_bind(bl_run *r, bl_arguments *a, const bl_call_list *l, const char *what, const char *names,
            size_t least);

static inline int bl_given(const bl_arguments *a, size_t i)
{
    return (a->given >> i) & 1;
}

/* A whole number, a string; a failure when it is something else. */
int64_t bl_want_whole(bl_run *r, bl_value v, const char *what);
bl_chars *bl_want_chars(bl_run *r, bl_value v, const char *what);

#endif
