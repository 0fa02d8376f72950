/* The output head: logits for inference, cross-entropy with its gradients for training. */
#include "cuda/head.cuh"

/* Rows of the loss are taken in chunks with about CHUNK bytes of logits a multiprocessor: enough rows
 * for the products to fill the device, and for the sums of dE to be read and written a few times only. */
enum { THREADS = 256, FEW = 8, CHUNK = 1 << 21, CHUNK_ROWS = 128 };

/* ---- E as the products read it ---- */

template <int V>
static __global__ void __launch_bounds__(THREADS)
    cast_kernel(bf16 *__restrict__ to, const float *__restrict__ from, size_t n)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V;
    if (i >= n)
        return;
    float x[V];
    load<V>(x, from + i);
    store<V>(to + i, x);
}

/* E [V,D] in the type of activations: itself, or a copy in scratch. */
static const void *cast_matrix(bl_dev *d, bl_arena *scratch, const float *E, size_t V, size_t D)
{
    if (act_kind(d) == CUDA_F32)
        return E;
    int fast = V * D % 8 == 0 && aligned(E);
    bf16 *to = take<bf16>(scratch, V * D);
    auto *kernel = fast ? cast_kernel<8> : cast_kernel<1>;
    LAUNCH(d, kernel, div_up(V * D, THREADS * (fast ? 8 : 1)), THREADS, 0, to, E, V * D);
    return to;
}

/* logits [N,V] = x E^T, of kind `out` */
static void logits_product(bl_dev *d, void *logits, const void *x, const void *E, size_t N,
                           size_t D, size_t V, cuda_kind out)
{
    cuda_product p = {};
    p.y = logits, p.a = x, p.b = E;
    p.M = N, p.N = V, p.K = D;
    p.tb = 1;
    p.in = act_kind(d), p.out = out;
    p.alpha = 1;
    cuda_matmul_run(d, &p);
}

/* ---- logits ---- */

enum { COLS = 4 /* a warp */ };

/* logits[n,v] = x[n] . E[v] for up to NT rows.  A warp has COLS rows of E, which are read once; the
 * order of a sum depends on D alone. */
template <int NT, int V, typename A>
static __global__ void __launch_bounds__(THREADS)
    few_logits_kernel(float *__restrict__ logits, const A *__restrict__ x,
                      const float *__restrict__ E, size_t N, size_t D, size_t cols)
{
    size_t first = ((size_t)blockIdx.x * (THREADS / 32) + threadIdx.x / 32) * COLS;
    int lane = threadIdx.x % 32;
    if (first >= cols)
        return;
    float dots[COLS * NT] = {};
#pragma unroll 2
    for (size_t i = (size_t)lane * V; i < D; i += 32 * V) {
        float e[COLS][V], xi[V];
#pragma unroll
        for (int c = 0; c < COLS; c++)
            load<V>(e[c], E + (first + c < cols ? first + c : first) * D + i);
#pragma unroll
        for (int n = 0; n < NT; n++) {
            load<V>(xi, x + ((size_t)n < N ? n : 0) * D + i);
#pragma unroll
            for (int c = 0; c < COLS; c++)
#pragma unroll
                for (int j = 0; j < V; j++)
                    dots[c * NT + n] = fmaf(e[c][j], xi[j], dots[c * NT + n]);
        }
    }
    float dot = warp_fold(dots);
    int each = 32 / (COLS * NT), at = lane / each;
    size_t v = first + at / NT, n = at % NT;
    if (lane % each == 0 && v < cols && n < N)
        logits[n * cols + v] = dot;
}

/* FEW rows at a time by the same kernel, so that a row has the same logits in any company. */
void bl_cuda_head_logits(bl_dev *d, bl_real *logits, const bl_act *x, const bl_param *E, size_t N,
                         size_t D, size_t V)
{
    if (cuda_head_logits_mma(d, floats(logits), x, floats(E), N, D, V))
        return;
    WITH_ACT(
        d, int fast = D % 8 == 0 && aligned(x) && aligned(E); for (size_t n = 0; n < N; n += FEW) {
            size_t rows = N - n < FEW ? N - n : FEW;
            auto *kernel = rows == 1
                               ? fast ? few_logits_kernel<1, 8, A> : few_logits_kernel<1, 1, A>
                           : fast ? few_logits_kernel<FEW, 8, A>
                                  : few_logits_kernel<FEW, 1, A>;
            LAUNCH(d, kernel, div_up(V, COLS * (THREADS / 32)), THREADS, 0, floats(logits) + n * V,
                   acts<A>(x) + n * D, floats(E), rows, D, V);
        });
}

