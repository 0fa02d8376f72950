/* The best logits of each row: of logits, or of x and E without most logits.
 *
 * For the latter a copy of E in 8 bits (bl_coarse) gives an upper and a lower bound of each logit.
 * At least k rows reach the k-th best lower bound; so the k best are among those whose upper bound
 * reaches it, and these are computed from E, in the sums of head_logits. */
#include "cpu/cpu_impl.h"

#include <math.h>

typedef struct top_op {
    bl_candidate *best;
    const float *logits;
    size_t V, k;
} top_op;

/* Whether all of AT_ONCE numbers are finite, without a branch. */
enum { AT_ONCE = 256 };
static int all_finite(const float *x)
{
    uint32_t odd = 0;
    for (size_t i = 0; i < AT_ONCE; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        odd |= (bits & 0x7F800000) == 0x7F800000;
    }
    return !odd;
}

/* The first of x[n] that is not finite, or n. */
static size_t first_odd(const float *x, size_t n)
{
    size_t i = 0;
    while (n - i >= AT_ONCE && all_finite(x + i))
        i += AT_ONCE;
    while (i < n && isfinite(x[i]))
        i++;
    return i;
}

static void top_rows(void *user, size_t first, size_t last, size_t member)
{
    const top_op *a = user;
    (void)member;
    for (size_t n = first; n < last; n++) {
        bl_candidate *best = a->best + n * (a->k + 1);
        const float *x = a->logits + n * a->V;
        bl_best_of(best, a->k, x, a->V);
        best[a->k] = (bl_candidate){0, (int32_t)first_odd(x, a->V)};
    }
}

void bl_cpu_head_top(bl_dev *d, bl_dev_candidate *best, const bl_real *logits, size_t N, size_t V,
                     size_t k)
{
    top_op a = {(bl_candidate *)(void *)best, (const float *)logits, V, k};
    bl_cpu_run(bl_cpu_of(d), N * V, N, top_rows, &a);
}

/* ---- from x and E ---- */

/* A bl_coarse: this, and then the panels. */
typedef struct coarse_head {
    _Alignas(64) float longest; /* the largest |E[v]|, rounded upwards; infinite: of no use */
} coarse_head;

enum { COARSE_LEAST = 1 << 18 }; /* elements of E, below which E itself is read as fast */

static uint8_t *panel_at(const bl_coarse *coarse, size_t v, size_t D)
{
    uintptr_t panels = (uintptr_t)coarse + sizeof(coarse_head);
    return (uint8_t *)panels + v / BL_COARSE_ROWS * bl_coarse_panel_bytes(D);
}

size_t bl_cpu_head_coarse_bytes(bl_dev *d, size_t V, size_t D)
{
    if (!bl_cpu_of(d)->k.coarse_pays || V < COARSE_LEAST / D)
        return 0;
    return sizeof(coarse_head) + bl_blocks(V, BL_COARSE_ROWS) * bl_coarse_panel_bytes(D);
}

typedef struct pack_op {
    const bl_cpu *c;
    bl_coarse *coarse;
    bl_cpu_table E;
    size_t V, D;
} pack_op;

static void pack_panels(void *user, size_t first, size_t last, size_t member)
{
    const pack_op *a = user;
    float *room = bl_cpu_local(a->c, member);
    for (size_t i = first; i < last; i++) {
        size_t v = i * BL_COARSE_ROWS, rows = bl_least(a->V - v, BL_COARSE_ROWS);
        a->c->k.coarse_pack(panel_at(a->coarse, v, a->D),
                            bl_cpu_table_rows(&a->c->k, &a->E, v, rows, room), rows, a->D);
    }
}

void bl_cpu_head_coarse(bl_dev *d, bl_coarse *coarse, const bl_param *E, size_t V, size_t D)
{
    coarse_head *head = (coarse_head *)(void *)coarse;
    pack_op a = {bl_cpu_of(d), coarse, bl_cpu_table_open(E, D), V, D};
    if (!bl_cpu_head_coarse_bytes(d, V, D))
        return;
    bl_cpu_run(bl_cpu_of(d), V * D, bl_blocks(V, BL_COARSE_ROWS), pack_panels, &a);
    head->longest = 0;
    for (size_t v = 0; v < V; v++) {
        const float *floats = bl_coarse_floats(panel_at(coarse, v, D), bl_coarse_ins(D));
        float length = floats[2 * BL_COARSE_ROWS + v % BL_COARSE_ROWS];
        head->longest = length > head->longest ? length : head->longest;
    }
}

