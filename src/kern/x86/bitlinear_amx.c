/* Ternary products of many rows by the tiles of AMX: the sums, and so the bits, of AVX-512 VNNI.
 *
 * A tile of weights is 64 inputs of 16 outputs, a row of it 4 inputs of each: field f of the packed
 * tile t, as it lies there, is row 4 t + f of the two tiles of its panel.  One vgf2p8affineqb moves
 * the field of every byte to its lowest bits.  A tile of activations is 16 rows of 64 inputs where
 * they are.
 *
 * A block is 32 rows by 32 outputs, in four tiles; a step of 64 inputs reads two tiles of
 * activations and two of weights for four products.  There are two ways to have the weights ready.
 * Where sums are long, a block goes along all panels while its activations stay in L1, and weights
 * are unpacked three steps before they are multiplied.  Where sums are short, writing outputs takes
 * longer than products, and stores that wait for memory would hold up those of weights: there a
 * panel is unpacked once for several blocks, and a block's outputs are written while the next block
 * is multiplied. */
#include "kern/kern.h"
#include "kern/x86/lanes_avx512.h"
#include "kern/x86/tern_avx512.h"
#include "kern/x86/tiles_amx.h"

enum {
    ROWS = 2 * TILE_ROWS,     /* of a block */
    OUTS = BL_TERN_ROWS,      /* of a block */
    STEP = TILE_BYTES,        /* inputs of a step */
    STEP_TILES = 4,           /* packed tiles of it */
    STEP_BYTES = 2 * 16 * 64, /* of it, unpacked */
    SHORT = 8,                /* steps of a short sum, at most */
    AHEAD = 3,                /* steps that weights are unpacked before they are used */
    RING = 4,                 /* of as many steps */
    MOST_ROWS = 64,           /* that share the weights of a panel */
    FEW_ROWS = 8,             /* below this VNNI is faster, */
    FEW_SHORT = 12            /* and of short sums below this */
};

/* ---- weights ---- */

static inline void unpack_field(uint8_t *to, __m512i low, __m512i high, long long field)
{
    const __m512i matrix = _mm512_set1_epi64(field);
    _mm512_store_si512(to, _mm512_gf2p8affine_epi64_epi8(low, matrix, 0));
    _mm512_store_si512(to + STEP_BYTES / 2, _mm512_gf2p8affine_epi64_epi8(high, matrix, 0));
}

static inline void unpack_tile(uint8_t *to, const uint8_t *packed)
{
    __m512i low = _mm512_setzero_si512(), high = low;
    if (packed) {
        low = _mm512_loadu_si512(packed);
        high = _mm512_loadu_si512(packed + 64);
    }
    unpack_field(to, low, high, TERN_FIELD(0));
    unpack_field(to + 64, low, high, TERN_FIELD(1));
    unpack_field(to + 128, low, high, TERN_FIELD(2));
    unpack_field(to + 192, low, high, TERN_FIELD(3));
}

/* The matrix as steps: the last one may begin early, so that all its inputs are in a row of
 * activations, and has zeros for what the step before had. */
typedef struct matrix {
    const uint8_t *packed;
    size_t outs, panel_bytes, tiles; /* of a panel */
    size_t steps, last_in;           /* the input that the last step begins with */
} matrix;

/* Step s of a panel. */
static inline void unpack_step(uint8_t *to, const matrix *m, const uint8_t *panel, size_t s)
{
    const uint8_t *packed = panel + s * STEP_TILES * BL_TERN_TILE;
    if (s + 1 < m->steps) {
        for (size_t i = 0; i < STEP_TILES; i++)
            unpack_tile(to + 256 * i, packed + i * BL_TERN_TILE);
        return;
    }
    size_t known = (s * STEP - m->last_in) / BL_TERN_INS, left = m->tiles - s * STEP_TILES;
    for (size_t i = 0; i < STEP_TILES; i++)
        unpack_tile(to + 256 * i, i - known < left ? packed + (i - known) * BL_TERN_TILE : NULL);
}

/* ---- outputs ---- */

/* The sums of a block that are not outputs yet. */
typedef struct finishing {
    const int32_t *sums; /* [ROWS,OUTS] */
    const int32_t *sum;  /* of a row's activations, and its scale, from the block's first row on */
    const float *scale;
    float *y;
    size_t ldy, end; /* of the rows of sums; 0: all are done */
    size_t second;   /* which row the second tile begins with */
    size_t known[2]; /* rows of either tile that the tile before had */
    __mmask16 live[2];
    int accumulate, whole;
} finishing;

