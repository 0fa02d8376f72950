/* The k best of many numbers: a heap of k with the worst of them on top. */
#include "core/best.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Restores the heap downwards from i. */
static void sift_down(bl_candidate *heap, size_t n, size_t i)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        for (size_t child = left; child < n && child < left + 2; child++)
            if (bl_candidate_better(&heap[worst], &heap[child]))
                worst = child;
        if (worst == i)
            return;
        bl_candidate moved = heap[i];
        heap[i] = heap[worst];
        heap[worst] = moved;
        i = worst;
    }
}

/* Notes another one when it is among the k best of *count so far. */
static void offer(bl_candidate *heap, size_t k, size_t *count, bl_candidate c)
{
    if (*count < k) {
        heap[(*count)++] = c;
        for (size_t i = *count == k ? k / 2 : 0; i-- > 0;)
            sift_down(heap, k, i);
    } else if (bl_candidate_better(&c, &heap[0])) {
        heap[0] = c;
        sift_down(heap, k, 0);
    }
}

static int best_first(const void *a, const void *b)
{
    return bl_candidate_better(a, b) ? -1 : 1;
}

static void sort(bl_candidate *c, size_t n)
{
    if (n > BL_BEST_MOST) {
        qsort(c, n, sizeof *c, best_first);
        return;
    }
    for (size_t i = 1; i < n; i++)
        bl_best_insert(c, i, c[i]);
}

void bl_best_insert(bl_candidate *list, size_t n, bl_candidate c)
{
    for (; n > 0 && bl_candidate_better(&c, &list[n - 1]); n--)
        list[n] = list[n - 1];
    list[n] = c;
}

void bl_best_keep(bl_candidate *c, size_t n, size_t k)
{
    size_t count = 0;
    for (size_t i = 0; k < n && i < n; i++)
        offer(c, k, &count, c[i]);
    sort(c, k);
}

/* ---- of a row of floats ---- */

enum { GROUPS_MOST = 2 * BL_BEST_MOST, BLOCK = 32 };

/* Integers in the order of floats that are not NaN. */
static int32_t order_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

static float float_of(int32_t order)
{
    float x;
    order ^= (int32_t)((uint32_t)(order >> 31) >> 1);
    memcpy(&x, &order, sizeof x);
    return x;
}

static size_t count_from(const int32_t *order, size_t groups, int32_t least)
{
    int32_t n = 0;
    for (size_t i = 0; i < groups; i++)
        n += order[i] >= least;
    return (size_t)n;
}

/* A number that at least k of x[n] reach, and seldom many more: the best of each of `groups` groups
 * are taken, and one is found by halving that k of these reach. */
static float bound_of(const float *x, size_t n, size_t k, size_t groups)
{
    float most[GROUPS_MOST];
    int32_t order[GROUPS_MOST], low = INT32_MAX, high = INT32_MIN;
    for (size_t j = 0; j < groups; j++)
        most[j] = -INFINITY;
    for (size_t i = 0; i < n; i += groups) {
        size_t width = n - i < groups ? n - i : groups;
        for (size_t j = 0; j < width; j++)
            most[j] = x[i + j] > most[j] ? x[i + j] : most[j]; /* not when NaN */
    }
    for (size_t j = 0; j < groups; j++) {
        order[j] = order_of(most[j]);
        low = order[j] < low ? order[j] : low;
        high = order[j] > high ? order[j] : high;
    }
    /* at least k reach low; less than k reach what is above high */
    for (size_t reach = groups; low < high && reach > k + k / 8;) {
        int32_t middle = (int32_t)(((int64_t)low + high + 1) >> 1);
        size_t count = count_from(order, groups, middle);
        if (count >= k) {
            low = middle;
            reach = count;
        } else {
            high = middle - 1;
        }
    }
    return float_of(low);
}

static bl_candidate candidate(float x, size_t id)
{
    return (bl_candidate){isnan(x) ? -INFINITY : x + 0.0f, (int32_t)id};
}

void bl_best_of(bl_candidate *best, size_t k, const float *x, size_t n)
{
    size_t count = 0, groups = 4 * BLOCK, i = 0;
    assert(k > 0 && k <= n && k <= BL_BEST_MOST);
    while (groups < 2 * k)
        groups *= 2;
    if (n >= 2 * groups) { /* else it does not pay */
        float bound = bound_of(x, n, k, groups);
        for (; n - i >= BLOCK && bound > -INFINITY; i += BLOCK) {
            int any = 0;
            for (size_t j = i; j < i + BLOCK; j++)
                any |= x[j] >= bound;
            for (size_t j = i; any && j < i + BLOCK; j++)
                if (x[j] >= bound)
                    offer(best, k, &count, candidate(x[j], j));
        }
    }
    for (; i < n; i++)
        offer(best, k, &count, candidate(x[i], i));
    sort(best, k);
}
