/* Float matrix products for training, over the matmul kernel.
 *
 * A block of b is packed into panels as wide as the kernel's register tile, and a block of a
 * transposed a into strips as high as it, so that the kernel reads both in order: a panel of 256
 * rows in L1, a block of 256 x 256 in L2.  Rows of a are in order as they are.  Each element of c
 * is one chain over ascending k, whatever the tile. */
#include "cpu/cpu_impl.h"

#include <string.h>

enum { BLOCK_K = 256, BLOCK_N = 256, BLOCK_M = 96, PANEL_MOST = 32 };

size_t bl_matmul_local_floats(void)
{
    return BLOCK_K * BLOCK_N + BLOCK_K * BLOCK_M;
}

static inline void copy(float *to, size_t ldt, const float *from, size_t ldf, size_t n, size_t K)
{
    for (size_t k = 0; k < K; k++)
        memcpy(to + k * ldt, from + k * ldf, n * sizeof *to);
}

/* K rows of n floats, beside each other in `to`.  A length that the compiler knows makes a memcpy
 * of two instructions. */
static void pack_rows(float *to, size_t ldt, const float *from, size_t ldf, size_t n, size_t K)
{
    switch (n) {
    case 6:
        copy(to, ldt, from, ldf, 6, K);
        break;
    case 8:
        copy(to, ldt, from, ldf, 8, K);
        break;
    case 16:
        copy(to, ldt, from, ldf, 16, K);
        break;
    case 32:
        copy(to, ldt, from, ldf, 32, K);
        break;
    default:
        copy(to, ldt, from, ldf, n, K);
    }
}

/* Panels of b [K,N], or of its transposed: to[panel][k][column]. */
static void pack_b(const bl_kern *kern, float *to, const float *b, size_t ldb, int tb, size_t K,
                   size_t N)
{
    size_t panel = kern->tile_cols;
    for (size_t j = 0; j < N; j += panel, to += BLOCK_K * panel)
        if (tb)
            kern->transpose(to, panel, b + j * ldb, ldb, bl_least(N - j, panel), K);
        else
            pack_rows(to, panel, b + j, ldb, bl_least(N - j, panel), K);
}

/* Strips of a transposed a [K,M]: to[strip][k][row]. */
static void pack_a(const bl_kern *kern, float *to, const float *a, size_t lda, size_t M, size_t K)
{
    size_t strip = kern->tile_rows;
    for (size_t i = 0; i < M; i += strip, to += BLOCK_K * strip)
        pack_rows(to, strip, a + i, lda, bl_least(M - i, strip), K);
}

/* A tile of c at zero just before its product, which reads it from the store buffer. */
static inline void zero_tile(float *c, size_t ldc, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        memset(c + i * ldc, 0, n * sizeof *c);
}

/* Asks for a tile of c, which the next product begins with. */
static inline void fetch_tile(const float *c, size_t ldc, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j += 16)
            __builtin_prefetch(c + i * ldc + j, 1);
}

/* c[M,N] = (add ? c : 0) + a b for b in panels of `tall` rows, of which K count, and a packed or
 * [M,K]. */
static void block(const bl_kern *kern, int add, float *c, size_t ldc, const float *a, size_t lda,
                  int packed, const float *b, size_t tall, size_t M, size_t N, size_t K)
{
    size_t panel = kern->tile_cols, strip = kern->tile_rows;
    for (size_t j = 0; j < N; j += panel) {
        size_t n = bl_least(N - j, panel);
        for (size_t i = 0; i < M; i += strip) {
            size_t m = bl_least(M - i, strip);
            float *tile = c + i * ldc + j;
            if (!add)
                zero_tile(tile, ldc, m, n);
            if (i + strip < M)
                fetch_tile(tile + strip * ldc, ldc, bl_least(M - i - strip, strip), n);
            else if (j + panel < N)
                fetch_tile(c + j + panel, ldc, bl_least(M, strip), bl_least(N - j - panel, panel));
            kern->matmul(tile, ldc, packed ? a + i * BLOCK_K : a + i * lda, packed ? 1 : lda,
                         packed ? strip : 1, b + j * tall, panel, m, n, K);
        }
    }
}

/* The same for all rows of a, packed when it is transposed. */
static void rows(const bl_kern *kern, float *room, int add, float *c, size_t ldc, int ta,
                 const float *a, size_t lda, const float *b, size_t tall, size_t M, size_t N,
                 size_t K)
{
    for (size_t i = 0; i < M; i += BLOCK_M) {
        size_t m = bl_least(M - i, BLOCK_M);
        if (ta)
            pack_a(kern, room, a + i, lda, m, K);
        block(kern, add, c + i * ldc, ldc, ta ? room : a + i * lda, lda, ta, b, tall, m, N, K);
    }
}

void bl_matmul(const bl_cpu *cpu, size_t member, int ta, int tb, size_t M, size_t N, size_t K,
               const float *a, size_t lda, const float *b, size_t ldb, int add, float *c,
               size_t ldc)
{
    float *pb = bl_cpu_local(cpu, member), *pa = pb + BLOCK_K * BLOCK_N;
    for (size_t j = 0; j < N; j += BLOCK_N)
        for (size_t k = 0; k < K; k += BLOCK_K) {
            size_t n = bl_least(N - j, BLOCK_N), depth = bl_least(K - k, BLOCK_K);
            pack_b(&cpu->k, pb, tb ? b + j * ldb + k : b + k * ldb + j, ldb, tb, depth, n);
            rows(&cpu->k, pa, add || k, c + j, ldc, ta, ta ? a + k * lda : a + k, lda, pb, BLOCK_K,
                 M, n, depth);
        }
}

size_t bl_matmul_packed_floats(size_t K, size_t N)
{
    return K * bl_blocks(N, PANEL_MOST) * PANEL_MOST;
}

void bl_matmul_pack(const bl_kern *kern, float *to, size_t K, size_t N, const float *b,
                    size_t first, size_t count)
{
    size_t panel = kern->tile_cols;
    for (size_t j = 0; j < N; j += panel)
        pack_rows(to + j * K + first * panel, panel, b + j, N, bl_least(N - j, panel), count);
}

void bl_matmul_packed(const bl_cpu *cpu, size_t member, int ta, size_t M, size_t N, size_t K,
                      const float *a, size_t lda, const float *b, int add, float *c, size_t ldc)
{
    for (size_t k = 0; k < K; k += BLOCK_K)
        rows(&cpu->k, bl_cpu_local(cpu, member), add || k, c, ldc, ta, ta ? a + k * lda : a + k,
             lda, b + k * cpu->k.tile_cols, K, M, N, bl_least(K - k, BLOCK_K));
}
