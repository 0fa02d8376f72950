/* A program on a pseudo-terminal, and somebody who types and watches. */
#include "pty.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void nap(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* In the program's process: the foreground of the terminal, with the environment asked for. */
static void become_program(const pty *p, const char *const *argv, const char *const *environment)
{
    char *copies[64] = {0};
    for (size_t i = 0; argv[i] && i < 63; i++)
        copies[i] = strdup(argv[i]);
    (void)setpgid(0, 0);
    (void)signal(SIGTTOU, SIG_IGN); /* setting the foreground from the background */
    (void)tcsetpgrp(p->slave, getpid());
    (void)signal(SIGTTOU, SIG_DFL);
    (void)close(p->slave);
    for (size_t i = 0; environment && environment[i]; i++) {
        const char *value = strchr(environment[i], '=');
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s",
                       value ? (int)(value - environment[i]) : (int)strlen(environment[i]),
                       environment[i]);
        if (value)
            (void)setenv(name, value + 1, 1);
        else
            (void)unsetenv(name);
    }
    (void)execv(copies[0], copies);
    _exit(127);
}

/* In the leader's process: starts the program, tells its id, and ends as it ended. */
static void become_leader(const pty *p, int report, const char *const *argv,
                          const char *const *environment)
{
    int status = 0;
    (void)setsid();
    (void)ioctl(p->slave, TIOCSCTTY, 0);
    /* Nothing of the test stays open: when it ends early, so does the terminal, and all on it. */
    for (int fd = 0; fd <= 2; fd++)
        (void)dup2(p->slave, fd);
    (void)close(p->master);
    pid_t program = fork();
    if (program == 0)
        become_program(p, argv, environment);
    if (write(report, &program, sizeof program) != (ssize_t)sizeof program)
        _exit(126);
    while (waitpid(program, &status, 0) < 0)
        ;
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

void pty_start(pty *p, const char *const *argv, const char *const *environment, size_t columns)
{
    int report[2];
    *p = (pty){.master = posix_openpt(O_RDWR | O_NOCTTY)};
    assert_true(p->master >= 0 && grantpt(p->master) == 0 && unlockpt(p->master) == 0);
    p->slave = open(ptsname(p->master), O_RDWR | O_NOCTTY);
    assert_true(p->slave >= 0 && tcgetattr(p->slave, &p->before) == 0);
    p->cap = 1 << 16;
    p->text = calloc(p->cap, 1);
    assert_non_null(p->text);
    pty_resize(p, columns);
    assert_int_equal(pipe(report), 0);
    p->leader = fork();
    assert_true(p->leader >= 0);
    if (p->leader == 0)
        become_leader(p, report[1], argv, environment);
    assert_int_equal(read(report[0], &p->program, sizeof p->program), sizeof p->program);
    (void)close(report[0]);
    (void)close(report[1]);
}

void pty_resize(pty *p, size_t columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    assert_int_equal(ioctl(p->master, TIOCSWINSZ, &size), 0);
}

/* Takes what the program has shown so far, waiting a moment for it. */
static void watch(pty *p)
{
    struct pollfd wanted = {.fd = p->master, .events = POLLIN};
    if (poll(&wanted, 1, 10) <= 0)
        return;
    if (p->cap - p->bytes < 4097) {
        p->cap *= 2;
        p->text = realloc(p->text, p->cap);
        assert_non_null(p->text);
    }
    ssize_t got = read(p->master, p->text + p->bytes, 4096);
    if (got > 0)
        p->bytes += (size_t)got;
    p->text[p->bytes] = 0;
}

void pty_take(pty *p, size_t bytes)
{
    for (double end = now() + (double)PTY_SECONDS; p->bytes < bytes;) {
        assert_true(now() < end);
        watch(p);
    }
}

void pty_send(pty *p, const void *data, size_t count)
{
    const char *from = data;
    int flags = fcntl(p->master, F_GETFL);
    assert_int_equal(fcntl(p->master, F_SETFL, flags | O_NONBLOCK), 0);
    for (double end = now() + (double)PTY_SECONDS; count;) {
        struct pollfd wanted = {.fd = p->master, .events = POLLIN | POLLOUT};
        assert_true(now() < end && poll(&wanted, 1, 1000) >= 0);
        if (wanted.revents & POLLIN)
            watch(p);
        ssize_t put = write(p->master, from, count < 1024 ? count : 1024);
        from += put > 0 ? put : 0;
        count -= put > 0 ? (size_t)put : 0;
    }
    assert_int_equal(fcntl(p->master, F_SETFL, flags), 0);
}

void pty_wait_taken(pty *p)
{
    int waiting = 1;
    for (double end = now() + (double)PTY_SECONDS; waiting;) {
        assert_true(now() < end && ioctl(p->slave, FIONREAD, &waiting) == 0);
        watch(p);
    }
}

void pty_paste(pty *p, const char *text)
{
    pty_send(p, "\033[200~", 6);
    pty_send(p, text, strlen(text));
    pty_send(p, "\033[201~", 6);
}

void pty_type(pty *p, const char *keys)
{
    pty_send(p, keys, strlen(keys));
}

int pty_has(const pty *p, const char *text)
{
    return strstr(p->text, text) != NULL;
}

static void give_up(pty *p, const char *what)
{
    (void)kill(p->program, SIGKILL);
    fail_msg("%s; shown since the last expectation:\n%s\n---- before that:\n%.*s", what,
             p->text + p->seen, (int)(p->seen < 2000 ? p->seen : 2000), p->text);
}

void pty_expect(pty *p, const char *text)
{
    double end = now() + (double)PTY_SECONDS;
    for (;;) {
        const char *found = strstr(p->text + p->seen, text);
        if (found) {
            p->seen = (size_t)(found - p->text) + strlen(text);
            return;
        }
        if (now() > end) {
            char what[128];
            (void)snprintf(what, sizeof what, "\"%.80s\" was not shown", text);
            give_up(p, what);
        }
        watch(p);
    }
}

int pty_end(pty *p)
{
    struct termios after;
    double end = now() + (double)PTY_SECONDS;
    int status = 0;
    while (waitpid(p->leader, &status, WNOHANG) == 0) {
        if (now() > end)
            give_up(p, "the program does not end");
        watch(p);
    }
    watch(p);
    assert_int_equal(tcgetattr(p->slave, &after), 0);
    assert_int_equal(after.c_iflag, p->before.c_iflag);
    assert_int_equal(after.c_oflag, p->before.c_oflag);
    assert_int_equal(after.c_cflag, p->before.c_cflag);
    assert_int_equal(after.c_lflag, p->before.c_lflag);
    assert_memory_equal(after.c_cc, p->before.c_cc, sizeof after.c_cc);
    (void)close(p->master);
    (void)close(p->slave);
    free(p->text);
    p->text = NULL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The letter of /proc that says what the process does: R, S, T, ... */
static char state_of(pid_t pid)
{
    char path[64], state = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    (void)fclose(f);
    return state;
}

/* Writes a line to the terminal, as a shell does, and takes what is shown up to it. */
static void write_as_shell(pty *p, const char *line)
{
    size_t from = p->bytes, count = strlen(line);
    int shell = open(ptsname(p->master), O_WRONLY | O_NOCTTY | O_NONBLOCK);
    assert_true(shell >= 0);
    for (double end = now() + (double)PTY_SECONDS; !strstr(p->text + from, line);) {
        ssize_t put = count ? write(shell, line + strlen(line) - count, count) : 0;
        count -= put > 0 ? (size_t)put : 0;
        if (now() > end)
            give_up(p, "what the shell writes is not shown");
        watch(p);
    }
    (void)close(shell);
}

void pty_expect_stopped(pty *p)
{
    double end = now() + (double)PTY_SECONDS;
    while (state_of(p->program) != 'T') {
        if (now() > end)
            give_up(p, "the program does not stop");
        watch(p);
        nap();
    }
    write_as_shell(p, "[1]+  Stopped");
}

void pty_continue(pty *p)
{
    assert_int_equal(kill(p->program, SIGCONT), 0);
}

size_t pty_resident_pages(const pty *p)
{
    char path[64];
    unsigned long size, resident = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)p->program);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
    (void)fclose(f);
    return resident;
}
