/* BitLinear (MODEL 2): rows quantised and matrices ternarised, forward, and the straight-through
 * backward. */
#include "cpu/bf16.h"
#include "core/alloc.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    TERN_HEADER = 64,
    SUM_PIECE = 16384,
    TERN_TASK = 2 << 20, /* multiplications of a task of several panels: about 2 us */
    TERN_SHORT = 512     /* inputs of a short sum */
};

/* scales [N] | sums [N] | int8 rows, each part at a 64-byte boundary. */
static size_t q8_part(size_t N)
{
    return bl_blocks(N * sizeof(float), 64) * 64;
}

size_t bl_cpu_q8_bytes(bl_dev *d, size_t N, size_t K)
{
    if (!d->ternary)
        return N * K * sizeof(float);
    return 2 * q8_part(N) + N * bl_q8_stride(K);
}

bl_q8_view bl_q8_open(const bl_cpu *c, const bl_q8 *q8, size_t N, size_t K)
{
    bl_q8_view v = {0};
    char *base = (char *)(uintptr_t)q8;
    if (!c->ternary) {
        v.rows = (float *)(void *)base;
        return v;
    }
    v.scale = (float *)(void *)base;
    v.sum = (int32_t *)(void *)(base + q8_part(N));
    v.q = (int8_t *)(base + 2 * q8_part(N));
    v.ld = bl_q8_stride(K);
    return v;
}

/* A bl_tern: g and then the packed panels; or the float matrix. */
static float *tern_scale(const bl_tern *w)
{
    return (float *)(uintptr_t)w;
}

static uint8_t *tern_packed(const bl_tern *w)
{
    return (uint8_t *)(uintptr_t)w + TERN_HEADER;
}

size_t bl_cpu_tern_bytes(bl_dev *d, size_t out, size_t in)
{
    if (!d->ternary)
        return out * in * sizeof(float);
    return TERN_HEADER + bl_tern_packed_bytes(out, in);
}

typedef struct ternarise_op {
    const bl_cpu *c;
    const float *w;
    uint8_t *packed;
    float g;
    size_t n, out, in;
    _Atomic int64_t sum; /* of integers: in any order */
} ternarise_op;

static void sum_pieces(void *user, size_t first, size_t last, size_t member)
{
    ternarise_op *a = user;
    int64_t sum = 0;
    (void)member;
    for (size_t i = first * SUM_PIECE; i < bl_least(last * SUM_PIECE, a->n); i += SUM_PIECE)
        sum += a->c->k.absmean_sum(a->w + i, bl_least(a->n - i, SUM_PIECE));
    a->sum += sum;
}

static void pack_panels(void *user, size_t first, size_t last, size_t member)
{
    const ternarise_op *a = user;
    (void)member;
    for (size_t p = first, o = p * BL_TERN_ROWS; p < last; p++, o += BL_TERN_ROWS)
        a->c->k.tern_pack(a->packed + p * bl_tern_panel_bytes(a->in), a->w + o * a->in, a->g,
                          bl_least(a->out - o, BL_TERN_ROWS), a->in);
}

static void ternarise_one(const bl_cpu *c, const bl_latent *w)
{
    size_t out = w->out, n = out * w->in;
    if (!c->ternary) {
        memcpy(w->to, w->from, n * sizeof(float));
        return;
    }
    ternarise_op a = {.c = c,
                      .w = (const float *)w->from,
                      .packed = tern_packed(w->to),
                      .n = n,
                      .out = out,
                      .in = w->in};
    bl_cpu_run(c, n, bl_blocks(n, SUM_PIECE), sum_pieces, &a);
    float mean = (float)((double)a.sum / 4294967296.0 / (double)n);
    *tern_scale(w->to) = a.g = mean > 1e-5f ? mean : 1e-5f;
    bl_cpu_run(c, n, bl_blocks(out, BL_TERN_ROWS), pack_panels, &a);
}

void bl_cpu_ternarise(bl_dev *d, const bl_latents *w)
{
    for (size_t i = 0; i < w->count; i++)
        ternarise_one(bl_cpu_of(d), &w->at[i]);
}

/* A panel of codes as floats, for the kernel that expands with g = 1. */
static bl_status panel_room(float **panel, size_t in, bl_error *err)
{
    *panel = bl_calloc(in, BL_TERN_ROWS * sizeof **panel);
    return *panel ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for a panel of %zu inputs", in);
}

