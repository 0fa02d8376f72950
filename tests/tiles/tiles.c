/* Tests of the emulated tiles: products of every shape against sums by hand, and against AMX where
 * this machine has it; and that kernels take tiles from others and leave none. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/rng.h"
#include "core/tiles.h"
#include "kern/kern.h"
#include "kern/x86/tiles_amx.h"
#include "tiles_emulated.h"

enum { STRIDE = 80, BYTES = TILE_ROWS * STRIDE, SHAPES = 200 };

/* c += a b of tiles with so many rows of c, columns of c, and fours of the sum. */
typedef struct product {
    size_t rows, cols, fours;
    uint8_t a[BYTES], b[BYTES], c[BYTES], out[BYTES];
} product;

static tiles_config config_of(const product *p)
{
    tiles_config c = {.palette = 1};
    c.rows[0] = c.rows[1] = (uint8_t)p->rows;
    c.rows[2] = (uint8_t)p->fours;
    c.row_bytes[0] = c.row_bytes[2] = (uint16_t)(4 * p->cols);
    c.row_bytes[1] = (uint16_t)(4 * p->fours);
    return c;
}

static void draw(product *p, uint64_t number)
{
    memset(p, 0, sizeof *p);
    p->rows = 1 + bl_rng_below(3, 1, 3 * number, TILE_ROWS);
    p->cols = 1 + bl_rng_below(3, 1, 3 * number + 1, TILE_BYTES / 4);
    p->fours = 1 + bl_rng_below(3, 1, 3 * number + 2, TILE_ROWS);
    for (size_t i = 0; i < BYTES; i++) {
        p->a[i] = (uint8_t)bl_rng_below(4, number, 3 * i, 256);
        p->b[i] = (uint8_t)bl_rng_below(4, number, 3 * i + 1, 256);
        p->c[i] = (uint8_t)bl_rng_below(4, number, 3 * i + 2, 256);
        p->out[i] = 0xA5;
    }
}

static void emulated(product *p)
{
    tiles_config config = config_of(p);
    tiles_emulated_configure(&config);
    tile_emulated_load(0, p->c, STRIDE);
    tile_emulated_load(1, p->a, STRIDE);
    tile_emulated_load(2, p->b, STRIDE);
    tile_emulated_dot(0, 1, 2);
    tile_emulated_store(0, p->out, STRIDE);
    tiles_emulated_release();
}

static void by_amx(product *p)
{
    tiles_config config = config_of(p);
    TILES_CONFIGURE(&config);
    TILE_LOAD(0, p->c, STRIDE);
    TILE_LOAD(1, p->a, STRIDE);
    TILE_LOAD(2, p->b, STRIDE);
    TILE_DOT(0, 1, 2);
    TILE_STORE(0, p->out, STRIDE);
    TILES_RELEASE();
}

static void by_hand(product *p)
{
    for (size_t m = 0; m < p->rows; m++)
        for (size_t n = 0; n < p->cols; n++) {
            int32_t sum;
            memcpy(&sum, p->c + m * STRIDE + 4 * n, sizeof sum);
            uint32_t total = (uint32_t)sum;
            for (size_t k = 0; k < p->fours; k++)
                for (size_t i = 0; i < 4; i++)
                    total += (uint32_t)((int8_t)p->a[m * STRIDE + 4 * k + i] *
                                        p->b[k * STRIDE + 4 * n + i]);
            memcpy(p->out + m * STRIDE + 4 * n, &total, sizeof total);
        }
}

static void compare(void (*other)(product *p))
{
    static product a, b;
    for (uint64_t i = 0; i < SHAPES; i++) {
        draw(&a, i);
        b = a;
        emulated(&a);
        other(&b);
        assert_memory_equal(a.out, b.out, sizeof a.out);
    }
}

static void products(void **state)
{
    (void)state;
    compare(by_hand);
}

static void as_amx(void **state)
{
    (void)state;
    const char *why = bl_tiles_missing(BL_TILES_INT8);
    if (why) {
        printf("skipped: emulated tiles against AMX (%s)\n", why);
        return;
    }
    compare(by_amx);
}

/* What hardware refuses must end the process. */
static void uses(int which)
{
    static uint8_t room[BYTES];
    tiles_config c = {.palette = 1};
    c.rows[0] = c.rows[1] = c.rows[2] = 16;
    c.row_bytes[0] = c.row_bytes[1] = c.row_bytes[2] = 64;
    c.start_row = which == 1;
    c.palette = which == 2 ? 7 : 1;
    c.row_bytes[2] = which == 3 ? 65 : 64;
    c.rows[1] = which == 4 ? 0 : 16;
    c.rows[9] = which == 5;
    if (which != 6)
        tiles_emulated_configure(&c);
    if (which == 7)
        tiles_emulated_release();
    tile_emulated_load(which == 8 ? 3 : 0, room, 64);
    tile_emulated_dot(0, 1, which == 9 ? 1 : 2);
}

static void refused(void **state)
{
    (void)state;
    for (int which = 0; which < 10; which++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)!freopen("/dev/null", "w", stderr);
            signal(SIGABRT, SIG_DFL);
            uses(which);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WIFSIGNALED(status), which > 0);
    }
}

/* Another library's configuration is there when a kernel begins, and nothing when it ends. */
static void palettes(void **state)
{
    (void)state;
    enum { ROWS = 40, OUTS = 64, IN = 100 };
    static _Alignas(64) uint8_t packed[8192];
    static int8_t q[ROWS * 128];
    static float y[2][ROWS * OUTS], scale[ROWS];
    static int32_t sum[ROWS];
    bl_kern k;
    if (bl_cpu_best() < BL_CPU_AVX512 || !__builtin_cpu_supports("gfni")) {
        printf("skipped: what kernels leave of tiles (no AVX-512 with GFNI here)\n");
        return;
    }
    assert_true(bl_tern_packed_bytes(OUTS, IN) <= sizeof packed);
    memset(packed, 0x61, sizeof packed);
    for (size_t i = 0; i < ROWS; i++)
        scale[i] = 1.0f + (float)i;
    for (size_t i = 0; i < sizeof q; i++)
        q[i] = i % 128 < IN ? (int8_t)(i % 251) : 0;
    bl_q8_rows x = {.q = q, .ld = 128, .sum = sum, .scale = scale, .rows = ROWS};
    bl_kern_init(&k, BL_CPU_AVX512);
    bl_kern_bitlinear_amx(&k);
    for (int i = 0; i < 2; i++) {
        product strange = {.rows = 3, .cols = 5, .fours = 2};
        tiles_config config = config_of(&strange);
        tiles_emulated_release();
        if (i)
            tiles_emulated_configure(&config);
        k.tern_matmul(y[i], OUTS, packed, 0.5f, &x, OUTS, IN, 0);
        assert_false(tiles_emulated_held());
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_true(y[0][0] != 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(as_amx),
        cmocka_unit_test(refused),
        cmocka_unit_test(palettes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
