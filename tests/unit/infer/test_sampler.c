/* The sampler: what is drawn from the best logits is what is drawn from all, by the order that the header gives. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/rng.h"
#include "infer/mass.h"
#include "infer/sampler.h"
#include "ops/ops.h"

#include <math.h>

enum { V_MOST = 3000, DRAWS = 12 };

static uint64_t draws;
static uint64_t below(uint64_t n)
{
    return bl_rng_below(11, 5, draws++, n);
}
#define ONE_OF(list) list[below(sizeof list / sizeof *list)]

static bl_generate_options some_options(void)
{
    static const double temperature[] = {0, 1e-300, 0.3, 0.8, 0.8, 1, 7, 90},
                        top_p[] = {0, 0.5, 0.95, 1 - 0x1p-40, 1, 1},
                        min_p[] = {0, 0, 1e-16, 0.05, 1},
                        penalty[] = {1, 1, 1.00000001, 1.0000002, 1.1, 1.5, 100, 0.7};
    static const size_t top_k[] = {0, 1, 2, 5, 40, 40, 63, 64, 200, 255, 256, 257},
                        last[] = {0, 1, 3, 24, 64, 150, 255, 400};
    bl_generate_options o;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    o.temperature = ONE_OF(temperature);
    o.top_p = ONE_OF(top_p);
    o.min_p = ONE_OF(min_p);
    o.repeat_penalty = ONE_OF(penalty);
    o.top_k = ONE_OF(top_k);
    o.repeat_last = ONE_OF(last);
    o.seed = (double)below(1000);
    return o;
}

static void some_logits(float *x, size_t V)
{
    static const float odd[] = {INFINITY, -INFINITY, NAN, -0.0f, 0, 3e38f, -3e38f, 1e-45f};
    static const float width[] = {1, 1, 1, 1e-3f, 7, 20};
    uint64_t kind = below(5), stream = 100 + draws;
    float wide = ONE_OF(width); /* 240: many weigh nothing, or so little that a sum does not grow */
    for (size_t i = 0; i < V; i++) {
        float u = wide * (12 * bl_rng_uniform(3, stream, i) - 6);
        x[i] = kind == 0 ? rintf(u) : kind == 1 ? -1 - fabsf(u) : u;
        if (kind == 2 && below(4) == 0)
            x[i] = ONE_OF(odd);
        if (kind == 3 && wide > 7) /* e^-40 adds nothing to 1, and counts when it is warm */
            x[i] = u < 0 ? -40 : 0;
    }
}

/* ---- the same in the words of the header ---- */

