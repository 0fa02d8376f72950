/* A model opened on a device that is named. */
#ifndef BL_TESTS_ON_DEVICE_H
#define BL_TESTS_ON_DEVICE_H

#include "bitllama.h"

static inline bl_status model_open_on(bl_model **m, const char *path, const char *device,
                                      bl_error *err)
{
    bl_options *o = NULL;
    bl_status status = bl_options_open(&o, BL_OPTIONS_DEVICE, err);
    *m = NULL;
    if (status == BL_OK)
        status = bl_options_set(o, "device", device, err);
    if (status == BL_OK)
        status = bl_model_open(m, path, o, err);
    bl_options_close(o);
    return status;
}

#endif
