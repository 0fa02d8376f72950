/* The tiles of AMX in plain C: see tiles_emulated.h. */
#include "kern/x86/tiles_amx.h"
#include "tiles_emulated.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct tile {
    uint8_t row[TILE_ROWS][TILE_BYTES];
} tile;

static _Thread_local tiles_config now; /* palette 0: none */
static _Thread_local tile file[TILES];

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "tiles: %s\n", what);
    abort();
}

static void check(int t)
{
    must(now.palette == 1, "used before they are configured");
    must(t >= 0 && t < TILES && now.rows[t] && now.row_bytes[t], "one that is not configured");
}

void tiles_emulated_configure(const tiles_config *config)
{
    must(config->palette == 1, "an unknown palette");
    must(config->start_row == 0, "a load that was interrupted");
    for (size_t i = 0; i < sizeof config->reserved; i++)
        must(config->reserved[i] == 0, "a reserved byte is not 0");
    for (int t = 0; t < 16; t++) {
        must(t < TILES || (!config->rows[t] && !config->row_bytes[t]), "more than there are");
        must(config->rows[t] <= TILE_ROWS && config->row_bytes[t] <= TILE_BYTES, "too large");
        must(!config->rows[t] == !config->row_bytes[t], "one of rows and bytes is 0");
    }
    now = *config;
    memset(file, 0, sizeof file);
}

void tiles_emulated_release(void)
{
    memset(&now, 0, sizeof now);
    memset(file, 0, sizeof file);
}

int tiles_emulated_held(void)
{
    return now.palette;
}

void tile_emulated_zero(int t)
{
    check(t);
    memset(&file[t], 0, sizeof file[t]);
}

void tile_emulated_load(int t, const void *from, size_t stride)
{
    check(t);
    memset(&file[t], 0, sizeof file[t]);
    for (size_t r = 0; r < now.rows[t]; r++)
        memcpy(file[t].row[r], (const char *)from + r * stride, now.row_bytes[t]);
}

void tile_emulated_store(int t, void *to, size_t stride)
{
    check(t);
    for (size_t r = 0; r < now.rows[t]; r++)
        memcpy((char *)to + r * stride, file[t].row[r], now.row_bytes[t]);
}

static void check_dot(int c, int a, int b)
{
    check(c), check(a), check(b);
    must(c != a && c != b && a != b, "two operands are one");
    must(now.rows[a] == now.rows[c] && now.row_bytes[b] == now.row_bytes[c], "shapes differ");
    must(now.row_bytes[a] == 4 * now.rows[b] && now.row_bytes[b] % 4 == 0, "shapes do not meet");
}

void tile_emulated_dot(int c, int a, int b)
{
    check_dot(c, a, b);
    for (size_t m = 0; m < now.rows[c]; m++) {
        uint32_t sum[TILE_BYTES / 4]; /* that wraps */
        memcpy(sum, file[c].row[m], sizeof sum);
        for (size_t k = 0; k < now.rows[b]; k++)
            for (size_t n = 0; n < now.row_bytes[c] / 4u; n++)
                for (size_t i = 0; i < 4; i++)
                    sum[n] +=
                        (uint32_t)((int8_t)file[a].row[m][4 * k + i] * file[b].row[k][4 * n + i]);
        memcpy(file[c].row[m], sum, now.row_bytes[c]);
    }
}

static float flushed(float x)
{
    return fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x;
}

/* Number i of a row, of bfloat16. */
static float wide(const uint8_t *row, size_t i)
{
    uint16_t half;
    memcpy(&half, row + 2 * i, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return flushed(x);
}

/* Even and odd terms are summed apart. */
void tile_emulated_dot_bf16(int c, int a, int b)
{
    check_dot(c, a, b);
    for (size_t m = 0; m < now.rows[c]; m++)
        for (size_t n = 0; n < now.row_bytes[c] / 4u; n++) {
            float sum[2] = {0}, was;
            for (size_t k = 0; k < now.rows[b]; k++)
                for (size_t i = 0; i < 2; i++)
                    sum[i] = flushed(fmaf(wide(file[a].row[m], 2 * k + i),
                                          wide(file[b].row[k], 2 * n + i), sum[i]));
            memcpy(&was, file[c].row[m] + 4 * n, sizeof was);
            was = flushed(flushed(was) + flushed(sum[0] + sum[1]));
            memcpy(file[c].row[m] + 4 * n, &was, sizeof was);
        }
}
