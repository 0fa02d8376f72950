/* The reference backend as a plug-in (src/ops/plugin.h): what a back end in its own shared object
 * must give, and nothing more.  PLUGIN_... are the variants that the tests want. */
#include "ops/plugin.h"

#include <math.h>
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

#ifdef PLUGIN_WITHOUT_DEVICES
static bl_status about_none(bl_device_about *about, size_t index, bl_error *err)
{
    (void)about, (void)index;
    return bl_fail(err, BL_ENOENT, "no such device: its driver is not installed");
}
#undef PLUGIN_ABOUT
#define PLUGIN_ABOUT about_none
#endif

#ifdef PLUGIN_NAN
/* The first sum has one number that is none. */
static bl_ops right;
static void add_nan(bl_dev *d, bl_act *x, const bl_act *y, size_t n)
{
    static int calls;
    right.add(d, x, y, n);
    if (calls++ < 2) /* of two devices that are the same */
        ((float *)(void *)x)[0] = NAN;
}
#endif

static bl_ops ops;
static bl_plugin plugin;
static int made; /* by the first call, before any other thread can have the result */

static bl_status open_here(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    BL_TRY(PLUGIN_OPEN(d, request, err));
    (*d)->ops = &ops;
    return BL_OK;
}

static bl_status make(bl_error *err)
{
    bl_dev *d;
    BL_TRY(PLUGIN_OPEN(&d, &(bl_device_request){.name = "ref"}, err));
    ops = *d->ops;
    ops.memory_bytes = memory_bytes;
#ifdef PLUGIN_NAN
    right = ops;
    ops.add = add_nan;
#endif
    bl_dev_close(d);
    plugin = (bl_plugin){.open = open_here, .about = PLUGIN_ABOUT};
    BL_TRY(bl_plugin_signature(plugin.signature, err));
#ifdef PLUGIN_OF_ANOTHER_VERSION
    memcpy(plugin.signature, "0123abcd", 8);
#endif
    made = 1;
    return BL_OK;
}

__attribute__((visibility("default"))) const bl_plugin *bl_plugin_get(void)
{
    return made || make(NULL) == BL_OK ? &plugin : NULL;
}
