/* Small float matrix products in plain C: the definition of the order of summation. */
#include "kern/body/matmul_dots.h"

static void matmul(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b,
                   size_t ldb, size_t M, size_t N, size_t K)
{
    for (size_t i = 0; i < M; i++)
        for (size_t k = 0; k < K; k++) {
            float x = a[i * a_row + k * a_col];
            const float *row = b + k * ldb;
            float *out = c + i * ldc;
            for (size_t j = 0; j < N; j++)
                out[j] = bl_madd(x, row[j], out[j]);
        }
}

static void transpose(float *t, size_t ldt, const float *a, size_t lda, size_t M, size_t N)
{
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++)
            t[j * ldt + i] = a[i * lda + j];
}

void bl_kern_matmul_c(bl_kern *k)
{
    k->transpose = transpose;
    k->matmul = matmul;
    k->dots = dots;
    k->dots_at = dots_at;
    k->tile_rows = 6;
    k->tile_cols = 16;
}
