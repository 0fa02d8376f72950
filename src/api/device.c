/* Devices by name. */
#include "api/device.h"
#include "cpu/cpu_dev.h"

#include <string.h>

bl_status bl_device_open(bl_dev **d, const char *name, int ternary, size_t threads, bl_error *err)
{
    *d = NULL;
    if (strcmp(name, "cpu") == 0)
        return bl_cpu_open(d, ternary, threads, err);
    if (strcmp(name, "ref") == 0)
        return bl_ref32_open(d, ternary, err);
    if (strcmp(name, "ref64") == 0)
        return bl_ref64_open(d, ternary, err);
    return bl_fail(err, BL_EINVAL, "device %s: this build has cpu, ref and ref64", name);
}
