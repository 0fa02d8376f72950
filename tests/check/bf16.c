/* Checks of bfloat16 in tiles and of its products. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEEP = BL_BF16_DEEP, WIDE = BL_BF16_WIDE, TILE = BL_BF16_TILE };

/* Floats of which some are odd: halves, infinities, what is not a number, the ends of the range.
 * Denormals are left out: products take them for 0. */
static float *odd_floats(check *k, size_t n)
{
    static const float odd[] = {INFINITY, -INFINITY, NAN, -NAN,         0,           -0.0f,
                                3.4e38f,  -3.4e38f,  1,   1.00390625f,  1.01171875f, -1.00390625f,
                                1.2e-38f, 65504,     -1,  1.0039063692f};
    float *x = check_floats(k, n, 2);
    for (size_t i = 0; i < n; i++)
        if (check_random(k) % 8 == 0)
            x[i] = odd[check_random(k) % (sizeof odd / sizeof *odd)];
    return x;
}

static uint16_t *tiles_of(check *k, size_t count)
{
    return check_buffer(k, count * TILE * sizeof(uint16_t));
}

static const size_t widths[] = {1, 15, 16, 17, 31, 32, 33, 64, 75};
enum { WIDTHS = sizeof widths / sizeof *widths };

static void check_rows(check *k)
{
    for (size_t i = 0; i < WIDTHS; i++)
        for (size_t rows = 0; rows <= WIDE; rows++) {
            size_t n = widths[i], bytes = (n + DEEP - 1) / DEEP * TILE * sizeof(uint16_t);
            const float *x = odd_floats(k, rows * n + 1);
            uint16_t *a = tiles_of(k, (n + DEEP - 1) / DEEP),
                     *b = tiles_of(k, (n + DEEP - 1) / DEEP);
            k->c->bf16_rows(a, x, n, 0.37f, rows, n);
            k->x->bf16_rows(b, x, n, 0.37f, rows, n);
            check_same(k, "tiles", a, b, bytes);
            check_release(k);
        }
    const float *x = check_floats(k, WIDE * 256, 1);
    uint16_t *a = tiles_of(k, 8);
    CHECK_BENCH(k, "16x256", WIDE * 256, k->x->bf16_rows(a, x, 256, 1, WIDE, 256));
}

static void check_pairs(check *k)
{
    for (size_t i = 0; i < WIDTHS; i++)
        for (size_t rows = 0; rows <= DEEP; rows++) {
            size_t n = widths[i], panels = (n + WIDE - 1) / WIDE;
            const float *x = odd_floats(k, rows * n + 1), *s = check_floats(k, rows + 1, 3);
            uint16_t *a = tiles_of(k, panels), *b = tiles_of(k, panels);
            for (int scaled = 0; scaled < 2; scaled++) {
                k->c->bf16_pairs(a, TILE, x, n, scaled ? s : NULL, rows, n);
                k->x->bf16_pairs(b, TILE, x, n, scaled ? s : NULL, rows, n);
                check_same(k, "tiles", a, b, panels * TILE * sizeof *a);
            }
            check_release(k);
        }
    const float *x = check_floats(k, DEEP * 256, 1);
    uint16_t *a = tiles_of(k, 16);
    CHECK_BENCH(k, "32x256", DEEP * 256, k->x->bf16_pairs(a, TILE, x, 256, NULL, DEEP, 256));
}

static void check_bytes(check *k)
{
    for (size_t i = 0; i < WIDTHS; i++)
        for (size_t rows = 0; rows <= DEEP; rows++) {
            size_t n = widths[i], panels = (n + WIDE - 1) / WIDE;
            const int8_t *q = check_int8(k, rows * n + 1);
            uint16_t *a = tiles_of(k, panels), *b = tiles_of(k, panels);
            k->c->bf16_bytes(a, TILE, q, n, rows, n);
            k->x->bf16_bytes(b, TILE, q, n, rows, n);
            check_same(k, "tiles", a, b, panels * TILE * sizeof *a);
            check_release(k);
        }
    const int8_t *q = check_int8(k, DEEP * 256);
    uint16_t *a = tiles_of(k, 16);
    CHECK_BENCH(k, "32x256", DEEP * 256, k->x->bf16_bytes(a, TILE, q, 256, DEEP, 256));
}

