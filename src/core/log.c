/* Warnings of the library. */
#include "core/log.h"
#include "core/call.h"
#include "core/shown.h"

#include <stdarg.h>

static bl_log_fn *sink;
static void *sink_user;
static _Thread_local bl_log_fn *thread_sink;
static _Thread_local void *thread_user;

void bl_log_to(bl_log_fn *fn, void *user)
{
    sink = fn;
    sink_user = user;
}

void bl_log_thread_to(bl_log_fn *fn, void *user)
{
    thread_sink = fn;
    thread_user = user;
}

void bl_log(bl_log_level level, const char *format, ...)
{
    bl_log_fn *fn = thread_sink ? thread_sink : sink;
    void *user = thread_sink ? thread_user : sink_user;
    if (!fn)
        return;
    char line[512];
    va_list args;
    va_start(args, format);
    bl_shown_line(line, sizeof line, format, args);
    va_end(args);
    bl_call *call = bl_call_out();
    fn(user, level, line);
    bl_call_back(call);
}
