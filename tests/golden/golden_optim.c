/* AdamW with clipping and decoupled decay against PyTorch's, and the dropout mask. */
#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COUNT = 37, STEPS = 3 };

/* Three steps, then one that is skipped because its gradient is not finite. */
static int check_adamw(bl_golden *g, const char *prefix, int decay)
{
    void *p = bl_golden_in(g, "", "p"), *m = bl_golden_room(g, COUNT),
         *v = bl_golden_room(g, COUNT);
    void *before = bl_golden_room(g, COUNT), *grad = NULL;
    bl_step step = {.lr = 3e-3f,
                    .beta1 = 0.9f,
                    .beta2 = 0.95f,
                    .adam_eps = 1e-8f,
                    .weight_decay = 0.1f,
                    .clip = 1.0f};
    for (int t = 1; t <= STEPS; t++) {
        char name[16];
        snprintf(name, sizeof name, "g%d", t);
        grad = bl_golden_in(g, "", name);
        step.bias1 = (float)(1 - pow((double)step.beta1, t));
        step.bias2 = (float)(1 - pow((double)step.beta2, t));
        BL_OP(g->d, grad_norm, (void *)&step, grad, COUNT);
        BL_OP(g->d, adamw, p, grad, m, v, COUNT, decay, (void *)&step);
        snprintf(name, sizeof name, "p%d", t);
        bl_golden_expect(g, prefix, name, p);
    }
    /* PyTorch's bias corrections are double, ours pass through the float32 of bl_step. */
    int failures =
        bl_golden_report(g, decay ? "adamw, clipped, with decay" : "adamw, clipped", 1e-9, 1e-6);

    memcpy(before, p, COUNT * g->d->act_bytes);
    bl_golden_same(g, "gradient zeroed", grad, bl_golden_room(g, COUNT), COUNT);
    memset(grad, 0xff, g->d->act_bytes); /* a NaN */
    BL_OP(g->d, grad_norm, (void *)&step, grad, COUNT);
    BL_OP(g->d, adamw, p, grad, m, v, COUNT, decay, (void *)&step);
    bl_golden_same(g, "parameters kept", p, before, COUNT);
    bl_golden_same(g, "gradient zeroed when skipped", grad, bl_golden_room(g, COUNT), COUNT);
    if (step.skip != 1) {
        printf("a gradient that is not a number does not set skip\n");
        failures++;
    }
    return failures + bl_golden_report(g, "adamw, skipped", 0, 0);
}

static int check_dropout(bl_golden *g)
{
    enum { N = 50 };
    void *x = bl_golden_in(g, "dropout.", "x");
    bl_step step = {.seed = 0x123456789ABCDEF, .step = 70000, .micro = 3, .dropout = 0.3f};
    BL_OP(g->d, dropout, x, N, 5, (void *)&step);
    bl_golden_expect(g, "dropout.", "y", x);
    return bl_golden_report(g, "dropout", 1e-13, 1e-6);
}

int bl_golden_optim(bl_dev *d)
{
    bl_golden g;
    bl_golden_open(&g, d, "optim");
    int failures = check_adamw(&g, "decay.", 1) + check_adamw(&g, "plain.", 0) + check_dropout(&g);
    bl_golden_close(&g);
    return failures;
}
