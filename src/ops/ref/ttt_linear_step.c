/* The TTT layer token by token: the buffered form (MODEL 3.4).
 *
 * Every token is read by itself, so a text gives the same bits however it is cut into calls. */
#include "ops/ref/ttt.h"

#include <string.h>

void REF(state_start)(const bl_ttt_state *state, const bl_ttt_params *p, const bl_ttt_shape *s,
                      size_t M)
{
    size_t F = s->F, rows = s->B * s->H * s->C;
    for (size_t b = 0; b < s->B; b++) {
        BL_REAL *W = (void *)state->W, *bias = (void *)state->b;
        memcpy(W + b * s->H * F * M, p->W0, s->H * F * M * sizeof *W);
        memcpy(bias + b * s->H * M, p->b0, s->H * M * sizeof *bias);
    }
    memset(state->k, 0, rows * F * sizeof(BL_REAL));
    memset(state->h, 0, rows * M * sizeof(BL_REAL));
}

void REF(ttt_linear_start)(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,
                           const bl_ttt_shape *s)
{
    (void)d;
    REF(state_start)(state, p, s, s->F);
}

/* Rows of one token, each [F] unless said. */
typedef struct token_rows {
    double *q, *k, *v, *z, *xh, *e, *a, *G, *gamma, *beta;
} token_rows;

static void push_token(token_rows *r, bl_arena *scratch, size_t F)
{
    double **rows[] = {&r->q, &r->k, &r->v, &r->z,     &r->xh,
                       &r->e, &r->a, &r->G, &r->gamma, &r->beta};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = REF(doubles)(scratch, F);
}

void REF(state_affine)(double *y, const double *x, const BL_REAL *W, const BL_REAL *b, size_t in,
                       size_t out)
{
    for (size_t i = 0; i < out; i++) {
        y[i] = (double)b[i];
        for (size_t k = 0; k < in; k++)
            y[i] += x[k] * (double)W[k * out + i];
    }
}

void REF(state_forget)(BL_REAL *W, const BL_REAL *W0, double rho, size_t n)
{
    for (size_t i = 0; i < n; i++)
        W[i] = (BL_REAL)((double)W0[i] + rho * ((double)W[i] - (double)W0[i]));
}

void REF(state_fold)(BL_REAL *W, BL_REAL *b, const BL_REAL *k, const BL_REAL *h, double tau,
                     size_t C, size_t in, size_t out)
{
    for (size_t x = 0; x < in; x++)
        for (size_t y = 0; y < out; y++) {
            double sum = 0;
            for (size_t j = 0; j < C; j++)
                sum += (double)k[j * in + x] * (double)h[j * out + y];
            W[x * out + y] = (BL_REAL)((double)W[x * out + y] - tau * sum);
        }
    for (size_t y = 0; y < out; y++) {
        double sum = 0;
        for (size_t j = 0; j < C; j++)
            sum += (double)h[j * out + y];
        b[y] = (BL_REAL)((double)b[y] - tau * sum);
    }
}

/* One token of one head: row j of its chunk.  k, h are the chunk's buffers [C,F]; o [F]. */
static void read_token(BL_REAL *o, BL_REAL *W, BL_REAL *b, BL_REAL *k, BL_REAL *h,
                       const token_rows *r, double lambda, double tau, size_t j, size_t F)
{
    /* G from (k, v) at W, b;  append k and h = lambda G */
    REF(state_affine)(r->z, r->k, W, b, F, F);
    REF(inner_gradient)(r->G, r->xh, r->e, r->a, r->z, r->k, r->v, r->gamma, r->beta, F);
    for (size_t i = 0; i < F; i++) {
        k[j * F + i] = (BL_REAL)r->k[i];
        h[j * F + i] = (BL_REAL)(lambda * r->G[i]);
    }

    /* zb = q W + b - tau sum_{s<=j} (q . k_s + 1) h_s */
    REF(state_affine)(r->z, r->q, W, b, F, F);
    for (size_t s = 0; s <= j; s++) {
        double mix = 1;
        for (size_t i = 0; i < F; i++)
            mix += r->q[i] * (double)k[s * F + i];
        for (size_t i = 0; i < F; i++)
            r->z[i] -= tau * mix * (double)h[s * F + i];
    }

    /* o = q + gamma LNhat(zb) + beta */
    REF(standardise)(r->xh, r->z, F);
    for (size_t i = 0; i < F; i++)
        o[i] = (BL_REAL)(r->q[i] + r->gamma[i] * r->xh[i] + r->beta[i]);
}

void REF(ttt_linear_step)(bl_dev *d, bl_act *o_, const bl_ttt_state *state, const bl_act *q_,
                          const bl_act *k_, const bl_act *v_, const bl_real *lambda_,
                          const bl_ttt_params *p, const bl_ttt_shape *s, const bl_dev_step *step_)
{
    const bl_step *step = (const void *)step_;
    BL_REAL *o = (void *)o_;
    const BL_REAL *q = (const void *)q_, *k = (const void *)k_, *v = (const void *)v_;
    const BL_REAL *lambda = (const void *)lambda_;
    const BL_REAL *gamma = (const void *)p->gamma, *beta = (const void *)p->beta;
    const BL_REAL *W0 = (const void *)p->W0, *b0 = (const void *)p->b0;
    BL_REAL *states_W = (void *)state->W, *states_b = (void *)state->b;
    BL_REAL *states_k = (void *)state->k, *states_h = (void *)state->h;
    size_t F = s->F, H = s->H, C = s->C;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    token_rows r;
    push_token(&r, scratch, F);

    for (size_t b = 0; b < s->B; b++)
        for (size_t h = 0; h < H; h++) {
            size_t head = b * H + h;
            BL_REAL *W = states_W + head * F * F, *bias = states_b + head * F;
            BL_REAL *ks = states_k + head * C * F, *hs = states_h + head * C * F;
            REF(load)(r.gamma, gamma + h * F, F);
            REF(load)(r.beta, beta + h * F, F);
            for (size_t t = 0; t < s->T; t++) {
                size_t row = (b * s->T + t) * H + h, j = (size_t)((step->position + t) % C);
                REF(load)(r.q, q + row * F, F);
                REF(load)(r.k, k + row * F, F);
                REF(load)(r.v, v + row * F, F);
                REF(rope)(r.q, r.q, j, 1, s);
                REF(rope)(r.k, r.k, j, 1, s);
                read_token(o + row * F, W, bias, ks, hs, &r, (double)lambda[row], REF(tau)(p, j), j,
                           F);
                if (j == C - 1) {
                    if (p->half_life) {
                        double rho = REF(head_forget)(p, h).rho;
                        REF(state_forget)(W, W0 + h * F * F, rho, F * F);
                        REF(state_forget)(bias, b0 + h * F, rho, F);
                    }
                    REF(state_fold)(W, bias, ks, hs, REF(tau)(p, j), C, F, F);
                    memset(ks, 0, C * F * sizeof *ks);
                    memset(hs, 0, C * F * sizeof *hs);
                }
            }
        }
    bl_arena_rewind(scratch, mark);
}
