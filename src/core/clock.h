/* The time, and waiting. */
#ifndef BL_CORE_CLOCK_H
#define BL_CORE_CLOCK_H

void bl_os_sleep(double seconds); /* or until a signal comes */
double bl_clock_seconds(void);    /* monotonic */
double bl_clock_wall(void);       /* seconds since 1970 */

#endif
