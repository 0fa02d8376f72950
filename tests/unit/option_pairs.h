/* Options of a test as pairs of name and value, and a data folder of tales made with them. */
#ifndef BL_TESTS_OPTION_PAIRS_H
#define BL_TESTS_OPTION_PAIRS_H

#include "scratch.h"

typedef const char *pair[2];

/* Up to a NULL name. */
static inline void set_all(bl_options *o, const pair *set)
{
    for (; (*set)[0]; set++)
        assert_ok(bl_options_set(o, (*set)[0], (*set)[1], &failure));
}

/* scratch("data") */
static inline void prepare_tales(const pair *set)
{
    const char *source = "tales";
    bl_options *o;
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    set_all(o, set);
    assert_ok(bl_prepare(&source, 1, scratch("data"), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
}

#endif
