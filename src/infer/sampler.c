/* Sampling: from logits to the next token. */
#include "infer/sampler.h"
#include "core/alloc.h"
#include "core/machine.h"
#include "core/rng.h"
#include "infer/mass.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

bl_status bl_sampling_open(bl_sampling *s, size_t V, bl_error *err)
{
    *s = (bl_sampling){.V = V, .candidate = bl_calloc(V, sizeof *s->candidate)};
    return s->candidate ? BL_OK
                        : bl_fail(err, BL_ENOMEM, "out of memory for sampling from %zu tokens", V);
}

void bl_sampling_release(bl_sampling *s)
{
    bl_free(s->candidate);
    bl_free(s->recent);
    bl_free(s->biases);
    *s = (bl_sampling){0};
}

int32_t bl_sampling_recent(const bl_sampling *s, size_t i)
{
    size_t at = s->recent_next + s->recent_size - s->recent_count + i;
    return s->recent[at < s->recent_size ? at : at - s->recent_size];
}

static void drop_window(bl_sampling *s)
{
    bl_free(s->recent);
    s->recent = NULL;
    s->recent_size = s->recent_count = s->recent_next = 0;
}

/* A window for at least `size` tokens that begins with what `from` holds. */
static bl_status widen(bl_sampling *s, size_t size, const bl_sampling *from, bl_error *err)
{
    int32_t *ring = bl_calloc(size, sizeof *ring);
    if (!ring)
        return bl_fail(err, BL_ENOMEM, "out of memory for a window of %zu tokens", size);
    size_t count = from->recent_count;
    for (size_t i = 0; i < count; i++)
        ring[i] = bl_sampling_recent(from, i);
    bl_free(s->recent);
    s->recent = ring;
    s->recent_size = size;
    s->recent_count = count;
    s->recent_next = count % size;
    return BL_OK;
}

bl_status bl_sampling_configure(bl_sampling *s, const bl_generate_options *options, bl_error *err)
{
    if (options->repeat_last > s->recent_size)
        BL_TRY(widen(s, options->repeat_last, s, err));
    s->options = *options;
    if (options->seed >= 0 && !(s->seeded && s->seed == (uint64_t)options->seed))
        bl_sampling_seed(s, (uint64_t)options->seed);
    else if (!s->seeded) /* 48 bits: a seed that prints and parses as a number without loss */
        bl_sampling_seed(s, bl_os_entropy() >> 16);
    return BL_OK;
}

void bl_sampling_seed(bl_sampling *s, uint64_t seed)
{
    s->seeded = 1;
    s->seed = seed;
    s->draws = 0;
}

void bl_sampling_restart(bl_sampling *s)
{
    s->seeded = 0;
    drop_window(s);
}

void bl_sampling_bias(bl_sampling *s, bl_bias *biases, size_t count)
{
    bl_free(s->biases);
    s->biases = biases;
    s->bias_count = count;
    s->raised = 0;
    for (size_t i = 0; i < count; i++)
        s->raised |= biases[i].bias > 0;
}

bl_status bl_sampling_copy(bl_sampling *to, const bl_sampling *from, bl_error *err)
{
    bl_bias *biases = bl_calloc(from->bias_count, sizeof *biases);
    if (!biases)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu biases", from->bias_count);
    if (from->bias_count)
        memcpy(biases, from->biases, from->bias_count * sizeof *biases);
    bl_status status = from->recent_size ? widen(to, from->recent_size, from, err) : BL_OK;
    if (status != BL_OK) {
        bl_free(biases);
        return status;
    }
    if (!from->recent_size)
        drop_window(to);
    bl_sampling_bias(to, biases, from->bias_count);
    to->options = from->options;
    to->seeded = from->seeded;
    to->seed = from->seed;
    to->draws = from->draws;
    return BL_OK;
}

void bl_sampling_accept(bl_sampling *s, int32_t id)
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

