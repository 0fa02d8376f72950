/* The filters of templates: `x | trim`. */
#ifndef BL_TEMPLATE_FILTERS_H
#define BL_TEMPLATE_FILTERS_H

#include "template/values.h"

bl_value bl_filter(bl_run *r, unsigned number, bl_value v, const bl_call_list *l);

#endif
