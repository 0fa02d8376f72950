/* Operations on texts that methods and filters share, as Python's str has them. */
#ifndef BL_TEMPLATE_STRINGS_H
#define BL_TEMPLATE_STRINGS_H

#include "template/values.h"

enum { BL_STRIP_LEFT = 1, BL_STRIP_RIGHT = 2 };

/* chars NULL: white space. */
bl_value bl_strip(bl_run *r, const bl_chars *c, const bl_chars *chars, unsigned sides);

/* most < 0: all. */
bl_value bl_replace(bl_run *r, const bl_chars *c, const bl_chars *from, const bl_chars *to,
                    int64_t most);

/* sep NULL: at white space; from_right: the last `most` places. */
bl_value bl_split(bl_run *r, const bl_chars *c, const bl_chars *sep, int64_t most, int from_right);
bl_value bl_split_lines(bl_run *r, const bl_chars *c, int keep_ends);

/* The texts of a list, which must be strings (or are spelled), with one between them. */
bl_value bl_join(bl_run *r, const bl_chars *between, const bl_list *l, int spell);

size_t bl_chars_find_last(bl_run *r, const bl_chars *in, const bl_chars *what);

#endif
