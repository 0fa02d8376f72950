/* One progress line on stderr: redrawn in place on a terminal, a plain line every 10 s elsewhere.
 *
 * tqdm's order: label: percent|bar| done/total [elapsed<left, rate, tail]. */
#include "progress.h"
#include "figures.h"
#include "signals.h"
#include "terminal.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { TEXT_BYTES = 256, BAR_MOST = 40, BAR_LEAST = 4, PATH_MOST = 4096 };

static const double REDRAW_SECONDS = 0.1, PLAIN_SECONDS = 10, SMOOTHING_SECONDS = 5,
                    PASSING_SECONDS = 1;

static struct {
    int active, terminal;
    int passing; /* it is erased at its end */
    int shown;   /* it was drawn at least once */
    int stale;   /* what was drawn last is no longer so */
    char label[48], unit[16], tail[TEXT_BYTES];
    uint64_t done, total;
    double started, drawn; /* seconds */
    double rate, rated;    /* smoothed, and when it was last taken */
    uint64_t rated_done;
} bar;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bl_short amount(uint64_t n)
{
    int scaled = strcmp(bar.unit, "B") == 0 && n >= 1000;
    return scaled ? bl_format_scaled((double)n) : bl_format_count(n);
}

/* What comes before and after the bar. */
static void compose(char *left, char *right)
{
    double elapsed = now() - bar.started;
    bl_short done = amount(bar.done), total = amount(bar.total);
    char speed[64] = "?", left_time[40] = "";
    const char *space = strcmp(bar.unit, "B") == 0 ? "" : " "; /* 5.10 step/s, 21.0MB/s */
    if (bar.rate > 0 && bar.rate < 1)
        (void)snprintf(speed, sizeof speed, "%s s/%s", bl_format_scaled(1 / bar.rate).text,
                       bar.unit);
    else if (bar.rate > 0)
        (void)snprintf(speed, sizeof speed, "%s%s%s/s", bl_format_scaled(bar.rate).text, space,
                       bar.unit);
    if (bar.total) {
        double rest = bar.total > bar.done ? (double)(bar.total - bar.done) : 0;
        (void)snprintf(left_time, sizeof left_time, "<%s",
                       bar.rate > 0 || rest == 0
                           ? bl_format_duration(rest == 0 ? 0 : rest / bar.rate).text
                           : "?");
        (void)snprintf(left, TEXT_BYTES, "%s%s%3.0f%%", bar.label, *bar.label ? ": " : "",
                       100.0 * (double)bar.done / (double)bar.total);
    } else {
        (void)snprintf(left, TEXT_BYTES, "%s%s", bar.label, *bar.label ? ":" : "");
    }
    (void)snprintf(right, 2 * TEXT_BYTES, "%s%s%s [%s%s, %s%s%s]", done.text, bar.total ? "/" : " ",
                   bar.total ? total.text : bar.unit, bl_format_duration(elapsed).text, left_time,
                   speed, *bar.tail ? ", " : "", bar.tail);
}

