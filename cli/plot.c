/* A loss curve drawn with characters.
 *
 * A cell of the frame holds 2 x 4 dots as a braille character, or one dot in ASCII. */
#include "plot.h"
#include "figures.h"
#include "terminal.h"

#include <math.h>
#include <string.h>

enum { ROWS = 12, COLUMNS_MOST = 96, COLUMNS_LEAST = 16, LABEL = 9 };

typedef struct frame {
    size_t columns, across, down; /* cells; dots of a cell */
    double left, right, top, bottom;
    unsigned char dots[ROWS][COLUMNS_MOST]; /* a bit for each dot set */
    unsigned char mark[ROWS][COLUMNS_MOST];
} frame;

void bl_plot_add(bl_plot_curve *c, double x, double y)
{
    if (!isfinite(x) || !isfinite(y))
        return;
    if (c->stride == 0)
        c->stride = 1;
    if (c->count == BL_PLOT_POINTS) {
        for (size_t i = 0; i < BL_PLOT_POINTS / 2; i++) {
            c->x[i] = (c->x[2 * i] + c->x[2 * i + 1]) / 2;
            c->y[i] = (c->y[2 * i] + c->y[2 * i + 1]) / 2;
        }
        c->count = BL_PLOT_POINTS / 2;
        c->stride *= 2;
    }
    c->sum_x += x;
    c->sum_y += y;
    if (++c->gathered < c->stride)
        return;
    c->x[c->count] = c->sum_x / (double)c->stride;
    c->y[c->count++] = c->sum_y / (double)c->stride;
    c->gathered = 0;
    c->sum_x = c->sum_y = 0;
}

static void widen(frame *f, const bl_plot_curve *c)
{
    for (size_t i = 0; i < c->count; i++) {
        f->left = fmin(f->left, c->x[i]);
        f->right = fmax(f->right, c->x[i]);
        f->bottom = fmin(f->bottom, c->y[i]);
        f->top = fmax(f->top, c->y[i]);
    }
}

/* The place of a value among n dots. */
static size_t place(double value, double from, double to, size_t n)
{
    double part = to > from || to < from ? (value - from) / (to - from) : 0;
    return (size_t)(part * (double)(n - 1) + 0.5);
}

