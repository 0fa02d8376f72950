/* How a team's work is laid out in shared memory and over warps.  All of it may be computed by the compiler,
 * for kernels of a shape that is known then. */
#ifndef BL_CUDA_DECODE_PLAN_CUH
#define BL_CUDA_DECODE_PLAN_CUH

#include "cuda/decode.cuh"

#include <stddef.h>

/* What a plan is made of: dimensions of the model, bytes of an activation, bytes of shared memory that a
 * block may have, and a team's blocks and sequences. */
typedef struct decode_shape {
    int L, D, H, I, C, K;
    int keys, gates, pre; /* as in a decode_plan */
    int act, most;
    int size, seqs;
} decode_shape;

enum {
    ROWS_AT_ONCE = 32,     /* a part of a product has a multiple of so many, or all */
    SLOTS_TWICE = 96 << 10 /* room that weights leave to a second layer's tensors */
};

static __host__ __device__ constexpr int plan_up(int n, int to)
{
    return (n + to - 1) / to * to;
}

/* Columns of a row as threads keep it (decode_rows.cuh). */
static __host__ __device__ constexpr int kept_columns(int columns)
{
    return columns <= 256 ? 256 : columns <= NARROW ? (int)NARROW : (int)BROAD;
}

/* How a part of `rows` rows of a phase's matrices is laid out over warps. */
static __host__ __device__ constexpr void plan_part(decode_product *p, int rows)
{
    int units = (rows + 31) / 32, even = p->pieces % 8 == 0   ? 8
                                         : p->pieces % 4 == 0 ? 4
                                         : p->pieces % 2 == 0 ? 2
                                                              : 1;
    p->padded = units * 32;
    for (p->log = 0; units << (p->log + 1) <= WARPS && 2 << p->log <= p->pieces;)
        p->log++;
    p->each = (p->pieces + (1 << p->log) - 1) >> p->log;
    p->shift = even == 8 ? 0 : even == 4 ? 1 : 2;
    while (even > 1 && (p->pieces % p->each || p->each % even))
        even /= 2;
    p->mask = even - 1;
}

/* How the phases' products are laid out, and the slots for their weights in the room that is left. */
static __host__ __device__ constexpr void plan_products(decode_plan *a, int most_bytes)
{
    int least = 0, most = 0, sums = 0, room = most_bytes - a->at.slots;
    for (int phase = PROJECTIONS; phase < PHASES; phase++) {
        int in = phase == DOWN ? a->I : a->D, out = phase == GATE_UP ? a->I : a->D;
        decode_product *p = &a->product[phase];
        p->packed = (int)tern_packed_at((size_t)out, (size_t)in);
        p->pieces = (in + 63) / 64;
        p->rows = phase == PROJECTIONS ? (2 + a->keys + a->gates) * a->own
                                       : (out / 8 + a->size - 1) / a->size * 8;
        p->part = p->rows;
        int bytes = p->pieces * 16 * (phase == GATE_UP ? 2 : 1);
        least = least < bytes * ROWS_AT_ONCE ? bytes * ROWS_AT_ONCE : least;
        most = most < bytes * p->rows ? bytes * p->rows : most;
    }
    int slot = room / 4 > most ? most : room / 5 / 16 * 16; /* with room for sums */
    slot = slot > most ? most : slot < least ? least : slot;
    for (int phase = PROJECTIONS; phase < PHASES; phase++) {
        decode_product *p = &a->product[phase];
        int both = phase == GATE_UP ? 2 : 1, rows = slot / (p->pieces * 16 * both);
        if (rows < p->part)
            p->part = rows / ROWS_AT_ONCE * ROWS_AT_ONCE;
        plan_part(p, p->part * both);
        sums = sums < p->padded << p->log ? p->padded << p->log : sums;
    }
    a->sums = sums;
    a->at.sums = a->at.slots;
    sums *= a->seqs * (int)sizeof(int);
    a->at.slots += sums;
    room = room > sums ? room - sums : 0;
    a->slots = room / slot > SLOTS_MOST ? (int)SLOTS_MOST : room / slot;
    a->slot_bytes = slot;
}

/* The rows of the phases and their norms. */
static __host__ __device__ constexpr void plan_sources(decode_plan *a)
{
    int D = a->D;
    const decode_room *at = &a->at;
    const decode_source sources[] = {
        {at->x, at->tensor[TENSOR_seq_norm], at->xn, D, 0, 1, TEAM_X},
        {at->o, at->tensor[TENSOR_attn_sub], 0, D, 1, 1, TEAM_O},
        {at->mid, at->tensor[TENSOR_ffn_norm], 0, D, 0, 1, TEAM_X},
        {at->h, at->tensor[TENSOR_ffn_sub], 0, a->I, 0, 1, TEAM_H},
        {at->x, at->tensor[TENSOR_pre_norm], at->u, D, 0, 0, TEAM_X},
    };
    for (int phase = 0; phase <= PHASES; phase++)
        a->source[phase] = sources[phase];
}

/* The plan of a shape; bytes is 0 if there is none. */
static __host__ __device__ constexpr decode_plan plan_of(const decode_shape &s)
{
    decode_plan a = {};
    int D = s.D, I = s.I, K = s.K, C = s.C, H = s.H, L = s.L, seqs = s.seqs, act = s.act, at = 0;
    int heads = (H + s.size - 1) / s.size, own = heads * HEAD, wide = kept_columns(D > I ? D : I);
    int taps = K - 1;
    a.D = D, a.I = I, a.C = C, a.K = K, a.H = H;
    a.keys = s.keys, a.gates = s.gates, a.pre = s.pre;
#define X(type, name, elements)                                                                    \
    a.at.name = at;                                                                                \
    at += plan_up((elements) * (int)sizeof(type), 16);
    DECODE_ROOM(X)
    int all = at;
    at = 0;
    DECODE_LAYER_ROOM(X)
#undef X
#define X(name, member, elements, of_head)                                                         \
    a.at.tensor[TENSOR_##name] = at;                                                               \
    at += plan_up((elements) * (int)sizeof(float), 16);                                            \
    a.tensor[TENSOR_##name].from = (int)offsetof(bl_decode_layer, member);                         \
    a.tensor[TENSOR_##name].count = (elements);                                                    \
    a.tensor[TENSOR_##name].head = (of_head);
    DECODE_TENSORS(X)
#undef X
    a.size = s.size, a.seqs = seqs;
    while (1 << (a.size_log + 1) <= a.size)
        a.size_log++;
    a.own = own, a.wide = wide;
    plan_sources(&a);
    a.layer_bytes = at;
    a.at.layers = all;
    a.twice = all + 2 * at + SLOTS_TWICE <= s.most;
    a.at.slots = all + (a.twice ? 2 : 1) * at;
    if (a.at.slots < s.most)
        plan_products(&a, s.most);
    if (a.slots >= 2)
        a.bytes = a.at.slots + a.slots * a.slot_bytes;
    return a;
}

#endif
