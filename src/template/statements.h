/* Statements of a template at work. */
#ifndef BL_TEMPLATE_STATEMENTS_H
#define BL_TEMPLATE_STATEMENTS_H

#include "template/evaluator.h"

/* The statements of a block, which write to r->out. */
void bl_execute(bl_run *r, bl_scope *s, const bl_node *block);

/* What bl_run.call_macro is. */
bl_value bl_macro_call(bl_run *r, const bl_macro *m, const bl_call_list *l);

#endif
