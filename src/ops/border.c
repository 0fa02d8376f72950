/* What crosses the border between host and device, by its kind: the one place that knows widths. */
#include "core/alloc.h"
#include "ops/ops.h"

#include <assert.h>
#include <string.h>

size_t bl_kind_bytes(const bl_dev *d, bl_kind kind)
{
    switch (kind) {
    case BL_KIND_act:
        return d->act_bytes;
    case BL_KIND_param:
        return d->param_bytes;
    case BL_KIND_real:
        return d->real_bytes;
    case BL_KIND_step:
        return sizeof(bl_step);
    case BL_KIND_candidate:
        return sizeof(bl_candidate);
    case BL_KIND_byte:
        return 1;
    case BL_KIND_id:
    case BL_KIND_flag:
        break;
    }
    return sizeof(int32_t);
}

/* Whether host and device hold it in the same bytes. */
static int is_alike(const bl_dev *d, bl_kind kind)
{
    return kind > BL_KIND_real || bl_kind_bytes(d, kind) == sizeof(float);
}

/* bfloat16 is the upper half of a float32, rounded to nearest even; a NaN stays one. */
static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static float from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void narrow_or_widen(void *to, const float *from, size_t n, size_t bytes)
{
    uint16_t *half = to;
    double *wide = to;
    assert(bytes == sizeof *half || bytes == sizeof *wide);
    for (size_t i = 0; i < n; i++) {
        if (bytes == sizeof *half)
            half[i] = to_bf16(from[i]);
        else
            wide[i] = (double)from[i];
    }
}

static void to_floats(float *to, const void *from, size_t n, size_t bytes)
{
    const uint16_t *half = from;
    const double *wide = from;
    assert(bytes == sizeof *half || bytes == sizeof *wide);
    for (size_t i = 0; i < n; i++)
        to[i] = bytes == sizeof *half ? from_bf16(half[i]) : (float)wide[i];
}

static bl_status between(void **p, size_t n, size_t bytes, bl_error *err)
{
    *p = bl_calloc(n, bytes);
    return *p ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory: %zu numbers for the device", n);
}

bl_status bl_dev_put(bl_dev *d, bl_kind kind, void *to, const void *from, size_t n, bl_error *err)
{
    size_t bytes = bl_kind_bytes(d, kind);
    void *there;
    if (is_alike(d, kind))
        return BL_OP(d, put, to, from, n * bytes, err);
    BL_TRY(between(&there, n, bytes, err));
    narrow_or_widen(there, from, n, bytes);
    bl_status status = BL_OP(d, put, to, there, n * bytes, err);
    bl_free(there);
    return status;
}

bl_status bl_dev_get(bl_dev *d, bl_kind kind, void *to, const void *from, size_t n, bl_error *err)
{
    size_t bytes = bl_kind_bytes(d, kind);
    void *there;
    if (is_alike(d, kind))
        return BL_OP(d, get, to, from, n * bytes, err);
    BL_TRY(between(&there, n, bytes, err));
    bl_status status = BL_OP(d, get, there, from, n * bytes, err);
    if (status == BL_OK)
        to_floats(to, there, n, bytes);
    bl_free(there);
    return status;
}

bl_status bl_dev_put_block(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    return BL_OP(d, put, to, from, bytes, err);
}

bl_status bl_get_step_begin(bl_dev *d, bl_step *to, const bl_dev_step *from, bl_error *err)
{
    return BL_OP(d, get_begin, to, from, sizeof *to, err);
}

bl_status bl_get_step_end(bl_dev *d, bl_step *to, bl_error *err)
{
    return BL_OP(d, get_end, to, err);
}
