/* The tests of templates: `x is defined`. */
#ifndef BL_TEMPLATE_CHECKS_H
#define BL_TEMPLATE_CHECKS_H

#include "template/values.h"

int bl_check(bl_run *r, unsigned number, bl_value v, const bl_call_list *l);

#endif
