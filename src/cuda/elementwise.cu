/* The residual addition and dropout. */
#include "cuda/elementwise.cuh"

extern "C" {
#include "core/rng.h"
}

enum { THREADS = 256 };

/* x += y, V elements a thread. */
template <int V, typename A>
static __global__ void add_kernel(A *__restrict__ x, const A *__restrict__ y, size_t n)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V;
    if (i + V <= n) {
        float a[V], b[V];
        load<V>(a, x + i);
        load<V>(b, y + i);
#pragma unroll
        for (int j = 0; j < V; j++)
            a[j] += b[j];
        store<V>(x + i, a);
    } else {
        for (; i < n; i++)
            x[i] = from_float<A>(to_float(x[i]) + to_float(y[i]));
    }
}

void bl_cuda_add(bl_dev *d, bl_act *x, const bl_act *y, size_t n)
{
    int fast = aligned(x) && aligned(y);
    WITH_ACT(d, auto *kernel = fast ? add_kernel<8, A> : add_kernel<1, A>;
             LAUNCH(d, kernel, div_up(n, THREADS * (fast ? 8 : 1)), THREADS, 0, acts<A>(x),
                    acts<A>(y), n););
}

/* x = x mask / (1 - p), mask = [u >= p 2^32] with 32 random bits u an element: two draws of four a
 * thread. */
template <typename A>
static __global__ void dropout_kernel(A *x, size_t n, uint32_t site, const bl_step *step, int fast)
{
    float p = step->dropout;
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * 8;
    if (!(p > 0.0f) || i >= n)
        return;
    /* p 2^32 is exact, and u, an integer, is below it when it is below the next integer */
    uint32_t least = (uint32_t)ceilf(p * 4294967296.0f), u[8];
    float keep = 1.0f / (1.0f - p);
    uint64_t first = ((step->step << 16) + step->micro) << 32;
    philox(step->seed, BL_RNG_DROPOUT + site, first + i / 4, u);
    philox(step->seed, BL_RNG_DROPOUT + site, first + i / 4 + 1, u + 4);
    if (fast && i + 8 <= n) {
        float a[8];
        load<8>(a, x + i);
#pragma unroll
        for (int j = 0; j < 8; j++)
            a[j] = u[j] >= least ? a[j] * keep : 0.0f;
        store<8>(x + i, a);
    } else {
#pragma unroll
        for (int j = 0; j < 8; j++)
            if (i + j < n)
                x[i + j] = from_float<A>(u[j] >= least ? to_float(x[i + j]) * keep : 0.0f);
    }
}

void bl_cuda_dropout(bl_dev *d, bl_act *x, size_t n, uint32_t site, const bl_dev_step *step)
{
    WITH_ACT(d, auto *kernel = dropout_kernel<A>;
             LAUNCH(d, kernel, div_up(n, THREADS * 8), THREADS, 0, acts<A>(x), n, site,
                    step_at(step), aligned(x)););
}
