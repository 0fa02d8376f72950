/* Cross-entropy with its gradients from products of bfloat16 (MODEL 7).
 *
 * As in head.c rows go bl_logit_rows at a time, and each tile of HEAD_COLS words has its own maximum
 * m.  But here logits stand on their side, a row for each word and a column for each row of x: so
 * they are computed, and p = exp(x - m) is kept in bfloat16, as tiles that the products after them
 * read without turning what is large:
 *
 *     logits^T = E x^T        strips of E (packed once a call), panels of x^T
 *     dE += dlogits^T x       strips of dlogits^T, panels of x
 *     dx^T += E^T dlogits^T   strips of E^T (once a call), panels of dlogits^T
 *
 * Sums, the loss, maxima and factors are float32; so is the gradient at the target until it is
 * rounded, because p - 1 would lose what p rounds. */
#include "cpu/bf16.h"

#include <math.h>
#include <string.h>

enum { DEEP = BL_BF16_DEEP, WIDE = BL_BF16_WIDE, TILE = BL_BF16_TILE, DEPTH = HEAD_COLS / DEEP };

typedef struct head_rows {
    const bl_cpu *c;
    const bl_head_grads *g;
    size_t first, rows, padded; /* rows of x at hand; padded to DEEP */
    size_t tiles, chunk;        /* tiles of all words, and in a chunk */
} head_rows;

/* Numbers of a strip or panel whose sum is over D, over the rows at hand, over all words. */
static size_t over_D(const head_rows *h)
{
    return bl_bf16_numbers(h->g->D, 1);
}

static size_t over_rows(const head_rows *h)
{
    return bl_bf16_numbers(h->padded, 1);
}

static size_t over_V(const head_rows *h)
{
    return bl_bf16_numbers(h->tiles * HEAD_COLS, 1);
}

static size_t padded_rows(size_t rows)
{
    return bl_blocks(rows, DEEP) * DEEP;
}

void bl_bf16_head_plan(bl_cpu *c, bl_arena *a, const bl_limits *m)
{
    size_t tiles = bl_blocks(m->V, HEAD_COLS), V = tiles * HEAD_COLS, h = sizeof(uint16_t);
    size_t rows = padded_rows(bl_least(m->B * m->T, bl_logit_rows(m)));
    c->half_E = bl_arena_push(a, bl_bf16_numbers(m->D, V), h);
    c->half_Et = bl_arena_push(a, bl_bf16_numbers(V, m->D), h);
    c->half_x = bl_arena_push(a, bl_bf16_numbers(m->D, rows), h);
    c->half_xt = bl_arena_push(a, bl_bf16_numbers(rows, m->D), h);
}

/* Logits of 32 rows beside a tile's p twice, or 32 rows of dx^T. */
size_t bl_bf16_head_local_floats(const bl_limits *m)
{
    size_t rows = padded_rows(bl_least(m->B * m->T, bl_logit_rows(m)));
    return bl_most(HEAD_COLS * (DEEP + rows), DEEP * m->D + TILE * bl_blocks(m->D, WIDE));
}

/* 32 words of E: two strips of E, and turned, as panels are made, the tiles of E^T. */
static void pack_words(void *user, size_t first, size_t last, size_t member)
{
    const head_rows *h = user;
    const bl_kern *k = &h->c->k;
    size_t D = h->g->D;
    uint16_t *room = (uint16_t *)(void *)bl_cpu_local(h->c, member);
    for (size_t block = first; block < last; block++) {
        size_t v = block * DEEP, words = v < h->g->V ? bl_least(h->g->V - v, DEEP) : 0;
        const float *E = h->g->E + (words ? v * D : 0);
        for (size_t i = 0; i < DEEP; i += WIDE)
            k->bf16_rows(h->c->half_E + (v + i) / WIDE * over_D(h), words > i ? E + i * D : E, D, 1,
                         words > i ? bl_least(words - i, WIDE) : 0, D);
        k->bf16_pairs(room, TILE, E, D, NULL, words, D);
        for (size_t d = 0; d < D; d += WIDE)
            k->bf16_turn(h->c->half_Et + d / WIDE * over_V(h) + block * TILE,
                         room + d / WIDE * TILE);
    }
}

