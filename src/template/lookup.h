/* Items and attributes of values, by the rules of Jinja's sandbox. */
#ifndef BL_TEMPLATE_LOOKUP_H
#define BL_TEMPLATE_LOOKUP_H

#include "template/values.h"

/* A for loop at work, what `loop` names.  Items that were looked at ahead of their turn wait. */
typedef struct bl_loop {
    bl_value now, before;
    int has_before;
    size_t index, depth; /* from 0 */
    bl_value ahead;      /* a list; ahead_at of it are taken */
    size_t ahead_at;
    /* One more to ahead; 0: there is none.  NULL when the loop has ended. */
    int (*fetch)(bl_run *r, struct bl_loop *loop);
    bl_value changed; /* the last arguments of changed() */
    void *source;
} bl_loop;

/* Is there an item behind the present one? */
int bl_loop_has_next(bl_run *r, bl_loop *loop);

/* v[key] and v.name: what is not there is undefined; of what is undefined it is a failure. */
bl_value bl_item(bl_run *r, bl_value v, bl_value key);
bl_value bl_attribute(bl_run *r, bl_value v, const char *name);

/* v[from : to : step]; each may be none. */
bl_value bl_slice(bl_run *r, bl_value v, bl_value from, bl_value to, bl_value step);

/* Jinja's paths of attributes, "a.b.0", or a number. */
bl_value bl_path(bl_run *r, bl_value v, bl_value path);

#endif
