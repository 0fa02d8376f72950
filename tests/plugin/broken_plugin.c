/* Plug-ins whose driver is broken: asked about its devices it never answers (PLUGIN_HANGS), kills
 * the process (PLUGIN_CRASHES), or ends it as if all were well. */
#define _POSIX_C_SOURCE 200809L

#include "ops/plugin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const bl_plugin *bl_plugin_get(void);

static bl_status about(bl_device_about *about, size_t index, bl_error *err)
{
    (void)about, (void)index;
    (void)puts("a driver that prints");
    (void)fflush(stdout);
#if defined(PLUGIN_HANGS)
    for (;;)
        (void)pause();
#elif defined(PLUGIN_CRASHES)
    (void)raise(SIGKILL);
#else
    exit(0);
#endif
    return bl_fail(err, BL_ENOENT, "still here");
}

static bl_plugin plugin = {.open = bl_ref32_open, .about = about};
static int made; /* by the first call, before any other thread can have the result */

__attribute__((visibility("default"))) const bl_plugin *bl_plugin_get(void)
{
    made = made || bl_plugin_signature(plugin.signature, NULL) == BL_OK;
    return made ? &plugin : NULL;
}
