/* Small float matrix products for NEON: register tiles of 6 rows x 16 columns, and dot products. */
#include "kern/vec.h"

enum { LANES = 8, TILE_ROWS = 6, TRANSPOSE_ROWS = 4, TRANSPOSE_COLS = 4 };

/* clang-format off */
#define VEC                     v8
#define ONE                     float
#define LOAD(p)                 v8_load(p)
#define STORE(p, x)             v8_store(p, x)
#define SPLAT(p)                (*(p))
#define FMA(a, b, c)            fma_by_one(a, b, c)
#define PART                    size_t
#define PART_OF(n)              (n)
#define LOAD_PART(p, part)      v8_get(p, part)
#define STORE_PART(p, part, x)  v8_put(p, part, x)
#define SEVERAL(X)              X(2) X(3) X(4) X(5) X(6)
#define LONG_ROWS(X)            X(8)
/* clang-format on */

/* The multiplication takes a lane of a register: nothing is splat.  Inline assembly in its order,
 * because gcc, given the intrinsic, loads so far ahead that accumulators go to memory. */
static inline v8 fma_by_one(float a, v8 b, v8 c)
{
    __asm__ volatile("fmla %0.4s, %1.4s, %2.s[0]" : "+w"(c.lo) : "w"(b.lo), "w"(a));
    __asm__ volatile("fmla %0.4s, %1.4s, %2.s[0]" : "+w"(c.hi) : "w"(b.hi), "w"(a));
    return c;
}

#include "kern/body/matmul_dots.h"
#include "kern/body/matmul_tile.h"

/* One 4 x 4 block: rows are interleaved by ones, then by twos. */
static void transpose_block(float *t, size_t ldt, const float *a, size_t lda)
{
    float32x4_t r0 = vld1q_f32(a), r1 = vld1q_f32(a + lda);
    float32x4_t r2 = vld1q_f32(a + 2 * lda), r3 = vld1q_f32(a + 3 * lda);
    float64x2_t s0 = vreinterpretq_f64_f32(vtrn1q_f32(r0, r1));
    float64x2_t s1 = vreinterpretq_f64_f32(vtrn2q_f32(r0, r1));
    float64x2_t s2 = vreinterpretq_f64_f32(vtrn1q_f32(r2, r3));
    float64x2_t s3 = vreinterpretq_f64_f32(vtrn2q_f32(r2, r3));
    vst1q_f32(t, vreinterpretq_f32_f64(vtrn1q_f64(s0, s2)));
    vst1q_f32(t + ldt, vreinterpretq_f32_f64(vtrn1q_f64(s1, s3)));
    vst1q_f32(t + 2 * ldt, vreinterpretq_f32_f64(vtrn2q_f64(s0, s2)));
    vst1q_f32(t + 3 * ldt, vreinterpretq_f32_f64(vtrn2q_f64(s1, s3)));
}

#include "kern/body/matmul_transpose.h"

void bl_kern_matmul_neon(bl_kern *k)
{
    k->transpose = transpose;
    k->matmul = matmul;
    k->dots = dots;
    k->dots_at = dots_at;
    k->tile_rows = TILE_ROWS;
    k->tile_cols = 2 * LANES;
}
