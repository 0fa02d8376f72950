/* The backward pass of the TTT layer (MODEL 3.5): chunks from the last to the first, each computed
 * again from the W and b that the forward pass saved at its start. */
#include "cuda/ttt_bwd.cuh"

enum { THREADS = 256, PARTS = 2 };

/* Z = K W + b, xh, G;  S, mix;  Zb = Q W + b - mix G, then xo, and dZb of dO in dQ */
static __device__ void linear_chunk_again(const ttt_block &c, const ttt_dims &s, int n)
{
    ttt_mat Q = ttt_mat_of(c.Q, s.wF), K = ttt_mat_of(c.K, s.wF), W = ttt_mat_of(c.W, s.wM);
    ttt_mat Zb = ttt_mat_of(c.Zb, s.wF), mix = ttt_mat_of(c.mix, s.wC);
    ttt_nn(ttt_mat_of(c.Z, s.wF), K, W, n, s.F, s.F, ttt_bias(c.b));
    ttt_nn(Zb, Q, W, n, s.F, s.F, ttt_bias(c.b));
    ttt_nt(mix, Q, K, n, n, s.F, ttt_set(1));
    __syncthreads();
    ttt_gradients(c.G, c.Z, c.K, c, s, n);
    ttt_mix(c.mix, c.S, c, s, n);
    __syncthreads();
    ttt_nn(Zb, mix, ttt_mat_of(c.G, s.wF), n, s.F, n, ttt_add(-1));
    __syncthreads();
    ttt_output_bwd(c, s, n);
    __syncthreads();
}

/* The chunk's gradients, rotated, in dQ and dK, and dW, db at its start; returns the thread's part
 * of drho. */
template <typename A>
static __device__ float linear_chunk_bwd(const ttt_bwd_call<A> &x, const ttt_block &c, size_t row,
                                         int n, float rho, float lost)
{
    const ttt_dims &s = x.s;
    int full = n == s.C, forgets = full && x.p.half_life;
    ttt_mat Q = ttt_mat_of(c.Q, s.wF), K = ttt_mat_of(c.K, s.wF), W = ttt_mat_of(c.W, s.wM);
    ttt_mat G = ttt_mat_of(c.G, s.wF), dZb = ttt_mat_of(c.dZb, s.wF), dS = ttt_mat_of(c.dS, s.wC);
    ttt_mat dQ = ttt_mat_of(c.dQ, s.wF), dK = ttt_mat_of(c.dK, s.wF), dG = ttt_mat_of(c.dG, s.wF);
    ttt_mat dW = ttt_mat_of(c.dW, s.wM);
    ttt_updater update = {c.K, c.G, c.dW, c.db, c.dK, c.dG, s.F, s.wF, s.F, s.wF};
    float drho = 0;

    ttt_output_columns(c, s, n);
    ttt_update_bwd(update, n, full);
    ttt_nt(dS, dZb, G, n, n, s.F, ttt_set(-1));
    __syncthreads();
    ttt_update_rows(update, c, s, n, full, 1);
    ttt_mix_bwd(c.S, c, s, n, 0);
    if (forgets)
        drho =
            ttt_forget_bwd(c.dW, x.partials + blockIdx.x * x.places.floats + x.places.W, c.W,
                           x.p.start[0] + blockIdx.x % s.H * s.F * s.F, rho, lost, s.F, s.F, s.wM);
    __syncthreads();
    if (forgets)
        drho += ttt_forget_bwd(c.db, x.partials + blockIdx.x * x.places.floats + x.places.b, c.b,
                               x.p.start[1] + blockIdx.x % s.H * s.F, rho, lost, 1, s.F, s.wM);
    ttt_nt(dQ, dZb, W, n, s.F, s.F, ttt_add(1));
    ttt_tn(dW, Q, dZb, s.F, s.F, n, ttt_add(1));
    ttt_tn(dG, ttt_mat_of(c.mix, s.wC), dZb, n, s.F, n, ttt_add(-1));
    ttt_tn(dK, dS, Q, n, s.F, n, ttt_add(1));
    ttt_steps_bwd(x.dlambda + row, c, s, n);
    __syncthreads();
    ttt_nn(dQ, dS, K, n, s.F, n, ttt_add(1));
    ttt_add_columns(c.db, c.dZb, n, s.F, s.wF, 0);
    ttt_inner_bwd(x.dv + row * s.F, c, s, n);
    __syncthreads();
    ttt_nt(dK, dG, W, n, s.F, s.F, ttt_add(1));
    ttt_tn(dW, K, dG, s.F, s.F, n, ttt_add(1));
    ttt_inner_columns(c, s, n);
    ttt_add_columns(c.db, c.dG, n, s.F, s.wF, s.F);
    return drho;
}

/* dq, dk, dv [B,T,H,F], dlambda [B,T,H] of dout [B,T,H,F]; partials [B,H,floats]: the gradients of
 * the parameters.  One block a head and sequence; W is read from `saved` where it has no buffer. */
