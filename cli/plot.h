/* A loss curve drawn with characters. */
#ifndef BL_CLI_PLOT_H
#define BL_CLI_PLOT_H

#include <stddef.h>
#include <stdio.h>

enum { BL_PLOT_POINTS = 2048 };

/* Points in rising x, of any number: when full, neighbours are averaged to half as many. */
typedef struct bl_plot_curve {
    double x[BL_PLOT_POINTS], y[BL_PLOT_POINTS];
    size_t count;
    size_t stride, gathered; /* points averaged into one, and how many of the next one are in */
    double sum_x, sum_y;
} bl_plot_curve;

void bl_plot_add(bl_plot_curve *curve, double x, double y);

/* Both curves in one frame of `width` columns: training as a line, validation as marks.  Braille
 * where `unicode`, ASCII otherwise; nothing when there are fewer than two points. */
void bl_plot_draw(FILE *stream, const bl_plot_curve *train, const bl_plot_curve *valid,
                  size_t width, int unicode);

#endif
