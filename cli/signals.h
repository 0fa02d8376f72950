/* Signals: the first asks to stop cleanly, the second ends at once. */
#ifndef BL_CLI_SIGNALS_H
#define BL_CLI_SIGNALS_H

#include "bitllama.h"

/* A closed pipe and a file size limit become write errors.  Call first. */
void bl_signals_ignore_output(void);

/* From here on the first SIGINT, SIGTERM or SIGHUP is only noted. */
void bl_signals_catch(void);

/* The same signals stop this trainer after its step, SIGUSR1 saves it; NULL: no longer. */
void bl_signals_attach(bl_trainer *trainer);

/* The signal that came, or 0. */
int bl_signals_caught(void);

#endif
