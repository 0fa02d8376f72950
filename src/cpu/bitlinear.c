/* BitLinear (MODEL 2): ternarise, forward, and the straight-through backward. */
#include "cpu/cpu_impl.h"
#include "core/alloc.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { TERN_HEADER = 64 };

/* A bl_tern: g and then the packed panels; or the float matrix. */
static float *tern_scale(const bl_tern *w)
{
    return (float *)(uintptr_t)w;
}

static uint8_t *tern_packed(const bl_tern *w)
{
    return (uint8_t *)(uintptr_t)w + TERN_HEADER;
}

size_t bl_cpu_tern_bytes(bl_dev *d, size_t out, size_t in)
{
    if (!d->ternary)
        return out * in * sizeof(float);
    return TERN_HEADER + bl_tern_packed_bytes(out, in);
}

void bl_cpu_ternarise(bl_dev *d, bl_tern *wt, const bl_param *w, size_t out, size_t in)
{
    enum { PIECE = 16384 };
    const bl_cpu *c = bl_cpu_of(d);
    const float *W = (const float *)w;
    size_t n = out * in;
    if (!c->ternary) {
        memcpy(wt, W, n * sizeof *W);
        return;
    }
    int team = bl_cpu_team(c, n);
    int64_t S = 0;
#pragma omp parallel for num_threads(team) schedule(static) reduction(+ : S)
    for (size_t i = 0; i < n; i += PIECE)
        S += c->k.absmean_sum(W + i, bl_least(n - i, PIECE));
    float mean = (float)((double)S / 4294967296.0 / (double)n);
    float g = mean > 1e-5f ? mean : 1e-5f;
    *tern_scale(wt) = g;
    uint8_t *packed = tern_packed(wt);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t o = 0; o < out; o += BL_TERN_ROWS)
        c->k.tern_pack(packed + o / BL_TERN_ROWS * bl_tern_panel_bytes(in), W + o * in, g,
                       bl_least(out - o, BL_TERN_ROWS), in);
}

/* A panel of codes as floats, for the kernels that pack and expand with g = 1. */
static bl_status panel_room(float **panel, size_t in, bl_error *err)
{
    *panel = bl_calloc(in, BL_TERN_ROWS * sizeof **panel);
    return *panel ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for a panel of %zu inputs", in);
}

bl_status bl_cpu_tern_put(bl_dev *d, bl_tern *w, const int8_t *codes, float g, size_t out,
                          size_t in, bl_error *err)
{
    const bl_cpu *c = bl_cpu_of(d);
    float *panel;
    assert(c->ternary);
    BL_TRY(panel_room(&panel, in, err));
    *tern_scale(w) = g;
    for (size_t o = 0; o < out; o += BL_TERN_ROWS) {
        size_t rows = bl_least(out - o, BL_TERN_ROWS);
        for (size_t i = 0; i < rows * in; i++)
            panel[i] = (float)codes[o * in + i];
        c->k.tern_pack(tern_packed(w) + o / BL_TERN_ROWS * bl_tern_panel_bytes(in), panel, 1.0f,
                       rows, in);
    }
    bl_free(panel);
    return BL_OK;
}

bl_status bl_cpu_tern_get(bl_dev *d, int8_t *codes, float *g, const bl_tern *w, size_t out,
                          size_t in, bl_error *err)
{
    const bl_cpu *c = bl_cpu_of(d);
    float *panel;
    assert(c->ternary);
    BL_TRY(panel_room(&panel, in, err));
    *g = *tern_scale(w);
    for (size_t o = 0; o < out; o += BL_TERN_ROWS) {
        size_t rows = bl_least(out - o, BL_TERN_ROWS);
        c->k.tern_expand(panel, tern_packed(w) + o / BL_TERN_ROWS * bl_tern_panel_bytes(in), 1.0f,
                         rows, in);
        for (size_t i = 0; i < rows * in; i++)
            codes[o * in + i] = (int8_t)panel[i];
    }
    bl_free(panel);
    return BL_OK;
}

/* Tasks are (row tile, panel), panels fastest: a row tile's activations stay in L2 while the
 * panels, which fit there too, pass by. */