/* A call, for at most HEAD_ROWS rows. */
typedef struct best_op {
    bl_cpu *c;
    bl_candidate *best;
    float *room;
    const float *x;
    bl_cpu_table E;
    const bl_coarse *coarse;
    size_t N, D, V, k;
} best_op;

enum { NOT_FOUND = -1 }; /* as the id of the last of a row's candidates */

static bl_candidate *last_of(const best_op *a, size_t n)
{
    return &a->best[n * (a->k + 1) + a->k];
}

/* Whether the bounds hold: no sum can overflow, and what underflows is far below them. */
static int in_range(double longest, double length)
{
    return length > 1e-15 && length < 1e30 && longest < 1e30 && longest * length < 1e37;
}

/* x of row n for the coarse rows; 0: it has no use for them. */
static int coarsen(const best_op *a, size_t n)
{
    const float to_integer = 12582912.0f; /* 1.5 * 2^23: what is added to it is rounded */
    const double upwards = 1 + 1e-5,
                 longest = (double)((const coarse_head *)(const void *)a->coarse)->longest;
    size_t D = a->D, ins = bl_coarse_ins(D);
    const float *x = a->x + n * D;
    int8_t *high = a->c->coarse_bytes + n * 2 * ins, *low = high + ins;
    bl_coarse_x *to = &a->c->coarse_x[n];
    double squares = 0, rests = 0;
    float most = 0;
    for (size_t i = 0; i < D; i++) {
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
        squares += (double)x[i] * (double)x[i];
    }
    if (!in_range(longest, sqrt(squares))) /* nor when one is not a number */
        return 0;
    *to = (bl_coarse_x){.high = high, .low = low, .step = most / (127 * 128)};
    memset(high, 0, 2 * ins);
    for (size_t i = 0; i < D; i++) {
        float whole = x[i] * (127 * 128 / most) + to_integer - to_integer;
        double rest = (double)x[i] - (double)to->step * (double)whole;
        int32_t q = (int32_t)whole, upper = (q + 64) >> 7;
        high[i] = (int8_t)upper;
        low[i] = (int8_t)(q - 128 * upper);
        to->high_sum += upper;
        to->low_sum += low[i];
        rests += rest * rest;
    }
    /* a sum of D / 8 and a tree, and the arithmetic of the bounds */
    double lost = ((double)D / 8 + 64) * 0x1p-24 * sqrt(squares);
    to->length = (float)(sqrt(squares) * upwards);
    to->rest = (float)((sqrt(rests) + lost) * upwards);
    return 1;
}

static size_t lowers_of(const best_op *a)
{
    return bl_blocks(a->V, COARSE_TASK) * BL_COARSE_ROWS;
}

static void bound_tasks(void *user, size_t first, size_t last, size_t member)
{
    const best_op *a = user;
    (void)member;
    for (size_t i = first; i < last; i++) {
        size_t v = i * COARSE_TASK, rows = bl_least(a->V - v, COARSE_TASK);
        for (size_t n = 0; n < a->N; n++)
            if (last_of(a, n)->id != NOT_FOUND)
                a->c->k.coarse_bounds(a->room + n * a->V + v,
                                      a->c->coarse_lower + n * lowers_of(a) + i * BL_COARSE_ROWS,
                                      panel_at(a->coarse, v, a->D), &a->c->coarse_x[n], rows, a->D);
    }
}

/* The ids of upper bounds from `least` on, in their place, at most `most`; more: SIZE_MAX. */
static size_t reach(float *upper, size_t V, float least, size_t most)
{
    enum { BLOCK = 32 };
    int32_t *ids = (int32_t *)(void *)upper;
    size_t count = 0;
    for (size_t v = 0; v < V; v += BLOCK) {
        size_t end = bl_least(V, v + BLOCK);
        int any = 0;
        for (size_t i = v; i < end; i++)
            any |= upper[i] >= least;
        if (any && count + BLOCK > most)
            return SIZE_MAX;
        for (size_t i = v; any && i < end; i++)
            if (upper[i] >= least)
                ids[count++] = (int32_t)i;
    }
    return count;
}