/* ---- loss ---- */

enum { ROW_THREADS = 512, ROW_WARPS = ROW_THREADS / 32 };

/* Of the row x of logits: loss = m + log S - x[target],  m = max x,  S = sum exp(x - m);  and, when
 * `step`, in place x = scale (exp(x - m) / S - onehot(target)); 0 where target < 0.  A block a row.  STEPS > 0: the row
 * is kept in registers, V * STEPS elements a thread; 0: it is read once a pass. */
template <int V, int STEPS, typename L>
static __global__ void __launch_bounds__(ROW_THREADS)
    softmax_kernel(float *loss, L *logits, const int32_t *targets, const bl_step *given,
                   size_t cols)
{
    enum { KEPT = STEPS ? STEPS : 1 };
    __shared__ float room[2 * ROW_WARPS];
    int turn = 0;
    int counts = targets[blockIdx.x] >= 0;
    size_t target = (size_t)targets[blockIdx.x], step = (size_t)ROW_THREADS * V;
    float scale = given && counts ? given->loss_scale : 0.0f;
    size_t steps = STEPS ? STEPS : (cols + step - 1) / step, mine = (size_t)threadIdx.x * V;
    L *row = logits + blockIdx.x * cols;
    float x[KEPT][V], lowest = -INFINITY, most = lowest, sum = 0, at_target = 0;
    if (threadIdx.x == 0 && counts)
        at_target = to_float(row[target]);
#pragma unroll(KEPT)
    for (size_t k = 0; k < steps; k++) {
        float *own = x[STEPS ? k : 0];
#pragma unroll
        for (int j = 0; j < V; j++)
            own[j] = lowest;
        if (k * step + mine < cols)
            load<V>(own, row + k * step + mine);
#pragma unroll
        for (int j = 0; j < V; j++)
            most = fmaxf(most, own[j]);
    }
    most = team_max<ROW_WARPS>(most, room, turn);
#pragma unroll(KEPT)
    for (size_t k = 0; k < steps; k++) {
        float *own = x[STEPS ? k : 0];
        if (k * step + mine >= cols)
            continue;
        if (!STEPS)
            load<V>(own, row + k * step + mine);
#pragma unroll
        for (int j = 0; j < V; j++) {
            own[j] = __expf(own[j] - most);
            sum += own[j];
        }
    }
    sum = team_sum<ROW_WARPS>(sum, room, turn);
    if (threadIdx.x == 0)
        loss[blockIdx.x] = counts ? most + logf(sum) - at_target : 0.0f;
    float factor = scale / sum;
#pragma unroll(KEPT)
    for (size_t k = 0; k < steps; k++) {
        float *own = x[STEPS ? k : 0];
        size_t i = k * step + mine;
        if (!given || i >= cols)
            continue;
        if (!STEPS)
            load<V>(own, row + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            float p = STEPS ? own[j] : __expf(own[j] - most);
            own[j] = factor * p - (i + j == target ? scale : 0.0f);
        }
        store<V>(row + i, own);
    }
}

template <typename L>
static void softmax(bl_dev *d, float *loss, L *logits, const int32_t *targets, const bl_step *step,
                    size_t rows, size_t cols)
{
    size_t eights = cols % 8 == 0 ? cols / 8 : SIZE_MAX;
    auto *kernel = cols % 8                    ? softmax_kernel<1, 0, L>
                   : eights <= ROW_THREADS     ? softmax_kernel<8, 1, L>
                   : eights <= 4 * ROW_THREADS ? softmax_kernel<8, 4, L>
                   : eights <= 8 * ROW_THREADS ? softmax_kernel<8, 8, L>
                                               : softmax_kernel<8, 0, L>;
    LAUNCH(d, kernel, (unsigned)rows, ROW_THREADS, 0, loss, logits, targets, step, cols);
}

static size_t chunk_bytes(bl_dev *d)
{
    return (size_t)cuda_of(d)->multiprocessors * CHUNK;
}

