/* Added tokens: which of them a text holds, and where. */
#ifndef BL_TEXT_ADDED_H
#define BL_TEXT_ADDED_H

#include "core/buf.h"

/* A token that is cut out of the text before pre-tokenisation. */
typedef struct bl_added {
    uint32_t id;
    unsigned char special;     /* left out when decoding */
    unsigned char normalized;  /* looked for in a second pass, in what the first one left */
    unsigned char single_word; /* not next to a word character */
    unsigned char lstrip;      /* takes the white space before it */
    unsigned char rstrip;      /* and after it */
} bl_added;

enum { BL_ADDED_BYTES = 1024 }; /* a longer one is refused: searching stays linear in the text */

typedef struct bl_added_pattern {
    size_t start, bytes; /* in the index's text */
    const bl_added *token;
} bl_added_pattern;

/* The added tokens of one pass, by their bytes. */
typedef struct bl_added_index {
    bl_buf text;
    bl_added_pattern *pattern; /* in the order of their bytes */
    size_t count, cap;
    size_t first[257]; /* patterns that begin with byte b: first[b] .. first[b + 1] - 1 */
    int only;          /* the one byte with which all begin, or -1 */
} bl_added_index;

void bl_added_index_release(bl_added_index *x);

/* A pattern of 1 to BL_ADDED_BYTES bytes; `token` must stay where it is.  Of two with the same
 * bytes the first is found.  After the last, bl_added_index_sort(). */
bl_status bl_added_index_add(bl_added_index *x, const bl_added *token, const char *text,
                             size_t bytes, bl_error *err) BL_NODISCARD;
bl_status bl_added_index_sort(bl_added_index *x, bl_error *err) BL_NODISCARD;

/* A search through one piece of text. */
typedef struct bl_added_scan {
    const bl_added_index *index;
    const char *text;
    size_t bytes;
    int take_special; /* special tokens too, which are text otherwise */
    int (*is_text)(void *user, size_t first, size_t last); /* but not this one; NULL: none */
    void *user;
    size_t at;     /* where the search resumes: after the last match, but before the white space
                       that it took */
    size_t taken;  /* the end of the last token, its white space included */
    size_t spaces; /* the text is white space from the last rstrip token to here */
} bl_added_scan;

/* The next added token, leftmost and longest first, with what it takes: text[*first .. *last).
 * NULL at the end.  After a token with rstrip *first may be before the *last of the previous one:
 * then both take the same white space.  A token of white space all taken that way is skipped. */
const bl_added *bl_added_next(bl_added_scan *s, size_t *first, size_t *last);

#endif
