/* The k best of many numbers, against sorting all of them. */
#include "core/best.h"
#include "core/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 6000 };

static int best_first(const void *a, const void *b)
{
    const bl_candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* One kind of row is of floats, and others have ties, only what is not finite, or a rising or
 * falling order. */
static float some_number(uint64_t row, size_t i)
{
    float u = bl_rng_uniform(3, row, i) - 0.5f;
    switch (row % 6) {
    case 0:
        return rintf(4 * u);
    case 1:
        return u < 0 ? NAN : u < 0.2f ? -INFINITY : INFINITY;
    case 2:
        return (float)i - 3;
    case 3:
        return -(float)i * 1e30f;
    case 4:
        return u < 0.3f ? -0.0f : u < 0.4f ? 0 : NAN;
    default:
        return 8 * u;
    }
}

static void as_sorted(void **state)
{
    (void)state;
    static float x[MOST];
    static bl_candidate all[MOST], kept[MOST];
    for (uint64_t row = 0; row < 240; row++) {
        bl_candidate best[BL_BEST_MOST];
        size_t n = 1 + bl_rng_below(3, 1000 + row, 0, row % 2 ? MOST : 700);
        size_t least = n < BL_BEST_MOST ? n : BL_BEST_MOST;
        size_t k = 1 + bl_rng_below(3, 1000 + row, 1, least),
               m = 1 + bl_rng_below(3, 1000 + row, 2, n);
        for (size_t i = 0; i < n; i++) {
            x[i] = some_number(row, i);
            all[i] = (bl_candidate){isnan(x[i]) ? -INFINITY : x[i], (int32_t)i};
        }
        memcpy(kept, all, n * sizeof *all);
        qsort(all, n, sizeof *all, best_first);
        bl_best_keep(kept, n, m);
        assert_memory_equal(kept, all, m * sizeof *all);
        bl_best_of(best, k, x, n);
        for (size_t i = 0; i < k; i++) {
            assert_int_equal(best[i].id, all[i].id);
            assert_true(best[i].logit == all[i].logit &&
                        !(best[i].logit == 0 && signbit(best[i].logit)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_sorted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
