/* Signals: the first asks to stop cleanly, the second ends at once. */
#ifndef BL_CLI_SIGNALS_H
#define BL_CLI_SIGNALS_H

#include "bitllama.h"

/* A closed pipe and a file size limit become write errors.  Call first. */
void bl_signals_ignore_output(void);

/* Ends the program as a closed pipe ends others, silently: by SIGPIPE, exit code 141. */
int bl_signals_end_by_pipe(void);

/* From here on the first SIGINT, SIGTERM or SIGHUP is only noted. */
void bl_signals_catch(void);

/* The same signals stop this trainer after its step, SIGUSR1 saves it; NULL: no longer. */
void bl_signals_attach(bl_trainer *trainer);

/* The signal that came, or 0. */
int bl_signals_caught(void);

/* ---- at a prompt ---- */

/* As bl_signals_catch(), for a program that waits for input.  When a person types it, every SIGINT
 * is only noted, and so are the signals by which a terminal stops a program, continues it and
 * reports a new size. */
void bl_signals_catch_at_prompt(int typed);

/* Whether this signal was noted since the last call. */
int bl_signals_take(int number);

/* The same, but it stays noted. */
int bl_signals_noted(int number);

/* Waits until a descriptor can be read, or is at its end: 1; a signal came: 0. */
int bl_signals_wait(int fd);

/* The same, but no longer than this: -1. */
int bl_signals_wait_for(int fd, int milliseconds);

/* Lets a SIGTSTP take effect that was noted, or that was taken; returns when the program
 * continues. */
void bl_signals_stop_if_noted(void);
void bl_signals_stop_here(void);

#endif