static void ternary_fwd(const bl_cpu *c, float *y, const bl_q8 *x, const bl_tern *w, size_t N,
                        size_t out, size_t in, int accumulate)
{
    bl_q8_view v = bl_q8_open(c, x, N, in);
    size_t panels = bl_blocks(out, BL_TERN_ROWS), tiles = bl_blocks(N, GEMM_ROWS);
    float g = *tern_scale(w);
    const uint8_t *packed = tern_packed(w);
    int team = bl_cpu_team(c, N * out * in / 16);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t task = 0; task < tiles * panels; task++) {
        size_t n = task / panels * GEMM_ROWS, p = task % panels, o = p * BL_TERN_ROWS;
        bl_q8_rows rows = {.q = v.q + n * v.ld,
                           .ld = v.ld,
                           .sum = v.sum + n,
                           .scale = v.scale + n,
                           .rows = bl_least(N - n, GEMM_ROWS)};
        c->k.tern_matmul(y + n * out + o, out, packed + p * bl_tern_panel_bytes(in), g, &rows,
                         bl_least(out - o, BL_TERN_ROWS), in, accumulate);
    }
}

/* Unrounded: dot products, whose order does not depend on N. */
static void float_fwd(const bl_cpu *c, float *y, const bl_q8 *x, const bl_tern *w, size_t N,
                      size_t out, size_t in)
{
    const float *X = bl_q8_open(c, x, N, in).rows, *W = (const float *)w;
    size_t cols = bl_blocks(out, GEMM_OUTS), tiles = bl_blocks(N, GEMM_OUTS);
    int team = bl_cpu_team(c, N * out * in / 8);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t task = 0; task < tiles * cols; task++) {
        size_t n = task / cols * GEMM_OUTS, o = task % cols * GEMM_OUTS;
        c->k.dots(y + n * out + o, out, X + n * in, in, W + o * in, in, bl_least(N - n, GEMM_OUTS),
                  bl_least(out - o, GEMM_OUTS), in);
    }
}

void bl_cpu_bitlinear_fwd(bl_dev *d, bl_act *y, const bl_q8 *x, const bl_tern *w, size_t N,
                          size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    if (c->ternary)
        ternary_fwd(c, (float *)y, x, w, N, out, in, 0);
    else
        float_fwd(c, (float *)y, x, w, N, out, in);
}

void bl_cpu_bitlinear_residual(bl_dev *d, bl_act *x, bl_act *y, const bl_q8 *xq, const bl_tern *w,
                               size_t N, size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    if (c->ternary) {
        ternary_fwd(c, (float *)x, xq, w, N, out, in, 1);
        return;
    }
    float_fwd(c, (float *)y, xq, w, N, out, in);
    bl_cpu_add(d, x, y, N * out);
}

/* g Wt as floats: exact, so folding g into the matrix costs no rounding of its own. */
static const float *dense_weight(const bl_cpu *c, const bl_tern *w, size_t out, size_t in)
{
    if (!c->ternary)
        return (const float *)w;
    float g = *tern_scale(w);
    const uint8_t *packed = tern_packed(w);
    int team = bl_cpu_team(c, out * in);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t o = 0; o < out; o += BL_TERN_ROWS)
        c->k.tern_expand(c->dense_w + o * in, packed + o / BL_TERN_ROWS * bl_tern_panel_bytes(in),
                         g, bl_least(out - o, BL_TERN_ROWS), in);
    return c->dense_w;
}

void bl_cpu_bitlinear_bwd_x(bl_dev *d, bl_act *dx, const bl_act *dy, const bl_tern *w,
                            int accumulate, size_t N, size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    const float *W = dense_weight(c, w, out, in), *dY = (const float *)dy;
    float *dX = (float *)dx;
    int team = bl_cpu_team(c, N * out * in);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t n = 0; n < N; n += GEMM_ROWS)
        bl_gemm(c, 0, 0, bl_least(N - n, GEMM_ROWS), in, out, dY + n * out, out, W, in, accumulate,
                dX + n * in, in);
}

void bl_cpu_bitlinear_bwd_w(bl_dev *d, bl_param *dw, const bl_act *dy, const bl_q8 *x, size_t N,
                            size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    const float *dY = (const float *)dy;
    float *dW = (float *)dw;
    bl_q8_view v = bl_q8_open(c, x, N, in);
    int team = bl_cpu_team(c, N * out * in);
#pragma omp parallel num_threads(team)
    for (size_t n0 = 0; n0 < N; n0 += DEQUANT_ROWS) {
        size_t rows = bl_least(N - n0, DEQUANT_ROWS);
        const float *X = c->ternary ? c->dense_x : v.rows + n0 * in;
        if (c->ternary) {
#pragma omp for schedule(static)
            for (size_t n = 0; n < rows; n++)
                c->k.dequantise(c->dense_x + n * in, v.q + (n0 + n) * v.ld, v.scale[n0 + n], in);
        }
#pragma omp for schedule(static)
        for (size_t o = 0; o < out; o += GEMM_OUTS)
            bl_gemm(c, 1, 0, bl_least(out - o, GEMM_OUTS), in, rows, dY + n0 * out + o, out, X, in,
                    1, dW + o * in, in);
    }
}
