/* The TTT layer backward (MODEL 3.5).
 *
 * Per (sequence, head): a sweep forward makes W, b before every chunk and G, xh of every token
 * again (cheaper than storing them: one product and one update a chunk), then a sweep backward.
 * Everything of one head stays in this core's cache. */
#include "cpu/ttt.h"

#include <string.h>

/* One head's room in a thread's scratch. */
typedef struct bl_ttt_tape {
    float *W, *b;                     /* [chunks + 1, F,F], [chunks + 1, F] before each chunk */
    float *q, *k, *h, *G, *xh, *rstd; /* [T,F] rotated q, k; h = lambda G; [T] 1/sigma */
    float *Wt;                        /* [F,F] W transposed */
    float *dW, *db;                   /* the gradients of the state: in the task's partial sums */
    float *zb, *dzb, *dq, *dk, *dG, *de, *dz, *tmp; /* [C,F] */
    float *mix, *coef, *dC, *S;                     /* [C,C] */
} bl_ttt_tape;

static size_t tape_plan(bl_ttt_tape *t, float *base, size_t T, size_t C, size_t F)
{
    size_t chunks = bl_blocks(T, C), rows = chunks * C, used = 0;
    struct {
        float **to;
        size_t count;
    } parts[] = {{&t->W, (chunks + 1) * F * F},
                 {&t->b, (chunks + 1) * F},
                 {&t->q, rows * F},
                 {&t->k, rows * F},
                 {&t->h, rows * F},
                 {&t->G, rows * F},
                 {&t->xh, rows * F},
                 {&t->rstd, rows},
                 {&t->Wt, F * F},
                 {&t->zb, C * F},
                 {&t->dzb, C * F},
                 {&t->dq, C * F},
                 {&t->dk, C * F},
                 {&t->dG, C * F},
                 {&t->de, C * F},
                 {&t->dz, C * F},
                 {&t->tmp, C * F},
                 {&t->mix, C * C},
                 {&t->coef, C * C},
                 {&t->dC, C * C},
                 {&t->S, C * C}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i].to = base ? base + used : NULL;
        used += bl_blocks(parts[i].count, 16) * 16;
    }
    return used;
}

size_t bl_ttt_local_floats(const bl_limits *most)
{
    bl_ttt_tape tape;
    return tape_plan(&tape, NULL, most->T, most->C, most->F) + 4 * most->C * most->F +
           most->C * most->C;
}

/* Pointers of one (sequence, head) into the tensors of the call. */
typedef struct bl_ttt_head {
    const float *q, *k, *v, *dout, *lambda; /* rows of stride ld; lambda of stride H */
    float *dq, *dk, *dv, *dlambda;
    float *dgamma, *dbeta, *dtau; /* this task's partial sums */
} bl_ttt_head;

/* W, b, q, k, h, G, xh, 1/sigma of all chunks. */
static void sweep_forward(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                          size_t T)
{
    size_t F = call->F, C = call->C, ld = call->ld;
    for (size_t first = 0, n = 0; first < T; first += C, n++) {
        size_t m = bl_least(C, T - first), at = first * F;
        const float *W = t->W + n * F * F, *b = t->b + n * F;
        for (size_t i = 0; i < m; i++) {
            const float *cs = call->cs + i * F, *sn = call->sn + i * F;
            call->kern->rope(t->q + at + i * F, x->q + (first + i) * ld, cs, sn, F);
            call->kern->rope(t->k + at + i * F, x->k + (first + i) * ld, cs, sn, F);
        }
        bl_ttt_affine(call, t->zb, t->k + at, W, b, m);
        for (size_t i = 0; i < m; i++)
            t->rstd[first + i] =
                call->kern->ttt_inner(t->h + at + i * F, t->G + at + i * F, t->xh + at + i * F,
                                      t->zb + i * F, t->k + at + i * F, x->v + (first + i) * ld,
                                      call->gamma, call->beta, x->lambda[(first + i) * call->H], F);
        if (first + C >= T)
            break;
        memcpy(t->W + (n + 1) * F * F, W, F * F * sizeof *W);
        memcpy(t->b + (n + 1) * F, b, F * sizeof *b);
        bl_ttt_fold(call, t->W + (n + 1) * F * F, t->b + (n + 1) * F, t->k + at, t->h + at, t->tmp);
    }
}

/* The chunk at hand: rows of the tape and of the tensors. */
typedef struct bl_ttt_chunk {
    size_t first, m;
    const float *W, *b, *q, *k, *h, *G, *xh, *rstd;
} bl_ttt_chunk;

/* "output" and "read": dzb, dq, dG, dK; coef holds C = tau lambda (S + 1) on and below the
 * diagonal, dC becomes dS = dC o M; dlambda and dtau take their sums over dM = dC o S. */
