/* Numbers of bfloat16 in tiles for AVX-512: a register is sixteen floats, or a row of a tile.
 *
 * A rounded float32 keeps its bfloat16 in the upper half of its lane, so a pair is two registers
 * merged, without a shuffle. */
#include "kern/kern.h"
#include "kern/vec.h"

enum { DEEP = BL_BF16_DEEP, WIDE = BL_BF16_WIDE, TILE = BL_BF16_TILE };

/* To the nearest, halves to even, in the upper halves; what is not a number stays that. */
static inline __m512i rounded(__m512 x)
{
    __m512i u = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
    return _mm512_mask_mov_epi32(r, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q),
                                 _mm512_set1_epi32(0x7fc00000));
}

/* The upper halves of two registers, one after the other. */
static inline __m512i halves(__m512i lo, __m512i hi)
{
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    return _mm512_permutexvar_epi64(
        order, _mm512_packus_epi32(_mm512_srli_epi32(lo, 16), _mm512_srli_epi32(hi, 16)));
}

/* Upper halves as pairs. */
static inline __m512i pairs(__m512i first, __m512i second)
{
    return _mm512_mask_blend_epi16(0xAAAAAAAA, _mm512_srli_epi32(first, 16), second);
}

/* The first n lanes of a row, or 0 when it is NULL. */
static inline __m512 part(const float *row, size_t n)
{
    return row ? _mm512_maskz_loadu_ps(lanes16(n), row) : _mm512_setzero_ps();
}

static void bf16_rows(uint16_t *tiles, const float *x, size_t ldx, float s, size_t rows, size_t n)
{
    const __m512 factor = _mm512_set1_ps(s);
    for (size_t r = 0; r < WIDE; r++)
        for (size_t k = 0; k < n; k += DEEP) {
            const float *row = r < rows ? x + r * ldx + k : NULL;
            int more = row && n - k > 16;
            __m512 lo = part(row, n - k),
                   hi = part(more ? row + 16 : NULL, n - k - 16 * (size_t)more);
            _mm512_storeu_si512(
                tiles + k / DEEP * TILE + r * DEEP,
                halves(rounded(_mm512_mul_ps(lo, factor)), rounded(_mm512_mul_ps(hi, factor))));
        }
}

static void bf16_pairs(uint16_t *tiles, size_t step, const float *x, size_t ldx, const float *s,
                       size_t rows, size_t n)
{
    for (size_t r = 0; r < DEEP; r += 2) {
        const float *row = r < rows ? x + r * ldx : NULL;
        const float *next = r + 1 < rows ? x + (r + 1) * ldx : NULL;
        __m512 f = _mm512_set1_ps(row && s ? s[r] : 1),
               g = _mm512_set1_ps(next && s ? s[r + 1] : 1);
        uint16_t *to = tiles + r / 2 * DEEP;
        for (size_t k = 0; k < n; k += WIDE, to += step) {
            __m512 a = part(row ? row + k : NULL, n - k), b = part(next ? next + k : NULL, n - k);
            _mm512_storeu_si512(to,
                                pairs(rounded(_mm512_mul_ps(a, f)), rounded(_mm512_mul_ps(b, g))));
        }
    }
}

/* Sixteen integers as float32. */
static inline __m512i integers(const int8_t *row, size_t n)
{
    __m128i q = row ? _mm_maskz_loadu_epi8(lanes16(n), row) : _mm_setzero_si128();
    return _mm512_castps_si512(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)));
}

static void bf16_bytes(uint16_t *tiles, size_t step, const int8_t *q, size_t ldq, size_t rows,
                       size_t n)
{
    for (size_t r = 0; r < DEEP; r += 2) {
        const int8_t *row = r < rows ? q + r * ldq : NULL;
        const int8_t *next = r + 1 < rows ? q + (r + 1) * ldq : NULL;
        uint16_t *to = tiles + r / 2 * DEEP;
        for (size_t k = 0; k < n; k += WIDE, to += step)
            _mm512_storeu_si512(to, pairs(integers(row ? row + k : NULL, n - k),
                                          integers(next ? next + k : NULL, n - k)));
    }
}

/* Blocks of 4 x 4 are turned inside their quarters, then quarters change places. */
static inline void turn_quarters(__m512i to[4], const uint16_t *from)
{
    __m512i r0 = _mm512_loadu_si512(from), r1 = _mm512_loadu_si512(from + DEEP);
    __m512i r2 = _mm512_loadu_si512(from + 2 * DEEP), r3 = _mm512_loadu_si512(from + 3 * DEEP);
    __m512i a = _mm512_unpacklo_epi32(r0, r1), b = _mm512_unpackhi_epi32(r0, r1);
    __m512i c = _mm512_unpacklo_epi32(r2, r3), d = _mm512_unpackhi_epi32(r2, r3);
    to[0] = _mm512_unpacklo_epi64(a, c);
    to[1] = _mm512_unpackhi_epi64(a, c);
    to[2] = _mm512_unpacklo_epi64(b, d);
    to[3] = _mm512_unpackhi_epi64(b, d);
}

