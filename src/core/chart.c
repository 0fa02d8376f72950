/* Loss curves as a picture in SVG. */
#include "core/chart.h"
#include "core/buf.h"
#include "core/file.h"

#include <math.h>

/* The plot's frame inside the picture, in pixels. */
enum { WIDTH = 800, HEIGHT = 420, LEFT = 60, RIGHT = 780, TOP = 40, BOTTOM = 370, LOSS_LINES = 8 };

typedef struct axes {
    int doubling;          /* as of the chart */
    double steps;          /* right end; the left is 0 */
    double low, high;      /* losses at the bottom and the top */
    double low_tick, tick; /* first line and the distance between lines */
} axes;

static double x_of(const axes *a, double step)
{
    double end = a->doubling ? log2(a->steps + 1) : a->steps;
    return LEFT + (RIGHT - LEFT) * (a->doubling ? log2(step + 1) : step) / end;
}

static double y_of(const axes *a, double loss)
{
    double up = (loss - a->low) / (a->high - a->low);
    return BOTTOM - (BOTTOM - TOP) * fmin(fmax(up, 0), 1);
}

/* 1, 2 or 5 times a power of ten: at most `lines` of them in `span`. */
static double tick_of(double span, double lines)
{
    double unit = pow(10, floor(log10(span / lines)));
    double want = span / lines / unit;
    return unit * (want <= 1 ? 1 : want <= 2 ? 2 : want <= 5 ? 5 : 10);
}

static void widen(axes *a, const bl_curve *c)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!isfinite(c->at[i].loss))
            continue;
        a->low = fmin(a->low, c->at[i].loss);
        a->high = fmax(a->high, c->at[i].loss);
        a->steps = fmax(a->steps, (double)c->at[i].step);
    }
}

static axes axes_of(const bl_chart *chart)
{
    axes a = {.doubling = chart->doubling, .steps = 1, .low = INFINITY, .high = -INFINITY};
    widen(&a, chart->first.curve);
    widen(&a, chart->second.curve);
    if (a.low > a.high) {
        a.low = 0;
        a.high = 1;
    }
    a.tick = tick_of(fmax(a.high - a.low, 1e-3), LOSS_LINES);
    a.low = floor(a.low / a.tick) * a.tick;
    a.high = ceil(a.high / a.tick + 1e-9) * a.tick;
    a.low_tick = a.low;
    return a;
}

static void draw_grid(bl_buf *b, const axes *a)
{
    /* Counted, because next to a loss of 1e20 a tick vanishes: two lines may lie outside the
     * span. */
    for (int i = 0; i <= LOSS_LINES + 2; i++) {
        double loss = a->low_tick + i * a->tick, y = y_of(a, loss);
        if (!(loss <= a->high + a->tick / 2))
            break;
        bl_buf_printf(b, "<path class=\"g\" d=\"M%d %.1fH%d\"/>", LEFT, y, RIGHT);
        bl_buf_printf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT - 8,
                      y + 4, loss);
    }
}

static void draw_place(bl_buf *b, const axes *a, double step)
{
    double x = x_of(a, step);
    bl_buf_printf(b, "<path class=\"g\" d=\"M%.1f %dV%d\"/>", x, TOP, BOTTOM);
    bl_buf_printf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", x,
                  BOTTOM + 18, step);
}

static void draw_places(bl_buf *b, const axes *a)
{
    if (a->doubling) { /* 0, 1, 4, 16, ... */
        draw_place(b, a, 0);
        for (double step = 1; step <= a->steps; step *= 4)
            draw_place(b, a, step);
        return;
    }
    double tick = fmax(tick_of(a->steps, 8), 1);
    for (double step = 0; step <= a->steps; step += tick)
        draw_place(b, a, step);
}

/* A line through the means of at most 700 equal runs of points. */
static void draw_line(bl_buf *b, const axes *a, const bl_curve *c, const char *class)
{
    size_t run = c->count / 700 + 1, drawn = 0;
    bl_buf_printf(b, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < c->count; i += run) {
        double step = 0, loss = 0;
        size_t n = 0;
        for (size_t j = i; j < i + run && j < c->count; j++) {
            if (!isfinite(c->at[j].loss))
                continue;
            step += (double)c->at[j].step;
            loss += c->at[j].loss;
            n++;
        }
        if (!n)
            continue;
        bl_buf_printf(b, "%c%.1f %.1f", drawn++ ? 'L' : 'M', x_of(a, step / (double)n),
                      y_of(a, loss / (double)n));
    }
    bl_buf_puts(b, "\"/>\n");
}

static void draw_points(bl_buf *b, const axes *a, const bl_curve *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (isfinite(c->at[i].loss))
            bl_buf_printf(b, "<circle class=\"p\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n",
                          x_of(a, (double)c->at[i].step), y_of(a, c->at[i].loss));
}

static void draw_legend(bl_buf *b, const bl_chart_line *line, const char *class, int x)
{
    if (!line->curve->count)
        return;
    bl_buf_printf(b, "<path class=\"%s\" d=\"M%d 20h24\"/><text x=\"%d\" y=\"24\">%s ", class, x,
                  x + 30, line->name);
    bl_buf_printf(b, "%.3f</text>\n", line->curve->at[line->curve->count - 1].loss);
}

bl_status bl_chart_write(const bl_chart *chart, const char *path, bl_error *err)
{
    static const char head[] =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\">\n<style>text{font:12px sans-serif;fill:#444}.t{font-size:14px}"
        "path{fill:none}.g{stroke:#ddd}.l{stroke:#4878a8;stroke-width:1.2}"
        ".v{stroke:#d06030;stroke-width:2}.p{fill:#d06030}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n";
    axes a = axes_of(chart);
    bl_buf b;
    bl_buf_init(&b);
    bl_buf_printf(&b, head, WIDTH, HEIGHT, WIDTH, HEIGHT);
    draw_grid(&b, &a);
    draw_places(&b, &a);
    draw_line(&b, &a, chart->first.curve, "l");
    draw_line(&b, &a, chart->second.curve, "v");
    draw_points(&b, &a, chart->second.curve);
    bl_buf_printf(&b, "<text class=\"t\" x=\"%d\" y=\"24\">%s</text>\n", LEFT, chart->title);
    draw_legend(&b, &chart->first, "l", 480);
    draw_legend(&b, &chart->second, "v", 640);
    bl_buf_puts(&b, "</svg>\n");
    bl_status status = bl_buf_status(&b, err);
    if (status == BL_OK)
        status = bl_file_replace(path, b.data, b.len, err);
    bl_buf_release(&b);
    return status;
}
