/* The head and its cross-entropy. */
#include "ops/ref/ref.h"

#include <math.h>

static double logit_of(const BL_REAL *x, const BL_REAL *E, size_t D)
{
    double sum = 0;
    for (size_t i = 0; i < D; i++)
        sum += (double)x[i] * (double)E[i];
    return sum;
}

/* logits = x E^T */
void REF(head_logits)(bl_dev *d, bl_real *logits_, const bl_act *x_, const bl_param *E_, size_t N,
                      size_t D, size_t V)
{
    (void)d;
    BL_REAL *logits = (void *)logits_;
    const BL_REAL *x = (const void *)x_, *E = (const void *)E_;
    for (size_t n = 0; n < N; n++)
        for (size_t v = 0; v < V; v++)
            logits[n * V + v] = (BL_REAL)logit_of(x + n * D, E + v * D, D);
}

/* lse = log sum_v exp(logit_v), with the largest logit taken out so that nothing overflows */
static double logsumexp(const double *logit, size_t V)
{
    double most = logit[0], sum = 0;
    for (size_t v = 1; v < V; v++)
        most = fmax(most, logit[v]);
    for (size_t v = 0; v < V; v++)
        sum += exp(logit[v] - most);
    return most + log(sum);
}

/* dE[v] += scale sum_n (softmax_v(n) - [v = target_n]) x[n], over the rows that count.  Row by row of E, so that the sum over
 * n is taken in double; the logits are computed a second time for it. */
static void add_head_gradient(BL_REAL *dE, const BL_REAL *x, const BL_REAL *E,
                              const int32_t *targets, const double *lse, double *sum, float scale,
                              size_t N, size_t D, size_t V)
{
    for (size_t v = 0; v < V; v++) {
        for (size_t i = 0; i < D; i++)
            sum[i] = 0;
        for (size_t n = 0; n < N; n++) {
            if (targets[n] < 0)
                continue;
            double p = exp(logit_of(x + n * D, E + v * D, D) - lse[n]);
            double dlogit = (double)scale * (p - ((size_t)targets[n] == v));
            for (size_t i = 0; i < D; i++)
                sum[i] += dlogit * (double)x[n * D + i];
        }
        for (size_t i = 0; i < D; i++)
            dE[v * D + i] = (BL_REAL)((double)dE[v * D + i] + sum[i]);
    }
}

/* loss = lse - logit_target;  dx = scale sum_v (softmax_v - [v = target]) E[v];  both are 0 in rows
 * whose target is negative */
void REF(head_loss)(bl_dev *d, bl_real *loss_, bl_act *dx_, bl_param *dE_, const bl_act *x_,
                    const bl_param *E_, const bl_dev_id *targets_, const bl_dev_step *step_,
                    size_t N, size_t D, size_t V)
{
    const bl_step *step = (const void *)step_;
    float scale = dx_ ? step->loss_scale : 0;
    BL_REAL *loss = (void *)loss_, *dx = (void *)dx_, *dE = (void *)dE_;
    const BL_REAL *x = (const void *)x_, *E = (const void *)E_;
    const int32_t *targets = (const void *)targets_;
    bl_arena *scratch = REF(scratch)(d);
    size_t mark = bl_arena_mark(scratch);
    double *logit = REF(doubles)(scratch, V), *lse = REF(doubles)(scratch, N);
    double *sum = REF(doubles)(scratch, D);

    for (size_t n = 0; n < N; n++) {
        size_t target = (size_t)targets[n], counts = targets[n] >= 0;
        for (size_t v = 0; v < V; v++)
            logit[v] = logit_of(x + n * D, E + v * D, D);
        lse[n] = logsumexp(logit, V);
        loss[n] = counts ? (BL_REAL)(lse[n] - logit[target]) : 0;
        if (!dx)
            continue;
        for (size_t i = 0; i < D; i++)
            sum[i] = 0;
        for (size_t v = 0; v < V && counts; v++)
            for (size_t i = 0; i < D; i++)
                sum[i] += (exp(logit[v] - lse[n]) - (v == target)) * (double)E[v * D + i];
        for (size_t i = 0; i < D; i++)
            dx[n * D + i] = (BL_REAL)((double)scale * sum[i]);
    }
    if (dx)
        add_head_gradient(dE, x, E, targets, lse, sum, scale, N, D, V);
    bl_arena_rewind(scratch, mark);
}

void REF(head_loss_sum)(bl_dev *d, bl_dev_step *step_, const bl_real *loss_, size_t N)
{
    (void)d;
    bl_step *step = (void *)step_;
    const BL_REAL *loss = (const void *)loss_;
    for (size_t n = 0; n < N; n++)
        step->nats += (double)loss[n];
}
