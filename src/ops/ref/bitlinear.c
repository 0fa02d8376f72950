/* BitLinear: ternary weights, int8 activations, straight-through gradients (MODEL 2). */
#include "ops/ref/ref.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const size_t SCALE_BYTES = sizeof(float); /* g or s in front of the integers */

/* Bytes of a row: padded so that every row's scale is aligned. */
static size_t q8_stride(const bl_dev *d, size_t K)
{
    if (!d->ternary)
        return K * sizeof(BL_REAL);
    return (SCALE_BYTES + K + SCALE_BYTES - 1) / SCALE_BYTES * SCALE_BYTES;
}

size_t REF(q8_bytes)(bl_dev *d, size_t N, size_t K)
{
    return N * q8_stride(d, K);
}

size_t REF(tern_bytes)(bl_dev *d, size_t out, size_t in)
{
    return d->ternary ? SCALE_BYTES + out * in : out * in * sizeof(BL_REAL);
}

static q8_row row_of(const bl_dev *d, const bl_q8 *xq, size_t n, size_t K)
{
    const char *at = (const char *)xq + n * q8_stride(d, K);
    q8_row row = {.s = 1};
    if (!d->ternary) {
        row.x = (const void *)at;
        return row;
    }
    memcpy(&row.s, at, sizeof row.s);
    row.xi = (const void *)(at + SCALE_BYTES);
    return row;
}

static tern_matrix matrix_of(const bl_dev *d, const bl_tern *w)
{
    tern_matrix m = {.g = 1};
    if (!d->ternary) {
        m.W = (const void *)w;
        return m;
    }
    memcpy(&m.g, w, sizeof m.g);
    m.Wt = (const void *)((const char *)w + SCALE_BYTES);
    return m;
}

bl_status REF(tern_put)(bl_dev *d, bl_tern *w, const int8_t *codes, float g, size_t out, size_t in,
                        bl_error *err)
{
    (void)d, (void)err;
    assert(d->ternary);
    memcpy(w, &g, sizeof g);
    memcpy((char *)w + SCALE_BYTES, codes, out * in);
    return BL_OK;
}

bl_status REF(tern_get)(bl_dev *d, int8_t *codes, float *g, const bl_tern *w, size_t out, size_t in,
                        bl_error *err)
{
    (void)err;
    assert(d->ternary);
    tern_matrix m = matrix_of(d, w);
    *g = m.g;
    memcpy(codes, m.Wt, out * in);
    return BL_OK;
}

/* What entered the product: xi / s, or x. */
static double input_of(const q8_row *row, size_t i)
{
    return row->xi ? (double)row->xi[i] / (double)row->s : (double)row->x[i];
}

/* g Wt, or W. */
static double weight_of(const tern_matrix *m, size_t i)
{
    return m->Wt ? (double)m->g * m->Wt[i] : (double)m->W[i];
}

/* s = 127 / max(max|x|, 1e-5),  xi = rint(x s) */
void REF(quantise_row)(const bl_dev *d, bl_q8 *xq, size_t n, const BL_REAL *x, size_t K)
{
    char *at = (char *)xq + n * q8_stride(d, K);
    if (!d->ternary) {
        memcpy(at, x, K * sizeof *x);
        return;
    }
    float most = 1e-5f;
    for (size_t i = 0; i < K; i++)
        most = fmaxf(most, fabsf((float)x[i]));
    float s = 127.0f / most;
    memcpy(at, &s, sizeof s);
    int8_t *xi = (void *)(at + SCALE_BYTES);
    for (size_t i = 0; i < K; i++) {
        float r = rintf((float)x[i] * s);
        /* A row with an infinity has s = 0, which carries it into y = dot (g / s); its own
         * product with s is a NaN, for which there is no integer. */
        xi[i] = isnan(r) ? 0 : (int8_t)r;
    }
}

/* g = max(mean|W|, 1e-5) in fixed point,  Wt = clip(round(W / g), -1, 1) */
static void ternarise_one(const bl_dev *d, bl_tern *wt, const BL_REAL *w, size_t count)
{
    if (!d->ternary) {
        memcpy(wt, w, count * sizeof *w);
        return;
    }
    int64_t S = 0;
    for (size_t i = 0; i < count; i++)
        S += (int64_t)rint((double)fminf(fabsf((float)w[i]), 256.0f) * 0x1p32);
    float g = fmaxf((float)((double)S * 0x1p-32 / (double)count), 1e-5f);
    memcpy(wt, &g, sizeof g);
    int8_t *Wt = (void *)((char *)wt + SCALE_BYTES);
    for (size_t i = 0; i < count; i++) {
        float v = (float)w[i];
        Wt[i] = (int8_t)(2.0f * fabsf(v) > g ? (v > 0) - (v < 0) : 0);
    }
}

void REF(ternarise)(bl_dev *d, const bl_latents *w)
{
    for (size_t i = 0; i < w->count; i++)
        ternarise_one(d, w->at[i].to, (const void *)w->at[i].from, w->at[i].out * w->at[i].in);
}

/* y = (xi . Wt^T) (g / s), or x W^T */
void REF(bitlinear_fwd)(bl_dev *d, bl_act *y_, const bl_q8 *x, const bl_tern *w, size_t N,
                        size_t out, size_t in)
{
    BL_REAL *y = (void *)y_;
    tern_matrix m = matrix_of(d, w);
    for (size_t n = 0; n < N; n++) {
        q8_row row = row_of(d, x, n, in);
        for (size_t o = 0; o < out; o++) {
            if (d->ternary) {
                int32_t dot = 0;
                for (size_t i = 0; i < in; i++)
                    dot += (int32_t)row.xi[i] * m.Wt[o * in + i];
                y[n * out + o] = (BL_REAL)dot * (BL_REAL)(m.g / row.s);
            } else {
                double dot = 0;
                for (size_t i = 0; i < in; i++)
                    dot += (double)row.x[i] * (double)m.W[o * in + i];
                y[n * out + o] = (BL_REAL)dot;
            }
        }
    }
}

/* dx = (accumulate ? dx : 0) + dy (g Wt) */
void REF(bitlinear_bwd_x)(bl_dev *d, bl_act *dx_, const bl_act *dy_, const bl_tern *w,
                          int accumulate, size_t N, size_t out, size_t in)
{
    BL_REAL *dx = (void *)dx_;
    const BL_REAL *dy = (const void *)dy_;
    tern_matrix m = matrix_of(d, w);
    for (size_t n = 0; n < N; n++)
        for (size_t i = 0; i < in; i++) {
            double sum = accumulate ? (double)dx[n * in + i] : 0;
            for (size_t o = 0; o < out; o++)
                sum += (double)dy[n * out + o] * weight_of(&m, o * in + i);
            dx[n * in + i] = (BL_REAL)sum;
        }
}

/* dW += dy^T (xi / s) */
void REF(bitlinear_bwd_w)(bl_dev *d, bl_param *dw_, const bl_act *dy_, const bl_q8 *x, size_t N,
                          size_t out, size_t in)
{
    BL_REAL *dw = (void *)dw_;
    const BL_REAL *dy = (const void *)dy_;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double sum = (double)dw[o * in + i];
            for (size_t n = 0; n < N; n++) {
                q8_row row = row_of(d, x, n, in);
                sum += (double)dy[n * out + o] * input_of(&row, i);
            }
            dw[o * in + i] = (BL_REAL)sum;
        }
}
