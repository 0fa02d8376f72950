/* A token through all layers in one call: a chain of steps on one team, each with the bits of the
 * ops that it stands for.
 *
 * Five of a layer's nine steps share panels of weights or heads; four normalise and quantise rows,
 * which of one sequence is one task, done by who ended the step before. */
#include "cpu/ttt_linear.h"
#include "ops/composite.h"

#include <string.h>

enum {
    DECODE_ROWS = 64,
    MEMBER_WORK = 12288,    /* element visits of a step that make one more thread worthwhile */
    MEMORY_LEAST = 64 << 20 /* bytes of ternary weights that come from memory, not from L3 */
};

enum {
    STEP_SEQ_NORM,    /* rows: the embedding, pre_conv, seq_norm */
    STEP_PROJECTIONS, /* panels of q, k, v, g; and one task more, the step sizes */
    STEP_HEADS,       /* heads of rows: convolutions and the TTT step */
    STEP_GATE,        /* rows */
    STEP_OUT,         /* panels */
    STEP_FFN_NORM,    /* rows */
    STEP_GATE_UP,     /* panels */
    STEP_SWIGLU,      /* rows */
    STEP_DOWN,        /* panels */
    LAYER_STEPS
};

void bl_cpu_decode_plan(bl_decode_room *r, bl_arena *a, const bl_limits *most, bl_dev *d)
{
    size_t N = bl_least(most->B * most->T, DECODE_ROWS), D = most->D, F = sizeof(float);
    if (!d->ternary)
        N = 0;
    float **rows[] = {&r->xn, &r->u, &r->q, &r->k, &r->v, &r->z, &r->o};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = bl_arena_push(a, N * D, F);
    r->gate = bl_arena_push(a, N * most->I, F);
    r->up = bl_arena_push(a, N * most->I, F);
    r->lambda = bl_arena_push(a, N * most->H, F);
    r->xq = bl_arena_push(a, 1, bl_cpu_q8_bytes(d, N, D));
    r->hq = bl_arena_push(a, 1, bl_cpu_q8_bytes(d, N, most->I));
}

typedef struct token_op {
    const bl_cpu *c;
    const bl_decode_model *m;
    const bl_decode_row *row; /* [N] */
    size_t N, F, far;         /* far: of bl_tern_product */
    float *x;                 /* [N,D] */
    bl_q8_view xq, hq;
} token_op;

/* ---- rows ---- */

/* y = the convolution of n channels of one token u, behind `tail`, whose rows are D apart. */
static void conv_token(const token_op *a, float *y, const float *u, const float *tail,
                       const float *taps, const bl_param *bias, size_t n)
{
    size_t K = a->m->K, D = a->m->D;
    const float *rows[CONV_MOST] = {u};
    for (size_t j = 1; j < K; j++)
        rows[j] = tail + (K - 1 - j) * D;
    a->c->k.conv_row(y, rows, taps, (const float *)bias, K, n);
}

/* The tail of n channels after u. */
static void shift_tail(const token_op *a, float *tail, const float *u, size_t n)
{
    size_t K = a->m->K, D = a->m->D;
    for (size_t i = 0; i + 1 < K; i++)
        memcpy(tail + i * D, i + 2 < K ? tail + (i + 1) * D : u, n * sizeof *u);
}

static float *state_of(const token_op *a, size_t n, size_t at)
{
    return (float *)(void *)((char *)a->row[n].state + at);
}

/* RMSNorm of row n of x, quantised; y may be NULL. */
static void norm_row(const token_op *a, size_t n, float *y, const bl_param *w)
{
    const bl_q8_view *q = &a->xq;
    (void)a->c->k.rmsnorm_fwd(y, q->q + n * q->ld, q->sum + n, q->scale + n, a->x + n * a->m->D,
                              (const float *)w, a->m->eps, a->m->D);
}

