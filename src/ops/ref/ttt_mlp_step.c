/* The TTT layer with an inner MLP token by token: the buffered form (MODEL 3.4, 3.6).
 *
 * Every token is read by itself, so a text gives the same bits however it is cut into calls. */
#include "ops/ref/ttt.h"

#include <string.h>

/* One head's state and its rows of a token. */
typedef struct mlp_head {
    size_t F, M, C;
    BL_REAL *W1, *b1, *W2, *b2; /* [F,M], [M], [M,F], [F] */
    int forgets;                /* then, of W1, b1, W2, b2: */
    const BL_REAL *start[4];
    double rho;
    BL_REAL *k, *h1, *x2, *h2;  /* the chunk's buffers [C,F], [C,M], [C,M], [C,F] */
    double *q, *key, *v;        /* [F] */
    double *z, *xh, *e, *a, *G; /* [F] */
    double *gamma, *beta;       /* [F] */
    double *z1, *x1;            /* [M] */
} mlp_head;

static void push_rows(mlp_head *r, bl_arena *scratch)
{
    double **narrow[] = {&r->q, &r->key, &r->v, &r->z,     &r->xh,
                         &r->e, &r->a,   &r->G, &r->gamma, &r->beta};
    double **wide[] = {&r->z1, &r->x1};
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
        *narrow[i] = REF(doubles)(scratch, r->F);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        *wide[i] = REF(doubles)(scratch, r->M);
}

/* h1, x2 and h2 of (k, v) at W1, b1, W2, b2 become row j of the buffers. */
static void learn_token(const mlp_head *r, double lambda, size_t j)
{
    size_t F = r->F, M = r->M;
    REF(state_affine)(r->z1, r->key, r->W1, r->b1, F, M);
    for (size_t i = 0; i < M; i++)
        r->x1[i] = REF(gelu)(r->z1[i]);
    REF(state_affine)(r->z, r->x1, r->W2, r->b2, M, F);
    REF(inner_gradient)(r->G, r->xh, r->e, r->a, r->z, r->key, r->v, r->gamma, r->beta, F);
    for (size_t i = 0; i < F; i++) {
        r->k[j * F + i] = (BL_REAL)r->key[i];
        r->h2[j * F + i] = (BL_REAL)(lambda * r->G[i]);
    }
    /* h1 = lambda (G2 W2^T) gelu'(z1) */
    for (size_t m = 0; m < M; m++) {
        double sum = 0;
        for (size_t i = 0; i < F; i++)
            sum += r->G[i] * (double)r->W2[m * F + i];
        r->h1[j * M + m] = (BL_REAL)(lambda * sum * REF(gelu_slope)(r->z1[m]));
        r->x2[j * M + m] = (BL_REAL)r->x1[m];
    }
}

/* zb -= tau sum_{s<=j} (x . k_s + 1) h_s */
static void mix_rows(double *zb, const double *x, const BL_REAL *k, const BL_REAL *h, double tau,
                     size_t j, size_t in, size_t out)
{
    for (size_t s = 0; s <= j; s++) {
        double mix = 1;
        for (size_t i = 0; i < in; i++)
            mix += x[i] * (double)k[s * in + i];
        for (size_t i = 0; i < out; i++)
            zb[i] -= tau * mix * (double)h[s * out + i];
    }
}

/* zb1 = q W1 + b1 - tau sum (q . k_s + 1) h1_s;  xb = gelu(zb1)
 * zb2 = xb W2 + b2 - tau sum (xb . x2_s + 1) h2_s;  o = q + gamma LNhat(zb2) + beta */
static void read_token(BL_REAL *o, const mlp_head *r, double tau, size_t j)
{
    size_t F = r->F, M = r->M;
    REF(state_affine)(r->z1, r->q, r->W1, r->b1, F, M);
    mix_rows(r->z1, r->q, r->k, r->h1, tau, j, F, M);
    for (size_t i = 0; i < M; i++)
        r->x1[i] = REF(gelu)(r->z1[i]);
    REF(state_affine)(r->z, r->x1, r->W2, r->b2, M, F);
    mix_rows(r->z, r->x1, r->x2, r->h2, tau, j, M, F);
    REF(standardise)(r->xh, r->z, F);
    for (size_t i = 0; i < F; i++)
        o[i] = (BL_REAL)(r->q[i] + r->gamma[i] * r->xh[i] + r->beta[i]);
}

