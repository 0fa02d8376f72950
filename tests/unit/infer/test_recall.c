/* The scored task of recall: what is told and asked, exact distances, counting with answers that
 * are known, and an untrained model, which guesses. */
#include "scratch.h"

#include "bitllama.h"
#include "core/rng.h"
#include "infer/recall_round.h"

#include <math.h>

enum { V = 1024, ROUNDS = 120, DISTANCE = 700 };

static bl_tokenizer *tokenizer;

typedef const char *pair[2];

static void prepare(const char *dir, const char *vocabulary)
{
    const pair set[] = {
        {"tales_bytes", "600000"}, {"tales_facts", "2048"}, {"vocab_size", vocabulary}};
    const char *source = "tales";
    bl_options *o;
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        assert_ok(bl_options_set(o, set[i][0], set[i][1], &failure));
    assert_ok(bl_prepare(&source, 1, dir, o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
}

static void make_run(const char *data, const char *run)
{
    static const pair set[] = {
        {"preset", "tiny"}, {"batch", "2"}, {"context", "16"}, {"steps", "1"}};
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "32"},
                                 {"num_hidden_layers", "1"},
                                 {"num_attention_heads", "2"}};
    bl_options *o, *config;
    bl_trainer *t;
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    for (size_t i = 0; i < 4; i++) {
        assert_ok(bl_options_set(o, set[i][0], set[i][1], &failure));
        assert_ok(bl_options_set(config, shape[i][0], shape[i][1], &failure));
    }
    assert_ok(bl_trainer_open(&t, data, run, o, config, &failure));
    assert_ok(bl_trainer_run(t, NULL, NULL, &failure));
    bl_trainer_close(t);
    bl_options_close(o);
    bl_options_close(config);
}

static int make(void **state)
{
    assert_int_equal(scratch_make(state), 0);
    prepare(scratch("data"), "1024");
    make_run(scratch("data"), scratch("run"));
    assert_ok(bl_tokenizer_open(&tokenizer, scratch("data"), &failure));
    return 0;
}

static int unmake(void **state)
{
    bl_tokenizer_close(tokenizer);
    return scratch_remove(state);
}

static void decode(const int32_t *ids, size_t count, char *text, size_t cap)
{
    size_t bytes;
    assert_ok(bl_tokenizer_decode(tokenizer, ids, count, 0, text, cap - 1, &bytes, &failure));
    assert_true(bytes < cap);
    text[bytes] = 0;
}

/* The facts of a round, told in order, those with another value at the end once more. */
static void check_facts(const bl_recall_round *r)
{
    char text[2000], expected[2000] = "";
    int n = 0;
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < BL_RECALL_FACTS; i++) {
            const bl_recall_fact *f = &r->fact[i];
            int changed = f->old != BL_RECALL_NEVER;
            assert_int_not_equal(f->value, f->old);
            for (size_t k = 0; k < i; k++)
                assert_int_not_equal(f->name, r->fact[k].name);
            if (again && !changed)
                continue;
            n += snprintf(expected + n, sizeof expected - (size_t)n, "\nThis is %s %s.",
                          bl_fact_names[f->name],
                          bl_fact_values[again || !changed ? f->value : f->old]);
        }
    (void)snprintf(expected + n, sizeof expected - (size_t)n,
                   "\n"); /* as in the text of training */
    decode(r->facts.ids, r->facts.count, text, sizeof text);
    assert_string_equal(text, expected);
}

/* Exactly `distance` tokens of stories follow the facts, and they end with a story's end. */
static void check_stories(const bl_recall_round *r)
{
    static char text[40000];
    assert_true(r->stories.count >= DISTANCE + BL_RECALL_PREFACE);
    decode(r->stories.ids + r->stories.count - DISTANCE, DISTANCE, text, sizeof text);
    assert_non_null(strchr(".!?\"", text[strlen(text) - 1]));
    assert_null(strstr(text, "Who is there?"));
}

static void rounds(void **state)
{
    (void)state;
    bl_recall_round r;
    size_t value[BL_FACT_VALUES] = {0}, changed = 0;
    assert_ok(bl_recall_round_open(&r, tokenizer, DISTANCE, &failure));
    for (uint64_t i = 0; i < ROUNDS; i++) {
        char text[200], expected[200];
        assert_ok(bl_recall_round_make(&r, i, &failure));
        check_facts(&r);
        if (i < 20)
            check_stories(&r);
        for (size_t k = 0; k < BL_RECALL_FACTS; k++) {
            assert_ok(bl_recall_round_ask(&r, k, &failure));
            decode(r.question.ids, r.question.count, text, sizeof text);
            (void)snprintf(expected, sizeof expected, "\nWho is there? It is %s",
                           bl_fact_names[r.fact[k].name]);
            assert_string_equal(text, expected);
            decode(&r.first[r.fact[k].value], 1, text, sizeof text);
            assert_true(text[0] == ' ' && text[1]); /* a token of its own */
            value[r.fact[k].value]++;
            changed += r.fact[k].old != BL_RECALL_NEVER;
        }
    }
    bl_recall_round_release(&r);
    size_t all = ROUNDS * BL_RECALL_FACTS;
    assert_true(changed > all / 4 && changed < all / 2);
    for (size_t i = 0; i < BL_FACT_VALUES; i++) /* nobody knows them without reading */
        assert_true(value[i] > all / 20 && value[i] < all / 5);
}

/* One who always knows, one who knows what was told first, one who always says the same value, one
 * who throws dice. */
