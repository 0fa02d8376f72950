/* What an op must read and write at least, and how much it multiplies: by its shapes alone.
 *
 * COST_op is an expression in the parameters of that op in ops.h, `~, cost(bytes, products of
 * integers, products of float32)` or a function that makes more of them, an addition counting like a multiplication.  An op without a line
 * here counts as nothing.  Ops with an inner model are counted by their largest products: F is the
 * width of a head, M that of the inner model, C a chunk. */
#ifndef BL_OPS_COST_H
#define BL_OPS_COST_H

#include "ops/ops.h"

typedef struct bl_cost {
    double bytes, int_ops, float_ops, bf16_ops;
} bl_cost;

/* clang-format off */
#define COST_ACTS(n)   ((double)(n) * (double)d->act_bytes)
#define COST_PARAMS(n) ((double)(n) * (double)d->param_bytes)
#define COST_REALS(n)  ((double)(n) * (double)d->real_bytes)
#define COST_TABLE(E, V, D) cost_table(d, E, V, D)
#define COST_Q8(N, K)  ((double)d->ops->q8_bytes(d, N, K))
#define COST_TERN(out, in) ((double)d->ops->tern_bytes(d, out, in))
#define COST_COARSE(V, D) ((double)d->ops->head_coarse_bytes(d, V, D))
#define COST_MADDS(a, b, c) (2.0 * (double)(a) * (double)(b) * (double)(c))
#define COST_GIVEN(pointer) ((pointer) ? 1.0 : 0.0)

#define COST_zero ~, cost((double)bytes, 0, 0)
#define COST_copy ~, cost(2.0 * (double)bytes, 0, 0)
#define COST_embed_fwd ~, cost(COST_TABLE(E, N, D) + COST_ACTS(N * D), 0, 0)
#define COST_embed_bwd ~, cost(2 * COST_PARAMS(N * D) + COST_ACTS(N * D), 0, 0)
#define COST_dropout ~, cost(2 * COST_ACTS(n), 0, 0)
#define COST_add ~, cost(3 * COST_ACTS(n), 0, 0)
#define COST_rmsnorm_fwd ~, cost(COST_ACTS(N * D) * (1 + COST_GIVEN(y)) + COST_REALS(N) + COST_PARAMS(D) + \
    COST_GIVEN(yq) * COST_Q8(N, D), 0, 0)
#define COST_rmsnorm_bwd ~, cost(4 * COST_ACTS(N * D) + COST_REALS(N) + 3 * COST_PARAMS(D), 0, 0)
#define COST_ternarise ~, cost_ternarise(d, w)
#define COST_bitlinear_fwd ~, cost_ternary(d, COST_Q8(N, in) + COST_TERN(out, in) + COST_ACTS(N * out), N, out, in)
#define COST_bitlinear_residual ~, cost_ternary(d, COST_Q8(N, in) + COST_TERN(out, in) + 2 * COST_ACTS(N * out), N, out, in)
#define COST_bitlinear_bwd_x ~, cost_grads(d, COST_ACTS(N * out) + COST_TERN(out, in) + \
    COST_ACTS(N * in) * (1 + COST_GIVEN(accumulate)), COST_MADDS(N, out, in))
#define COST_bitlinear_bwd_w ~, cost_grads(d, COST_ACTS(N * out) + COST_Q8(N, in) + 2 * COST_PARAMS(out * in), \
    COST_MADDS(N, out, in))
#define COST_conv_fwd ~, cost(2 * COST_ACTS(B * T * D) + COST_PARAMS(D * (K + 1)) + \
    COST_GIVEN(tail) * COST_ACTS(B * (K - 1) * D), 0, COST_MADDS(B * T, D, K))
#define COST_conv_tail ~, cost(2 * COST_ACTS(B * (K - 1) * D), 0, 0)
#define COST_conv_reset ~, cost(COST_ACTS(B * (K - 1) * D), 0, 0)
#define COST_conv_bwd ~, cost(COST_ACTS(B * T * D) * (3 + COST_GIVEN(accumulate)) + 3 * COST_PARAMS(D * (K + 1)), 0, \
    2 * COST_MADDS(B * T, D, K))
#define COST_lr_gate_fwd ~, cost(COST_ACTS(N * D) + COST_PARAMS(H * (D + 1)) + COST_REALS(N * H), 0, COST_MADDS(N, D, H))
#define COST_lr_gate_bwd ~, cost(3 * COST_ACTS(N * D) + 3 * COST_PARAMS(H * (D + 1)) + 2 * COST_REALS(N * H), 0, \
    2 * COST_MADDS(N, D, H))
