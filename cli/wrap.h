/* Words kept whole at the right edge of a terminal, though they are shown as they come. */
#ifndef BL_CLI_WRAP_H
#define BL_CLI_WRAP_H

#include <stddef.h>
#include <stdint.h>

enum { BL_WRAP_LEAST = 10, BL_WRAP_WORD = 256 };

/* Where a text stands that began at the left margin; begins as {.columns = ...}. */
typedef struct bl_wrap {
    size_t columns; /* of the terminal; below BL_WRAP_LEAST nothing is moved */
    size_t column;  /* of the cursor; `columns`: the next character wraps */
    size_t blanks;  /* columns of blanks, and behind them */
    size_t word;    /* of the word that ends at the cursor, */
    char bytes[BL_WRAP_WORD];
    size_t count;  /* which are these; more than fit: it stays where it is */
    int swallowed; /* blanks at the edge were not written */
    int lost;      /* it is not known where the cursor is */
    int32_t last;  /* character */
} bl_wrap;

/* Takes whole characters of UTF-8 as bl_text_shown() gives them, and makes of them what is to be
 * written; returns how many bytes that are.  Stops where to[cap], at least 2 * BL_WRAP_WORD, has no
 * room; *taken: bytes of text used. */
size_t bl_wrap_text(bl_wrap *w, const char *text, size_t bytes, char *to, size_t cap,
                    size_t *taken);

/* The terminal has another width now, or others have written there: the next blank begins a row. */
void bl_wrap_lose(bl_wrap *w, size_t columns);

#endif
