/* The byte characters of GPT-2: every byte as one printable character, so that tokens are text. */
#ifndef BL_TEXT_BYTECHARS_H
#define BL_TEXT_BYTECHARS_H

#include "core/buf.h"

enum { BL_BYTECHAR_END = 324 }; /* all byte characters are below this code point */

/* The character of a byte; the byte of a character, or -1 when it is not a byte character. */
uint32_t bl_bytechar_of(unsigned char byte);
int bl_bytechar_byte(uint32_t code);

/* Appends bytes as byte characters: a space becomes U+0120 and so on. */
void bl_bytechar_spell(bl_buf *out, const char *bytes, size_t n);

/* Appends the bytes that a token stands for.  A token with any other character is taken as it is,
 * as added tokens may be. */
void bl_bytechar_read(bl_buf *out, const char *token, size_t n);

#endif