/* of a token and head: 3 products with W or of its size and 2 with the chunk forward; with W, dW and
   the recomputed W 8, with the chunk 6, backward; an MLP has two of each, and one more between */
#define COST_ttt_linear_fwd ~, cost_ttt(d, s, 4, d->ops->ttt_linear_saved_bytes(d, s), 1, 3, 2)
#define COST_ttt_linear_bwd ~, cost_ttt(d, s, 7, d->ops->ttt_linear_saved_bytes(d, s), 1, 8, 6)
#define COST_ttt_linear_step ~, cost_ttt_step(d, s, 1, 3, 1)
#define COST_ttt_linear_start ~, cost_ttt_start(d, s, 1)
#define COST_ttt_mlp_fwd ~, cost_ttt(d, s, 4, d->ops->ttt_mlp_saved_bytes(d, s), 4, 7, 2)
#define COST_ttt_mlp_bwd ~, cost_ttt(d, s, 7, d->ops->ttt_mlp_saved_bytes(d, s), 4, 19, 6)
#define COST_ttt_mlp_step ~, cost_ttt_step(d, s, 4, 7, 1)
#define COST_ttt_mlp_start ~, cost_ttt_start(d, s, 8)
#define COST_gate_norm_fwd ~, cost(COST_ACTS(N * D) * (1 + COST_GIVEN(z)) + COST_REALS(3 * N) + 3 * COST_PARAMS(D) + \
    COST_Q8(N, D), 0, 0)
#define COST_gate_norm_bwd ~, cost(COST_ACTS(N * D) * (3 + 2 * COST_GIVEN(z)) + COST_REALS(3 * N) + \
    9 * COST_PARAMS(D), 0, 0)
#define COST_swiglu_norm_fwd ~, cost(2 * COST_ACTS(N * I) + COST_REALS(N) + COST_PARAMS(I) + COST_Q8(N, I), 0, 0)
#define COST_swiglu_norm_bwd ~, cost(5 * COST_ACTS(N * I) + COST_REALS(N) + 3 * COST_PARAMS(I), 0, 0)
#define COST_head_logits ~, cost(COST_ACTS(N * D) + COST_TABLE(E, V, D) + COST_REALS(N * V), 0, COST_MADDS(N, D, V))
#define COST_head_top ~, cost(COST_REALS(N * V), 0, 0)
#define COST_head_coarse ~, cost(COST_TABLE(E, V, D) + COST_COARSE(V, D), 0, 0)
#define COST_head_best ~, cost_head_best(d, E, coarse, N, D, V)
#define COST_head_loss ~, cost_head_loss(d, E, N, D, V, dx != NULL)
#define COST_head_loss_sum ~, cost(COST_REALS(N), 0, 0)
#define COST_grad_norm ~, cost(COST_PARAMS(n), 0, 0)
#define COST_adamw ~, cost(8 * COST_PARAMS(n), 0, 0)
#define COST_decode ~, cost_decode(d, m, count)
/* clang-format on */

static inline bl_cost cost(double bytes, double int_ops, double float_ops)
{
    return (bl_cost){bytes, int_ops, float_ops, 0};
}

/* The cost of an op by its line, or nothing: COST_OF(COST_add). */
#define COST_SECOND(first, second, ...) second
#define COST_OF(...)                    COST_SECOND(__VA_ARGS__, cost(0, 0, 0), ~)

/* rows of E; only a device of narrow_tables has other forms */
static inline double cost_table(const bl_dev *d, const bl_param *E, size_t rows, size_t D)
{
    return (double)rows * (double)bl_table_row_bytes(bl_table_form_of(E), D, d->param_bytes);
}

static inline bl_cost cost_ternary(const bl_dev *d, double bytes, size_t N, size_t out, size_t in)
{
    double ops = COST_MADDS(N, out, in);
    return d->ternary ? cost(bytes, ops, 0) : cost(bytes, 0, ops);
}

/* The products of gradients are of bfloat16 where the device makes them so. */
static inline bl_cost cost_grads(const bl_dev *d, double bytes, double ops)
{
    return (bl_cost){bytes, 0, d->bf16 ? 0 : ops, d->bf16 ? ops : 0};
}

