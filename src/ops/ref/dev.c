/* The reference device: host memory, the size of its scratch and the op table. */
#include "ops/ref/ref.h"
#include "ops/ref/ttt.h"
#include "core/alloc.h"
#include "core/machine.h"

#include <stdio.h>
#include <string.h>

static ref_device *impl(bl_dev *d)
{
    return d->impl;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The largest plans of any op: a row op holds at most 8 rows, head_loss three, the TTT layer a
 * chunk and its gradients.  Their sum is a little more than any one of them needs. */
static void plan_scratch(bl_arena *a, const bl_limits *m)
{
    size_t width = larger(m->D, m->I), N = m->B * m->T;
    ttt_mlp_chunk c;
    for (int row = 0; row < 8; row++)
        REF(doubles)(a, width);
    REF(doubles)(a, larger(m->V, 1));
    REF(doubles)(a, larger(N, 1));
    REF(mlp_chunk_push)(&c, a, m->C, m->F);
    REF(mlp_grads_measure)(a, m->C, m->F);
    for (int row = 0; row < 10 + 4 * 4; row++) /* of ttt_mlp_step */
        REF(doubles)(a, m->F);
}

size_t REF(scratch_bytes)(bl_dev *d, const bl_limits *most)
{
    (void)d;
    bl_arena plan;
    bl_arena_measure(&plan);
    plan_scratch(&plan, most);
    return plan.failed ? SIZE_MAX : bl_arena_bytes(&plan);
}

bl_status REF(reserve)(bl_dev *d, const bl_limits *most, bl_error *err)
{
    ref_device *r = impl(d);
    bl_limits_grow(&r->most, most);
    size_t bytes = REF(scratch_bytes)(d, &r->most);
    if (bytes == SIZE_MAX)
        return bl_fail(err, BL_ENOMEM, "scratch of the reference backend fits in no memory");
    if (bytes <= r->scratch.size)
        return BL_OK;
    void *block = bl_alloc_aligned(bytes, 1);
    if (!block)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes of scratch", bytes);
    bl_free(r->scratch_block);
    r->scratch_block = block;
    bl_arena_bind(&r->scratch, block, bytes);
    return BL_OK;
}

/* ---- memory and order: the device's memory is the host's, and every op is done at once ---- */

bl_status REF(alloc)(bl_dev *d, void **p, size_t bytes, bl_error *err)
{
    (void)d;
    *p = bl_alloc_aligned(bytes ? bytes : 1, 1);
    return *p ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes", bytes);
}

bl_status REF(put)(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    (void)d, (void)err;
    memcpy(to, from, bytes);
    return BL_OK;
}

bl_status REF(get)(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    (void)d, (void)err;
    memcpy(to, from, bytes);
    return BL_OK;
}

bl_status REF(get_begin)(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    return REF(get)(d, to, from, bytes, err);
}

bl_status REF(get_end)(bl_dev *d, void *to, bl_error *err)
{
    (void)d, (void)to, (void)err;
    return BL_OK;
}

size_t REF(memory_bytes)(bl_dev *d)
{
    (void)d;
    return bl_host_memory_bytes();
}

bl_status REF(sync)(bl_dev *d, bl_error *err)
{
    (void)d, (void)err;
    return BL_OK;
}

void REF(free)(bl_dev *d, void *p)
{
    (void)d;
    bl_free(p);
}

void REF(zero)(bl_dev *d, void *p, size_t bytes)
{
    (void)d;
    memset(p, 0, bytes);
}

void REF(copy)(bl_dev *d, void *to, const void *from, size_t bytes)
{
    (void)d;
    memcpy(to, from, bytes);
}

void REF(close)(bl_dev *d)
{
    if (!d)
        return;
    ref_device *r = impl(d);
    bl_free(r->scratch_block);
    bl_free(r);
}

bl_status REF(about)(bl_device_about *about, size_t index, bl_error *err)
{
    if (index)
        return bl_fail(err, BL_ENOENT, "there is one ref device");
    (void)snprintf(about->text, sizeof about->text, "the definition, in float%d, slow",
                   BL_REF_BITS);
    about->memory_bytes = bl_os_memory();
    return BL_OK;
}

bl_status REF(open)(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    *d = NULL;
    BL_TRY(bl_request_is_f32(request, err));
    ref_device *r = bl_calloc(1, sizeof *r);
    if (!r)
        return bl_fail(err, BL_ENOMEM, "out of memory for the reference backend");
#define X(op, params, args) r->ops.op = REF(op);
    BL_OPS_SIZE_LIST(X)
    BL_OPS_STATUS_LIST(X)
    BL_OPS_VOID_LIST(X)
#undef X
    bl_ops_complete(&r->ops);
    r->dev = (bl_dev){.ops = &r->ops,
                      .name = BL_REF_BITS == 32 ? "ref32" : "ref64",
                      .impl = r,
                      .act_bytes = sizeof(BL_REAL),
                      .param_bytes = sizeof(BL_REAL),
                      .real_bytes = sizeof(BL_REAL),
                      .ternary = request->ternary};
    *d = &r->dev;
    return BL_OK;
}
