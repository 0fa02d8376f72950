/* Eight float lanes in plain C; compilers turn them into whatever vectors the machine has. */
#ifndef BL_KERN_C_VEC_C_H
#define BL_KERN_C_VEC_C_H

typedef struct v8 {
    float f[8];
} v8;

#define BL_LANES(expr)                                                                             \
    do {                                                                                           \
        v8 r;                                                                                      \
        for (int i = 0; i < 8; i++)                                                                \
            r.f[i] = (expr);                                                                       \
        return r;                                                                                  \
    } while (0)

static inline v8 v8_load(const float *p)
{
    BL_LANES(p[i]);
}
static inline void v8_store(float *p, v8 x)
{
    memcpy(p, x.f, sizeof x.f);
}
static inline v8 v8_load_part(const float *p, size_t n)
{
    BL_LANES((size_t)i < n ? p[i] : 0.0f);
}
static inline void v8_store_part(float *p, size_t n, v8 x)
{
    memcpy(p, x.f, n * sizeof *p);
}
static inline v8 v8_set(float a)
{
    BL_LANES(a);
}
static inline v8 v8_zero(void)
{
    return v8_set(0.0f);
}
static inline v8 v8_add(v8 a, v8 b)
{
    BL_LANES(a.f[i] + b.f[i]);
}
static inline v8 v8_sub(v8 a, v8 b)
{
    BL_LANES(a.f[i] - b.f[i]);
}
static inline v8 v8_mul(v8 a, v8 b)
{
    BL_LANES(a.f[i] * b.f[i]);
}
static inline v8 v8_div(v8 a, v8 b)
{
    BL_LANES(a.f[i] / b.f[i]);
}
static inline v8 v8_max(v8 a, v8 b)
{
    BL_LANES(a.f[i] > b.f[i] ? a.f[i] : b.f[i]);
}
static inline v8 v8_min(v8 a, v8 b)
{
    BL_LANES(a.f[i] < b.f[i] ? a.f[i] : b.f[i]);
}
static inline v8 v8_sqrt(v8 a)
{
    BL_LANES(sqrtf(a.f[i]));
}
static inline v8 v8_fma(v8 a, v8 b, v8 c)
{
    BL_LANES(bl_madd(a.f[i], b.f[i], c.f[i]));
}
static inline v8 v8_fnma(v8 a, v8 b, v8 c)
{
    BL_LANES(bl_madd(-a.f[i], b.f[i], c.f[i]));
}
static inline v8 v8_swap(v8 x)
{
    BL_LANES(x.f[i ^ 1]);
}

/* Half to even for |x| < 2^22: adding 1.5 2^23 leaves no bits for the fraction. */
static inline v8 v8_round(v8 x)
{
    BL_LANES((x.f[i] + 12582912.0f) - 12582912.0f);
}

static inline float bl_exp2i(int32_t n)
{
    uint32_t bits = (uint32_t)(n + 127) << 23;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* x 2^n for integral n in -126..128 and a finite product, in two steps so that 2^128 never
 * forms. */
static inline v8 v8_scale2(v8 x, v8 n)
{
    for (int i = 0; i < 8; i++) {
        int32_t whole = fabsf(n.f[i]) < 256.0f ? (int32_t)n.f[i] : 0; /* 0 for a NaN */
        int32_t half = (whole - (whole & 1)) / 2;
        x.f[i] = x.f[i] * bl_exp2i(half) * bl_exp2i(whole - half);
    }
    return x;
}

static inline float v8_sum(v8 x)
{
    float a = x.f[0] + x.f[4], b = x.f[1] + x.f[5], c = x.f[2] + x.f[6], d = x.f[3] + x.f[7];
    return (a + c) + (b + d);
}

static inline void v8_sum4(float *to, v8 a, v8 b, v8 c, v8 d)
{
    to[0] = v8_sum(a);
    to[1] = v8_sum(b);
    to[2] = v8_sum(c);
    to[3] = v8_sum(d);
}

static inline float v8_hmax(v8 x)
{
    float m = x.f[0];
    for (int i = 1; i < 8; i++)
        m = x.f[i] > m ? x.f[i] : m;
    return m;
}

typedef int32_t v8_isum;
static inline v8_isum v8_isum_zero(void)
{
    return 0;
}
static inline v8_isum v8_isum_quantise(v8_isum sum, int8_t *q, v8 x)
{
    x = v8_round(x);
    for (int i = 0; i < 8; i++) {
        q[i] = (int8_t)(fabsf(x.f[i]) <= 127.0f ? x.f[i] : 0.0f); /* 0 for a NaN */
        sum += q[i];
    }
    return sum;
}
static inline int32_t v8_isum_total(v8_isum s)
{
    return s;
}

#undef BL_LANES

#endif
