/* The causal convolution, its tail, and its adjoint. */
#include "cpu/cpu_impl.h"

#include <string.h>

/* Inlined with K known, the compiler shuffles vectors. */
static inline void taps(float *wt, const float *w, size_t n, size_t K)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < K; j++)
            wt[j * n + i] = w[i * K + K - 1 - j];
}

void bl_taps_by_distance(float *wt, const float *w, size_t n, size_t K)
{
    if (K == 4) /* as in every preset */
        taps(wt, w, n, 4);
    else
        taps(wt, w, n, K);
}

typedef struct conv_op {
    const bl_cpu *c;
    size_t T, D, K, N;
    const float *u, *old, *dy, *bias; /* old: the tails of what came before, or NULL */
    float *y, *du;
    int accumulate;
} conv_op;

static void conv_rows(void *user, size_t first, size_t last, size_t member)
{
    const conv_op *a = user;
    size_t T = a->T, D = a->D, K = a->K;
    (void)member;
    for (size_t n = first; n < last; n++) {
        const float *rows[CONV_MOST];
        size_t b = n / T, t = n % T;
        for (size_t j = 0; j < K; j++)
            rows[j] = j <= t   ? a->u + (n - j) * D
                      : a->old ? a->old + (b * (K - 1) + K - 1 + t - j) * D
                               : NULL;
        a->c->k.conv_row(a->y + n * D, rows, a->c->conv_w, a->bias, K, D);
    }
}

void bl_cpu_conv_fwd(bl_dev *d, bl_act *y, const bl_act *u, const bl_act *tail, const bl_param *w,
                     const bl_param *bias, size_t B, size_t T, size_t D, size_t K)
{
    const bl_cpu *c = bl_cpu_of(d);
    conv_op a = {.c = c,
                 .T = T,
                 .D = D,
                 .K = K,
                 .u = (const float *)u,
                 .old = (const float *)tail,
                 .bias = (const float *)bias,
                 .y = (float *)y};
    bl_taps_by_distance(c->conv_w, (const float *)w, D, K);
    bl_cpu_run(c, B * T * D * K, B * T, conv_rows, &a);
}

void bl_cpu_conv_tail(bl_dev *d, bl_act *tail, const bl_act *u, size_t B, size_t T, size_t D,
                      size_t K)
{
    (void)d;
    for (size_t b = 0; b < B; b++) {
        float *to = (float *)tail + b * (K - 1) * D;
        for (size_t i = 0; i < K - 1; i++) {
            size_t at = i + T; /* row of (tail, u) */
            const float *from =
                at < K - 1 ? to + at * D : (const float *)u + (b * T + at - (K - 1)) * D;
            memcpy(to + i * D, from, D * sizeof *to);
        }
    }
}

/* dw of the rows before sequence b; `none` is room for their du, which nobody wants. */
static void conv_bwd_tail(const conv_op *a, float *part, float *none, size_t b)
{
    size_t T = a->T, D = a->D, K = a->K;
    for (size_t i = 0; i + 1 < K; i++) {
        const float *u = a->old + (b * (K - 1) + i) * D;
        for (size_t j = K - 1 - i; j < K && j < K - 1 - i + T; j++) { /* token K - 1 - i before 0 */
            const float *dy = a->dy + (b * T + j - (K - 1 - i)) * D;
            a->c->k.mul(none, u, dy, D);
            a->c->k.add(part + j * D, none, D);
        }
    }
}

static void conv_bwd_blocks(void *user, size_t first, size_t last, size_t member)
{
    const conv_op *a = user;
    size_t T = a->T, D = a->D, K = a->K, width = (K + 1) * D;
    float *room = bl_cpu_local(a->c, member);
    for (size_t k = first; k < last; k++) {
        float *part = bl_cpu_part(a->c->partial, k, width);
        for (size_t n = k * ROW_BLOCK; n < bl_least(a->N, (k + 1) * ROW_BLOCK); n++) {
            const float *rows[CONV_MOST];
            if (a->old && n % T == 0)
                conv_bwd_tail(a, part, room, n / T);
            for (size_t j = 0; j < K; j++)
                rows[j] = n % T + j < T ? a->dy + (n + j) * D : NULL;
            if (!a->accumulate)
                memset(a->du + n * D, 0, D * sizeof *a->du);
            a->c->k.conv_bwd_row(a->du + n * D, part, part + K * D, rows, a->u + n * D,
                                 a->c->conv_w, K, D);
        }
    }
}

void bl_cpu_conv_bwd(bl_dev *d, bl_act *du, bl_param *dw, bl_param *dbias, const bl_act *dy,
                     const bl_act *u, const bl_act *tail, const bl_param *w, int accumulate,
                     size_t B, size_t T, size_t D, size_t K)
{
    const bl_cpu *c = bl_cpu_of(d);
    float *sums = c->conv_w + (K + 1) * D;
    size_t N = B * T, blocks = bl_blocks(N, ROW_BLOCK), width = (K + 1) * D;
    conv_op a = {.c = c,
                 .T = T,
                 .D = D,
                 .K = K,
                 .N = N,
                 .u = (const float *)u,
                 .old = (const float *)tail,
                 .dy = (const float *)dy,
                 .du = (float *)du,
                 .accumulate = accumulate};
    bl_taps_by_distance(c->conv_w, (const float *)w, D, K);
    bl_cpu_run(c, 2 * N * D * K, blocks, conv_bwd_blocks, &a);
    memset(sums, 0, width * sizeof *sums);
    bl_cpu_reduce(c, sums, c->partial, blocks, width);
    for (size_t j = 0; j < K; j++)
        for (size_t i = 0; i < D; i++)
            ((float *)dw)[i * K + K - 1 - j] += sums[j * D + i];
    c->k.add((float *)dbias, sums + K * D, D);
}

void bl_cpu_conv_reset(bl_dev *d, bl_act *tail, const bl_dev_flag *fresh, size_t B, size_t D,
                       size_t K)
{
    size_t row = (K - 1) * D;
    (void)d;
    for (size_t b = 0; b < B; b++)
        if (((const int32_t *)fresh)[b])
            memset((float *)tail + b * row, 0, row * sizeof(float));
}
