/* Embedding, dropout, residual addition and the causal convolution. */
#include "core/rng.h"
#include "cpu/cpu_impl.h"

#include <string.h>

enum { ADD_PIECE = 8192, EMBED_COLUMNS = 64, K_MOST = 8 };

void bl_cpu_embed_fwd(bl_dev *d, bl_act *x, const bl_param *E, const int32_t *ids, size_t N,
                      size_t D)
{
    int team = bl_cpu_team(bl_cpu_of(d), N * D);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t n = 0; n < N; n++)
        memcpy((float *)x + n * D, (const float *)E + (size_t)ids[n] * D, D * sizeof(float));
}

/* Cut by columns, so that rows of equal id are added in ascending order without a lock. */
void bl_cpu_embed_bwd(bl_dev *d, bl_param *dE, const bl_act *dx, const int32_t *ids, size_t N,
                      size_t D, size_t V)
{
    (void)V;
    const bl_cpu *c = bl_cpu_of(d);
    int team = bl_cpu_team(c, N * D);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t i = 0; i < D; i += EMBED_COLUMNS)
        for (size_t n = 0; n < N; n++)
            c->k.add((float *)dE + (size_t)ids[n] * D + i, (const float *)dx + n * D + i,
                     bl_least(D - i, EMBED_COLUMNS));
}

void bl_cpu_dropout(bl_dev *d, bl_act *x, size_t n, uint32_t site, const bl_step *step)
{
    if (!(step->dropout > 0.0f))
        return;
    float *X = (float *)x, keep = 1.0f / (1.0f - step->dropout);
    double least = (double)step->dropout * 4294967296.0;
    uint64_t base = (step->step * 65536 + step->micro) << 32;
    int team = bl_cpu_team(bl_cpu_of(d), 8 * n);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t i = 0; i < n; i += 4) {
        uint32_t r[4];
        bl_philox(step->seed, BL_RNG_DROPOUT + site, base + i / 4, r);
        for (size_t j = 0; j < bl_least(n - i, 4); j++)
            X[i + j] = (double)r[j] >= least ? X[i + j] * keep : 0.0f;
    }
}

void bl_cpu_add(bl_dev *d, bl_act *x, const bl_act *y, size_t n)
{
    const bl_cpu *c = bl_cpu_of(d);
    int team = bl_cpu_team(c, n);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t i = 0; i < n; i += ADD_PIECE)
        c->k.add((float *)x + i, (const float *)y + i, bl_least(n - i, ADD_PIECE));
}

/* wt[j,c] = w[c,K-1-j]: the taps by distance, each a row. */
static void taps_by_distance(float *wt, const float *w, size_t D, size_t K)
{
    for (size_t j = 0; j < K; j++)
        for (size_t i = 0; i < D; i++)
            wt[j * D + i] = w[i * K + K - 1 - j];
}

void bl_cpu_conv_fwd(bl_dev *d, bl_act *y, const bl_act *u, const bl_act *tail, const bl_param *w,
                     const bl_param *bias, size_t B, size_t T, size_t D, size_t K)
{
    const bl_cpu *c = bl_cpu_of(d);
    const float *U = (const float *)u, *old = (const float *)tail;
    taps_by_distance(c->conv_w, (const float *)w, D, K);
    int team = bl_cpu_team(c, B * T * D * K);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t n = 0; n < B * T; n++) {
        const float *rows[K_MOST];
        size_t b = n / T, t = n % T;
        for (size_t j = 0; j < K; j++)
            rows[j] = j <= t ? U + (n - j) * D
                      : old  ? old + (b * (K - 1) + K - 1 + t - j) * D
                             : NULL;
        c->k.conv_row((float *)y + n * D, rows, c->conv_w, (const float *)bias, K, D);
    }
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

void bl_cpu_conv_bwd(bl_dev *d, bl_act *du, bl_param *dw, bl_param *dbias, const bl_act *dy,
                     const bl_act *u, const bl_param *w, int accumulate, size_t B, size_t T,
                     size_t D, size_t K)
{
    const bl_cpu *c = bl_cpu_of(d);
    const float *dY = (const float *)dy, *U = (const float *)u;
    float *dU = (float *)du, *wt = c->conv_w, *sums = wt + (K + 1) * D;
    size_t N = B * T, blocks = bl_blocks(N, ROW_BLOCK), width = (K + 1) * D;
    taps_by_distance(wt, (const float *)w, D, K);
    int team = bl_cpu_team(c, 2 * N * D * K);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t k = 0; k < blocks; k++) {
        float *part = c->partial + k * width;
        memset(part, 0, width * sizeof *part);
        for (size_t n = k * ROW_BLOCK; n < bl_least(N, (k + 1) * ROW_BLOCK); n++) {
            const float *rows[K_MOST];
            for (size_t j = 0; j < K; j++)
                rows[j] = n % T + j < T ? dY + (n + j) * D : NULL;
            if (!accumulate)
                memset(dU + n * D, 0, D * sizeof *dU);
            c->k.conv_bwd_row(dU + n * D, part, part + K * D, rows, U + n * D, wt, K, D);
        }
    }
    memset(sums, 0, width * sizeof *sums);
    bl_cpu_reduce(c, sums, c->partial, blocks, width);
    for (size_t j = 0; j < K; j++)
        for (size_t i = 0; i < D; i++)
            ((float *)dw)[i * K + K - 1 - j] += sums[j * D + i];
    c->k.add((float *)dbias, sums + K * D, D);
}
