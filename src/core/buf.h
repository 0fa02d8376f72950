/* A growable byte buffer: text and records are composed in it, then written whole. */
#ifndef BL_CORE_BUF_H
#define BL_CORE_BUF_H

#include "core/status.h"

/* data[len] is always 0 once anything was appended.  A failed append sets `failed` and keeps what
 * is there, so a run of appends needs one check at the end (bl_buf_status). */
typedef struct bl_buf {
    char *data;
    size_t len, cap;
    int failed;
} bl_buf;

void bl_buf_init(bl_buf *b);
void bl_buf_release(bl_buf *b);
void bl_buf_clear(bl_buf *b);
void bl_buf_append(bl_buf *b, const void *bytes, size_t n);
void bl_buf_puts(bl_buf *b, const char *text);
void bl_buf_printf(bl_buf *b, const char *format, ...) BL_PRINTF(2, 3);

/* Room for n more bytes at data + len (the caller adds to len); NULL when memory is short. */
char *bl_buf_reserve(bl_buf *b, size_t n);

/* BL_ENOMEM if any append failed. */
bl_status bl_buf_status(const bl_buf *b, bl_error *err) BL_NODISCARD;

#endif
