/* The gradients of the TTT layer's parameters: partials of the blocks, added in a fixed order. */
#include "cuda/ttt.cuh"

enum { COLUMNS = 32, GROUPS = 8 };

/* to[h,i] += sum_r from[r row_stride + h head_stride + i].  A block has 32 elements of one tensor
 * and 8 groups of rows: group g adds rows g, g + 8, ..., then the first group adds the groups.
 * first[t]: the first block of tensor t. */
typedef struct partial_blocks {
    unsigned first[TTT_PARTIALS + 1];
} partial_blocks;

static __global__ void add_partials_kernel(ttt_partials p, partial_blocks blocks)
{
    __shared__ float sums[GROUPS][COLUMNS];
    int tensor = 0;
    while (blockIdx.x >= blocks.first[tensor + 1])
        tensor++;
    const ttt_partial x = p.at[tensor];
    int column = (int)threadIdx.x % COLUMNS, group = (int)threadIdx.x / COLUMNS;
    size_t i = (size_t)(blockIdx.x - blocks.first[tensor]) * COLUMNS + column;
    int used = i < x.n * x.heads;
    float sum = 0;
    if (used) {
        const float *from = x.from + i / x.n * x.head_stride + i % x.n;
#pragma unroll 4
        for (size_t r = group; r < x.rows; r += GROUPS)
            sum += from[r * x.row_stride];
    }
    sums[group][column] = sum;
    __syncthreads();
    if (group || !used)
        return;
    for (int g = 1; g < GROUPS; g++)
        sum += sums[g][column];
    x.to[i] += sum;
}

void ttt_add_partials(bl_dev *d, const ttt_partials *p)
{
    ttt_partials used = {};
    partial_blocks blocks = {};
    for (int i = 0; i < p->count; i++) {
        const ttt_partial *x = &p->at[i];
        if (!x->to || !x->n || !x->heads)
            continue;
        used.at[used.count++] = *x;
        blocks.first[used.count] = blocks.first[used.count - 1] + div_up(x->n * x->heads, COLUMNS);
    }
    LAUNCH(d, add_partials_kernel, blocks.first[used.count], COLUMNS * GROUPS, 0, used, blocks);
}

ttt_grad_places ttt_grads_of(size_t F, size_t C, size_t M)
{
    size_t second = M > F;
    ttt_grad_places x = {};
    x.b = x.W + F * M;
    x.W2 = x.b + M;
    x.b2 = x.W2 + second * M * F;
    x.gamma = x.b2 + second * F;
    x.beta = x.gamma + F;
    x.delta = x.beta + F;
    x.half_life = x.delta + C;
    x.floats = round_up(x.half_life + 1, 4);
    return x;
}

void ttt_add_grads(bl_dev *d, const bl_ttt_params *dp, const float *partials, const bl_ttt_shape *s,
                   size_t M)
{
    size_t F = s->F, second = M > F;
    ttt_grad_places x = ttt_grads_of(F, s->C, M);
    bl_param *const to[] = {dp->W0, dp->b0, dp->W2, dp->b2, dp->gamma, dp->beta, dp->half_life};
    const size_t at[] = {x.W, x.b, x.W2, x.b2, x.gamma, x.beta, x.half_life};
    const size_t n[] = {F * M, M, second * M * F, second * F, F, F, 1};
    ttt_partials p = {};
    for (int i = 0; i < 7; i++)
        p.at[p.count++] = (ttt_partial){floats(to[i]), partials + at[i], n[i],           s->H,
                                        s->B,          x.floats,         s->H * x.floats};
    /* delta is of all heads */
    p.at[p.count++] =
        (ttt_partial){floats(dp->delta), partials + x.delta, s->C, 1, s->B * s->H, 0, x.floats};
    ttt_add_partials(d, &p);
}

/* ---- the state of a sequence that has read nothing ---- */

typedef struct start_part {
    float *to;
    const float *from; /* NULL: zeros */
    size_t n;          /* of one sequence */
} start_part;

typedef struct start_parts {
    start_part at[8];
} start_parts;

/* to[b,i] = from[i]: blockIdx.y a tensor, blockIdx.z = b, a thread an element at a time. */
static __global__ void start_kernel(start_parts p)
{
    const start_part x = p.at[blockIdx.y];
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < x.n;
         i += (size_t)gridDim.x * blockDim.x)
        x.to[blockIdx.z * x.n + i] = x.from ? x.from[i] : 0;
}

void ttt_start(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p, const bl_ttt_shape *s,
               size_t M)
{
    size_t F = s->F, H = s->H, C = s->C, most = H * (F > C ? F : C) * M;
    unsigned tensors = M > F ? 8 : 4;
    start_parts parts = {{{floats(state->W), floats(p->W0), H * F * M},
                          {floats(state->b), floats(p->b0), H * M},
                          {floats(state->k), NULL, H * C * F},
                          {floats(state->h), NULL, H * C * M},
                          {floats(state->W2), floats(p->W2), H * M * F},
                          {floats(state->b2), floats(p->b2), H * F},
                          {floats(state->x2), NULL, H * C * M},
                          {floats(state->h2), NULL, H * C * F}}};
    for (size_t b = 0; b < s->B; b += 65535) {
        size_t rows = s->B - b < 65535 ? s->B - b : 65535;
        unsigned wide = div_up(most, 1024);
        LAUNCH(d, start_kernel, dim3(wide < 256 ? wide : 256, tensors, (unsigned)rows), 256, 0,
               parts);
        for (unsigned i = 0; i < tensors; i++)
            parts.at[i].to += rows * parts.at[i].n;
    }
}
