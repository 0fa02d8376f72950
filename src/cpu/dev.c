/* The CPU device: opening, memory, scratch and the op table. */
#include "cpu/cpu_dev.h"
#include "cpu/bf16.h"
#include "cpu/ttt.h"
#include "core/alloc.h"
#include "core/arena.h"
#include "core/machine.h"
#include "format/options.h"

#include <stdio.h>
#include <string.h>

bl_status bl_cpu_alloc(bl_dev *d, void **p, size_t bytes, bl_error *err)
{
    (void)d;
    *p = bl_alloc_aligned(bytes, 1);
    if (*p)
        bl_os_large_pages(*p, bytes);
    return *p ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes", bytes);
}

bl_status bl_cpu_get(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    return bl_cpu_put(d, to, from, bytes, err);
}

bl_status bl_cpu_get_begin(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    return bl_cpu_put(d, to, from, bytes, err);
}

bl_status bl_cpu_get_end(bl_dev *d, void *to, bl_error *err)
{
    (void)d, (void)to, (void)err;
    return BL_OK;
}

void bl_cpu_free(bl_dev *d, void *p)
{
    (void)d;
    bl_free(p);
}

bl_status bl_cpu_put(bl_dev *d, void *to, const void *from, size_t bytes, bl_error *err)
{
    (void)d;
    (void)err;
    if (bytes)
        memcpy(to, from, bytes);
    return BL_OK;
}

bl_status bl_cpu_sync(bl_dev *d, bl_error *err)
{
    (void)d;
    (void)err;
    return BL_OK;
}

void bl_cpu_zero(bl_dev *d, void *p, size_t bytes)
{
    (void)d;
    if (bytes)
        memset(p, 0, bytes);
}

void bl_cpu_copy(bl_dev *d, void *to, const void *from, size_t bytes)
{
    (void)d;
    if (bytes)
        memcpy(to, from, bytes);
}

/* The plan of all scratch; run once to measure and once to bind. */
static void plan(bl_dev *d, bl_cpu *c, bl_arena *a, const bl_limits *m)
{
    size_t N = m->B * m->T, wide = bl_most(m->D, m->I), F = sizeof(float);
    size_t rows = bl_least(N, bl_logit_rows(m)), best = bl_least(N, HEAD_ROWS);
    rows = c->bf16 ? bl_blocks(rows, BL_BF16_DEEP) * BL_BF16_DEEP : rows;
    size_t grads = bl_most(bl_most(3 * m->D, m->I), bl_most(m->D * (m->K + 1), m->H * (m->D + 1)));
    size_t ttt = m->M > m->F ? bl_ttt_mlp_local_floats(m) : bl_ttt_linear_local_floats(m);
    c->partial_floats = bl_blocks(N, ROW_BLOCK) * grads;
    c->local_floats = bl_most(bl_most(bl_matmul_local_floats(), ttt), BL_TERN_ROWS * wide);
    if (c->bf16)
        c->local_floats = bl_most(c->local_floats, bl_bf16_local_floats(m));
    c->local_floats = bl_blocks(c->local_floats, 16) * 16;
    size_t tiles = bl_blocks(m->V, HEAD_COLS);
    c->logits = bl_arena_push(a, tiles * rows * HEAD_COLS, F);
    c->head_most = bl_arena_push(a, tiles * rows, F);
    c->head_sum = bl_arena_push(a, tiles * rows, F);
    c->head_target = bl_arena_push(a, rows, F);
    c->head_dx = bl_arena_push(a, HEAD_CHUNKS * rows * m->D, F);
    c->coarse_bytes = bl_arena_push(a, best, 2 * bl_coarse_ins(m->D));
    c->coarse_x = bl_arena_push(a, best, sizeof *c->coarse_x);
    c->coarse_lower = bl_arena_push(a, best * bl_blocks(m->V, COARSE_TASK) * BL_COARSE_ROWS, F);
    c->coarse_found = bl_arena_push(a, c->threads * (m->V / COARSE_SHARE), sizeof(bl_candidate));
    size_t deep = bl_least(N, DEQUANT_ROWS);
    if (c->bf16) {
        c->dense_x = bl_arena_push(a, bl_bf16_numbers(deep, wide) / 2, F);
        c->dense_w = bl_arena_push(
            a, bl_most(bl_bf16_numbers(m->D, wide), bl_bf16_numbers(wide, m->D)) / 2, F);
        bl_bf16_head_plan(c, a, m);
    } else {
        c->dense_x = bl_arena_push(a, bl_matmul_packed_floats(deep, wide), F);
        c->dense_w = bl_arena_push(
            a, bl_most(bl_matmul_packed_floats(m->D, wide), bl_matmul_packed_floats(wide, m->D)),
            F);
    }
    c->partial = bl_arena_push(a, c->partial_floats, F);
    c->ttt_grads =
        bl_arena_push(a, m->B * m->H * bl_ttt_grad_floats(m->F, m->C, bl_most(m->F, m->M)), F);
    c->rope = bl_arena_push(a, 2 * m->C * m->F, F);
    c->wide_rows = bl_arena_push(a, c->threads * HEAD_COLS * m->D, F);
    c->conv_w = bl_arena_push(a, 2 * (m->K + 1) * m->D, F);
    c->norms = bl_arena_push(a, NORM_BLOCKS, sizeof(double));
    bl_cpu_decode_plan(&c->decode, a, m, d);
    c->local = bl_arena_push(a, c->threads * c->local_floats, F);
}

