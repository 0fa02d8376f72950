/* The norms with their quantisation, and the gates fused to them: RMSNorm, gate_norm, SwiGLU. */
#include "cpu/cpu_impl.h"

#include <string.h>

/* The arguments of one op, for the threads that share it: rows of `width`, gradients of parameters
 * in `blocks` partial sums. */
typedef struct row_op {
    const bl_cpu *c;
    size_t N, width, blocks;
    const float *x, *z, *w, *b, *sub, *dy, *stats;
    float *y, *dx, *dz, *dw, *db, *dsub, *rstd;
    float eps;
    bl_q8_view q;
} row_op;

/* Where a kernel puts the quantised row n: nowhere when rows are float. */
typedef struct q8_target {
    int8_t *q;
    int32_t *sum;
    float *scale;
} q8_target;

static q8_target q8_target_at(const bl_q8_view *v, size_t n)
{
    return v->q ? (q8_target){v->q + n * v->ld, v->sum + n, v->scale + n} : (q8_target){0};
}

static void rmsnorm_rows(void *user, size_t first, size_t last, size_t member)
{
    const row_op *a = user;
    size_t D = a->width;
    (void)member;
    for (size_t n = first; n < last; n++) {
        float *row = a->y ? a->y + n * D : a->q.rows ? a->q.rows + n * D : NULL;
        q8_target q = q8_target_at(&a->q, n);
        float r = a->c->k.rmsnorm_fwd(row, q.q, q.sum, q.scale, a->x + n * D, a->w, a->eps, D);
        if (a->rstd)
            a->rstd[n] = r;
        if (a->y && a->q.rows)
            memcpy(a->q.rows + n * D, row, D * sizeof *row);
    }
}

void bl_cpu_rmsnorm_fwd(bl_dev *d, bl_act *y, bl_q8 *yq, bl_real *rstd, const bl_act *x,
                        const bl_param *w, float eps, size_t N, size_t D)
{
    row_op a = {.c = bl_cpu_of(d),
                .width = D,
                .x = (const float *)x,
                .w = (const float *)w,
                .y = (float *)y,
                .rstd = (float *)rstd,
                .eps = eps};
    if (yq)
        a.q = bl_q8_open(a.c, yq, N, D);
    bl_cpu_run(a.c, 4 * N * D, N, rmsnorm_rows, &a);
}

static void rmsnorm_bwd_blocks(void *user, size_t first, size_t last, size_t member)
{
    const row_op *a = user;
    size_t D = a->width;
    (void)member;
    for (size_t k = first; k < last; k++) {
        float *dw = bl_cpu_part(a->dw, k, D);
        for (size_t n = k * ROW_BLOCK; n < bl_least(a->N, (k + 1) * ROW_BLOCK); n++)
            a->c->k.rmsnorm_bwd(a->dx + n * D, dw, a->dy + n * D, a->x + n * D, a->w, a->stats[n],
                                D);
    }
}

void bl_cpu_rmsnorm_bwd(bl_dev *d, bl_act *dx, bl_param *dw, const bl_act *dy, const bl_act *x,
                        const bl_real *rstd, const bl_param *w, size_t N, size_t D)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    row_op a = {.c = c,
                .N = N,
                .width = D,
                .x = (const float *)x,
                .w = (const float *)w,
                .dy = (const float *)dy,
                .stats = (const float *)rstd,
                .dx = (float *)dx,
                .dw = c->partial};
    bl_cpu_run(c, 4 * N * D, blocks, rmsnorm_bwd_blocks, &a);
    bl_cpu_reduce(c, (float *)dw, a.dw, blocks, D);
}

static void gate_norm_rows(void *user, size_t first, size_t last, size_t member)
{
    const row_op *a = user;
    size_t D = a->width;
    for (size_t n = first; n < last; n++) {
        float own[3];
        float *y = a->q.rows ? a->q.rows + n * D : bl_cpu_local(a->c, member);
        q8_target q = q8_target_at(&a->q, n);
        a->c->k.gate_norm_fwd(y, q.q, q.sum, q.scale, a->rstd ? a->rstd + 3 * n : own, a->x + n * D,
                              a->z ? a->z + n * D : NULL, a->w, a->b, a->sub, a->eps, D);
    }
}

void bl_cpu_gate_norm_fwd(bl_dev *d, bl_q8 *yq, bl_real *stats, const bl_act *o, const bl_act *z,
                          const bl_param *w, const bl_param *b, const bl_param *sub, float eps,
                          size_t N, size_t D)
{
    const bl_cpu *c = bl_cpu_of(d);
    row_op a = {.c = c,
                .width = D,
                .x = (const float *)o,
                .z = (const float *)z,
                .w = (const float *)w,
                .b = (const float *)b,
                .sub = (const float *)sub,
                .rstd = (float *)stats,
                .eps = eps,
                .q = bl_q8_open(c, yq, N, D)};
    bl_cpu_run(c, 16 * N * D, N, gate_norm_rows, &a);
}

