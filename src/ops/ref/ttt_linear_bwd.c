/* The backward pass of the TTT layer (MODEL 3.5): chunks from the last to the first, each computed
 * again from the W and b that the forward pass saved at its start. */
#include "ops/ref/ttt.h"

#include <string.h>

/* Gradients of one chunk, named d + the letter of ttt_chunk. */
typedef struct chunk_grads {
    double *dO, *dQ, *dK, *dV, *dG, *dZ, *dZb; /* [n,F] */
    double *A, *u, *da, *dxh;                  /* [n,F], the letters of MODEL 3.5 */
    double *dmix, *dS, *dM;                    /* [n,n] */
    double *dlambda, *dtau, *dr;               /* [n] */
    double *dgamma, *dbeta;                    /* [F], summed over sequences */
    double *dW, *db; /* on entry dW', db' of the next chunk's start, on leaving of this one's */
    double *dW_next, *db_next;
    double *dW0, *db0; /* summed over sequences */
    double *ddelta;    /* [C], summed over sequences and heads */
} chunk_grads;

static void push_grads(chunk_grads *g, bl_arena *scratch, size_t C, size_t F)
{
    double **rows[] = {&g->dO,  &g->dQ, &g->dK, &g->dV, &g->dG, &g->dZ,
                       &g->dZb, &g->A,  &g->u,  &g->da, &g->dxh};
    double **squares[] = {&g->dmix, &g->dS, &g->dM};
    double **columns[] = {&g->dlambda, &g->dtau, &g->dr, &g->ddelta};
    double **heads[] = {&g->dgamma, &g->dbeta, &g->db, &g->db_next, &g->db0};
    double **states[] = {&g->dW, &g->dW_next, &g->dW0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = REF(doubles)(scratch, C * F);
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        *squares[i] = REF(doubles)(scratch, C * C);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        *columns[i] = REF(doubles)(scratch, C);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        *heads[i] = REF(doubles)(scratch, F);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        *states[i] = REF(doubles)(scratch, F * F);
}

void REF(chunk_grads_measure)(bl_arena *scratch, size_t C, size_t F)
{
    chunk_grads g;
    push_grads(&g, scratch, C, F);
}

static void clear(double *x, size_t n)
{
    memset(x, 0, n * sizeof *x);
}

/* y[i] += sum_j x[j,i] */
static void add_rows(double *y, const double *x, size_t n, size_t F)
{
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < F; i++)
            y[i] += x[j * F + i];
}

/* O = Q + gamma xo + beta:
 *   dZb = P(gamma dO; xo) / sigma_o;  dgamma += sum dO xo;  dbeta += sum dO;  dQ = dO */
static void output_bwd(chunk_grads *g, const ttt_chunk *c)
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
    add_rows(g->dbeta, g->dO, n, F);
    memcpy(g->dQ, g->dO, n * F * sizeof *g->dQ);
}

/* Zb = Q W + b - C G,  C = M S,  S = Q K^T + 1:
 *   dQ += dZb W^T;  dW = dW' + Q^T dZb;  db = db' + sum dZb
 *   dG = -C^T dZb;  dC = -dZb G^T;  dS = dC M;  dM = tril(dC S)
 *   dQ += dS K;  dK = dS^T Q */
static void read_bwd(chunk_grads *g, const ttt_chunk *c)
{
    size_t n = c->n, F = c->F;
    REF(add_nt)(g->dQ, 1, g->dZb, c->W, n, F, F);
    REF(add_tn)(g->dW, 1, c->Q, g->dZb, F, n, F);
    add_rows(g->db, g->dZb, n, F);

    clear(g->dG, n * F);
    REF(add_tn)(g->dG, -1, c->mix, g->dZb, n, n, F);
    clear(g->dmix, n * n);
    REF(add_nt)(g->dmix, -1, g->dZb, c->G, n, F, n);
    for (size_t t = 0; t < n; t++)
        for (size_t s = 0; s < n; s++) {
            g->dS[t * n + s] = g->dmix[t * n + s] * c->M[t * n + s];
            g->dM[t * n + s] = s <= t ? g->dmix[t * n + s] * c->S[t * n + s] : 0;
        }
    REF(add_nn)(g->dQ, 1, g->dS, c->K, n, n, F);
    clear(g->dK, n * F);
    REF(add_tn)(g->dK, 1, g->dS, c->Q, n, n, F);
}

/* W' = W - (r K)^T G,  b' = b - sum r G,  r = tau[n] lambda:
 *   A = G dW'^T;  dG -= r (K dW' + db');  dK -= r A;  dr = -rowsum(K A) - G db'^T */
static void update_bwd(chunk_grads *g, const ttt_chunk *c)
{
    size_t n = c->n, F = c->F;
    clear(g->dr, n);
    if (!c->full)
        return;
    clear(g->A, n * F);
    REF(add_nt)(g->A, 1, c->G, g->dW_next, n, F, F);
    for (size_t s = 0; s < n; s++) {
        const double *K = c->K + s * F, *G = c->G + s * F, *A = g->A + s * F;
        double r = c->tau[n - 1] * c->lambda[s];
        REF(add_nn)(g->dG + s * F, -r, K, g->dW_next, 1, F, F);
        for (size_t i = 0; i < F; i++) {
            g->dG[s * F + i] -= r * g->db_next[i];
            g->dK[s * F + i] -= r * A[i];
        }
        g->dr[s] = -REF(dot)(K, A, F) - REF(dot)(G, g->db_next, F);
    }
}

