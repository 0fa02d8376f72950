/* Long work watched from outside: its progress told, and a stop asked for.
 *
 * A public function that may take long begins a watch; loops below it poll the current one, which
 * need not be passed through every call.  Watches belong to a thread, and so does the function that
 * bl_progress_to() sets. */
#ifndef BL_CORE_WATCH_H
#define BL_CORE_WATCH_H

#include "core/status.h"

typedef struct bl_watch {
    bl_progress_fn *fn;
    void *user;
    const char *stage, *unit;
    uint64_t from, part, total; /* polls count as from .. from + part, of total */
    uint64_t told;              /* the most so far: it never goes back */
    struct bl_watch *outer;
} bl_watch;

/* Begins a watch of `total` units with the function of bl_progress_to(), or with one of its own;
 * bl_watch_end() in any case.  Inside another watch the first kind is a part of that one that can
 * be stopped but does not count; the second is the current one until its end. */
void bl_watch_begin(bl_watch *w, const char *stage, const char *unit, uint64_t total);
void bl_watch_begin_with(bl_watch *w, bl_progress_fn *fn, void *user, const char *stage,
                         const char *unit, uint64_t total);
void bl_watch_end(bl_watch *w);

/* What follows counts as from .. from + part of the current watch. */
void bl_watch_part(uint64_t from, uint64_t part);

/* Reports that `done` of `all` of the current work is done, in any unit; does nothing without a
 * watch.  BL_EINTERRUPTED when it is to stop.  Every 20 ms or so is often enough. */
bl_status bl_watch_poll(uint64_t done, uint64_t all, bl_error *err) BL_NODISCARD;

#endif
