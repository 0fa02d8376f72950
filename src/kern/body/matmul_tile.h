/* Small float matrix products in register tiles, the same at every level above C.
 *
 * A tile is TILE_ROWS rows x two vectors of columns: its accumulators hide the latency of the fused
 * multiply-add (4 to 5 cycles, two a cycle).  Each starts from c and runs over ascending k, so the
 * bits do not depend on the tile an element is in, nor on the level.  The accumulators have names
 * of their own: gcc keeps an array of them in memory (a third of the speed).
 *
 * The file that includes this defines
 *
 *     VEC, LANES                       a vector of floats, and how many
 *     LOAD(p), STORE(p, x)             whole vectors
 *     ONE, SPLAT(p)                    what stands for *p in every lane
 *     FMA(a, b, c)                     a b + c in one rounding, a of ONE
 *     PART, PART_OF(n)                 what stands for the first n lanes, or all when n is larger
 *     LOAD_PART(p, part), STORE_PART(p, part, x)
 *     TILE_ROWS, SEVERAL(X)            the height of a tile: 6 or 8; X(2) ... X(TILE_ROWS)
 *     LONG_ROWS(X)                     X(n), n falling: a single row goes n vectors at a time */
#include "kern/kern.h"

/* clang-format off */
#define TIMES_1(X) X(0)
#define TIMES_2(X) TIMES_1(X) X(1)
#define TIMES_3(X) TIMES_2(X) X(2)
#define TIMES_4(X) TIMES_3(X) X(3)
#define TIMES_5(X) TIMES_4(X) X(4)
#define TIMES_6(X) TIMES_5(X) X(5)
#define TIMES_7(X) TIMES_6(X) X(6)
#define TIMES_8(X) TIMES_7(X) X(7)
/* clang-format on */

/* M rows x two vectors: row i has the accumulators lo and hi. */
#define BEGIN_ROW(i) VEC lo##i = LOAD(c + i * ldc), hi##i = LOAD(c + i * ldc + LANES);
#define STEP_ROW(i)                                                                                \
    x = SPLAT(a + i * a_row);                                                                      \
    lo##i = FMA(x, b0, lo##i);                                                                     \
    hi##i = FMA(x, b1, hi##i);
#define END_ROW(i)                                                                                 \
    STORE(c + i * ldc, lo##i);                                                                     \
    STORE(c + i * ldc + LANES, hi##i);

/* The last columns, one vector at a time. */
#define BEGIN_PART(i) VEC acc##i = LOAD_PART(c + i * ldc, part);
#define STEP_PART(i)  acc##i = FMA(SPLAT(a + i * a_row), b0, acc##i);
#define END_PART(i)   STORE_PART(c + i * ldc, part, acc##i);

#define TILE(M)                                                                                    \
    static void tile_##M(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,         \
                         const float *b, size_t ldb, size_t K)                                     \
    {                                                                                              \
        TIMES_##M(BEGIN_ROW);                                                                      \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            VEC b0 = LOAD(b), b1 = LOAD(b + LANES);                                                \
            ONE x;                                                                                 \
            TIMES_##M(STEP_ROW);                                                                   \
        }                                                                                          \
        TIMES_##M(END_ROW);                                                                        \
    }                                                                                              \
    static void part_##M(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,         \
                         const float *b, size_t ldb, PART part, size_t K)                          \
    {                                                                                              \
        TIMES_##M(BEGIN_PART);                                                                     \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            VEC b0 = LOAD_PART(b, part);                                                           \
            TIMES_##M(STEP_PART);                                                                  \
        }                                                                                          \
        TIMES_##M(END_PART);                                                                       \
    }                                                                                              \
    static void rows_##M(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,         \
                         const float *b, size_t ldb, size_t N, size_t K)                           \
    {                                                                                              \
        size_t j = 0;                                                                              \
        for (; j + 2 * LANES <= N; j += 2 * LANES)                                                 \
            tile_##M(c + j, ldc, a, a_row, a_col, b + j, ldb, K);                                  \
        for (; j < N; j += LANES)                                                                  \
            part_##M(c + j, ldc, a, a_row, a_col, b + j, ldb, PART_OF(N - j), K);                  \
    }
SEVERAL(TILE)
TILE(1)

/* One row, for decoding: eight accumulators where the tile above has two. */
#define BEGIN_COLUMN(j) VEC acc##j = LOAD(c + LANES * j);
#define STEP_COLUMN(j)  acc##j = FMA(x, LOAD(b + LANES * j), acc##j);
#define END_COLUMN(j)   STORE(c + LANES * j, acc##j);

#define LONG_ROW(n)                                                                                \
    static void long_##n(float *c, const float *a, size_t a_col, const float *b, size_t ldb,       \
                         size_t K)                                                                 \
    {                                                                                              \
        TIMES_##n(BEGIN_COLUMN);                                                                   \
        for (size_t k = 0; k < K; k++, a += a_col, b += ldb) {                                     \
            ONE x = SPLAT(a);                                                                      \
            TIMES_##n(STEP_COLUMN);                                                                \
        }                                                                                          \
        TIMES_##n(END_COLUMN);                                                                     \
    }
LONG_ROWS(LONG_ROW)

#define WALK_LONG(n)                                                                               \
    for (; j + n * LANES <= N; j += n * LANES)                                                     \
        long_##n(c + j, a, a_col, b + j, ldb, K);

static void one_row(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                    const float *b, size_t ldb, size_t N, size_t K)
{
    size_t j = 0;
    LONG_ROWS(WALK_LONG)
    rows_1(c + j, ldc, a, a_row, a_col, b + j, ldb, N - j, K);
}

static void matmul(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b,
                   size_t ldb, size_t M, size_t N, size_t K)
{
#define ENTRY(m) rows_##m,
    static void (*const rows[])(float *, size_t, const float *, size_t, size_t, const float *,
                                size_t, size_t, size_t) = {NULL, one_row, SEVERAL(ENTRY)};
#undef ENTRY
    for (size_t i = 0; i < M;) {
        size_t m = M - i < TILE_ROWS ? M - i : TILE_ROWS;
        rows[m](c + i * ldc, ldc, a + i * a_row, a_row, a_col, b, ldb, N, K);
        i += m;
    }
}
