/* The TTT scan against tokens read one by one through W_t: the dual form, its backward pass, and
 * the buffered form cut into pieces of many sizes. */
#include "golden.h"

#include <stdio.h>

typedef struct ttt_case {
    const char *prefix;
    bl_ttt_shape shape;
} ttt_case;

static const ttt_case CASES[] = {
    {"a.", {.B = 2, .T = 11, .H = 2, .F = 8, .C = 4, .rope_theta = 10000.0f}},
    {"b.", {.B = 1, .T = 21, .H = 1, .F = 16, .C = 5, .rope_theta = 10000.0f}},
    {"c.", {.B = 1, .T = 3, .H = 1, .F = 8, .C = 16, .rope_theta = 10000.0f}},
};

typedef struct ttt_arrays {
    void *q, *k, *v, *lambda;
} ttt_arrays;

static ttt_arrays load_arrays(bl_golden *g, const char *prefix)
{
    return (ttt_arrays){
        bl_golden_in(g, BL_KIND_act, prefix, "q"), bl_golden_in(g, BL_KIND_act, prefix, "k"),
        bl_golden_in(g, BL_KIND_act, prefix, "v"), bl_golden_in(g, BL_KIND_real, prefix, "lambda")};
}

static bl_ttt_params load_params(bl_golden *g, const char *prefix)
{
    return (bl_ttt_params){.W0 = bl_golden_in(g, BL_KIND_param, prefix, "W0"),
                           .b0 = bl_golden_in(g, BL_KIND_param, prefix, "b0"),
                           .gamma = bl_golden_in(g, BL_KIND_param, prefix, "gamma"),
                           .beta = bl_golden_in(g, BL_KIND_param, prefix, "beta"),
                           .delta = bl_golden_in(g, BL_KIND_param, prefix, "delta")};
}

static int check_dual(bl_golden *g, const ttt_case *c)
{
    const bl_ttt_shape *s = &c->shape;
    size_t n = s->B * s->T * s->H * s->F;
    ttt_arrays x = load_arrays(g, c->prefix);
    bl_ttt_params p = load_params(g, c->prefix);
    bl_ttt_params dp = {.W0 = bl_golden_room(g, BL_KIND_param, s->H * s->F * s->F),
                        .b0 = bl_golden_room(g, BL_KIND_param, s->H * s->F),
                        .gamma = bl_golden_room(g, BL_KIND_param, s->H * s->F),
                        .beta = bl_golden_room(g, BL_KIND_param, s->H * s->F),
                        .delta = bl_golden_room(g, BL_KIND_param, s->C)};
    void *o = bl_golden_room(g, BL_KIND_act, n),
         *saved = bl_golden_bytes(g, BL_OP(g->d, ttt_linear_saved_bytes, s));
    void *dq = bl_golden_room(g, BL_KIND_act, n), *dk = bl_golden_room(g, BL_KIND_act, n),
         *dv = bl_golden_room(g, BL_KIND_act, n);
    void *dlambda = bl_golden_room(g, BL_KIND_real, n / s->F),
         *dout = bl_golden_in(g, BL_KIND_act, c->prefix, "do");
    char what[64];

    BL_OP(g->d, ttt_linear_fwd, o, saved, x.q, x.k, x.v, x.lambda, &p, s);
    bl_golden_expect(g, BL_KIND_act, c->prefix, "o", o);
    snprintf(what, sizeof what, "ttt %s forward, dual form", c->prefix);
    int failures = bl_golden_report(g, what, BL_GOLDEN_TTT);

    BL_OP(g->d, ttt_linear_bwd, dq, dk, dv, dlambda, &dp, dout, x.q, x.k, x.v, x.lambda, saved, &p,
          s);
    const struct {
        bl_kind kind;
        const char *name;
        const void *found;
    } gradients[] = {
        {BL_KIND_act, "grad.q", dq},
        {BL_KIND_act, "grad.k", dk},
        {BL_KIND_act, "grad.v", dv},
        {BL_KIND_param, "grad.W0", dp.W0},
        {BL_KIND_param, "grad.b0", dp.b0},
        {BL_KIND_param, "grad.gamma", dp.gamma},
        {BL_KIND_param, "grad.beta", dp.beta},
        {BL_KIND_param, "grad.delta", dp.delta},
        {BL_KIND_real, "grad.lambda", dlambda},
    };
    for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
        bl_golden_expect(g, gradients[i].kind, c->prefix, gradients[i].name, gradients[i].found);
    snprintf(what, sizeof what, "ttt %s backward", c->prefix);
    return failures + bl_golden_report(g, what, BL_GOLDEN_TTT);
}

