/* The time, and waiting, POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "core/clock.h"

#include <time.h>

void bl_os_sleep(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    (void)nanosleep(&t, NULL);
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bl_clock_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double bl_clock_wall(void)
{
    return seconds_of(CLOCK_REALTIME);
}

int bl_clock_date(int64_t seconds, struct tm *date)
{
    time_t t = (time_t)seconds;
    tzset();
    return localtime_r(&t, date) != NULL;
}
