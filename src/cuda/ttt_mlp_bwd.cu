/* The backward pass of the TTT layer with an inner MLP (MODEL 3.6), from the saved W1, b1, W2 and b2
 * of every chunk. */
#include "cuda/ttt_bwd.cuh"
#include "cuda/ttt_mlp.cuh"

/* A chunk's matrices with their widths. */
typedef struct mlp_mats {
    ttt_mat Q, K, Z, G, Zb, dZb, dQ, dK, dG, X2, G1, U, Zb1, Xb, dXb, dX2, dG1;
    ttt_mat W1, W2, dW1, dW2, mix, mix2, S2, dS;
} mlp_mats;

static __device__ __forceinline__ mlp_mats mlp_mats_of(const ttt_block &c, const ttt_dims &s)
{
    mlp_mats m;
    m.Q = ttt_mat_of(c.Q, s.wF), m.K = ttt_mat_of(c.K, s.wF), m.Z = ttt_mat_of(c.Z, s.wF);
    m.G = ttt_mat_of(c.G, s.wF), m.Zb = ttt_mat_of(c.Zb, s.wF), m.dZb = ttt_mat_of(c.dZb, s.wF);
    m.dQ = ttt_mat_of(c.dQ, s.wF), m.dK = ttt_mat_of(c.dK, s.wF), m.dG = ttt_mat_of(c.dG, s.wF);
    m.X2 = ttt_mat_of(c.X2, s.wM), m.G1 = ttt_mat_of(c.G1, s.wM), m.U = ttt_mat_of(c.U, s.wM);
    m.Zb1 = ttt_mat_of(c.Zb1, s.wM), m.Xb = ttt_mat_of(c.Xb, s.wM);
    m.dXb = ttt_mat_of(c.dXb, s.wM), m.dX2 = ttt_mat_of(c.dX2, s.wM);
    m.dG1 = ttt_mat_of(c.dG1, s.wM);
    m.W1 = ttt_mat_of(c.W, s.wM), m.W2 = ttt_mat_of(c.W2, s.wF);
    m.dW1 = ttt_mat_of(c.dW, s.wM), m.dW2 = ttt_mat_of(c.dW2, s.wF);
    m.mix = ttt_mat_of(c.mix, s.wC), m.mix2 = ttt_mat_of(c.mix2, s.wC);
    m.S2 = ttt_mat_of(c.S2, s.wC), m.dS = ttt_mat_of(c.dS, s.wC);
    return m;
}

/* Of dW1', dW2', ... in dW, dW2, ...: what forgetting makes of them; the thread's part of drho. */
template <typename A>
static __device__ float mlp_forget_bwd(const ttt_bwd_call<A> &x, const ttt_block &c, float rho,
                                       float lost)
{
    float *partial = x.partials + blockIdx.x * x.places.floats, drho = 0;
    for (int i = 0; i < MLP_PARTS; i++) {
        ttt_part part = ttt_part_of(x.s, i);
        float *dW = i == 0 ? c.dW : i == 1 ? c.db : i == 2 ? c.dW2 : c.db2;
        size_t place = i == 0   ? x.places.W
                       : i == 1 ? x.places.b
                       : i == 2 ? x.places.W2
                                : x.places.b2;
        const float *start = x.p.start[i] + blockIdx.x % x.s.H * part.rows * part.cols;
        drho += ttt_forget_bwd(dW, partial + place, ttt_state_part(c, i), start, rho, lost,
                               part.rows, part.cols, part.width);
    }
    return drho;
}

/* The chunk forward again: Z1, X2, xh (in Z), G, U = G W2^T, G1, Zb1, Xb, xo (in Zb), dZb; between
 * these, what needs dW1', dW2', ...: the update's adjoint, with the parts of dG1, dG, dX2 and dK, and
 * then forgetting.  Returns the thread's part of drho. */
