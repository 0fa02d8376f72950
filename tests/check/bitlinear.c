/* Checks of the quantising and ternary kernels: exact. */
#include "check.h"
#if defined(__x86_64__)
#include "kern/x86/tern_avx512.h"
#endif

#include <stdio.h>
#include <string.h>

static const size_t lengths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 255, 256, 257, 688};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static void one_quantise(check *k, const float *x, size_t n)
{
    size_t padded = bl_q8_stride(n);
    int8_t *a = check_buffer(k, padded), *b = check_buffer(k, padded);
    int32_t sa = 1, sb = 2;
    float ca = k->c->quantise(a, &sa, x, n), cb = k->x->quantise(b, &sb, x, n);
    check_same(k, "q", a, b, padded);
    check_same(k, "sum", &sa, &sb, sizeof sa);
    check_same(k, "scale", &ca, &cb, sizeof ca);
    check_release(k);
}

static void check_quantise(check *k)
{
    static const float spreads[] = {1.0f, 0.0f, 1e-6f, 1e-42f, 1e30f, 127.0f};
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < sizeof spreads / sizeof *spreads; j++)
            one_quantise(k, check_floats(k, lengths[i], spreads[j]), lengths[i]);
    float *ties = check_floats(k, 256, 1.0f); /* every half: rounded to even */
    for (int i = 0; i < 256; i++)
        ties[i] = i == 255 ? 127.0f : (float)(i - 127) / 2.0f;
    one_quantise(k, ties, 256);
    int8_t *q = check_buffer(k, 768);
    float *x = check_floats(k, 768, 1.0f);
    int32_t sum;
    CHECK_BENCH(k, "768", 768, k->x->quantise(q, &sum, x, 768));
}

static void check_absmean(check *k)
{
    static const float spreads[] = {0.05f, 300.0f, 1e-10f, 1e30f};
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < sizeof spreads / sizeof *spreads; j++) {
            const float *w = check_floats(k, lengths[i], spreads[j]);
            int64_t a = k->c->absmean_sum(w, lengths[i]), b = k->x->absmean_sum(w, lengths[i]);
            check_same(k, "sum", &a, &b, sizeof a);
            check_release(k);
        }
    const float *w = check_floats(k, 16384, 0.05f);
    CHECK_BENCH(k, "16384", 16384, (void)k->x->absmean_sum(w, 16384));
}

static void check_pack(check *k)
{
    static const size_t rows[] = {1, 5, 8, 31, 32};
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            size_t n = lengths[i], bytes = bl_tern_panel_bytes(n);
            float *w = check_floats(k, rows[j] * n, 0.05f);
            w[0] = 0.0125f; /* 2|w| = g: not above it */
            uint8_t *a = check_buffer(k, bytes), *b = check_buffer(k, bytes);
            k->c->tern_pack(a, w, 0.025f, rows[j], n);
            k->x->tern_pack(b, w, 0.025f, rows[j], n);
            check_same(k, "packed", a, b, bytes);
            check_release(k);
        }
    const float *w = check_floats(k, 32 * 688, 0.05f);
    uint8_t *p = check_buffer(k, bl_tern_panel_bytes(688));
    CHECK_BENCH(k, "32x688", 32 * 688, k->x->tern_pack(p, w, 0.025f, 32, 688));
}

/* A packed panel of random weights, or of one value. */
static uint8_t *panel(check *k, size_t rows, size_t in, int all)
{
    uint8_t *p = check_buffer(k, bl_tern_panel_bytes(in));
    float *w = check_floats(k, rows * in, 0.05f);
    for (size_t i = 0; all && i < rows * in; i++)
        w[i] = (float)all;
    k->c->tern_pack(p, w, 0.025f, rows, in);
    return p;
}

