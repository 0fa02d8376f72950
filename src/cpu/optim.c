/* Gradient norm and AdamW (MODEL 6). */
#include "cpu/cpu_impl.h"

#include <math.h>
#include <string.h>

void bl_cpu_grad_norm(bl_dev *d, bl_step *step, const bl_param *g, size_t n)
{
    const bl_cpu *c = bl_cpu_of(d);
    const float *G = (const float *)g;
    size_t piece = bl_most(65536, bl_blocks(n, NORM_BLOCKS)), blocks = bl_blocks(n, piece);
    int team = bl_cpu_team(c, n);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t b = 0; b < blocks; b++)
        c->norms[b] = c->k.sumsq(G + b * piece, bl_least(n - b * piece, piece));
    double sum = 0;
    for (size_t b = 0; b < blocks; b++)
        sum += c->norms[b];
    float norm = (float)sqrt(sum);
    step->grad_norm = norm;
    step->skip = isfinite(norm) ? 0u : 1u;
    step->grad_scale = step->clip > 0.0f ? step->clip / fmaxf(norm, step->clip) : 1.0f;
}

void bl_cpu_adamw(bl_dev *d, bl_param *p, bl_param *g, bl_param *m, bl_param *v, size_t n,
                  int decay, const bl_step *step)
{
    enum { PIECE = 16384 };
    const bl_cpu *c = bl_cpu_of(d);
    if (step->skip) {
        memset(g, 0, n * sizeof(float));
        return;
    }
    bl_adamw_step a = {.lr = step->lr,
                       .beta1 = step->beta1,
                       .beta2 = step->beta2,
                       .eps = step->adam_eps,
                       .decay = decay ? step->weight_decay : 0.0f,
                       .bias1 = step->bias1,
                       .bias2 = step->bias2,
                       .grad_scale = step->grad_scale};
    int team = bl_cpu_team(c, 4 * n);
#pragma omp parallel for num_threads(team) schedule(static)
    for (size_t i = 0; i < n; i += PIECE)
        c->k.adamw((float *)p + i, (float *)g + i, (float *)m + i, (float *)v + i, &a,
                   bl_least(n - i, PIECE));
}
