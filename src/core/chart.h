/* Loss curves as a picture in SVG: two lines over steps or positions. */
#ifndef BL_CORE_CHART_H
#define BL_CORE_CHART_H

#include "core/status.h"

typedef struct bl_curve_point {
    uint64_t step;
    double loss;
} bl_curve_point;

/* A growing series of (step, loss). */
typedef struct bl_curve {
    bl_curve_point *at;
    size_t count, cap;
} bl_curve;

typedef struct bl_chart_line {
    const char *name; /* the legend shows it with the last loss */
    const bl_curve *curve;
} bl_chart_line;

typedef struct bl_chart {
    const char *title;
    bl_chart_line first, second; /* the points of the second are marked */
    int doubling;                /* steps are drawn at log2(step + 1) */
} bl_chart;

/* The file appears whole or not at all; losses that are not finite are left out. */
bl_status bl_chart_write(const bl_chart *chart, const char *path, bl_error *err) BL_NODISCARD;

#endif