template <typename A>
static __device__ float mlp_chunk_again(const ttt_bwd_call<A> &x, const ttt_block &c, int n,
                                        float rho, float lost)
{
    const ttt_dims &s = x.s;
    int F = s.F, M = s.M, full = n == s.C;
    const mlp_mats m = mlp_mats_of(c, s);
    const ttt_updater first = {c.K, c.G1, c.dW, c.db, c.dK, c.dG1, F, s.wF, M, s.wM};
    const ttt_updater second = {c.X2, c.G, c.dW2, c.db2, c.dX2, c.dG, M, s.wM, F, s.wF};
    float drho = 0;
    ttt_nn(ttt_mat_of(c.Z1, s.wM), m.K, m.W1, n, M, F, ttt_bias(c.b));
    ttt_nn(m.Zb1, m.Q, m.W1, n, M, F, ttt_bias(c.b));
    ttt_nt(m.mix, m.Q, m.K, n, n, F, ttt_set(1));
    __syncthreads();
    mlp_each<MLP_GELU>(c.X2, c.Z1, s, n);
    ttt_mix(c.mix, c.S, c, s, n);
    __syncthreads();
    ttt_nn(m.Z, m.X2, m.W2, n, F, M, ttt_bias(c.b2));
    __syncthreads();
    ttt_gradients(c.G, c.Z, c.K, c, s, n);
    __syncthreads();
    ttt_nt(m.U, m.G, m.W2, n, M, F, ttt_set(1));
    ttt_update_bwd(second, n, full);
    __syncthreads();
    mlp_times_slope(c.G1, c.U, c.Z1, s, n);
    ttt_update_rows(second, c, s, n, full, 1);
    __syncthreads();
    ttt_nn(m.Zb1, m.mix, m.G1, n, M, n, ttt_add(-1));
    ttt_update_bwd(first, n, full);
    __syncthreads();
    mlp_each<MLP_GELU>(c.Xb, c.Zb1, s, n);
    ttt_update_rows(first, c, s, n, full, 0);
    __syncthreads();
    ttt_nt(m.mix2, m.Xb, m.X2, n, n, M, ttt_set(1));
    ttt_nn(m.Zb, m.Xb, m.W2, n, F, M, ttt_bias(c.b2));
    if (full && x.p.half_life)
        drho = mlp_forget_bwd(x, c, rho, lost);
    __syncthreads();
    ttt_mix(c.mix2, c.S2, c, s, n);
    __syncthreads();
    ttt_nn(m.Zb, m.mix2, m.G, n, F, n, ttt_add(-1));
    __syncthreads();
    ttt_output_bwd(c, s, n);
    __syncthreads();
    return drho;
}

/* The queries' way: Zb2 = Xb W2 + b2 - mix2 G2, Xb = gelu(Zb1), Zb1 = Q W1 + b1 - mix1 G1. */
static __device__ void mlp_queries_bwd(const ttt_block &c, const ttt_dims &s, int n)
{
    int F = s.F, M = s.M;
    const mlp_mats m = mlp_mats_of(c, s);
    ttt_nt(m.dXb, m.dZb, m.W2, n, M, F, ttt_set(1));
    ttt_tn(m.dW2, m.Xb, m.dZb, M, F, n, ttt_add(1));
    ttt_tn(m.dG, m.mix2, m.dZb, n, F, n, ttt_add(-1));
    ttt_nt(m.dS, m.dZb, m.G, n, n, F, ttt_set(-1));
    ttt_output_columns(c, s, n);
    ttt_add_columns(c.db2, c.dZb, n, F, s.wF, F);
    __syncthreads();
    ttt_mix_bwd(c.S2, c, s, n, 0);
    __syncthreads();
    ttt_nn(m.dXb, m.dS, m.X2, n, M, n, ttt_add(1));
    ttt_tn(m.dX2, m.dS, m.Xb, n, M, n, ttt_add(1));
    __syncthreads();
    /* dZb1 in dXb */
    mlp_times_slope(c.dXb, c.dXb, c.Zb1, s, n);
    __syncthreads();
    ttt_nt(m.dQ, m.dXb, m.W1, n, F, M, ttt_add(1));
    ttt_tn(m.dW1, m.Q, m.dXb, F, M, n, ttt_add(1));
    ttt_tn(m.dG1, m.mix, m.dXb, n, M, n, ttt_add(-1));
    ttt_nt(m.dS, m.dXb, m.G1, n, n, M, ttt_set(-1));
    ttt_add_columns(c.db, c.dXb, n, M, s.wM, 0);
    __syncthreads();
}

/* Of U = G2 W2^T and G1 = U gelu'(Z1):  dZ1 = dG1 U gelu''(Z1) in U;  dU = dG1 gelu'(Z1) in dG1 */
static __device__ void mlp_curve_bwd(const ttt_block &c, const ttt_dims &s, int n)
{
    for (int j = ttt_warp(); j < n; j += ttt_warps())
        for (int i = ttt_lane(); i < s.M; i += 32) {
            int at = j * s.wM + i;
            float z = c.Z1[at], gate = gelu_gate(z), dG1 = c.dG1[at];
            c.U[at] *= dG1 * gelu_curve_at(z, gate);
            c.dG1[at] = dG1 * gelu_slope_at(z, gate);
        }
}

