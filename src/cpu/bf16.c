/* Products of training from numbers rounded to bfloat16, over the bf16 kernels: gradients of
 * BitLinear's inputs and weights (MODEL 7).
 *
 * Codes of a matrix and of a quantised row are exact in bfloat16, so what is rounded is dy alone:
 * with g before dx = (g dy) W, with 1 / s of its row before dW = (dy / s)^T q.  Sums are float32 in
 * the order of the rows. */
#include "cpu/bf16.h"

size_t bl_bf16_local_floats(const bl_limits *most)
{
    size_t wide = bl_most(most->D, most->I), head = bl_bf16_head_local_floats(most);
    size_t rows = bl_bf16_numbers(wide, BF16_ROWS);
    size_t outs =
        bl_bf16_numbers(DEQUANT_ROWS, BF16_OUTS) + bl_bf16_numbers(BL_BF16_DEEP, BF16_OUTS);
    return bl_most(bl_most(bl_most(rows, outs) / 2, BL_BF16_DEEP * wide), head);
}

static uint16_t *numbers(float *room)
{
    return (uint16_t *)(void *)room;
}

typedef struct bf16_op {
    const bl_cpu *c;
    const bl_bf16_product *p;
    size_t first, rows; /* the current rows of x */
} bf16_op;

/* W in panels of 16 inputs, whose sums run over the outputs. */
static void pack_outs(void *user, size_t first, size_t last, size_t member)
{
    const bf16_op *a = user;
    const bl_bf16_product *p = a->p;
    size_t in = p->in, step = bl_bf16_numbers(p->out, 1);
    float *room = bl_cpu_local(a->c, member);
    for (size_t k = first, o = k * BL_BF16_DEEP; k < last; k++, o += BL_BF16_DEEP) {
        size_t rows = bl_least(p->out - o, BL_BF16_DEEP);
        if (p->packed)
            a->c->k.tern_expand(room, p->packed + k * bl_tern_panel_bytes(in), 1, rows, in);
        a->c->k.bf16_pairs(numbers(a->c->dense_w) + k * BL_BF16_TILE, step,
                           p->packed ? room : p->dense + o * in, in, NULL, rows, in);
    }
}

static void dx_rows(void *user, size_t first, size_t last, size_t member)
{
    const bf16_op *a = user;
    const bl_bf16_product *p = a->p;
    size_t strip = bl_bf16_numbers(p->out, 1);
    uint16_t *room = numbers(bl_cpu_local(a->c, member));
    for (size_t n = first * BF16_ROWS; n < bl_least(last * BF16_ROWS, p->N); n += BF16_ROWS) {
        size_t rows = bl_least(p->N - n, BF16_ROWS);
        for (size_t i = 0; i < rows; i += BL_BF16_WIDE)
            a->c->k.bf16_rows(room + i / BL_BF16_WIDE * strip, p->dy + (n + i) * p->out, p->out,
                              p->g, bl_least(rows - i, BL_BF16_WIDE), p->out);
        a->c->k.bf16_matmul(p->dx + n * p->in, p->in, p->accumulate, room, strip,
                            numbers(a->c->dense_w), strip, rows, p->in,
                            bl_blocks(p->out, BL_BF16_DEEP));
    }
}

void bl_bf16_bwd_x(const bl_cpu *c, const bl_bf16_product *p)
{
    bf16_op a = {.c = c, .p = p};
    _Static_assert((int)BL_BF16_DEEP == (int)BL_TERN_ROWS, "a panel of W fills its tiles");
    bl_cpu_run(c, p->out * p->in, bl_blocks(p->out, BL_BF16_DEEP), pack_outs, &a);
    bl_cpu_run(c, p->N * p->out * p->in, bl_blocks(p->N, BF16_ROWS), dx_rows, &a);
}

/* The current rows of x in panels of 16 inputs, whose sums run over the rows. */
static void pack_rows(void *user, size_t first, size_t last, size_t member)
{
    const bf16_op *a = user;
    const bl_q8_view *x = &a->p->x;
    size_t in = a->p->in, step = bl_bf16_numbers(a->rows, 1);
    (void)member;
    for (size_t k = first, n = k * BL_BF16_DEEP; k < last; k++, n += BL_BF16_DEEP) {
        size_t rows = bl_least(a->rows - n, BL_BF16_DEEP), at = a->first + n;
        uint16_t *to = numbers(a->c->dense_x) + k * BL_BF16_TILE;
        if (x->rows)
            a->c->k.bf16_pairs(to, step, x->rows + at * in, in, NULL, rows, in);
        else
            a->c->k.bf16_bytes(to, step, x->q + at * x->ld, x->ld, rows, in);
    }
}

/* Strips of the transposed dy / s: outputs o .. o + outs - 1 of the current rows. */
static void pack_dy(const bf16_op *a, uint16_t *strips, uint16_t *tiles, size_t o, size_t outs)
{
    const bl_bf16_product *p = a->p;
    size_t strip = bl_bf16_numbers(a->rows, 1);
    for (size_t n = 0; n < a->rows; n += BL_BF16_DEEP) {
        size_t rows = bl_least(a->rows - n, BL_BF16_DEEP), at = a->first + n;
        float factor[BL_BF16_DEEP];
        for (size_t i = 0; p->x.scale && i < rows; i++)
            factor[i] = 1 / p->x.scale[at + i];
        a->c->k.bf16_pairs(tiles, BL_BF16_TILE, p->dy + at * p->out + o, p->out,
                           p->x.scale ? factor : NULL, rows, outs);
        for (size_t i = 0; i < outs; i += BL_BF16_WIDE)
            a->c->k.bf16_turn(strips + i / BL_BF16_WIDE * strip + n / BL_BF16_DEEP * BL_BF16_TILE,
                              tiles + i / BL_BF16_WIDE * BL_BF16_TILE);
    }
}

static void dw_outs(void *user, size_t first, size_t last, size_t member)
{
    const bf16_op *a = user;
    const bl_bf16_product *p = a->p;
    size_t strip = bl_bf16_numbers(a->rows, 1);
    uint16_t *strips = numbers(bl_cpu_local(a->c, member));
    uint16_t *tiles = strips + bl_bf16_numbers(DEQUANT_ROWS, BF16_OUTS);
    for (size_t k = first, o = k * BF16_OUTS; k < last; k++, o += BF16_OUTS) {
        size_t outs = bl_least(p->out - o, BF16_OUTS);
        pack_dy(a, strips, tiles, o, outs);
        a->c->k.bf16_matmul(p->dw + o * p->in, p->in, 1, strips, strip, numbers(a->c->dense_x),
                            strip, outs, p->in, bl_blocks(a->rows, BL_BF16_DEEP));
    }
}

void bl_bf16_bwd_w(const bl_cpu *c, const bl_bf16_product *p)
{
    bf16_op a = {.c = c, .p = p};
    for (; a.first < p->N; a.first += DEQUANT_ROWS) {
        a.rows = bl_least(p->N - a.first, DEQUANT_ROWS);
        bl_cpu_run(c, a.rows * p->in, bl_blocks(a.rows, BL_BF16_DEEP), pack_rows, &a);
        bl_cpu_run(c, a.rows * p->out * p->in, bl_blocks(p->out, BF16_OUTS), dw_outs, &a);
    }
}
