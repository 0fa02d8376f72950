/* A failure in the command line's own words, and the answer no, which is none. */
#include "cli.h"

#include <stdarg.h>
#include <string.h>

bl_status bl_cli_fail(bl_error *err, bl_status code, const char *format, ...)
{
    char raw[2 * sizeof err->message]; /* names are the user's or a file's */
    va_list args;
    va_start(args, format);
    (void)vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    size_t bytes =
        bl_text_shown(raw, strlen(raw), BL_SHOWN_LINE, err->message, sizeof err->message - 1, NULL);
    err->message[bytes] = 0;
    return err->code = code;
}

static int answered_no;

void bl_cli_answer_no(void)
{
    answered_no = 1;
}

int bl_cli_answered_no(void)
{
    return answered_no;
}
