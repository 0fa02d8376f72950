/* Consolidation: what a sequence forgets towards moves to what it has learned (MODEL 3.8). */
#include "cuda/cuda.h"

enum { THREADS = 512, PARTS = 4 };

/* W0, b0, W2 and b2 of all heads, n elements a head; n is 0 when the inner model does not have it. */
typedef struct base_parts {
    float *base[PARTS];
    const float *start[PARTS], *rest[PARTS], *now[PARTS];
    size_t n[PARTS];
} base_parts;

/* The sum over a block, in double, in a fixed order; every thread gets it. */
static __device__ double block_sum(double x)
{
    __shared__ double sums[THREADS / 32];
    for (int lane = 16; lane; lane >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, lane);
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = x;
    __syncthreads();
    x = 0;
    for (int i = 0; i < THREADS / 32; i++)
        x += sums[i];
    return x;
}

/* base += share (now - rest + start - base); then, where |base - start| > most |start| over all
 * tensors of the head, base = start + (base - start) most |start| / |base - start|.  A block a head;
 * in double, for it is called once in a while. */
static __global__ void consolidate_kernel(base_parts p, double share, double most)
{
    double moved = 0, squares = 0;
    for (int part = 0; part < PARTS; part++)
        for (size_t i = threadIdx.x; i < p.n[part]; i += THREADS) {
            size_t at = blockIdx.x * p.n[part] + i;
            double base = (double)p.base[part][at], start = (double)p.start[part][at];
            double learned = (double)p.now[part][at] - (double)p.rest[part][at];
            float next = (float)(base + share * (learned + start - base));
            double away = (double)next - start;
            p.base[part][at] = next;
            moved += away * away;
            squares += start * start;
        }
    moved = sqrt(block_sum(moved));
    double farthest = most * sqrt(block_sum(squares));
    if (!(moved > farthest))
        return;
    for (int part = 0; part < PARTS; part++)
        for (size_t i = threadIdx.x; i < p.n[part]; i += THREADS) {
            size_t at = blockIdx.x * p.n[part] + i;
            double base = (double)p.base[part][at], start = (double)p.start[part][at];
            p.base[part][at] = (float)(start + farthest / moved * (base - start));
        }
}

void bl_cuda_ttt_consolidate(bl_dev *d, const bl_ttt_params *base, const bl_ttt_params *rest,
                             const bl_ttt_state *state, const bl_ttt_params *p,
                             const bl_ttt_shape *s, float share, float most)
{
    size_t F = s->F, M = p->W2 ? 4 * F : F, second = p->W2 != NULL;
    base_parts parts = {{floats(base->W0), floats(base->b0), floats(base->W2), floats(base->b2)},
                        {floats(p->W0), floats(p->b0), floats(p->W2), floats(p->b2)},
                        {floats(rest->W0), floats(rest->b0), floats(rest->W2), floats(rest->b2)},
                        {floats(state->W), floats(state->b), floats(state->W2), floats(state->b2)},
                        {F * M, M, second * M * F, second * F}};
    LAUNCH(d, consolidate_kernel, (unsigned)s->H, THREADS, 0, parts, (double)share, (double)most);
}
