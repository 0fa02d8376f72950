/* Texts before which a reply ends, and what of it waits because one of them may have begun. */
#ifndef BL_INFER_STOPS_H
#define BL_INFER_STOPS_H

#include "core/status.h"

enum { BL_STOPS_MOST = 256, BL_STOP_BYTES = 4096 };

typedef struct bl_stops {
    bl_span *list;
    char *text; /* of all of them */
    size_t count;
} bl_stops;

/* Copies of these instead of those there are; none of them empty.  BL_EINVAL, BL_ENOMEM: it is as it
 * was. */
bl_status bl_stops_set(bl_stops *s, const bl_span *list, size_t count, bl_error *err) BL_NODISCARD;
void bl_stops_release(bl_stops *s);

/* Where the first of them begins in a text, and its number plus 1 to *which; or, when none is in it
 * (*which 0), where its end begins that may become one. */
size_t bl_stops_find(const bl_stops *s, const char *text, size_t bytes, size_t *which);

#endif
