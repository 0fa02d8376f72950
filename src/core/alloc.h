/* The heap, with checked sizes: every allocation of the library goes through it. */
#ifndef BL_CORE_ALLOC_H
#define BL_CORE_ALLOC_H

#include "core/status.h"

/* count * size bytes, zeroed; NULL when the product overflows or memory is short.  A count of 0
 * gives a pointer that may be freed. */
void *bl_calloc(size_t count, size_t size);

/* Resizes to count * size bytes; NULL (and the old block stays) as above. */
void *bl_realloc(void *block, size_t count, size_t size);

/* count * size bytes at a 64-byte boundary, contents undefined; free with bl_free(). */
void *bl_alloc_aligned(size_t count, size_t size);

/* A copy of a string; NULL when memory is short. */
char *bl_strdup(const char *text);

void bl_free(void *block);

/* Doubles *block (elements of `size` bytes) until it holds `want`; *cap is updated. */
bl_status bl_grow(void *block, size_t *cap, size_t want, size_t size, bl_error *err) BL_NODISCARD;

#endif
