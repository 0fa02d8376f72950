/* Float matrix products for training: oneDNN's sgemm, or ours over the matmul kernel.
 *
 * Ours packs a block of b into panels of 16 columns and a block of a into strips of 6 rows, so that
 * the kernel reads both in order: panel 256 x 16 in L1, block 256 x 256 in L2.  Each element of c
 * is one chain over ascending k, whatever the tile. */
#include "cpu/cpu_impl.h"
#include "core/os.h"

#include <string.h>
#if BL_HAVE_ONEDNN
#include <dnnl.h>
#include <omp.h>
#endif

enum { BLOCK_K = 256, BLOCK_N = 256, BLOCK_M = 96, PANEL = 16, STRIP = 6 };

size_t bl_gemm_local_floats(void)
{
    return BLOCK_K * BLOCK_N + BLOCK_K * BLOCK_M;
}

/* Panels of 16 columns: to[panel][k][16]. */
static void pack_b(const bl_kern *kern, float *to, const float *b, size_t ldb, int tb, size_t K,
                   size_t N)
{
    for (size_t j = 0; j < N; j += PANEL, to += BLOCK_K * PANEL) {
        size_t n = bl_least(N - j, PANEL);
        if (tb) {
            kern->transpose(to, PANEL, b + j * ldb, ldb, n, K);
            continue;
        }
        for (size_t k = 0; k < K; k++)
            memcpy(to + k * PANEL, b + k * ldb + j, n * sizeof *to);
    }
}

/* Strips of 6 rows: to[strip][k][6]. */
static void pack_a(float *to, const float *a, size_t row, size_t col, size_t M, size_t K)
{
    for (size_t i = 0; i < M; i += STRIP, to += BLOCK_K * STRIP) {
        size_t m = bl_least(M - i, STRIP);
        for (size_t k = 0; k < K; k++)
            for (size_t r = 0; r < m; r++)
                to[k * STRIP + r] = a[(i + r) * row + k * col];
    }
}

static void own_gemm(const bl_cpu *cpu, int ta, int tb, size_t M, size_t N, size_t K,
                     const float *a, size_t lda, const float *b, size_t ldb, int add, float *c,
                     size_t ldc)
{
    float *pb = bl_cpu_local(cpu), *pa = pb + BLOCK_K * BLOCK_N;
    size_t row = ta ? 1 : lda, col = ta ? lda : 1;
    if (!add)
        for (size_t i = 0; i < M; i++)
            memset(c + i * ldc, 0, N * sizeof *c);
    for (size_t j = 0; j < N; j += BLOCK_N)
        for (size_t k = 0; k < K; k += BLOCK_K) {
            size_t n = bl_least(N - j, BLOCK_N), depth = bl_least(K - k, BLOCK_K);
            pack_b(&cpu->k, pb, tb ? b + j * ldb + k : b + k * ldb + j, ldb, tb, depth, n);
            for (size_t i = 0; i < M; i += BLOCK_M) {
                size_t m = bl_least(M - i, BLOCK_M);
                pack_a(pa, a + i * row + k * col, row, col, m, depth);
                for (size_t jj = 0; jj < n; jj += PANEL)
                    for (size_t ii = 0; ii < m; ii += STRIP)
                        cpu->k.matmul(c + (i + ii) * ldc + j + jj, ldc, pa + ii * BLOCK_K, 1, STRIP,
                                      pb + jj * BLOCK_K, PANEL, bl_least(m - ii, STRIP),
                                      bl_least(n - jj, PANEL), depth);
            }
        }
}

#if BL_HAVE_ONEDNN
/* Inside a parallel loop oneDNN keeps to the calling thread; in a team of one it would not know
 * that it is inside one, and would start threads and sum in another order.
 *
 * oneDNN's kernels point the stack pointer into their heap workspace.  A signal handler that ran
 * there would write its frame over the heap (a SIGTERM in training did, now and then), so
 * signals wait for the end of the product. */
static int library_gemm(int ta, int tb, size_t M, size_t N, size_t K, const float *a, size_t lda,
                        const float *b, size_t ldb, int add, float *c, size_t ldc)
{
    bl_signal_mask signals;
    int threads = omp_get_max_threads();
    bl_signals_hold(&signals);
    if (threads > 1 && !omp_in_parallel())
        omp_set_num_threads(1);
    dnnl_status_t status = dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', (dnnl_dim_t)M, (dnnl_dim_t)N,
                                      (dnnl_dim_t)K, 1.0f, a, (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb,
                                      add ? 1.0f : 0.0f, c, (dnnl_dim_t)ldc);
    if (threads > 1 && !omp_in_parallel())
        omp_set_num_threads(threads);
    bl_signals_release(&signals);
    return status == dnnl_success;
}
#endif

/* The library takes a limit only before its first use; every device of a process asks for the same
 * one, so what it answers later does not matter. */
void bl_gemm_limit(bl_cpu_level level)
{
#if BL_HAVE_ONEDNN
    if (level == BL_CPU_AVX2)
        (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
#else
    (void)level;
#endif
}

void bl_gemm(const bl_cpu *cpu, int ta, int tb, size_t M, size_t N, size_t K, const float *a,
             size_t lda, const float *b, size_t ldb, int add, float *c, size_t ldc)
{
#if BL_HAVE_ONEDNN
    if (cpu->onednn && library_gemm(ta, tb, M, N, K, a, lda, b, ldb, add, c, ldc))
        return;
#endif
    own_gemm(cpu, ta, tb, M, N, K, a, lda, b, ldb, add, c, ldc);
}
