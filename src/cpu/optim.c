/* Gradient norm and AdamW (MODEL 6). */
#include "cpu/cpu_impl.h"

#include <math.h>
#include <string.h>

enum { ADAMW_PIECE = 16384 };

typedef struct norm_op {
    const bl_cpu *c;
    const float *g;
    size_t n, piece;
} norm_op;

static void norm_pieces(void *user, size_t first, size_t last, size_t member)
{
    const norm_op *a = user;
    (void)member;
    for (size_t b = first; b < last; b++)
        a->c->norms[b] =
            a->c->k.sumsq(a->g + b * a->piece, bl_least(a->n - b * a->piece, a->piece));
}

void bl_cpu_grad_norm(bl_dev *d, bl_dev_step *step_, const bl_param *g, size_t n)
{
    bl_step *step = (bl_step *)step_;
    const bl_cpu *c = bl_cpu_of(d);
    size_t piece = bl_most(65536, bl_blocks(n, NORM_BLOCKS)), blocks = bl_blocks(n, piece);
    norm_op a = {c, (const float *)g, n, piece};
    bl_cpu_run(c, n, blocks, norm_pieces, &a);
    double sum = 0;
    for (size_t b = 0; b < blocks; b++)
        sum += c->norms[b];
    float norm = (float)sqrt(sum);
    step->grad_norm = norm;
    step->skip = isfinite(norm) ? 0u : 1u;
    step->grad_scale = step->clip > 0.0f ? step->clip / fmaxf(norm, step->clip) : 1.0f;
}

typedef struct adamw_op {
    const bl_cpu *c;
    float *p, *g, *m, *v;
    size_t n;
    bl_adamw_step step;
} adamw_op;

static void adamw_pieces(void *user, size_t first, size_t last, size_t member)
{
    const adamw_op *a = user;
    (void)member;
    for (size_t i = first * ADAMW_PIECE; i < bl_least(last * ADAMW_PIECE, a->n); i += ADAMW_PIECE)
        a->c->k.adamw(a->p + i, a->g + i, a->m + i, a->v + i, &a->step,
                      bl_least(a->n - i, ADAMW_PIECE));
}

void bl_cpu_adamw(bl_dev *d, bl_param *p, bl_param *g, bl_param *m, bl_param *v, size_t n,
                  int decay, const bl_dev_step *step_)
{
    const bl_step *step = (const bl_step *)step_;
    if (step->skip) {
        memset(g, 0, n * sizeof(float));
        return;
    }
    adamw_op a = {.c = bl_cpu_of(d),
                  .p = (float *)p,
                  .g = (float *)g,
                  .m = (float *)m,
                  .v = (float *)v,
                  .n = n,
                  .step = {.lr = decay == BL_ADAMW_TABLE ? step->lr * step->table_rate : step->lr,
                           .beta1 = step->beta1,
                           .beta2 = step->beta2,
                           .eps = step->adam_eps,
                           .decay = decay ? step->weight_decay : 0.0f,
                           .bias1 = step->bias1,
                           .bias2 = step->bias2,
                           .grad_scale = step->grad_scale}};
    bl_cpu_run(a.c, 4 * n, bl_blocks(n, ADAMW_PIECE), adamw_pieces, &a);
}