static void embed(const token_op *a, size_t n, float *x)
{
    const bl_cpu_table E = bl_cpu_table_open(a->m->embed, a->m->D);
    const float *row = bl_cpu_table_rows(&a->c->k, &E, (size_t)a->row[n].id, 1, x);
    if (row != x)
        memcpy(x, row, a->m->D * sizeof *x);
}

static void seq_norm(const token_op *a, size_t l, size_t first, size_t last, float *local)
{
    const bl_decode_layer *w = &a->m->layer[l];
    size_t D = a->m->D;
    float *u = local, *y = u + D, *taps = y + D;
    if (w->pre_conv)
        bl_taps_by_distance(taps, (const float *)w->pre_conv, D, a->m->K);
    for (size_t n = first; n < last; n++) {
        float *x = a->x + n * D;
        if (l == 0)
            embed(a, n, x);
        if (w->pre_conv) {
            float *tail = state_of(a, n, w->pre_tail);
            (void)a->c->k.rmsnorm_fwd(u, NULL, NULL, NULL, x, (const float *)w->pre_norm, a->m->eps,
                                      D);
            conv_token(a, y, u, tail, taps, w->pre_conv_b, D);
            shift_tail(a, tail, u, D);
            a->c->k.add(x, y, D);
        }
        norm_row(a, n, a->c->decode.xn + n * D, w->seq_norm);
    }
}

static void gate(const token_op *a, const bl_decode_layer *w, size_t first, size_t last,
                 float *local)
{
    const bl_decode_room *r = &a->c->decode;
    const bl_q8_view *q = &a->xq;
    size_t D = a->m->D;
    float stats[3];
    for (size_t n = first; n < last; n++)
        a->c->k.gate_norm_fwd(local, q->q + n * q->ld, q->sum + n, q->scale + n, stats,
                              r->o + n * D, w->g_proj ? r->z + n * D : NULL,
                              (const float *)w->post_w, (const float *)w->post_b,
                              (const float *)w->attn_sub, a->m->eps, D);
}

static void swiglu(const token_op *a, const bl_decode_layer *w, size_t first, size_t last,
                   float *local)
{
    const bl_decode_room *r = &a->c->decode;
    const bl_q8_view *q = &a->hq;
    size_t I = a->m->I;
    for (size_t n = first; n < last; n++)
        (void)a->c->k.swiglu_norm_fwd(local, q->q + n * q->ld, q->sum + n, q->scale + n,
                                      r->gate + n * I, r->up + n * I, (const float *)w->ffn_sub,
                                      a->m->eps, I);
}

/* ---- panels ---- */

/* Tasks first .. last - 1 of the panels of several products, which follow one another. */
static void panels(const token_op *a, const bl_tern_product *at, size_t count, size_t first,
                   size_t last)
{
    for (size_t i = 0, begin = 0; i < count; i++) {
        size_t end = begin + bl_blocks(at[i].out, BL_TERN_ROWS);
        size_t from = bl_most(first, begin), to = bl_least(last, end);
        if (from < to)
            bl_cpu_tern_tiles(a->c, &at[i], from - begin, to - begin);
        begin = end;
    }
}

static bl_tern_product product(const token_op *a, float *y, const bl_tern *w, size_t out)
{
    return (bl_tern_product){
        .y = y, .w = w, .x = a->xq, .N = a->N, .out = out, .in = a->m->D, .far = a->far};
}

static void step_sizes(const token_op *a, const bl_decode_layer *w)
{
    const bl_kern *k = &a->c->k;
    const bl_decode_room *r = &a->c->decode;
    size_t D = a->m->D, H = a->m->H;
    k->dots(r->lambda, H, r->xn, D, (const float *)w->lr_w, D, a->N, H, D);
    for (size_t n = 0; n < a->N; n++)
        k->add(r->lambda + n * H, (const float *)w->lr_b, H);
    k->sigmoid(r->lambda, r->lambda, a->m->lr_scale, a->N * H);
}

