/* Expressions of a template at work, and the variables that they see. */
#ifndef BL_TEMPLATE_EVALUATOR_H
#define BL_TEMPLATE_EVALUATOR_H

#include "template/tree.h"

/* Variables of a block; what is not here is looked for outside of it. */
typedef struct bl_scope {
    struct bl_scope *outer;
    const char **name; /* as the program has them: one pointer for one spelling */
    bl_value *value;
    size_t count, cap;
} bl_scope;

bl_scope *bl_scope_new(bl_run *r, bl_scope *outer);
void bl_scope_set(bl_run *r, bl_scope *s, const char *name, bl_value value);

bl_value bl_evaluate(bl_run *r, bl_scope *s, const bl_node *n);

/* A chain of filters whose innermost takes this value. */
bl_value bl_evaluate_filters(bl_run *r, bl_scope *s, const bl_node *n, bl_value first);

/* To a variable, an attribute of a namespace, or several. */
void bl_assign(bl_run *r, bl_scope *s, const bl_node *target, bl_value value);

/* Counts depth, and puts the line of a node into messages; bl_run_rise() whatever it returns. */
int bl_run_descend(bl_run *r, const bl_node *n);
void bl_run_rise(bl_run *r);

#endif
