/* A row of the softmax, and coarse rows.  BL_KERN_FILL names the function that puts this level into
 * the table.  The level has a dot16; where BL_COARSE_OWN, a whole coarse_bounds instead. */
#include "kern/kern.h"
#include "kern/vec.h"

static float max_of(const float *x, size_t n)
{
    float m = x[0];
    size_t i = 0;
    if (n >= VEC_LANES) {
        v8 top = v8_load(x);
        for (; i + VEC_LANES <= n; i += VEC_LANES)
            top = v8_max(top, v8_load(x + i));
        m = v8_hmax(top);
    }
    for (; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

static float exp_row(float *p, float *sum, const float *x, size_t n)
{
    float m = max_of(x, n);
    v8 c0 = v8_zero(), c1 = v8_zero(), top = v8_set(m);
    size_t i = 0;
    for (; i + 2 * VEC_LANES <= n; i += 2 * VEC_LANES) {
        v8 e0 = v8_exp(v8_sub(v8_load(x + i), top));
        v8 e1 = v8_exp(v8_sub(v8_load(x + i + VEC_LANES), top));
        c0 = v8_add(c0, e0);
        c1 = v8_add(c1, e1);
        if (p) {
            v8_store(p + i, e0);
            v8_store(p + i + VEC_LANES, e1);
        }
    }
    float total = v8_sum(v8_add(c0, c1));
    for (; i < n; i += VEC_LANES) {
        float e[VEC_LANES];
        v8_store(e, v8_exp(v8_sub(v8_get(x + i, n - i), top)));
        size_t lanes = n - i < VEC_LANES ? n - i : VEC_LANES;
        for (size_t j = 0; j < lanes; j++)
            total += e[j];
        if (p)
            memcpy(p + i, e, lanes * sizeof *p);
    }
    *sum = total;
    return m;
}

/* What floats lose of a length is below `upwards` and `exact`, what underflows below `least`. */
static const float upwards = 1 + 1e-3f, exact = 0x1p-22f, least = 1e-16f;

/* Row r of a panel: q = rint(E / s), s = max|E| / 127; 0 for a row that is all but 0. */
static void coarse_row(uint8_t *panel, size_t r, const float *E, size_t D)
{
    float *floats = bl_coarse_floats(panel, bl_coarse_ins(D)) + r;
    v8 most = v8_zero(), whole = most, lost = most;
    for (size_t i = 0; i < D; i += VEC_LANES)
        most = v8_max(most, v8_abs(v8_get(E + i, D - i)));
    float m = v8_hmax(most), s = m > 1e-28f ? m / 127 : 0, inverse = s > 0 ? 1 / s : 0;
    uint8_t *to = panel + 4 * r;
    for (size_t i = 0; i < D; i += VEC_LANES) {
        v8 x = v8_get(E + i, D - i), y = v8_mul(x, v8_set(inverse));
        v8 rest = v8_fnma(v8_round(y), v8_set(s), x);
        int8_t q[VEC_LANES];
        (void)v8_isum_quantise(v8_isum_zero(), q, y);
        for (size_t j = 0; j < VEC_LANES; j += 4, to += 4 * BL_COARSE_ROWS) {
            uint32_t four;
            memcpy(&four, q + j, sizeof four);
            four ^= 0x80808080; /* q as q + 128 */
            memcpy(to, &four, sizeof four);
        }
        whole = v8_fma(x, x, whole);
        lost = v8_fma(rest, rest, lost);
    }
    float length = sqrtf(v8_sum(whole)) * upwards;
    floats[0] = s;
    floats[BL_COARSE_ROWS] = sqrtf(v8_sum(lost)) * upwards + length * exact + least;
    floats[2 * BL_COARSE_ROWS] = length + floats[BL_COARSE_ROWS];
}

static int all_finite(const float *x, size_t n)
{
    uint32_t odd = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        odd |= (bits & 0x7F800000) == 0x7F800000;
    }
    return !odd;
}

static void coarse_pack(uint8_t *panel, const float *E, size_t rows, size_t D)
{
    size_t ins = bl_coarse_ins(D);
    float *floats = bl_coarse_floats(panel, ins);
    memset(panel, 128, BL_COARSE_ROWS * ins);
    memset(floats, 0, 3 * BL_COARSE_ROWS * sizeof *floats);
    for (size_t r = 0; r < rows; r++)
        if (all_finite(E + r * D, D))
            coarse_row(panel, r, E + r * D, D);
        else
            floats[BL_COARSE_ROWS + r] = floats[2 * BL_COARSE_ROWS + r] = INFINITY;
}

/* What is known of the dot product whose integer parts are `high` and `low`. */
static inline void coarse_bound(float *upper, float *lower, const float *floats, size_t r,
                                int32_t high, int32_t low, const bl_coarse_x *x)
{
    float value = ((float)high * 128 + (float)low) * floats[r] * x->step;
    float error = floats[BL_COARSE_ROWS + r] * x->length + floats[2 * BL_COARSE_ROWS + r] * x->rest;
    *upper = value + error;
    *lower = value - error > *lower ? value - error : *lower;
}

static void coarse_bounds(float *upper, float *lower, const uint8_t *panels, const bl_coarse_x *x,
                          size_t rows, size_t D);

#if !defined(BL_COARSE_OWN)
/* high and low = the 16 rows of a panel times the two parts of x. */
static void dot16(int32_t *high, int32_t *low, const uint8_t *panel, const bl_coarse_x *x,
                  size_t ins);

static void coarse_bounds(float *upper, float *lower, const uint8_t *panels, const bl_coarse_x *x,
                          size_t rows, size_t D)
{
    size_t ins = bl_coarse_ins(D), bytes = bl_coarse_panel_bytes(D);
    for (size_t r = 0; r < BL_COARSE_ROWS; r++)
        lower[r] = -INFINITY;
    for (size_t n = 0; n < rows; n += BL_COARSE_ROWS, panels += bytes) {
        const float *floats = bl_coarse_floats(panels, ins);
        size_t live = rows - n < BL_COARSE_ROWS ? rows - n : BL_COARSE_ROWS;
        int32_t high[BL_COARSE_ROWS], low[BL_COARSE_ROWS];
        dot16(high, low, panels, x, ins);
        for (size_t r = 0; r < live; r++)
            coarse_bound(upper + n + r, lower + r, floats, r, high[r], low[r], x);
    }
}
#endif

void BL_KERN_FILL(bl_kern *k)
{
    k->exp_row = exp_row;
    k->coarse_pack = coarse_pack;
    k->coarse_bounds = coarse_bounds;
    k->coarse_pays = BL_COARSE_PAYS;
}