/* One tile's four bytes of a row, from up to 16 codes: the groups of four laid over one another, each
 * code plus one and no carry into its neighbour. */
static void put_tile(uint8_t *to, const int8_t *codes, size_t n)
{
    uint8_t all[BL_TERN_INS] = {0};
    uint32_t group[4], low = 0x7f7f7f7fu, ones = 0x01010101u;
    if (n < BL_TERN_INS) {
        memset(all, -1, sizeof all); /* padding is 0 */
        memcpy(all, codes, n);
    } else {
        memcpy(all, codes, sizeof all);
    }
    memcpy(group, all, sizeof group);
    for (size_t f = 0; f < 4; f++)
        group[f] = ((group[f] & low) + ones) ^ (group[f] & ~low);
    group[0] |= group[1] << 2 | group[2] << 4 | group[3] << 6;
    memcpy(to, group, 4);
}

bl_status bl_cpu_tern_put(bl_dev *d, bl_tern *w, const int8_t *codes, float g, size_t out,
                          size_t in, bl_error *err)
{
    assert(d->ternary);
    (void)d, (void)err;
    *tern_scale(w) = g;
    for (size_t o = 0; o < out; o += BL_TERN_ROWS) {
        size_t rows = bl_least(out - o, BL_TERN_ROWS);
        uint8_t *panel = tern_packed(w) + o / BL_TERN_ROWS * bl_tern_panel_bytes(in);
        if (rows < BL_TERN_ROWS)
            memset(panel, 0, bl_tern_panel_bytes(in));
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < in; i += BL_TERN_INS)
                put_tile(panel + i / BL_TERN_INS * BL_TERN_TILE + 4 * r, codes + (o + r) * in + i,
                         bl_least(in - i, BL_TERN_INS));
    }
    return BL_OK;
}

bl_status bl_cpu_tern_get(bl_dev *d, int8_t *codes, float *g, const bl_tern *w, size_t out,
                          size_t in, bl_error *err)
{
    const bl_cpu *c = bl_cpu_of(d);
    float *panel;
    assert(c->ternary);
    BL_TRY(panel_room(&panel, in, err));
    *g = *tern_scale(w);
    for (size_t o = 0; o < out; o += BL_TERN_ROWS) {
        size_t rows = bl_least(out - o, BL_TERN_ROWS);
        c->k.tern_expand(panel, tern_packed(w) + o / BL_TERN_ROWS * bl_tern_panel_bytes(in), 1.0f,
                         rows, in);
        for (size_t i = 0; i < rows * in; i++)
            codes[o * in + i] = (int8_t)panel[i];
    }
    bl_free(panel);
    return BL_OK;
}

/* The arguments of products by a ternary or unrounded matrix w [out,in]. */
typedef struct product_op {
    const bl_cpu *c;
    const bl_tern *w;
    const float *dense; /* w of a device that does not round */
    bl_q8_view x;
    const float *dy;
    float *y, *dx, *dw;
    size_t N, out, in;
    int accumulate;
    size_t first, rows; /* the current rows of x */
} product_op;

void bl_cpu_tern_tiles(const bl_cpu *c, const bl_tern_product *a, size_t first, size_t last)
{
    const bl_q8_view *v = &a->x;
    size_t height = a->task_rows ? a->task_rows : MATMUL_ROWS;
    size_t outs = (a->task_panels ? a->task_panels : 1) * BL_TERN_ROWS;
    size_t across = bl_blocks(a->out, outs), most = c->k.tern_outs / outs;
    for (size_t task = first, count; task < last; task += count) {
        size_t n = task / across * height, o = task % across * outs;
        count = bl_least(bl_least(last - task, across - task % across), bl_most(most, 1));
        bl_q8_rows rows = {.q = v->q + n * v->ld,
                           .ld = v->ld,
                           .sum = v->sum + n,
                           .scale = v->scale + n,
                           .rows = bl_least(a->N - n, height),
                           .ahead = c->k.ahead,
                           .far = a->far};
        c->k.tern_matmul(a->y + n * a->out + o, a->out,
                         tern_packed(a->w) + o / BL_TERN_ROWS * bl_tern_panel_bytes(a->in),
                         *tern_scale(a->w), &rows, bl_least(a->out - o, count * outs), a->in,
                         a->accumulate);
    }
}

typedef struct tern_op {
    const bl_cpu *c;
    bl_tern_product product;
} tern_op;

