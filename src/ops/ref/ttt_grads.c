/* The parts of a chunk's adjoint (MODEL 3.5), which both inner models share. */
#include "ops/ref/ttt.h"

#include <string.h>

void REF(grads_push)(ttt_grads *g, bl_arena *scratch, size_t C, size_t F, size_t M)
{
    double **rows[] = {&g->dO, &g->dQ, &g->dK, &g->dV, &g->dG, &g->dZ, &g->dZb};
    double **squares[] = {&g->dmix, &g->dS, &g->drate};
    double **columns[] = {&g->dlambda, &g->dtau, &g->dr, &g->ddelta};
    double **heads[] = {&g->dgamma, &g->dbeta, &g->u, &g->da, &g->dxh};
    double **biases[] = {&g->db, &g->db_next, &g->db0};
    double **states[] = {&g->dW, &g->dW_next, &g->dW0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = REF(doubles)(scratch, C * F);
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        *squares[i] = REF(doubles)(scratch, C * C);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        *columns[i] = REF(doubles)(scratch, C);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        *heads[i] = REF(doubles)(scratch, F);
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++)
        *biases[i] = REF(doubles)(scratch, M);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        *states[i] = REF(doubles)(scratch, F * M);
    g->A = REF(doubles)(scratch, C * M);
}

void REF(clear)(double *x, size_t n)
{
    memset(x, 0, n * sizeof *x);
}

void REF(add_rows)(double *y, const double *x, size_t n, size_t width)
{
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < width; i++)
            y[i] += x[j * width + i];
}

/* O = Q + gamma xo + beta:
 *   dZb = P(gamma dO; xo) / sigma_o;  dgamma += sum dO xo;  dbeta += sum dO;  dQ = dO */
void REF(output_bwd)(ttt_grads *g, const ttt_chunk *c)
{
    size_t n = c->n, F = c->F;
    for (size_t j = 0; j < n; j++) {
        const double *dO = g->dO + j * F, *xo = c->xo + j * F;
        for (size_t i = 0; i < F; i++) {
            g->da[i] = c->gamma[i] * dO[i];
            g->dgamma[i] += dO[i] * xo[i];
        }
        REF(project)(g->dZb + j * F, g->da, xo, F);
        for (size_t i = 0; i < F; i++)
            g->dZb[j * F + i] /= c->sigma_o[j];
    }
    REF(add_rows)(g->dbeta, g->dO, n, F);
    memcpy(g->dQ, g->dO, n * F * sizeof *g->dQ);
}

/* Zb = Q W + b - C G,  C = rate S,  S = Q K^T + 1:
 *   dQ += dZb W^T;  dW = dW' + Q^T dZb;  db = db' + sum dZb
 *   dG = -C^T dZb;  dC = -dZb G^T;  dS = dC rate;  drate += tril(dC S)
 *   dQ += dS K;  dK = dS^T Q */
void REF(read_bwd)(const ttt_reader *r, ttt_grads *g, const ttt_chunk *c)
{
    size_t n = c->n, in = r->in, out = r->out;
    REF(add_nt)(r->dQ, 1, r->dZb, r->W, n, out, in);
    REF(add_tn)(r->dW, 1, r->Q, r->dZb, in, n, out);
    REF(add_rows)(r->db, r->dZb, n, out);

    REF(clear)(r->dG, n * out);
    REF(add_tn)(r->dG, -1, r->mix, r->dZb, n, n, out);
    REF(clear)(g->dmix, n * n);
    REF(add_nt)(g->dmix, -1, r->dZb, r->G, n, out, n);
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++) {
            g->dS[t * n + s] = g->dmix[t * n + s] * c->rate[t * n + s];
            g->drate[t * n + s] += s <= t ? g->dmix[t * n + s] * r->S[t * n + s] : 0;
        }
    REF(add_nn)(r->dQ, 1, g->dS, r->K, n, n, in);
    REF(clear)(r->dK, n * in);
    REF(add_tn)(r->dK, 1, g->dS, r->Q, n, n, in);
}

/* W' = W - (r K)^T G,  b' = b - sum r G,  r = tau[n] lambda:
 *   A = G dW'^T;  dG -= r (K dW' + db');  dK -= r A;  dr += -rowsum(K A) - G db'^T */
void REF(update_bwd)(const ttt_updater *u, ttt_grads *g, const ttt_chunk *c)
{
    size_t n = c->n, in = u->in, out = u->out;
    if (!c->full)
        return;
    REF(clear)(g->A, n * in);
    REF(add_nt)(g->A, 1, u->G, u->dW_next, n, out, in);
    for (size_t s = 0; s < n; s++) {
        const double *K = u->K + s * in, *G = u->G + s * out, *A = g->A + s * in;
        double r = c->tau[n - 1] * c->lambda[s];
        REF(add_nn)(u->dG + s * out, -r, K, u->dW_next, 1, in, out);
        for (size_t i = 0; i < out; i++)
            u->dG[s * out + i] -= r * u->db_next[i];
        for (size_t i = 0; i < in; i++)
            u->dK[s * in + i] -= r * A[i];
        g->dr[s] -= REF(dot)(K, A, in) + REF(dot)(G, u->db_next, out);
    }
}

/* W' = W0 + rho (W - W0) - (r K)^T G:
 *   drho += sum dW' (W - W0);  dW0 += (1 - rho) dW';  dW = rho dW' */