static inline bl_cost cost_head_loss(const bl_dev *d, const bl_param *E, size_t N, size_t D,
                                     size_t V, int grads)
{
    double times = grads ? 3 : 1, ops = COST_MADDS(N, D, V) * times;
    double bytes = COST_ACTS(N * D) * (1 + grads) + COST_TABLE(E, V, D) * times + COST_REALS(N);
    return grads ? cost_grads(d, bytes, ops) : cost(bytes, 0, ops);
}

static inline bl_cost cost_ternarise(bl_dev *d, const bl_latents *w)
{
    double bytes = 0;
    for (size_t i = 0; i < w->count; i++)
        bytes += COST_PARAMS(w->at[i].out * w->at[i].in) + COST_TERN(w->at[i].out, w->at[i].in);
    return cost(bytes, 0, 0);
}

/* With a copy of E each byte of it meets two of x; the few rows of E itself are not counted. */
static inline bl_cost cost_head_best(bl_dev *d, const bl_param *E, const bl_coarse *coarse,
                                     size_t N, size_t D, size_t V)
{
    double x = COST_ACTS(N * D), ops = COST_MADDS(N, D, V), bytes = COST_COARSE(V, D);
    return coarse && bytes > 0 ? cost(x + bytes, 2 * ops, 0)
                               : cost(x + COST_TABLE(E, V, D), 0, ops);
}

/* Whole rows: `acts` arrays of activations; `wide` is M / F. */
static inline bl_cost cost_ttt(const bl_dev *d, const bl_ttt_shape *s, double acts, size_t saved,
                               size_t wide, double products, double chunk_products)
{
    size_t M = wide * s->F;
    double tokens = (double)(s->B * s->T * s->H);
    double bytes = acts * COST_ACTS(s->B * s->T * s->H * s->F) + COST_REALS(tokens) +
                   COST_PARAMS(s->H * s->F * M) + (double)saved;
    double each = products * COST_MADDS(1, s->F, M) +
                  chunk_products * COST_MADDS(1, s->C, wide > 1 ? s->F + M : s->F);
    return cost(bytes, 0, tokens * each);
}

/* What a call of decoding reads of B states: the inner weights, at the end of a chunk twice more and
 * written, beside what they forget towards; and half a chunk of keys and gradients. */
static inline double cost_states(const bl_dev *d, const bl_ttt_shape *s, size_t wide)
{
    double heads = (double)(s->B * s->H), chunks = (double)s->T / (double)s->C;
    double inner = (double)(s->F * s->F * wide) * (wide > 1 ? 2 : 1);
    double chunk = (double)(s->C * (s->F + s->F * wide)) / 2 * (wide > 1 ? 2 : 1);
    return COST_REALS(heads * (inner * (1 + 3 * chunks) + chunk));
}

static inline bl_cost cost_ttt_step(const bl_dev *d, const bl_ttt_shape *s, size_t wide,
                                    double products, double chunk_products)
{
    bl_cost c = cost_ttt(d, s, 4, 0, wide, products, chunk_products);
    c.bytes += cost_states(d, s, wide) - COST_PARAMS(s->H * s->F * s->F * wide);
    return c;
}

static inline bl_cost cost_ttt_start(const bl_dev *d, const bl_ttt_shape *s, size_t times)
{
    size_t n = s->H * s->F * s->F * times;
    return cost(COST_PARAMS(n) + COST_REALS(s->B * n), 0, 0);
}

/* All layers of a model with its usual parts: q, v, g and o, gate, up and down; three convolutions
 * and the gates of step sizes. */
static inline bl_cost cost_decode(bl_dev *d, const bl_decode_model *m, size_t count)
{
    double weights = 4 * COST_TERN(m->D, m->D) + 2 * COST_TERN(m->I, m->D) + COST_TERN(m->D, m->I);
    const bl_ttt_shape shape = {.B = count, .T = 1, .H = m->H, .F = m->D / m->H, .C = m->C};
    double small = 3 * COST_PARAMS(m->D * (m->K + 1)) + COST_PARAMS(m->H * m->D);
    double ops = 4 * COST_MADDS(count, m->D, m->D) + 3 * COST_MADDS(count, m->D, m->I);
    return cost((double)m->L * (weights + small + cost_states(d, &shape, 1)), (double)m->L * ops,
                (double)m->L * 3 * COST_MADDS(count, m->D, m->D / m->H));
}

#endif