/* What is added to a token's logit. */
static float bias_of(const bl_sampling *s, int32_t id)
{
    size_t low = 0, high = s->bias_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->biases[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->bias_count && s->biases[low].id == id ? s->biases[low].bias : 0.0f;
}

/* Divided by the penalty when positive and multiplied when negative (Keskar et al.,
 * arXiv:1909.05858). */
static float penalised(float logit, float penalty)
{
    return logit > 0 ? logit / penalty : logit * penalty;
}

/* The candidate of a token among c[n], whose ids rise; NULL: it is not there. */
static bl_candidate *candidate_of(bl_candidate *c, size_t n, int32_t id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && c[low].id == id ? &c[low] : NULL;
}

/* Penalises recent tokens among the first n candidates, whose ids rise; one that occurs twice is
 * penalised once. */
static void penalise(bl_sampling *s, const float *logits, size_t n)
{
    float penalty = (float)s->options.repeat_penalty;
    if (penalty == 1.0f)
        return;
    size_t last = s->options.repeat_last, count = s->recent_count;
    for (size_t i = count > last ? count - last : 0; i < count; i++) {
        int32_t id = bl_sampling_recent(s, i);
        bl_candidate *c = n == s->V ? &s->candidate[id] : candidate_of(s->candidate, n, id);
        if (c && c->logit == rank_of(logits[id]) + bias_of(s, id)) /* not yet */
            c->logit = penalised(c->logit, penalty);
    }
}

/* The sum of exp((c[i] - c[0]) / temperature), in rising order of i, with its first terms. */
static double sum_terms(double terms[BL_TOP_MOST], const bl_candidate *c, size_t n,
                        double temperature)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double term = exp(((double)c[i].logit - (double)c[0].logit) / temperature);
        if (i < BL_TOP_MOST)
            terms[i] = term;
        total += term;
    }
    return total;
}

static double term_of(const double terms[BL_TOP_MOST], const bl_candidate *c, size_t i,
                      double temperature)
{
    return i < BL_TOP_MOST ? terms[i]
                           : exp(((double)c[i].logit - (double)c[0].logit) / temperature);
}

/* How many of the ordered candidates top-p and min-p leave; at least one. */
static size_t cut_by_mass(const bl_sampling *s, size_t n)
{
    const bl_candidate *c = s->candidate;
    double terms[BL_TOP_MOST], mass = 0, total = sum_terms(terms, c, n, 1);
    for (size_t i = 0; i < n; i++) {
        double p = term_of(terms, c, i, 1); /* relative to the likeliest */
        if (i > 0 && (mass >= s->options.top_p * total || p < s->options.min_p))
            return i;
        mass += p;
    }
    return n;
}

/* The next random number of the seed, in 0..1. */
static double next_uniform(const bl_sampling *s)
{
    return (double)bl_rng_uniform(s->seed, BL_RNG_SAMPLE, s->draws);
}

static int32_t draw(bl_sampling *s, size_t n)
{
    const bl_candidate *c = s->candidate;
    double terms[BL_TOP_MOST], temperature = s->options.temperature;
    double total = sum_terms(terms, c, n, temperature);
    double u = next_uniform(s) * total;
    s->draws++;
    for (size_t i = 0; i < n; i++) {
        u -= term_of(terms, c, i, temperature);
        if (u < 0)
            return c[i].id;
    }
    return c[n - 1].id;
}

int32_t bl_sampling_choose(bl_sampling *s, size_t k)
{
    if (k == 1 || s->options.temperature == 0 ||
        isinf(s->candidate[0].logit)) /* infinities have no softmax */
        return s->candidate[0].id;
    return draw(s, cut_by_mass(s, k));
}

/* How many candidates top-k leaves, of which one is drawn; the likeliest alone when it is cold. */
static size_t kept(const bl_sampling *s)
{
    enum { SOME = 64 }; /* for who may refuse the likeliest */
    if (s->options.temperature == 0)
        return !s->restricted ? 1 : s->V < SOME ? s->V : SOME;
    return s->options.top_k && s->options.top_k < s->V ? s->options.top_k : s->V;
}

/* All candidates, or those in a mask; returns how many. */
static size_t fill(bl_sampling *s, const float *logits, const uint64_t *mask)
{
    bl_candidate *c = s->candidate;
    size_t n = 0;
    for (size_t i = 0; !mask && i < s->V; i++)
        c[n++] = (bl_candidate){rank_of(logits[i]), (int32_t)i};
    for (size_t i = mask ? bl_allowed_next(mask, s->V, 0) : s->V; i < s->V;
         i = bl_allowed_next(mask, s->V, i + 1))
        c[n++] = (bl_candidate){rank_of(logits[i]), (int32_t)i};
    for (size_t i = 0; i < s->bias_count; i++) {
        bl_candidate *of = candidate_of(c, n, s->biases[i].id);
        if (of)
            of->logit += s->biases[i].bias;
    }
    penalise(s, logits, n);
    return n;
}

