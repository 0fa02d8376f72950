/* Status codes as words and exit codes, and the one way to report a failure. */
#include "core/status.h"
#include "core/shown.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *bl_status_name(bl_status status)
{
    switch (status) {
#define X(code, value, exit_code, text)                                                            \
    case code:                                                                                     \
        return text;
        BL_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}

int bl_status_exit_code(bl_status status)
{
    switch (status) {
#define X(code, value, exit_code, text)                                                            \
    case code:                                                                                     \
        return exit_code;
        BL_STATUS_LIST(X)
#undef X
    }
    return 1;
}

/* Names from hostile files may hold line breaks and escape sequences; a message is one line. */
static void put_message(bl_error *err, bl_status code, const char *format, va_list args)
{
    bl_shown_line(err->message, sizeof err->message, format, args);
    err->code = code;
}

bl_status bl_fail(bl_error *err, bl_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (err)
        put_message(err, code, format, args);
    va_end(args);
    return code;
}

bl_status bl_fail_errno(bl_error *err, bl_status code, int error, const char *format, ...)
{
    va_list args;
    if (error == ENOMEM) /* whatever the call is for */
        code = BL_ENOMEM;
    va_start(args, format);
    if (err) {
        put_message(err, code, format, args);
        size_t used = strlen(err->message);
        (void)snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(error));
    }
    va_end(args);
    return code;
}
