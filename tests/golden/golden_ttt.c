/* The TTT scan against tokens read one by one through W_t: the dual form, its backward pass, and
 * the buffered form cut into pieces of many sizes. */
#include "golden.h"

#include <stdio.h>
#include <string.h>

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
    return (ttt_arrays){bl_golden_in(g, prefix, "q"), bl_golden_in(g, prefix, "k"),
                        bl_golden_in(g, prefix, "v"), bl_golden_in(g, prefix, "lambda")};
}

static bl_ttt_params load_params(bl_golden *g, const char *prefix)
{
    return (bl_ttt_params){.W0 = bl_golden_in(g, prefix, "W0"),
                           .b0 = bl_golden_in(g, prefix, "b0"),
                           .gamma = bl_golden_in(g, prefix, "gamma"),
                           .beta = bl_golden_in(g, prefix, "beta"),
                           .delta = bl_golden_in(g, prefix, "delta")};
}

static int check_dual(bl_golden *g, const ttt_case *c)
{
    const bl_ttt_shape *s = &c->shape;
    size_t n = s->B * s->T * s->H * s->F;
    ttt_arrays x = load_arrays(g, c->prefix);
    bl_ttt_params p = load_params(g, c->prefix);
    bl_ttt_params dp = {.W0 = bl_golden_room(g, s->H * s->F * s->F),
                        .b0 = bl_golden_room(g, s->H * s->F),
                        .gamma = bl_golden_room(g, s->H * s->F),
                        .beta = bl_golden_room(g, s->H * s->F),
                        .delta = bl_golden_room(g, s->C)};
    void *o = bl_golden_room(g, n),
         *saved = bl_golden_bytes(g, BL_OP(g->d, ttt_linear_saved_bytes, s));
    void *dq = bl_golden_room(g, n), *dk = bl_golden_room(g, n), *dv = bl_golden_room(g, n);
    void *dlambda = bl_golden_room(g, n / s->F), *dout = bl_golden_in(g, c->prefix, "do");
    char what[64];

    BL_OP(g->d, ttt_linear_fwd, o, saved, x.q, x.k, x.v, x.lambda, &p, s);
    bl_golden_expect(g, c->prefix, "o", o);
    snprintf(what, sizeof what, "ttt %s forward, dual form", c->prefix);
    int failures = bl_golden_report(g, what, 1e-13, 2e-6);

    BL_OP(g->d, ttt_linear_bwd, dq, dk, dv, dlambda, &dp, dout, x.q, x.k, x.v, x.lambda, saved, &p,
          s);
    const struct {
        const char *name;
        const void *found;
    } gradients[] = {
        {"grad.q", dq},         {"grad.k", dk},           {"grad.v", dv},
        {"grad.W0", dp.W0},     {"grad.b0", dp.b0},       {"grad.gamma", dp.gamma},
        {"grad.beta", dp.beta}, {"grad.delta", dp.delta}, {"grad.lambda", dlambda},
    };
    for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
        bl_golden_expect(g, c->prefix, gradients[i].name, gradients[i].found);
    snprintf(what, sizeof what, "ttt %s backward", c->prefix);
    return failures + bl_golden_report(g, what, 1e-13, 2e-6);
}

/* Rows t..t+n of every sequence, packed; and back. */
static void cut(bl_golden *g, char *piece, char *whole, const bl_ttt_shape *s, size_t width,
                size_t t, size_t n, int back)
{
    size_t row = width * g->d->act_bytes;
    for (size_t b = 0; b < s->B; b++) {
        char *in = piece + b * n * row, *out = whole + (b * s->T + t) * row;
        memcpy(back ? out : in, back ? in : out, n * row);
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
    ttt_read r = {.o = bl_golden_room(g, s->B * s->T * row),
                  .state = {.W = bl_golden_room(g, heads * s->F * s->F),
                            .b = bl_golden_room(g, heads * s->F),
                            .k = bl_golden_room(g, heads * s->C * s->F),
                            .h = bl_golden_room(g, heads * s->C * s->F)}};
    void *q = bl_golden_room(g, s->B * s->T * row), *k = bl_golden_room(g, s->B * s->T * row);
    void *v = bl_golden_room(g, s->B * s->T * row), *o = bl_golden_room(g, s->B * s->T * row);
    void *lambda = bl_golden_room(g, s->B * s->T * s->H);
    BL_OP(g->d, ttt_linear_start, &r.state, &p, s);
    for (size_t t = 0, i = 0, n; t < s->T; t += n, i++) {
        n = 1 + i * stride % most;
        n = n < s->T - t ? n : s->T - t;
        bl_ttt_shape piece = *s;
        bl_step step = {.position = t};
        piece.T = n;
        cut(g, q, x.q, s, row, t, n, 0);
        cut(g, k, x.k, s, row, t, n, 0);
        cut(g, v, x.v, s, row, t, n, 0);
        cut(g, lambda, x.lambda, s, s->H, t, n, 0);
        BL_OP(g->d, ttt_linear_step, o, &r.state, q, k, v, lambda, &p, &piece, (void *)&step);
        cut(g, o, r.o, s, row, t, n, 1);
    }
    return r;
}

static int check_steps(bl_golden *g, const ttt_case *c)
{
    const bl_ttt_shape *s = &c->shape;
    size_t heads = s->B * s->H, F = s->F;
    char what[64];
    ttt_read one = read_in_pieces(g, c, 0, 1);
    bl_golden_expect(g, c->prefix, "o", one.o);
    bl_golden_expect(g, c->prefix, "W", one.state.W);
    bl_golden_expect(g, c->prefix, "b", one.state.b);
    snprintf(what, sizeof what, "ttt %s buffered form and its state", c->prefix);
    int failures = bl_golden_report(g, what, 1e-13, 2e-6);

    for (size_t most = 2; most <= 8; most++) {
        ttt_read other = read_in_pieces(g, c, most == 8 ? 0 : 3, most);
        bl_golden_same(g, "o", one.o, other.o, s->B * s->T * s->H * F);
        bl_golden_same(g, "W", one.state.W, other.state.W, heads * F * F);
        bl_golden_same(g, "b", one.state.b, other.state.b, heads * F);
        bl_golden_same(g, "k", one.state.k, other.state.k, heads * s->C * F);
        bl_golden_same(g, "h", one.state.h, other.state.h, heads * s->C * F);
    }
    snprintf(what, sizeof what, "ttt %s any split, bits", c->prefix);
    return failures + bl_golden_report(g, what, 0, 0);
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
