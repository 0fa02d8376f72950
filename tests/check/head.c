/* Checks of the softmax. */
#include "check.h"

#include <math.h>
#include <string.h>

static void check_exp_row(check *k)
{
    static const float spreads[] = {1.0f, 30.0f, 1e4f, 0.0f};
    for (size_t i = 0; i < CHECK_LENGTHS; i++)
        for (size_t j = 0; j < 4; j++) {
            size_t n = check_lengths[i];
            const float *x = check_floats(k, n, spreads[j]);
            float *a, *b, sa, sb;
            check_twins(k, &a, &b, n, 1);
            check_close1(k, "max", k->c->exp_row(a, &sa, x, n), k->x->exp_row(b, &sb, x, n));
            check_close1(k, "sum", sa, sb);
            check_close(k, "p", a, b, n);
            check_release(k);
        }
    const float *x = check_floats(k, 256, 3);
    float *p = check_floats(k, 256, 1), sum;
    CHECK_BENCH(k, "256", 256, (void)k->x->exp_row(p, &sum, x, 256));
}

/* E [rows,D] as panels that begin at a line of the cache. */
static uint8_t *panels_of(check *k, const float *E, size_t rows, size_t D)
{
    size_t panels = (rows + BL_COARSE_ROWS - 1) / BL_COARSE_ROWS, bytes = bl_coarse_panel_bytes(D);
    uint8_t *to = check_buffer(k, panels * bytes + 63);
    to += (64 - (uintptr_t)to % 64) % 64;
    for (size_t i = 0; i < panels; i++)
        k->x->coarse_pack(to + i * bytes, E + i * BL_COARSE_ROWS * D,
                          i + 1 < panels ? BL_COARSE_ROWS : rows - i * BL_COARSE_ROWS, D);
    return to;
}

static void check_coarse_pack(check *k)
{
    for (size_t i = 0; i < CHECK_LENGTHS; i++)
        for (size_t rows = 1; rows <= BL_COARSE_ROWS; rows += 5) {
            size_t D = check_lengths[i], bytes = bl_coarse_panel_bytes(D), q = bl_coarse_ins(D);
            float *E = check_floats(k, rows * D, 2);
            if (i % 3 == 2)
                E[rows * D - 1] = i % 2 ? INFINITY : NAN;
            uint8_t *a = check_buffer(k, bytes + 4), *b = check_buffer(k, bytes + 4);
            a += (4 - (uintptr_t)a % 4) % 4;
            b += (4 - (uintptr_t)b % 4) % 4;
            k->c->coarse_pack(a, E, rows, D);
            k->x->coarse_pack(b, E, rows, D);
            check_same(k, "bytes", a, b, BL_COARSE_ROWS * q);
            check_close(k, "lengths", bl_coarse_floats(a, q), bl_coarse_floats(b, q),
                        3 * BL_COARSE_ROWS);
            check_release(k);
        }
}

static void check_coarse_bounds(check *k)
{
    enum { ROWS = 53 };
    for (size_t i = 0; i < CHECK_LENGTHS; i++)
        for (size_t rows = 1; rows <= ROWS; rows += 13) {
            size_t D = check_lengths[i], ins = bl_coarse_ins(D);
            const uint8_t *panels = panels_of(k, check_floats(k, rows * D, 1), rows, D);
            int8_t *q = check_int8(k, 2 * ins);
            float *a, *b, low[2][BL_COARSE_ROWS];
            bl_coarse_x x = {.high = q, .low = q + ins, .step = 1e-5f, .length = 3, .rest = 0.1f};
            memset(q + D, 0, ins - D);
            memset(q + ins + D, 0, ins - D);
            for (size_t j = 0; j < D; j++) {
                q[ins + j] = (int8_t)(q[ins + j] / 2);
                x.high_sum += q[j];
                x.low_sum += q[ins + j];
            }
            check_twins(k, &a, &b, rows, 1);
            k->c->coarse_bounds(a, low[0], panels, &x, rows, D);
            k->x->coarse_bounds(b, low[1], panels, &x, rows, D);
            check_close(k, "upper", a, b, rows);
            check_close(k, "lower", low[0], low[1], rows < BL_COARSE_ROWS ? rows : BL_COARSE_ROWS);
            check_release(k);
        }
    size_t D = 256;
    const uint8_t *panels = panels_of(k, check_floats(k, 256 * D, 1), 256, D);
    const int8_t *q = check_int8(k, 2 * D);
    const bl_coarse_x x = {.high = q, .low = q + D, .step = 1, .length = 1, .rest = 1};
    float *upper = check_floats(k, 256, 1), lower[BL_COARSE_ROWS];
    CHECK_BENCH(k, "256x256", 2.0 * 256 * 256,
                k->x->coarse_bounds(upper, lower, panels, &x, 256, D));
}

const check_case head_checks[] = {
    {"exp_row", check_exp_row, 32, 1e-6},
    {"coarse_pack", check_coarse_pack, 64, 1e-6},
    {"coarse_bounds", check_coarse_bounds, 64, 1e-5},
    {NULL, NULL, 0, 0},
};