/* Rows t..t+n of every sequence, packed; and back. */
static void cut(bl_golden *g, bl_kind kind, char *piece, char *whole, const bl_ttt_shape *s,
                size_t width, size_t t, size_t n, int back)
{
    size_t row = width * bl_kind_bytes(g->d, kind);
    for (size_t b = 0; b < s->B; b++) {
        char *in = piece + b * n * row, *out = whole + (b * s->T + t) * row;
        BL_OP(g->d, copy, back ? out : in, back ? in : out, n * row);
    }
}

typedef struct ttt_read {
    char *o;
    bl_ttt_state state;
} ttt_read;

/* Reads the sequences in pieces of 1 + (i * stride) % most tokens. */
static ttt_read read_in_pieces(bl_golden *g, const ttt_case *c, size_t stride, size_t most)
{
    const bl_ttt_shape *s = &c->shape;
    size_t heads = s->B * s->H, row = s->H * s->F;
    ttt_arrays x = load_arrays(g, c->prefix);
    bl_ttt_params p = load_params(g, c->prefix);
    ttt_read r = {.o = bl_golden_room(g, BL_KIND_act, s->B * s->T * row),
                  .state = {.W = bl_golden_room(g, BL_KIND_real, heads * s->F * s->F),
                            .b = bl_golden_room(g, BL_KIND_real, heads * s->F),
                            .k = bl_golden_room(g, BL_KIND_real, heads * s->C * s->F),
                            .h = bl_golden_room(g, BL_KIND_real, heads * s->C * s->F)}};
    void *q = bl_golden_room(g, BL_KIND_act, s->B * s->T * row),
         *k = bl_golden_room(g, BL_KIND_act, s->B * s->T * row);
    void *v = bl_golden_room(g, BL_KIND_act, s->B * s->T * row),
         *o = bl_golden_room(g, BL_KIND_act, s->B * s->T * row);
    void *lambda = bl_golden_room(g, BL_KIND_real, s->B * s->T * s->H);
    bl_dev_step *there = bl_golden_room(g, BL_KIND_step, 1);
    bl_error err;
    BL_OP(g->d, ttt_linear_start, &r.state, &p, s);
    for (size_t t = 0, i = 0, n; t < s->T; t += n, i++) {
        n = 1 + i * stride % most;
        n = n < s->T - t ? n : s->T - t;
        bl_ttt_shape piece = *s;
        const bl_step step = {.position = t};
        bl_golden_must(g, bl_put_step(g->d, there, &step, 1, &err), &err);
        piece.T = n;
        cut(g, BL_KIND_act, q, x.q, s, row, t, n, 0);
        cut(g, BL_KIND_act, k, x.k, s, row, t, n, 0);
        cut(g, BL_KIND_act, v, x.v, s, row, t, n, 0);
        cut(g, BL_KIND_real, lambda, x.lambda, s, s->H, t, n, 0);
        BL_OP(g->d, ttt_linear_step, o, &r.state, q, k, v, lambda, &p, &piece, there);
        cut(g, BL_KIND_act, o, r.o, s, row, t, n, 1);
    }
    return r;
}

static int check_steps(bl_golden *g, const ttt_case *c)
{
    const bl_ttt_shape *s = &c->shape;
    size_t heads = s->B * s->H, F = s->F;
    char what[64];
    ttt_read one = read_in_pieces(g, c, 0, 1);
    bl_golden_expect(g, BL_KIND_act, c->prefix, "o", one.o);
    bl_golden_expect(g, BL_KIND_real, c->prefix, "W", one.state.W);
    bl_golden_expect(g, BL_KIND_real, c->prefix, "b", one.state.b);
    snprintf(what, sizeof what, "ttt %s buffered form and its state", c->prefix);
    int failures = bl_golden_report(g, what, BL_GOLDEN_TTT);

    for (size_t most = 2; most <= 8; most++) {
        ttt_read other = read_in_pieces(g, c, most == 8 ? 0 : 3, most);
        bl_golden_same(g, BL_KIND_act, "o", one.o, other.o, s->B * s->T * s->H * F);
        bl_golden_same(g, BL_KIND_real, "W", one.state.W, other.state.W, heads * F * F);
        bl_golden_same(g, BL_KIND_real, "b", one.state.b, other.state.b, heads * F);
        bl_golden_same(g, BL_KIND_real, "k", one.state.k, other.state.k, heads * s->C * F);
        bl_golden_same(g, BL_KIND_real, "h", one.state.h, other.state.h, heads * s->C * F);
    }
    snprintf(what, sizeof what, "ttt %s any split", c->prefix);
    return failures + bl_golden_report(g, what, bl_golden_split(g->d, BL_GOLDEN_TTT));
}

int bl_golden_ttt(bl_dev *d)
{
    int failures = 0;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        bl_golden g;
        bl_golden_open(&g, d, "ttt");
        failures += check_dual(&g, &CASES[i]);
        failures += check_steps(&g, &CASES[i]);
        bl_golden_close(&g);
    }
    return failures;
}
