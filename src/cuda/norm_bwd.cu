/* The gradients of the norms and of the gates fused to them. */
#include "cuda/norm.cuh"

enum { SUMS_MOST = 3 };

/* Blocks of a multiprocessor: what its registers hold, of blocks of 3 (GATED) or 6 (W = 3) and of 8
 * warps. */
#define BLOCKS_EACH(OP, W)                                                                         \
    ((W) == 3 ? (OP) == GATED ? 5 : 4 : (OP) == GATED ? 2 : (OP) == SWIGLU ? 3 : 4)
enum { BLOCKS_MOST = 5 };

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

/* Reads x, dh and z of the piece at `at`.  RMSNORM has what is in dx for z. */
template <int OP, int V, typename A>
static __device__ __forceinline__ void read_piece(backward_piece<V> &t, const backward_rows<A> &a,
                                                  size_t at)
{
    load<V>(t.x, a.x + at);
    load<V>(t.a, a.dh + at);
    if (OP == RMSNORM)
        load<V>(t.z, a.dx + at);
    else if (OP == SWIGLU || a.z)
        load<V>(t.z, a.z + at);
}

/* What backward_piece is made of: sum += dh yh. */
template <int OP, int V, typename A>
static __device__ __forceinline__ void open_piece(backward_piece<V> &t, float *sum,
                                                  const backward_rows<A> &a, const float *stats,
                                                  size_t i)
{
    float wi[V], lw[V], lb[V];
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
#pragma unroll
    for (int j = 0; j < V; j++) {
        float dy = rms * (t.a[j] - t.yh[j] * slope), s = t.s[j];
        if (OP == RMSNORM) {
            out[j] = t.z[j] + dy;
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
template <int V, int P>
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
        if (P) {
            dlb[j] += t.a[j];
            dlw[j] += own[j];
        }
    }
    if (!P) {
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

/* Pieces of the next row of a thread that keeps one of eight bf16, as they are in memory. */
template <int STATS> struct pieces_ahead {
    uint4 x, dh, z;
    float stats[STATS];
};

template <int OP, int STATS, typename A>
static __device__ __forceinline__ void read_ahead(pieces_ahead<STATS> &next,
                                                  const backward_rows<A> &a, size_t n, size_t i)
{
    size_t at = n * a.D + i;
    if (n >= a.N)
        return;
#pragma unroll
    for (int k = 0; k < STATS; k++)
        next.stats[k] = a.stats[n * STATS + k];
    if (i >= a.D)
        return;
    next.x = *(const uint4 *)(const void *)(a.x + at);
    next.dh = *(const uint4 *)(const void *)(a.dh + at);
    if (OP == RMSNORM)
        next.z = *(const uint4 *)(const void *)(a.dx + at);
    else if (OP == SWIGLU || a.z)
        next.z = *(const uint4 *)(const void *)(a.z + at);
}

static __device__ __forceinline__ void unpack_eight(float *x, uint4 eight)
{
    unpack_bf16(x, eight.x), unpack_bf16(x + 2, eight.y);
    unpack_bf16(x + 4, eight.z), unpack_bf16(x + 6, eight.w);
}

template <int STATS>
static __device__ __forceinline__ void unpack_ahead(backward_piece<8> &t, float (&stats)[STATS],
                                                    const pieces_ahead<STATS> &next)
{
    unpack_eight(t.x, next.x);
    unpack_eight(t.a, next.dh);
    unpack_eight(t.z, next.z);
#pragma unroll
    for (int k = 0; k < STATS; k++)
        stats[k] = next.stats[k];
}

template <int STATS, int V>
static __device__ __forceinline__ void unpack_ahead(backward_piece<V> &, float (&)[STATS],
                                                    const pieces_ahead<STATS> &)
{
}

/* Two sums over a team at once; room [4 * warps of the block]. */
template <int W>
static __device__ __forceinline__ void team_sums(float &x, float &y, float *room, int &turn)
{
    x = warp_sum(x), y = warp_sum(y);
    if (W == 1)
        return;
    int warp = threadIdx.x / 32, warps = blockDim.x / 32;
    float *at = room + turn * 2 * warps;
    turn ^= 1;
    if (threadIdx.x % 32 == 0)
        at[2 * warp] = x, at[2 * warp + 1] = y;
    __syncthreads();
    at += warp / W * W * 2;
    x = at[0], y = at[1];
#pragma unroll
    for (int i = 1; i < W; i++)
        x += at[2 * i], y += at[2 * i + 1];
}

/* part[0..D) = the sum over the block's teams, `all` [TEAMS, 32 W V P]. */
template <int V, int W, int TEAMS, int P>
static __device__ __forceinline__ void write_sum(float *part, const float (*sum)[V], float *all,
                                                 size_t D)
{
    enum { WIDTH = 32 * W * V * P };
    size_t thread = threadIdx.x % (32 * W);
    float *to = TEAMS == 1 ? part : all + threadIdx.x / (32 * W) * WIDTH;
    __syncthreads();
#pragma unroll
    for (int k = 0; k < P; k++) {
        size_t i = (k * 32 * W + thread) * V;
        if (TEAMS > 1 || i < D)
            store<V>(to + i, sum[k]);
    }
    __syncthreads();
    for (size_t i = threadIdx.x; TEAMS > 1 && i < D; i += 32 * W * TEAMS) {
        float total = all[i];
        for (int team = 1; team < TEAMS; team++)
            total += all[team * WIDTH + i];
        part[i] = total;
    }
}

/* dy = rms (a - yh mean(a yh)) through the gate; GATED also dx = P(dp lw; xh) / sigma.  A team walks
 * over rows, and its threads sum dw = dh yh, dlb = dp, dlw = dp xh of their columns: in registers,
 * or in the block's partial sums when they do not keep the row.  AHEAD: a row is read while the one
 * before it is worked on. */
template <int OP, int V, int W, int TEAMS, int P, typename A>
static __global__ void __launch_bounds__(32 * W * TEAMS, BLOCKS_EACH(OP, W))
    backward_kernel(backward_rows<A> a)
{
    enum { SUMS = OP == GATED ? 3 : 1, ALL = TEAMS > 1 && P ? 32 * W * V * P * TEAMS : 4 };
    enum { STATS = OP == GATED ? 3 : 1, KEPT = P ? P : 1 };
    enum { AHEAD = P == 1 && V == 8 && sizeof(A) == sizeof(bf16) };
    __shared__ __align__(16) float room[2 * W * TEAMS], pairs[4 * W * TEAMS], all[ALL];
    int turn = 0, turn2 = 0, thread = threadIdx.x % (32 * W);
    size_t D = a.D, end = D, stride = gridDim.x * D, step = (size_t)gridDim.x * TEAMS;
    float *part = a.partial + blockIdx.x * D, sums[SUMS][KEPT][V] = {}, none[V] = {};
    float each = 1.0f / (float)D, stats[STATS] = {};
    backward_piece<V> t[KEPT] = {};
    pieces_ahead<STATS> next = {};

    if (!P)
        for (int k = 0; k < SUMS; k++) {
            for (size_t i = (size_t)thread * V; i < D; i += 32 * W * V)
                store<V>(part + k * stride + i, none);
        }
    size_t n = (size_t)blockIdx.x * TEAMS + threadIdx.x / (32 * W), mine = (size_t)thread * V;
    if (AHEAD)
        read_ahead<OP>(next, a, n, mine);
    for (size_t n0 = (size_t)blockIdx.x * TEAMS; n0 < a.N; n0 += step, n += step) {
        size_t row = n * D;
        float sum = 0, tilt = 0;
        end = n < a.N ? D : 0;
        if (AHEAD) {
            unpack_ahead<STATS>(t[0], stats, next);
            read_ahead<OP>(next, a, n + step, mine);
        } else {
            for (int k = 0; k < STATS; k++)
                stats[k] = a.stats[(end ? n : 0) * STATS + k];
            if (P) {
                PIECES_BEGIN(i, k)
                read_piece<OP, V>(t[k], a, row + i);
                PIECES_END
            }
        }
        float rms = stats[OP == GATED ? 2 : 0];
        PIECES_BEGIN(i, k)
        float dw[V] = {};
        if (!P)
            read_piece<OP, V>(t[k], a, row + i);
        open_piece<OP, V>(t[k], P ? sums[0][k] : dw, a, stats, i);
        if (!P)
            add_to<V>(part + i, dw);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum += t[k].a[j] * t[k].yh[j];
        PIECES_END
        float slope = team_sum<W>(sum, room, turn) * each;
        sum = 0;
        PIECES_BEGIN(i, k)
        if (!P) {
            read_piece<OP, V>(t[k], a, row + i);
            open_piece<OP, V>(t[k], none, a, stats, i);
        }
        close_gate<OP, V>(t[k], a, row + i, rms, slope);
        if (OP == GATED)
            add_gated<V, P>(t[k], a.lw + i, P ? sums[1 % SUMS][k] : part + stride + i,
                            P ? sums[2 % SUMS][k] : part + 2 * stride + i, sum, tilt);
        PIECES_END
        if (OP != GATED)
            continue;
        team_sums<W>(sum, tilt, pairs, turn2);
        sum *= each, tilt *= each;
        PIECES_BEGIN(i, k)
        if (!P) {
            read_piece<OP, V>(t[k], a, row + i);
            open_piece<OP, V>(t[k], none, a, stats, i);
            close_gate<OP, V>(t[k], a, row + i, rms, slope);
        }
        project<V>(t[k], a.dx + row + i, a.lw + i, sum, tilt, stats[1 % STATS]);
        PIECES_END
    }
    for (int k = 0; P && k < SUMS; k++)
        write_sum<V, W, TEAMS, KEPT>(part + k * stride, sums[k], all, D);
}

/* `pieces` is such that a team has two rows, for the sake of fewer partial sums. */
static size_t backward_blocks(bl_dev *d, int each, size_t pieces)
{
    size_t most = (size_t)cuda_of(d)->multiprocessors * each;
    return pieces < most ? pieces : most;
}

void cuda_norm_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    size_t mark = bl_arena_mark(a), N = most->B * most->T;
    size_t norm = backward_blocks(d, BLOCKS_MOST, N) * most->D;
    size_t swiglu = backward_blocks(d, BLOCKS_MOST, N) * most->I;
    size_t gated = backward_blocks(d, BLOCKS_MOST, N) * most->D * SUMS_MOST;
    norm = norm > swiglu ? norm : swiglu;
    take<float>(a, norm > gated ? norm : gated);
    bl_arena_rewind(a, mark);
}

#define WITH_WIDTH(eights, D, ...)                                                                 \
    do {                                                                                           \
        if (!(eights))                                                                             \
            WITH_WIDTH_CASE(1, 4, 1, 0, __VA_ARGS__)                                               \
        else if ((D) <= 256)                                                                       \
            WITH_WIDTH_CASE(8, 1, 8, 1, __VA_ARGS__)                                               \
        else if ((D) <= 768)                                                                       \
            WITH_WIDTH_CASE(8, 3, OP == GATED ? 1 : 2, 1, __VA_ARGS__)                             \
        else if ((D) <= 2048)                                                                      \
            WITH_WIDTH_CASE(8, 8, 1, 1, __VA_ARGS__)                                               \
        else                                                                                       \
            WITH_WIDTH_CASE(8, 8, 1, 0, __VA_ARGS__)                                               \
    } while (0)

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
               blocks = backward_blocks(d, BLOCKS_EACH(OP, W), (a.N + 2 * TEAMS - 1) / (2 * TEAMS));
               a.partial = take<float>(cuda_scratch(d), blocks * D * (OP == GATED ? 3 : 1));
               auto *kernel = backward_kernel<OP, V, W, TEAMS, P, A>;
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
