/* The TTT layer token by token: the buffered form (MODEL 3.4). */
#include "cuda/ttt_step.cuh"

enum { THREADS = 256, PARTS = 2 };

/* ---- one token ---- */

/* Floats of linear_token_kernel: q, k, v, z, zq [F], mix [C], and the sums of groups of threads. */
static inline size_t token_floats(const ttt_dims *s)
{
    return 5 * (size_t)s->F + (size_t)s->C + 2 * 4 * THREADS;
}

/* G from (k, v) at W, b; k and h = lambda G become row j of the state;
 * zb = q W + b - tau sum_{s<=j} (q . k_s + 1) h_s;  o = q + gamma LNhat(zb) + beta; a full chunk is
 * folded into W and b.  One block a head and sequence; W is read once, V columns a thread. */
template <typename A, int V>
static __global__ void __launch_bounds__(THREADS)
    linear_token_kernel(ttt_tokens<A> x, ttt_states st, ttt_model p, ttt_dims s)
{
    DYNAMIC_SHARED(float, q);
    int F = s.F, j = (int)(x.step->position % (uint64_t)s.C);
    size_t block = blockIdx.x, h = block % s.H;
    float *k = q + F, *v = k + F, *z = v + F, *zq = z + F, *mix = zq + F;
    float *left = mix + s.C, *right = left + 4 * THREADS;
    float *W = st.part[0] + block * F * F, *b = st.part[1] + block * F;
    float *ks = st.k + block * s.C * F, *hs = st.h + block * s.C * F;
    ttt_pass<V> pass;
    ttt_pass_begin<V>(&pass, W, F, F);
    float tau = ttt_tau(p.delta[j], j), lambda = x.lambda[block];
    ttt_token_in(q, k, v, x, s, j);
    __syncthreads();
    ttt_pass_end<V>(&pass, left, right, k, q);
    ttt_token_mix(mix, q, ks, k, tau, j, F, ttt_warp(), ttt_warps());
    __syncthreads();
    for (int i = (int)threadIdx.x; i < 2 * F; i += THREADS)
        if (i < F)
            z[i] = b[i] + ttt_pass_sum(left, pass.groups, F, i);
        else
            zq[i - F] = b[i - F] + ttt_pass_sum(right, pass.groups, F, i - F) -
                        ttt_token_sum(mix, hs, j, F, i - F);
    __syncthreads();
    if (ttt_warp() == 0) {
        const float *gamma = p.gamma + h * F, *beta = p.beta + h * F;
        (void)ttt_gradient(z, z, k, v, gamma, beta, F);
        for (int i = ttt_lane(); i < F; i += 32) {
            float own = lambda * z[i];
            ks[(size_t)j * F + i] = k[i];
            hs[(size_t)j * F + i] = own;
            zq[i] = fmaf(-mix[j], own, zq[i]);
        }
        (void)ttt_standardise(zq, F);
        for (int i = ttt_lane(); i < F; i += 32)
            x.o[block * F + i] = from_float<A>(fmaf(gamma[i], zq[i], q[i]) + beta[i]);
    }
    if (j < s.C - 1)
        return;
    __syncthreads();
    float rho = p.half_life ? (float)ttt_forget_of(p.half_life[h]).rho : 1;
    ttt_token_fold(W, b, W, b, p.start[0] + h * F * F, p.start[1] + h * F, ks, hs,
                   p.half_life != NULL, rho, tau, s.C, F, F, ttt_warp(), ttt_warps());
    __syncthreads();
    ttt_clear(ks, s.C * F);
    ttt_clear(hs, s.C * F);
}

/* ---- more tokens ---- */

/* Rows `first` to `first` + n - 1 of a chunk, whose earlier rows are in K and in G, which holds
 * h = lambda G. */
static __device__ void linear_rows(const ttt_block &c, const ttt_dims &s, int first, int n)
{
    float *new_K = c.K + first * s.wF, *new_G = c.G + first * s.wF;
    ttt_mat Q = ttt_mat_of(c.Q, s.wF), W = ttt_mat_of(c.W, s.wM), Zb = ttt_mat_of(c.Zb, s.wF);
    ttt_mat mix = ttt_mat_of(c.mix, s.wC);
    ttt_nn(ttt_mat_of(c.Z, s.wF), ttt_mat_of(new_K, s.wF), W, n, s.F, s.F, ttt_bias(c.b));
    ttt_nn(Zb, Q, W, n, s.F, s.F, ttt_bias(c.b));
    ttt_nt(mix, Q, ttt_mat_of(c.K, s.wF), n, first + n, s.F, ttt_set(1));
    __syncthreads();
    ttt_learn(new_G, new_K, c, s, n);
    ttt_mix_rows(c.mix, c, s, first, n);
    __syncthreads();
    ttt_nn(Zb, mix, ttt_mat_of(c.G, s.wF), n, s.F, first + n, ttt_add(-1));
    __syncthreads();
}

