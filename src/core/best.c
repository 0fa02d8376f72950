/* The k best of many numbers: a heap of k with the worst of them on top. */
#include "core/best.h"

#include <math.h>
#include <stdlib.h>

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

static void make_heap(bl_candidate *c, size_t k)
{
    for (size_t i = k / 2; i-- > 0;)
        sift_down(c, k, i);
}

/* A heap becomes a list, best first: the worst goes to the end, again and again. */
static void unfold(bl_candidate *c, size_t k)
{
    while (k-- > 1) {
        bl_candidate worst = c[0];
        c[0] = c[k];
        c[k] = worst;
        sift_down(c, k, 0);
    }
}

static int best_first(const void *a, const void *b)
{
    return bl_candidate_better(a, b) ? -1 : 1;
}

void bl_best_keep(bl_candidate *c, size_t n, size_t k)
{
    if (k == n) {
        qsort(c, k, sizeof *c, best_first);
        return;
    }
    make_heap(c, k);
    for (size_t i = k; i < n; i++) {
        if (!bl_candidate_better(&c[i], &c[0]))
            continue;
        c[0] = c[i];
        sift_down(c, k, 0);
    }
    unfold(c, k);
}

static bl_candidate candidate(float x, size_t id)
{
    return (bl_candidate){isnan(x) ? -INFINITY : x + 0.0f, (int32_t)id};
}

void bl_best_of(bl_candidate *best, size_t k, const float *x, size_t n)
{
    for (size_t i = 0; i < k; i++)
        best[i] = candidate(x[i], i);
    make_heap(best, k);
    for (size_t i = k; i < n; i++) {
        if (!(x[i] > best[0].logit)) /* an equal one has the larger id */
            continue;
        best[0] = candidate(x[i], i);
        sift_down(best, k, 0);
    }
    unfold(best, k);
}