/* Strips of a matrix are the panels of its transposed, turned. */
static void check_turn(check *k)
{
    const float *x = check_floats(k, WIDE * DEEP, 1);
    float *t = check_floats(k, WIDE * DEEP, 1);
    uint16_t *rows = tiles_of(k, 1), *a = tiles_of(k, 1), *b = tiles_of(k, 1),
             *pairs = tiles_of(k, 1);
    k->c->transpose(t, WIDE, x, DEEP, WIDE, DEEP);
    k->c->bf16_rows(rows, x, DEEP, 1, WIDE, DEEP);
    k->c->bf16_pairs(pairs, TILE, t, WIDE, NULL, DEEP, WIDE);
    k->c->bf16_turn(a, rows);
    k->x->bf16_turn(b, rows);
    check_same(k, "turned", a, b, TILE * sizeof *a);
    check_same(k, "pairs", a, pairs, TILE * sizeof *a);
    CHECK_BENCH(k, "tile", TILE, k->x->bf16_turn(b, rows));
}

/* a [M,32 tiles] in strips and b [32 tiles,N] in panels, which are not next to each other. */
typedef struct product {
    size_t M, N, tiles, strip, panel;
    uint16_t *a, *b;
} product;

static void make_product(check *k, product *p)
{
    size_t K = p->tiles * DEEP, strips = (p->M + WIDE - 1) / WIDE,
           panels = (p->N + WIDE - 1) / WIDE;
    p->strip = p->panel = (p->tiles + 1) * TILE;
    p->a = tiles_of(k, strips * (p->tiles + 1));
    p->b = tiles_of(k, panels * (p->tiles + 1));
    const float *a = check_floats(k, p->M * K, 1), *b = check_floats(k, p->N * K, 1);
    for (size_t i = 0; i < strips; i++)
        k->c->bf16_rows(p->a + i * p->strip, a + i * WIDE * K, K, 1,
                        p->M - i * WIDE < WIDE ? p->M - i * WIDE : WIDE, K);
    for (size_t t = 0; t < p->tiles; t++)
        k->c->bf16_pairs(p->b + t * TILE, p->panel, b + t * DEEP * p->N, p->N, NULL, DEEP, p->N);
}

static void check_products(check *k, const bl_kern *x)
{
    static const size_t sizes[] = {1, 15, 16, 17, 32, 33, 48, 70};
    for (size_t i = 0; i < 64; i++)
        for (size_t tiles = 1; tiles < 4; tiles++) {
            product p = {.M = sizes[i / 8], .N = sizes[i % 8], .tiles = tiles};
            size_t ldc = p.N + 1, n = (p.M - 1) * ldc + p.N;
            float *c, *d;
            make_product(k, &p);
            for (int add = 0; add < 2; add++) {
                check_twins(k, &c, &d, n, 1);
                k->c->bf16_matmul(c, ldc, add, p.a, p.strip, p.b, p.panel, p.M, p.N, tiles);
                x->bf16_matmul(d, ldc, add, p.a, p.strip, p.b, p.panel, p.M, p.N, tiles);
                check_close(k, add ? "c +=" : "c", c, d, n);
            }
            check_release(k);
        }
    static const size_t shapes[][3] = {{256, 32, 8}, {256, 256, 8}, {256, 256, 22}, {64, 256, 32}};
    for (size_t i = 0; i < 4; i++) {
        product p = {.M = shapes[i][0], .N = shapes[i][1], .tiles = shapes[i][2]};
        char shape[32];
        float *c = check_floats(k, p.M * p.N, 1);
        make_product(k, &p);
        (void)snprintf(shape, sizeof shape, "%zux%zux%zu", p.M, p.N, p.tiles * DEEP);
        CHECK_BENCH(k, shape, 2.0 * (double)(p.M * p.N * p.tiles * DEEP),
                    x->bf16_matmul(c, p.N, 0, p.a, p.strip, p.b, p.panel, p.M, p.N, p.tiles));
        check_release(k);
    }
}

/* The best that a table of this level may use. */
static bl_bf16_way highest(bl_cpu_level level)
{
    const char *name = bl_cpu_level_name(level);
    if (strcmp(name, "amx") == 0)
        return BL_BF16_TILES;
    return strcmp(name, "avx512") == 0 ? BL_BF16_PAIRS : BL_BF16_FLOATS;
}

