/* Back ends by name. */
#include "api/backends.h"
#include "core/buf.h"
#include "cpu/cpu_dev.h"

#include <string.h>

static const bl_backend built_in[] = {
    {"cpu", bl_cpu_open, bl_cpu_about},
    {"ref", bl_ref32_open, bl_ref32_about},
    {"ref64", bl_ref64_open, bl_ref64_about},
};
enum { BUILT_IN = sizeof built_in / sizeof *built_in };

static bl_status unknown(const char *name, bl_error *err)
{
    bl_buf names;
    bl_buf_init(&names);
    for (size_t i = 0; i < BUILT_IN; i++)
        bl_buf_printf(&names, "%s%s", i ? ", " : "", built_in[i].name);
    bl_status status = bl_buf_status(&names, err);
    if (status == BL_OK)
        status = bl_fail(err, BL_EINVAL,
                         "device %.60s: built in are %s, each also with trace: or fault: before it",
                         name, names.data);
    bl_buf_release(&names);
    return status;
}

bl_status bl_backend_find(bl_backend *found, const char *name, bl_error *err)
{
    for (size_t i = 0; i < BUILT_IN; i++)
        if (strcmp(name, built_in[i].name) == 0) {
            *found = built_in[i];
            return BL_OK;
        }
    return unknown(name, err);
}

bl_status bl_backends_each(bl_backend_fn *fn, void *user, bl_error *err)
{
    (void)err;
    for (size_t i = 0; i < BUILT_IN; i++)
        fn(user, &built_in[i], NULL);
    return BL_OK;
}