void REF(forget_bwd)(ttt_grads *g, double *dW, double *dW0, const ttt_chunk *c, const double *W,
                     const BL_REAL *W0, const bl_forget *f, size_t n)
{
    if (!c->full)
        return;
    for (size_t i = 0; i < n; i++) {
        g->drho += dW[i] * (W[i] - (double)W0[i]);
        dW0[i] += f->lost * dW[i];
        dW[i] *= f->rho;
    }
}

void REF(half_life_bwd)(const bl_ttt_params *dp, size_t h, double drho, const bl_forget *f)
{
    double da = drho * f->slope;
    REF(add_to)(dp->half_life, h, &da, 1);
}

/* rate = tril(tau lambda^T),  r = tau[n] lambda,  tau = max(1/t + delta, 0):
 *   dtau = drate lambda;  dlambda = drate^T tau;  dtau[n] += dr . lambda;  dlambda += tau[n] dr
 *   ddelta += dtau where tau > 0 */
void REF(steps_bwd)(ttt_grads *g, const ttt_chunk *c)
{
    size_t n = c->n;
    REF(clear)(g->dtau, n);
    REF(clear)(g->dlambda, n);
    REF(add_nn)(g->dtau, 1, g->drate, c->lambda, n, n, 1);
    REF(add_tn)(g->dlambda, 1, g->drate, c->tau, n, n, 1);
    g->dtau[n - 1] += REF(dot)(g->dr, c->lambda, n);
    for (size_t s = 0; s < n; s++)
        g->dlambda[s] += c->tau[n - 1] * g->dr[s];
    for (size_t t = 0; t < n; t++)
        if (c->tau[t] > 0)
            g->ddelta[t] += g->dtau[t];
}

/* G = P(a; xh) / sigma,  a = gamma e,  e = gamma xh + beta - (V - K),  xh = (Z - mu) / sigma:
 *   u = dG / sigma;  da = P(u; xh);  dxh = -(u mean(a xh) + a mean(u xh))
 *   dsig = -rowsum(dG G) / sigma
 *   de = gamma da;  dgamma += sum(da e + de xh);  dbeta += sum de;  dxh += gamma de
 *   dZ = P(dxh; xh) / sigma + dsig xh / F;  dV = -de;  dK += de */
void REF(inner_bwd)(ttt_grads *g, const ttt_chunk *c)
{
    size_t F = c->F;
    for (size_t j = 0; j < c->n; j++) {
        const double *dG = g->dG + j * F, *xh = c->xh + j * F;
        const double *a = c->a + j * F, *e = c->e + j * F;
        double sigma = c->sigma[j], dsig = -REF(dot)(dG, c->G + j * F, F) / sigma;
        for (size_t i = 0; i < F; i++)
            g->u[i] = dG[i] / sigma;
        REF(project)(g->da, g->u, xh, F);
        double mean_a = REF(dot)(a, xh, F) / (double)F, mean_u = REF(dot)(g->u, xh, F) / (double)F;
        for (size_t i = 0; i < F; i++) {
            double de = c->gamma[i] * g->da[i];
            g->dgamma[i] += g->da[i] * e[i] + de * xh[i];
            g->dbeta[i] += de;
            g->dxh[i] = -(g->u[i] * mean_a + a[i] * mean_u) + c->gamma[i] * de;
            g->dV[j * F + i] = -de;
            g->dK[j * F + i] += de;
        }
        REF(project)(g->dZ + j * F, g->dxh, xh, F);
        for (size_t i = 0; i < F; i++)
            g->dZ[j * F + i] = g->dZ[j * F + i] / sigma + dsig * xh[i] / (double)F;
    }
}

void REF(add_to)(bl_param *y_, size_t offset, const double *x, size_t n)
{
    BL_REAL *y = (BL_REAL *)(void *)y_ + offset;
    for (size_t i = 0; i < n; i++)
        y[i] = (BL_REAL)((double)y[i] + x[i]);
}

void REF(grads_load)(ttt_grads *g, const ttt_chunk *c, const bl_ttt_shape *s, ttt_place at,
                     const BL_REAL *dout)
{
    for (size_t j = 0; j < c->n; j++) {
        size_t row = (at.b * s->T + at.t0 + j) * s->H + at.h;
        REF(load)(g->dO + j * s->F, dout + row * s->F, s->F);
    }
    REF(clear)(g->drate, c->n * c->n);
    REF(clear)(g->dr, c->n);
}

void REF(grads_store)(const ttt_outputs *to, ttt_grads *g, const ttt_chunk *c,
                      const bl_ttt_shape *s, ttt_place at)
{
    size_t F = s->F;
    for (size_t j = 0; j < c->n; j++) {
        size_t row = (at.b * s->T + at.t0 + j) * s->H + at.h;
        REF(rope)(g->dQ + j * F, g->dQ + j * F, j, -1, s);
        REF(rope)(g->dK + j * F, g->dK + j * F, j, -1, s);
        REF(store)(to->dq + row * F, g->dQ + j * F, F);
        REF(store)(to->dk + row * F, g->dK + j * F, F);
        REF(store)(to->dv + row * F, g->dV + j * F, F);
        to->dlambda[row] = (BL_REAL)g->dlambda[j];
    }
}
