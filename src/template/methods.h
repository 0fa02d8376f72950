/* Methods of strings, dicts and lists. */
#ifndef BL_TEMPLATE_METHODS_H
#define BL_TEMPLATE_METHODS_H

#include "template/values.h"

/* What Python calls an attribute of a value that is its method; undefined when it has none, or one
 * that would change it, which Jinja's sandbox does not let out. */
bl_value bl_method_of(bl_run *r, bl_value v, const char *name);

bl_value bl_method_call(bl_run *r, bl_value method, const bl_call_list *l);

#endif
