/* The TTT layer over whole sequences: chunk after chunk in the dual form (MODEL 3.2). */
#include "cuda/ttt_chunk.cuh"

enum { THREADS = 256, PARTS = 2 };

/* Z = K W + b and its G (in Z);  mix = rate (Q K^T + 1);  Zb = Q W + b - mix G */
static __device__ void linear_chunk_fwd(const ttt_block &c, const ttt_dims &s, int n)
{
    ttt_mat Q = ttt_mat_of(c.Q, s.wF), K = ttt_mat_of(c.K, s.wF), W = ttt_mat_of(c.W, s.wM);
    ttt_mat Z = ttt_mat_of(c.Z, s.wF), Zb = ttt_mat_of(c.Zb, s.wF), mix = ttt_mat_of(c.mix, s.wC);
    ttt_nn(Z, K, W, n, s.F, s.F, ttt_bias(c.b));
    ttt_nn(Zb, Q, W, n, s.F, s.F, ttt_bias(c.b));
    ttt_nt(mix, Q, K, n, n, s.F, ttt_set(1));
    __syncthreads();
    ttt_gradients(c.Z, c.Z, c.K, c, s, n);
    ttt_mix(c.mix, NULL, c, s, n);
    __syncthreads();
    ttt_nn(Zb, mix, Z, n, s.F, n, ttt_add(-1));
}

/* o[B,T,H,F] of q, k, v [B,T,H,F] and lambda[B,T,H]; saved[B,H,chunks,state]: W and b, as buffers,
 * at the start of every chunk.  One block a head and sequence. */
template <typename A>
static __global__ void __launch_bounds__(THREADS, 2)
    linear_fwd_kernel(A *o, float *saved, const A *q, const A *k, const A *v, const float *lambda,
                      ttt_model p, ttt_dims s, ttt_room room, float *scratch)
{
    DYNAMIC_SHARED(float, shared);
    __shared__ ttt_block c;
    ttt_begin(&c, room, shared, scratch);
    size_t h = blockIdx.x % s.H, b = blockIdx.x / s.H;
    size_t parts[] = {(size_t)(s.F + 3) / 4 * 4 * s.wM, (size_t)s.wM};
    float rho = p.half_life ? (float)ttt_forget_of(p.half_life[h]).rho : 1;
    ttt_head_begin(c, p, s);
    ttt_row_begin(c, p, s, PARTS);
    saved += blockIdx.x * (size_t)s.chunks * (parts[0] + parts[1]);

    for (size_t t0 = 0; t0 < s.T; t0 += s.C) {
        size_t row = (b * s.T + t0) * s.H + h;
        int n = (int)(s.T - t0 < (size_t)s.C ? s.T - t0 : s.C), full = n == s.C;
        __syncthreads();
        ttt_copy(saved, c.W, parts[0]);
        ttt_copy(saved + parts[0], c.b, parts[1]);
        saved += parts[0] + parts[1];
        ttt_load_rotated(c.Q, q + row * s.F, c, s, 0, n);
        ttt_load_rotated(c.K, k + row * s.F, c, s, 0, n);
        ttt_load(c.V, v + row * s.F, s, n);
        ttt_load_lambda(c, lambda + row, s, n);
        __syncthreads();
        linear_chunk_fwd(c, s, n);
        if (p.half_life && full)
            ttt_forget_all(c, p, s, rho, PARTS);
        __syncthreads();
        ttt_output(o + row * s.F, c, s, n);
        if (full)
            ttt_update(c.W, c.b, c.K, c.Z, c, s, s.F, s.wF, s.F, s.wM);
    }
    __syncthreads();
    ttt_row_end(c, p, s, PARTS);
}

static ttt_room linear_fwd_room(int sm, const ttt_dims *s)
{
    static const int rows[] = {TTT_Q, TTT_K, TTT_V, TTT_Z, TTT_Zb};
    ttt_room r = ttt_room_of(sm);
    ttt_room_begin(&r, s);
    ttt_room_add(&r, TTT_b, (size_t)s->wM);
    ttt_room_add(&r, TTT_sigma, (size_t)s->C);
    ttt_room_rows(&r, TTT_mix, s->C, s->wC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ttt_room_rows(&r, rows[i], s->C, s->wF);
    ttt_room_rows(&r, TTT_W, s->F, s->wM);
    return r;
}

void ttt_linear_fwd_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    const bl_ttt_shape shape = {most->B, most->T, most->H, most->F, most->C, 1};
    ttt_dims s = ttt_dims_of(&shape, shape.F);
    ttt_room all = linear_fwd_room(0, &s);
    take<float>(a, most->B * most->H * ttt_room_most(d, &all));
}

size_t bl_cuda_ttt_linear_saved_bytes(bl_dev *d, const bl_ttt_shape *shape)
{
    if (ttt_linear_mma_fits(d, shape))
        return ttt_linear_mma_saved_bytes(shape);
    ttt_dims s = ttt_dims_of(shape, shape->F);
    return shape->B * shape->H * (size_t)s.chunks * ttt_state_floats(&s, PARTS) * sizeof(float);
}

void bl_cuda_ttt_linear_fwd(bl_dev *d, bl_act *o, bl_dev_saved *saved, const bl_act *q,
                            const bl_act *k, const bl_act *v, const bl_real *lambda,
                            const bl_ttt_params *p, const bl_ttt_shape *shape)
{
    if (ttt_linear_mma_fits(d, shape)) {
        ttt_linear_mma_fwd(d, o, saved, q, k, v, lambda, p, shape);
        return;
    }
    size_t blocks = shape->B * shape->H;
    ttt_dims s = ttt_dims_of(shape, shape->F);
    ttt_model model = ttt_model_of(p);
    ttt_room room = linear_fwd_room(cuda_of(d)->sm, &s);
    float *scratch = take<float>(cuda_scratch(d), blocks * room.scratch_floats);
    WITH_ACT(d, {
        auto *kernel = linear_fwd_kernel<A>;
        ttt_allow(d, (const void *)kernel, &room);
        LAUNCH(d, kernel, (unsigned)blocks, THREADS, room.shared_floats * sizeof(float), acts<A>(o),
               (float *)(void *)saved, acts<A>(q), acts<A>(k), acts<A>(v), floats(lambda), model, s,
               room, scratch);
    });
}
