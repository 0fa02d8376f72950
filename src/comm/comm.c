/* What every kind of communication shares, and that of one process: none. */
#include "comm/comm.h"
#include "core/alloc.h"

#include <assert.h>
#include <string.h>

const bl_comm bl_comm_alone = {.rank = 0, .size = 1};

void bl_comm_sum(const bl_comm *c, bl_dev *d, bl_param *g, size_t n)
{
    if (c->size > 1)
        c->ops->sum(c, d, g, n);
}

bl_status bl_comm_total(const bl_comm *c, double *value, size_t n, bl_error *err)
{
    return c->size > 1 ? c->ops->total(c, value, n, err) : BL_OK;
}

bl_status bl_comm_broadcast(const bl_comm *c, void *bytes, size_t n, size_t root, bl_error *err)
{
    return c->size > 1 ? c->ops->broadcast(c, bytes, n, root, err) : BL_OK;
}

void bl_comm_leave(const bl_comm *c)
{
    if (c->size > 1)
        c->ops->leave(c);
}

bl_status bl_comm_any(const bl_comm *c, int *flag, size_t n, bl_error *err)
{
    double count[BL_COMM_FLAGS];
    assert(n <= BL_COMM_FLAGS);
    for (size_t i = 0; i < n; i++)
        count[i] = flag[i] != 0;
    BL_TRY(bl_comm_total(c, count, n, err));
    for (size_t i = 0; i < n; i++)
        flag[i] = count[i] > 0;
    return BL_OK;
}

bl_status bl_comm_text(const bl_comm *c, char **text, bl_error *err)
{
    if (c->size == 1)
        return BL_OK;
    uint64_t bytes = c->rank == 0 && *text ? strlen(*text) + 1 : 0; /* 0: NULL */
    BL_TRY(bl_comm_broadcast(c, &bytes, sizeof bytes, 0, err));
    if (c->rank != 0)
        *text = NULL;
    if (!bytes)
        return BL_OK;
    if (c->rank != 0)
        *text = bl_calloc((size_t)bytes, 1);
    if (!*text)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_comm_broadcast(c, *text, (size_t)bytes, 0, err);
    if (status != BL_OK && c->rank != 0) {
        bl_free(*text);
        *text = NULL;
    }
    return status;
}
