/* What a stream can show: width, colour, characters beyond ASCII. */
#include "terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int bl_terminal_is(FILE *stream)
{
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) && term && *term && strcmp(term, "dumb") != 0;
}

size_t bl_terminal_columns(FILE *stream)
{
    struct winsize size = {0};
    return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

size_t bl_terminal_width(FILE *stream)
{
    const char *columns = getenv("COLUMNS");
    long set = columns ? strtol(columns, NULL, 10) : 0;
    if (set >= 10 && set <= 1000)
        return (size_t)set;
    size_t says = bl_terminal_columns(stream);
    return says >= 10 ? says : 80;
}

int bl_terminal_unicode(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

const char *bl_terminal_colour(FILE *stream, bl_colour colour)
{
    static const char *const sequence[] = {
        [BL_PLAIN] = "\033[0m",   [BL_BOLD] = "\033[1m",   [BL_RED] = "\033[31m",
        [BL_YELLOW] = "\033[33m", [BL_GREEN] = "\033[32m", [BL_BLUE] = "\033[34m",
    };
    const char *no_colour = getenv("NO_COLOR");
    if ((no_colour && *no_colour) || !bl_terminal_is(stream))
        return "";
    return sequence[colour];
}
