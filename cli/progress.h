/* One progress line on stderr: redrawn in place on a terminal, a plain line every 10 s
 * elsewhere. */
#ifndef BL_CLI_PROGRESS_H
#define BL_CLI_PROGRESS_H

#include "cli.h"
#include "terminal.h"

/* Starts the line; one is active at a time.  `done` is where the work begins. */
void bl_progress_begin(const char *label, const char *unit, uint64_t done);

/* total is 0 while unknown; `tail` is what follows the rate ("loss 3.47"), or NULL. */
void bl_progress_set(uint64_t done, uint64_t total, const char *tail);

/* Finishes the line and leaves it on the screen. */
void bl_progress_end(void);

/* A line of text on stderr above the progress line, even when none is active.  What is not plain
 * text, line breaks included, is spelled out (bl_text_shown). */
void bl_progress_print(const char *format, ...) BL_CLI_PRINTF(1, 2);

/* The same for a coloured word and a text, whose line breaks stay line breaks. */
void bl_progress_print_text(bl_colour colour, const char *word, const char *text);

/* The library's callbacks, in order: a line that appears only when a call takes longer than a
 * second and goes when anything else is shown; a line for each stage; its warnings.  A signal
 * stops what the first two report. */
int bl_progress_passing(void *user, const char *stage, uint64_t done, uint64_t total,
                        const char *unit);
int bl_progress_report(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit);
void bl_progress_log(void *user, bl_log_level level, const char *line);

#endif
