/* Published patterns scanned by hand: the same words as from a regex library, several times as
 * fast, and the places where a long text may be cut. */
#ifndef BL_TEXT_WORDSCAN_H
#define BL_TEXT_WORDSCAN_H

#include "core/status.h"

/* The class of every code point: never changes, may be shared by threads. */
typedef struct bl_wordscan bl_wordscan;

bl_status bl_wordscan_open(bl_wordscan **s, bl_error *err) BL_NODISCARD;
void bl_wordscan_close(bl_wordscan *s);

/* The end of the word that begins at `at` < bytes (text: valid UTF-8). */
size_t bl_wordscan_next(const bl_wordscan *s, const char *text, size_t bytes, size_t at);

/* The same by the pattern of Llama 3 (digits 3: the most in a word) and Qwen 2 (digits 1). */
size_t bl_wordscan_lines(const bl_wordscan *s, const char *text, size_t bytes, size_t at,
                         int digits);

/* How many bytes of the text belong to its first word when a space is put before it: 0 when that
 * space is a word by itself. */
size_t bl_wordscan_prefixed(const bl_wordscan *s, const char *text, size_t bytes);

/* The first place after `at` where a text may be cut: the words of both parts are those of the
 * whole.  `bytes` when there is none. */
size_t bl_wordscan_cut(const bl_wordscan *s, const char *text, size_t bytes, size_t at);

#endif
