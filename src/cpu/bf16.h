/* Products of training from numbers rounded to bfloat16; what is in tiles is in kern/kern.h. */
#ifndef BL_CPU_BF16_H
#define BL_CPU_BF16_H

#include "cpu/cpu_impl.h"

enum {
    BF16_ROWS = 256, /* rows of one task of a product for dx */
    BF16_OUTS = 64   /* outputs of one task of a weight gradient */
};

/* What packing a matrix takes whose sums run over K, with N rows or columns beside them. */
static inline size_t bl_bf16_numbers(size_t K, size_t N)
{
    return bl_blocks(K, BL_BF16_DEEP) * bl_blocks(N, BL_BF16_WIDE) * BL_BF16_TILE;
}

/* What a member needs. */
size_t bl_bf16_local_floats(const bl_limits *most);

/* The arguments of bitlinear_bwd_x and bitlinear_bwd_w.  A matrix is `packed` with its g, or
 * `dense` with 1; x has a scale of each row, or float rows. */
typedef struct bl_bf16_product {
    const float *dy;
    float *dx, *dw;
    const uint8_t *packed;
    const float *dense;
    float g;
    bl_q8_view x;
    size_t N, out, in;
    int accumulate;
} bl_bf16_product;

void bl_bf16_bwd_x(const bl_cpu *c, const bl_bf16_product *p);
void bl_bf16_bwd_w(const bl_cpu *c, const bl_bf16_product *p);

/* head_loss with gradients (head_bf16.c), and what it needs besides. */
typedef struct bl_head_grads {
    float *loss, *dx, *dE;
    const float *x, *E;
    const int32_t *targets;
    float scale;
    size_t N, D, V;
} bl_head_grads;

void bl_bf16_head(const bl_cpu *c, const bl_head_grads *g);
void bl_bf16_head_plan(bl_cpu *c, bl_arena *a, const bl_limits *most);
size_t bl_bf16_head_local_floats(const bl_limits *most);

#endif