/* Task 0 is the step sizes. */
static void projections(const token_op *a, const bl_decode_layer *w, size_t first, size_t last)
{
    const bl_decode_room *r = &a->c->decode;
    const bl_tern *matrix[] = {w->q_proj, w->k_proj, w->v_proj, w->g_proj};
    float *const to[] = {r->u, r->k, r->v, r->z};
    bl_tern_product at[4];
    size_t count = 0;
    for (size_t i = 0; i < 4; i++)
        if (matrix[i])
            at[count++] = product(a, to[i], matrix[i], a->m->D);
    if (!first)
        step_sizes(a, w);
    panels(a, at, count, first ? first - 1 : 0, last - 1);
}

static void gate_up(const token_op *a, const bl_decode_layer *w, size_t first, size_t last)
{
    const bl_decode_room *r = &a->c->decode;
    size_t I = a->m->I;
    const bl_tern_product at[] = {product(a, r->gate, w->gate_proj, I),
                                  product(a, r->up, w->up_proj, I)};
    panels(a, at, 2, first, last);
}

static void to_residual(const token_op *a, const bl_q8_view *x, const bl_tern *w, size_t in,
                        size_t first, size_t last)
{
    bl_tern_product p = product(a, a->x, w, a->m->D);
    p.x = *x;
    p.in = in;
    p.accumulate = 1;
    bl_cpu_tern_tiles(a->c, &p, first, last);
}

/* ---- heads ---- */

/* q and k of heads first .. last - 1 of row n from their common projection. */
static void conv_heads(const token_op *a, const bl_decode_layer *w, size_t n, size_t first,
                       size_t last, float *local)
{
    const bl_decode_room *r = &a->c->decode;
    size_t K = a->m->K, i = first * a->F, width = (last - first) * a->F, at = n * a->m->D + i;
    float *tail = state_of(a, n, w->tail) + i;
    bl_taps_by_distance(local, (const float *)w->conv_q + i * K, width, K);
    conv_token(a, r->q + at, r->u + at, tail, local,
               (const bl_param *)((const float *)w->conv_q_b + i), width);
    bl_taps_by_distance(local, (const float *)w->conv_k + i * K, width, K);
    conv_token(a, r->k + at, r->u + at, tail, local,
               (const bl_param *)((const float *)w->conv_k_b + i), width);
    shift_tail(a, tail, r->u + at, width);
}

static void row_heads(const token_op *a, const bl_decode_layer *w, size_t n, size_t first,
                      size_t last, size_t member)
{
    const bl_decode_room *r = &a->c->decode;
    const bl_decode_model *m = a->m;
    size_t at = n * m->D;
    const char *base = a->row[n].base;
    bl_ttt_params inner = w->inner;
    if (base) {
        inner.W0 = (bl_param *)(uintptr_t)(base + w->W0);
        inner.b0 = (bl_param *)(uintptr_t)(base + w->b0);
    }
    const bl_ttt_state state = {.W = (bl_real *)state_of(a, n, w->W),
                                .b = (bl_real *)state_of(a, n, w->b),
                                .k = (bl_real *)state_of(a, n, w->k),
                                .h = (bl_real *)state_of(a, n, w->h)};
    const bl_ttt_shape shape = {1, 1, m->H, a->F, m->C, m->rope_theta};
    if (w->conv_q)
        conv_heads(a, w, n, first, last, bl_cpu_local(a->c, member));
    bl_ttt_op op = {.fn = bl_ttt_linear_task,
                    .p = &inner,
                    .s = &shape,
                    .M = a->F,
                    .state = &state,
                    .position = a->row[n].position,
                    .x = {.q = (w->conv_q ? r->q : r->u) + at,
                          .k = r->k + at,
                          .v = r->v + at,
                          .lambda = r->lambda + n * m->H,
                          .dq = r->o + at}};
    bl_ttt_begin(&op, a->c);
    bl_ttt_tasks(&op, first, last, member);
}

static void heads(const token_op *a, const bl_decode_layer *w, size_t first, size_t last,
                  size_t member)
{
    size_t H = a->m->H;
    for (size_t n = first / H; n * H < last; n++)
        row_heads(a, w, n, bl_most(first, n * H) - n * H, bl_least(last - n * H, H), member);
}