/* 32 rows of x: two panels of x^T, and the tiles of x. */
static void pack_x(void *user, size_t first, size_t last, size_t member)
{
    const head_rows *h = user;
    const bl_kern *k = &h->c->k;
    size_t D = h->g->D, depth = bl_blocks(D, DEEP);
    uint16_t *room = (uint16_t *)(void *)bl_cpu_local(h->c, member);
    for (size_t block = first; block < last; block++) {
        size_t n = block * DEEP, rows = bl_least(h->rows - n, DEEP);
        const float *x = h->g->x + (h->first + n) * D;
        k->bf16_pairs(h->c->half_xt + block * TILE, over_rows(h), x, D, NULL, rows, D);
        for (size_t i = 0; i < DEEP; i += WIDE) {
            k->bf16_rows(room, rows > i ? x + i * D : x, D, 1,
                         rows > i ? bl_least(rows - i, WIDE) : 0, D);
            for (size_t t = 0; t < depth; t++)
                k->bf16_turn(h->c->half_x + (n + i) / WIDE * over_D(h) + t * TILE, room + t * TILE);
        }
    }
}

static uint16_t *p_of(const head_rows *h, size_t tile)
{
    return (uint16_t *)(void *)h->c->logits + tile * HEAD_COLS / WIDE * over_rows(h);
}

/* The target of row n within the tile, or HEAD_COLS when it is in another or none. */
static size_t target_in(const head_rows *h, size_t tile, size_t n)
{
    size_t v = (size_t)h->g->targets[h->first + n];
    return v / HEAD_COLS == tile ? v % HEAD_COLS : HEAD_COLS;
}

static void exponentials(void *user, size_t first, size_t last, size_t member)
{
    const head_rows *h = user;
    const bl_cpu *c = h->c;
    float *logits = bl_cpu_local(c, member);
    for (size_t t = first; t < last; t++)
        for (size_t n = 0; n < h->padded; n += DEEP) {
            c->k.bf16_matmul(logits, DEEP, 0, c->half_E + t * HEAD_COLS / WIDE * over_D(h),
                             over_D(h), c->half_x + n / WIDE * over_D(h), over_D(h), HEAD_COLS,
                             DEEP, bl_blocks(h->g->D, DEEP));
            for (size_t i = n; i < bl_least(n + DEEP, h->rows); i++) {
                size_t target = target_in(h, t, i);
                if (target < HEAD_COLS)
                    c->head_target[i] = logits[target * DEEP + i - n];
            }
            c->k.bf16_exp(p_of(h, t) + n / DEEP * TILE, over_rows(h),
                          c->head_most + t * h->padded + n, c->head_sum + t * h->padded + n, logits,
                          bl_least(h->g->V - t * HEAD_COLS, HEAD_COLS), HEAD_COLS);
        }
}

/* The loss of row n; its maxima become factors, and its target's logit the gradient there. */
static void row_loss(const head_rows *h, size_t n)
{
    const bl_cpu *c = h->c;
    float *most = c->head_most + n, top = most[0], total = 0;
    const float *sum = c->head_sum + n;
    for (size_t t = 1; t < h->tiles; t++)
        top = most[t * h->padded] <= top ? top : most[t * h->padded];
    for (size_t t = 0; t < h->tiles; t++) {
        float *m = most + t * h->padded;
        *m = expf(*m - top);
        total += sum[t * h->padded] * *m;
    }
    int counts = h->g->targets[h->first + n] >= 0;
    for (size_t t = 0; t < h->tiles; t++)
        most[t * h->padded] *= counts ? h->g->scale / total : 0;
    float loss = counts ? top + logf(total) - c->head_target[n] : 0;
    h->g->loss[h->first + n] = loss;
    c->head_target[n] = h->g->scale * expm1f(-loss);
}

static void losses(void *user, size_t first, size_t last, size_t member)
{
    (void)member;
    for (size_t n = first; n < last; n++)
        row_loss(user, n);
}

/* dlogits^T of a tile from p, as strips and as panels: those of the targets were exact until
 * now. */
