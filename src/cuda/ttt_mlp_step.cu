/* The TTT layer with an inner MLP token by token: the buffered form (MODEL 3.4, 3.6). */
#include "cuda/ttt_mlp.cuh"
#include "cuda/ttt_step.cuh"

/* ---- one token ---- */

/* Floats of mlp_token_kernel: five rows of F, three of M, two of C, and the sums of groups of
 * threads. */
static inline size_t token_floats(const ttt_dims *s)
{
    return 5 * (size_t)s->F + 3 * (size_t)s->M + 2 * (size_t)s->C + 2 * 4 * MLP_THREADS;
}

/* h1 = (h2 W2^T) gelu'(z1) of row j, with it zb1 -= mix[j] h1 and xb = gelu(zb1) in its place: eight
 * lanes a row of W2 [M,F]. */
static __device__ void token_hidden(float *zb1, float *h1, const float *h2, const float *slope,
                                    const float *W2, float mix, int M, int F)
{
    int part = ttt_lane() % 8;
    for (int first = ttt_warp() * 4; first < M; first += ttt_warps() * 4) {
        int m = first + ttt_lane() / 8;
        const float *w = W2 + (size_t)m * F;
        float sum = 0;
        if (F % 4 == 0)
            for (int i = part * 4; i < F; i += 32) {
                float4 four = *(const float4 *)(w + i);
                sum = fmaf(h2[i], four.x, sum);
                sum = fmaf(h2[i + 1], four.y, sum);
                sum = fmaf(h2[i + 2], four.z, sum);
                sum = fmaf(h2[i + 3], four.w, sum);
            }
        else
            for (int i = part; i < F; i += 8)
                sum = fmaf(h2[i], w[i], sum);
        for (int lane = 4; lane; lane >>= 1)
            sum += __shfl_xor_sync(0xffffffffu, sum, lane);
        if (part == 0) {
            float h = sum * slope[m];
            h1[m] = h;
            zb1[m] = gelu(zb1[m] - mix * h);
        }
    }
}

/* z1 = k W1 + b1;  x2 = gelu(z1);  h2 = lambda G2 from x2 W2 + b2;  h1 = lambda G1: row j of the
 * state.  zb1 = q W1 + b1 - tau sum (q . k_s + 1) h1_s;  xb = gelu(zb1);
 * zb2 = xb W2 + b2 - tau sum (xb . x2_s + 1) h2_s;  o = q + gamma LNhat(zb2) + beta; a full chunk is
 * folded.  One block a head and sequence; W1 is read once, W2 by columns once (V a thread) and by
 * rows once. */
