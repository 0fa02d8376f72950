/* What public functions give into the caller's memory: texts that may not fit, and structs of a
 * caller who was compiled with another version of the header. */
#ifndef BL_CORE_GIVE_H
#define BL_CORE_GIVE_H

#include "core/call.h"

/* The bytes of a text that fit into buffer[cap], and a 0 (nothing with cap 0); *whole, which may be
 * NULL, is the length of the text. */
void bl_give_text(const char *text, size_t bytes, char *buffer, size_t cap, size_t *whole);

/* A caller's struct whose first member is its size, as the caller's header has it.  bl_result_begin
 * makes all members after it 0; BL_EINVAL, naming `where`, when no size is set.
 * bl_result_give fills what both know of *from, which has `known` bytes. */
bl_status bl_result_begin(void *result, const char *where, bl_error *err) BL_NODISCARD;
void bl_result_give(void *result, const void *from, size_t known);

/* Of a result that a call goes on with: what both know of it to *to, which is zero and has `known`
 * bytes.  BL_EINVAL as above. */
bl_status bl_result_take(const void *result, void *to, size_t known, const char *where,
                         bl_error *err) BL_NODISCARD;

/* For the first lines of a public function: its result must be there and know its size. */
#define BL_RESULT(err, result)                                                                     \
    do {                                                                                           \
        BL_NOT_NULL(err, result);                                                                  \
        BL_TRY(bl_result_begin(result, __func__, err));                                            \
    } while (0)

#endif
