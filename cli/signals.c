/* Signals: the first asks to stop cleanly, the second ends at once. */
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static _Atomic(bl_trainer *) attached;

static void set_action(int number, void (*handler)(int))
{
    struct sigaction action = {0};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

/* ---- at a prompt ---- */

enum { NOTED_MAX = 64 };

static volatile sig_atomic_t noted[NOTED_MAX];
static int waker[2] = {-1, -1}; /* a pipe: a handler writes, bl_signals_wait() sees it */

static void wake(void)
{
    ssize_t written = waker[1] >= 0 ? write(waker[1], "", 1) : 0;
    (void)written; /* a full pipe wakes as well */
}

static void on_note(int number)
{
    int saved = errno;
    if (number < NOTED_MAX)
        noted[number] = 1;
    wake();
    errno = saved;
}

int bl_signals_take(int number)
{
    int came = noted[number];
    noted[number] = 0;
    return came;
}

int bl_signals_noted(int number)
{
    return noted[number];
}

int bl_signals_wait_for(int fd, int milliseconds)
{
    char bytes[64];
    struct pollfd wanted[] = {{.fd = fd, .events = POLLIN}, {.fd = waker[0], .events = POLLIN}};
    int ready = poll(wanted, 2, milliseconds);
    if (ready == 0)
        return -1;
    while (ready > 0 && wanted[1].revents && read(waker[0], bytes, sizeof bytes) > 0)
        ;
    return ready > 0 && wanted[0].revents && !wanted[1].revents;
}

int bl_signals_wait(int fd)
{
    return bl_signals_wait_for(fd, -1);
}

void bl_signals_stop_if_noted(void)
{
    if (bl_signals_take(SIGTSTP))
        bl_signals_stop_here();
}

void bl_signals_stop_here(void)
{
    set_action(SIGTSTP, SIG_DFL);
    (void)raise(SIGTSTP);
    set_action(SIGTSTP, on_note);
}

static int open_waker(void)
{
    if (pipe(waker) != 0)
        return 0;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(waker[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(waker[i], F_SETFL, O_NONBLOCK);
    }
    return 1;
}

/* ---- stopping ---- */

static void on_stop(int number)
{
    static const char note[] =
        "\nstopping after this step, with a checkpoint; once more: at once\n";
    int saved = errno;
    bl_trainer *trainer = atomic_load(&attached);
    caught = number;
    set_action(SIGINT, SIG_DFL);
    set_action(SIGTERM, SIG_DFL);
    if (trainer) {
        bl_trainer_stop(trainer);
        ssize_t written = write(STDERR_FILENO, note, sizeof note - 1);
        (void)written;
    }
    wake();
    errno = saved;
}

static void on_save(int number)
{
    (void)number;
    int saved = errno;
    bl_trainer *trainer = atomic_load(&attached);
    if (trainer)
        bl_trainer_save(trainer);
    errno = saved;
}

void bl_signals_ignore_output(void)
{
    set_action(SIGPIPE, SIG_IGN);
    set_action(SIGXFSZ, SIG_IGN);
}

int bl_signals_end_by_pipe(void)
{
    set_action(SIGPIPE, SIG_DFL);
    (void)raise(SIGPIPE);
    return 128 + SIGPIPE; /* where it is blocked */
}

void bl_signals_catch(void)
{
    struct sigaction hangup;
    set_action(SIGINT, on_stop);
    set_action(SIGTERM, on_stop);
    set_action(SIGUSR1, on_save);
    /* nohup's wish is kept. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        set_action(SIGHUP, on_stop);
}

void bl_signals_catch_at_prompt(int typed)
{
    static const int notes[] = {SIGINT, SIGTSTP, SIGCONT, SIGWINCH};
    bl_signals_catch();
    if (!open_waker() || !typed) /* without it SIGINT ends the program, as elsewhere */
        return;
    set_action(SIGQUIT, on_stop);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        set_action(notes[i], on_note);
}

void bl_signals_attach(bl_trainer *trainer)
{
    atomic_store(&attached, trainer);
    if (trainer && caught)
        bl_trainer_stop(trainer);
}

int bl_signals_caught(void)
{
    return caught;
}
