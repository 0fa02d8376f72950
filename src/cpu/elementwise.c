/* Dropout and the residual addition. */
#include "core/rng.h"
#include "cpu/cpu_impl.h"

enum { ADD_PIECE = 8192 };

typedef struct dropout_op {
    float *x;
    size_t n;
    uint64_t seed, stream, base;
    double least; /* a random word below this drops its element */
    float keep;   /* and the others grow by this */
} dropout_op;

static void dropout_fours(void *user, size_t first, size_t last, size_t member)
{
    const dropout_op *a = user;
    (void)member;
    for (size_t i = 4 * first; i < bl_least(4 * last, a->n); i += 4) {
        uint32_t r[4];
        bl_philox(a->seed, a->stream, a->base + i / 4, r);
        for (size_t j = 0; j < bl_least(a->n - i, 4); j++)
            a->x[i + j] = (double)r[j] >= a->least ? a->x[i + j] * a->keep : 0.0f;
    }
}

void bl_cpu_dropout(bl_dev *d, bl_act *x, size_t n, uint32_t site, const bl_dev_step *step_)
{
    const bl_step *step = (const bl_step *)step_;
    if (!(step->dropout > 0.0f))
        return;
    dropout_op a = {.x = (float *)x,
                    .n = n,
                    .seed = step->seed,
                    .base = (step->step * 65536 + step->micro) << 32,
                    .stream = BL_RNG_DROPOUT + site,
                    .least = (double)step->dropout * 4294967296.0,
                    .keep = 1.0f / (1.0f - step->dropout)};
    bl_cpu_run(bl_cpu_of(d), 8 * n, bl_blocks(n, 4), dropout_fours, &a);
}

typedef struct add_op {
    const bl_cpu *c;
    float *x;
    const float *y;
    size_t n;
} add_op;

static void add_pieces(void *user, size_t first, size_t last, size_t member)
{
    const add_op *a = user;
    size_t at = first * ADD_PIECE;
    (void)member;
    a->c->k.add(a->x + at, a->y + at, bl_least(last * ADD_PIECE, a->n) - at);
}

void bl_cpu_add(bl_dev *d, bl_act *x, const bl_act *y, size_t n)
{
    add_op a = {bl_cpu_of(d), (float *)x, (const float *)y, n};
    bl_cpu_run(a.c, n, bl_blocks(n, ADD_PIECE), add_pieces, &a);
}