/* Rows of a chunk of logits of `size` bytes; the chunks are about equal. */
static size_t chunk_rows(bl_dev *d, size_t N, size_t V, size_t size)
{
    size_t rows = chunk_bytes(d) / size / V / CHUNK_ROWS * CHUNK_ROWS;
    rows = rows < CHUNK_ROWS ? CHUNK_ROWS : rows;
    if (N <= rows)
        return N;
    size_t chunks = (N + rows - 1) / rows;
    return round_up((N + chunks - 1) / chunks, CHUNK_ROWS);
}

void cuda_head_plan(bl_dev *d, bl_arena *a, const bl_limits *most)
{
    size_t mark = bl_arena_mark(a), N = most->B * most->T, V = most->V;
    size_t chunk = chunk_bytes(d) / sizeof(float); /* of any smaller V */
    if (V > chunk / CHUNK_ROWS)
        chunk = CHUNK_ROWS * V;
    if (act_kind(d) == CUDA_BF16)
        take<bf16>(a, V * most->D);
    take<float>(a, N < chunk / V + 1 ? N * V : chunk); /* so that N V cannot overflow */
    bl_arena_rewind(a, mark);
}

/* dlogits [rows,V] to both gradients: dx = dlogits E,  dE += dlogits^T x. */
static void head_grads(bl_dev *d, void *dx, float *dE, const void *dlogits, const void *x,
                       const void *E, size_t rows, size_t D, size_t V)
{
    cuda_product p = {};
    p.y = dx, p.a = dlogits, p.b = E;
    p.M = rows, p.N = D, p.K = V;
    p.in = p.out = act_kind(d);
    p.alpha = 1;
    cuda_matmul_run(d, &p);
    p.y = dE, p.b = x;
    p.M = V, p.K = rows;
    p.ta = 1;
    p.out = CUDA_F32;
    p.beta = 1;
    cuda_matmul_run(d, &p);
}

void bl_cuda_head_loss(bl_dev *d, bl_real *loss_, bl_act *dx, bl_param *dE, const bl_act *x,
                       const bl_param *E, const bl_dev_id *targets_, const bl_dev_step *step_,
                       size_t N, size_t D, size_t V)
{
    bl_arena *scratch = cuda_scratch(d);
    const void *matrix = cast_matrix(d, scratch, floats(E), V, D);
    cuda_kind kind = dx ? act_kind(d) : CUDA_F32; /* of the logits */
    size_t bytes = d->act_bytes, size = kind == CUDA_F32 ? sizeof(float) : bytes;
    size_t most = chunk_rows(d, N, V, size);
    void *logits = take<char>(scratch, most * V * size);
    const bl_step *step = dx ? step_at(step_) : NULL;
    for (size_t n = 0; n < N; n += most) {
        size_t rows = N - n < most ? N - n : most;
        float *loss = floats(loss_) + n;
        const int32_t *targets = ints(targets_) + n;
        const char *xn = (const char *)(const void *)x + n * D * bytes;
        logits_product(d, logits, xn, matrix, rows, D, V, kind);
        if (kind == CUDA_F32)
            softmax(d, loss, (float *)logits, targets, step, rows, V);
        else
            softmax(d, loss, (bf16 *)logits, targets, step, rows, V);
        if (dx)
            head_grads(d, (char *)(void *)dx + n * D * bytes, floats(dE), logits, xn, matrix, rows,
                       D, V);
    }
}

enum { SUM_THREADS = 1024 };

/* step->nats += sum of loss [N], in double; one block. */
static __global__ void __launch_bounds__(SUM_THREADS)
    loss_sum_kernel(bl_step *step, const float *loss, size_t N)
{
    __shared__ double sums[SUM_THREADS];
    double sum = 0;
#pragma unroll 4
    for (size_t i = threadIdx.x; i < N; i += SUM_THREADS)
        sum += (double)loss[i];
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (int half = SUM_THREADS / 2; half; half /= 2) {
        if (threadIdx.x < half)
            sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0)
        step->nats += sums[0];
}

void bl_cuda_head_loss_sum(bl_dev *d, bl_dev_step *step, const bl_real *loss, size_t N)
{
    LAUNCH(d, loss_sum_kernel, 1, SUM_THREADS, 0, step_at(step), floats(loss), N);
}
