/* Arithmetic as Python's; whole numbers that leave 63 bits are refused. */
#ifndef BL_TEMPLATE_NUMBERS_H
#define BL_TEMPLATE_NUMBERS_H

#include "template/values.h"

/* a op b, op as of BL_NODE_BINARY; + and * of texts and lists too. */
bl_value bl_binary(bl_run *r, unsigned op, bl_value a, bl_value b);
bl_value bl_signed(bl_run *r, int minus, bl_value v);

/* The filters abs, int and float, round, sum. */
bl_value bl_absolute(bl_run *r, bl_value v);
bl_value bl_to_number(bl_run *r, bl_value v, const bl_call_list *l, int real);
bl_value bl_rounded(bl_run *r, bl_value v, const bl_call_list *l);

#endif
