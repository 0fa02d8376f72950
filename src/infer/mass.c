/* Shares of the mass of many candidates, found without sorting them.
 *
 * Candidates fall into buckets by their logits, better ones into earlier buckets, and only that
 * bucket is sorted in which the share is reached.  The sums differ from those of the sorted list by
 * rounding: less than 4 n roundings, each of at most 2^-53 of the whole.  Within that distance of a
 * candidate's ends nothing is claimed. */
#include "infer/mass.h"

#include <math.h>

enum { BUCKETS = 1024 };

double bl_mass_of(float logit, float best, double temperature)
{
    return exp(((double)logit - (double)best) / temperature);
}

/* Buckets as wide as each other, down to where nothing weighs anything. */
typedef struct buckets {
    double best, scale;
    double mass[BUCKETS];
} buckets;

static size_t bucket_of(const buckets *b, float logit)
{
    double at = (b->best - (double)logit) * b->scale;
    return at < BUCKETS - 1 ? (size_t)at : BUCKETS - 1; /* NaN, of infinity by 0: the last */
}

static double fill(buckets *b, const bl_candidate *c, size_t n, float best, double temperature)
{
    const double nothing = 48 * temperature; /* e^-48 */
    float lowest = best;
    double total = 0;
    for (size_t i = 0; i < n; i++)
        lowest = c[i].logit < lowest ? c[i].logit : lowest;
    double range = (double)best - (double)lowest;
    *b = (buckets){.best = best};
    range = range < nothing ? range : nothing;
    b->scale = range > 0 ? (BUCKETS - 1) / range : 0;
    for (size_t i = 0; i < n; i++)
        b->mass[bucket_of(b, c[i].logit)] += bl_mass_of(c[i].logit, best, temperature);
    for (size_t j = 0; j < BUCKETS; j++)
        total += b->mass[j];
    return total;
}

static void swap(bl_candidate *a, bl_candidate *b)
{
    bl_candidate was = *a;
    *a = *b;
    *b = was;
}

/* The candidates of a bucket to the front of c[n], in order; returns how many. */
static size_t sort_bucket(const buckets *b, size_t which, bl_candidate *c, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (bucket_of(b, c[i].logit) == which)
            swap(&c[i], &c[count++]);
    bl_best_keep(c, count, count);
    return count;
}

int bl_mass_reach(bl_candidate *c, size_t n, float best, double temperature, double part,
                  double loose, bl_candidate *at)
{
    buckets b;
    double total = fill(&b, c, n, best, temperature), target = part * total, sum = 0;
    double margin = (double)n * total * 0x1p-50 + loose;
    size_t which = 0;
    while (which < BUCKETS && sum + b.mass[which] < target)
        sum += b.mass[which++];
    if (which == BUCKETS)
        return 0;
    size_t count = sort_bucket(&b, which, c, n);
    for (size_t i = 0; i < count; i++) {
        double next = sum + bl_mass_of(c[i].logit, best, temperature);
        *at = c[i];
        if (next >= target)
            return ((which == 0 && i == 0) || sum + margin <= target) && target + margin <= next;
        sum = next;
    }
    return 0;
}

size_t bl_mass_keep(bl_candidate *c, size_t n, const bl_candidate *last)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!bl_candidate_better(last, &c[i]))
            swap(&c[i], &c[kept++]);
    return kept;
}
