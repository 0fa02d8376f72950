/* The norms with their quantisation, and the gates fused to them: RMSNorm, gate_norm, SwiGLU. */
#include "cuda/norm.cuh"

template <typename A> struct forward_rows {
    const A *x, *z;
    const float *lw, *lb, *w; /* LayerNorm's, RMSNorm's */
    A *y;                     /* NULL: not wanted */
    q8_rows q;                /* its members are NULL where not wanted */
    float *stats;             /* [N], GATED [N,3] */
    float eps;
    size_t N, D;
};

template <int OP, int V, typename A>
static __device__ __forceinline__ void read_row(float *y, float *z, const forward_rows<A> &a,
                                                size_t at)
{
    load<V>(y, a.x + at);
    if (OP == SWIGLU || (OP == GATED && a.z))
        load<V>(z, a.z + at);
}

/* y of what read_row read. */
template <int OP, int V, typename A>
static __device__ __forceinline__ void open_gate(float *y, const float *z, const forward_rows<A> &a,
                                                 size_t i, float mean, float rstd)
{
    if (OP == SWIGLU) {
#pragma unroll
        for (int j = 0; j < V; j++)
            y[j] = y[j] * sigmoid(y[j]) * z[j];
    } else if (OP == GATED) {
        float lw[V], lb[V];
        load<V>(lw, a.lw + i);
        load<V>(lb, a.lb + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            float p = fmaf(lw[j], (y[j] - mean) * rstd, lb[j]);
            y[j] = a.z ? gelu(z[j]) * p : p;
        }
    }
}

/* xi; y becomes xi / s */
template <int V, typename A>
static __device__ __forceinline__ void store_q8(int8_t *at, float *y, float s)
{
    uint32_t word[V == 8 ? 2 : 1] = {};
    float each = 1.0f / s;
#pragma unroll
    for (int j = 0; j < V; j++) {
        uint32_t xi = quantise(y[j], s);
        word[j / 4] |= xi << (j % 4 * 8);
        y[j] = (float)(int8_t)xi;
        y[j] = sizeof(A) == sizeof(bf16) ? y[j] * each : __fdiv_rn(y[j], s);
    }
    if (V == 8)
        *(uint2 *)(void *)at = make_uint2(word[0], word[V == 8 ? 1 : 0]);
    else
        *at = (int8_t)word[0];
}

/* What there is one of in a row, and the zeros behind its integers. */
template <int OP, int THREADS, typename A>
static __device__ __forceinline__ void finish_row(const forward_rows<A> &a, size_t n, int thread,
                                                  float s, float mean, float rstd, float rms)
{
    if (a.q.xi)
        for (size_t i = a.D + thread; i < a.q.stride; i += THREADS)
            a.q.xi[n * a.q.stride + i] = 0;
    if (thread)
        return;
    if (a.q.xi)
        a.q.s[n] = s;
    if (OP == GATED) {
        a.stats[3 * n] = mean;
        a.stats[3 * n + 1] = rstd;
    }
    a.stats[OP == GATED ? 3 * n + 2 : n] = rms;
}

/* rstd = 1 / sqrt(mean(y^2) + eps);  row = y rstd w;  q = quantise(row).  A team a row. */
template <int OP, int V, int W, int TEAMS, int P, typename A>
static __global__ void __launch_bounds__(32 * W * TEAMS) forward_kernel(forward_rows<A> a)
{
    __shared__ float room[2 * W * TEAMS];
    int turn = 0, thread = threadIdx.x % (32 * W);
    size_t n = (size_t)blockIdx.x * TEAMS + threadIdx.x / (32 * W);
    size_t end = n < a.N ? a.D : 0, row = n * a.D;
    float y[P ? P : 1][V], z[P ? P : 1][V], each = 1.0f / (float)a.D;
    float mean = 0, rstd = 0, sum = 0, most = 1e-5f, s = 0;
    chain_next();
    chain_wait();

    if (P) {
        PIECES_BEGIN(i, k)
        read_row<OP, V>(y[k], z[k], a, row + i);
        PIECES_END
    }
    if (OP == GATED) {
        PIECES_BEGIN(i, k)
        if (!P)
            load<V>(y[k], a.x + row + i);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum += y[k][j];
        PIECES_END
        mean = team_sum<W>(sum, room, turn) * each;
        sum = 0;
        PIECES_BEGIN(i, k)
        if (!P)
            load<V>(y[k], a.x + row + i);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum = fmaf(y[k][j] - mean, y[k][j] - mean, sum);
        PIECES_END
        rstd = 1.0f / sqrtf(fmaf(team_sum<W>(sum, room, turn), each, 1e-6f));
        sum = 0;
    }
    PIECES_BEGIN(i, k)
    if (!P)
        read_row<OP, V>(y[k], z[k], a, row + i);
    open_gate<OP, V>(y[k], z[k], a, i, mean, rstd);
#pragma unroll
    for (int j = 0; j < V; j++)
        sum = fmaf(y[k][j], y[k][j], sum);
    PIECES_END
    float rms = 1.0f / sqrtf(fmaf(team_sum<W>(sum, room, turn), each, a.eps));
    PIECES_BEGIN(i, k)
    if (!P) {
        read_row<OP, V>(y[k], z[k], a, row + i);
        open_gate<OP, V>(y[k], z[k], a, i, mean, rstd);
    }
    scale_row<V>(y[k], a.w + i, rms);
#pragma unroll
    for (int j = 0; j < V; j++)
        most = fmaxf(most, fabsf(y[k][j]));
    PIECES_END
    if (a.q.xi)
        s = __fdiv_rn(127.0f, team_max<W>(most, room, turn));
    PIECES_BEGIN(i, k)
    if (!P) {
        read_row<OP, V>(y[k], z[k], a, row + i);
        open_gate<OP, V>(y[k], z[k], a, i, mean, rstd);
        scale_row<V>(y[k], a.w + i, rms);
    }
    if (a.y)
        store<V>(a.y + row + i, y[k]);
    if (a.q.xi)
        store_q8<V, A>(a.q.xi + n * a.q.stride + i, y[k], s);
    if (a.q.x)
        store<V>((A *)a.q.x + row + i, y[k]);
    PIECES_END
    if (end)
        finish_row<OP, 32 * W>(a, n, thread, s, mean, rstd, rms);
}