enum { KNOWS, IS_LATE, SAYS_RED, GUESSES, ANSWERERS };

static void answer(int who, const bl_recall_round *r, size_t fact, uint64_t number, float *logits)
{
    const bl_recall_fact *f = &r->fact[fact];
    for (size_t i = 0; i < V; i++)
        logits[i] = bl_rng_normal(1, 2, number * V + i);
    if (who == KNOWS)
        logits[r->first[f->value]] += 100;
    if (who == IS_LATE)
        logits[r->first[f->old == BL_RECALL_NEVER ? f->value : f->old]] += 100;
    if (who == SAYS_RED)
        logits[r->first[0]] += 100;
}

static void known_answers(void **state)
{
    (void)state;
    static float logits[V];
    bl_recall_round r;
    bl_recall_result sum[ANSWERERS] = {{0}};
    uint64_t number = 0, reds = 0;
    assert_ok(bl_recall_round_open(&r, tokenizer, 5, &failure));
    for (uint64_t i = 0; i < ROUNDS; i++) {
        assert_ok(bl_recall_round_make(&r, i, &failure));
        for (size_t k = 0; k < BL_RECALL_FACTS; k++) {
            reds += r.fact[k].value == 0;
            for (int who = 0; who < ANSWERERS; who++) {
                answer(who, &r, k, number++, logits);
                bl_recall_count(&r, k, logits, V, &sum[who]);
                answer(GUESSES, &r, k, number++, logits);
                bl_recall_count_control(&r, k, logits, &sum[who]);
            }
        }
    }
    bl_recall_round_release(&r);
    for (int who = 0; who < ANSWERERS; who++) {
        bl_recall_finish(&sum[who]);
        assert_int_equal(sum[who].questions, ROUNDS * BL_RECALL_FACTS);
        assert_true(fabs(sum[who].chance - 0.1) < 1e-12);
        assert_true(fabs(sum[who].control - 0.1) < 4 * sqrt(0.09 / 600));
        assert_true(fabs(sum[who].control_error - 0.0122) < 0.003);
    }
    double unchanged = 1 - (double)sum[0].changed / (double)sum[0].questions;
    assert_true(sum[KNOWS].right == 1 && sum[KNOWS].greedy == 1 && sum[KNOWS].error == 0);
    assert_true(sum[KNOWS].changed_right == 1 && sum[KNOWS].changed_old == 0);
    assert_true(fabs(sum[IS_LATE].right - unchanged) < 1e-12);
    assert_true(sum[IS_LATE].changed_right == 0 && sum[IS_LATE].changed_old == 1);
    assert_true(fabs(sum[SAYS_RED].right - (double)reds / 600) < 1e-12);
    assert_true(fabs(sum[GUESSES].right - 0.1) < 4 * sqrt(0.09 / 600));
    assert_true(sum[GUESSES].greedy < 0.05); /* one of 1,024 */
}

/* Of a model that has learnt nothing, both are at chance; the same again, and on any threads. */
static void untrained_model(void **state)
{
    (void)state;
    bl_model *m;
    bl_recall_result r = {.size = sizeof r}, again = {.size = sizeof again};
    assert_ok(bl_model_open(&m, scratch("run"), NULL, &failure));
    assert_ok(bl_eval_recall(m, 40, 303, NULL, NULL, &r, &failure));
    print_message("right %.3f, control %.3f, greedy %.3f\n", r.right, r.control, r.greedy);
    assert_int_equal(r.distance, 40);
    assert_int_equal(r.questions, 303);
    assert_true(fabs(r.right - r.chance) < 4 * sqrt(0.09 / 303));
    assert_true(fabs(r.control - r.chance) < 4 * sqrt(0.09 / 303));
    bl_set_threads(1);
    assert_ok(bl_eval_recall(m, 40, 303, NULL, NULL, &again, &failure));
    bl_set_threads(0);
    assert_true(r.right == again.right && r.control == again.control && r.greedy == again.greedy &&
                r.changed == again.changed && r.changed_old == again.changed_old);
    assert_ok(bl_eval_recall(m, 0, 1, NULL, NULL, &r, &failure)); /* at once, half a round */
    bl_model_close(m);
}

static int stop(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)stage, (void)unit;
    assert_true(done <= total);
    return done > 100;
}

static void failures(void **state)
{
    (void)state;
    bl_model *m;
    bl_recall_result r = {.size = sizeof r};
    assert_ok(bl_model_open(&m, scratch("run"), NULL, &failure));
    assert_int_equal(bl_eval_recall(m, 10, 0, NULL, NULL, &r, &failure), BL_EINVAL);
    assert_int_equal(bl_eval_recall(m, (uint64_t)BL_RECALL_MOST + 1, 5, NULL, NULL, &r, &failure),
                     BL_EINVAL);
    assert_int_equal(bl_eval_recall(m, 1000, 500, stop, NULL, &r, &failure), BL_EINTERRUPTED);
    assert_int_equal(r.questions, 0);
    bl_model_close(m);
    prepare(scratch("letters"), "258"); /* every color begins with a space */
    make_run(scratch("letters"), scratch("spells"));
    assert_ok(bl_model_open(&m, scratch("spells"), NULL, &failure));
    assert_int_equal(bl_eval_recall(m, 10, 5, NULL, NULL, &r, &failure), BL_EUNSUPPORTED);
    assert_non_null(strstr(failure.message, "\"blue\""));
    bl_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(untrained_model),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
