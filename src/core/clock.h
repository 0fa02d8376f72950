/* The time, and waiting. */
#ifndef BL_CORE_CLOCK_H
#define BL_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

void bl_os_sleep(double seconds); /* or until a signal comes */
double bl_clock_seconds(void);    /* monotonic */
double bl_clock_wall(void);       /* seconds since 1970 */

/* Such a number of seconds as a date where the machine is; 0: there is none. */
int bl_clock_date(int64_t seconds, struct tm *date);

#endif
