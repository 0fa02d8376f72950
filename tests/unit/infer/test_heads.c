/* How fast heads forget and how far they are from their start, against the tensors of the model's
 * and the memory's file. */
#include "option_pairs.h"

#include "bitllama.h"
#include "core/file.h"
#include "format/safetensors.h"

#include <math.h>

enum { L = 2, H = 2, F = 16, T = 16 };

static int make_data(void **state)
{
    static const pair text[] = {{"tales_bytes", "20000"}, {"vocab_size", "300"}, {NULL}};
    assert_int_equal(scratch_make(state), 0);
    prepare_tales(text);
    return 0;
}

static bl_train_layer recorded[L]; /* at the last evaluation */

static void note_layers(void *user, const bl_train_event *event)
{
    (void)user;
    if (event->kind != BL_TRAIN_EVAL) {
        assert_int_equal(event->layer_count, 0);
        return;
    }
    assert_int_equal(event->layer_count, L);
    memcpy(recorded, event->layers, sizeof recorded);
}

static bl_model *make_model(const char *inner)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "32"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"},
                                 {NULL}};
    static const pair usual[] = {
        {"preset", "tiny"}, {"batch", "2"}, {"context", "16"}, {"steps", "2"}, {NULL}};
    const pair kind[] = {{"ttt_layer_type", inner}, {NULL}};
    bl_options *o, *config;
    bl_trainer *t;
    bl_model *model;
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    set_all(o, usual);
    set_all(config, shape);
    set_all(config, kind);
    assert_ok(bl_trainer_open(&t, scratch("data"), scratch(inner), o, config, &failure));
    assert_ok(bl_trainer_run(t, note_layers, NULL, &failure));
    bl_trainer_close(t);
    bl_options_close(config);
    bl_options_close(o);
    assert_ok(bl_model_open(&model, scratch(inner), NULL, &failure));
    return model;
}

typedef struct found {
    bl_head_info at[L * H];
    size_t count;
} found;

static void add_head(void *user, const bl_head_info *head)
{
    found *f = user;
    assert_true(f->count < L * H);
    f->at[f->count++] = *head;
}

/* Adds the squares of a head's difference and start in one matrix of a layer. */
static void add_squares(const bl_st *model, const bl_st *memory, size_t layer, size_t head,
                        const char *matrix, size_t width, double sum[2])
{
    static float start[H * F * 4 * F], now[H * F * 4 * F];
    char name[2][96];
    const size_t shape[] = {H, strcmp(matrix, "W2") == 0 ? width : F,
                            strcmp(matrix, "W2") == 0 ? F : width};
    size_t n = F * width;
    (void)snprintf(name[0], sizeof name[0], "model.layers.%zu.seq_modeling_block.%s", layer,
                   matrix);
    (void)snprintf(name[1], sizeof name[1], "layers.%zu.%s", layer, matrix);
    assert_ok(bl_st_get_f32(model, name[0], 3, shape, start, &failure));
    assert_ok(bl_st_get_f32(memory, name[1], 3, shape, now, &failure));
    for (size_t i = head * n; i < (head + 1) * n; i++) {
        double moved = (double)now[i] - (double)start[i];
        sum[0] += moved * moved;
        sum[1] += (double)start[i] * (double)start[i];
    }
}

/* In tokens, by MODEL 3.7. */
static double half_life_of(const bl_st *model, size_t layer, size_t head)
{
    float a[H];
    char name[96];
    const size_t shape[] = {H};
    (void)snprintf(name, sizeof name, "model.layers.%zu.seq_modeling_block.learnable_ttt_half_life",
                   layer);
    assert_ok(bl_st_get_f32(model, name, 1, shape, a, &failure));
    return 16 * fmax(exp((double)a[head]), 1); /* mini_batch_size */
}

/* The first validation window, read by a session. */
static void check_recorded(bl_model *model)
{
    bl_session *session;
    bl_map text;
    int32_t ids[T];
    found f = {.count = 0};
    assert_ok(bl_map_open(&text, scratch("data/val.bin"), &failure));
    assert_true(text.size / 2 > T);
    for (size_t i = 0; i < T; i++)
        ids[i] = text.data[2 * i] + 256 * text.data[2 * i + 1];
    bl_map_close(&text);
    assert_ok(bl_session_open(&session, model, NULL, &failure));
    assert_ok(bl_session_feed(session, ids, T, NULL, &failure));
    assert_ok(bl_session_heads(session, add_head, &f, &failure));
    for (size_t l = 0; l < L; l++) {
        double mean = (f.at[l * H].distance + f.at[l * H + 1].distance) / H;
        double first = f.at[l * H].half_life, second = f.at[l * H + 1].half_life;
        assert_true(recorded[l].half_life_min == fmin(first, second));
        assert_true(recorded[l].half_life_max == fmax(first, second));
        assert_true(mean > 1e-4 && fabs(recorded[l].distance - mean) <= 1e-12 * mean);
    }
    bl_session_close(session);
}

static void distances(const char *inner, size_t width, int has_second)
{
    bl_model *model = make_model(inner);
    bl_session *session;
    bl_st *of_model, *of_memory;
    int32_t ids[40];
    char path[600];
    found before = {.count = 0}, after = {.count = 0};
    for (size_t i = 0; i < 40; i++)
        ids[i] = (int32_t)(i * 7 % 300);
    assert_ok(bl_session_open(&session, model, NULL, &failure));
    assert_ok(bl_session_heads(session, add_head, &before, &failure));
    assert_ok(bl_session_feed(session, ids, 40, NULL, &failure));
    assert_ok(bl_session_heads(session, add_head, &after, &failure));
    assert_ok(bl_session_save(session, scratch("it.mem"), &failure));
    (void)snprintf(path, sizeof path, "%s/model.safetensors", scratch(inner));
    assert_ok(bl_st_open(&of_model, path, &failure));
    assert_ok(bl_st_open(&of_memory, scratch("it.mem"), &failure));
    assert_int_equal(before.count, L * H);
    assert_int_equal(after.count, L * H);
    for (size_t i = 0; i < L * H; i++) {
        double sum[2] = {0};
        assert_int_equal(after.at[i].layer, i / H);
        assert_int_equal(after.at[i].head, i % H);
        assert_true(before.at[i].distance == 0);
        add_squares(of_model, of_memory, i / H, i % H, "W1", width, sum);
        if (has_second)
            add_squares(of_model, of_memory, i / H, i % H, "W2", width, sum);
        double expected = sqrt(sum[0] / sum[1]), half_life = half_life_of(of_model, i / H, i % H);
        assert_true(half_life >= 16 &&
                    fabs(after.at[i].half_life - half_life) <= 1e-12 * half_life);
        assert_true(expected > 1e-4);
        assert_true(fabs(after.at[i].distance - expected) <= 1e-12 * expected);
    }
    check_recorded(model);
    bl_st_close(of_model);
    bl_st_close(of_memory);
    bl_session_close(session);
    bl_model_close(model);
}

static void of_linear(void **state)
{
    (void)state;
    distances("linear", F, 0);
}

static void of_mlp(void **state)
{
    (void)state;
    distances("mlp", 4 * F, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_linear), cmocka_unit_test(of_mlp)};
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
