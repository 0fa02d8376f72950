/* AdamW with clipping and decoupled decay against PyTorch's, and the dropout mask. */
#include "golden.h"

#include <math.h>
#include <stdio.h>

enum { COUNT = 37, STEPS = 3 };

/* Three steps, then one that is skipped because its gradient is not finite. */
static int check_adamw(bl_golden *g, const char *prefix, int decay)
{
    bl_param *p = bl_golden_in(g, BL_KIND_param, "", "p"), *grad = NULL;
    bl_param *m = bl_golden_room(g, BL_KIND_param, COUNT);
    bl_param *v = bl_golden_room(g, BL_KIND_param, COUNT);
    bl_param *before = bl_golden_room(g, BL_KIND_param, COUNT);
    bl_param *zeros = bl_golden_room(g, BL_KIND_param, COUNT);
    bl_dev_step *there = bl_golden_room(g, BL_KIND_step, 1);
    bl_error err;
    bl_step step = {.lr = decay == BL_ADAMW_TABLE ? 12e-3f : 3e-3f,
                    .table_rate = 0.25f,
                    .beta1 = 0.9f,
                    .beta2 = 0.95f,
                    .adam_eps = 1e-8f,
                    .weight_decay = 0.1f,
                    .clip = 1.0f};
    for (int t = 1; t <= STEPS; t++) {
        char name[16];
        snprintf(name, sizeof name, "g%d", t);
        grad = bl_golden_in(g, BL_KIND_param, "", name);
        step.bias1 = (float)(1 - pow((double)step.beta1, t));
        step.bias2 = (float)(1 - pow((double)step.beta2, t));
        bl_golden_must(g, bl_put_step(g->d, there, &step, 1, &err), &err);
        BL_OP(g->d, grad_norm, there, grad, COUNT);
        BL_OP(g->d, adamw, p, grad, m, v, COUNT, decay, there);
        snprintf(name, sizeof name, "p%d", t);
        bl_golden_expect(g, BL_KIND_param, prefix, name, p);
    }
    static const char *const names[] = {"adamw, clipped", "adamw, clipped, with decay",
                                        "adamw, clipped, of a table"};
    int failures = bl_golden_report(g, names[decay], BL_GOLDEN_ADAMW);

    BL_OP(g->d, copy, before, p, COUNT * g->d->param_bytes);
    bl_golden_same(g, BL_KIND_param, "gradient zeroed", grad, zeros, COUNT);
    bl_golden_must(g, bl_put_param(g->d, grad, &(float){NAN}, 1, &err), &err);
    BL_OP(g->d, grad_norm, there, grad, COUNT);
    BL_OP(g->d, adamw, p, grad, m, v, COUNT, decay, there);
    bl_golden_same(g, BL_KIND_param, "parameters kept", p, before, COUNT);
    bl_golden_same(g, BL_KIND_param, "gradient zeroed when skipped", grad, zeros, COUNT);
    bl_golden_must(g, bl_get_step(g->d, &step, there, 1, &err), &err);
    if (step.skip != 1) {
        printf("a gradient that is not a number does not set skip\n");
        failures++;
    }
    return failures + bl_golden_report(g, "adamw, skipped", BL_GOLDEN_BITS);
}

static int check_dropout(bl_golden *g)
{
    enum { N = 50 };
    void *x = bl_golden_in(g, BL_KIND_act, "dropout.", "x");
    const bl_step step = {.seed = 0x123456789ABCDEF, .step = 70000, .micro = 3, .dropout = 0.3f};
    bl_dev_step *there = bl_golden_room(g, BL_KIND_step, 1);
    bl_error err;
    bl_golden_must(g, bl_put_step(g->d, there, &step, 1, &err), &err);
    BL_OP(g->d, dropout, x, N, 5, there);
    bl_golden_expect(g, BL_KIND_act, "dropout.", "y", x);
    return bl_golden_report(g, "dropout", BL_GOLDEN_DROPOUT);
}

int bl_golden_optim(bl_dev *d)
{
    bl_golden g;
    bl_golden_open(&g, d, "optim");
    int failures = check_adamw(&g, "decay.", BL_ADAMW_DECAY) +
                   check_adamw(&g, "decay.", BL_ADAMW_TABLE) +
                   check_adamw(&g, "plain.", BL_ADAMW_PLAIN) + check_dropout(&g);
    bl_golden_close(&g);
    return failures;
}
