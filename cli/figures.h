/* Numbers as people read them. */
#ifndef BL_CLI_FIGURES_H
#define BL_CLI_FIGURES_H

#include <stdint.h>

/* A small text by value, so that several fit into one printf. */
typedef struct bl_short {
    char text[32];
} bl_short;

bl_short bl_format_count(uint64_t n);              /* 16,384 */
bl_short bl_format_scaled(double value);           /* 20.9k, 3.31M */
bl_short bl_format_rate(double n, double seconds); /* n per second, scaled; - when not known */
bl_short bl_format_duration(double seconds);       /* 04:20, 1:02:03 */

#endif