static void ternary_tiles(void *user, size_t first, size_t last, size_t member)
{
    const tern_op *a = user;
    (void)member;
    bl_cpu_tern_tiles(a->c, &a->product, first, last);
}

/* Where a product of several panels pays, a task is many of them by few rows, so that each thread
 * has rows of its own; and where sums are short, more rows share an unpacked panel. */
static void cut_tasks(const bl_cpu *c, bl_tern_product *p)
{
    size_t panels = bl_blocks(p->out, BL_TERN_ROWS), rows = p->in > TERN_SHORT ? 32 : 64;
    p->task_rows = MATMUL_ROWS;
    p->task_panels = 1;
    if (c->k.tern_outs == BL_TERN_ROWS)
        return;
    size_t pieces = bl_most(1, TERN_TASK / (rows * BL_TERN_ROWS * p->in));
    p->task_rows = bl_least(MATMUL_ROWS, rows * bl_most(1, pieces / panels));
    p->task_panels = bl_least(panels, pieces);
}

static void ternary_fwd(const bl_cpu *c, float *y, const bl_q8 *x, const bl_tern *w, size_t N,
                        size_t out, size_t in, int accumulate)
{
    tern_op a = {c,
                 {.y = y,
                  .w = w,
                  .x = bl_q8_open(c, x, N, in),
                  .N = N,
                  .out = out,
                  .in = in,
                  .accumulate = accumulate}};
    bl_tern_product *p = &a.product;
    cut_tasks(c, p);
    bl_cpu_run(c, N * out * in / 16,
               bl_blocks(N, p->task_rows) * bl_blocks(out, p->task_panels * BL_TERN_ROWS),
               ternary_tiles, &a);
}

/* Unrounded: dot products, whose order does not depend on N. */
static void float_tiles(void *user, size_t first, size_t last, size_t member)
{
    const product_op *a = user;
    size_t out = a->out, in = a->in, cols = bl_blocks(out, MATMUL_OUTS);
    (void)member;
    for (size_t task = first; task < last; task++) {
        size_t n = task / cols * MATMUL_OUTS, o = task % cols * MATMUL_OUTS;
        a->c->k.dots(a->y + n * out + o, out, a->x.rows + n * in, in, a->dense + o * in, in,
                     bl_least(a->N - n, MATMUL_OUTS), bl_least(out - o, MATMUL_OUTS), in);
    }
}

static void float_fwd(const bl_cpu *c, float *y, const bl_q8 *x, const bl_tern *w, size_t N,
                      size_t out, size_t in)
{
    product_op a = {.c = c,
                    .dense = (const float *)w,
                    .x = bl_q8_open(c, x, N, in),
                    .y = y,
                    .N = N,
                    .out = out,
                    .in = in};
    bl_cpu_run(c, N * out * in / 8, bl_blocks(N, MATMUL_OUTS) * bl_blocks(out, MATMUL_OUTS),
               float_tiles, &a);
}

void bl_cpu_bitlinear_fwd(bl_dev *d, bl_act *y, const bl_q8 *x, const bl_tern *w, size_t N,
                          size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    if (c->ternary)
        ternary_fwd(c, (float *)y, x, w, N, out, in, 0);
    else
        float_fwd(c, (float *)y, x, w, N, out, in);
}

void bl_cpu_bitlinear_residual(bl_dev *d, bl_act *x, bl_act *y, const bl_q8 *xq, const bl_tern *w,
                               size_t N, size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    if (c->ternary) {
        ternary_fwd(c, (float *)x, xq, w, N, out, in, 1);
        return;
    }
    float_fwd(c, (float *)y, xq, w, N, out, in);
    bl_cpu_add(d, x, y, N * out);
}

/* g Wt as floats, packed: exact, so folding g into the matrix costs no rounding of its own. */
static void expand_panels(void *user, size_t first, size_t last, size_t member)
{
    const product_op *a = user;
    for (size_t p = first, o = p * BL_TERN_ROWS; p < last; p++, o += BL_TERN_ROWS) {
        size_t rows = bl_least(a->out - o, BL_TERN_ROWS), in = a->in;
        float *room = bl_cpu_local(a->c, member);
        if (a->c->ternary)
            a->c->k.tern_expand(room, tern_packed(a->w) + p * bl_tern_panel_bytes(in),
                                *tern_scale(a->w), rows, in);
        bl_matmul_pack(&a->c->k, a->c->dense_w, a->out, in,
                       a->c->ternary ? room : (const float *)a->w + o * in, o, rows);
    }
}

