/* A row of the softmax; BL_KERN_FILL names the function that puts this level into the table. */
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

void BL_KERN_FILL(bl_kern *k)
{
    k->exp_row = exp_row;
}