static void check_expand(check *k)
{
    static const size_t rows[] = {1, 5, 32};
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            size_t n = rows[j] * lengths[i];
            const uint8_t *p = panel(k, rows[j], lengths[i], 0);
            float *a = check_floats(k, n, 1), *b = check_floats(k, n, 1);
            k->c->tern_expand(a, p, 0.37f, rows[j], lengths[i]);
            k->x->tern_expand(b, p, 0.37f, rows[j], lengths[i]);
            check_close(k, "w", a, b, n);
            check_release(k);
        }
    const uint8_t *p = panel(k, 32, 688, 0);
    float *w = check_floats(k, 32 * 688, 1);
    CHECK_BENCH(k, "32x688", 32 * 688, k->x->tern_expand(w, p, 0.37f, 32, 688));
}

/* Quantised rows: random, or all of one value; padded inputs are zero. */
static bl_q8_rows rows_of(check *k, size_t rows, size_t in, int all)
{
    size_t ld = bl_q8_stride(in);
    int8_t *q = check_int8(k, rows * ld);
    int32_t *sum = check_buffer(k, rows * sizeof *sum);
    float *scale = check_floats(k, rows, 1.0f);
    for (size_t n = 0; n < rows; n++) {
        sum[n] = 0;
        for (size_t i = 0; i < ld; i++) {
            q[n * ld + i] = i >= in ? 0 : all ? (int8_t)all : q[n * ld + i];
            sum[n] += q[n * ld + i];
        }
        scale[n] = 1.0f + (float)n;
    }
    /* behind the weights no page may be touched */
    size_t ahead = in % 2 ? 4096 : 0, far = in % 4 == 1 ? 8192 : 0;
    return (bl_q8_rows){
        .q = q, .ld = ld, .sum = sum, .scale = scale, .rows = rows, .ahead = ahead, .far = far};
}

/* As many outputs at a time as the table says. */
static void matmul(const bl_kern *k, float *y, size_t ldy, const uint8_t *packed,
                   const bl_q8_rows *x, size_t outs, size_t in, int accumulate)
{
    for (size_t o = 0, most; o < outs; o += most) {
        most = outs - o < k->tern_outs ? outs - o : k->tern_outs;
        k->tern_matmul(y + o, ldy, packed + o / BL_TERN_ROWS * bl_tern_panel_bytes(in), 0.5f, x,
                       most, in, accumulate);
    }
}

static void one_matmul(check *k, size_t rows, size_t outs, size_t in, int w, int q, int accumulate)
{
    size_t panels = (outs + BL_TERN_ROWS - 1) / BL_TERN_ROWS;
    uint8_t *p = check_buffer(k, bl_tern_packed_bytes(outs, in));
    for (size_t i = 0; i < panels; i++) {
        size_t some = i + 1 < panels ? BL_TERN_ROWS : outs - i * BL_TERN_ROWS;
        memcpy(p + i * bl_tern_panel_bytes(in), panel(k, some, in, w), bl_tern_panel_bytes(in));
    }
    bl_q8_rows x = rows_of(k, rows, in, q);
    float *a, *b;
    size_t ldy = outs + 3;
    check_twins(k, &a, &b, rows * ldy, 1.0f);
    matmul(k->c, a, ldy, p, &x, outs, in, accumulate);
    matmul(k->x, b, ldy, p, &x, outs, in, accumulate);
    check_same(k, "y", a, b, rows * ldy * sizeof *a);
    if (w && q && !accumulate) { /* all weights w, all activations q: the sum is known */
        float want = (float)((int)in * w * q) * 0.5f;
        check_same(k, "the largest sum", &want, b, sizeof want);
    }
    check_release(k);
}

