/* What a terminal makes of the bytes it gets: a screen of characters, and what it scrolled away. */
#ifndef BL_TESTS_CHAT_SCREEN_H
#define BL_TESTS_CHAT_SCREEN_H

#include <stddef.h>
#include <wchar.h>

enum { SCREEN_COLUMNS = 512, SCREEN_ROWS = 24, SCREEN_LINES = 4096 };

typedef struct screen {
    size_t columns;
    size_t top, row, column; /* of the screen among the lines, and of the cursor */
    int full;                /* the last column was written: the next character wraps */
    int inserting, pastes;   /* modes */
    wchar_t cells[SCREEN_LINES][SCREEN_COLUMNS]; /* 0: nothing was written there */
    char wrapped[SCREEN_LINES];                  /* the terminal itself broke the line here */
} screen;

/* An empty one of SCREEN_ROWS rows; to be freed. */
screen *screen_open(size_t columns);

/* Shows bytes, as xterm does.  Fails the test at any sequence that the program has no business to
 * send. */
void screen_show(screen *s, const char *text, size_t bytes);

/* All lines that have been on the screen, as one would copy them: without blanks that nobody wrote,
 * with line breaks where the terminal did not wrap.  To be freed. */
char *screen_copy(const screen *s);

/* Every run of blanks and line breaks becomes one blank. */
void screen_join_words(char *text);

#endif
