/* Products of whole matrices in the emulation, where src/cuda/matmul.cu asks cuBLASLt: plain loops,
 * sums in double. */
#include "cuda/cuda_dev.h"

#include <vector>

struct cuda_matmul {
    int unused;
};

bl_status cuda_matmul_open(cuda_matmul **matmul, bl_dev *d, bl_error *err)
{
    (void)d;
    (void)err;
    *matmul = new cuda_matmul();
    return BL_OK;
}

void cuda_matmul_close(cuda_matmul *m)
{
    delete m;
}

static float element(const void *x, cuda_kind kind, size_t i)
{
    return kind == CUDA_BF16 ? __bfloat162float(((const bf16 *)x)[i]) : ((const float *)x)[i];
}

/* [rows, columns] of x, or of x transposed. */
static std::vector<float> matrix(const void *x, cuda_kind kind, size_t rows, size_t columns,
                                 int transposed)
{
    std::vector<float> m(rows * columns);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            m[i * columns + j] = element(x, kind, transposed ? j * rows + i : i * columns + j);
    return m;
}

static void multiply(const cuda_product *p)
{
    std::vector<float> a = matrix(p->a, p->in, p->M, p->K, p->ta);
    std::vector<float> b = matrix(p->b, p->in, p->K, p->N, p->tb);
    std::vector<double> sums(p->N);
    double alpha = p->scale ? (double)*p->scale * (double)p->alpha : (double)p->alpha;
    for (size_t i = 0; i < p->M; i++) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (size_t k = 0; k < p->K; k++)
            for (size_t j = 0; j < p->N; j++)
                sums[j] += (double)a[i * p->K + k] * (double)b[k * p->N + j];
        for (size_t j = 0; j < p->N; j++) {
            size_t at = i * p->N + j;
            double y = alpha * sums[j];
            if (p->beta != 0)
                y += (double)p->beta * (double)element(p->y, p->out, at);
            if (p->out == CUDA_BF16)
                ((bf16 *)p->y)[at] = __float2bfloat16_rn((float)y);
            else
                ((float *)p->y)[at] = (float)y;
        }
    }
}

void cuda_matmul_run(bl_dev *d, const cuda_product *p)
{
    if (!p->M || !p->N || !p->K)
        return;
    cuda_settle(d);
    cuda_product product = *p;
    cuda_note(d, emulate_later([product]() { multiply(&product); }), "a matrix product");
}