/* At the highest level also by the instructions that not every processor of it has. */
static void check_matmul(check *k)
{
    const int none = 0, above = bl_bf16_best(k->x->level) > highest(k->x->level);
    check_same(k, "instructions above the level", &none, &above, sizeof none);
    check_products(k, k->x);
    if (k->x->level != bl_cpu_best())
        return;
    for (int way = BL_BF16_FLOATS + 1; way < BL_BF16_WAYS; way++) {
        bl_kern x = *k->x;
        if (way > (int)bl_bf16_best(k->x->level)) {
            printf("skipped: products of bfloat16 by %s (not on this processor)\n",
                   bl_bf16_name((bl_bf16_way)way));
            continue;
        }
        if (k->bench)
            printf("%s\n", bl_bf16_name((bl_bf16_way)way));
        bl_kern_bf16(&x, (bl_bf16_way)way);
        check_products(k, &x);
    }
}

/* p is compared as float32: an exponential that rounds the other way is a unit of bfloat16 off. */
static void check_exp(check *k)
{
    static const size_t rows[] = {1, 2, 15, 16, 31, 32, 33, 64};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t strips = (rows[i] + DEEP - 1) / DEEP * 2, n = strips * TILE;
        uint16_t *a = tiles_of(k, strips), *b = tiles_of(k, strips);
        const float *x = check_floats(k, rows[i] * DEEP, 8);
        float *wide_a = check_floats(k, n, 0), *wide_b = check_floats(k, n, 0);
        float most[2][DEEP], sum[2][DEEP];
        k->c->bf16_exp(a, TILE, most[0], sum[0], x, rows[i], strips * WIDE);
        k->x->bf16_exp(b, TILE, most[1], sum[1], x, rows[i], strips * WIDE);
        check_same(k, "most", most[0], most[1], sizeof most[0]);
        for (size_t j = 0; j < DEEP; j++)
            check_close1(k, "sum", sum[0][j] / (float)rows[i], sum[1][j] / (float)rows[i]);
        for (size_t j = 0; j < n; j++) {
            uint32_t u = (uint32_t)a[j] << 16, v = (uint32_t)b[j] << 16;
            __builtin_memcpy(wide_a + j, &u, sizeof u);
            __builtin_memcpy(wide_b + j, &v, sizeof v);
        }
        check_close(k, "p", wide_a, wide_b, n);
        check_release(k);
    }
    const float *x = check_floats(k, 256 * DEEP, 8);
    uint16_t *a = tiles_of(k, 16);
    float most[DEEP], sum[DEEP];
    CHECK_BENCH(k, "256x32", 256 * DEEP, k->x->bf16_exp(a, TILE, most, sum, x, 256, 256));
}

static void check_scale(check *k)
{
    uint16_t *p = tiles_of(k, 2), *a[2], *b[2];
    const float *x = odd_floats(k, DEEP * DEEP), *f = check_floats(k, DEEP, 3);
    k->c->bf16_rows(p, x, DEEP, 1, WIDE, DEEP);
    k->c->bf16_rows(p + TILE, x + WIDE * DEEP, DEEP, 1, WIDE, DEEP);
    for (int i = 0; i < 2; i++) {
        a[i] = tiles_of(k, 2);
        b[i] = tiles_of(k, 2);
        (i ? k->x : k->c)->bf16_scale(a[i], TILE, b[i], TILE, p, TILE, f);
    }
    check_same(k, "a", a[0], a[1], 2 * TILE * sizeof *p);
    check_same(k, "b", b[0], b[1], 2 * TILE * sizeof *p);
    CHECK_BENCH(k, "32x32", 1024, k->x->bf16_scale(a[0], TILE, b[0], TILE, p, TILE, f));
}

const check_case bf16_checks[] = {
    {"bf16_rows", check_rows, 0, 0},        {"bf16_pairs", check_pairs, 0, 0},
    {"bf16_bytes", check_bytes, 0, 0},      {"bf16_turn", check_turn, 0, 0},
    {"bf16_matmul", check_matmul, 8, 3e-5}, {"bf16_exp", check_exp, 16, 4e-3},
    {"bf16_scale", check_scale, 0, 0},      {NULL, NULL, 0, 0},
};