template <typename A, int V>
static __global__ void __launch_bounds__(MLP_THREADS)
    mlp_token_kernel(ttt_tokens<A> x, ttt_states st, ttt_model p, ttt_dims s)
{
    DYNAMIC_SHARED(float, q);
    int F = s.F, M = s.M, j = (int)(x.step->position % (uint64_t)s.C), me = (int)threadIdx.x;
    size_t block = blockIdx.x, h = block % s.H, FM = (size_t)F * M;
    float *k = q + F, *v = k + F, *z = v + F, *own = z + F;
    float *x2 = own + F, *slope = x2 + M, *xb = slope + M, *mix = xb + M, *mix2 = mix + s.C;
    float *left = mix2 + s.C, *right = left + 4 * MLP_THREADS;
    float *W1 = st.part[0] + block * FM, *b1 = st.part[1] + block * M;
    float *W2 = st.part[2] + block * FM, *b2 = st.part[3] + block * F;
    float *ks = st.k + block * s.C * F, *h1s = st.h + block * s.C * M;
    float *x2s = st.x2 + block * s.C * M, *h2s = st.h2 + block * s.C * F;
    const float *gamma = p.gamma + h * F, *beta = p.beta + h * F;
    ttt_pass<4> first;
    ttt_pass<V> second;
    ttt_pass_begin<4>(&first, W1, F, M);
    ttt_pass_begin<V>(&second, W2, M, F);
    float tau = ttt_tau(p.delta[j], j), lambda = x.lambda[block];
    ttt_token_in(q, k, v, x, s, j);
    __syncthreads();
    ttt_pass_end<4>(&first, left, right, k, q);
    ttt_token_mix(mix, q, ks, k, tau, j, F, ttt_warp(), ttt_warps());
    __syncthreads();
    for (int i = me; i < 2 * M; i += MLP_THREADS)
        if (i < M) {
            float z1 = b1[i] + ttt_pass_sum(left, first.groups, M, i);
            x2[i] = gelu(z1);
            slope[i] = gelu_slope(z1);
            x2s[(size_t)j * M + i] = x2[i];
        } else {
            xb[i - M] = b1[i - M] + ttt_pass_sum(right, first.groups, M, i - M) -
                        ttt_token_sum(mix, h1s, j, M, i - M);
        }
    __syncthreads();
    ttt_pass_end<V>(&second, left, NULL, x2, NULL);
    __syncthreads();
    for (int i = me; i < F; i += MLP_THREADS)
        z[i] = b2[i] + ttt_pass_sum(left, second.groups, F, i);
    __syncthreads();
    if (ttt_warp() == 0) {
        (void)ttt_gradient(z, z, k, v, gamma, beta, F);
        for (int i = ttt_lane(); i < F; i += 32) {
            own[i] = lambda * z[i];
            ks[(size_t)j * F + i] = k[i];
            h2s[(size_t)j * F + i] = own[i];
        }
    }
    __syncthreads();
    token_hidden(xb, h1s + (size_t)j * M, own, slope, W2, mix[j], M, F);
    __syncthreads();
    ttt_pass_end<V>(&second, left, NULL, xb, NULL);
    ttt_token_mix(mix2, xb, x2s, x2, tau, j, M, ttt_warp(), ttt_warps());
    __syncthreads();
    for (int i = me; i < F; i += MLP_THREADS)
        z[i] =
            b2[i] + ttt_pass_sum(left, second.groups, F, i) - ttt_token_sum(mix2, h2s, j + 1, F, i);
    __syncthreads();
    if (ttt_warp() == 0) {
        (void)ttt_standardise(z, F);
        for (int i = ttt_lane(); i < F; i += 32)
            x.o[block * F + i] = from_float<A>(q[i] + gamma[i] * z[i] + beta[i]);
    }
    if (j < s.C - 1)
        return;
    float rho = p.half_life ? (float)ttt_forget_of(p.half_life[h]).rho : 1;
    ttt_token_fold(W1, b1, W1, b1, p.start[0] + h * FM, p.start[1] + h * M, ks, h1s,
                   p.half_life != NULL, rho, tau, s.C, F, M, ttt_warp(), ttt_warps());
    ttt_token_fold(W2, b2, W2, b2, p.start[2] + h * FM, p.start[3] + h * F, x2s, h2s,
                   p.half_life != NULL, rho, tau, s.C, M, F, ttt_warp(), ttt_warps());
    __syncthreads();
    ttt_clear(ks, s.C * F);
    ttt_clear(h1s, s.C * M);
    ttt_clear(x2s, s.C * M);
    ttt_clear(h2s, s.C * F);
}

/* ---- more tokens ---- */