template <typename A>
static __global__ void __launch_bounds__(THREADS, 2)
    linear_bwd_kernel(ttt_bwd_call<A> x, float *scratch)
{
    DYNAMIC_SHARED(float, shared);
    __shared__ ttt_block c;
    const ttt_dims &s = x.s;
    ttt_begin(&c, x.room, shared, scratch);
    size_t h = blockIdx.x % s.H, b = blockIdx.x / s.H;
    size_t parts[] = {(size_t)(s.F + 3) / 4 * 4 * s.wM, (size_t)s.wM};
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
        const float *state =
            x.saved + (blockIdx.x * (size_t)s.chunks + chunk) * (parts[0] + parts[1]);
        __syncthreads();
        if (ttt_is_shared(x.room, TTT_W))
            ttt_copy(c.W, state, parts[0]);
        else if (threadIdx.x == 0)
            c.W = (float *)state;
        ttt_copy(c.b, state + parts[0], parts[1]);
        ttt_load_rotated(c.Q, x.q + row * s.F, c, s, 0, n);
        ttt_load_rotated(c.K, x.k + row * s.F, c, s, 0, n);
        ttt_load(c.V, x.v + row * s.F, s, n);
        ttt_load(c.dQ, x.dout + row * s.F, s, n);
        ttt_load_lambda(c, x.lambda + row, s, n);
        __syncthreads();
        linear_chunk_again(c, s, n);
        drho += (double)linear_chunk_bwd(x, c, row, n, (float)f.rho, (float)f.lost);
        __syncthreads();
        ttt_store_unrotated(x.dq + row * s.F, c.dQ, c, s, n);
        ttt_store_unrotated(x.dk + row * s.F, c.dK, c, s, n);
    }
    __syncthreads();
    int continues = ttt_row_continues(x.p, b), forgets = x.p.half_life != NULL;
    ttt_store_start(partial + x.places.W, c.dW, forgets, continues, ttt_part_of(s, 0));
    ttt_store_start(partial + x.places.b, c.db, forgets, continues, ttt_part_of(s, 1));
    ttt_store_heads(partial, x.places, c, s, drho, f.slope);
}

static ttt_room linear_bwd_room(int sm, const ttt_dims *s)
{
    static const int squares[] = {TTT_S, TTT_mix, TTT_dS, TTT_drate};
    static const int rows[] = {TTT_Q,   TTT_K,  TTT_V,  TTT_Z,  TTT_G,
                               TTT_dZb, TTT_Zb, TTT_dQ, TTT_dK, TTT_dG};
    ttt_room r = ttt_room_of(sm);
    ttt_room_bwd(&r, s);
    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        ttt_room_rows(&r, squares[i], s->C, s->wC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ttt_room_rows(&r, rows[i], s->C, s->wF);
    ttt_room_rows(&r, TTT_dW, s->F, s->wM);
    ttt_room_try(&r, TTT_W, ttt_part_floats(s, 0));
    return r;
}

static void linear_bwd_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    const bl_ttt_shape shape = {most->B, most->T, most->H, most->F, most->C, 1};
    ttt_dims s = ttt_dims_of(&shape, shape.F);
    ttt_room all = linear_bwd_room(0, &s);
    size_t blocks = most->B * most->H;
    take<float>(a, blocks * ttt_room_most(d, &all));
    take<float>(a, blocks * ttt_grads_of(shape.F, shape.C, shape.F).floats);
}

void cuda_ttt_linear_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    size_t mark = bl_arena_mark(a);
    ttt_linear_fwd_plan(d, a, most);
    bl_arena_rewind(a, mark);
    linear_bwd_plan(d, a, most);
    bl_arena_rewind(a, mark);
    ttt_linear_step_plan(d, a, most);
    bl_arena_rewind(a, mark);
    ttt_linear_mma_fwd_plan(d, a, most);
    bl_arena_rewind(a, mark);
    ttt_linear_mma_plan(d, a, most);
    bl_arena_rewind(a, mark);
}

void bl_cuda_ttt_linear_bwd(bl_dev *d, bl_act *dq, bl_act *dk, bl_act *dv, bl_real *dlambda,
                            const bl_ttt_params *dp, const bl_act *dout, const bl_act *q,
                            const bl_act *k, const bl_act *v, const bl_real *lambda,
                            const bl_dev_saved *saved, const bl_ttt_params *p,
                            const bl_ttt_shape *shape)
{
    if (ttt_linear_mma_fits(d, shape)) {
        ttt_linear_mma_bwd(d, dq, dk, dv, dlambda, dp, dout, q, k, v, lambda, saved, p, shape);
        return;
    }
    WITH_ACT(d, {
        ttt_bwd_call<A> x =
            ttt_bwd_call_of<A>(dq, dk, dv, dlambda, dout, q, k, v, lambda, saved, p);
        x.s = ttt_dims_of(shape, shape->F);
        x.room = linear_bwd_room(cuda_of(d)->sm, &x.s);
        ttt_bwd_run(d, linear_bwd_kernel<A>, THREADS, x, dp, shape, shape->F);
    });
}