size_t bl_cpu_scratch_bytes(bl_dev *d, const bl_limits *most)
{
    bl_cpu copy = *bl_cpu_of(d); /* its pointers stay */
    bl_arena a;
    bl_arena_measure(&a);
    plan(d, &copy, &a, most);
    return a.failed ? SIZE_MAX : bl_arena_bytes(&a);
}

size_t bl_cpu_memory_bytes(bl_dev *d)
{
    (void)d;
    return bl_host_memory_bytes();
}

bl_status bl_cpu_reserve(bl_dev *d, const bl_limits *most, bl_error *err)
{
    bl_cpu *c = bl_cpu_of(d);
    bl_limits m = c->most;
    bl_limits_grow(&m, most);
    size_t bytes = bl_cpu_scratch_bytes(d, &m);
    if (bytes == SIZE_MAX)
        return bl_fail(err, BL_ENOMEM, "the CPU scratch fits in no memory");
    bl_free(c->block);
    c->block = bl_alloc_aligned(bytes, 1);
    if (!c->block)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes of CPU scratch", bytes);
    bl_arena a;
    bl_arena_bind(&a, c->block, bytes);
    plan(d, c, &a, &m);
    c->most = m;
    c->rope_F = 0;
    return bl_arena_status(&a, "CPU scratch", err);
}

void bl_cpu_close(bl_dev *d)
{
    if (!d)
        return;
    bl_cpu *c = bl_cpu_of(d);
    bl_free(c->block);
    bl_free(c);
    bl_free(d);
}

static const bl_ops cpu_ops = {
#define X(op, params, args) .op = bl_cpu_##op,
    BL_OPS_LIST(X)
#undef X
};

bl_status bl_cpu_open(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    bl_cpu_level level;
    *d = NULL;
    BL_TRY(bl_cpu_choose(&level, err));
    bl_dev *dev = bl_calloc(1, sizeof *dev);
    bl_cpu *c = bl_calloc(1, sizeof *c);
    if (!dev || !c) {
        bl_free(dev);
        bl_free(c);
        return bl_fail(err, BL_ENOMEM, "out of memory: the CPU device");
    }
    bl_kern_init(&c->k, level);
    c->threads = bl_threads(request->threads);
    c->ternary = request->ternary;
    c->bf16 = request->precision == BL_PRECISION_BF16;
    if (c->bf16)
        bl_kern_bf16(&c->k, bl_bf16_best(level));
    *dev = (bl_dev){.ops = &cpu_ops,
                    .name = "cpu",
                    .impl = c,
                    .act_bytes = sizeof(float),
                    .param_bytes = sizeof(float),
                    .real_bytes = sizeof(float),
                    .ternary = request->ternary,
                    .bf16 = c->bf16};
    *d = dev;
    return BL_OK;
}

bl_status bl_cpu_about(bl_device_about *about, size_t index, bl_error *err)
{
    bl_cpu_level level;
    if (index)
        return bl_fail(err, BL_ENOENT, "there is one cpu device");
    BL_TRY(bl_cpu_choose(&level, err));
    char name[100];
    size_t threads = bl_threads(0);
    bl_os_processor_name(name, sizeof name);
    (void)snprintf(about->text, sizeof about->text, "%s, %s, %zu %s",
                   *name ? name : "this processor", bl_cpu_level_name(level), threads,
                   threads == 1 ? "thread" : "threads");
    about->memory_bytes = bl_os_memory();
    return BL_OK;
}