static int best_first(const void *a, const void *b)
{
    const bl_candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static double term(const bl_candidate *c, size_t i, double temperature)
{
    return exp(((double)c[i].logit - (double)c[0].logit) / temperature);
}

/* What may be drawn: which tokens, and what is added to the logit of each. */
typedef struct wish {
    uint64_t mask[(V_MOST + 63) / 64];
    float bias[V_MOST];
    int masked, biased;
} wish;

static int is_in(const wish *w, int32_t id)
{
    return !w->masked || w->mask[id / 64] >> id % 64 & 1;
}

/* `recent`: the last ids, the newest first; *place: of the random numbers. */
static int32_t drawn_by_the_book(const bl_generate_options *o, const float *x, size_t V,
                                 const wish *w, const int32_t *recent, size_t count,
                                 uint64_t *place)
{
    static bl_candidate c[V_MOST];
    float penalty = (float)o->repeat_penalty;
    size_t k = o->top_k && o->top_k < V ? o->top_k : V, n = 0, allowed = 0, forbidden = 0;
    double total = 0, mass = 0, u = 0;
    for (size_t i = 0; i < V; i++)
        c[i] = (bl_candidate){(isnan(x[i]) ? -INFINITY : x[i]) + (w->biased ? w->bias[i] : 0),
                              (int32_t)i};
    for (size_t i = 0; i < V; i++)
        for (size_t j = 0; j < count && j < o->repeat_last; j++)
            if (recent[j] == (int32_t)i) {
                c[i].logit = c[i].logit > 0 ? c[i].logit / penalty : c[i].logit * penalty;
                break;
            }
    qsort(c, V, sizeof *c, best_first);
    for (size_t i = 0; i < V; i++)
        if (is_in(w, c[i].id))
            c[allowed++] = c[i];
    while (w->biased && forbidden < allowed && c[allowed - 1 - forbidden].logit == -INFINITY)
        forbidden++;
    if (!allowed || (w->masked && w->biased && forbidden == allowed))
        return -1;
    allowed -= forbidden < allowed ? forbidden : 0;
    k = k < allowed ? k : allowed;
    if (o->temperature == 0 || k == 1 || isinf(c[0].logit))
        return c[0].id;
    for (size_t i = 0; i < k; i++)
        total += term(c, i, 1);
    for (; n < k; n++) {
        double p = term(c, n, 1);
        if (n > 0 && (mass >= o->top_p * total || p < o->min_p))
            break;
        mass += p;
    }
    total = 0;
    for (size_t i = 0; i < n; i++)
        total += term(c, i, o->temperature);
    u = (double)bl_rng_uniform((uint64_t)o->seed, BL_RNG_SAMPLE, (*place)++) * total;
    for (size_t i = 0; i < n; i++) {
        u -= term(c, i, o->temperature);
        if (u < 0)
            return c[i].id;
    }
    return c[n - 1].id;
}

/* ---- three ways to the same token ---- */

typedef struct tally {
    size_t from_all, from_few, masked, biased, none, beyond;
} tally;

/* Few tokens, most of them, or all that may be drawn; some raised, lowered or forbidden. */
static void some_wish(wish *w, size_t V)
{
    static const float bias[] = {0, 0, -2.5f, -INFINITY, -INFINITY, 1.5f};
    static const uint64_t share[] = {1, 4, 60, 63};
    uint64_t in = ONE_OF(share), odd = 3 + below(60);
    *w = (wish){.masked = below(3) == 0, .biased = below(3) == 0};
    for (size_t i = 0; i < V; i++) {
        if (below(64) < in)
            w->mask[i / 64] |= UINT64_C(1) << i % 64;
        if (w->biased && below(64) < odd)
            w->bias[i] = ONE_OF(bias);
    }
}

/* The biases that are not 0. */
static void set_biases(bl_sampling *s, const wish *w)
{
    bl_bias *list = bl_calloc(s->V, sizeof *list);
    size_t n = 0;
    assert_non_null(list);
    for (size_t i = 0; i < s->V; i++)
        if (w->biased && (w->bias[i] < 0 || w->bias[i] > 0))
            list[n++] = (bl_bias){(int32_t)i, w->bias[i]};
    bl_sampling_bias(s, list, n);
}

/* A token that so many are better than is not among those that top-k leaves. */
static void look_beyond(bl_sampling *s, const float *x, size_t V, tally *seen)
{
    size_t least = bl_sampling_beyond(s), better = 0;
    int32_t id = (int32_t)below(V);
    for (size_t i = 0; i < V; i++)
        better += x[i] > x[id] || (x[i] == x[id] && i < (size_t)id);
    if (better < least || s->options.temperature == 0)
        return;
    for (size_t left = bl_sampling_leave(s, x, NULL); left--;)
        assert_int_not_equal(s->candidate[left].id, id);
    seen->beyond++;
}

static void draw_some(tally *seen)
{
    static const size_t sizes[] = {1, 2, 3, 31, 200, 255, 256, 257, 400, V_MOST};
    static float x[V_MOST], y[V_MOST];
    static bl_candidate best[BL_TOP_MOST];
    static wish w;
    int32_t recent[2 * DRAWS] = {0};
    size_t V = ONE_OF(sizes), count = 0;
    uint64_t place = 0;
    bl_generate_options o = some_options();
    bl_sampling all, few;
    assert_ok(bl_sampling_open(&all, V, &failure));
    assert_ok(bl_sampling_open(&few, V, &failure));
    assert_ok(bl_sampling_configure(&all, &o, &failure));
    assert_ok(bl_sampling_configure(&few, &o, &failure));
    some_wish(&w, V);
    set_biases(&all, &w);
    set_biases(&few, &w);
    w.biased = all.bias_count != 0;
    size_t enough = w.masked ? 0 : bl_sampling_enough(&few);
    assert_true(enough <= V && enough <= BL_TOP_MOST);
    for (int i = 0; i < DRAWS; i++) {
        some_logits(x, V);
        for (size_t k = 0; k < V; k++)
            if (w.biased && isinf(x[k]) && x[k] > 0) /* forbidden it would be no number */
                x[k] = 9;
        for (size_t k = 0; k < V; k++) /* what may not be drawn is not read */
            y[k] = is_in(&w, (int32_t)k) ? x[k] : (float)NAN;
        look_beyond(&all, x, V, seen);
        int32_t id = bl_sampling_next(&all, y, w.masked ? w.mask : NULL);
        assert_int_equal(id, drawn_by_the_book(&o, x, V, &w, recent, count, &place));
        assert_int_equal(all.draws, place);
        if (enough) {
            size_t more = (V < BL_TOP_MOST ? V : BL_TOP_MOST) - enough;
            size_t n = enough + (more ? below(2) * below(more + 1) : 0);
            bl_best_of(best, n, x, V);
            assert_int_equal(bl_sampling_next_of(&few, best, n), id);
            assert_int_equal(few.draws, place);
        }
        seen->from_all += !enough;
        seen->from_few += enough > 0;
        seen->masked += (size_t)w.masked;
        seen->biased += (size_t)w.biased;
        seen->none += id < 0;
        for (int k = 0; k < 2; k++) { /* what was drawn, and one of those that may be drawn */
            if (k || id < 0)
                id = (int32_t)below(V < 40 ? V : 40);
            memmove(recent + 1, recent, (2 * DRAWS - 1) * sizeof *recent);
            recent[0] = id;
            count += count < 2 * DRAWS;
            bl_sampling_accept(&all, id);
            bl_sampling_accept(&few, id);
        }
    }
    bl_sampling_release(&all);
    bl_sampling_release(&few);
}

static void all_ways_are_one(void **state)
{
    (void)state;
    tally seen = {0};
    for (int i = 0; i < 1600; i++)
        draw_some(&seen);
    assert_true(seen.from_all > 1000);
    assert_true(seen.from_few > 2000);
    assert_true(seen.masked > 1000 && seen.biased > 1000);
    assert_true(seen.beyond > 500);
    assert_true(seen.none && seen.none < seen.masked / 2);
}

/* Equal ones, whose ends are known: between two ends the one there, at an end nobody. */
static void nothing_is_claimed_at_an_end(void **state)
{
    (void)state;
    static bl_candidate c[1000], at;
    for (size_t n = 1; n <= 1000; n = 2 * n + 1)
        for (size_t k = 0; k < n; k++) {
            for (size_t i = 0; i < n; i++)
                c[i] = (bl_candidate){-3, (int32_t)(n - 1 - i)};
            double middle = ((double)k + 0.5) / (double)n, end = ((double)k + 1) / (double)n;
            assert_true(bl_mass_reach(c, n, -3, 0.8, middle, 0, &at));
            assert_int_equal(at.id, k);
            assert_false(bl_mass_reach(c, n, -3, 0.8, middle, 0.6, &at));
            assert_false(bl_mass_reach(c, n, -3, 0.8, end, 0, &at));
        }
}

static size_t enough_of(size_t V, double temperature, size_t top_k, double penalty, size_t last)
{
    bl_generate_options o;
    bl_sampling s;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    o.temperature = temperature;
    o.top_k = top_k;
    o.repeat_penalty = penalty;
    o.repeat_last = last;
    assert_ok(bl_sampling_open(&s, V, &failure));
    assert_ok(bl_sampling_configure(&s, &o, &failure));
    size_t enough = bl_sampling_enough(&s);
    bl_sampling_release(&s);
    return enough;
}

static void how_many_are_enough(void **state)
{
    (void)state;
    assert_int_equal(enough_of(16384, 0, 40, 1, 64), 1);
    assert_int_equal(enough_of(16384, 0.8, 1, 1, 64), 1);
    assert_int_equal(enough_of(16384, 0.8, 40, 1, 64), 64);
    assert_int_equal(enough_of(16384, 0, 40, 1.1, 64), 128); /* 1 and 64 that may be lowered */
    assert_int_equal(enough_of(16384, 0.8, 40, 1.1, 64), 128);
    assert_int_equal(enough_of(16384, 0.8, 40, 1.1, 0), 64);
    assert_int_equal(enough_of(16384, 0.8, 192, 1.1, 64), 256);
    assert_int_equal(enough_of(16384, 0.8, 193, 1.1, 64), 0);
    assert_int_equal(enough_of(16384, 0.8, 257, 1, 64), 0);
    assert_int_equal(enough_of(16384, 0.8, 0, 1, 64), 0);
    assert_int_equal(enough_of(16384, 0.8, 40, 0.9, 64), 0); /* recent ones rise */
    assert_int_equal(enough_of(200, 0.8, 0, 1, 64), 200);
    assert_int_equal(enough_of(200, 0.8, 190, 2, 1000), 200);
    assert_int_equal(enough_of(50, 0.8, 40, 1, 64), 50);
    assert_int_equal(enough_of(1, 0.8, 40, 1, 64), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_are_one),
        cmocka_unit_test(nothing_is_claimed_at_an_end),
        cmocka_unit_test(how_many_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