static void tile_grads(const head_rows *h, size_t t, uint16_t *strips, uint16_t *panels)
{
    const bl_cpu *c = h->c;
    size_t strip = over_rows(h), panel = DEPTH * TILE;
    for (size_t n = 0; n < h->padded; n += DEEP)
        for (size_t v = 0; v < HEAD_COLS; v += DEEP)
            c->k.bf16_scale(strips + v / WIDE * strip + n / DEEP * TILE, strip,
                            panels + n / WIDE * panel + v / DEEP * TILE, panel,
                            p_of(h, t) + v / WIDE * strip + n / DEEP * TILE, strip,
                            c->head_most + t * h->padded + n);
    for (size_t n = 0; n < h->rows; n++) {
        size_t v = target_in(h, t, n);
        uint16_t one[TILE];
        if (v == HEAD_COLS)
            continue;
        c->k.bf16_rows(one, c->head_target + n, 1, 1, 1, 1);
        strips[v / WIDE * strip + n / DEEP * TILE + v % WIDE * DEEP + n % DEEP] = *one;
        panels[n / WIDE * panel + v / DEEP * TILE + v % DEEP / 2 * DEEP + n % WIDE * 2 + v % 2] =
            *one;
    }
}

static void chunk_grads(void *user, size_t first, size_t last, size_t member)
{
    const head_rows *h = user;
    const bl_cpu *c = h->c;
    size_t D = h->g->D;
    uint16_t *strips = (uint16_t *)(void *)bl_cpu_local(c, member);
    uint16_t *panels = strips + HEAD_COLS * h->padded;
    for (size_t k = first; k < last; k++)
        for (size_t t = k * h->chunk; t < bl_least((k + 1) * h->chunk, h->tiles); t++) {
            tile_grads(h, t, strips, panels);
            c->k.bf16_matmul(c->head_dx + k * D * h->padded, h->padded, t > k * h->chunk,
                             c->half_Et + t * DEPTH * TILE, over_V(h), panels, DEPTH * TILE, D,
                             h->padded, DEPTH);
            c->k.bf16_matmul(h->g->dE + t * HEAD_COLS * D, D, 1, strips, over_rows(h), c->half_xt,
                             over_rows(h), bl_least(h->g->V - t * HEAD_COLS, HEAD_COLS), D,
                             h->padded / DEEP);
        }
}

/* The sums of the chunks' parts of 32 rows, ascending, turned. */
static void row_grads(void *user, size_t first, size_t last, size_t member)
{
    const head_rows *h = user;
    const bl_cpu *c = h->c;
    size_t D = h->g->D, chunks = bl_blocks(h->tiles, h->chunk);
    float *sum = bl_cpu_local(c, member);
    for (size_t block = first, n = block * DEEP; block < last; block++, n += DEEP) {
        for (size_t d = 0; d < D; d++) {
            memcpy(sum + d * DEEP, c->head_dx + d * h->padded + n, DEEP * sizeof *sum);
            for (size_t k = 1; k < chunks; k++)
                c->k.add(sum + d * DEEP, c->head_dx + (k * D + d) * h->padded + n, DEEP);
        }
        c->k.transpose(h->g->dx + (h->first + n) * D, D, sum, DEEP, D, bl_least(h->rows - n, DEEP));
    }
}

static void rows_loss(head_rows *h)
{
    const bl_cpu *c = h->c;
    size_t V = h->g->V, D = h->g->D, chunks = bl_blocks(h->tiles, h->chunk);
    bl_cpu_run(c, h->padded * D, h->padded / DEEP, pack_x, h);
    bl_cpu_run(c, h->rows * V * D, h->tiles, exponentials, h);
    bl_cpu_run(c, h->rows * h->tiles * 16, h->rows, losses, h);
    bl_cpu_run(c, h->rows * V * D, chunks, chunk_grads, h);
    bl_cpu_run(c, h->rows * D * chunks, h->padded / DEEP, row_grads, h);
}

void bl_bf16_head(const bl_cpu *c, const bl_head_grads *g)
{
    head_rows h = {.c = c, .g = g, .tiles = bl_blocks(g->V, HEAD_COLS)};
    size_t most = bl_logit_rows(&c->most);
    h.chunk = bl_most(4, bl_blocks(h.tiles, HEAD_CHUNKS));
    bl_cpu_run(c, g->V * g->D, h.tiles * DEPTH, pack_words, &h);
    for (; h.first < g->N; h.first += most) {
        h.rows = bl_least(g->N - h.first, most);
        h.padded = padded_rows(h.rows);
        rows_loss(&h);
    }
}
