/* Devices by name. */
#include "api/device.h"
#include "cpu/cpu_dev.h"
#include "ops/fault.h"
#include "ops/trace.h"

#include <string.h>

/* Devices around another one, by what stands in front of its name. */
static const struct {
    const char *prefix;
    bl_status (*open)(bl_dev **d, bl_dev *inner, bl_error *err);
} wrappers[] = {
    {"trace:", bl_trace_open},
    {"fault:", bl_fault_open},
};

bl_status bl_device_open(bl_dev **d, const char *name, int ternary, size_t threads, bl_error *err)
{
    *d = NULL;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        size_t n = strlen(wrappers[i].prefix);
        bl_dev *inner;
        if (strncmp(name, wrappers[i].prefix, n) != 0)
            continue;
        BL_TRY(bl_device_open(&inner, name + n, ternary, threads, err));
        return wrappers[i].open(d, inner, err);
    }
    if (strcmp(name, "cpu") == 0)
        return bl_cpu_open(d, ternary, threads, err);
    if (strcmp(name, "ref") == 0)
        return bl_ref32_open(d, ternary, err);
    if (strcmp(name, "ref64") == 0)
        return bl_ref64_open(d, ternary, err);
    return bl_fail(
        err, BL_EINVAL,
        "device %s: this build has cpu, ref and ref64, each also behind trace: or fault:", name);
}