static inline __m512 outputs(const finishing *f, size_t i, size_t n, size_t half)
{
    __m512i sum = _mm512_load_si512(f->sums + i * OUTS + half * 16);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(sum, _mm512_set1_epi32(f->sum[n]))),
                         _mm512_set1_ps(f->scale[n]));
}

static inline void finish(finishing *f)
{
    size_t end = f->end;
    f->end = 0;
    for (size_t row = 0; f->whole && row < end; row++) {
        float *y = f->y + row * f->ldy;
        _mm512_storeu_ps(y, outputs(f, row, row, 0));
        _mm512_storeu_ps(y + 16, outputs(f, row, row, 1));
    }
    for (size_t row = 0; !f->whole && row < end; row++) {
        size_t tile = row / TILE_ROWS, i = row % TILE_ROWS, n = i + (tile ? f->second : 0);
        for (size_t half = 0; half < 2 && i >= f->known[tile]; half++) {
            float *y = f->y + n * f->ldy + half * 16;
            __m512 v = outputs(f, row, n, half);
            if (f->accumulate)
                v = _mm512_add_ps(_mm512_maskz_loadu_ps(f->live[half], y), v);
            _mm512_mask_storeu_ps(y, f->live[half], v);
        }
    }
}

/* ---- products ---- */

/* What the blocks of a call share. */
typedef struct product {
    matrix m;
    float *y; /* of the rows under way, as all that follows */
    size_t ldy, ld, rows;
    const int8_t *q;
    const int32_t *sum;
    int accumulate;
    finishing before; /* the last block */
    _Alignas(64) float scale[MOST_ROWS];
    _Alignas(64) int32_t sums[ROWS * OUTS];
    _Alignas(64) uint8_t weights[SHORT * STEP_BYTES];
} product;

/* Where the row tiles of a block begin.  A last tile begins so early that it is whole, unless there
 * is but one; `known` rows of either were in the tile before. */
typedef struct block_place {
    size_t top, second, known[2];
    int two;
} block_place;

static inline block_place place_of(const product *p, size_t block)
{
    size_t row[2] = {2 * block * TILE_ROWS, (2 * block + 1) * TILE_ROWS};
    size_t last = p->rows < TILE_ROWS ? 0 : p->rows - TILE_ROWS;
    block_place at = {.two = row[1] < p->rows};
    at.top = row[0] < last ? row[0] : last;
    at.second = !at.two ? at.top : row[1] < last ? row[1] : last;
    at.known[0] = row[0] - at.top;
    at.known[1] = at.two ? row[1] - at.second : 0;
    return at;
}

static inline void zero_sums(int two)
{
    TILE_ZERO(0);
    TILE_ZERO(1);
    if (two) {
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
}

/* Tiles 0 and 1, and of a second row tile 2 and 3. */
static inline __attribute__((always_inline)) void
multiply(const product *p, const block_place *at, size_t step, const uint8_t *weights, int two)
{
    size_t in = step * STEP < p->m.last_in ? step * STEP : p->m.last_in, ld = p->ld;
    TILE_LOAD(4, p->q + at->top * ld + in, ld);
    TILE_LOAD(6, weights, 64);
    TILE_LOAD(7, weights + STEP_BYTES / 2, 64);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 4, 7);
    if (two) {
        TILE_LOAD(5, p->q + at->second * ld + in, ld);
        TILE_DOT(2, 5, 6);
        TILE_DOT(3, 5, 7);
    }
}

/* The block's products with the panel of output o are complete. */
static inline void end_block(product *p, const block_place *at, size_t o, int two)
{
    size_t outs = p->m.outs - o;
    TILE_STORE(0, p->sums, 4 * OUTS);
    TILE_STORE(1, p->sums + 16, 4 * OUTS);
    if (two) {
        TILE_STORE(2, p->sums + 16 * OUTS, 4 * OUTS);
        TILE_STORE(3, p->sums + 16 * OUTS + 16, 4 * OUTS);
    }
    p->before =
        (finishing){.sums = p->sums,
                    .sum = p->sum + at->top,
                    .scale = p->scale + at->top,
                    .y = p->y + at->top * p->ldy + o,
                    .ldy = p->ldy,
                    .end = two                   ? ROWS
                           : p->rows < TILE_ROWS ? p->rows
                                                 : TILE_ROWS,
                    .second = at->second - at->top,
                    .known = {at->known[0], at->known[1]},
                    .live = {lanes16(outs), outs > 16 ? lanes16(outs - 16) : 0},
                    .accumulate = p->accumulate,
                    .whole = outs >= OUTS && !p->accumulate && !at->known[0] && !at->known[1]};
}

/* Where the next step of weights comes from, and how many are to come. */
typedef struct unpacking {
    const uint8_t *panel;
    size_t step, made, left;
} unpacking;

