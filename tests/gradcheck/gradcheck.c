/* Central differences against gradients: the comparison and its table. */
#include "gradcheck.h"

#include <math.h>
#include <stdio.h>

static double difference(bl_grad_loss_fn *loss, void *user, double *x, double h)
{
    double at = *x;
    *x = at + h;
    double p1 = loss(user);
    *x = at - h;
    double m1 = loss(user);
    *x = at + 2 * h;
    double p2 = loss(user);
    *x = at - 2 * h;
    double m2 = loss(user);
    *x = at;
    return (8 * (p1 - m1) - (p2 - m2)) / (12 * h);
}

static double rms(const double *x, size_t n)
{
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += x[i] * x[i] / (double)n;
    return sqrt(square);
}

void bl_grad_compare(bl_grad_result *r, bl_grad_loss_fn *loss, void *user,
                     const bl_grad_tensor *tensors, size_t count, size_t most)
{
    for (size_t t = 0; t < count; t++) {
        const bl_grad_tensor *tensor = &tensors[t];
        double typical = rms(tensor->grad, tensor->count);
        double h = 5e-4 * fmin(1, 4 * rms(tensor->value, tensor->count));
        size_t checks = most && most < tensor->count ? most : tensor->count;
        for (size_t c = 0; c < checks; c++) {
            size_t i = c * tensor->count / checks;
            double expected = difference(loss, user, tensor->value + i, h);
            double found = tensor->grad[i];
            double error = fabs(found - expected) / (fabs(expected) + typical + 1e-12);
            r->checked++;
            if (error > r->worst || isnan(error)) {
                r->worst = error;
                r->where = tensor->name;
                r->place = i;
                r->expected = expected;
                r->found = found;
                if (isnan(error))
                    return;
            }
        }
    }
}

void bl_grad_header(void)
{
    printf("%-20s %-54s %11s %11s %8s\n", "op", "shape", "derivatives", "worst error", "bound");
}

int bl_grad_report(const char *what, const char *shape, const bl_grad_result *r, double bound)
{
    int bad = !(r->worst <= bound) || r->checked == 0;
    printf("%-20s %-54s %11zu %11.2e %8.0e%s\n", what, shape, r->checked, r->worst, bound,
           bad ? "  FAIL" : "");
    if (bad && r->where)
        printf("  %s[%zu]: difference %.12g, gradient %.12g\n", r->where, r->place, r->expected,
               r->found);
    return bad;
}
