/* The TTT layer with an inner MLP over whole sequences, chunk after chunk (MODEL 3.6). */
#include "cuda/ttt_mlp.cuh"

/* Z1 = K W1 + b1 in X2 and gelu'(Z1) in G1, then X2 = gelu(Z1);  Z = X2 W2 + b2 and its G2 (in Z);
 * G1 = (G2 W2^T) gelu'(Z1);  Zb1 = Q W1 + b1 - mix1 G1 in Xb, then Xb = gelu(Zb1);
 * Zb = Xb W2 + b2 - mix2 G2 */
static __device__ void mlp_chunk_fwd(const ttt_block &c, const ttt_dims &s, int n)
{
    int F = s.F, M = s.M;
    ttt_mat Q = ttt_mat_of(c.Q, s.wF), K = ttt_mat_of(c.K, s.wF), Z = ttt_mat_of(c.Z, s.wF);
    ttt_mat W1 = ttt_mat_of(c.W, s.wM), W2 = ttt_mat_of(c.W2, s.wF), Zb = ttt_mat_of(c.Zb, s.wF);
    ttt_mat X2 = ttt_mat_of(c.X2, s.wM), G1 = ttt_mat_of(c.G1, s.wM), Xb = ttt_mat_of(c.Xb, s.wM);
    ttt_mat mix = ttt_mat_of(c.mix, s.wC), mix2 = ttt_mat_of(c.mix2, s.wC);
    ttt_nn(X2, K, W1, n, M, F, ttt_bias(c.b));
    ttt_nn(Xb, Q, W1, n, M, F, ttt_bias(c.b));
    ttt_nt(mix, Q, K, n, n, F, ttt_set(1));
    __syncthreads();
    mlp_each<MLP_SLOPE>(c.G1, c.X2, s, n);
    mlp_each<MLP_GELU>(c.X2, c.X2, s, n);
    ttt_mix(c.mix, NULL, c, s, n);
    __syncthreads();
    ttt_nn(Z, X2, W2, n, F, M, ttt_bias(c.b2));
    __syncthreads();
    ttt_gradients(c.Z, c.Z, c.K, c, s, n);
    __syncthreads();
    ttt_nt(G1, Z, W2, n, M, F, ttt_how_of(TTT_TIMES, 1, NULL, NULL));
    __syncthreads();
    ttt_nn(Xb, mix, G1, n, M, n, ttt_add(-1));
    __syncthreads();
    mlp_each<MLP_GELU>(c.Xb, c.Xb, s, n);
    __syncthreads();
    ttt_nt(mix2, Xb, X2, n, n, M, ttt_set(1));
    ttt_nn(Zb, Xb, W2, n, F, M, ttt_bias(c.b2));
    __syncthreads();
    ttt_mix(c.mix2, NULL, c, s, n);
    __syncthreads();
    ttt_nn(Zb, mix2, Z, n, F, n, ttt_add(-1));
}

/* o[B,T,H,F] of q, k, v [B,T,H,F] and lambda[B,T,H]; saved[B,H,chunks,state]: W1, b1, W2 and b2, as
 * buffers, at the start of every chunk.  One block a head and sequence. */
