/* What public functions give into the caller's memory: texts that may not fit, and structs of a
 * caller who was compiled with another version of the header. */
#ifndef BL_CORE_GIVE_H
#define BL_CORE_GIVE_H

#include "core/status.h"

/* The bytes of a text that fit into buffer[cap], and a 0 (nothing with cap 0); *whole, which may be
 * NULL, is the length of the text. */
void bl_give_text(const char *text, size_t bytes, char *buffer, size_t cap, size_t *whole);

#endif
