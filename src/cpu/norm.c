/* Row operations: the norms with their quantisation, the gates, SwiGLU and the inner learning rate.
 */
#include "cpu/cpu_impl.h"

#include <string.h>

void bl_cpu_rmsnorm_fwd(bl_dev *d, bl_act *y, bl_q8 *yq, bl_real *rstd, const bl_act *x,
                        const bl_param *w, float eps, size_t N, size_t D)
{
    const bl_cpu *c = bl_cpu_of(d);
    bl_q8_view v = {0};
    if (yq)
        v = bl_q8_open(c, yq, N, D);
    int team = bl_cpu_team(c, 4 * N * D);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t n = 0; n < N; n++) {
        float *row = y ? (float *)y + n * D : v.rows ? v.rows + n * D : NULL;
        float r = c->k.rmsnorm_fwd(row, v.q ? v.q + n * v.ld : NULL, v.q ? v.sum + n : NULL,
                                   v.q ? v.scale + n : NULL, (const float *)x + n * D,
                                   (const float *)w, eps, D);
        if (rstd)
            ((float *)rstd)[n] = r;
        if (y && v.rows)
            memcpy(v.rows + n * D, row, D * sizeof *row);
    }
}

void bl_cpu_rmsnorm_bwd(bl_dev *d, bl_act *dx, bl_param *dw, const bl_act *dy, const bl_act *x,
                        const bl_real *rstd, const bl_param *w, size_t N, size_t D)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    int team = bl_cpu_team(c, 4 * N * D);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t b = 0; b < blocks; b++) {
        float *part = c->partial + b * D;
        memset(part, 0, D * sizeof *part);
        for (size_t n = b * ROW_BLOCK; n < bl_least(N, (b + 1) * ROW_BLOCK); n++)
            c->k.rmsnorm_bwd((float *)dx + n * D, part, (const float *)dy + n * D,
                             (const float *)x + n * D, (const float *)w, ((const float *)rstd)[n],
                             D);
    }
    bl_cpu_reduce(c, (float *)dw, c->partial, blocks, D);
}

void bl_cpu_gate_norm_fwd(bl_dev *d, bl_q8 *yq, bl_real *stats, const bl_act *o, const bl_act *z,
                          const bl_param *w, const bl_param *b, const bl_param *sub, float eps,
                          size_t N, size_t D)
{
    const bl_cpu *c = bl_cpu_of(d);
    bl_q8_view v = bl_q8_open(c, yq, N, D);
    int team = bl_cpu_team(c, 16 * N * D);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t n = 0; n < N; n++) {
        float own[3];
        float *y = v.rows ? v.rows + n * D : bl_cpu_local(c);
        c->k.gate_norm_fwd(y, v.q ? v.q + n * v.ld : NULL, v.q ? v.sum + n : NULL,
                           v.q ? v.scale + n : NULL, stats ? (float *)stats + 3 * n : own,
                           (const float *)o + n * D, z ? (const float *)z + n * D : NULL,
                           (const float *)w, (const float *)b, (const float *)sub, eps, D);
    }
}

void bl_cpu_gate_norm_bwd(bl_dev *d, bl_act *dout, bl_act *dz, bl_param *dw, bl_param *db,
                          bl_param *dsub, const bl_act *dy, const bl_act *o, const bl_act *z,
                          const bl_param *w, const bl_param *b, const bl_param *sub,
                          const bl_real *stats, size_t N, size_t D)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    float *dws = c->partial, *dbs = dws + blocks * D, *dsubs = dbs + blocks * D;
    int team = bl_cpu_team(c, 16 * N * D);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t k = 0; k < blocks; k++) {
        memset(dws + k * D, 0, D * sizeof *dws);
        memset(dbs + k * D, 0, D * sizeof *dbs);
        memset(dsubs + k * D, 0, D * sizeof *dsubs);
        for (size_t n = k * ROW_BLOCK; n < bl_least(N, (k + 1) * ROW_BLOCK); n++)
            c->k.gate_norm_bwd(
                (float *)dout + n * D, z ? (float *)dz + n * D : NULL, dws + k * D, dbs + k * D,
                dsubs + k * D, bl_cpu_local(c), (const float *)dy + n * D, (const float *)o + n * D,
                z ? (const float *)z + n * D : NULL, (const float *)w, (const float *)b,
                (const float *)sub, (const float *)stats + 3 * n, D);
    }
    bl_cpu_reduce(c, (float *)dw, dws, blocks, D);
    bl_cpu_reduce(c, (float *)db, dbs, blocks, D);
    bl_cpu_reduce(c, (float *)dsub, dsubs, blocks, D);
}