/* Many rows, and panels that follow one another: blocks of rows, their ends, and long sums. */
static void check_tern_blocks(check *k)
{
    static const size_t rows[] = {16, 17, 33, 48, 63, 64, 95, 128, 129};
    static const size_t outs[] = {15, 32, 33, 64, 90, 160};
    static const size_t ins[] = {30, 64, 96, 100, 256, 600, 688, 1090};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t o = 0; o < sizeof outs / sizeof *outs; o++)
            for (size_t i = 0; i < sizeof ins / sizeof *ins; i++)
                if ((r + o + i) % 3 == 0)
                    one_matmul(k, rows[r], outs[o], ins[i], 0, 0, (r + o + i) % 2 != 0);
    one_matmul(k, 4096, 40, 72, 0, 0, 1);
    one_matmul(k, 70, 40, 6912, 0, 0, 0);
}

/* Of AVX-512 there are two; the table has the one for this processor. */
static void check_tern_other(check *k)
{
#if defined(__x86_64__)
    bl_kern other = *k->x;
    const bl_kern *usual = k->x;
    if (k->x->level != BL_CPU_AVX512 || k->x->tern_matmul == bl_tern_matmul_masked)
        return;
    other.tern_matmul = bl_tern_matmul_masked;
    k->x = &other;
    check_tern_blocks(k);
    k->x = usual;
#else
    (void)k;
#endif
}

static void check_tern_matmul(check *k)
{
    static const size_t rows[] = {1, 2, 3, 4, 5, 8, 15, 31, 32, 37};
    static const size_t outs[] = {1, 8, 16, 17, 24, 32};
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
            for (size_t o = 0; o < sizeof outs / sizeof *outs; o++)
                one_matmul(k, rows[j], outs[o], lengths[i], 0, 0, (i + j + o) % 2 != 0);
    check_tern_blocks(k);
    check_tern_other(k);
    static const int signs[][2] = {{1, 127}, {-1, 127}, {1, -127}, {-1, -127}};
    static const size_t wide[] = {256, 2048, 2560, 6912, 16384, 131072};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        for (size_t s = 0; s < 4; s++) {
            one_matmul(k, 1, 32, wide[i], signs[s][0], signs[s][1], 0);
            one_matmul(k, 5, 32, wide[i], signs[s][0], signs[s][1], 0);
            one_matmul(k, 9, 32, wide[i], signs[s][0], signs[s][1], 0);
            if (wide[i] <= 16384)
                one_matmul(k, 33, 32, wide[i], signs[s][0], signs[s][1], 0);
        }
    static const size_t shapes[][2] = {{1, 256}, {1, 768}, {1, 2048}, {64, 256}, {64, 768}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t n = shapes[i][0], in = shapes[i][1];
        char shape[32];
        (void)snprintf(shape, sizeof shape, "%zux32x%zu", n, in);
        const uint8_t *p = panel(k, 32, in, 0);
        bl_q8_rows x = rows_of(k, n, in, 0);
        float *y = check_floats(k, n * 32, 1);
        CHECK_BENCH(k, shape, 64.0 * (double)(n * in),
                    k->x->tern_matmul(y, 32, p, 0.5f, &x, 32, in, 0));
        check_release(k);
    }
}

static void check_dequantise(check *k)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        size_t n = lengths[i];
        const int8_t *q = check_int8(k, n);
        float *a = check_floats(k, n, 1), *b = check_floats(k, n, 1);
        k->c->dequantise(a, q, 3.7f, n);
        k->x->dequantise(b, q, 3.7f, n);
        check_same(k, "x", a, b, n * sizeof *a);
        check_release(k);
    }
    const int8_t *q = check_int8(k, 768);
    float *x = check_floats(k, 768, 1);
    CHECK_BENCH(k, "768", 768, k->x->dequantise(x, q, 3.7f, 768));
}

const check_case bitlinear_checks[] = {
    {"quantise", check_quantise, 0, 0},
    {"absmean_sum", check_absmean, 0, 0},
    {"tern_pack", check_pack, 0, 0},
    {"tern_expand", check_expand, 0, 0},
    {"tern_matmul", check_tern_matmul, 0, 0},
    {"dequantise", check_dequantise, 0, 0},
    {NULL, NULL, 0, 0},
};