static void bf16_turn(uint16_t *to, const uint16_t *from)
{
    __m512i q[4][4]; /* quarter j of q[i][c] is column 4 j + c of rows 4 i .. 4 i + 3 */
    for (size_t i = 0; i < 4; i++)
        turn_quarters(q[i], from + 4 * i * DEEP);
    for (size_t c = 0; c < 4; c++) {
        __m512i a = _mm512_shuffle_i32x4(q[0][c], q[1][c], 0x44);
        __m512i b = _mm512_shuffle_i32x4(q[2][c], q[3][c], 0x44);
        __m512i d = _mm512_shuffle_i32x4(q[0][c], q[1][c], 0xEE);
        __m512i e = _mm512_shuffle_i32x4(q[2][c], q[3][c], 0xEE);
        _mm512_storeu_si512(to + c * DEEP, _mm512_shuffle_i32x4(a, b, 0x88));
        _mm512_storeu_si512(to + (4 + c) * DEEP, _mm512_shuffle_i32x4(a, b, 0xDD));
        _mm512_storeu_si512(to + (8 + c) * DEEP, _mm512_shuffle_i32x4(d, e, 0x88));
        _mm512_storeu_si512(to + (12 + c) * DEEP, _mm512_shuffle_i32x4(d, e, 0xDD));
    }
}

static void bf16_exp(uint16_t *tiles, size_t step, float *most, float *sum, const float *x,
                     size_t rows, size_t padded)
{
    v8 m0 = v8_load(x), m1 = v8_load(x + 16), s0 = v8_zero(), s1 = s0;
    for (size_t r = 1; r < rows; r++) {
        m0 = v8_max(m0, v8_load(x + r * DEEP));
        m1 = v8_max(m1, v8_load(x + r * DEEP + 16));
    }
    for (size_t r = 0; r < rows; r++) {
        v8 p = v8_exp(v8_sub(v8_load(x + r * DEEP), m0));
        v8 q = v8_exp(v8_sub(v8_load(x + r * DEEP + 16), m1));
        s0 = v8_add(s0, p);
        s1 = v8_add(s1, q);
        _mm512_storeu_si512(tiles + r / WIDE * step + r % WIDE * DEEP,
                            halves(rounded(p), rounded(q)));
    }
    for (size_t r = rows; r < padded; r++)
        _mm512_storeu_si512(tiles + r / WIDE * step + r % WIDE * DEEP, _mm512_setzero_si512());
    v8_store(most, m0);
    v8_store(most + 16, m1);
    v8_store(sum, s0);
    v8_store(sum + 16, s1);
}

/* Half a row of a tile, times f. */
static inline __m512i scaled(__m256i words, __m512 f)
{
    __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16);
    return rounded(_mm512_mul_ps(_mm512_castsi512_ps(wide), f));
}

static void bf16_scale(uint16_t *a, size_t a_step, uint16_t *b, size_t b_step, const uint16_t *p,
                       size_t p_step, const float *f)
{
    const __m512 f0 = _mm512_loadu_ps(f), f1 = _mm512_loadu_ps(f + 16);
    for (size_t r = 0; r < DEEP; r += 2) {
        size_t in = r % WIDE * DEEP;
        __m512i x = _mm512_loadu_si512(p + r / WIDE * p_step + in);
        __m512i y = _mm512_loadu_si512(p + r / WIDE * p_step + in + DEEP);
        __m512i x0 = scaled(_mm512_castsi512_si256(x), f0);
        __m512i x1 = scaled(_mm512_extracti64x4_epi64(x, 1), f1);
        __m512i y0 = scaled(_mm512_castsi512_si256(y), f0);
        __m512i y1 = scaled(_mm512_extracti64x4_epi64(y, 1), f1);
        _mm512_storeu_si512(a + r / WIDE * a_step + in, halves(x0, x1));
        _mm512_storeu_si512(a + r / WIDE * a_step + in + DEEP, halves(y0, y1));
        _mm512_storeu_si512(b + r / 2 * DEEP, pairs(x0, y0));
        _mm512_storeu_si512(b + b_step + r / 2 * DEEP, pairs(x1, y1));
    }
}

void bl_kern_bf16_avx512vnni(bl_kern *k)
{
    k->bf16_rows = bf16_rows;
    k->bf16_pairs = bf16_pairs;
    k->bf16_bytes = bf16_bytes;
    k->bf16_turn = bf16_turn;
    k->bf16_exp = bf16_exp;
    k->bf16_scale = bf16_scale;
}
