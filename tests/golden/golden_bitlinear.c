/* BitLinear against the fixture: the same integers, the same float32 bits, and the straight-through
 * gradients that the detach trick gives. */
#include "golden.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 6, OUT = 9, IN = 24 };

/* Quantises a row through the op table alone: an RMSNorm with eps 0 over a row of ones has rstd 1,
 * so its output is exactly its weight. */
static bl_q8 *quantise(bl_golden *g, const bl_param *x)
{
    bl_q8 *xq = bl_golden_bytes(g, BL_OP(g->d, q8_bytes, 1, IN));
    float ones[IN];
    bl_error err;
    for (size_t i = 0; i < IN; i++)
        ones[i] = 1;
    void *row = bl_golden_room(g, BL_KIND_act, IN), *rstd = bl_golden_room(g, BL_KIND_real, 1);
    bl_golden_must(g, bl_put_act(g->d, row, ones, IN, &err), &err);
    BL_OP(g->d, rmsnorm_fwd, NULL, xq, rstd, row, x, 0.0f, 1, IN);
    return xq;
}

static int check_case(bl_golden *g, const char *prefix)
{
    bl_dev *d = g->d;
    size_t act = d->act_bytes;
    char *x = bl_golden_in(g, BL_KIND_param, "", "x"), *dy = bl_golden_in(g, BL_KIND_act, "", "dy");
    char *y = bl_golden_room(g, BL_KIND_act, ROWS * OUT);
    char *dx = bl_golden_room(g, BL_KIND_act, ROWS * IN);
    void *dW = bl_golden_room(g, BL_KIND_param, OUT * IN);
    bl_tern *w = bl_golden_bytes(g, BL_OP(d, tern_bytes, OUT, IN));
    char what[64];

    BL_OP(d, ternarise,
          &(bl_latents){&(bl_latent){w, bl_golden_in(g, BL_KIND_param, prefix, "W"), OUT, IN}, 1});
    for (size_t n = 0; n < ROWS; n++) {
        bl_q8 *xq = quantise(g, (const void *)(x + n * IN * d->param_bytes));
        const void *dy_n = dy + n * OUT * act;
        BL_OP(d, bitlinear_fwd, (void *)(y + n * OUT * act), xq, w, 1, OUT, IN);
        BL_OP(d, bitlinear_bwd_x, (void *)(dx + n * IN * act), dy_n, w, 0, 1, OUT, IN);
        BL_OP(d, bitlinear_bwd_w, dW, dy_n, xq, 1, OUT, IN);
    }
    bl_golden_expect(g, BL_KIND_act, prefix, act == sizeof(double) ? "y" : "y32", y);
    snprintf(what, sizeof what, "bitlinear %s forward, bits", prefix);
    int failures = bl_golden_report(g, what, BL_GOLDEN_BITS);

    bl_golden_expect(g, BL_KIND_act, prefix, "dx", dx);
    bl_golden_expect(g, BL_KIND_param, prefix, "dW", dW);
    snprintf(what, sizeof what, "bitlinear %s straight-through", prefix);
    return failures + bl_golden_report(g, what, BL_GOLDEN_STRAIGHT);
}

int bl_golden_bitlinear(bl_dev *d)
{
    static const char *const CASES[] = {"", "tie.", "zero.", "huge."};
    int failures = 0;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        bl_golden g;
        bl_golden_open(&g, d, "bitlinear");
        failures += check_case(&g, CASES[i]);
        bl_golden_close(&g);
    }
    return failures;
}
