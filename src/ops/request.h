/* What is asked of a device when it is opened, and what it says about itself. */
#ifndef BL_OPS_REQUEST_H
#define BL_OPS_REQUEST_H

#include "core/status.h"

typedef struct bl_device_request {
    const char *name; /* "cpu", "trace:cuda:1"; a back end gets its own, valid during the call */
    size_t index;     /* which of the back end's devices, from 0 */
    int precision;    /* BL_PRECISION_AUTO, _F32 or _BF16 (format/options.h) */
    int ternary;      /* 0: quantization none, W and x enter BitLinear unrounded */
    size_t threads;   /* of the host; 0: bl_threads() */
} bl_device_request;

typedef struct bl_device_about {
    char text[160];        /* "NVIDIA H200, compute capability 9.0" */
    uint64_t memory_bytes; /* of its own, in use or not; UINT64_MAX: not known */
} bl_device_about;

/* The op memory_bytes of back ends whose memory is the host's. */
size_t bl_host_memory_bytes(void);

/* For back ends that compute in float32 only: BL_EUNSUPPORTED when something else is asked for. */
bl_status bl_request_is_f32(const bl_device_request *request, bl_error *err) BL_NODISCARD;

#endif
