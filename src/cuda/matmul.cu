/* Products of whole matrices, by cuBLASLt. */
#include "cuda/cuda_dev.h"

#include <cublasLt.h>

extern "C" {
#include "core/alloc.h"
}

enum { ALGORITHMS = 256, WORKSPACE = 32 << 20 };

/* What an algorithm was chosen for. */
typedef struct product_key {
    size_t M, N, K;
    int ta, tb, in, out, adds, scaled;
    unsigned align; /* of y, a and b together */
} product_key;

struct cuda_matmul {
    cublasLtHandle_t lt;
    void *workspace;
    float *constants; /* on the device: 0, 1 */
    struct {
        product_key key;
        cublasLtMatmulAlgo_t algorithm;
    } known[ALGORITHMS];
    size_t count;
};

bl_status cuda_matmul_open(cuda_matmul **matmul, bl_dev *d, bl_error *err)
{
    const float constants[] = {0, 1};
    cuda_matmul *m = (cuda_matmul *)bl_calloc(1, sizeof *m);
    *matmul = m;
    if (!m)
        return bl_fail(err, BL_ENOMEM, "out of memory for matrix products");
    cublasStatus_t status = cublasLtCreate(&m->lt);
    if (status != CUBLAS_STATUS_SUCCESS)
        return bl_fail(err, BL_EDEVICE, "cuBLASLt cannot be used: %s",
                       cublasLtGetStatusString(status));
    BL_TRY(bl_cuda_alloc(d, &m->workspace, WORKSPACE + sizeof constants, err));
    m->constants = (float *)(void *)((char *)m->workspace + WORKSPACE);
    return bl_cuda_put(d, m->constants, constants, sizeof constants, err);
}

void cuda_matmul_close(cuda_matmul *m)
{
    if (!m)
        return;
    (void)cudaFree(m->workspace);
    if (m->lt)
        (void)cublasLtDestroy(m->lt);
    bl_free(m);
}

/* The largest power of two up to 16 that divides it: no more, so that the choice does not depend on
 * where an arena put it. */
static unsigned alignment(const void *p)
{
    uintptr_t bits = (uintptr_t)p | 16;
    return (unsigned)(bits & (~bits + 1));
}

