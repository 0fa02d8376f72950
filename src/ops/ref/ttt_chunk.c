/* One chunk of the TTT layer forward: the equations of MODEL 3.1 and 3.2. */
#include "ops/ref/ttt.h"

#include <math.h>

void REF(chunk_push)(ttt_chunk *c, bl_arena *scratch, size_t C, size_t F, size_t M)
{
    c->F = F;
    c->M = M;
    double **rows[] = {&c->Q, &c->K, &c->V, &c->xh, &c->e, &c->a, &c->G, &c->Zb, &c->xo, &c->O};
    double **squares[] = {&c->S, &c->rate, &c->mix};
    double **columns[] = {&c->lambda, &c->tau, &c->sigma, &c->sigma_o};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = REF(doubles)(scratch, C * F);
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        *squares[i] = REF(doubles)(scratch, C * C);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        *columns[i] = REF(doubles)(scratch, C);
    c->gamma = REF(doubles)(scratch, F);
    c->beta = REF(doubles)(scratch, F);
    c->W = REF(doubles)(scratch, F * M);
    c->b = REF(doubles)(scratch, M);
}

void REF(load)(double *to, const BL_REAL *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (double)from[i];
}

void REF(store)(BL_REAL *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (BL_REAL)from[i];
}

void REF(rope)(double *y, const double *x, size_t j, double sign, const bl_ttt_shape *s)
{
    for (size_t i = 0; i < s->F / 2; i++) {
        double angle = (double)j * pow((double)s->rope_theta, -2.0 * (double)i / (double)s->F);
        double even = x[2 * i], odd = x[2 * i + 1], sine = sign * sin(angle);
        y[2 * i] = even * cos(angle) - odd * sine;
        y[2 * i + 1] = even * sine + odd * cos(angle);
    }
}

double REF(tau)(const bl_ttt_params *p, size_t j)
{
    const BL_REAL *delta = (const void *)p->delta;
    return fmax(1.0 / (double)(j + 1) + (double)delta[j], 0);
}

int REF(row_continues)(const bl_ttt_params *p, size_t b)
{
    return p->carry && !((const int32_t *)(const void *)p->carry->fresh)[b];
}

void REF(row_begin)(double *W, const bl_param *W0_, const bl_real *from_, const bl_ttt_params *p,
                    const bl_ttt_shape *s, ttt_place at, size_t n)
{
    const BL_REAL *W0 = (const void *)W0_, *from = (const void *)from_;
    REF(load)(W, W0 + at.h * n, n);
    for (size_t i = 0; REF(row_continues)(p, at.b) && i < n; i++)
        W[i] += (double)from[(at.b * s->H + at.h) * n + i];
}

void REF(row_end)(bl_real *to_, const double *W, const bl_param *W0_, const bl_ttt_shape *s,
                  ttt_place at, size_t n)
{
    const BL_REAL *W0 = (const void *)W0_;
    BL_REAL *to = (void *)to_;
    for (size_t i = 0; i < n; i++)
        to[(at.b * s->H + at.h) * n + i] = (BL_REAL)(W[i] - (double)W0[at.h * n + i]);
}

void REF(chunk_load)(ttt_chunk *c, const bl_ttt_shape *s, const bl_ttt_params *p, ttt_place at,
                     const BL_REAL *q, const BL_REAL *k, const BL_REAL *v, const BL_REAL *lambda)
{
    size_t F = s->F, left = s->T - at.t0;
    const BL_REAL *gamma = (const void *)p->gamma, *beta = (const void *)p->beta;
    c->n = left < s->C ? left : s->C;
    c->full = c->n == s->C;
    REF(load)(c->gamma, gamma + at.h * F, F);
    REF(load)(c->beta, beta + at.h * F, F);
    for (size_t j = 0; j < c->n; j++) {
        size_t row = ((at.b * s->T + at.t0 + j) * s->H + at.h);
        REF(load)(c->Q + j * F, q + row * F, F);
        REF(load)(c->K + j * F, k + row * F, F);
        REF(load)(c->V + j * F, v + row * F, F);
        REF(rope)(c->Q + j * F, c->Q + j * F, j, 1, s);
        REF(rope)(c->K + j * F, c->K + j * F, j, 1, s);
        c->lambda[j] = (double)lambda[row];
        c->tau[j] = REF(tau)(p, j);
    }
    for (size_t t = 0; t < c->n; t++)
        for (size_t j = 0; j < c->n; j++)
            c->rate[t * c->n + j] = j <= t ? c->tau[t] * c->lambda[j] : 0;
}

