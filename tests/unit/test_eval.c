/* Evaluation against losses computed here from the logits of a session: the mean over all tokens,
 * and by position. */
#include "scratch.h"

#include "bitllama.h"
#include "core/rng.h"

#include <math.h>

typedef const char *pair[2];

enum { V = 300, WINDOW = 40, FULL = 4096 / WINDOW, PARTIAL = 7, WINDOWS = FULL + PARTIAL };

static bl_model *model;
static bl_session *session;

static void set_all(bl_options *o, const pair *set)
{
    for (; (*set)[0]; set++)
        assert_ok(bl_options_set(o, (*set)[0], (*set)[1], &failure));
}

static double worst; /* relative difference so far */

static void near(double found, double expected)
{
    double difference = fabs(found - expected) / fabs(expected);
    if (!(difference <= 1e-6))
        fail_msg("%.9f, expected %.9f", found, expected);
    worst = fmax(worst, difference);
}

/* A model that has learned a little, so that losses differ from place to place. */
static int make_model(void **state)
{
    static const pair text[] = {{"tales_bytes", "40000"}, {"vocab_size", "300"}, {NULL}};
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "48"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"},
                                 {NULL}};
    static const pair usual[] = {{"preset", "tiny"}, {"batch", "8"}, {"context", "32"},
                                 {"steps", "30"},    {"lr", "1e-2"}, {NULL}};
    const char *source = "tales";
    bl_options *o, *config;
    bl_trainer *t;
    assert_int_equal(scratch_make(state), 0);
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    set_all(o, text);
    assert_ok(bl_prepare(&source, 1, scratch("data"), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    set_all(o, usual);
    set_all(config, shape);
    assert_ok(bl_trainer_open(&t, scratch("data"), scratch("run"), o, config, &failure));
    assert_ok(bl_trainer_run(t, NULL, NULL, &failure));
    bl_trainer_close(t);
    bl_options_close(config);
    bl_options_close(o);
    assert_ok(bl_model_open(&model, scratch("run"), "cpu", &failure));
    assert_ok(bl_session_open(&session, model, &failure));
    return 0;
}

static int close_model(void **state)
{
    printf("largest relative difference %.1e\n", worst);
    bl_session_close(session);
    bl_model_close(model);
    return scratch_remove(state);
}

/* loss[t] = -log softmax(logits after ids[0..t])[ids[t + 1]], t < count. */
static void losses_of(const int32_t *ids, size_t count, double *loss)
{
    float *logits = calloc(count * V, sizeof *logits);
    assert_non_null(logits);
    assert_ok(bl_session_reset(session, &failure));
    assert_ok(bl_session_feed(session, ids, count, logits, 1, &failure));
    for (size_t t = 0; t < count; t++) {
        double sum = 0;
        for (size_t i = 0; i < V; i++)
            sum += exp((double)logits[t * V + i]);
        loss[t] = log(sum) - (double)logits[t * V + (size_t)ids[t + 1]];
    }
    free(logits);
}

typedef struct curve {
    bl_eval_point at[WINDOW + 64];
    size_t count;
} curve;

static void add_point(void *user, const bl_eval_point *point)
{
    curve *c = user;
    assert_true(c->count < WINDOW + 64);
    c->at[c->count++] = *point;
}

/* Windows of which the last batch is not full, and unlike the others: random ids, that cost more.
 * A mean of the batches' means would weigh them as much as all others. */
static void windows(void **state)
{
    (void)state;
    static int32_t ids[WINDOWS * WINDOW + 4];
    static uint16_t file[WINDOWS * WINDOW + 4];
    static double loss[WINDOWS][WINDOW];
    size_t count = sizeof ids / sizeof *ids; /* one for the last target, three that are dropped */
    bl_map text;
    assert_ok(bl_map_open(&text, scratch("data/train.bin"), &failure));
    assert_true(text.size / 2 > FULL * WINDOW);
    for (size_t i = 0; i < count; i++) {
        ids[i] = i < FULL * WINDOW ? text.data[2 * i] + 256 * text.data[2 * i + 1]
                                   : (int32_t)bl_rng_below(1, 2, i, V);
        file[i] = (uint16_t)ids[i];
    }
    bl_map_close(&text);
    scratch_write(scratch("some.bin"), file, sizeof file);

    double sum[2] = {0}, by_position[WINDOW] = {0};
    for (size_t w = 0; w < WINDOWS; w++) {
        losses_of(ids + w * WINDOW, WINDOW, loss[w]);
        for (size_t t = 0; t < WINDOW; t++) {
            sum[w >= FULL] += loss[w][t];
            by_position[t] += loss[w][t] / WINDOWS;
        }
    }
    double mean = (sum[0] + sum[1]) / (WINDOWS * WINDOW);
    double of_means = (sum[0] / (FULL * WINDOW) + sum[1] / (PARTIAL * WINDOW)) / 2;
    assert_true(of_means > 1.05 * mean);

    bl_eval_result plain, r;
    curve c = {.count = 0};
    assert_ok(bl_eval(model, scratch("some.bin"), WINDOW, NULL, NULL, &plain, &failure));
    assert_ok(
        bl_eval_by_position(model, scratch("some.bin"), WINDOW, NULL, add_point, &c, &r, &failure));
    assert_true(r.loss == plain.loss);
    assert_int_equal(r.tokens, WINDOWS * WINDOW);
    near(r.loss, mean);
    near(r.perplexity, exp(mean));
    assert_int_equal(c.count, WINDOW);
    for (size_t t = 0; t < WINDOW; t++) {
        assert_int_equal(c.at[t].first, t);
        assert_int_equal(c.at[t].last, t);
        assert_int_equal(c.at[t].tokens, WINDOWS);
        near(c.at[t].loss, by_position[t]);
    }
}

/* Two documents, streamed: bins 0, 1, 2-3, 4-7, ... of the position in the document. */
static void documents(void **state)
{
    (void)state;
    static const char *const text[] = {
        "The fox went home.",
        "It was late, and the river was high, and nobody came to the bridge all night. So the fox "
        "went back to the hill where the owl lived, and asked her how she would cross the river "
        "without getting wet, and the owl said that she would fly."};
    char joined[600];
    int bytes = snprintf(joined, sizeof joined, "%s\n<|endoftext|>\n%s\n", text[0], text[1]);
    scratch_write(scratch("two.txt"), joined, (size_t)bytes);

    double nats[16] = {0}, all = 0;
    uint64_t tokens[16] = {0}, total = 0;
    size_t bins = 0;
    for (size_t d = 0; d < 2; d++) {
        int32_t ids[400] = {0}; /* <|endoftext|>, the document, <|endoftext|> */
        double loss[400];
        size_t count;
        assert_ok(bl_tokenizer_encode(bl_model_tokenizer(model), text[d], strlen(text[d]), 0,
                                      ids + 1, 398, &count, &failure));
        assert_true(count > 4 && count < 398);
        losses_of(ids, count + 1, loss);
        for (size_t t = 0, bin = 0; t <= count; t++) {
            if (t >= (size_t)1 << bin)
                bin++;
            nats[bin] += loss[t];
            tokens[bin]++;
            all += loss[t];
            total++;
            bins = bin + 1 > bins ? bin + 1 : bins;
        }
    }
    assert_true(bins >= 7); /* more than one piece of 64 is read */

    bl_eval_result r;
    curve c = {.count = 0};
    assert_ok(bl_eval_by_position(model, scratch("two.txt"), 0, NULL, add_point, &c, &r, &failure));
    assert_int_equal(r.tokens, total);
    assert_int_equal(r.documents, 2);
    assert_int_equal(r.bytes, strlen(text[0]) + strlen(text[1]));
    near(r.loss, all / (double)total);
    near(r.bits_per_byte, all / log(2.0) / (double)r.bytes);
    assert_int_equal(c.count, bins);
    for (size_t i = 0; i < bins; i++) {
        assert_int_equal(c.at[i].first, i ? 1 << (i - 1) : 0);
        assert_int_equal(c.at[i].last, i ? (1 << i) - 1 : 0);
        assert_int_equal(c.at[i].tokens, tokens[i]);
        near(c.at[i].loss, nats[i] / (double)tokens[i]);
    }
}

static int stop(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)stage, (void)done, (void)total, (void)unit;
    return 1;
}

/* A failed evaluation has no curve. */
static void failures(void **state)
{
    (void)state;
    bl_eval_result r;
    curve c = {.count = 0};
    scratch_write(scratch("few.bin"), "\1\0\2\0", 4);
    assert_int_equal(
        bl_eval_by_position(model, scratch("few.bin"), 8, NULL, add_point, &c, &r, &failure),
        BL_EFORMAT);
    assert_int_equal(
        bl_eval_by_position(model, scratch("none.txt"), 0, NULL, add_point, &c, &r, &failure),
        BL_ENOENT);
    assert_int_equal(bl_eval_by_position(model, scratch("data/train.bin"), 16, stop, add_point, &c,
                                         &r, &failure),
                     BL_EINTERRUPTED);
    assert_int_equal(c.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),
        cmocka_unit_test(documents),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, make_model, close_model);
}