#define WITH_WIDTH(eights, D, ...)                                                                 \
    do {                                                                                           \
        if (!(eights))                                                                             \
            WITH_WIDTH_CASE(1, 4, 1, 0, __VA_ARGS__)                                               \
        else if ((D) <= 256)                                                                       \
            WITH_WIDTH_CASE(8, 1, 8, 1, __VA_ARGS__)                                               \
        else if ((D) <= 768)                                                                       \
            WITH_WIDTH_CASE(8, 1, 4, 3, __VA_ARGS__)                                               \
        else if ((D) <= 2048)                                                                      \
            WITH_WIDTH_CASE(8, 4, 1, 2, __VA_ARGS__)                                               \
        else                                                                                       \
            WITH_WIDTH_CASE(8, 8, 1, 0, __VA_ARGS__)                                               \
    } while (0)

template <int OP, typename A> static void forward(bl_dev *d, const forward_rows<A> &a)
{
    int eights = a.D % 8 == 0 && aligned(a.x) && aligned(a.z) && aligned(a.lw) && aligned(a.lb) &&
                 aligned(a.w) && aligned(a.y) && aligned(a.q.x) && aligned(a.q.xi);
    WITH_WIDTH(eights, a.D, auto *kernel = forward_kernel<OP, V, W, TEAMS, P, A>;
               LAUNCH_CHAINED(d, kernel, div_up(a.N, TEAMS), 32 * W * TEAMS, 0, a););
}

void bl_cuda_rmsnorm_fwd(bl_dev *d, bl_act *y, bl_q8 *yq, bl_real *rstd, const bl_act *x,
                         const bl_param *w, float eps, size_t N, size_t D)
{
    q8_rows q = {};
    if (yq)
        q = q8_of(d, yq, N, D);
    WITH_ACT(d, forward_rows<A> a = {}; a.x = acts<A>(x); a.w = floats(w); a.y = acts<A>(y);
             a.q = q; a.stats = floats(rstd); a.eps = eps; a.N = N; a.D = D;
             forward<RMSNORM>(d, a););
}

void bl_cuda_gate_norm_fwd(bl_dev *d, bl_q8 *yq, bl_real *stats, const bl_act *o, const bl_act *z,
                           const bl_param *w, const bl_param *b, const bl_param *sub, float eps,
                           size_t N, size_t D)
{
    WITH_ACT(d, forward_rows<A> a = {}; a.x = acts<A>(o); a.z = acts<A>(z); a.lw = floats(w);
             a.lb = floats(b); a.w = floats(sub); a.q = q8_of(d, yq, N, D); a.stats = floats(stats);
             a.eps = eps; a.N = N; a.D = D; forward<GATED>(d, a););
}

void bl_cuda_swiglu_norm_fwd(bl_dev *d, bl_q8 *hq, bl_real *rstd, const bl_act *gate,
                             const bl_act *up, const bl_param *w, float eps, size_t N, size_t I)
{
    WITH_ACT(d, forward_rows<A> a = {}; a.x = acts<A>(gate); a.z = acts<A>(up); a.w = floats(w);
             a.q = q8_of(d, hq, N, I); a.stats = floats(rstd); a.eps = eps; a.N = N; a.D = I;
             forward<SWIGLU>(d, a););
}
