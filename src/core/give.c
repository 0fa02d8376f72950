/* Texts and structs in the caller's memory. */
#include "core/give.h"

#include <string.h>

void bl_give_text(const char *text, size_t bytes, char *buffer, size_t cap, size_t *whole)
{
    if (whole)
        *whole = bytes;
    if (!cap)
        return;
    size_t n = bytes < cap ? bytes : cap - 1;
    memcpy(buffer, text, n);
    buffer[n] = 0;
}
