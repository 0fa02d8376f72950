/* Steps on rows of a program's own: the windows of a data folder give the bits of a run over it, with
 * a mask and without; fewer and shorter rows give those of a smaller batch, to rounding. */
#include "small_run.h"

#include "data/corpora.h"
#include "train/trainer.h"

#include <math.h>

enum { STEPS = 6, B = 3, ACCUM = 2, T = 16, ROWS = B * ACCUM };

static int make_both(void **state)
{
    assert_int_equal(make_data(state), 0);
    prepare_talks("talk", NULL);
    return 0;
}

static void open_options(bl_options **o, bl_options **config, const pair *set)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "32"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"}};
    static const pair usual[] = {{"preset", "tiny"}, {"batch", "3"},     {"context", "16"},
                                 {"accum", "2"},     {"dropout", "0.1"}, {"steps", "6"},
                                 {"seed", "7"},      {"keep", "9"}};
    assert_ok(bl_options_open(o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(config, BL_OPTIONS_CONFIG, &failure));
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        assert_ok(bl_options_set(*config, shape[i][0], shape[i][1], &failure));
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        assert_ok(bl_options_set(*o, usual[i][0], usual[i][1], &failure));
    for (; set && (*set)[0]; set++)
        if (bl_options_set(*o, (*set)[0], (*set)[1], NULL) != BL_OK)
            assert_ok(bl_options_set(*config, (*set)[0], (*set)[1], &failure));
}

/* Over a data folder; or over none, with its tokenizer. */
static bl_trainer *open_trainer(const char *data, const char *run, int given, const pair *set)
{
    bl_options *o, *config;
    bl_trainer *t;
    open_options(&o, &config, set);
    assert_ok((given ? bl_trainer_open_given : bl_trainer_open)(&t, scratch(data), scratch(run), o,
                                                                config, &failure));
    bl_options_close(o);
    bl_options_close(config);
    return t;
}

/* The windows that a run over the folder reads, by the loader itself. */
typedef struct windows {
    bl_corpora *data;
    bl_mix *mix;
} windows;

static windows open_windows(const char *data)
{
    windows w;
    bl_token_file *file;
    const bl_corpus list = {.dir = scratch(data)};
    assert_ok(bl_corpora_open(&w.data, &list, 1, &failure));
    file = w.data->data[0]->split[BL_DATA_TRAIN];
    assert_ok(bl_mix_open(&w.mix, &file, w.data->weight, 1, B, T, 7, &failure));
    if (bl_corpora_masked(w.data))
        bl_mix_documents(w.mix, 0, (int32_t)w.data->data[0]->meta.roles.eos);
    return w;
}

static void close_windows(windows *w)
{
    bl_mix_close(w->mix);
    bl_corpora_close(w->data);
}

/* Those of one step, as a program has them. */
static void next_rows(windows *w, int32_t ids[ROWS][T + 1], unsigned char mask[ROWS][T])
{
    int32_t x[B * T], y[B * T];
    for (size_t row = 0; row < ROWS; row++) {
        size_t b = row % B;
        if (!b)
            assert_ok(bl_mix_next(w->mix, x, y, &failure));
        memcpy(ids[row], x + b * T, sizeof(int32_t) * T);
        ids[row][T] = y[b * T + T - 1] < 0 ? 0 : y[b * T + T - 1];
        for (size_t i = 0; i < T; i++)
            mask[row][i] = y[b * T + i] >= 0;
    }
}

/* How a trainer is moved on. */
typedef struct mover {
    const char *run;
    int given, by_rows; /* opened without the folder; fed its windows */
} mover;