/* The keys' way: Z1 = K W1 + b1, X2 = gelu(Z1), Z2 = X2 W2 + b2, G2, U, G1; and the step sizes. */
template <typename A>
static __device__ void mlp_keys_bwd(const ttt_bwd_call<A> &x, const ttt_block &c, size_t row, int n)
{
    const ttt_dims &s = x.s;
    int F = s.F, M = s.M;
    const mlp_mats m = mlp_mats_of(c, s);
    ttt_mix_bwd(c.S, c, s, n, 1);
    mlp_curve_bwd(c, s, n);
    __syncthreads();
    ttt_nn(m.dQ, m.dS, m.K, n, F, n, ttt_add(1));
    ttt_tn(m.dK, m.dS, m.Q, n, F, n, ttt_add(1));
    ttt_nn(m.dG, m.dG1, m.W2, n, F, M, ttt_add(1));
    ttt_tn(m.dW2, m.dG1, m.G, M, F, n, ttt_add(1));
    ttt_steps_bwd(x.dlambda + row, c, s, n);
    __syncthreads();
    ttt_inner_bwd(x.dv + row * F, c, s, n);
    __syncthreads();
    /* dZ2 in dG */
    ttt_nt(m.dX2, m.dG, m.W2, n, M, F, ttt_add(1));
    ttt_tn(m.dW2, m.X2, m.dG, M, F, n, ttt_add(1));
    ttt_inner_columns(c, s, n);
    ttt_add_columns(c.db2, c.dG, n, F, s.wF, F);
    __syncthreads();
    for (int j = ttt_warp(); j < n; j += ttt_warps())
        for (int i = ttt_lane(); i < M; i += 32) {
            int at = j * s.wM + i;
            c.U[at] = fmaf(c.dX2[at], gelu_slope(c.Z1[at]), c.U[at]);
        }
    __syncthreads();
    ttt_nt(m.dK, m.U, m.W1, n, F, M, ttt_add(1));
    ttt_tn(m.dW1, m.K, m.U, F, M, n, ttt_add(1));
    ttt_add_columns(c.db, c.U, n, M, s.wM, 0);
    __syncthreads();
}

/* W1, b1, W2 and b2 of a chunk's start: copies, or where they are saved. */
template <typename A>
static __device__ void mlp_state_in(const ttt_bwd_call<A> &x, ttt_block *c, const float *state)
{
    const ttt_dims &s = x.s;
    size_t b = (size_t)(s.F + 3) / 4 * 4 * s.wM, W2 = b + s.wM, b2 = W2 + (size_t)s.M * s.wF;
    if (ttt_is_shared(x.room, TTT_W))
        ttt_copy(c->W, state, b);
    else if (threadIdx.x == 0)
        c->W = (float *)state;
    if (ttt_is_shared(x.room, TTT_W2))
        ttt_copy(c->W2, state + W2, b2 - W2);
    else if (threadIdx.x == 0)
        c->W2 = (float *)state + W2;
    ttt_copy(c->b, state + b, s.wM);
    ttt_copy(c->b2, state + b2, s.wF);
}

/* dq, dk, dv [B,T,H,F], dlambda [B,T,H] of dout [B,T,H,F]; partials [B,H,floats]: the gradients of
 * the parameters.  One block a head and sequence. */