static cudaDataType_t type_of(cuda_kind kind)
{
    return kind == CUDA_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

/* A row-major [rows, columns] is a column-major [columns, rows]. */
static int layout(cublasLtMatrixLayout_t *l, cuda_kind kind, size_t rows, size_t columns)
{
    return cublasLtMatrixLayoutCreate(l, type_of(kind), columns, rows, (int64_t)columns) ==
           CUBLAS_STATUS_SUCCESS;
}

/* y^T = op(b)^T op(a)^T, column-major. */
typedef struct product_plan {
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a, b, y;
} product_plan;

static int make_plan(product_plan *q, const cuda_product *p)
{
    cublasOperation_t ta = p->ta ? CUBLAS_OP_T : CUBLAS_OP_N,
                      tb = p->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtPointerMode_t mode = CUBLASLT_POINTER_MODE_DEVICE;
    return cublasLtMatmulDescCreate(&q->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F) ==
               CUBLAS_STATUS_SUCCESS &&
           cublasLtMatmulDescSetAttribute(q->desc, CUBLASLT_MATMUL_DESC_TRANSA, &tb, sizeof tb) ==
               CUBLAS_STATUS_SUCCESS &&
           cublasLtMatmulDescSetAttribute(q->desc, CUBLASLT_MATMUL_DESC_TRANSB, &ta, sizeof ta) ==
               CUBLAS_STATUS_SUCCESS &&
           (!p->scale ||
            cublasLtMatmulDescSetAttribute(q->desc, CUBLASLT_MATMUL_DESC_POINTER_MODE, &mode,
                                           sizeof mode) == CUBLAS_STATUS_SUCCESS) &&
           layout(&q->a, p->in, p->ta ? p->K : p->M, p->ta ? p->M : p->K) &&
           layout(&q->b, p->in, p->tb ? p->N : p->K, p->tb ? p->K : p->N) &&
           layout(&q->y, p->out, p->M, p->N);
}

static void drop_plan(const product_plan *q)
{
    if (q->desc)
        (void)cublasLtMatmulDescDestroy(q->desc);
    const cublasLtMatrixLayout_t layouts[] = {q->a, q->b, q->y};
    for (size_t i = 0; i < 3; i++)
        if (layouts[i])
            (void)cublasLtMatrixLayoutDestroy(layouts[i]);
}

/* The first algorithm that cuBLASLt proposes: the same for the same key, so that runs agree to the
 * bit.  Partial sums of a split K stay in float. */
static int choose(cuda_matmul *m, const product_plan *q, const cuda_product *p,
                  cublasLtMatmulAlgo_t *algorithm)
{
    cublasLtMatmulPreference_t wish = NULL;
    cublasLtMatmulHeuristicResult_t found;
    uint64_t room = WORKSPACE;
    uint32_t sums = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    uint32_t a = alignment(p->a), b = alignment(p->b), y = alignment(p->y);
    int count = 0;
    int good =
        cublasLtMatmulPreferenceCreate(&wish) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room,
                                             sizeof room) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                             &sums, sizeof sums) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &b,
                                             sizeof b) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &a,
                                             sizeof a) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &y,
                                             sizeof y) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &y,
                                             sizeof y) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulAlgoGetHeuristic(m->lt, q->desc, q->b, q->a, q->y, q->y, wish, 1, &found,
                                       &count) == CUBLAS_STATUS_SUCCESS &&
        count > 0;
    if (wish)
        (void)cublasLtMatmulPreferenceDestroy(wish);
    if (good)
        *algorithm = found.algo;
    return good;
}

static const cublasLtMatmulAlgo_t *algorithm_for(cuda_matmul *m, const product_plan *q,
                                                 const cuda_product *p)
{
    product_key key;
    memset(&key, 0, sizeof key); /* what lies between its members is compared, too */
    key.M = p->M, key.N = p->N, key.K = p->K;
    key.ta = p->ta, key.tb = p->tb, key.in = p->in, key.out = p->out;
    key.adds = p->beta != 0, key.scaled = p->scale != NULL;
    key.align = alignment(p->y) + 1000 * alignment(p->a) + 1000000 * alignment(p->b);
    for (size_t i = 0; i < m->count; i++)
        if (memcmp(&m->known[i].key, &key, sizeof key) == 0)
            return &m->known[i].algorithm;
    size_t at = m->count < ALGORITHMS ? m->count : ALGORITHMS - 1;
    if (!choose(m, q, p, &m->known[at].algorithm))
        return NULL;
    m->known[at].key = key;
    m->count = at + 1;
    return &m->known[at].algorithm;
}

void cuda_matmul_run(bl_dev *d, const cuda_product *p)
{
    cuda_matmul *m = cuda_of(d)->matmul;
    product_plan q = {};
    const cublasLtMatmulAlgo_t *algorithm = NULL;
    const void *alpha = &p->alpha, *beta = &p->beta;
    if (!p->M || !p->N || !p->K)
        return;
    cuda_settle(d);
    if (p->scale) { /* both are on the device then: alpha is 1, beta 0 or 1 */
        alpha = p->scale;
        beta = &m->constants[p->beta != 0];
    }
    int good = make_plan(&q, p) && (algorithm = algorithm_for(m, &q, p)) != NULL;
    if (good) {
        cublasStatus_t status =
            cublasLtMatmul(m->lt, q.desc, alpha, p->b, q.b, p->a, q.a, beta, p->y, q.y, p->y, q.y,
                           algorithm, m->workspace, WORKSPACE, cuda_of(d)->stream);
        good = status == CUBLAS_STATUS_SUCCESS;
    }
    drop_plan(&q);
    if (!good)
        cuda_note(d, cudaErrorNotSupported, "a matrix product");
}