/* Rows `first` to `first` + n - 1 of a chunk, whose earlier rows are in K, G1 (h1), X2 and G (h2). */
static __device__ void mlp_rows(const ttt_block &c, const ttt_dims &s, int first, int n)
{
    int F = s.F, M = s.M;
    float *new_K = c.K + first * s.wF, *new_G = c.G + first * s.wF;
    float *new_X2 = c.X2 + first * s.wM, *new_G1 = c.G1 + first * s.wM;
    ttt_mat Q = ttt_mat_of(c.Q, s.wF), Z = ttt_mat_of(c.Z, s.wF), Zb = ttt_mat_of(c.Zb, s.wF);
    ttt_mat W1 = ttt_mat_of(c.W, s.wM), W2 = ttt_mat_of(c.W2, s.wF), Xb = ttt_mat_of(c.Xb, s.wM);
    ttt_mat mix = ttt_mat_of(c.mix, s.wC), mix2 = ttt_mat_of(c.mix2, s.wC);
    ttt_nn(ttt_mat_of(c.Z1, s.wM), ttt_mat_of(new_K, s.wF), W1, n, M, F, ttt_bias(c.b));
    ttt_nn(Xb, Q, W1, n, M, F, ttt_bias(c.b));
    ttt_nt(mix, Q, ttt_mat_of(c.K, s.wF), n, first + n, F, ttt_set(1));
    __syncthreads();
    mlp_each<MLP_GELU>(new_X2, c.Z1, s, n);
    ttt_mix_rows(c.mix, c, s, first, n);
    __syncthreads();
    ttt_nn(Z, ttt_mat_of(new_X2, s.wM), W2, n, F, M, ttt_bias(c.b2));
    __syncthreads();
    ttt_learn(new_G, new_K, c, s, n);
    __syncthreads();
    ttt_nt(ttt_mat_of(new_G1, s.wM), ttt_mat_of(new_G, s.wF), W2, n, M, F, ttt_set(1));
    __syncthreads();
    mlp_times_slope(new_G1, new_G1, c.Z1, s, n);
    __syncthreads();
    ttt_nn(Xb, mix, ttt_mat_of(c.G1, s.wM), n, M, first + n, ttt_add(-1));
    __syncthreads();
    mlp_each<MLP_GELU>(c.Xb, c.Xb, s, n);
    __syncthreads();
    ttt_nt(mix2, Xb, ttt_mat_of(c.X2, s.wM), n, first + n, M, ttt_set(1));
    ttt_nn(Zb, Xb, W2, n, F, M, ttt_bias(c.b2));
    __syncthreads();
    ttt_mix_rows(c.mix2, c, s, first, n);
    __syncthreads();
    ttt_nn(Zb, mix2, ttt_mat_of(c.G, s.wF), n, F, first + n, ttt_add(-1));
    __syncthreads();
}

/* A full chunk is folded into W1, b1, W2 and b2, and the rows are empty. */
static __device__ void mlp_close(const ttt_block &c, const ttt_model &p, const ttt_dims &s,
                                 float rho)
{
    if (p.half_life)
        ttt_forget_all(c, p, s, rho, MLP_PARTS);
    __syncthreads();
    ttt_fold(c.W, c.b, c.K, c.G1, c, s, s.F, s.wF, s.M, s.wM);
    ttt_fold(c.W2, c.b2, c.X2, c.G, c, s, s.M, s.wM, s.F, s.wF);
    __syncthreads();
    ttt_clear(c.K, s.C * s.wF);
    ttt_clear(c.G, s.C * s.wF);
    ttt_clear(c.G1, s.C * s.wM);
    ttt_clear(c.X2, s.C * s.wM);
}

/* The same for T tokens, those of one chunk together. */
template <typename A>
static __global__ void __launch_bounds__(MLP_THREADS)
    mlp_rows_kernel(ttt_tokens<A> x, ttt_states st, ttt_model p, ttt_dims s, ttt_room room,
                    float *scratch)
{
    DYNAMIC_SHARED(float, shared);
    __shared__ ttt_block c;
    ttt_begin(&c, room, shared, scratch);
    size_t block = blockIdx.x, h = block % s.H, b = block / s.H;
    size_t rows = block * s.C * s.F, wide = block * s.C * s.M;
    int closed = 0;
    float rho = p.half_life ? (float)ttt_forget_of(p.half_life[h]).rho : 1;
    ttt_head_begin(c, p, s);
    ttt_parts_in(c, st, s, MLP_PARTS);
    ttt_rows_in(c.K, s.wF, st.k + rows, s.C, s.F);
    ttt_rows_in(c.G, s.wF, st.h2 + rows, s.C, s.F);
    ttt_rows_in(c.G1, s.wM, st.h + wide, s.C, s.M);
    ttt_rows_in(c.X2, s.wM, st.x2 + wide, s.C, s.M);
    uint64_t position = x.step->position;

    for (size_t t = 0; t < s.T;) {
        int first = (int)((position + t) % (uint64_t)s.C), n = s.C - first;
        n = s.T - t < (size_t)n ? (int)(s.T - t) : n;
        size_t row = (b * s.T + t) * s.H + h;
        __syncthreads();
        ttt_load_rotated(c.Q, x.q + row * s.F, c, s, first, n);
        ttt_load_rotated(c.K + first * s.wF, x.k + row * s.F, c, s, first, n);
        ttt_load(c.V, x.v + row * s.F, s, n);
        ttt_load_lambda(c, x.lambda + row, s, n);
        __syncthreads();
        mlp_rows(c, s, first, n);
        ttt_output(x.o + row * s.F, c, s, n);
        t += n;
        if (first + n < s.C)
            continue;
        mlp_close(c, p, s, rho);
        closed = 1;
    }
    __syncthreads();
    ttt_rows_out(st.k + rows, c.K, s.wF, s.C, s.F);
    ttt_rows_out(st.h2 + rows, c.G, s.wF, s.C, s.F);
    ttt_rows_out(st.h + wide, c.G1, s.wM, s.C, s.M);
    ttt_rows_out(st.x2 + wide, c.X2, s.wM, s.C, s.M);
    if (closed)
        ttt_parts_out(c, st, s, MLP_PARTS);
}

