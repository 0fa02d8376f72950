/* Memories in the caller's own memory: the bytes of a memory file. */
#include "api/model_open.h"
#include "core/call.h"

#include <stdio.h>

static bl_status save(const bl_session *s, void *buffer, size_t cap, size_t *bytes, bl_error *err)
{
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    bl_executor *e;
    BL_TRY(bl_executor_take(&e, &s->model->executors, s->threads, 0, err));
    bl_status status = bl_session_owner(s, &e->net, hex, &owner, err);
    if (status == BL_OK)
        status = bl_memory_give(&s->text, &e->net, &owner, buffer, cap, bytes, err);
    bl_executor_give(e, &s->model->executors);
    return status;
}

bl_status bl_session_save_buffer(const bl_session *s, void *buffer, size_t cap, size_t *bytes,
                                 bl_error *err)
{
    bl_call call;
    if (bytes)
        *bytes = 0;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, cap, buffer);
    bl_session *own = (bl_session *)(uintptr_t)s; /* const says nothing about being at work */
    BL_TRY(bl_session_enter(own, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = save(s, buffer, cap, bytes, err);
    bl_session_leave(own);
    return bl_call_end(&call, status, err);
}

/* As a file of a folder in memory, so that nothing is read but by the code that reads files. */
bl_status bl_session_load_buffer(bl_session *s, const void *buffer, size_t bytes, bl_error *err)
{
    char path[64];
    bl_files *files;
    const bl_buffer one = {"memory", buffer, bytes};
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, bytes, buffer);
    BL_TRY(bl_files_open(&files, &one, 1, err));
    (void)snprintf(path, sizeof path, "%s/%s", bl_files_path(files), one.name);
    bl_status status = bl_session_load(s, path, err);
    bl_files_close(files);
    return status;
}
