/* Small float matrix products for AVX-512: register tiles of 8 rows x 32 columns; dot products. */
#include "kern/x86/lanes_avx512.h"

enum { LANES = 16, TILE_ROWS = 8, TRANSPOSE_ROWS = 16, TRANSPOSE_COLS = 4 };

/* clang-format off */
#define VEC                     __m512
#define ONE                     __m512
#define LOAD(p)                 _mm512_loadu_ps(p)
#define STORE(p, x)             _mm512_storeu_ps(p, x)
#define SPLAT(p)                _mm512_set1_ps(*(p))
#define FMA(a, b, c)            _mm512_fmadd_ps(a, b, c)
#define PART                    __mmask16
#define PART_OF(n)              lanes16(n)
#define LOAD_PART(p, part)      _mm512_maskz_loadu_ps(part, p)
#define STORE_PART(p, part, x)  _mm512_mask_storeu_ps(p, part, x)
#define SEVERAL(X)              X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define LONG_ROWS(X)            X(8) X(4)
/* clang-format on */
#include "kern/body/matmul_tile.h"

/* Partial sums of four vectors side by side: of each 128 bits the lanes (0+2) + (1+3). */
static inline __m512 sums_of_4(__m512 a, __m512 b, __m512 c, __m512 d)
{
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512d lo = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512d hi = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    return _mm512_add_ps(_mm512_castpd_ps(lo), _mm512_castpd_ps(hi));
}

/* The end of four sums: the 128 bits (0+2) + (1+3). */
static inline __m128 sums_end(__m512 x)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/* R rows of a against four of b: a chain of sixteen lanes for each pair.  Only the last part of a
 * row is read by a mask: a masked load takes a port of the products. */
#define WHOLE(p)      LOAD(p)
#define REST(p)       LOAD_PART(p, PART_OF(K - k))
#define DOTS_BEGIN(i) VEC p##i = _mm512_setzero_ps(), q##i = p##i, r##i = p##i, s##i = p##i;
#define DOTS_ROW(i, get)                                                                           \
    x = get(a + (i)*lda + k);                                                                      \
    p##i = FMA(x, b0, p##i);                                                                       \
    q##i = FMA(x, b1, q##i);                                                                       \
    r##i = FMA(x, b2, r##i);                                                                       \
    s##i = FMA(x, b3, s##i);
#define DOTS_ROWS_1(get) DOTS_ROW(0, get)
#define DOTS_ROWS_4(get) DOTS_ROW(0, get) DOTS_ROW(1, get) DOTS_ROW(2, get) DOTS_ROW(3, get)
#define DOTS_STEP(R, get)                                                                          \
    b0 = get(b + k);                                                                               \
    b1 = get(b + ldb + k);                                                                         \
    b2 = get(b + 2 * ldb + k);                                                                     \
    b3 = get(b + 3 * ldb + k);                                                                     \
    DOTS_ROWS_##R(get)
#define DOTS_END(i) _mm_storeu_ps(c + (i)*ldc, sums_end(sums_of_4(p##i, q##i, r##i, s##i)));
#define DOTS_4(R)                                                                                  \
    static void dots_##R##x4(float *c, size_t ldc, const float *a, size_t lda, const float *b,     \
                             size_t ldb, size_t K)                                                 \
    {                                                                                              \
        TIMES_##R(DOTS_BEGIN);                                                                     \
        VEC b0, b1, b2, b3, x;                                                                     \
        size_t k = 0;                                                                              \
        for (; k + LANES <= K; k += LANES) {                                                       \
            DOTS_STEP(R, WHOLE)                                                                    \
        }                                                                                          \
        if (k < K) {                                                                               \
            DOTS_STEP(R, REST)                                                                     \
        }                                                                                          \
        TIMES_##R(DOTS_END);                                                                       \
    }
DOTS_4(4)
DOTS_4(1)

static float dot(const float *a, const float *b, size_t K)
{
    __m512 p = _mm512_setzero_ps();
    for (size_t k = 0; k < K; k += LANES)
        p = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes16(K - k), a + k),
                            _mm512_maskz_loadu_ps(lanes16(K - k), b + k), p);
    return _mm_cvtss_f32(sums_end(sums_of_4(p, p, p, p)));
}

static void dots(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb,
                 size_t M, size_t N, size_t K)
{
    size_t j = 0;
    for (; j + 4 <= N; j += 4) {
        size_t i = 0;
        for (; i + 4 <= M; i += 4)
            dots_4x4(c + i * ldc + j, ldc, a + i * lda, lda, b + j * ldb, ldb, K);
        for (; i < M; i++)
            dots_1x4(c + i * ldc + j, ldc, a + i * lda, lda, b + j * ldb, ldb, K);
    }
    for (; j < N; j++)
        for (size_t i = 0; i < M; i++)
            c[i * ldc + j] = dot(a + i * lda, b + j * ldb, K);
}

static void dots_at(float *c, const float *a, const float *b, size_t ldb, const int32_t *at,
                    size_t N, size_t K)
{
    for (size_t j = 0; j < N; j++)
        c[j] = dot(a, b + (size_t)at[j] * ldb, K);
}

/* Sixteen rows x four columns: quarters of four rows come together as they are loaded, then the
 * four blocks of 4 x 4 are turned. */
static inline void transpose_block(float *t, size_t ldt, const float *a, size_t lda)
{
#define QUARTERS(i)                                                                                \
    _mm512_insertf32x4(                                                                            \
        _mm512_insertf32x4(_mm512_insertf32x4(_mm512_castps128_ps512(_mm_loadu_ps(a + (i)*lda)),   \
                                              _mm_loadu_ps(a + ((i) + 4) * lda), 1),               \
                           _mm_loadu_ps(a + ((i) + 8) * lda), 2),                                  \
        _mm_loadu_ps(a + ((i) + 12) * lda), 3)
    __m512 r0 = QUARTERS(0), r1 = QUARTERS(1), r2 = QUARTERS(2), r3 = QUARTERS(3);
#undef QUARTERS
    __m512 s0 = _mm512_unpacklo_ps(r0, r1), s1 = _mm512_unpackhi_ps(r0, r1);
    __m512 s2 = _mm512_unpacklo_ps(r2, r3), s3 = _mm512_unpackhi_ps(r2, r3);
    _mm512_storeu_ps(t, _mm512_shuffle_ps(s0, s2, 0x44));
    _mm512_storeu_ps(t + ldt, _mm512_shuffle_ps(s0, s2, 0xEE));
    _mm512_storeu_ps(t + 2 * ldt, _mm512_shuffle_ps(s1, s3, 0x44));
    _mm512_storeu_ps(t + 3 * ldt, _mm512_shuffle_ps(s1, s3, 0xEE));
}

#include "kern/body/matmul_transpose.h"

void bl_kern_matmul_avx512vnni(bl_kern *k)
{
    k->matmul = matmul;
    k->dots = dots;
    k->dots_at = dots_at;
    k->transpose = transpose;
    k->tile_rows = TILE_ROWS;
    k->tile_cols = 2 * LANES;
}