static ttt_room mlp_rows_room(int sm, const ttt_dims *s)
{
    static const int rows[] = {TTT_Q, TTT_K, TTT_V, TTT_Z, TTT_G, TTT_Zb};
    static const int wide[] = {TTT_X2, TTT_G1, TTT_Xb, TTT_Z1};
    ttt_room r = ttt_room_of(sm);
    ttt_room_begin(&r, s);
    mlp_room_heads(&r, s);
    ttt_room_rows(&r, TTT_mix, s->C, s->wC);
    ttt_room_rows(&r, TTT_mix2, s->C, s->wC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ttt_room_rows(&r, rows[i], s->C + 4, s->wF); /* tiles reach behind the last row */
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        ttt_room_rows(&r, wide[i], s->C + 4, s->wM);
    ttt_room_rows(&r, TTT_W2, s->M, s->wF);
    ttt_room_rows(&r, TTT_W, s->F, s->wM);
    return r;
}

void ttt_mlp_step_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    const bl_ttt_shape shape = {most->B, most->T, most->H, most->F, most->C, 1};
    ttt_dims s = ttt_dims_of(&shape, 4 * shape.F);
    ttt_room all = mlp_rows_room(0, &s);
    take<float>(a, most->B * most->H * ttt_room_most(d, &all));
}

void bl_cuda_ttt_mlp_start(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,
                           const bl_ttt_shape *s)
{
    ttt_start(d, state, p, s, 4 * s->F);
}

template <typename A>
static void mlp_step(bl_dev *d, const ttt_tokens<A> &x, const ttt_states &st, const ttt_model &p,
                     const bl_ttt_shape *shape)
{
    ttt_dims s = ttt_dims_of(shape, 4 * shape->F);
    unsigned blocks = (unsigned)(shape->B * shape->H);
    if (ttt_is_token(shape)) {
        size_t bytes = token_floats(&s) * sizeof(float);
        auto *kernel = s.F % 4 == 0 ? mlp_token_kernel<A, 4> : mlp_token_kernel<A, 1>;
        LAUNCH(d, kernel, blocks, MLP_THREADS, bytes, x, st, p, s);
        return;
    }
    ttt_room room = mlp_rows_room(cuda_of(d)->sm, &s);
    float *scratch = take<float>(cuda_scratch(d), (size_t)blocks * room.scratch_floats);
    auto *kernel = mlp_rows_kernel<A>;
    ttt_allow(d, (const void *)kernel, &room);
    LAUNCH(d, kernel, blocks, MLP_THREADS, room.shared_floats * sizeof(float), x, st, p, s, room,
           scratch);
}

void bl_cuda_ttt_mlp_step(bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,
                          const bl_act *k, const bl_act *v, const bl_real *lambda,
                          const bl_ttt_params *p, const bl_ttt_shape *s, const bl_dev_step *step)
{
    WITH_ACT(d, {
        ttt_tokens<A> x = {acts<A>(o), acts<A>(q),     acts<A>(k),
                           acts<A>(v), floats(lambda), step_at(step)};
        mlp_step<A>(d, x, ttt_states_of(state), ttt_model_of(p), s);
    });
}
