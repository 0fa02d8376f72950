/* A program on a pseudo-terminal, and somebody who types and watches. */
#ifndef BL_TESTS_CHAT_PTY_H
#define BL_TESTS_CHAT_PTY_H

#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

enum { PTY_SECONDS = 60 }; /* how long anything is waited for */

typedef struct pty {
    int master, slave;
    pid_t leader;          /* of the session: it starts the program, as a shell does */
    pid_t program;         /* in a process group of its own */
    struct termios before; /* settings of the terminal when the program was started */
    char *text;            /* all that was shown; ends with a 0 */
    size_t bytes, cap;
    size_t seen; /* where the next expectation looks */
} pty;

/* Starts argv[0] on a terminal of that width.  `environment`: NAME=VALUE or, to unset it, NAME;
 * NULL ends both lists. */
void pty_start(pty *p, const char *const *argv, const char *const *environment, size_t columns);

/* Types; shows a new width. */
void pty_type(pty *p, const char *keys);

/* What a person pastes: ESC [ 200 ~, the text, ESC [ 201 ~; or bytes as they are. */
void pty_paste(pty *p, const char *text);
void pty_send(pty *p, const void *bytes, size_t count);
void pty_resize(pty *p, size_t columns);

/* Waits until the program shows `text`, and continues looking after it.  Fails the test with what
 * was shown after PTY_SECONDS. */
void pty_expect(pty *p, const char *text);

/* Waits until the program has read what was typed. */
void pty_wait_taken(pty *p);

/* Takes what is shown until that is so many bytes in all. */
void pty_take(pty *p, size_t bytes);

/* Whether it was shown, anywhere. */
int pty_has(const pty *p, const char *text);

/* Waits for the end: the exit code, or 128 + signal.  Fails the test when the terminal is not set
 * as it was at the start. */
int pty_end(pty *p);

/* The same for a program that was stopped: waits for it, says so on the terminal and takes all that
 * was shown before; lets it continue. */
void pty_expect_stopped(pty *p);
void pty_continue(pty *p);

/* Pages of memory the program holds now. */
size_t pty_resident_pages(const pty *p);

#endif