static void back_read(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                      const bl_ttt_chunk *ch, float *dlam)
{
    size_t F = call->F, C = call->C, ld = call->ld, m = ch->m;
    const bl_kern *kern = call->kern;
    const float *lambda = x->lambda + ch->first * call->H;
    bl_ttt_mix(call, t->mix, ch->q, ch->k, 0, m);
    bl_ttt_read(call, t->zb, ch->q, ch->W, ch->b, t->mix, ch->h, 0, m);
    for (size_t i = 0; i < m; i++) {
        const float *dout = x->dout + (ch->first + i) * ld;
        kern->ttt_out_bwd(t->dzb + i * F, x->dgamma, x->dbeta, dout, t->zb + i * F, call->gamma, F);
        memcpy(t->dq + i * F, dout, F * sizeof *dout);
    }
    kern->transpose(t->Wt, F, ch->W, F, F, F);
    kern->matmul(t->dq, F, t->dzb, F, 1, t->Wt, F, m, F, F); /* dQ = dO + dZb W^T */

    kern->dots(t->S, C, ch->q, F, ch->k, F, m, m, F);
    kern->dots(t->dC, C, t->dzb, F, ch->G, F, m, m, F);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) {
            size_t at = i * C + j;
            float lam = lambda[j * call->H];
            if (j > i) {
                t->coef[at] = t->dC[at] = 0.0f;
                continue;
            }
            float dC = -t->dC[at], dM = dC * (t->S[at] + 1.0f);
            t->coef[at] = t->mix[at] * lam; /* -C: dG = -C^T dZb */
            t->dC[at] = dC * (call->tau[i] * lam);
            dlam[j] += dM * call->tau[i];
            x->dtau[i] += dM * lam;
        }
    memset(t->dG, 0, m * F * sizeof *t->dG);
    memset(t->dk, 0, m * F * sizeof *t->dk);
    kern->matmul(t->dG, F, t->coef, 1, C, t->dzb, F, m, F, m);
    kern->matmul(t->dq, F, t->dC, C, 1, ch->k, F, m, F, m); /* dQ += dS K */
    kern->matmul(t->dk, F, t->dC, 1, C, ch->q, F, m, F, m); /* dK = dS^T Q */
}

/* "update": what W' = W - (r K)^T G hands back; dW, db still are the gradients of W', b'. */
static void back_update(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                        const bl_ttt_chunk *ch, float *dlam)
{
    size_t F = call->F, m = ch->m;
    const bl_kern *kern = call->kern;
    float tau = call->tau[call->C - 1];
    bl_ttt_affine(call, t->tmp, ch->k, t->dW, t->db, m); /* K dW' + db' */
    for (size_t i = 0; i < m; i++) {
        float lam = x->lambda[(ch->first + i) * call->H], dr;
        kern->axpy(t->dG + i * F, -(tau * lam), t->tmp + i * F, F);
        /* dr = -K . (G dW'^T) - G . db' = -G . (K dW' + db') */
        kern->dots(&dr, 1, ch->G + i * F, F, t->tmp + i * F, F, 1, 1, F);
        dlam[i] -= tau * dr;
        x->dtau[call->C - 1] -= dr * lam;
    }
    kern->dots(t->tmp, F, ch->G, F, t->dW, F, m, F, F); /* A = G dW'^T */
    for (size_t i = 0; i < m; i++)
        kern->axpy(t->dk + i * F, -(tau * x->lambda[(ch->first + i) * call->H]), t->tmp + i * F, F);
}

/* "inner", then the state's gradients before this chunk. */
static void back_inner(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                       const bl_ttt_chunk *ch)
{
    size_t F = call->F, ld = call->ld, m = ch->m;
    const bl_kern *kern = call->kern;
    for (size_t i = 0; i < m; i++) {
        kern->ttt_inner_bwd(t->dz + i * F, t->de + i * F, x->dgamma, x->dbeta, t->dG + i * F,
                            ch->G + i * F, ch->xh + i * F, ch->rstd[i], ch->k + i * F,
                            x->v + (ch->first + i) * ld, call->gamma, call->beta, F);
        kern->add(t->dk + i * F, t->de + i * F, F);
        float *dv = x->dv + (ch->first + i) * ld;
        for (size_t j = 0; j < F; j++)
            dv[j] = -t->de[i * F + j];
    }
    kern->matmul(t->dk, F, t->dz, F, 1, t->Wt, F, m, F, F);  /* dK += dZ W^T */
    kern->matmul(t->dW, F, ch->q, 1, F, t->dzb, F, F, F, m); /* dW = dW' + Q^T dZb + K^T dZ */
    kern->matmul(t->dW, F, ch->k, 1, F, t->dz, F, F, F, m);
    for (size_t i = 0; i < m; i++) {
        kern->add(t->db, t->dzb + i * F, F);
        kern->add(t->db, t->dz + i * F, F);
    }
}

