/* The gradients of the norms and of the gates fused to them. */
#include "cuda/norm.cuh"

enum { SUMS_MOST = 3 };

/* Blocks of a multiprocessor: what its registers hold, of blocks of 6 (W = 3) and of 8 warps. */
#define BLOCKS_EACH(OP, W)                                                                         \
    ((W) == 3         ? (OP) == GATED    ? 3                                                       \
                        : (OP) == SWIGLU ? 4                                                       \
                                         : 6                                                       \
     : (OP) == GATED  ? 2                                                                          \
     : (OP) == SWIGLU ? 3                                                                          \
                      : 4)

template <typename A> struct backward_rows {
    const A *dh, *x, *z;
    const float *lw, *lb, *w, *stats;
    A *dx, *dz;     /* dx of SWIGLU may be dh */
    float *partial; /* [sums, blocks, D] of dw; GATED dw, dlb, dlw */
    size_t N, D;
};

/* A piece of a row: yh = y rms, a = dh w; s the gate's sigmoid, p = lw xh + lb; x of GATED is xh. */
template <int V> struct backward_piece {
    float x[V], z[V], a[V], yh[V], s[V], p[V];
};

/* Reads the piece at i of row n; sum += dh yh. */
template <int OP, int V, typename A>
static __device__ __forceinline__ void read_piece(backward_piece<V> &t, float *sum,
                                                  const backward_rows<A> &a, const float *stats,
                                                  size_t row, size_t i)
{
    float wi[V], lw[V], lb[V];
    load<V>(t.x, a.x + row + i);
    load<V>(t.a, a.dh + row + i);
    if (OP == SWIGLU || (OP == GATED && a.z))
        load<V>(t.z, a.z + row + i);
    load<V>(wi, a.w + i);
    if (OP == GATED) {
        load<V>(lw, a.lw + i);
        load<V>(lb, a.lb + i);
    }
#pragma unroll
    for (int j = 0; j < V; j++) {
        if (OP == RMSNORM) {
            t.yh[j] = t.x[j] * stats[0];
        } else if (OP == SWIGLU) {
            t.s[j] = sigmoid(t.x[j]);
            t.yh[j] = t.x[j] * t.s[j] * t.z[j] * stats[0];
        } else {
            t.x[j] = (t.x[j] - stats[0]) * stats[1];
            t.p[j] = fmaf(lw[j], t.x[j], lb[j]);
            t.s[j] = a.z ? gelu_gate(t.z[j]) : 0.0f;
            t.yh[j] = (a.z ? t.z[j] * t.s[j] * t.p[j] : t.p[j]) * stats[2];
        }
        sum[j] += t.a[j] * t.yh[j];
        t.a[j] *= wi[j];
    }
}

/* dy = rms (a - yh slope) and, but for GATED's dx, what follows from it.  GATED: t.a becomes
 * dp = dy gelu(z). */
template <int OP, int V, typename A>
static __device__ __forceinline__ void close_gate(backward_piece<V> &t, const backward_rows<A> &a,
                                                  size_t at, float rms, float slope)
{
    float out[V];
    if (OP == RMSNORM)
        load<V>(out, a.dx + at);
#pragma unroll
    for (int j = 0; j < V; j++) {
        float dy = rms * (t.a[j] - t.yh[j] * slope), s = t.s[j];
        if (OP == RMSNORM) {
            out[j] += dy;
        } else if (OP == SWIGLU) {
            out[j] = dy * t.z[j] * s * (1.0f + t.x[j] * (1.0f - s));
            t.a[j] = dy * t.x[j] * s;
        } else {
            out[j] = a.z ? dy * t.p[j] * gelu_slope_at(t.z[j], s) : 0.0f;
            t.a[j] = a.z ? dy * t.z[j] * s : dy;
        }
    }
    if (OP == SWIGLU)
        store<V>(a.dz + at, t.a);
    if (OP != GATED)
        store<V>(a.dx + at, out);
    else if (a.z)
        store<V>(a.dz + at, out);
}

/* part[at..at+V) += sum */
template <int V> static __device__ __forceinline__ void add_to(float *part, const float *sum)
{
    float old[V];
    load<V>(old, part);
#pragma unroll
    for (int j = 0; j < V; j++)
        old[j] += sum[j];
    store<V>(part, old);
}

