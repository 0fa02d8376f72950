/* UTF-8, one sequence at a time: what decoding, streaming, validation and display share. */
#ifndef BL_CORE_UTF8_H
#define BL_CORE_UTF8_H

#include <stddef.h>
#include <stdint.h>

typedef enum bl_utf8_kind {
    BL_UTF8_VALID,     /* a whole character */
    BL_UTF8_INVALID,   /* bytes that can never begin one */
    BL_UTF8_INCOMPLETE /* the beginning of one, cut off by the end of the input */
} bl_utf8_kind;

/* Looks at the sequence that begins at text[0], bytes > 0.  *used is its length; for an invalid
 * one, of the longest part that could have begun a character, which becomes one U+FFFD (Unicode 15,
 * section 3.9, "substitution of maximal subparts"). */
bl_utf8_kind bl_utf8_look(const char *text, size_t bytes, size_t *used);

/* The length of the character that a byte begins. */
static inline size_t bl_utf8_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* The code point of a whole character; its length to *used. */
uint32_t bl_utf8_get(const char *text, size_t *used);

/* The start of the character of valid text that ends before text[end], end > 0. */
static inline size_t bl_utf8_before(const char *text, size_t end)
{
    do
        end--;
    while (((unsigned char)text[end] & 0xC0) == 0x80);
    return end;
}

/* Writes a code point below U+0800 (all that the byte characters need); returns its length. */
size_t bl_utf8_put(uint32_t code, char out[2]);

/* Offset of the first byte that is not valid UTF-8, or `bytes` when all is. */
size_t bl_utf8_invalid(const char *text, size_t bytes);

#define BL_UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

#endif