/* ---- the chain ---- */

static size_t tasks_of(void *user, size_t step)
{
    const token_op *a = user;
    const bl_decode_model *m = a->m;
    const bl_decode_layer *w = &m->layer[step / LAYER_STEPS];
    size_t panel = bl_blocks(m->D, BL_TERN_ROWS);
    if (step == m->L * LAYER_STEPS)
        return a->N;
    switch (step % LAYER_STEPS) {
    case STEP_PROJECTIONS:
        return 1 + panel * (2u + (w->k_proj != NULL) + (w->g_proj != NULL));
    case STEP_HEADS:
        return a->N * m->H;
    case STEP_OUT:
    case STEP_DOWN:
        return panel;
    case STEP_GATE_UP:
        return 2 * bl_blocks(m->I, BL_TERN_ROWS);
    default:
        return a->N;
    }
}

static void keep_last(const token_op *a, size_t first, size_t last)
{
    size_t D = a->m->D;
    for (size_t n = first; n < last; n++)
        memcpy(state_of(a, n, a->m->last), a->x + n * D, D * sizeof *a->x);
}

static void do_step(void *user, size_t step, size_t first, size_t last, size_t member)
{
    const token_op *a = user;
    size_t l = step / LAYER_STEPS;
    const bl_decode_layer *w = &a->m->layer[l];
    float *local = bl_cpu_local(a->c, member);
    if (l == a->m->L) {
        keep_last(a, first, last);
        return;
    }
    switch (step % LAYER_STEPS) {
    case STEP_SEQ_NORM:
        seq_norm(a, l, first, last, local);
        break;
    case STEP_PROJECTIONS:
        projections(a, w, first, last);
        break;
    case STEP_HEADS:
        heads(a, w, first, last, member);
        break;
    case STEP_GATE:
        gate(a, w, first, last, local);
        break;
    case STEP_OUT:
        to_residual(a, &a->xq, w->o_proj, a->m->D, first, last);
        break;
    case STEP_FFN_NORM:
        for (size_t n = first; n < last; n++)
            norm_row(a, n, NULL, w->ffn_norm);
        break;
    case STEP_GATE_UP:
        gate_up(a, w, first, last);
        break;
    case STEP_SWIGLU:
        swiglu(a, w, first, last, local);
        break;
    case STEP_DOWN:
        to_residual(a, &a->hq, w->down_proj, a->m->I, first, last);
        break;
    }
}

size_t bl_cpu_decode_rows(bl_dev *d, const bl_decode_model *m)
{
    return d->ternary && m->K <= CONV_MOST ? DECODE_ROWS : 0;
}

void bl_cpu_decode(bl_dev *d, bl_act *x, const bl_decode_model *m, const bl_dev_rows *rows,
                   size_t count)
{
    bl_cpu *c = bl_cpu_of(d);
    size_t D = m->D, F = D / m->H, parallel = 4, least = m->L * (4 * D + 3 * m->I) * D / 4;
    const bl_ttt_shape shape = {1, 1, m->H, F, m->C, m->rope_theta};
    token_op a = {.c = c,
                  .m = m,
                  .row = (const bl_decode_row *)rows,
                  .N = count,
                  .F = F,
                  .far = least > MEMORY_LEAST ? 2 * c->k.ahead : 0,
                  .x = (float *)x,
                  .xq = bl_q8_open(c, c->decode.xq, count, D),
                  .hq = bl_q8_open(c, c->decode.hq, count, m->I)};
    bl_ttt_rope(c, &shape);
    size_t work = count * D * (4 * D + 3 * m->I) / 16 / parallel;
    size_t threads = bl_least(bl_least(c->threads, work / MEMBER_WORK), BL_TEAM_CHAIN);
    bl_team_chain(threads, &(bl_team_steps){m->L * LAYER_STEPS + 1, tasks_of, do_step, &a},
                  &c->chains[threads]);
}