/* GATED, with dp = t.a: dlb += dp, dlw += dp xh, and what P needs: the sums of dp lw and dp lw xh. */
template <int V, int KEEP>
static __device__ __forceinline__ void add_gated(const backward_piece<V> &t, const float *lw_at,
                                                 float *dlb, float *dlw, float &sum, float &tilt)
{
    float lw[V], own[V];
    load<V>(lw, lw_at);
#pragma unroll
    for (int j = 0; j < V; j++) {
        own[j] = t.a[j] * t.x[j];
        sum += t.a[j] * lw[j];
        tilt += own[j] * lw[j];
        if (KEEP) {
            dlb[j] += t.a[j];
            dlw[j] += own[j];
        }
    }
    if (!KEEP) {
        add_to<V>(dlb, t.a);
        add_to<V>(dlw, own);
    }
}

/* dx = P(dp lw; xh) / sigma */
template <int V, typename A>
static __device__ __forceinline__ void
project(const backward_piece<V> &t, A *dx, const float *lw_at, float mean, float tilt, float rstd)
{
    float out[V], lw[V];
    load<V>(lw, lw_at);
#pragma unroll
    for (int j = 0; j < V; j++)
        out[j] = (t.a[j] * lw[j] - mean - t.x[j] * tilt) * rstd;
    store<V>(dx, out);
}

/* part[0..D) = the sum over the block's teams. */
template <int V, int W, int TEAMS>
static __device__ __forceinline__ void write_sum(float *part, const float *sum, float *all,
                                                 size_t D)
{
    size_t thread = threadIdx.x % (32 * W);
    if (TEAMS == 1) {
        if (thread * V < D)
            store<V>(part + thread * V, sum);
        return;
    }
    __syncthreads();
    store<V>(all + (size_t)threadIdx.x * V, sum);
    __syncthreads();
    for (size_t i = threadIdx.x; i < D; i += 32 * W * TEAMS) {
        float total = all[i];
        for (int team = 1; team < TEAMS; team++)
            total += all[(size_t)team * 32 * W * V + i];
        part[i] = total;
    }
}

/* dy = rms (a - yh mean(a yh)) through the gate; GATED also dx = P(dp lw; xh) / sigma.  A team walks
 * over rows, and its threads sum dw = dh yh, dlb = dp, dlw = dp xh of their columns: in registers,
 * or in the block's partial sums when they do not keep the row. */
template <int OP, int V, int W, int TEAMS, int KEEP, typename A>
static __global__ void __launch_bounds__(32 * W * TEAMS, BLOCKS_EACH(OP, W))
    backward_kernel(backward_rows<A> a)
{
    enum { SUMS = OP == GATED ? 3 : 1, ALL = TEAMS > 1 ? 32 * W * V * TEAMS : 4 };
    __shared__ __align__(16) float room[2 * W * TEAMS], all[ALL];
    int turn = 0, thread = threadIdx.x % (32 * W);
    size_t D = a.D, end = D, stride = gridDim.x * D;
    float *part = a.partial + blockIdx.x * D, sums[SUMS][V] = {}, none[V] = {};
    float each = 1.0f / (float)D;
    backward_piece<V> t = {};

    if (!KEEP)
        for (int k = 0; k < SUMS; k++) {
            PIECES_BEGIN(i)
            store<V>(part + k * stride + i, none);
            PIECES_END
        }
    for (size_t n0 = (size_t)blockIdx.x * TEAMS; n0 < a.N; n0 += (size_t)gridDim.x * TEAMS) {
        size_t n = n0 + threadIdx.x / (32 * W), row = n * D;
        end = n < a.N ? D : 0;
        const float *stats = a.stats + (end ? n : 0) * (OP == GATED ? 3 : 1);
        float rms = stats[OP == GATED ? 2 : 0], sum = 0, tilt = 0;
        PIECES_BEGIN(i)
        float dw[V] = {};
        read_piece<OP, V>(t, KEEP ? sums[0] : dw, a, stats, row, i);
        if (!KEEP)
            add_to<V>(part + i, dw);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum += t.a[j] * t.yh[j];
        PIECES_END
        float slope = team_sum<W>(sum, room, turn) * each;
        sum = 0;
        PIECES_BEGIN(i)
        if (!KEEP)
            read_piece<OP, V>(t, none, a, stats, row, i);
        close_gate<OP, V>(t, a, row + i, rms, slope);
        if (OP == GATED)
            add_gated<V, KEEP>(t, a.lw + i, KEEP ? sums[1 % SUMS] : part + stride + i,
                               KEEP ? sums[2 % SUMS] : part + 2 * stride + i, sum, tilt);
        PIECES_END
        if (OP != GATED)
            continue;
        float mean = team_sum<W>(sum, room, turn) * each;
        tilt = team_sum<W>(tilt, room, turn) * each;
        PIECES_BEGIN(i)
        if (!KEEP) {
            read_piece<OP, V>(t, none, a, stats, row, i);
            close_gate<OP, V>(t, a, row + i, rms, slope);
        }
        project<V>(t, a.dx + row + i, a.lw + i, mean, tilt, stats[1]);
        PIECES_END
    }
    for (int k = 0; KEEP && k < SUMS; k++)
        write_sum<V, W, TEAMS>(part + k * stride, sums[k], all, D);
}

