/* Texts and structs in the caller's memory. */
#include "core/give.h"

#include <string.h>

enum { LARGEST = 1 << 16 }; /* bytes of a struct; more is not a size but unset memory */

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

static bl_status read_size(const void *result, size_t *size, const char *where, bl_error *err)
{
    memcpy(size, result, sizeof *size);
    if (*size >= sizeof *size && *size <= LARGEST)
        return BL_OK;
    return bl_fail(err, BL_EINVAL, "%s: the size of the result is %zu: set it to its sizeof", where,
                   *size);
}

bl_status bl_result_begin(void *result, const char *where, bl_error *err)
{
    size_t size;
    BL_TRY(read_size(result, &size, where, err));
    memset((char *)result + sizeof size, 0, size - sizeof size);
    return BL_OK;
}

bl_status bl_result_take(const void *result, void *to, size_t known, const char *where,
                         bl_error *err)
{
    size_t size;
    BL_TRY(read_size(result, &size, where, err));
    size_t n = size < known ? size : known;
    memcpy((char *)to + sizeof size, (const char *)result + sizeof size, n - sizeof size);
    return BL_OK;
}

void bl_result_give(void *result, const void *from, size_t known)
{
    size_t size;
    memcpy(&size, result, sizeof size);
    size_t n = size < known ? size : known;
    memcpy((char *)result + sizeof size, (const char *)from + sizeof size, n - sizeof size);
}