static void bwd_x_rows(void *user, size_t first, size_t last, size_t member)
{
    const product_op *a = user;
    for (size_t k = first, n = k * MATMUL_ROWS; k < last; k++, n += MATMUL_ROWS)
        bl_matmul_packed(a->c, member, 0, bl_least(a->N - n, MATMUL_ROWS), a->in, a->out,
                         a->dy + n * a->out, a->out, a->c->dense_w, a->accumulate,
                         a->dx + n * a->in, a->in);
}

void bl_cpu_bitlinear_bwd_x(bl_dev *d, bl_act *dx, const bl_act *dy, const bl_tern *w,
                            int accumulate, size_t N, size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    if (c->bf16) {
        const bl_bf16_product p = {.dy = (const float *)dy,
                                   .dx = (float *)dx,
                                   .packed = c->ternary ? tern_packed(w) : NULL,
                                   .dense = (const float *)w,
                                   .g = c->ternary ? *tern_scale(w) : 1,
                                   .N = N,
                                   .out = out,
                                   .in = in,
                                   .accumulate = accumulate};
        bl_bf16_bwd_x(c, &p);
        return;
    }
    product_op a = {.c = c,
                    .w = w,
                    .dy = (const float *)dy,
                    .dx = (float *)dx,
                    .N = N,
                    .out = out,
                    .in = in,
                    .accumulate = accumulate};
    bl_cpu_run(a.c, out * in, bl_blocks(out, BL_TERN_ROWS), expand_panels, &a);
    bl_cpu_run(a.c, N * out * in, bl_blocks(N, MATMUL_ROWS), bwd_x_rows, &a);
}

/* The current rows of x as floats, packed. */
static void dequantise_rows(void *user, size_t first, size_t last, size_t member)
{
    const product_op *a = user;
    const bl_q8_view *x = &a->x;
    for (size_t n = first * BL_TERN_ROWS; n < bl_least(last * BL_TERN_ROWS, a->rows);
         n += BL_TERN_ROWS) {
        size_t rows = bl_least(a->rows - n, BL_TERN_ROWS), at = a->first + n, in = a->in;
        float *room = bl_cpu_local(a->c, member);
        for (size_t i = 0; a->c->ternary && i < rows; i++)
            a->c->k.dequantise(room + i * in, x->q + (at + i) * x->ld, x->scale[at + i], in);
        bl_matmul_pack(&a->c->k, a->c->dense_x, a->rows, in,
                       a->c->ternary ? room : x->rows + at * in, n, rows);
    }
}

static void bwd_w_outs(void *user, size_t first, size_t last, size_t member)
{
    const product_op *a = user;
    for (size_t k = first, o = k * MATMUL_OUTS; k < last; k++, o += MATMUL_OUTS)
        bl_matmul_packed(a->c, member, 1, bl_least(a->out - o, MATMUL_OUTS), a->in, a->rows,
                         a->dy + a->first * a->out + o, a->out, a->c->dense_x, 1, a->dw + o * a->in,
                         a->in);
}

void bl_cpu_bitlinear_bwd_w(bl_dev *d, bl_param *dw, const bl_act *dy, const bl_q8 *x, size_t N,
                            size_t out, size_t in)
{
    const bl_cpu *c = bl_cpu_of(d);
    if (c->bf16) {
        const bl_bf16_product p = {.dy = (const float *)dy,
                                   .dw = (float *)dw,
                                   .x = bl_q8_open(c, x, N, in),
                                   .N = N,
                                   .out = out,
                                   .in = in};
        bl_bf16_bwd_w(c, &p);
        return;
    }
    product_op a = {.c = c,
                    .x = bl_q8_open(c, x, N, in),
                    .dy = (const float *)dy,
                    .dw = (float *)dw,
                    .out = out,
                    .in = in};
    for (; a.first < N; a.first += DEQUANT_ROWS) {
        a.rows = bl_least(N - a.first, DEQUANT_ROWS);
        bl_cpu_run(c, a.rows * in, bl_blocks(a.rows, BL_TERN_ROWS), dequantise_rows, &a);
        bl_cpu_run(c, a.rows * out * in, bl_blocks(out, MATMUL_OUTS), bwd_w_outs, &a);
    }
}