static size_t backward_blocks(bl_dev *d, int each, size_t pieces)
{
    size_t most = (size_t)cuda_of(d)->multiprocessors * each;
    return pieces < most ? pieces : most;
}

void cuda_norm_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    size_t mark = bl_arena_mark(a), N = most->B * most->T;
    size_t norm = backward_blocks(d, BLOCKS_EACH(RMSNORM, 3), N) * most->D;
    size_t swiglu = backward_blocks(d, BLOCKS_EACH(SWIGLU, 3), N) * most->I;
    size_t gated = backward_blocks(d, BLOCKS_EACH(GATED, 3), N) * most->D * SUMS_MOST;
    norm = norm > swiglu ? norm : swiglu;
    take<float>(a, norm > gated ? norm : gated);
    bl_arena_rewind(a, mark);
}

/* Both launches; `to` are the gradients of w, lb, lw. */
template <int OP, typename A>
static void backward(bl_dev *d, backward_rows<A> a, float *dw, float *dlb, float *dlw)
{
    size_t blocks = 0, D = a.D;
    cuda_partials p = {};
    int eights = D % 8 == 0 && aligned(a.dh) && aligned(a.x) && aligned(a.z) && aligned(a.lw) &&
                 aligned(a.lb) && aligned(a.w) && aligned(a.dx) && aligned(a.dz);
    float *to[SUMS_MOST] = {dw, dlb, dlw};
    WITH_WIDTH(eights, D,
               blocks = backward_blocks(d, BLOCKS_EACH(OP, W), (a.N + TEAMS - 1) / TEAMS);
               a.partial = take<float>(cuda_scratch(d), blocks * D * (OP == GATED ? 3 : 1));
               auto *kernel = backward_kernel<OP, V, W, TEAMS, KEEP, A>;
               LAUNCH(d, kernel, (unsigned)blocks, 32 * W * TEAMS, 0, a););
    p.count = blocks;
    for (int k = 0; k < (OP == GATED ? 3 : 1); k++) {
        p.to[k] = to[k];
        p.from[k] = a.partial + k * blocks * D;
        p.n[k] = D;
    }
    add_partials(d, &p);
}

void bl_cuda_rmsnorm_bwd(bl_dev *d, bl_act *dx, bl_param *dw, const bl_act *dy, const bl_act *x,
                         const bl_real *rstd, const bl_param *w, size_t N, size_t D)
{
    WITH_ACT(d, backward_rows<A> a = {}; a.dh = acts<A>(dy); a.x = acts<A>(x); a.w = floats(w);
             a.stats = floats(rstd); a.dx = acts<A>(dx); a.N = N; a.D = D;
             backward<RMSNORM>(d, a, floats(dw), NULL, NULL););
}

void bl_cuda_gate_norm_bwd(bl_dev *d, bl_act *dout, bl_act *dz, bl_param *dw, bl_param *db,
                           bl_param *dsub, const bl_act *dy, const bl_act *o, const bl_act *z,
                           const bl_param *w, const bl_param *b, const bl_param *sub,
                           const bl_real *stats, size_t N, size_t D)
{
    WITH_ACT(d, backward_rows<A> a = {}; a.dh = acts<A>(dy); a.x = acts<A>(o); a.z = acts<A>(z);
             a.lw = floats(w); a.lb = floats(b); a.w = floats(sub); a.stats = floats(stats);
             a.dx = acts<A>(dout); a.dz = acts<A>(dz); a.N = N; a.D = D;
             backward<GATED>(d, a, floats(dsub), floats(db), floats(dw)););
}

void bl_cuda_swiglu_norm_bwd(bl_dev *d, bl_act *dgate, bl_act *dup, bl_param *dw, const bl_act *dh,
                             const bl_act *gate, const bl_act *up, const bl_param *w,
                             const bl_real *rstd, size_t N, size_t I)
{
    WITH_ACT(d, backward_rows<A> a = {}; a.dh = acts<A>(dh); a.x = acts<A>(gate); a.z = acts<A>(up);
             a.w = floats(w); a.stats = floats(rstd); a.dx = acts<A>(dgate); a.dz = acts<A>(dup);
             a.N = N; a.D = I; backward<SWIGLU>(d, a, floats(dw), NULL, NULL););
}