double REF(inner_gradient)(double *G, double *xh, double *e, double *a, const double *z,
                           const double *k, const double *v, const double *gamma,
                           const double *beta, size_t F)
{
    double sigma = REF(standardise)(xh, z, F);
    for (size_t i = 0; i < F; i++) {
        e[i] = gamma[i] * xh[i] + beta[i] - (v[i] - k[i]);
        a[i] = gamma[i] * e[i];
    }
    REF(project)(G, a, xh, F);
    for (size_t i = 0; i < F; i++)
        G[i] /= sigma;
    return sigma;
}

void REF(affine)(double *y, const double *x, const double *W, const double *b, size_t n, size_t in,
                 size_t out)
{
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < out; i++)
            y[j * out + i] = b[i];
    REF(add_nn)(y, 1, x, W, n, in, out);
}

void REF(chunk_gradients)(ttt_chunk *c, const double *z)
{
    for (size_t j = 0; j < c->n; j++) {
        size_t r = j * c->F;
        c->sigma[j] = REF(inner_gradient)(c->G + r, c->xh + r, c->e + r, c->a + r, z + r, c->K + r,
                                          c->V + r, c->gamma, c->beta, c->F);
    }
}

void REF(chunk_mix)(double *S, double *mix, const ttt_chunk *c, const double *Q, const double *K,
                    size_t width)
{
    size_t n = c->n;
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++) {
            S[t * n + s] = REF(dot)(Q + t * width, K + s * width, width) + 1;
            mix[t * n + s] = c->rate[t * n + s] * S[t * n + s];
        }
}

void REF(chunk_output)(ttt_chunk *c)
{
    size_t F = c->F;
    for (size_t j = 0; j < c->n; j++) {
        c->sigma_o[j] = REF(standardise)(c->xo + j * F, c->Zb + j * F, F);
        for (size_t i = 0; i < F; i++)
            c->O[j * F + i] = c->Q[j * F + i] + c->gamma[i] * c->xo[j * F + i] + c->beta[i];
    }
}

void REF(chunk_fwd)(ttt_chunk *c)
{
    size_t n = c->n, F = c->F;

    /* Z = K W + b and its G, row by row; Zb serves as room for Z */
    REF(affine)(c->Zb, c->K, c->W, c->b, n, F, F);
    REF(chunk_gradients)(c, c->Zb);

    /* S = Q K^T + 1;  C = tril(tau lambda^T) * S;  Zb = Q W + b - C G */
    REF(chunk_mix)(c->S, c->mix, c, c->Q, c->K, F);
    REF(affine)(c->Zb, c->Q, c->W, c->b, n, F, F);
    REF(add_nn)(c->Zb, -1, c->mix, c->G, n, n, F);
    REF(chunk_output)(c);
}

bl_forget REF(head_forget)(const bl_ttt_params *p, size_t h)
{
    bl_forget f = bl_forget_of((double)((const BL_REAL *)(const void *)p->half_life)[h]);
    f.rho = (double)(BL_REAL)f.rho;
    f.lost = (double)(BL_REAL)f.lost;
    return f;
}

void REF(forget)(double *W, const BL_REAL *W0, double rho, size_t n)
{
    for (size_t i = 0; i < n; i++)
        W[i] = (double)W0[i] + rho * (W[i] - (double)W0[i]);
}

void REF(chunk_update)(double *W, double *b, const ttt_chunk *c, const double *K, const double *G,
                       size_t in, size_t out)
{
    if (!c->full)
        return;
    for (size_t s = 0; s < c->n; s++) {
        double r = c->tau[c->n - 1] * c->lambda[s];
        REF(add_tn)(W, -r, K + s * in, G + s * out, in, 1, out);
        for (size_t i = 0; i < out; i++)
            b[i] -= r * G[s * out + i];
    }
}