template <typename A>
static __global__ void __launch_bounds__(MLP_THREADS)
    mlp_bwd_kernel(ttt_bwd_call<A> x, float *scratch)
{
    DYNAMIC_SHARED(float, shared);
    __shared__ ttt_block c;
    const ttt_dims &s = x.s;
    ttt_begin(&c, x.room, shared, scratch);
    size_t h = blockIdx.x % s.H, b = blockIdx.x / s.H;
    size_t floats = (size_t)(s.F + 3) / 4 * 4 * s.wM + s.wM + (size_t)s.M * s.wF + s.wF;
    float *partial = x.partials + blockIdx.x * x.places.floats;
    bl_forget f = {1, 0, 0};
    if (x.p.half_life)
        f = ttt_forget_of(x.p.half_life[h]);
    double drho = 0;
    ttt_head_begin(c, x.p, s);
    for (size_t i = threadIdx.x; i < x.places.floats && x.p.half_life; i += blockDim.x)
        partial[i] = 0;

    for (int chunk = s.chunks; chunk-- > 0;) {
        size_t t0 = (size_t)chunk * s.C, row = (b * s.T + t0) * s.H + h;
        int n = (int)(s.T - t0 < (size_t)s.C ? s.T - t0 : s.C);
        __syncthreads();
        mlp_state_in(x, &c, x.saved + (blockIdx.x * (size_t)s.chunks + chunk) * floats);
        ttt_load_rotated(c.Q, x.q + row * s.F, c, s, 0, n);
        ttt_load_rotated(c.K, x.k + row * s.F, c, s, 0, n);
        ttt_load(c.V, x.v + row * s.F, s, n);
        ttt_load(c.dQ, x.dout + row * s.F, s, n);
        ttt_load_lambda(c, x.lambda + row, s, n);
        __syncthreads();
        drho += (double)mlp_chunk_again(x, c, n, (float)f.rho, (float)f.lost);
        mlp_queries_bwd(c, s, n);
        mlp_keys_bwd(x, c, row, n);
        ttt_store_unrotated(x.dq + row * s.F, c.dQ, c, s, n);
        ttt_store_unrotated(x.dk + row * s.F, c.dK, c, s, n);
    }
    int continues = ttt_row_continues(x.p, b), forgets = x.p.half_life != NULL;
    ttt_store_start(partial + x.places.W, c.dW, forgets, continues, ttt_part_of(s, 0));
    ttt_store_start(partial + x.places.b, c.db, forgets, continues, ttt_part_of(s, 1));
    ttt_store_start(partial + x.places.W2, c.dW2, forgets, continues, ttt_part_of(s, 2));
    ttt_store_start(partial + x.places.b2, c.db2, forgets, continues, ttt_part_of(s, 3));
    ttt_store_heads(partial, x.places, c, s, drho, f.slope);
}

static ttt_room mlp_bwd_room(int sm, const ttt_dims *s)
{
    static const int squares[] = {TTT_S, TTT_mix, TTT_S2, TTT_mix2, TTT_dS, TTT_drate};
    static const int rows[] = {TTT_Q,   TTT_K,  TTT_V,  TTT_Z,  TTT_G,
                               TTT_dZb, TTT_Zb, TTT_dQ, TTT_dK, TTT_dG};
    static const int wide[] = {TTT_X2,  TTT_Xb,  TTT_G1, TTT_dXb, TTT_dG1,
                               TTT_dX2, TTT_Zb1, TTT_U,  TTT_Z1};
    ttt_room r = ttt_room_of(sm);
    ttt_room_bwd(&r, s);
    ttt_room_add(&r, TTT_b2, (size_t)s->wF);
    ttt_room_add(&r, TTT_db2, (size_t)s->wF);
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        ttt_room_rows(&r, squares[i], s->C, s->wC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ttt_room_rows(&r, rows[i], s->C, s->wF);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        ttt_room_rows(&r, wide[i], s->C, s->wM);
    ttt_room_rows(&r, TTT_dW2, s->M, s->wF);
    ttt_room_rows(&r, TTT_dW, s->F, s->wM);
    ttt_room_try(&r, TTT_W2, ttt_part_floats(s, 2));
    ttt_room_try(&r, TTT_W, ttt_part_floats(s, 0));
    return r;
}

void cuda_ttt_mlp_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    /* F of the users with an MLP, among whom there may be others with wider heads */
    size_t F = most->F < most->M / 4 ? most->F : most->M / 4;
    const bl_ttt_shape shape = {most->B, most->T, most->H, F ? F : 1, most->C, 1};
    ttt_dims s = ttt_dims_of(&shape, 4 * shape.F);
    ttt_room all = mlp_bwd_room(0, &s);
    size_t blocks = most->B * most->H, mark = bl_arena_mark(a);
    if (!F)
        return;
    take<float>(a, blocks * ttt_room_most(d, &all));
    take<float>(a, blocks * ttt_grads_of(shape.F, shape.C, 4 * shape.F).floats);
    bl_arena_rewind(a, mark);
    ttt_mlp_fwd_plan(d, a, most);
    bl_arena_rewind(a, mark);
    ttt_mlp_step_plan(d, a, most);
    bl_arena_rewind(a, mark);
}

void bl_cuda_ttt_mlp_bwd(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                         const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                         const bl_act *k, const bl_act *v, const bl_real *lambda,
                         const bl_dev_saved *saved, const bl_ttt_params *p,
                         const bl_ttt_shape *shape)
{
    WITH_ACT(d, {
        ttt_bwd_call<A> x =
            ttt_bwd_call_of<A>(dq, dk, dv, dlambda, dout, q, k, v, lambda, saved, p);
        x.s = ttt_dims_of(shape, 4 * shape->F);
        x.room = mlp_bwd_room(cuda_of(d)->sm, &x.s);
        ttt_bwd_run(d, mlp_bwd_kernel<A>, MLP_THREADS, x, dp, shape, 4 * shape->F);
    });
}