/* The logits of row x of some words, exactly; of a narrower table a few rows of it at a time. */
static void exact_logits(const best_op *a, float *logit, const float *x, const int32_t *ids,
                         size_t count, float *room)
{
    static const int32_t order[TABLE_ROWS] = {0, 1, 2, 3, 4, 5, 6, 7};
    const bl_kern *k = &a->c->k;
    if (a->E.form == BL_TABLE_PARAMS) {
        k->dots_at(logit, x, (const float *)(const void *)a->E.rows, a->D, ids, count, a->D);
        return;
    }
    for (size_t at = 0, some; at < count; at += some) {
        some = bl_least(count - at, TABLE_ROWS);
        for (size_t i = 0; i < some; i++)
            (void)bl_cpu_table_rows(k, &a->E, (size_t)ids[at + i], 1, room + i * a->D);
        k->dots_at(logit + at, x, room, a->D, order, some, a->D);
    }
}

static void choose_rows(void *user, size_t first, size_t last, size_t member)
{
    const best_op *a = user;
    size_t V = a->V, most = V / COARSE_SHARE;
    bl_candidate *found = a->c->coarse_found + member * most;
    for (size_t n = first; n < last; n++) {
        bl_candidate *best = a->best + n * (a->k + 1);
        float *upper = a->room + n * V, *logit = upper + V - most;
        if (last_of(a, n)->id == NOT_FOUND)
            continue;
        bl_best_of(best, a->k, a->c->coarse_lower + n * lowers_of(a), lowers_of(a));
        size_t count = reach(upper, V, best[a->k - 1].logit, most);
        *last_of(a, n) = (bl_candidate){0, count == SIZE_MAX ? NOT_FOUND : (int32_t)V};
        if (count == SIZE_MAX)
            continue;
        const int32_t *ids = (const int32_t *)(void *)upper;
        exact_logits(a, logit, a->x + n * a->D, ids, count, bl_cpu_local(a->c, member));
        for (size_t i = 0; i < count; i++)
            found[i] = (bl_candidate){logit[i] + 0.0f, ids[i]};
        bl_best_keep(found, count, a->k);
        memcpy(best, found, a->k * sizeof *best);
    }
}

/* Finds what the bounds can find, and marks the other rows. */
static void find_coarsely(best_op *a)
{
    size_t found = 0;
    for (size_t n = 0; n < a->N; n++) {
        int usable = a->coarse && a->k <= lowers_of(a) && coarsen(a, n);
        last_of(a, n)->id = usable ? 0 : NOT_FOUND;
        found += (size_t)usable;
    }
    if (!found)
        return;
    bl_cpu_run(a->c, found * a->V * a->D / 16, bl_blocks(a->V, COARSE_TASK), bound_tasks, a);
    bl_cpu_run(a->c, found * a->V, a->N, choose_rows, a);
}

void bl_cpu_head_best(bl_dev *d, bl_dev_candidate *best, bl_real *room, const bl_act *x,
                      const bl_param *E, const bl_coarse *coarse, size_t N, size_t D, size_t V,
                      size_t k)
{
    for (size_t at = 0; at < N; at += HEAD_ROWS) {
        best_op a = {.c = bl_cpu_of(d),
                     .best = (bl_candidate *)(void *)best + at * (k + 1),
                     .room = (float *)room + at * V,
                     .x = (const float *)x + at * D,
                     .E = bl_cpu_table_open(E, D),
                     .coarse = bl_cpu_head_coarse_bytes(d, V, D) ? coarse : NULL,
                     .N = bl_least(N - at, HEAD_ROWS),
                     .D = D,
                     .V = V,
                     .k = k};
        find_coarsely(&a);
        for (size_t n = 0, some; n < a.N; n += some) {
            int found = last_of(&a, n)->id != NOT_FOUND;
            for (some = 1; n + some < a.N; some++)
                if ((last_of(&a, n + some)->id != NOT_FOUND) != found)
                    break;
            if (found)
                continue;
            bl_real *logits = (bl_real *)(void *)(a.room + n * V);
            bl_cpu_head_logits(d, logits, (const bl_act *)(const void *)(a.x + n * D), E, some, D,
                               V);
            bl_cpu_head_top(d, (bl_dev_candidate *)(void *)(a.best + n * (k + 1)), logits, some, V,
                            k);
        }
    }
}
