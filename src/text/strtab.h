/* A set of byte strings numbered in the order of arrival: tokens, words. */
#ifndef BL_TEXT_STRTAB_H
#define BL_TEXT_STRTAB_H

#include "core/buf.h"

#define BL_STRTAB_NONE SIZE_MAX

typedef struct bl_strtab {
    bl_buf bytes;  /* all strings, each followed by a 0 */
    size_t *start; /* [count + 1] offsets into bytes */
    uint32_t *hash;
    uint32_t *slot; /* [slots] open addressing: number + 1, or 0 */
    size_t count, start_cap, hash_cap, slots;
} bl_strtab;

void bl_strtab_init(bl_strtab *t);
void bl_strtab_release(bl_strtab *t);

/* The number of a string, or BL_STRTAB_NONE. */
size_t bl_strtab_find(const bl_strtab *t, const char *s, size_t bytes);

/* The same, but a new string gets the next number: *number == the count before. */
bl_status bl_strtab_add(bl_strtab *t, const char *s, size_t bytes, size_t *number,
                        bl_error *err) BL_NODISCARD;

/* String `number`, valid until the next add. */
const char *bl_strtab_get(const bl_strtab *t, size_t number, size_t *bytes);

#endif
