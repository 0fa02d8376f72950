/* A growable byte buffer. */
#include "core/buf.h"
#include "core/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bl_buf_init(bl_buf *b)
{
    memset(b, 0, sizeof *b);
}

void bl_buf_release(bl_buf *b)
{
    bl_free(b->data);
    bl_buf_init(b);
}

void bl_buf_clear(bl_buf *b)
{
    b->len = 0;
    b->failed = 0;
    if (b->data)
        b->data[0] = 0;
}

char *bl_buf_reserve(bl_buf *b, size_t n)
{
    if (b->failed || n >= SIZE_MAX - b->len ||
        bl_grow(&b->data, &b->cap, b->len + n + 1, 1, NULL) != BL_OK) {
        b->failed = 1;
        return NULL;
    }
    return b->data + b->len;
}

void bl_buf_append(bl_buf *b, const void *bytes, size_t n)
{
    char *to = bl_buf_reserve(b, n);
    if (!to)
        return;
    if (n)
        memcpy(to, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
}

void bl_buf_puts(bl_buf *b, const char *text)
{
    bl_buf_append(b, text, strlen(text));
}

void bl_buf_printf(bl_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = n < 0 ? NULL : bl_buf_reserve(b, (size_t)n);
    if (to) {
        (void)vsnprintf(to, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    } else {
        b->failed = 1;
    }
    va_end(again);
}

bl_status bl_buf_status(const bl_buf *b, bl_error *err)
{
    return b->failed ? bl_fail(err, BL_ENOMEM, "out of memory while composing text") : BL_OK;
}