/* ---- from all, unsorted ---- */

static void swap(bl_candidate *a, bl_candidate *b)
{
    bl_candidate was = *a;
    *a = *b;
    *b = was;
}

static bl_candidate best_of(const bl_candidate *c, size_t n)
{
    bl_candidate best = c[0];
    for (size_t i = 1; i < n; i++)
        if (bl_candidate_better(&c[i], &best))
            best = c[i];
    return best;
}

/* What min-p leaves of c[n], to its front. */
static size_t keep_likely(const bl_sampling *s, size_t n, const bl_candidate *best)
{
    bl_candidate *c = s->candidate, last = *best;
    for (size_t i = 0; s->options.min_p > 0 && i < n; i++)
        if (bl_candidate_better(&last, &c[i]) &&
            !(bl_mass_of(c[i].logit, best->logit, 1) < s->options.min_p))
            last = c[i];
    return s->options.min_p > 0 ? bl_mass_keep(c, n, &last) : n;
}

/* Without top-p a sum in order ends where it grows no more, by terms too small for it: how much may
 * be left out so, at the temperature. */
static double loose_end(const bl_sampling *s, size_t n, float best)
{
    const bl_candidate *c = s->candidate;
    double total = 0, loose = 0, lowest = (double)best;
    for (size_t i = 0; i < n; i++)
        lowest = (double)c[i].logit < lowest ? (double)c[i].logit : lowest;
    if (exp(lowest - (double)best) > (double)n * 0x1p-50)
        return 0;
    for (size_t i = 0; i < n; i++)
        total += bl_mass_of(c[i].logit, best, 1);
    double small = (double)best + log(total * 0x1p-50);
    for (size_t i = 0; i < n; i++)
        if ((double)c[i].logit < small)
            loose += bl_mass_of(c[i].logit, best, s->options.temperature);
    return loose;
}

/* What choose() finds in the first n candidates once they are sorted; -1: only sorting can tell. */
static int32_t choose_unsorted(bl_sampling *s, size_t n)
{
    const bl_generate_options *o = &s->options;
    bl_candidate *c = s->candidate, best = best_of(c, n), at;
    double loose = 0;
    if (isinf(best.logit))
        return -1;
    if (o->top_p < 1) {
        if (!bl_mass_reach(c, n, best.logit, 1, o->top_p, 0, &at))
            return -1;
        n = bl_mass_keep(c, n, &at);
    }
    n = keep_likely(s, n, &best);
    if (!(o->top_p < 1))
        loose = loose_end(s, n, best.logit);
    if (n <= BL_BEST_MOST && !(loose > 0)) {
        bl_best_keep(c, n, n);
        return draw(s, n);
    }
    if (!bl_mass_reach(c, n, best.logit, o->temperature, next_uniform(s), loose, &at))
        return -1;
    s->draws++;
    return at.id;
}

int bl_sampling_leaves_all(const bl_sampling *s)
{
    return kept(s) > BL_TOP_MOST || kept(s) == s->V;
}

size_t bl_sampling_beyond(const bl_sampling *s)
{
    int penalty = (float)s->options.repeat_penalty != 1.0f && s->options.repeat_last;
    if (penalty || s->bias_count || bl_sampling_leaves_all(s))
        return SIZE_MAX;
    return s->options.temperature == 0 ? 0 : kept(s);
}

/* Without those at the end that a bias forbids, unless there are no others. */
static size_t drop_forbidden(const bl_sampling *s, size_t k)
{
    while (s->bias_count && k > 1 && s->candidate[k - 1].logit == -INFINITY)
        k--;
    return k;
}

/* The candidates of the tokens in mask, without those that a bias forbids unless there are no
 * others. */
static size_t take(bl_sampling *s, const float *logits, const uint64_t *mask)
{
    bl_candidate *c = s->candidate;
    size_t n = fill(s, logits, mask), left = 0;
    for (size_t i = 0; s->bias_count && i < n; i++)
        if (c[i].logit > -INFINITY)
            swap(&c[i], &c[left++]);
    return left ? left : n;
}

