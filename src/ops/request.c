/* What all back ends check in a request. */
#include "ops/request.h"
#include "core/machine.h"
#include "format/options.h"

size_t bl_host_memory_bytes(void)
{
    uint64_t bytes = bl_os_memory();
    return bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}

bl_status bl_request_is_f32(const bl_device_request *request, bl_error *err)
{
    if (request->precision != BL_PRECISION_BF16)
        return BL_OK;
    return bl_fail(err, BL_EUNSUPPORTED, "device %s computes in f32: no `precision` bf16; give f32",
                   request->name);
}
