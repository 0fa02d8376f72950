/* Runs that must be the same run: on one, two and three threads bit for bit, and in micro-batches
 * as in one batch, to rounding. */
#include "small_run.h"
#include "numbers.h"

#include "format/safetensors.h"

#include <math.h>

enum { STEPS = 10 };

/* A run's losses and gradient norms as reported, and its last checkpoint. */
typedef struct outcome {
    double loss[STEPS], grad_norm[STEPS];
    bl_map weights, moments;
} outcome;

static outcome *filling;

static void keep_step(watch *w, const bl_train_event *e)
{
    (void)w;
    filling->loss[e->step - 1] = e->loss;
    filling->grad_norm[e->step - 1] = e->grad_norm;
}

static outcome run_of(const char *name, pair *set)
{
    outcome o = {0};
    watch w = {.on_step = keep_step};
    char path[128];
    filling = &o;
    assert_ok(train(name, set, &w));
    assert_int_equal(w.trained, STEPS);
    (void)snprintf(path, sizeof path, "%s/ckpt/step-%08d/model.safetensors", name, STEPS);
    assert_ok(bl_map_open(&o.weights, scratch(path), &failure));
    (void)snprintf(path, sizeof path, "%s/ckpt/step-%08d/optimizer.safetensors", name, STEPS);
    assert_ok(bl_map_open(&o.moments, scratch(path), &failure));
    return o;
}

static void release(outcome *o)
{
    bl_map_close(&o->weights);
    bl_map_close(&o->moments);
}

#define SHAPE                                                                                      \
    {"steps", "10"}, {"hidden_size", "64"}, {"intermediate_size", "176"},                          \
        {"num_hidden_layers", "2"}, {"seed", "5"},                                                 \
    {                                                                                              \
        "sample_every", "100"                                                                      \
    }

/* Of each variant, how far losses and weights may be apart after ten steps: at most about ten times
 * what was measured, 1.4e-4 and 8e-4 ternary, where a difference of rounding now and then flips a
 * weight, 3.9e-8 and 8.6e-7 in float. */
static const struct {
    const char *quantization, *ttt;
    double loss, weights;
} variants[] = {{"ternary", "linear", 3e-3, 2e-2},
                {"ternary", "mlp", 3e-3, 2e-2},
                {"none", "linear", 1e-6, 1e-5},
                {"none", "mlp", 1e-6, 1e-5}};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void threads(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        outcome runs[3];
        for (size_t i = 0; i < 3; i++) {
            char name[64], count[8];
            (void)snprintf(name, sizeof name, "threads-%zu-%zu", v, i + 1);
            (void)snprintf(count, sizeof count, "%zu", i + 1);
            runs[i] = run_of(name, (pair[]){SHAPE,
                                            {"batch", "5"}, /* 40,960 values: worth a team */
                                            {"context", "128"},
                                            {"accum", "2"},
                                            {"dropout", "0.1"},
                                            {"quantization", variants[v].quantization},
                                            {"ttt_layer_type", variants[v].ttt},
                                            {"threads", count},
                                            {NULL}});
        }
        for (size_t i = 1; i < 3; i++) {
            assert_memory_equal(runs[i].loss, runs[0].loss, sizeof runs[0].loss);
            assert_memory_equal(runs[i].grad_norm, runs[0].grad_norm, sizeof runs[0].grad_norm);
            assert_int_equal(runs[i].weights.size, runs[0].weights.size);
            assert_memory_equal(runs[i].weights.data, runs[0].weights.data, runs[0].weights.size);
            assert_int_equal(runs[i].moments.size, runs[0].moments.size);
            assert_memory_equal(runs[i].moments.data, runs[0].moments.data, runs[0].moments.size);
        }
        for (size_t i = 0; i < 3; i++)
            release(&runs[i]);
    }
}

/* Relative distance of all weights: |a - b| / |b|, by Euclid. */
static double distance(const outcome *a, const outcome *b)
{
    double apart = 0, size = 0;
    uint64_t header;
    assert_int_equal(a->weights.size, b->weights.size);
    memcpy(&header, b->weights.data, sizeof header);
    for (size_t at = 8 + (size_t)header; at < b->weights.size; at += sizeof(float)) {
        float x, y;
        memcpy(&x, a->weights.data + at, sizeof x);
        memcpy(&y, b->weights.data + at, sizeof y);
        apart += ((double)x - (double)y) * ((double)x - (double)y);
        size += (double)y * (double)y;
    }
    return sqrt(apart / size);
}

/* K micro-batches of B rows are the rows of one batch of B K, in that order, and the gradient is
 * their mean: apart from the order of sums in float32, the step is the same. */
static void accumulation(void **state)
{
    (void)state;
    static const char *const cuts[][2] = {{"6", "1"}, {"3", "2"}, {"2", "3"}, {"1", "6"}};
    enum { CUTS = sizeof cuts / sizeof *cuts };
    for (size_t v = 0; v < VARIANTS; v++) {
        outcome runs[CUTS];
        for (size_t i = 0; i < CUTS; i++) {
            char name[64];
            (void)snprintf(name, sizeof name, "accum-%zu-%zu", v, i);
            runs[i] = run_of(name, (pair[]){SHAPE,
                                            {"context", "40"},
                                            {"batch", cuts[i][0]},
                                            {"accum", cuts[i][1]},
                                            {"quantization", variants[v].quantization},
                                            {"ttt_layer_type", variants[v].ttt},
                                            {NULL}});
        }
        for (size_t i = 1; i < CUTS; i++) {
            double first = fabs(runs[i].loss[0] / runs[0].loss[0] - 1);
            double norm = fabs(runs[i].grad_norm[0] / runs[0].grad_norm[0] - 1), worst = 0;
            for (size_t s = 0; s < STEPS; s++)
                worst = numbers_worst(worst, fabs(runs[i].loss[s] / runs[0].loss[s] - 1));
            double apart = distance(&runs[i], &runs[0]);
            printf(
                "%s %s, %s x %s: first loss %.1e, gradient norm %.1e, losses %.1e, weights %.1e\n",
                variants[v].quantization, variants[v].ttt, cuts[i][0], cuts[i][1], first, norm,
                worst, apart);
            /* The first loss is that of the same rows and weights, but the logits of a row come
             * from a product of another height, whose sums a library may take in another order. */
            assert_true(first < 1e-6);
            assert_true(norm < 1e-6);
            assert_true(worst < variants[v].loss);
            assert_true(apart < variants[v].weights);
        }
        for (size_t i = 0; i < CUTS; i++)
            release(&runs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads),
        cmocka_unit_test(accumulation),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
