/* Signals: the first asks to stop cleanly, the second ends at once. */
#include "signals.h"

#include <errno.h>
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
