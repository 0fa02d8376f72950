/* Conversations with bitllama chat on a pseudo-terminal. */
#ifndef BL_TESTS_CHAT_TALK_H
#define BL_TESTS_CHAT_TALK_H

#include "pty.h"

enum { WIDE = 500 };

extern const char *program, *model, *scratch;
extern char state_home[600], history_path[700]; /* the first as NAME=VALUE */

/* Takes PROGRAM MODEL SCRATCH and goes to SCRATCH; 0: a message said why not. */
int talk_begin(int argc, char **argv);

/* A chat with these flags; NULL ends both lists. */
void start_as(pty *p, size_t columns, const char *const *environment, const char *const *more);

#define ENDLESS "--max-tokens", "100000000", "--ignore-eos"
#define SHORT   "--max-tokens", "24", "--ignore-eos", "--temperature", "1.5", "--seed", "7"

/* However late the bytes of a key come on a busy machine, they are one. */
#define PATIENT "ESCDELAY=30000"

/* On a terminal of so many columns, in plain colours, with the history in the scratch folder. */
#define START_WIDE(p, columns, ...)                                                                \
    start_as(                                                                                      \
        (p), (columns),                                                                            \
        (const char *const[]){"NO_COLOR=1", "TERM=xterm", "COLUMNS", PATIENT, state_home, NULL},   \
        (const char *const[]){__VA_ARGS__, NULL})
#define START(p, ...) START_WIDE(p, WIDE, __VA_ARGS__)

/* What the program replies to lines from a pipe, with every line break as the terminal shows it. */
void reply_to(const char *lines, char *reply, size_t cap);

/* Types a line with these keys and sees the reply that `line` gets from a pipe. */
void expect_same(pty *p, const char *keys, const char *line);

void leave(pty *p);

#endif
