/* What the collectives of a warp compute, once all lanes are there; and copies under way. */
#include "cuda_bf16.h"
#include "emulate_impl.h"

#include <map>
#include <vector>

enum { LANES = 32 };

/* ---- shuffles and votes ---- */

/* The lane that `lane` reads from; it reads its own value where there is none (PTX: shfl). */
static inline int source_lane(emulate_kind kind, int width, int arg, int lane)
{
    int base = lane & ~(width - 1), end = base + width;
    int from = kind == EMULATE_SHFL       ? base + (arg & (width - 1))
               : kind == EMULATE_SHFL_UP  ? lane - arg
               : kind == EMULATE_SHFL_XOR ? lane ^ arg
                                          : lane + arg;
    /* of xor, lanes of an earlier group are there too */
    if (from >= end || from < (kind == EMULATE_SHFL_XOR ? 0 : base))
        return lane;
    return from;
}

void emulate_shuffle_all(emulate_kind kind, emulate_values *values, int width)
{
    uint64_t in[LANES], yes = 0;
    memcpy(in, values->v, sizeof in);
    switch (kind) {
    case EMULATE_SHFL_XOR:
        for (int i = 0; i < LANES; i++)
            values->v[i] = in[source_lane(EMULATE_SHFL_XOR, width, values->arg[i], i)];
        break;
    case EMULATE_BALLOT:
        for (int i = 0; i < LANES; i++)
            yes |= (uint64_t)(in[i] != 0) << i;
        for (int i = 0; i < LANES; i++)
            values->v[i] = yes;
        break;
    default:
        for (int i = 0; i < LANES; i++)
            values->v[i] = in[source_lane(kind, width, values->arg[i], i)];
    }
}

/* Of some lanes. */
static void shuffle(emulate_kind kind, emulate_slot *const slots[LANES], emulate_values *values)
{
    uint64_t in[LANES];
    for (int i = 0; i < LANES; i++)
        in[i] = slots[i] ? values->v[i] : ~(uint64_t)0; /* of a lane that is not there */
    for (int i = 0; i < LANES; i++)
        if (slots[i])
            values->v[i] = in[source_lane(kind, slots[i]->width, values->arg[i], i)];
}

/* Of a ballot, who says yes; of match, who has the same value. */
static void vote(emulate_kind kind, emulate_slot *const slots[LANES], emulate_values *values)
{
    uint64_t in[LANES];
    memcpy(in, values->v, sizeof in);
    for (int i = 0; i < LANES; i++) {
        if (!slots[i])
            continue;
        values->v[i] = 0;
        for (int j = 0; j < LANES; j++)
            if (slots[j] && (kind == EMULATE_MATCH ? in[j] == in[i] : in[j] != 0))
                values->v[i] |= 1u << j;
    }
}

/* ---- matrices; the layouts are those of mma.cuh ---- */

static void load_matrices(emulate_slot *const slots[LANES], int transposed)
{
    uint16_t m[4][8][8];
    for (int i = 0; i < LANES; i++) {
        if ((uintptr_t)slots[i]->row % 16)
            emulate_fail("ldmatrix: a row that is not aligned to 16 bytes", slots[i]->file,
                         slots[i]->line);
        memcpy(m[i / 8][i % 8], slots[i]->row, 16);
    }
    for (int lane = 0; lane < LANES; lane++)
        for (int i = 0; i < 4; i++) {
            int g = lane / 4, c = 2 * (lane % 4);
            uint32_t low = transposed ? m[i][c][g] : m[i][g][c];
            uint32_t high = transposed ? m[i][c + 1][g] : m[i][g][c + 1];
            slots[lane]->c[i] = low | high << 16;
        }
}

static float low_half(uint32_t pair)
{
    uint32_t bits = pair << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float high_half(uint32_t pair)
{
    return low_half(pair >> 16);
}

/* c += a b: every sum in float, k ascending. */
static void mma_of_bf16(emulate_slot *const slots[LANES])
{
    float A[16][16], B[16][8], C[16][8];
    for (int lane = 0; lane < LANES; lane++) {
        const emulate_slot *s = slots[lane];
        int g = lane / 4, c = 2 * (lane % 4);
        for (int i = 0; i < 4; i++) {
            int row = g + 8 * (i & 1), col = c + 8 * (i >> 1);
            A[row][col] = low_half(s->a[i]);
            A[row][col + 1] = high_half(s->a[i]);
        }
        for (int i = 0; i < 2; i++) {
            B[c + 8 * i][g] = low_half(s->b[i]);
            B[c + 8 * i + 1][g] = high_half(s->b[i]);
        }
        memcpy(&C[g][c], &s->c[0], 8);
        memcpy(&C[g + 8][c], &s->c[2], 8);
    }
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 16; k++)
            for (int n = 0; n < 8; n++)
                C[m][n] += A[m][k] * B[k][n];
    for (int lane = 0; lane < LANES; lane++) {
        int g = lane / 4, c = 2 * (lane % 4);
        memcpy(&slots[lane]->c[0], &C[g][c], 8);
        memcpy(&slots[lane]->c[2], &C[g + 8][c], 8);
    }
}