/* M = tril(tau lambda^T),  r = tau[n] lambda,  tau = max(1/t + delta, 0):
 *   dtau = dM lambda;  dlambda = dM^T tau;  dtau[n] += dr . lambda;  dlambda += tau[n] dr
 *   ddelta += dtau where tau > 0 */
static void steps_bwd(chunk_grads *g, const ttt_chunk *c)
{
    size_t n = c->n;
    clear(g->dtau, n);
    clear(g->dlambda, n);
    REF(add_nn)(g->dtau, 1, g->dM, c->lambda, n, n, 1);
    REF(add_tn)(g->dlambda, 1, g->dM, c->tau, n, n, 1);
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
 *   dZ = P(dxh; xh) / sigma + dsig xh / F
 *   dV = -de;  dK += de;  dK += dZ W^T;  dW += K^T dZ;  db += sum dZ */
static void inner_bwd(chunk_grads *g, const ttt_chunk *c)
{
    size_t n = c->n, F = c->F;
    for (size_t j = 0; j < n; j++) {
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
    REF(add_nt)(g->dK, 1, g->dZ, c->W, n, F, F);
    REF(add_tn)(g->dW, 1, c->K, g->dZ, F, n, F);
    add_rows(g->db, g->dZ, n, F);
}

static void chunk_bwd(chunk_grads *g, const ttt_chunk *c)
{
    memcpy(g->dW_next, g->dW, c->F * c->F * sizeof *g->dW);
    memcpy(g->db_next, g->db, c->F * sizeof *g->db);
    output_bwd(g, c);
    read_bwd(g, c);
    update_bwd(g, c);
    steps_bwd(g, c);
    inner_bwd(g, c);
}

/* y += x, rounded once */
static void add_to(bl_param *y_, size_t offset, const double *x, size_t n)
{
    BL_REAL *y = (BL_REAL *)(void *)y_ + offset;
    for (size_t i = 0; i < n; i++)
        y[i] = (BL_REAL)((double)y[i] + x[i]);
}

/* The rows of dq, dk, dv [B,T,H,F] and dlambda [B,T,H] of one chunk. */
static void store_rows(BL_REAL *dq, BL_REAL *dk, BL_REAL *dv, BL_REAL *dlambda, chunk_grads *g,
                       const ttt_chunk *c, const bl_ttt_shape *s, ttt_place at)
{
    size_t F = s->F;
    for (size_t j = 0; j < c->n; j++) {
        size_t row = (at.b * s->T + at.t0 + j) * s->H + at.h;
        REF(rope)(g->dQ + j * F, g->dQ + j * F, j, -1, s);
        REF(rope)(g->dK + j * F, g->dK + j * F, j, -1, s);
        REF(store)(dq + row * F, g->dQ + j * F, F);
        REF(store)(dk + row * F, g->dK + j * F, F);
        REF(store)(dv + row * F, g->dV + j * F, F);
        dlambda[row] = (BL_REAL)g->dlambda[j];
    }
}

void REF(ttt_linear_bwd)(bl_dev *d, bl_act *dq_, bl_act *dk_, bl_act *dv_, bl_real *dlambda_,
                         const bl_ttt_params *dp, const bl_act *dout_, const bl_act *q_,
                         const bl_act *k_, const bl_act *v_, const bl_real *lambda_,
                         const void *saved, const bl_ttt_params *p, const bl_ttt_shape *s)
{
    BL_REAL *dq = (void *)dq_, *dk = (void *)dk_, *dv = (void *)dv_, *dlambda = (void *)dlambda_;
    const BL_REAL *dout = (const void *)dout_, *lambda = (const void *)lambda_;
    const BL_REAL *q = (const void *)q_, *k = (const void *)k_, *v = (const void *)v_;
    size_t F = s->F, chunks = (s->T + s->C - 1) / s->C;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    ttt_chunk c;
    chunk_grads g;
    REF(chunk_push)(&c, scratch, s->C, F);
    push_grads(&g, scratch, s->C, F);

    clear(g.ddelta, s->C);
    for (size_t h = 0; h < s->H; h++) {
        clear(g.dgamma, F);
        clear(g.dbeta, F);
        clear(g.dW0, F * F);
        clear(g.db0, F);
        for (size_t b = 0; b < s->B; b++) {
            clear(g.dW, F * F);
            clear(g.db, F);
            for (size_t i = chunks; i-- > 0;) {
                ttt_place at = {b, h, i * s->C};
                const double *checkpoint =
                    (const double *)saved + ((b * s->H + h) * chunks + i) * (F * F + F);
                memcpy(c.W, checkpoint, F * F * sizeof *c.W);
                memcpy(c.b, checkpoint + F * F, F * sizeof *c.b);
                REF(chunk_load)(&c, s, p, at, q, k, v, lambda);
                REF(chunk_fwd)(&c);
                for (size_t j = 0; j < c.n; j++)
                    REF(load)(g.dO + j * F, dout + ((b * s->T + at.t0 + j) * s->H + h) * F, F);
                chunk_bwd(&g, &c);
                store_rows(dq, dk, dv, dlambda, &g, &c, s, at);
            }
            add_rows(g.dW0, g.dW, 1, F * F);
            add_rows(g.db0, g.db, 1, F);
        }
        add_to(dp->W0, h * F * F, g.dW0, F * F);
        add_to(dp->b0, h * F, g.db0, F);
        add_to(dp->gamma, h * F, g.dgamma, F);
        add_to(dp->beta, h * F, g.dbeta, F);
    }
    add_to(dp->delta, 0, g.ddelta, s->C);
    bl_arena_rewind(scratch, mark);
}
