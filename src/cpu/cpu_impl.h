/* What the files of the CPU backend share: its scratch, how work is cut, and the ops by file. */
#ifndef BL_CPU_CPU_IMPL_H
#define BL_CPU_CPU_IMPL_H

#include "core/arena.h"
#include "core/team.h"
#include "kern/kern.h"
#include "ops/ops.h"

#include <string.h>

/* Work is cut by problem size, never by the number of threads, and partial sums are added in
 * ascending order: so one thread and many give the same bits. */
enum {
    ROW_BLOCK = 64,      /* rows whose parameter gradients form one partial sum */
    MATMUL_ROWS = 128,   /* rows of one task of a float or ternary product */
    MATMUL_OUTS = 64,    /* outputs of one task of a weight gradient */
    DEQUANT_ROWS = 1024, /* rows of x held as floats at a time for a weight gradient */
    HEAD_ROWS = 256,     /* rows whose logits are held, or best are found, at a time */
    HEAD_WIDE = 32768,   /* logits of twice as many rows of a vocabulary up to this */
    HEAD_COLS = 256,     /* columns of one tile of them */
    HEAD_CHUNKS = 16,    /* at most this many partial sums of dx, of at least 4 tiles each */
    COARSE_TASK = 256,   /* coarse rows of one task */
    COARSE_SHARE = 8,    /* a row of logits is computed exactly for 1 in so many, or for all */
    NORM_BLOCKS = 4096,  /* partial sums of a gradient norm */
    CONV_MOST = 8        /* taps of a convolution */
};

/* What a token of several sequences leaves between the steps of a layer. */
typedef struct bl_decode_room {
    float *xn, *u, *q, *k, *v, *z, *o; /* [DECODE_ROWS,D] */
    float *gate, *up;                  /* [DECODE_ROWS,I] */
    float *lambda;                     /* [DECODE_ROWS,H] */
    bl_q8 *xq, *hq;
} bl_decode_room;

typedef struct bl_cpu {
    bl_kern k;
    size_t threads;
    int ternary;
    int bf16; /* gradients' products are of bfloat16 (bf16.c, head_bf16.c) */
    bl_limits most;
    void *block;                 /* all scratch */
    float *logits;               /* [tiles, rows, HEAD_COLS], rows of bl_logit_rows() */
    float *head_most, *head_sum; /* [tiles, rows] */
    float *head_target;          /* [rows] logits of the targets */
    float *head_dx;              /* [HEAD_CHUNKS, rows, D] */
    uint16_t *half_E, *half_Et;  /* the head's matrix and its transposed, as strips */
    uint16_t *half_x, *half_xt;  /* its rows and their transposed, as panels */
    int8_t *coarse_bytes;        /* [HEAD_ROWS, 2, D padded] */
    bl_coarse_x *coarse_x;       /* [HEAD_ROWS] */
    float *coarse_lower;         /* [HEAD_ROWS, tasks, BL_COARSE_ROWS] */
    bl_candidate *coarse_found;  /* [threads, V / COARSE_SHARE] */
    float *dense_x;              /* [DEQUANT_ROWS, max(D, I)], packed */
    float *dense_w;              /* [out, in] of the largest, packed */
    float *partial;              /* [row blocks, widest parameter gradient] */
    float *ttt_grads;            /* [B H, bl_ttt_grad_floats()] */
    float *rope;                 /* [2, C, F] cos and sin, for the shape below */
    float *wide_rows;            /* [threads, HEAD_COLS, D] of a narrower head */
    float *conv_w;               /* [2 (K + 1), D] */
    double *norms;               /* [NORM_BLOCKS] */
    bl_decode_room decode;
    bl_team_record chains[BL_TEAM_CHAIN + 1]; /* of decode, by the number of threads */
    float *local;                             /* [threads, local_floats] */
    size_t local_floats, partial_floats;
    float rope_theta;
    size_t rope_C, rope_F;
} bl_cpu;

static inline bl_cpu *bl_cpu_of(bl_dev *d)
{
    return d->impl;
}

static inline size_t bl_blocks(size_t n, size_t block)
{
    return (n + block - 1) / block;
}

static inline size_t bl_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t bl_most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Rows whose logits are held at a time: room for them is as large as the largest vocabulary. */
static inline size_t bl_logit_rows(const bl_limits *most)
{
    return most->V > HEAD_WIDE ? HEAD_ROWS : 2 * HEAD_ROWS;
}

