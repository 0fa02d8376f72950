/* Long work watched from outside. */
#include "core/watch.h"
#include "core/call.h"

#include <stddef.h>

static _Thread_local bl_watch *current;
static _Thread_local bl_progress_fn *thread_fn;
static _Thread_local void *thread_user;

void bl_progress_to(bl_progress_fn *fn, void *user)
{
    thread_fn = fn;
    thread_user = user;
}

void bl_watch_begin_with(bl_watch *w, bl_progress_fn *fn, void *user, const char *stage,
                         const char *unit, uint64_t total)
{
    *w = (bl_watch){.fn = fn,
                    .user = user,
                    .stage = stage,
                    .unit = unit,
                    .part = total,
                    .total = total,
                    .outer = current};
    current = w;
}

void bl_watch_begin(bl_watch *w, const char *stage, const char *unit, uint64_t total)
{
    if (!current) {
        bl_watch_begin_with(w, thread_fn, thread_user, stage, unit, total);
        return;
    }
    *w = *current;
    w->part = 0;
    w->outer = current;
    current = w;
}

void bl_watch_end(bl_watch *w)
{
    current = w->outer;
}

void bl_watch_part(uint64_t from, uint64_t part)
{
    if (current) {
        current->from = from;
        current->part = part;
    }
}

bl_status bl_watch_poll(uint64_t done, uint64_t all, bl_error *err)
{
    bl_watch *w = current;
    if (!w || !w->fn)
        return BL_OK;
    double share = all ? (double)done / (double)all : 0;
    uint64_t at = w->from + (uint64_t)(share * (double)w->part);
    at = w->told > at ? w->told : at;
    w->told = at;
    current = NULL; /* what the function itself calls is not this work */
    bl_call *call = bl_call_out();
    int stop = w->fn(w->user, w->stage, at, w->total, w->unit);
    bl_call_back(call);
    current = w;
    return stop ? bl_fail(err, BL_EINTERRUPTED, "stopped while %s", w->stage) : BL_OK;
}