static inline void unpack_ahead(product *p, unpacking *a)
{
    if (!a->left)
        return;
    unpack_step(p->weights + a->made++ % RING * STEP_BYTES, &p->m, a->panel, a->step);
    a->left--;
    if (++a->step == p->m.steps) {
        a->step = 0;
        a->panel += p->m.panel_bytes;
    }
}

/* A block by all panels. */
static inline __attribute__((always_inline)) void long_block(product *p, const block_place *at,
                                                             int two)
{
    size_t steps = p->m.steps, used = 0;
    unpacking a = {.panel = p->m.packed, .left = (p->m.outs + OUTS - 1) / OUTS * steps};
    for (size_t i = 0; i < AHEAD; i++)
        unpack_ahead(p, &a);
    for (size_t o = 0; o < p->m.outs; o += OUTS) {
        zero_sums(two);
        for (size_t s = 0; s < steps; s++) {
            multiply(p, at, s, p->weights + used++ % RING * STEP_BYTES, two);
            unpack_ahead(p, &a);
        }
        end_block(p, at, o, two);
        finish(&p->before);
    }
}

/* A block by the panel of output o, unpacked. */
static inline __attribute__((always_inline)) void short_block(product *p, const block_place *at,
                                                              size_t o, int two)
{
    zero_sums(two);
    for (size_t s = 0; s < p->m.steps; s++) {
        multiply(p, at, s, p->weights + s * STEP_BYTES, two);
        if (s == 1) /* by then the sums of the block before have been stored */
            finish(&p->before);
    }
    finish(&p->before);
    end_block(p, at, o, two);
}

/* All panels by the rows under way. */
static void short_blocks(product *p, size_t blocks)
{
    const uint8_t *panel = p->m.packed;
    p->before.end = 0;
    for (size_t o = 0; o < p->m.outs; o += OUTS, panel += p->m.panel_bytes) {
        for (size_t s = 0; s < p->m.steps; s++)
            unpack_step(p->weights + s * STEP_BYTES, &p->m, panel, s);
        for (size_t i = 0; i < blocks; i++) {
            block_place at = place_of(p, i);
            if (at.two)
                short_block(p, &at, o, 1);
            else
                short_block(p, &at, o, 0);
        }
    }
    finish(&p->before);
}

static void long_blocks(product *p, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++) {
        block_place at = place_of(p, i);
        if (at.two)
            long_block(p, &at, 1);
        else
            long_block(p, &at, 0);
    }
}

static void by_vnni(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                    size_t outs, size_t in, int accumulate)
{
    for (size_t o = 0; o < outs; o += OUTS)
        bl_tern_matmul_gfni(y + o, ldy, packed + o / OUTS * bl_tern_panel_bytes(in), g, x,
                            outs - o < OUTS ? outs - o : OUTS, in, accumulate);
}

static void tern_matmul(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                        size_t outs, size_t in, int accumulate)
{
    size_t used = bl_q8_stride(in), panel_bytes = bl_tern_panel_bytes(in);
    if (x->rows < (used > SHORT * STEP ? FEW_ROWS : FEW_SHORT) || used < STEP) {
        by_vnni(y, ldy, packed, g, x, outs, in, accumulate);
        return;
    }
    product p;
    p.m = (matrix){.packed = packed,
                   .outs = outs,
                   .panel_bytes = panel_bytes,
                   .tiles = panel_bytes / BL_TERN_TILE,
                   .steps = (used + STEP - 1) / STEP,
                   .last_in = used - STEP};
    p.ldy = ldy;
    p.ld = x->ld;
    p.accumulate = accumulate;
    tiles_configure(x->rows < TILE_ROWS ? x->rows : TILE_ROWS);
    for (size_t n = 0; n < x->rows; n += p.rows) {
        size_t left = x->rows - n; /* of more than a tile never less than one */
        p.rows = left <= MOST_ROWS ? left : left < MOST_ROWS + TILE_ROWS ? ROWS : MOST_ROWS;
        p.y = y + n * ldy;
        p.q = x->q + n * x->ld;
        p.sum = x->sum + n;
        for (size_t i = 0; i < p.rows; i++)
            p.scale[i] = g / x->scale[n + i];
        size_t blocks = (p.rows + ROWS - 1) / ROWS;
        if (p.m.steps <= SHORT)
            short_blocks(&p, blocks);
        else
            long_blocks(&p, blocks);
    }
    TILES_RELEASE();
}

void bl_kern_bitlinear_amx(bl_kern *k)
{
    k->tern_matmul = tern_matmul;
    k->tern_outs = SIZE_MAX / 2 / BL_TERN_ROWS * BL_TERN_ROWS;
}
