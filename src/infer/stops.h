/* Texts before which a reply ends, and what of it waits because one of them may have begun. */
#ifndef BL_INFER_STOPS_H
#define BL_INFER_STOPS_H

#include "core/buf.h"

enum { BL_STOPS_MOST = 256, BL_STOP_BYTES = 4096 };

typedef struct bl_stops {
    bl_span *list;
    char *text; /* of all of them */
    size_t count;
    bl_buf held;      /* text that may begin one */
    size_t given;     /* bytes of it that were handed out, by a call that ended */
    size_t done;      /* bytes of it that no longer may */
    uint64_t written; /* where a call ended: the text goes on from there, or it is another one */
} bl_stops;

/* Copies of these instead of those there are, of which nothing is held; none of them empty.  BL_EINVAL, BL_ENOMEM: it is as it
 * was. */
bl_status bl_stops_set(bl_stops *s, const bl_span *list, size_t count, bl_error *err) BL_NODISCARD;
void bl_stops_release(bl_stops *s);

/* The same texts, and the same text in which they are looked for. */
bl_status bl_stops_copy(bl_stops *to, const bl_stops *from, bl_error *err) BL_NODISCARD;

/* Another text begins. */
void bl_stops_begin(bl_stops *s);

/* More text.  *out: what of it and of what was held may be handed out now, all of it when it is the
 * last for now and none of them is in it; valid until the next call.  *which as below. */
bl_status bl_stops_add(bl_stops *s, const char *text, size_t bytes, int last, bl_span *out,
                       size_t *which, bl_error *err) BL_NODISCARD;

/* Where the first of them begins in a text, and its number plus 1 to *which; or, when none is in it
 * (*which 0), where its end begins that may become one. */
size_t bl_stops_find(const bl_stops *s, const char *text, size_t bytes, size_t *which);

#endif
