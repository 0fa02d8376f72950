/* What a terminal sends to an editor: characters that were typed, and texts that were pasted. */
#ifndef BL_CLI_KEYS_H
#define BL_CLI_KEYS_H

#include "message.h"

#include <wchar.h>

typedef struct bl_keys bl_keys;

typedef enum bl_key {
    BL_KEY_CHARACTER, /* of ASCII as it is, others as a terminal may show them, or U+FFFD */
    BL_KEY_PASTE,     /* a text, or the next part of it: bl_keys_pasted() */
    BL_KEY_LONG,      /* a text was pasted of which more came than is taken; it is dropped */
    BL_KEY_SIGNAL,    /* one came, or a key sent it: see bl_signals_take() */
    BL_KEY_END,       /* nothing will come */
} bl_key;

enum { BL_PASTE_MOST = 1 << 20 }; /* bytes taken */

/* Of standard input.  NULL: no memory. */
bl_keys *bl_keys_open(void);
void bl_keys_close(bl_keys *k);

/* Before and after the terminal is set for the editor: the first learns the keys that send signals,
 * the second what was typed ahead, in which the system marks a Ctrl-D by a byte 0. */
void bl_keys_before(bl_keys *k);
void bl_keys_after(bl_keys *k);

/* When the terminal is set as before: a key that sends a signal, and came while it was the
 * editor's, now sends it.  Reads all that has come. */
void bl_keys_serve_signals(bl_keys *k);

/* Has the terminal mark what is pasted (its bracketed paste mode), or no longer. */
void bl_keys_mark_pastes(bl_keys *k, int on);

/* The next one, when it comes. */
bl_key bl_keys_next(bl_keys *k, wchar_t *character);

/* What was pasted, since the last call: valid UTF-8 without control characters but tabs and line
 * ends (LF), without one at the end.  Becomes the caller's, to be freed; NULL: nothing. */
char *bl_keys_pasted(bl_keys *k);

/* Whether the end of what was pasted has not come. */
int bl_keys_in_paste(const bl_keys *k);

/* The rest of a text that is being pasted is not wanted. */
void bl_keys_drop_paste(bl_keys *k);

#endif