static void compare(const char *data, int masked, const pair *set)
{
    static const mover movers[] = {{"run", 0, 0}, {"fed", 0, 1}, {"given", 1, 1}};
    double loss[3][STEPS], norm[3][STEPS];
    char run[3][64];
    for (size_t i = 0; i < 3; i++) {
        static int32_t ids[ROWS][T + 1];
        static unsigned char mask[ROWS][T];
        bl_step_result r = {.size = sizeof r};
        windows w = open_windows(data);
        (void)snprintf(run[i], sizeof run[i], "%s-%s-%s", data, movers[i].run, set ? "more" : "");
        bl_trainer *t = open_trainer(data, run[i], movers[i].given, set);
        for (size_t s = 0; s < STEPS; s++) {
            next_rows(&w, ids, mask);
            if (movers[i].by_rows)
                assert_ok(
                    bl_trainer_step_on(t, ids[0], masked ? mask[0] : NULL, ROWS, T, &r, &failure));
            else
                assert_ok(bl_trainer_step(t, 1, &r, &failure));
            assert_int_equal(r.tokens, ROWS * T);
            loss[i][s] = r.loss;
            norm[i][s] = r.grad_norm;
        }
        assert_int_equal(t->state.tokens, STEPS * ROWS * T);
        assert_int_equal(t->state.position, movers[i].by_rows ? 0 : STEPS * ROWS);
        assert_ok(bl_trainer_checkpoint(t, NULL, 0, NULL, &failure));
        bl_trainer_close(t);
        close_windows(&w);
    }
    for (size_t i = 1; i < 3; i++) {
        assert_memory_equal(loss[i], loss[0], sizeof loss[0]);
        assert_memory_equal(norm[i], norm[0], sizeof norm[0]);
        same_checkpoint(run[0], run[i], STEPS);
    }
}

static void windows_of_a_folder(void **state)
{
    (void)state;
    compare("data", 0, NULL);
    compare("talk", 1, NULL);
    compare("data", 0, (const pair[]){{"device", "late:cpu"}, {"ttt_layer_type", "mlp"}, {NULL}});
}

/* The first step of a batch of 6 rows of 16 tokens that is given less, and of one just so large. */
static void less_than_a_batch(void **state)
{
    (void)state;
    static const struct {
        size_t rows, tokens;
        const char *batch, *accum, *context;
    } cases[] = {{3, 16, "3", "1", "16"},
                 {6, 8, "3", "2", "8"},
                 {1, 16, "1", "1", "16"},
                 {4, 12, "4", "1", "12"},
                 {5, 4, "5", "1", "4"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static int32_t ids[ROWS * (T + 1)];
        char run[2][40];
        bl_step_result r[2] = {{.size = sizeof *r}, {.size = sizeof *r}};
        const pair more[] = {{"batch", cases[i].batch},     {"accum", cases[i].accum},
                             {"context", cases[i].context}, {"dropout", "0"},
                             {"quantization", "none"},      {"mini_batch_size", "4"},
                             {"ttt_forget", "false"},       {NULL}};
        for (size_t k = 0; k < ROWS * (T + 1); k++)
            ids[k] = (int32_t)((k * k + 3 * k) % 400);
        for (size_t k = 0; k < 2; k++) {
            (void)snprintf(run[k], sizeof run[k], "less-%zu-%zu", i, k);
            bl_trainer *t = open_trainer("data", run[k], 1, k ? more : more + 3);
            assert_ok(
                bl_trainer_step_on(t, ids, NULL, cases[i].rows, cases[i].tokens, &r[k], &failure));
            assert_int_equal(r[k].tokens, cases[i].rows * cases[i].tokens);
            bl_trainer_close(t);
        }
        printf("%zu x %zu of 6 x 16: loss %.1e, gradient norm %.1e apart\n", cases[i].rows,
               cases[i].tokens, fabs(r[0].loss / r[1].loss - 1),
               fabs(r[0].grad_norm / r[1].grad_norm - 1));
        assert_true(fabs(r[0].loss / r[1].loss - 1) < 1e-6);
        assert_true(fabs(r[0].grad_norm / r[1].grad_norm - 1) < 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_a_folder),
        cmocka_unit_test(less_than_a_batch),
    };
    return cmocka_run_group_tests(tests, make_both, scratch_remove);
}