static void mma_of_s8(emulate_slot *const slots[LANES])
{
    int8_t A[16][32];
    int16_t B[32][8];
    int32_t C[16][8];
    for (int lane = 0; lane < LANES; lane++) {
        const emulate_slot *s = slots[lane];
        int g = lane / 4, c = 2 * (lane % 4);
        for (int i = 0; i < 4; i++)
            memcpy(&A[g + 8 * (i & 1)][2 * c + 16 * (i >> 1)], &s->a[i], 4);
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 4; j++)
                B[2 * c + 16 * i + j][g] = (int8_t)(s->b[i] >> 8 * j);
        memcpy(&C[g][c], &s->c[0], 8);
        memcpy(&C[g + 8][c], &s->c[2], 8);
    }
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 32; k++)
            for (int n = 0; n < 8; n++)
                C[m][n] += A[m][k] * B[k][n];
    for (int lane = 0; lane < LANES; lane++) {
        int g = lane / 4, c = 2 * (lane % 4);
        memcpy(&slots[lane]->c[0], &C[g][c], 8);
        memcpy(&slots[lane]->c[2], &C[g + 8][c], 8);
    }
}

void emulate_collective(emulate_kind kind, emulate_slot *const slots[LANES], unsigned all)
{
    emulate_values *values = slots[__builtin_ctz(all)]->values;
    if (kind >= EMULATE_LDMATRIX && all != 0xffffffffu)
        emulate_fail("ldmatrix and mma need all 32 lanes", NULL, 0);
    switch (kind) {
    case EMULATE_SHFL:
    case EMULATE_SHFL_UP:
    case EMULATE_SHFL_DOWN:
    case EMULATE_SHFL_XOR:
        shuffle(kind, slots, values);
        break;
    case EMULATE_BALLOT:
    case EMULATE_MATCH:
        vote(kind, slots, values);
        break;
    case EMULATE_LDMATRIX:
    case EMULATE_LDMATRIX_TRANS:
        load_matrices(slots, kind == EMULATE_LDMATRIX_TRANS);
        break;
    case EMULATE_MMA_BF16:
        mma_of_bf16(slots);
        break;
    case EMULATE_MMA_S8:
        mma_of_s8(slots);
        break;
    default:
        break;
    }
}

/* ---- copies under way ---- */

void emulate_copy(void *shared, const void *global, int bytes, const char *file, int line)
{
    emulate_copies *c = emulate_my_copies();
    if ((uintptr_t)shared % 16 || (uintptr_t)global % 16)
        emulate_fail("copy_async: an address that is not aligned to 16 bytes", file, line);
    if (bytes < 0 || bytes > 16)
        emulate_fail("copy_async: not 0 to 16 bytes", file, line);
    if (c->count == EMULATE_PENDING)
        emulate_fail("copy_async: too many copies without copy_async_wait", file, line);
    c->at[c->count++] = {shared, global, bytes};
    memset(shared, 0xff, 16);
}

void emulate_copy_commit(void)
{
    emulate_copies *c = emulate_my_copies();
    if (c->groups == EMULATE_GROUPS)
        emulate_fail("copy_async_commit: too many groups without copy_async_wait", NULL, 0);
    c->ends[c->groups++] = c->count;
}

void emulate_copy_wait(unsigned under_way)
{
    emulate_copies *c = emulate_my_copies();
    if (c->groups <= under_way)
        return;
    unsigned done = c->groups - under_way, end = c->ends[done - 1];
    for (unsigned i = 0; i < end; i++) {
        const emulate_pending *p = &c->at[i];
        if (p->bytes)
            memcpy(p->to, p->from, (size_t)p->bytes);
        memset((char *)p->to + p->bytes, 0, (size_t)(16 - p->bytes));
    }
    memmove(c->at, c->at + end, (c->count - end) * sizeof *c->at);
    c->count -= end;
    c->groups = under_way;
    for (unsigned i = 0; i < under_way; i++)
        c->ends[i] = c->ends[i + done] - end;
}

/* ---- barriers that count arrivals ---- */

/* A barrier as it lies in its 8 bytes. */
typedef struct counter {
    uint16_t all, missing; /* arrivals of a phase */
    uint32_t phase;        /* the one that has not ended */
} counter;

static std::map<uint64_t *, std::vector<emulate_pending>>
    coming; /* copies by the barrier that tells them */

void emulate_barrier_init(uint64_t *bar, int arrivals)
{
    const counter c = {(uint16_t)arrivals, (uint16_t)arrivals, 0};
    memcpy(bar, &c, sizeof c);
    coming[bar].clear();
}

void emulate_copy_arrive(uint64_t *bar)
{
    emulate_copies *mine = emulate_my_copies();
    std::vector<emulate_pending> &all = coming[bar];
    all.insert(all.end(), mine->at, mine->at + mine->count);
    mine->count = mine->groups = 0;
    counter c;
    memcpy(&c, bar, sizeof c);
    if (!c.missing)
        emulate_fail("copy_async_arrive: a barrier that nobody made", NULL, 0);
    if (!--c.missing)
        c.phase++, c.missing = c.all;
    memcpy(bar, &c, sizeof c);
}

void emulate_barrier_wait(uint64_t *bar, int parity, const char *file, int line)
{
    counter c;
    memcpy(&c, bar, sizeof c);
    if ((int)(c.phase % 2) == parity)
        emulate_fail("barrier_wait: what is waited for has not been asked for by all", file, line);
    for (const emulate_pending &p : coming[bar]) {
        memcpy(p.to, p.from, (size_t)p.bytes);
        memset((char *)p.to + p.bytes, 0, (size_t)(16 - p.bytes));
    }
    coming[bar].clear();
}
