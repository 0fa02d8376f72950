/* The step size of the inner model, token by token (MODEL 3.1). */
#include "cpu/cpu_impl.h"

/* The arguments of one op: one rate a head. */
typedef struct rate_op {
    const bl_cpu *c;
    size_t N, D, H;
    const float *x, *w, *b, *lambda, *dlambda;
    float *out, *dx, *dw, *db;
    float scale;
} rate_op;

static void rate_blocks(void *user, size_t first, size_t last, size_t member)
{
    const rate_op *a = user;
    size_t D = a->D, H = a->H;
    (void)member;
    for (size_t k = first; k < last; k++) {
        size_t n0 = k * ROW_BLOCK, rows = bl_least(a->N - n0, ROW_BLOCK);
        float *out = a->out + n0 * H;
        a->c->k.dots(out, H, a->x + n0 * D, D, a->w, D, rows, H, D);
        for (size_t n = 0; n < rows; n++)
            a->c->k.add(out + n * H, a->b, H);
        a->c->k.sigmoid(out, out, a->scale, rows * H);
    }
}

void bl_cpu_lr_gate_fwd(bl_dev *d, bl_real *lambda, const bl_act *x, const bl_param *w,
                        const bl_param *b, float scale, size_t N, size_t D, size_t H)
{
    rate_op a = {.c = bl_cpu_of(d),
                 .N = N,
                 .D = D,
                 .H = H,
                 .x = (const float *)x,
                 .w = (const float *)w,
                 .b = (const float *)b,
                 .out = (float *)lambda,
                 .scale = scale};
    bl_cpu_run(a.c, 2 * N * D * H, bl_blocks(N, ROW_BLOCK), rate_blocks, &a);
}

/* dlogit = dlambda lambda (1 - sigmoid);  dw += dlogit X;  db += dlogit;  dX += dlogit w */
static void rate_bwd_blocks(void *user, size_t first, size_t last, size_t member)
{
    const rate_op *a = user;
    const bl_kern *kern = &a->c->k;
    size_t D = a->D, H = a->H;
    (void)member;
    for (size_t k = first; k < last; k++) {
        float *dw = bl_cpu_part(a->dw, k, H * D), *db = bl_cpu_part(a->db, k, H);
        for (size_t n = k * ROW_BLOCK; n < bl_least(a->N, (k + 1) * ROW_BLOCK); n++)
            for (size_t h = 0; h < H; h++) {
                float at = a->lambda[n * H + h];
                float dlogit = a->dlambda[n * H + h] * at * (1.0f - at / a->scale);
                kern->axpy(dw + h * D, dlogit, a->x + n * D, D);
                kern->axpy(a->dx + n * D, dlogit, a->w + h * D, D);
                db[h] += dlogit;
            }
    }
}

void bl_cpu_lr_gate_bwd(bl_dev *d, bl_act *dx, bl_param *dw, bl_param *db, const bl_real *dlambda,
                        const bl_real *lambda, const bl_act *x, const bl_param *w, float scale,
                        size_t N, size_t D, size_t H)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    rate_op a = {.c = c,
                 .N = N,
                 .D = D,
                 .H = H,
                 .x = (const float *)x,
                 .w = (const float *)w,
                 .lambda = (const float *)lambda,
                 .dlambda = (const float *)dlambda,
                 .dx = (float *)dx,
                 .dw = c->partial,
                 .db = c->partial + blocks * H * D,
                 .scale = scale};
    bl_cpu_run(c, 4 * N * D * H, blocks, rate_bwd_blocks, &a);
    bl_cpu_reduce(c, (float *)dw, a.dw, blocks, H * D);
    bl_cpu_reduce(c, (float *)db, a.db, blocks, H);
}
