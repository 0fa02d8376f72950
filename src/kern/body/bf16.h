/* Numbers of bfloat16 in tiles and their products as float32, at every level below the instructions
 * for them; BL_KERN_FILL names the function that puts this level into the table.
 *
 * A level may define BL_BF16_OWN when it has the packing functions itself. */
#include "kern/kern.h"
#include "kern/vec.h"

enum { DEEP = BL_BF16_DEEP, WIDE = BL_BF16_WIDE, TILE = BL_BF16_TILE };

/* To the nearest, halves to even; what is not a number stays that. */
static inline uint16_t bf16_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return (u & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float bf16_float(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static void bf16_rows(uint16_t *tiles, const float *x, size_t ldx, float s, size_t rows, size_t n)
{
    for (size_t t = 0; t * DEEP < n; t++)
        for (size_t r = 0; r < WIDE; r++)
            for (size_t j = 0; j < DEEP; j++) {
                size_t k = t * DEEP + j;
                tiles[t * TILE + r * DEEP + j] =
                    r < rows && k < n ? bf16_of(x[r * ldx + k] * s) : 0;
            }
}

static void bf16_pairs(uint16_t *tiles, size_t step, const float *x, size_t ldx, const float *s,
                       size_t rows, size_t n)
{
    for (size_t p = 0; p * WIDE < n; p++, tiles += step)
        for (size_t r = 0; r < DEEP; r++)
            for (size_t j = 0; j < WIDE; j++) {
                size_t k = p * WIDE + j;
                float a = r < rows && k < n ? x[r * ldx + k] : 0;
                tiles[r / 2 * DEEP + 2 * j + r % 2] = bf16_of(r < rows && s ? a * s[r] : a);
            }
}

static void bf16_bytes(uint16_t *tiles, size_t step, const int8_t *q, size_t ldq, size_t rows,
                       size_t n)
{
    for (size_t p = 0; p * WIDE < n; p++, tiles += step)
        for (size_t r = 0; r < DEEP; r++)
            for (size_t j = 0; j < WIDE; j++) {
                size_t k = p * WIDE + j;
                tiles[r / 2 * DEEP + 2 * j + r % 2] =
                    r < rows && k < n ? bf16_of((float)q[r * ldq + k]) : 0;
            }
}

static void bf16_turn(uint16_t *to, const uint16_t *from)
{
    for (size_t i = 0; i < WIDE; i++)
        for (size_t j = 0; j < WIDE; j++)
            memcpy(to + j * DEEP + 2 * i, from + i * DEEP + 2 * j, 2 * sizeof *to);
}

/* A row of c, ascending k: two rows of b at a time. */
static inline void bf16_row(float c[WIDE], const uint16_t *a, const float *b)
{
    for (size_t k = 0; k < DEEP; k++) {
        float x = bf16_float(a[k]);
        for (size_t j = 0; j < WIDE; j++)
            c[j] = bl_madd(x, b[k * WIDE + j], c[j]);
    }
}

/* One tile of c, of which m rows and n columns are stored. */
static void bf16_tile(float *c, size_t ldc, int add, const uint16_t *a, const uint16_t *b, size_t m,
                      size_t n, size_t tiles)
{
    float sum[WIDE][WIDE] = {{0}}, wide[DEEP * WIDE];
    for (size_t i = 0; add && i < m; i++)
        memcpy(sum[i], c + i * ldc, n * sizeof *c);
    for (size_t t = 0; t < tiles; t++) {
        for (size_t k = 0; k < DEEP; k++)
            for (size_t j = 0; j < WIDE; j++)
                wide[k * WIDE + j] = bf16_float(b[t * TILE + k / 2 * DEEP + 2 * j + k % 2]);
        for (size_t i = 0; i < m; i++)
            bf16_row(sum[i], a + t * TILE + i * DEEP, wide);
    }
    for (size_t i = 0; i < m; i++)
        memcpy(c + i * ldc, sum[i], n * sizeof *c);
}

static void bf16_matmul(float *c, size_t ldc, int add, const uint16_t *a, size_t strip,
                        const uint16_t *b, size_t panel, size_t M, size_t N, size_t tiles)
{
    for (size_t j = 0; j < N; j += WIDE, b += panel)
        for (size_t i = 0; i < M; i += WIDE)
            bf16_tile(c + i * ldc + j, ldc, add, a + i / WIDE * strip, b,
                      M - i < WIDE ? M - i : WIDE, N - j < WIDE ? N - j : WIDE, tiles);
}

/* 32 columns in registers; a sum is one chain over the rows. */
enum { PARTS = DEEP / VEC_LANES };

static void bf16_exp(uint16_t *tiles, size_t step, float *most, float *sum, const float *x,
                     size_t rows, size_t padded)
{
    v8 top[PARTS], total[PARTS];
    for (size_t p = 0; p < PARTS; p++) {
        top[p] = v8_load(x + p * VEC_LANES);
        total[p] = v8_zero();
        for (size_t r = 1; r < rows; r++)
            top[p] = v8_max(top[p], v8_load(x + r * DEEP + p * VEC_LANES));
    }
    for (size_t r = 0; r < padded; r++) {
        uint16_t *to = tiles + r / WIDE * step + r % WIDE * DEEP;
        float row[DEEP] = {0};
        for (size_t p = 0; r < rows && p < PARTS; p++) {
            v8 e = v8_exp(v8_sub(v8_load(x + r * DEEP + p * VEC_LANES), top[p]));
            total[p] = v8_add(total[p], e);
            v8_store(row + p * VEC_LANES, e);
        }
        for (size_t j = 0; j < DEEP; j++)
            to[j] = bf16_of(row[j]);
    }
    for (size_t p = 0; p < PARTS; p++) {
        v8_store(most + p * VEC_LANES, top[p]);
        v8_store(sum + p * VEC_LANES, total[p]);
    }
}

static void bf16_scale(uint16_t *a, size_t a_step, uint16_t *b, size_t b_step, const uint16_t *p,
                       size_t p_step, const float *f)
{
    for (size_t r = 0; r < DEEP; r++)
        for (size_t j = 0; j < DEEP; j++) {
            size_t in = r % WIDE * DEEP + j;
            uint16_t h = bf16_of(bf16_float(p[r / WIDE * p_step + in]) * f[j]);
            a[r / WIDE * a_step + in] = h;
            b[j / WIDE * b_step + r / 2 * DEEP + 2 * (j % WIDE) + r % 2] = h;
        }
}

void BL_KERN_FILL(bl_kern *k)
{
    k->bf16_rows = bf16_rows;
    k->bf16_pairs = bf16_pairs;
    k->bf16_bytes = bf16_bytes;
    k->bf16_turn = bf16_turn;
    k->bf16_matmul = bf16_matmul;
    k->bf16_exp = bf16_exp;
    k->bf16_scale = bf16_scale;
}