template <typename A>
static __global__ void __launch_bounds__(MLP_THREADS)
    mlp_fwd_kernel(A *o, float *saved, const A *q, const A *k, const A *v, const float *lambda,
                   ttt_model p, ttt_dims s, ttt_room room, float *scratch)
{
    DYNAMIC_SHARED(float, shared);
    __shared__ ttt_block c;
    ttt_begin(&c, room, shared, scratch);
    size_t h = blockIdx.x % s.H, b = blockIdx.x / s.H;
    size_t parts[] = {(size_t)(s.F + 3) / 4 * 4 * s.wM, (size_t)s.wM, (size_t)s.M * s.wF,
                      (size_t)s.wF};
    float rho = p.half_life ? (float)ttt_forget_of(p.half_life[h]).rho : 1;
    ttt_head_begin(c, p, s);
    ttt_row_begin(c, p, s, MLP_PARTS);
    saved += blockIdx.x * (size_t)s.chunks * (parts[0] + parts[1] + parts[2] + parts[3]);

    for (size_t t0 = 0; t0 < s.T; t0 += s.C) {
        size_t row = (b * s.T + t0) * s.H + h;
        int n = (int)(s.T - t0 < (size_t)s.C ? s.T - t0 : s.C), full = n == s.C;
        __syncthreads();
#pragma unroll
        for (int i = 0; i < MLP_PARTS; saved += parts[i++])
            ttt_copy(saved, ttt_state_part(c, i), parts[i]);
        ttt_load_rotated(c.Q, q + row * s.F, c, s, 0, n);
        ttt_load_rotated(c.K, k + row * s.F, c, s, 0, n);
        ttt_load(c.V, v + row * s.F, s, n);
        ttt_load_lambda(c, lambda + row, s, n);
        __syncthreads();
        mlp_chunk_fwd(c, s, n);
        if (p.half_life && full)
            ttt_forget_all(c, p, s, rho, MLP_PARTS);
        __syncthreads();
        ttt_output(o + row * s.F, c, s, n);
        if (full) {
            ttt_update(c.W, c.b, c.K, c.G1, c, s, s.F, s.wF, s.M, s.wM);
            ttt_update(c.W2, c.b2, c.X2, c.Z, c, s, s.M, s.wM, s.F, s.wF);
        }
    }
    __syncthreads();
    ttt_row_end(c, p, s, MLP_PARTS);
}

static ttt_room mlp_fwd_room(int sm, const ttt_dims *s)
{
    static const int rows[] = {TTT_Q, TTT_K, TTT_V, TTT_Z, TTT_Zb};
    static const int wide[] = {TTT_X2, TTT_G1, TTT_Xb};
    ttt_room r = ttt_room_of(sm);
    ttt_room_begin(&r, s);
    mlp_room_heads(&r, s);
    ttt_room_rows(&r, TTT_mix, s->C, s->wC);
    ttt_room_rows(&r, TTT_mix2, s->C, s->wC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ttt_room_rows(&r, rows[i], s->C, s->wF);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        ttt_room_rows(&r, wide[i], s->C, s->wM);
    ttt_room_rows(&r, TTT_W2, s->M, s->wF);
    ttt_room_rows(&r, TTT_W, s->F, s->wM);
    return r;
}

void ttt_mlp_fwd_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    const bl_ttt_shape shape = {most->B, most->T, most->H, most->F, most->C, 1};
    ttt_dims s = ttt_dims_of(&shape, 4 * shape.F);
    ttt_room all = mlp_fwd_room(0, &s);
    take<float>(a, most->B * most->H * ttt_room_most(d, &all));
}

size_t bl_cuda_ttt_mlp_saved_bytes(bl_dev *d, const bl_ttt_shape *shape)
{
    (void)d;
    ttt_dims s = ttt_dims_of(shape, 4 * shape->F);
    return shape->B * shape->H * (size_t)s.chunks * ttt_state_floats(&s, MLP_PARTS) * sizeof(float);
}

void bl_cuda_ttt_mlp_fwd(bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q,
                         const bl_act *k, const bl_act *v, const bl_real *lambda,
                         const bl_ttt_params *p, const bl_ttt_shape *shape)
{
    size_t blocks = shape->B * shape->H;
    ttt_dims s = ttt_dims_of(shape, 4 * shape->F);
    ttt_model model = ttt_model_of(p);
    ttt_room room = mlp_fwd_room(cuda_of(d)->sm, &s);
    float *scratch = take<float>(cuda_scratch(d), blocks * room.scratch_floats);
    WITH_ACT(d, {
        auto *kernel = mlp_fwd_kernel<A>;
        ttt_allow(d, (const void *)kernel, &room);
        LAUNCH(d, kernel, (unsigned)blocks, MLP_THREADS, room.shared_floats * sizeof(float),
               acts<A>(o), (float *)(void *)saved, acts<A>(q), acts<A>(k), acts<A>(v),
               floats(lambda), model, s, room, scratch);
    });
}
