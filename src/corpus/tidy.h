/* Text as documents have it: no carriage returns, no byte order marks, no white space around it. */
#ifndef BL_CORPUS_TIDY_H
#define BL_CORPUS_TIDY_H

#include "core/buf.h"

#define BL_MARK "\xEF\xBB\xBF" /* of the byte order */
enum { BL_MARK_BYTES = sizeof BL_MARK - 1 };

/* White space of ASCII. */
static inline int bl_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Without the ASCII white space at both ends. */
bl_span bl_span_strip(bl_span text);

typedef struct bl_tidy {
    bl_buf clean;
    uint64_t replaced, returns, marks; /* so far, as in bl_cutter_counts */
} bl_tidy;

/* Is there a carriage return or a byte order mark? */
int bl_tidy_wanted(const bl_span *d);

/* Makes *d a tidy copy, in which every longest part of an invalid sequence is U+FFFD; as_it_is:
 * replaces these only.  Valid until the next call.  BL_ENOMEM. */
bl_status bl_tidy_up(bl_tidy *t, bl_span *d, int as_it_is, bl_error *err) BL_NODISCARD;

#endif