/* The scratch of a member of a team. */
static inline float *bl_cpu_local(const bl_cpu *c, size_t member)
{
    return c->local + member * c->local_floats;
}

/* A gradient's partial sum of `width` values, at zero. */
static inline float *bl_cpu_part(float *sums, size_t block, size_t width)
{
    return memset(sums + block * width, 0, width * sizeof *sums);
}

/* Tasks 0 .. count - 1 of an op, together `work` element visits, on as many threads as pay off
 * (work.c). */
void bl_cpu_run(const bl_cpu *c, size_t work, size_t count, bl_team_fn *fn, void *op);

/* to[i] += sum over blocks of part[block, i], ascending. */
void bl_cpu_reduce(const bl_cpu *c, float *to, const float *part, size_t blocks, size_t width);

/* The parts of a bl_q8 of N rows of K: its header fields, or its float rows with quantization
 * none. */
typedef struct bl_q8_view {
    int8_t *q;
    int32_t *sum;
    float *scale;
    size_t ld;
    float *rows; /* [N,K] when not ternary */
} bl_q8_view;
bl_q8_view bl_q8_open(const bl_cpu *c, const bl_q8 *q8, size_t N, size_t K);

/* y[N,out] = (accumulate ? y : 0) + x . w^T, in tiles: tasks are (task_rows, task_panels), panels
 * fastest, so that a row tile's activations stay in L2 while the panels, which fit there too, pass
 * by. */
typedef struct bl_tern_product {
    float *y;
    const bl_tern *w;
    bl_q8_view x;
    size_t N, out, in;
    int accumulate;
    size_t task_rows, task_panels; /* 0: MATMUL_ROWS and one */
    size_t far;                    /* of bl_q8_rows */
} bl_tern_product;
void bl_cpu_tern_tiles(const bl_cpu *c, const bl_tern_product *product, size_t first, size_t last);

/* c[M,N] = (add ? c : 0) + op(a) op(b); op transposes where ta, tb are set (a is then [K,M], b is
 * [N,K]).  Called for one tile of a larger product; uses the member's scratch. */
void bl_matmul(const bl_cpu *cpu, size_t member, int ta, int tb, size_t M, size_t N, size_t K,
               const float *a, size_t lda, const float *b, size_t ldb, int add, float *c,
               size_t ldc);
size_t bl_matmul_local_floats(void);

/* The same for a whole b [K,N] that many tiles share, packed in advance: the most floats it takes;
 * rows first .. first + count - 1 from `b` to their places; and the product. */
size_t bl_matmul_packed_floats(size_t K, size_t N);
void bl_matmul_pack(const bl_kern *kern, float *to, size_t K, size_t N, const float *b,
                    size_t first, size_t count);
void bl_matmul_packed(const bl_cpu *cpu, size_t member, int ta, size_t M, size_t N, size_t K,
                      const float *a, size_t lda, const float *b, int add, float *c, size_t ldc);
/* Rows of an embedding or head of D, as they are kept (bl_table_form). */
typedef struct bl_cpu_table {
    const char *rows;
    bl_table_form form;
    size_t D, bytes; /* of a row */
} bl_cpu_table;
enum { TABLE_ROWS = 8 }; /* that are widened at a time, to be used from L1 */
bl_cpu_table bl_cpu_table_open(const bl_param *E, size_t D);
/* Rows first .. first + n - 1 as floats: where they are, or widened into room [n,D]. */
const float *bl_cpu_table_rows(const bl_kern *k, const bl_cpu_table *t, size_t first, size_t n,
                               float *room);

void bl_cpu_decode_plan(bl_decode_room *r, bl_arena *a, const bl_limits *most, bl_dev *d);
/* The taps of n channels by distance, each a row: wt[j,c] = w[c,K-1-j]. */
void bl_taps_by_distance(float *wt, const float *w, size_t n, size_t K);
size_t bl_ttt_linear_local_floats(const bl_limits *most);
size_t bl_ttt_mlp_local_floats(const bl_limits *most);

/* Every op of the table; the linker proves that none is missing. */
#define X(op, params, args) size_t bl_cpu_##op params;
BL_OPS_SIZE_LIST(X)
#undef X
#define X(op, params, args) bl_status bl_cpu_##op params;
BL_OPS_STATUS_LIST(X)
#undef X
#define X(op, params, args) void bl_cpu_##op params;
BL_OPS_VOID_LIST(X)
BL_OPS_OPTIONAL_LIST(X)
#undef X

#endif