static void close_chunk(const mlp_head *r, double tau)
{
    size_t C = r->C, F = r->F, M = r->M;
    BL_REAL *parts[] = {r->W1, r->b1, r->W2, r->b2};
    size_t sizes[] = {F * M, M, M * F, F};
    for (size_t i = 0; i < 4 && r->forgets; i++)
        REF(state_forget)(parts[i], r->start[i], r->rho, sizes[i]);
    REF(state_fold)(r->W1, r->b1, r->k, r->h1, tau, C, F, M);
    REF(state_fold)(r->W2, r->b2, r->x2, r->h2, tau, C, M, F);
    memset(r->k, 0, C * F * sizeof *r->k);
    memset(r->h1, 0, C * M * sizeof *r->h1);
    memset(r->x2, 0, C * M * sizeof *r->x2);
    memset(r->h2, 0, C * F * sizeof *r->h2);
}

/* The members of `r` that point into the state of head number `head` of the batch. */
static void find_state(mlp_head *r, const bl_ttt_state *state, size_t head)
{
    size_t F = r->F, M = r->M, C = r->C;
    r->W1 = (BL_REAL *)(void *)state->W + head * F * M;
    r->b1 = (BL_REAL *)(void *)state->b + head * M;
    r->W2 = (BL_REAL *)(void *)state->W2 + head * M * F;
    r->b2 = (BL_REAL *)(void *)state->b2 + head * F;
    r->k = (BL_REAL *)(void *)state->k + head * C * F;
    r->h1 = (BL_REAL *)(void *)state->h + head * C * M;
    r->x2 = (BL_REAL *)(void *)state->x2 + head * C * M;
    r->h2 = (BL_REAL *)(void *)state->h2 + head * C * F;
}

/* What head h forgets, and to what it returns. */
static void find_start(mlp_head *r, const bl_ttt_params *p, size_t h)
{
    size_t F = r->F, M = r->M;
    r->forgets = p->half_life != NULL;
    if (!r->forgets)
        return;
    r->start[0] = (const BL_REAL *)(const void *)p->W0 + h * F * M;
    r->start[1] = (const BL_REAL *)(const void *)p->b0 + h * M;
    r->start[2] = (const BL_REAL *)(const void *)p->W2 + h * M * F;
    r->start[3] = (const BL_REAL *)(const void *)p->b2 + h * F;
    r->rho = REF(head_forget)(p, h).rho;
}

void REF(ttt_mlp_start)(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,
                        const bl_ttt_shape *s)
{
    size_t F = s->F, M = 4 * F;
    (void)d;
    REF(state_start)(state, p, s, M);
    for (size_t b = 0; b < s->B; b++) {
        BL_REAL *W2 = (void *)state->W2, *b2 = (void *)state->b2;
        memcpy(W2 + b * s->H * M * F, p->W2, s->H * M * F * sizeof *W2);
        memcpy(b2 + b * s->H * F, p->b2, s->H * F * sizeof *b2);
    }
    memset(state->x2, 0, s->B * s->H * s->C * M * sizeof(BL_REAL));
    memset(state->h2, 0, s->B * s->H * s->C * F * sizeof(BL_REAL));
}

void REF(ttt_mlp_step)(bl_dev *d, bl_act *o_, const bl_ttt_state *state, const bl_act *q_,
                       const bl_act *k_, const bl_act *v_, const bl_real *lambda_,
                       const bl_ttt_params *p, const bl_ttt_shape *s, const bl_dev_step *step_)
{
    const bl_step *step = (const void *)step_;
    BL_REAL *o = (void *)o_;
    const BL_REAL *q = (const void *)q_, *k = (const void *)k_, *v = (const void *)v_;
    const BL_REAL *lambda = (const void *)lambda_;
    const BL_REAL *gamma = (const void *)p->gamma, *beta = (const void *)p->beta;
    size_t F = s->F, H = s->H, C = s->C;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    mlp_head r = {.F = F, .M = 4 * F, .C = C};
    push_rows(&r, scratch);

    for (size_t b = 0; b < s->B; b++)
        for (size_t h = 0; h < H; h++) {
            find_state(&r, state, b * H + h);
            find_start(&r, p, h);
            REF(load)(r.gamma, gamma + h * F, F);
            REF(load)(r.beta, beta + h * F, F);
            for (size_t t = 0; t < s->T; t++) {
                size_t row = (b * s->T + t) * H + h, j = (size_t)((step->position + t) % C);
                REF(load)(r.q, q + row * F, F);
                REF(load)(r.key, k + row * F, F);
                REF(load)(r.v, v + row * F, F);
                REF(rope)(r.q, r.q, j, 1, s);
                REF(rope)(r.key, r.key, j, 1, s);
                learn_token(&r, (double)lambda[row], j);
                read_token(o + row * F, &r, REF(tau)(p, j), j);
                if (j == C - 1)
                    close_chunk(&r, REF(tau)(p, j));
            }
        }
    bl_arena_rewind(scratch, mark);
}