/* The same for T tokens, those of one chunk together: K and G are the state's k and h. */
template <typename A>
static __global__ void __launch_bounds__(THREADS, 2)
    linear_rows_kernel(ttt_tokens<A> x, ttt_states st, ttt_model p, ttt_dims s, ttt_room room,
                       float *scratch)
{
    DYNAMIC_SHARED(float, shared);
    __shared__ ttt_block c;
    ttt_begin(&c, room, shared, scratch);
    size_t block = blockIdx.x, h = block % s.H, b = block / s.H, rows = block * s.C * s.F;
    int closed = 0;
    float rho = p.half_life ? (float)ttt_forget_of(p.half_life[h]).rho : 1;
    ttt_head_begin(c, p, s);
    ttt_parts_in(c, st, s, PARTS);
    ttt_rows_in(c.K, s.wF, st.k + rows, s.C, s.F);
    ttt_rows_in(c.G, s.wF, st.h + rows, s.C, s.F);
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
        linear_rows(c, s, first, n);
        ttt_output(x.o + row * s.F, c, s, n);
        t += n;
        if (first + n < s.C)
            continue;
        if (p.half_life)
            ttt_forget_all(c, p, s, rho, PARTS);
        __syncthreads();
        ttt_fold(c.W, c.b, c.K, c.G, c, s, s.F, s.wF, s.F, s.wF);
        __syncthreads();
        ttt_clear(c.K, s.C * s.wF);
        ttt_clear(c.G, s.C * s.wF);
        closed = 1;
    }
    __syncthreads();
    ttt_rows_out(st.k + rows, c.K, s.wF, s.C, s.F);
    ttt_rows_out(st.h + rows, c.G, s.wF, s.C, s.F);
    if (closed)
        ttt_parts_out(c, st, s, PARTS);
}

static ttt_room linear_rows_room(int sm, const ttt_dims *s)
{
    static const int rows[] = {TTT_Q, TTT_K, TTT_V, TTT_Z, TTT_G, TTT_Zb};
    ttt_room r = ttt_room_of(sm);
    ttt_room_begin(&r, s);
    ttt_room_add(&r, TTT_b, (size_t)s->wM);
    ttt_room_rows(&r, TTT_mix, s->C, s->wC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ttt_room_rows(&r, rows[i], s->C + 4, s->wF); /* tiles reach behind the last row */
    ttt_room_rows(&r, TTT_W, s->F, s->wM);
    return r;
}

void ttt_linear_step_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    const bl_ttt_shape shape = {most->B, most->T, most->H, most->F, most->C, 1};
    ttt_dims s = ttt_dims_of(&shape, shape.F);
    ttt_room all = linear_rows_room(0, &s);
    take<float>(a, most->B * most->H * ttt_room_most(d, &all));
}

void bl_cuda_ttt_linear_start(bl_dev *d, const bl_ttt_state *state, const bl_ttt_params *p,
                              const bl_ttt_shape *s)
{
    ttt_start(d, state, p, s, s->F);
}

template <typename A>
static void linear_step(bl_dev *d, const ttt_tokens<A> &x, const ttt_states &st, const ttt_model &p,
                        const bl_ttt_shape *shape)
{
    ttt_dims s = ttt_dims_of(shape, shape->F);
    unsigned blocks = (unsigned)(shape->B * shape->H);
    if (ttt_is_token(shape)) {
        size_t bytes = token_floats(&s) * sizeof(float);
        auto *kernel = s.F % 4 == 0 ? linear_token_kernel<A, 4> : linear_token_kernel<A, 1>;
        LAUNCH(d, kernel, blocks, THREADS, bytes, x, st, p, s);
        return;
    }
    ttt_room room = linear_rows_room(cuda_of(d)->sm, &s);
    float *scratch = take<float>(cuda_scratch(d), (size_t)blocks * room.scratch_floats);
    auto *kernel = linear_rows_kernel<A>;
    ttt_allow(d, (const void *)kernel, &room);
    LAUNCH(d, kernel, blocks, THREADS, room.shared_floats * sizeof(float), x, st, p, s, room,
           scratch);
}

void bl_cuda_ttt_linear_step(bl_dev *d, bl_act *o, const bl_ttt_state *state, const bl_act *q,
                             const bl_act *k, const bl_act *v, const bl_real *lambda,
                             const bl_ttt_params *p, const bl_ttt_shape *s, const bl_dev_step *step)
{
    WITH_ACT(d, {
        ttt_tokens<A> x = {acts<A>(o), acts<A>(q),     acts<A>(k),
                           acts<A>(v), floats(lambda), step_at(step)};
        linear_step<A>(d, x, ttt_states_of(state), ttt_model_of(p), s);
    });
}