static void set_dot(frame *f, size_t x, size_t y)
{
    /* Braille numbers its dots down the left, down the right, then the bottom row. */
    static const unsigned char braille[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    size_t sub_x = x % f->across, sub_y = y % f->down;
    f->dots[y / f->down][x / f->across] |= braille[sub_y][sub_x];
}

/* The dots from one point to the next: each column takes the straight line's height there, and
 * what lies between two heights. */
static void draw_stroke(frame *f, size_t x0, size_t y0, size_t x1, size_t y1)
{
    size_t last = y0;
    for (size_t x = x0 + 1; x <= x1; x++) {
        double part = (double)(x - x0) / (double)(x1 - x0);
        size_t y = (size_t)((double)y0 + part * ((double)y1 - (double)y0) + 0.5);
        size_t from = last < y ? last + 1 : y, to = last > y ? last - 1 : y;
        for (size_t row = from; row <= to; row++)
            set_dot(f, x, row);
        last = y;
    }
}

/* The mean of the points in each dot column, joined. */
static void draw_line(frame *f, const bl_plot_curve *c)
{
    size_t width = f->columns * f->across, height = ROWS * f->down;
    size_t last_x = 0, last_y = 0, i = 0;
    while (i < c->count) {
        size_t begin = i, x = place(c->x[i], f->left, f->right, width);
        double sum = 0;
        for (; i < c->count && place(c->x[i], f->left, f->right, width) == x; i++)
            sum += c->y[i];
        size_t y = place(sum / (double)(i - begin), f->top, f->bottom, height);
        if (begin == 0)
            set_dot(f, x, y);
        else
            draw_stroke(f, last_x, last_y, x, y);
        last_x = x;
        last_y = y;
    }
}

static void draw_marks(frame *f, const bl_plot_curve *c)
{
    for (size_t i = 0; i < c->count; i++) {
        size_t x = place(c->x[i], f->left, f->right, f->columns);
        f->mark[place(c->y[i], f->top, f->bottom, ROWS)][x] = 1;
    }
}

/* One cell in its colour; *colour is the current one, so that a run of cells names it once. */
static void print_cell(FILE *stream, unsigned char dots, int mark, bl_colour *colour, int unicode)
{
    bl_colour wanted = mark ? BL_YELLOW : dots ? BL_BLUE : BL_PLAIN;
    if (wanted != *colour)
        fputs(bl_terminal_colour(stream, wanted), stream);
    *colour = wanted;
    if (mark)
        fputs(unicode ? "●" : "o", stream);
    else if (!dots)
        fputc(' ', stream);
    else if (unicode) /* U+2800 + dots in UTF-8 */
        fprintf(stream, "\xe2%c%c", 0xa0 + (dots >> 6), 0x80 + (dots & 63));
    else
        fputc('*', stream);
}

static void print_frame(FILE *stream, const frame *f, int unicode)
{
    const char *side = unicode ? "│" : "|", *tick = unicode ? "┤" : "+";
    const char *corner = unicode ? "└" : "+", *floor_line = unicode ? "─" : "-";
    for (size_t row = 0; row < ROWS; row++) {
        double value = f->top + (f->bottom - f->top) * (double)row / (ROWS - 1);
        int labelled = row % 4 == 0 || row == ROWS - 1;
        if (labelled)
            fprintf(stream, "%*.3f %s", LABEL - 1, value, tick);
        else
            fprintf(stream, "%*s %s", LABEL - 1, "", side);
        bl_colour colour = BL_PLAIN;
        size_t used = f->columns;
        while (used > 0 && !f->dots[row][used - 1] && !f->mark[row][used - 1])
            used--;
        for (size_t column = 0; column < used; column++)
            print_cell(stream, f->dots[row][column], f->mark[row][column], &colour, unicode);
        fprintf(stream, "%s\n", colour == BL_PLAIN ? "" : bl_terminal_colour(stream, BL_PLAIN));
    }
    fprintf(stream, "%*s%s", LABEL, "", corner);
    for (size_t column = 0; column < f->columns; column++)
        fputs(floor_line, stream);
    bl_short from = bl_format_count((uint64_t)f->left), to = bl_format_count((uint64_t)f->right);
    fprintf(stream, "\n%*s%-*s%s\n", LABEL + 1, "",
            (int)(f->columns > strlen(to.text) ? f->columns - strlen(to.text) : 1), from.text,
            to.text);
}

void bl_plot_draw(FILE *stream, const bl_plot_curve *train, const bl_plot_curve *valid,
                  size_t width, int unicode)
{
    if (train->count + valid->count < 2)
        return;
    frame f = {.left = INFINITY, .right = -INFINITY, .top = -INFINITY, .bottom = INFINITY};
    size_t columns = width > LABEL + 3 ? width - LABEL - 3 : 0;
    f.columns = columns < COLUMNS_LEAST  ? COLUMNS_LEAST
                : columns > COLUMNS_MOST ? COLUMNS_MOST
                                         : columns;
    f.across = unicode ? 2 : 1;
    f.down = unicode ? 4 : 1;
    widen(&f, train);
    widen(&f, valid);
    if (!(f.top > f.bottom))
        f.top = f.bottom + 1e-3;
    draw_line(&f, train);
    draw_marks(&f, valid);
    fprintf(stream, "\n%*sloss by step: %s%s%s training, %s%s%s validation\n", LABEL + 1, "",
            bl_terminal_colour(stream, BL_BLUE), unicode ? "⠤⠤" : "**",
            bl_terminal_colour(stream, BL_PLAIN), bl_terminal_colour(stream, BL_YELLOW),
            unicode ? "●" : "o", bl_terminal_colour(stream, BL_PLAIN));
    print_frame(stream, &f, unicode);
}