void bl_cpu_swiglu_norm_fwd(bl_dev *d, bl_q8 *hq, bl_real *rstd, const bl_act *gate,
                            const bl_act *up, const bl_param *w, float eps, size_t N, size_t I)
{
    const bl_cpu *c = bl_cpu_of(d);
    bl_q8_view v = bl_q8_open(c, hq, N, I);
    int team = bl_cpu_team(c, 16 * N * I);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t n = 0; n < N; n++) {
        float *y = v.rows ? v.rows + n * I : bl_cpu_local(c);
        float r = c->k.swiglu_norm_fwd(y, v.q ? v.q + n * v.ld : NULL, v.q ? v.sum + n : NULL,
                                       v.q ? v.scale + n : NULL, (const float *)gate + n * I,
                                       (const float *)up + n * I, (const float *)w, eps, I);
        if (rstd)
            ((float *)rstd)[n] = r;
    }
}

void bl_cpu_swiglu_norm_bwd(bl_dev *d, bl_act *dgate, bl_act *dup, bl_param *dw, const bl_act *dh,
                            const bl_act *gate, const bl_act *up, const bl_param *w,
                            const bl_real *rstd, size_t N, size_t I)
{
    const bl_cpu *c = bl_cpu_of(d);
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    int team = bl_cpu_team(c, 16 * N * I);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t b = 0; b < blocks; b++) {
        float *part = c->partial + b * I;
        memset(part, 0, I * sizeof *part);
        for (size_t n = b * ROW_BLOCK; n < bl_least(N, (b + 1) * ROW_BLOCK); n++)
            c->k.swiglu_norm_bwd((float *)dgate + n * I, (float *)dup + n * I, part,
                                 bl_cpu_local(c), (const float *)dh + n * I,
                                 (const float *)gate + n * I, (const float *)up + n * I,
                                 (const float *)w, ((const float *)rstd)[n], I);
    }
    bl_cpu_reduce(c, (float *)dw, c->partial, blocks, I);
}

void bl_cpu_lr_gate_fwd(bl_dev *d, bl_real *lambda, const bl_act *x, const bl_param *w,
                        const bl_param *b, float scale, size_t N, size_t D, size_t H)
{
    const bl_cpu *c = bl_cpu_of(d);
    const float *bias = (const float *)b;
    int team = bl_cpu_team(c, 2 * N * D * H);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t n0 = 0; n0 < N; n0 += ROW_BLOCK) {
        size_t rows = bl_least(N - n0, ROW_BLOCK);
        float *out = (float *)lambda + n0 * H;
        c->k.dots(out, H, (const float *)x + n0 * D, D, (const float *)w, D, rows, H, D);
        for (size_t n = 0; n < rows; n++)
            c->k.add(out + n * H, bias, H);
        c->k.sigmoid(out, out, scale, rows * H);
    }
}

/* dlogit = dlambda lambda (1 - sigmoid);  dw += dlogit X;  db += dlogit;  dX += dlogit w */
void bl_cpu_lr_gate_bwd(bl_dev *d, bl_act *dx, bl_param *dw, bl_param *db, const bl_real *dlambda,
                        const bl_real *lambda, const bl_act *x, const bl_param *w, float scale,
                        size_t N, size_t D, size_t H)
{
    const bl_cpu *c = bl_cpu_of(d);
    const float *dl = (const float *)dlambda, *l = (const float *)lambda, *W = (const float *)w;
    size_t blocks = bl_blocks(N, ROW_BLOCK);
    float *dws = c->partial, *dbs = dws + blocks * H * D;
    int team = bl_cpu_team(c, 4 * N * D * H);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t k = 0; k < blocks; k++) {
        float *pw = dws + k * H * D, *pb = dbs + k * H;
        memset(pw, 0, H * D * sizeof *pw);
        memset(pb, 0, H * sizeof *pb);
        for (size_t n = k * ROW_BLOCK; n < bl_least(N, (k + 1) * ROW_BLOCK); n++)
            for (size_t h = 0; h < H; h++) {
                float at = l[n * H + h], dlogit = dl[n * H + h] * at * (1.0f - at / scale);
                c->k.axpy(pw + h * D, dlogit, (const float *)x + n * D, D);
                c->k.axpy((float *)dx + n * D, dlogit, W + h * D, D);
                pb[h] += dlogit;
            }
    }
    bl_cpu_reduce(c, (float *)dw, dws, blocks, H * D);
    bl_cpu_reduce(c, (float *)db, dbs, blocks, H);
}
