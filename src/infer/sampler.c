/* Sampling: from logits to the next token. */
#include "infer/sampler.h"
#include "core/alloc.h"
#include "core/os.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>

bl_status bl_sampler_init(bl_sampler *s, const bl_generate_options *options, size_t V,
                          bl_error *err)
{
    *s = (bl_sampler){.options = *options, .V = V};
    /* 48 bits: a seed that prints and parses as a number without loss */
    s->seed = options->seed < 0 ? bl_os_entropy() >> 16 : (uint64_t)options->seed;
    s->candidate = bl_calloc(V, sizeof *s->candidate);
    s->recent = bl_calloc(options->repeat_last, sizeof *s->recent);
    if (!s->candidate || !s->recent) {
        bl_sampler_release(s);
        return bl_fail(err, BL_ENOMEM, "out of memory for sampling from %zu tokens", V);
    }
    return BL_OK;
}

void bl_sampler_release(bl_sampler *s)
{
    bl_free(s->candidate);
    bl_free(s->recent);
    *s = (bl_sampler){0};
}

void bl_sampler_accept(bl_sampler *s, int32_t id)
{
    size_t size = s->options.repeat_last;
    if (!size)
        return;
    s->recent[s->recent_next] = id;
    s->recent_next = (s->recent_next + 1) % size;
    if (s->recent_count < size)
        s->recent_count++;
}

/* Logits of recent tokens are divided by the penalty when positive and multiplied when negative
 * (Keskar et al., arXiv:1909.05858); a token that occurs twice is punished once. */
static void penalise(bl_sampler *s)
{
    float penalty = (float)s->options.repeat_penalty;
    if (penalty == 1.0f)
        return;
    for (size_t i = 0; i < s->recent_count; i++) {
        int32_t id = s->recent[i];
        size_t earlier = 0;
        while (earlier < i && s->recent[earlier] != id)
            earlier++;
        if (earlier < i)
            continue;
        float *logit = &s->candidate[id].logit;
        *logit = *logit > 0 ? *logit / penalty : *logit * penalty;
    }
}

static int better(const bl_candidate *a, const bl_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static int best_first(const void *a, const void *b)
{
    return better(a, b) ? -1 : 1;
}

/* Restores the heap whose worst candidate is on top, downwards from i. */
static void sift_down(bl_candidate *heap, size_t n, size_t i)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        for (size_t child = left; child < n && child < left + 2; child++)
            if (better(&heap[worst], &heap[child]))
                worst = child;
        if (worst == i)
            return;
        bl_candidate moved = heap[i];
        heap[i] = heap[worst];
        heap[worst] = moved;
        i = worst;
    }
}

/* The k best candidates to the front, in order: a heap of k over one pass of the rest. */
static void keep_best(bl_candidate *c, size_t n, size_t k)
{
    if (k < n) {
        for (size_t i = k / 2; i-- > 0;)
            sift_down(c, k, i);
        for (size_t i = k; i < n; i++) {
            if (!better(&c[i], &c[0]))
                continue;
            c[0] = c[i];
            sift_down(c, k, 0);
        }
    }
    qsort(c, k, sizeof *c, best_first);
}

/* How many of the ordered candidates top-p and min-p leave; at least one. */
static size_t cut_by_mass(const bl_sampler *s, size_t n)
{
    const bl_candidate *c = s->candidate;
    double total = 0, mass = 0;
    for (size_t i = 0; i < n; i++)
        total += exp((double)c[i].logit - (double)c[0].logit);
    for (size_t i = 0; i < n; i++) {
        double p = exp((double)c[i].logit - (double)c[0].logit); /* relative to the likeliest */
        if (i > 0 && (mass >= s->options.top_p * total || p < s->options.min_p))
            return i;
        mass += p;
    }
    return n;
}

static int32_t draw(bl_sampler *s, size_t n)
{
    const bl_candidate *c = s->candidate;
    double temperature = s->options.temperature, total = 0;
    for (size_t i = 0; i < n; i++)
        total += exp(((double)c[i].logit - (double)c[0].logit) / temperature);
    double u = (double)bl_rng_uniform(s->seed, BL_RNG_SAMPLE, s->draws++) * total;
    for (size_t i = 0; i < n; i++) {
        u -= exp(((double)c[i].logit - (double)c[0].logit) / temperature);
        if (u < 0)
            return c[i].id;
    }
    return c[n - 1].id;
}

int32_t bl_sampler_next(bl_sampler *s, const float *logits)
{
    for (size_t i = 0; i < s->V; i++)
        s->candidate[i] = (bl_candidate){isnan(logits[i]) ? -INFINITY : logits[i], (int32_t)i};
    penalise(s);
    size_t k = s->options.top_k && s->options.top_k < s->V ? s->options.top_k : s->V;
    if (s->options.temperature == 0)
        k = 1;
    keep_best(s->candidate, s->V, k);
    if (k == 1 || isinf(s->candidate[0].logit)) /* infinities have no softmax */
        return s->candidate[0].id;
    return draw(s, cut_by_mass(s, k));
}
