/* Which sessions a batch reads: counted by batch and sessions together. */
#include "api/roster.h"
#include "core/alloc.h"

bl_status bl_roster_open(bl_roster **r, size_t most, bl_mutex *lock, bl_error *err)
{
    *r = bl_calloc(1, sizeof **r);
    if (!*r)
        return bl_fail(err, BL_ENOMEM, "out of memory for a batch");
    **r = (bl_roster){.lock = lock, .most = most, .is_open = 1};
    return BL_OK;
}

void bl_roster_close(bl_roster *r)
{
    if (!r)
        return;
    bl_mutex_hold(r->lock);
    r->is_open = 0;
    int last = !r->joined;
    bl_mutex_release(r->lock);
    if (last)
        bl_free(r);
}

void bl_roster_leave(bl_roster **place)
{
    bl_roster *r = *place;
    if (!r)
        return;
    *place = NULL;
    bl_mutex_hold(r->lock);
    int last = !--r->joined && !r->is_open;
    bl_mutex_release(r->lock);
    if (last)
        bl_free(r);
}

/* Whether the batch of a session is still open. */
static int is_open(const bl_roster *r)
{
    bl_mutex_hold(r->lock);
    int open = r->is_open;
    bl_mutex_release(r->lock);
    return open;
}

bl_status bl_roster_join(bl_roster *r, bl_roster **place, bl_error *err)
{
    if (*place && is_open(*place))
        return bl_fail(err, BL_EINVAL, "the session is in %s batch already",
                       *place == r ? "this" : "another");
    bl_roster_leave(place);
    bl_mutex_hold(r->lock);
    int full = r->joined == r->most;
    r->joined += !full;
    bl_mutex_release(r->lock);
    if (full)
        return bl_fail(err, BL_EINVAL,
                       "the batch is full: with %zu rows it reads at most that many sessions",
                       r->most);
    *place = r;
    return BL_OK;
}
