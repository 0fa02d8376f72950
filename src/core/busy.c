/* A handle at work: counted readers, or one call that changes it. */
#include "core/busy.h"

enum { ALONE = 1 << 29, CLOSING = 1 << 30 }; /* below them: how many calls read */

static bl_status at_work(const char *handle, const char *where, bl_error *err)
{
    return bl_fail(err, BL_EBUSY,
                   "%s: %s is at work: in the call whose callback this is, or in another thread",
                   where, handle);
}

bl_status bl_busy_enter(bl_busy *b, const char *handle, const char *where, bl_error *err)
{
    int idle = 0;
    if (atomic_compare_exchange_strong(&b->state, &idle, ALONE))
        return BL_OK;
    return at_work(handle, where, err);
}

int bl_busy_leave(bl_busy *b)
{
    return (atomic_exchange(&b->state, 0) & CLOSING) != 0;
}

bl_status bl_busy_share(bl_busy *b, const char *handle, const char *where, bl_error *err)
{
    int state = atomic_load(&b->state);
    while (!(state & (ALONE | CLOSING)))
        if (atomic_compare_exchange_weak(&b->state, &state, state + 1))
            return BL_OK;
    return at_work(handle, where, err);
}

int bl_busy_unshare(bl_busy *b)
{
    if (atomic_fetch_sub(&b->state, 1) != (CLOSING | 1))
        return 0;
    atomic_store(&b->state, 0); /* idle, so that it can be closed; nobody else has it by now */
    return 1;
}

int bl_busy_close(bl_busy *b)
{
    int state = atomic_load(&b->state);
    while (state != 0 && !(state & CLOSING))
        if (atomic_compare_exchange_weak(&b->state, &state, state | CLOSING))
            return 0;
    return state == 0;
}

int bl_busy_closing(bl_busy *b)
{
    return (atomic_load(&b->state) & CLOSING) != 0;
}
