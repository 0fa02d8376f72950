/* Sampling: from logits to the next token. */
#include "infer/sampler.h"
#include "core/alloc.h"
#include "core/machine.h"
#include "core/rng.h"

#include <math.h>

bl_status bl_sampler_open(bl_sampler *s, size_t V, bl_error *err)
{
    *s = (bl_sampler){.V = V, .candidate = bl_calloc(V, sizeof *s->candidate)};
    return s->candidate ? BL_OK
                        : bl_fail(err, BL_ENOMEM, "out of memory for sampling from %zu tokens", V);
}

void bl_sampler_release(bl_sampler *s)
{
    bl_free(s->candidate);
    bl_free(s->recent);
    *s = (bl_sampler){0};
}

int32_t bl_sampler_recent(const bl_sampler *s, size_t i)
{
    return s->recent[(s->recent_next + s->recent_size - s->recent_count + i) % s->recent_size];
}

static void drop_window(bl_sampler *s)
{
    bl_free(s->recent);
    s->recent = NULL;
    s->recent_size = s->recent_count = s->recent_next = 0;
}

/* A window for at least `size` tokens that begins with what `from` holds. */
static bl_status widen(bl_sampler *s, size_t size, const bl_sampler *from, bl_error *err)
{
    int32_t *ring = bl_calloc(size, sizeof *ring);
    if (!ring)
        return bl_fail(err, BL_ENOMEM, "out of memory for a window of %zu tokens", size);
    size_t count = from->recent_count;
    for (size_t i = 0; i < count; i++)
        ring[i] = bl_sampler_recent(from, i);
    bl_free(s->recent);
    s->recent = ring;
    s->recent_size = size;
    s->recent_count = count;
    s->recent_next = count % size;
    return BL_OK;
}

bl_status bl_sampler_configure(bl_sampler *s, const bl_generate_options *options, bl_error *err)
{
    if (options->repeat_last > s->recent_size)
        BL_TRY(widen(s, options->repeat_last, s, err));
    s->options = *options;
    if (options->seed >= 0 && !(s->seeded && s->seed == (uint64_t)options->seed))
        bl_sampler_seed(s, (uint64_t)options->seed);
    else if (!s->seeded) /* 48 bits: a seed that prints and parses as a number without loss */
        bl_sampler_seed(s, bl_os_entropy() >> 16);
    return BL_OK;
}

void bl_sampler_seed(bl_sampler *s, uint64_t seed)
{
    s->seeded = 1;
    s->seed = seed;
    s->draws = 0;
}

void bl_sampler_restart(bl_sampler *s)
{
    s->seeded = 0;
    drop_window(s);
}

bl_status bl_sampler_copy(bl_sampler *to, const bl_sampler *from, bl_error *err)
{
    if (from->recent_size)
        BL_TRY(widen(to, from->recent_size, from, err));
    else
        drop_window(to);
    to->options = from->options;
    to->seeded = from->seeded;
    to->seed = from->seed;
    to->draws = from->draws;
    return BL_OK;
}

void bl_sampler_accept(bl_sampler *s, int32_t id)
{
    if (!s->recent_size)
        return;
    s->recent[s->recent_next] = id;
    s->recent_next = (s->recent_next + 1) % s->recent_size;
    if (s->recent_count < s->recent_size)
        s->recent_count++;
}

/* A logit that is not a number is never the best. */
static float rank_of(float logit)
{
    return isnan(logit) ? -INFINITY : logit;
}

/* Logits of recent tokens are divided by the penalty when positive and multiplied when negative
 * (Keskar et al., arXiv:1909.05858); a token that occurs twice is penalised once. */
static void penalise(bl_sampler *s, const float *logits)
{
    float penalty = (float)s->options.repeat_penalty;
    if (penalty == 1.0f)
        return;
    size_t last = s->options.repeat_last, count = s->recent_count;
    for (size_t i = count > last ? count - last : 0; i < count; i++) {
        int32_t id = bl_sampler_recent(s, i);
        float *logit = &s->candidate[id].logit;
        if (*logit != rank_of(logits[id])) /* penalised already */
            continue;
        *logit = *logit > 0 ? *logit / penalty : *logit * penalty;
    }
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
        s->candidate[i] = (bl_candidate){rank_of(logits[i]), (int32_t)i};
    penalise(s, logits);
    size_t k = s->options.top_k && s->options.top_k < s->V ? s->options.top_k : s->V;
    if (s->options.temperature == 0)
        k = 1;
    bl_best_keep(s->candidate, s->V, k);
    if (k == 1 || isinf(s->candidate[0].logit)) /* infinities have no softmax */
        return s->candidate[0].id;
    return draw(s, cut_by_mass(s, k));
}
