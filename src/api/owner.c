/* Whose a memory file is: the fingerprint of a model, which is hashed once. */
#include "api/model_open.h"
#include "core/call.h"
#include "core/watch.h"

#include <string.h>

enum { UNKNOWN, WRITING, KNOWN };

/* The weights of an open model never change.  Threads that ask for the first time may each hash
 * them, and one keeps the outcome. */
static bl_status fingerprint(bl_model *m, const bl_net *net, char hex[BL_FINGERPRINT],
                             bl_error *err)
{
    bl_watch watch;
    int unknown = UNKNOWN;
    if (atomic_load(&m->fingerprinted) == KNOWN) {
        memcpy(hex, m->fingerprint, BL_FINGERPRINT);
        return BL_OK;
    }
    bl_watch_begin(&watch, "hashing", "%", 100);
    bl_status status = bl_net_fingerprint(net, hex, err);
    bl_watch_end(&watch);
    if (status == BL_OK && atomic_compare_exchange_strong(&m->fingerprinted, &unknown, WRITING)) {
        memcpy(m->fingerprint, hex, BL_FINGERPRINT);
        atomic_store(&m->fingerprinted, KNOWN);
    }
    return status;
}

bl_status bl_session_owner(const bl_session *s, const bl_net *net, char hex[BL_FINGERPRINT],
                           bl_memory_owner *owner, bl_error *err)
{
    BL_TRY(fingerprint(s->model, net, hex, err));
    *owner = (bl_memory_owner){hex, *s->model->parent ? s->model->parent : NULL};
    return BL_OK;
}

bl_status bl_model_fingerprint(const bl_model *m, char hex[33], bl_error *err)
{
    bl_call call;
    bl_net view;
    BL_NOT_NULL(err, hex);
    *hex = 0;
    BL_NOT_NULL(err, m);
    bl_call_begin(&call, err);
    bl_status status = bl_executors_view(&m->executors, 0, &view, err);
    if (status == BL_OK) /* const says nothing about what is known of it */
        status = fingerprint((bl_model *)(uintptr_t)m, &view, hex, err);
    if (status != BL_OK)
        *hex = 0;
    bl_dev_close(view.dev);
    return bl_call_end(&call, status, err);
}