/* The bar itself: `width` columns, eighths of a column where the characters exist. */
static void draw_bar(size_t width)
{
    static const char *const eighth[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double part = bar.total ? (double)bar.done / (double)bar.total : 0;
    size_t filled = (size_t)((part > 1 ? 1 : part) * (double)(width * 8));
    int unicode = bl_terminal_unicode();
    fputc('|', stderr);
    for (size_t i = 0; i < width; i++) {
        size_t here = filled > 8 * i ? filled - 8 * i : 0;
        if (unicode)
            fputs(here >= 8 ? "█" : eighth[here], stderr);
        else
            fputc(here >= 8 ? '#' : ' ', stderr);
    }
    fputs("| ", stderr);
}

/* Drops the last items in the brackets until the text fits. */
static void shorten(char *right, size_t room)
{
    size_t length = strlen(right);
    while (length > room) {
        size_t cut = length - 1;
        while (cut > 0 && memcmp(right + cut - 1, ", ", 2) != 0)
            cut--;
        if (cut == 0) {
            right[room] = 0;
            return;
        }
        memcpy(right + cut - 1, "]", 2);
        length = cut;
    }
}

static void draw(void)
{
    char left[TEXT_BYTES], right[2 * TEXT_BYTES];
    compose(left, right);
    bar.drawn = now();
    bar.shown = 1;
    bar.stale = 0;
    if (!bar.terminal) {
        fprintf(stderr, "%s %s\n", left, right);
        return;
    }
    size_t width = bl_terminal_width(stderr) - 1;
    size_t least = bar.total ? 3 : 1; /* the bar's ends, or a space */
    left[strlen(left) > width - least ? width - least : strlen(left)] = 0;
    shorten(right, width - least - strlen(left));
    size_t room = width - least - strlen(left) - strlen(right);
    fprintf(stderr, "\r%s", left);
    if (bar.total && room >= BAR_LEAST)
        draw_bar(room < BAR_MOST ? room : BAR_MOST);
    else
        fputc(' ', stderr);
    fprintf(stderr, "%s\033[K", right);
    (void)fflush(stderr);
}

static void erase(void)
{
    if (bar.active && bar.terminal && bar.shown)
        fputs("\r\033[K", stderr);
}

/* A part of the line: what comes from names is spelled out, and is cut at a character. */
static void show_in(char *to, size_t cap, const char *from)
{
    to[bl_text_shown(from, strlen(from), BL_SHOWN_LINE, to, cap - 1, NULL)] = 0;
}

void bl_progress_begin(const char *label, const char *unit, uint64_t done)
{
    bl_progress_end();
    memset(&bar, 0, sizeof bar);
    bar.active = 1;
    bar.terminal = bl_terminal_is(stderr);
    show_in(bar.label, sizeof bar.label, label);
    (void)snprintf(bar.unit, sizeof bar.unit, "%s", unit);
    bar.done = bar.rated_done = done;
    bar.started = bar.rated = now();
    bar.drawn = bar.terminal ? 0 : bar.started;
}

/* The rate is a mean that forgets with SMOOTHING_SECONDS, so that "left" follows the present. */
static void take_rate(double at)
{
    double span = at - bar.rated;
    if (bar.done <= bar.rated_done || span < REDRAW_SECONDS / 2)
        return;
    double here = (double)(bar.done - bar.rated_done) / span;
    double weight = span / (span + SMOOTHING_SECONDS);
    bar.rate = bar.rate > 0 ? bar.rate + weight * (here - bar.rate) : here;
    bar.rated = at;
    bar.rated_done = bar.done;
}

void bl_progress_set(uint64_t done, uint64_t total, const char *tail)
{
    if (!bar.active)
        return;
    double at = now();
    int differs = done != bar.done || total != bar.total;
    bar.done = done;
    bar.total = total;
    if (tail)
        show_in(bar.tail, sizeof bar.tail, tail);
    if (!differs)
        return;
    take_rate(at);
    if (at - bar.drawn >= (bar.terminal ? REDRAW_SECONDS : PLAIN_SECONDS))
        draw();
    else
        bar.stale = 1;
}

void bl_progress_end(void)
{
    if (!bar.active)
        return;
    if (bar.passing)
        erase();
    else if (bar.done || bar.shown) {
        double elapsed = now() - bar.started;
        if (elapsed > 0 && bar.rate <= 0 && bar.done > bar.rated_done)
            bar.rate = (double)(bar.done - bar.rated_done) / elapsed;
        if (bar.stale || !bar.shown)
            draw();
        if (bar.terminal)
            fputc('\n', stderr);
    }
    bar.active = 0;
    (void)fflush(stderr);
}

/* A text as a terminal may be given it; files get the same, where it could fake a line. */
static void put(const char *text, unsigned flags)
{
    char shown[4096];
    for (size_t bytes = strlen(text), taken; bytes; text += taken, bytes -= taken)
        (void)fwrite(shown, 1, bl_text_shown(text, bytes, flags, shown, sizeof shown, &taken),
                     stderr);
}

/* For a line above the progress line, or instead of a passing one. */
static void make_room(void)
{
    if (bar.passing)
        bl_progress_end();
    erase();
}

static void end_line(void)
{
    fputc('\n', stderr);
    if (bar.active && bar.terminal && bar.shown)
        draw();
    (void)fflush(stderr);
}

void bl_progress_print(const char *format, ...)
{
    char line[2 * PATH_MOST];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    make_room();
    put(line, BL_SHOWN_LINE);
    end_line();
}

void bl_progress_print_text(bl_colour colour, const char *word, const char *text)
{
    make_room();
    fprintf(stderr, "%s%s%s ", bl_terminal_colour(stderr, colour), word,
            bl_terminal_colour(stderr, BL_PLAIN));
    put(text, 0);
    end_line();
}

int bl_progress_passing(void *user, const char *stage, uint64_t done, uint64_t total,
                        const char *unit)
{
    (void)user;
    if (!bar.active || strcmp(bar.label, stage) != 0) {
        bl_progress_begin(stage, unit ? unit : "", done);
        bar.passing = 1;
        bar.drawn = bar.started + (bar.terminal ? PASSING_SECONDS - REDRAW_SECONDS : 0);
    }
    bl_progress_set(done, total, NULL);
    bl_signals_stop_if_noted();
    return bl_signals_caught() != 0 || bl_signals_noted(SIGINT);
}

int bl_progress_report(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit)
{
    (void)user;
    if (!bar.active || strcmp(bar.label, stage) != 0)
        bl_progress_begin(stage, unit ? unit : "", done);
    bl_progress_set(done, total, NULL);
    return bl_signals_caught() != 0;
}

void bl_progress_log(void *user, bl_log_level level, const char *line)
{
    char named[1024];
    (void)user;
    bl_flags_name(line, named, sizeof named);
    if (level == BL_LOG_WARNING)
        bl_progress_print_text(BL_YELLOW, "warning:", named);
    else if (level == BL_LOG_INFO)
        bl_progress_print("%s", named);
}
