/* A handle at work. */
#include "core/busy.h"

enum { IDLE, AT_WORK, CLOSING };

bl_status bl_busy_enter(bl_busy *b, const char *handle, const char *where, bl_error *err)
{
    int idle = IDLE;
    if (atomic_compare_exchange_strong(&b->state, &idle, AT_WORK))
        return BL_OK;
    return bl_fail(err, BL_EBUSY,
                   "%s: %s is at work: in the call whose callback this is, or in another thread",
                   where, handle);
}

int bl_busy_leave(bl_busy *b)
{
    return atomic_exchange(&b->state, IDLE) == CLOSING;
}

int bl_busy_close(bl_busy *b)
{
    int working = AT_WORK;
    if (atomic_compare_exchange_strong(&b->state, &working, CLOSING))
        return 0;
    return working == IDLE;
}

int bl_busy_closing(bl_busy *b)
{
    return atomic_load(&b->state) == CLOSING;
}
