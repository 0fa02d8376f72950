/* The functions that a template finds without being given them. */
#ifndef BL_TEMPLATE_FUNCTIONS_H
#define BL_TEMPLATE_FUNCTIONS_H

#include "template/values.h"

bl_value bl_function_call(bl_run *r, unsigned number, const bl_call_list *l);

#endif
