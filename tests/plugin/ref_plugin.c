/* The reference backend as a plug-in (src/ops/plugin.h): what a back end in its own shared object
 * must give, and nothing more.  PLUGIN_... are the variants that the tests want. */
#include "ops/plugin.h"

#include <string.h>

#ifndef PLUGIN_OPEN
#define PLUGIN_OPEN  bl_ref32_open
#define PLUGIN_ABOUT bl_ref32_about
#endif
#ifndef PLUGIN_MEMORY
#define PLUGIN_MEMORY SIZE_MAX
#endif

const bl_plugin *bl_plugin_get(void);

static size_t memory_bytes(bl_dev *d)
{
    (void)d;
    return PLUGIN_MEMORY;
}

static bl_status open_here(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    static bl_ops ops;
    BL_TRY(PLUGIN_OPEN(d, request, err));
    ops = *(*d)->ops;
    ops.memory_bytes = memory_bytes;
    (*d)->ops = &ops;
    return BL_OK;
}

__attribute__((visibility("default"))) const bl_plugin *bl_plugin_get(void)
{
    static bl_plugin plugin = {.open = open_here, .about = PLUGIN_ABOUT};
    if (bl_plugin_signature(plugin.signature, NULL) != BL_OK)
        return NULL;
#ifdef PLUGIN_OF_ANOTHER_VERSION
    memcpy(plugin.signature, "0123abcd", 8);
#endif
    return &plugin;
}
