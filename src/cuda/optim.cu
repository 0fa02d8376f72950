/* The gradient norm and AdamW with decoupled weight decay. */
#include "cuda/elementwise.cuh"

enum { THREADS = 256, BLOCKS_EACH = 8 /* a multiprocessor */ };

/* The sum over a block of THREADS, in thread 0. */
static __device__ __forceinline__ double block_sum(double x)
{
    __shared__ double sums[THREADS];
    sums[threadIdx.x] = x;
    __syncthreads();
    for (int half = THREADS / 2; half; half /= 2) {
        if (threadIdx.x < half)
            sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    return sums[0];
}

/* partial[block] = the sum of g^2 over every gridDim-th piece of THREADS * V. */
template <int V>
static __global__ void __launch_bounds__(THREADS)
    square_kernel(double *partial, const float *__restrict__ g, size_t n)
{
    double sum = 0;
    size_t stride = (size_t)gridDim.x * THREADS * V;
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V;
#pragma unroll 4
    for (; i + V <= n; i += stride) {
        float a[V];
        load<V>(a, g + i);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum += (double)a[j] * (double)a[j];
    }
    for (; i < n; i++)
        sum += (double)g[i] * (double)g[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        partial[blockIdx.x] = sum;
}

/* grad_norm = |g|;  grad_scale = clip / max(|g|, clip);  skip when |g| is not finite.  One block. */
static __global__ void __launch_bounds__(THREADS)
    norm_kernel(bl_step *step, const double *partial, unsigned count)
{
    double sum = 0;
    for (unsigned i = threadIdx.x; i < count; i += THREADS)
        sum += partial[i];
    sum = block_sum(sum);
    if (threadIdx.x)
        return;
    float norm = (float)sqrt(sum), clip = step->clip;
    int finite = fabsf(norm) <= 3.402823466e38f;
    step->grad_norm = norm;
    step->skip = finite ? 0u : 1u;
    step->grad_scale = clip > 0.0f && finite ? clip / fmaxf(norm, clip) : 1.0f;
}

static unsigned square_blocks(bl_dev *d)
{
    return (unsigned)cuda_of(d)->multiprocessors * BLOCKS_EACH;
}

void cuda_optim_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    (void)most;
    size_t mark = bl_arena_mark(a);
    take<double>(a, square_blocks(d));
    bl_arena_rewind(a, mark);
}

void bl_cuda_grad_norm(bl_dev *d, bl_dev_step *step, const bl_param *g, size_t n)
{
    unsigned blocks = square_blocks(d);
    double *partial = take<double>(cuda_scratch(d), blocks);
    auto *kernel = aligned(g) ? square_kernel<4> : square_kernel<1>;
    LAUNCH(d, kernel, blocks, THREADS, 0, partial, floats(g), n);
    LAUNCH(d, norm_kernel, 1, THREADS, 0, step_at(step), partial, blocks);
}

/* g' = g grad_scale;  m = b1 m + (1 - b1) g';  v = b2 v + (1 - b2) g'^2;
 * p -= lr ((m / bias1) / (sqrt(v / bias2) + eps) + wd p);  g = 0;  of tables lr is lr table_rate.
 * V elements a thread and round; a skipped step only zeroes g. */
template <int V>
static __global__ void __launch_bounds__(THREADS)
    adamw_kernel(float *__restrict__ p, float *__restrict__ g, float *__restrict__ m,
                 float *__restrict__ v, size_t n, int decay, const bl_step *__restrict__ step)
{
    const float zeros[V] = {};
    float b1 = step->beta1, b2 = step->beta2, lr = step->lr, eps = step->adam_eps;
    float rest1 = 1.0f - b1, rest2 = 1.0f - b2, scale = step->grad_scale;
    float each1 = 1.0f / step->bias1, each2 = 1.0f / step->bias2;
    float wd = decay ? step->weight_decay : 0.0f;
    int skip = step->skip != 0;
    if (decay == BL_ADAMW_TABLE)
        lr *= step->table_rate;
    size_t stride = (size_t)gridDim.x * THREADS * V;
    for (size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V; i < n; i += stride) {
        if (!skip) {
            float pi[V], gi[V], mi[V], vi[V];
            load<V>(pi, p + i);
            load<V>(gi, g + i);
            load<V>(mi, m + i);
            load<V>(vi, v + i);
#pragma unroll
            for (int j = 0; j < V; j++) {
                float gj = gi[j] * scale;
                mi[j] = b1 * mi[j] + rest1 * gj;
                vi[j] = b2 * vi[j] + rest2 * gj * gj;
                float move = divide(mi[j] * each1, sqrtf(vi[j] * each2) + eps);
                pi[j] -= lr * (move + wd * pi[j]);
            }
            store<V>(p + i, pi);
            store<V>(m + i, mi);
            store<V>(v + i, vi);
        }
        store<V>(g + i, zeros);
    }
}

static void adamw(bl_dev *d, float *p, float *g, float *m, float *v, size_t n, int decay,
                  const bl_step *step, int fours)
{
    size_t pieces = (n + THREADS * (fours ? 4 : 1) - 1) / (THREADS * (fours ? 4 : 1));
    size_t most = square_blocks(d);
    auto *kernel = fours ? adamw_kernel<4> : adamw_kernel<1>;
    LAUNCH(d, kernel, (unsigned)(pieces < most ? pieces : most), THREADS, 0, p, g, m, v, n, decay,
           step);
}

void bl_cuda_adamw(bl_dev *d, bl_param *p_, bl_param *g_, bl_param *m_, bl_param *v_, size_t n,
                   int decay, const bl_dev_step *step)
{
    float *p = floats(p_), *g = floats(g_), *m = floats(m_), *v = floats(v_);
    int fast = aligned(p) && aligned(g) && aligned(m) && aligned(v);
    size_t whole = fast ? n / 4 * 4 : 0;
    adamw(d, p, g, m, v, whole, decay, step_at(step), 1);
    adamw(d, p + whole, g + whole, m + whole, v + whole, n - whole, decay, step_at(step), 0);
}