static void back_chunk(const bl_ttt_call *call, const bl_ttt_tape *t, const bl_ttt_head *x,
                       size_t n, size_t T)
{
    size_t F = call->F, C = call->C, first = n * C, at = first * F;
    bl_ttt_chunk ch = {.first = first,
                       .m = bl_least(C, T - first),
                       .W = t->W + n * F * F,
                       .b = t->b + n * F,
                       .q = t->q + at,
                       .k = t->k + at,
                       .h = t->h + at,
                       .G = t->G + at,
                       .xh = t->xh + at,
                       .rstd = t->rstd + first};
    float dlam[TTT_C_MOST] = {0};
    back_read(call, t, x, &ch, dlam);
    if (first + C < T) /* the last chunk's W' is read by nobody */
        back_update(call, t, x, &ch, dlam);
    back_inner(call, t, x, &ch);
    for (size_t i = 0; i < ch.m; i++) {
        const float *cs = call->cs + i * F, *sn = call->sn + i * F;
        float back[128]; /* -sin: rotation by -a */
        for (size_t j = 0; j < F; j++)
            back[j] = -sn[j];
        call->kern->rope(x->dq + (first + i) * call->ld, t->dq + i * F, cs, back, F);
        call->kern->rope(x->dk + (first + i) * call->ld, t->dk + i * F, cs, back, F);
        x->dlambda[(first + i) * call->H] = dlam[i];
    }
}

/* to[i] += sum over sequences of the tasks' parts, ascending; a part is `width` floats a task. */
static void gather(const bl_cpu *c, float *to, const float *part, size_t offset, size_t count,
                   size_t width, const bl_ttt_shape *s, size_t head)
{
    for (size_t b = 0; b < s->B; b++)
        c->k.add(to, part + (b * s->H + head) * width + offset, count);
}

void bl_cpu_ttt_linear_bwd(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                           const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                           const bl_act *k, const bl_act *v, const bl_real *lambda,
                           const void *saved, const bl_ttt_params *p, const bl_ttt_shape *s)
{
    (void)saved;
    bl_cpu *c = bl_cpu_of(d);
    bl_ttt_call shared;
    bl_ttt_begin(c, &shared, p, s);
    size_t F = s->F, C = s->C, H = s->H, T = s->T, width = F * F + 3 * F + C;
    int team = bl_cpu_team(c, s->B * T * H * F * F);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t task = 0; task < s->B * H; task++) {
        size_t b = task / H, head = task % H, first = b * T * H * F + head * F;
        float *part = c->ttt_grads + task * width;
        memset(part, 0, width * sizeof *part);
        bl_ttt_call call = shared;
        call.gamma = (const float *)p->gamma + head * F;
        call.beta = (const float *)p->beta + head * F;
        bl_ttt_tape tape;
        (void)tape_plan(&tape, bl_cpu_local(c), T, C, F);
        bl_ttt_head x = {.q = (const float *)q + first,
                         .k = (const float *)k + first,
                         .v = (const float *)v + first,
                         .dout = (const float *)dout + first,
                         .lambda = (const float *)lambda + b * T * H + head,
                         .dq = (float *)dq + first,
                         .dk = (float *)dk + first,
                         .dv = (float *)dv + first,
                         .dlambda = (float *)dlambda + b * T * H + head,
                         .dgamma = part + F * F + F,
                         .dbeta = part + F * F + 2 * F,
                         .dtau = part + F * F + 3 * F};
        memcpy(tape.W, (const float *)p->W0 + head * F * F, F * F * sizeof *tape.W);
        memcpy(tape.b, (const float *)p->b0 + head * F, F * sizeof *tape.b);
        tape.dW = part;
        tape.db = part + F * F;
        sweep_forward(&call, &tape, &x, T);
        for (size_t n = bl_blocks(T, C); n-- > 0;)
            back_chunk(&call, &tape, &x, n, T);
    }
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t head = 0; head < H; head++) {
        size_t row = head * F;
        gather(c, (float *)dp->W0 + row * F, c->ttt_grads, 0, F * F, width, s, head);
        gather(c, (float *)dp->b0 + row, c->ttt_grads, F * F, F, width, s, head);
        gather(c, (float *)dp->gamma + row, c->ttt_grads, F * F + F, F, width, s, head);
        gather(c, (float *)dp->beta + row, c->ttt_grads, F * F + 2 * F, F, width, s, head);
    }
    for (size_t task = 0; task < s->B * H; task++)
        for (size_t t = 0; t < C; t++)
            if (shared.tau[t] > 0.0f)
                ((float *)dp->delta)[t] += c->ttt_grads[task * width + F * F + 3 * F + t];
}
