/* Filters of lists. */
#ifndef BL_TEMPLATE_SEQUENCES_H
#define BL_TEMPLATE_SEQUENCES_H

#include "template/values.h"

/* The filter, which must be one of these: batch, dictsort, first, items, join, last, list, map,
 * max, min, reject, rejectattr, reverse, select, selectattr, sort, sum, unique. */
bl_value bl_sequence_filter(bl_run *r, unsigned number, bl_value v, const bl_call_list *l);

#endif