size_t bl_sampling_leave(bl_sampling *s, const float *logits, const uint64_t *mask)
{
    size_t k = kept(s), n = take(s, logits, mask);
    k = k < n ? k : n;
    if (!k)
        return 0;
    bl_best_keep(s->candidate, n, k);
    return k;
}

int32_t bl_sampling_next(bl_sampling *s, const float *logits, const uint64_t *mask)
{
    size_t n = take(s, logits, mask), k = s->options.temperature == 0 ? 1 : kept(s);
    if (!n)
        return -1;
    if (k >= n && n > BL_BEST_MOST) {
        int32_t id = choose_unsorted(s, n);
        if (id >= 0)
            return id;
    }
    k = k < n ? k : n;
    bl_best_keep(s->candidate, n, k);
    if (mask && s->bias_count && s->candidate[0].logit == -INFINITY)
        return -1;
    return bl_sampling_choose(s, k);
}

/* ---- from the best alone ---- */

/* A penalty above 1 only lowers logits: of the best k + n, when n tokens are recent, k are as they
 * were and better than whatever is not among them. */
size_t bl_sampling_enough(const bl_sampling *s)
{
    enum { LEAST = 64 };
    float penalty = (float)s->options.repeat_penalty;
    size_t k = kept(s), recent = penalty == 1.0f ? 0 : s->options.repeat_last;
    size_t most = s->V < BL_TOP_MOST ? s->V : BL_TOP_MOST, enough = LEAST;
    recent += s->bias_count; /* which lowers too */
    if (s->raised || (s->options.repeat_last && penalty < 1.0f))
        return 0;
    if (k + recent > most)
        return most == s->V ? most : 0;
    if (k + recent == 1)
        return 1;
    while (enough < k + recent)
        enough *= 2;
    return enough < most ? enough : most;
}

/* Some ids: a hash table, at most half full. */
enum { SLOTS = 2 * BL_TOP_MOST };
typedef struct id_set {
    int32_t id[SLOTS]; /* -1: free */
} id_set;

/* Where the id is, or the free slot where it may be put. */
static int32_t *slot_of(id_set *set, int32_t id)
{
    size_t at = (uint32_t)id * 2654435769u >> 16 & (SLOTS - 1);
    while (set->id[at] != -1 && set->id[at] != id)
        at = (at + 1) % SLOTS;
    return &set->id[at];
}

/* The k best candidates after biases and the penalty: the first k that have neither keep their
 * order, and those before them that have come where they belong now. */
static void penalise_best(bl_sampling *s, const bl_candidate *best, size_t count, size_t k)
{
    bl_candidate lower[BL_TOP_MOST], *c = s->candidate;
    id_set recent;
    float penalty = (float)s->options.repeat_penalty;
    size_t last = penalty == 1.0f ? 0 : s->options.repeat_last;
    size_t n = s->recent_count, lowered = 0, put = 0;
    memset(&recent, 0xFF, sizeof recent);
    for (size_t i = n > last ? n - last : 0; i < n; i++) {
        int32_t id = bl_sampling_recent(s, i);
        *slot_of(&recent, id) = id;
    }
    for (size_t i = 0; i < count && put < k; i++) {
        int is_recent = *slot_of(&recent, best[i].id) == best[i].id;
        float bias = bias_of(s, best[i].id), logit = best[i].logit + bias;
        if (is_recent || bias < 0)
            lower[lowered++] =
                (bl_candidate){is_recent ? penalised(logit, penalty) : logit, best[i].id};
        else
            c[put++] = best[i];
    }
    for (size_t i = 0; i < lowered; i++)
        if (put < k)
            bl_best_insert(c, put++, lower[i]);
        else if (bl_candidate_better(&lower[i], &c[k - 1]))
            bl_best_insert(c, k - 1, lower[i]);
}

size_t bl_sampling_leave_of(bl_sampling *s, const bl_candidate *best, size_t count)
{
    size_t k = kept(s);
    int penalty = (float)s->options.repeat_penalty != 1.0f && s->options.repeat_last;
    if (penalty || s->bias_count)
        penalise_best(s, best, count, k);
    else
        memcpy(s->candidate, best, k * sizeof *best);
    return drop_forbidden(s, k);
}

int32_t bl_sampling_next_of(bl_sampling *s, const bl_candidate *best, size_t count)
{
    return bl_sampling_choose(s, bl_sampling_leave_of(s, best, count));
}
