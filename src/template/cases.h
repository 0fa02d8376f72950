/* Letters in Unicode as Python's str sees them: cases and classes. */
#ifndef BL_TEMPLATE_CASES_H
#define BL_TEMPLATE_CASES_H

#include "template/values.h"

typedef enum bl_case {
    BL_CASE_UPPER,
    BL_CASE_LOWER,
    BL_CASE_TITLE,     /* str.title(): a capital after everything that has no case */
    BL_CASE_CAPITALIZE /* one capital in front */
} bl_case;

bl_value bl_cased(bl_run *r, const bl_chars *c, bl_case how);

/* Jinja's filter title: capitals after white space, dashes and opening brackets. */
bl_value bl_cased_words(bl_run *r, const bl_chars *c);

typedef enum bl_class {
    BL_CLASS_ALPHA,
    BL_CLASS_ALNUM,
    BL_CLASS_DIGIT,
    BL_CLASS_SPACE,
    BL_CLASS_UPPER, /* at least one letter with a case, and none of the other */
    BL_CLASS_LOWER
} bl_class;

int bl_chars_class(bl_run *r, const bl_chars *c, bl_class which);

#endif