static void gate_norm_bwd_blocks(void *user, size_t first, size_t last, size_t member)
{
    const row_op *a = user;
    size_t D = a->width;
    for (size_t k = first; k < last; k++) {
        float *dw = bl_cpu_part(a->dw, k, D), *db = bl_cpu_part(a->db, k, D);
        float *dsub = bl_cpu_part(a->dsub, k, D);
        for (size_t n = k * ROW_BLOCK; n < bl_least(a->N, (k + 1) * ROW_BLOCK); n++)
            a->c->k.gate_norm_bwd(a->dx + n * D, a->z ? a->dz + n * D : NULL, dw, db, dsub,
                                  bl_cpu_local(a->c, member), a->dy + n * D, a->x + n * D,
                                  a->z ? a->z + n * D : NULL, a->w, a->b, a->sub, a->stats + 3 * n,
                                  D);
    }
}

void bl_cpu_gate_norm_bwd(bl_dev *d, bl_act *dout, bl_act *dz, bl_param *dw, bl_param *db,
                          bl_param *dsub, const bl_act *dy, const bl_act *o, const bl_act *z,
                          const bl_param *w, const bl_param *b, const bl_param *sub,
                          const bl_real *stats, size_t N, size_t D)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    row_op a = {.c = c,
                .N = N,
                .width = D,
                .x = (const float *)o,
                .z = (const float *)z,
                .w = (const float *)w,
                .b = (const float *)b,
                .sub = (const float *)sub,
                .dy = (const float *)dy,
                .stats = (const float *)stats,
                .dx = (float *)dout,
                .dz = (float *)dz,
                .dw = c->partial,
                .db = c->partial + blocks * D,
                .dsub = c->partial + 2 * blocks * D};
    bl_cpu_run(c, 16 * N * D, blocks, gate_norm_bwd_blocks, &a);
    bl_cpu_reduce(c, (float *)dw, a.dw, blocks, D);
    bl_cpu_reduce(c, (float *)db, a.db, blocks, D);
    bl_cpu_reduce(c, (float *)dsub, a.dsub, blocks, D);
}

/* x is the gate, z what it opens: up. */
static void swiglu_norm_rows(void *user, size_t first, size_t last, size_t member)
{
    const row_op *a = user;
    size_t I = a->width;
    for (size_t n = first; n < last; n++) {
        float *y = a->q.rows ? a->q.rows + n * I : bl_cpu_local(a->c, member);
        q8_target q = q8_target_at(&a->q, n);
        float r = a->c->k.swiglu_norm_fwd(y, q.q, q.sum, q.scale, a->x + n * I, a->z + n * I, a->w,
                                          a->eps, I);
        if (a->rstd)
            a->rstd[n] = r;
    }
}

void bl_cpu_swiglu_norm_fwd(bl_dev *d, bl_q8 *hq, bl_real *rstd, const bl_act *gate,
                            const bl_act *up, const bl_param *w, float eps, size_t N, size_t I)
{
    const bl_cpu *c = bl_cpu_of(d);
    row_op a = {.c = c,
                .width = I,
                .x = (const float *)gate,
                .z = (const float *)up,
                .w = (const float *)w,
                .rstd = (float *)rstd,
                .eps = eps,
                .q = bl_q8_open(c, hq, N, I)};
    bl_cpu_run(c, 16 * N * I, N, swiglu_norm_rows, &a);
}

static void swiglu_norm_bwd_blocks(void *user, size_t first, size_t last, size_t member)
{
    const row_op *a = user;
    size_t I = a->width;
    for (size_t k = first; k < last; k++) {
        float *dw = bl_cpu_part(a->dw, k, I);
        for (size_t n = k * ROW_BLOCK; n < bl_least(a->N, (k + 1) * ROW_BLOCK); n++)
            a->c->k.swiglu_norm_bwd(a->dx + n * I, a->dz + n * I, dw, bl_cpu_local(a->c, member),
                                    a->dy + n * I, a->x + n * I, a->z + n * I, a->w, a->stats[n],
                                    I);
    }
}

void bl_cpu_swiglu_norm_bwd(bl_dev *d, bl_act *dgate, bl_act *dup, bl_param *dw, const bl_act *dh,
                            const bl_act *gate, const bl_act *up, const bl_param *w,
                            const bl_real *rstd, size_t N, size_t I)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    row_op a = {.c = c,
                .N = N,
                .width = I,
                .x = (const float *)gate,
                .z = (const float *)up,
                .w = (const float *)w,
                .dy = (const float *)dh,
                .stats = (const float *)rstd,
                .dx = (float *)dgate,
                .dz = (float *)dup,
                .dw = c->partial};
    bl_cpu_run(c, 16 * N * I, blocks, swiglu_norm_bwd_blocks, &a);
    bl_cpu_reduce(c, (float *)dw, a.dw, blocks, I);
}
