/* Signals held back for a while, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/signal_mask.h"

#include <signal.h>
#include <string.h>

void bl_signals_hold(bl_signal_mask *before)
{
    sigset_t all, old;
    _Static_assert(sizeof old <= sizeof before->bits, "a signal mask has room for a sigset");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    memcpy(before->bits, &old, sizeof old);
}

void bl_signals_release(const bl_signal_mask *before)
{
    sigset_t old;
    memcpy(&old, before->bits, sizeof old);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}
