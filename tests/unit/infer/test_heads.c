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

/* Adds the squares of a head's difference and start in one matrix of a layer; from a model, or from
 * a memory (`layers`). */
static void add_squares(const bl_st *from, const bl_st *memory, const char *layers, size_t layer,
                        size_t head, const char *matrix, size_t width, double sum[2])
{
    static float start[H * F * 4 * F], now[H * F * 4 * F];
    char name[2][96];
    const size_t shape[] = {H, strcmp(matrix, "W2") == 0 ? width : F,
                            strcmp(matrix, "W2") == 0 ? F : width};
    size_t n = F * width;
    (void)snprintf(name[0], sizeof name[0],
                   layers ? "layers.%zu.%s" : "model.layers.%zu.seq_modeling_block.%s", layer,
                   matrix);
    (void)snprintf(name[1], sizeof name[1], "layers.%zu.%s", layer, matrix);
    assert_ok(bl_st_get_f32(from, name[0], 3, shape, start, &failure));
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

/* The memory it.mem of a session, and one of the model that was made before. */
static void check_other_model(bl_session *session)
{
    bl_model *other;
    bl_session *of_other;
    found f = {.count = 0};
    bl_memory_difference d = {.size = sizeof d};
    assert_ok(bl_model_open(&other, scratch("linear"), NULL, &failure));
    assert_ok(bl_session_open(&of_other, other, NULL, &failure));
    assert_int_equal(bl_session_diff(of_other, session, add_head, &f, &failure), BL_EINVAL);
    assert_ok(bl_session_save(of_other, scratch("on.mem"), &failure));
    assert_ok(bl_memory_diff(scratch("it.mem"), scratch("on.mem"), &d, &failure));
    assert_true(!d.same && !d.same_model && d.position_b == 0);
    assert_int_equal(bl_memory_diff(scratch("it.mem"), scratch("linear/config.json"), &d, NULL),
                     BL_EFORMAT);
    assert_int_equal(bl_memory_diff(scratch("none"), scratch("it.mem"), &d, NULL), BL_ENOENT);
    bl_session_close(of_other);
    bl_model_close(other);
}

/* Two memories of one text, one of which has read on. */
static void check_between(bl_session *session, const bl_st *of_model, const bl_st *of_memory,
                          size_t width, int has_second)
{
    bl_session *on;
    bl_st *of_other;
    int32_t ids[40];
    found f = {.count = 0}, none = {.count = 0}, back = {.count = 0};
    bl_memory_difference d = {.size = sizeof d};
    for (size_t i = 0; i < 40; i++)
        ids[i] = (int32_t)(i * 11 % 300);
    assert_ok(bl_session_fork(&on, session, &failure));
    assert_ok(bl_session_feed(on, ids, 40, NULL, &failure));
    assert_ok(bl_session_save(on, scratch("on.mem"), &failure));
    assert_ok(bl_session_diff(session, on, add_head, &f, &failure));
    assert_ok(bl_session_diff(on, session, add_head, &back, &failure));
    assert_ok(bl_session_diff(on, on, add_head, &none, &failure));
    assert_ok(bl_st_open(&of_other, scratch("on.mem"), &failure));
    for (size_t i = 0; i < L * H; i++) {
        double moved[2] = {0}, start[2] = {0};
        add_squares(of_other, of_memory, "layers", i / H, i % H, "W1", width, moved);
        add_squares(of_model, of_memory, NULL, i / H, i % H, "W1", width, start);
        if (has_second) {
            add_squares(of_other, of_memory, "layers", i / H, i % H, "W2", width, moved);
            add_squares(of_model, of_memory, NULL, i / H, i % H, "W2", width, start);
        }
        double expected = sqrt(moved[0] / start[1]);
        assert_true(expected > 1e-4 && fabs(f.at[i].distance - expected) <= 1e-12 * expected);
        assert_true(f.at[i].distance == back.at[i].distance && none.at[i].distance == 0);
        assert_true(f.at[i].base == 0 && f.at[i].base_most > 0 && f.at[i].half_life > 0);
    }
    bl_st_close(of_other);
    assert_ok(bl_memory_diff(scratch("it.mem"), scratch("on.mem"), &d, &failure));
    assert_true(!d.same && d.same_model && d.version_a == 1 && d.version_b == 1);
    assert_true(d.position_a == 40 && d.position_b == 80);
    assert_ok(bl_memory_diff(scratch("it.mem"), scratch("it.mem"), &d, &failure));
    assert_true(d.same && d.same_model);
    bl_session_close(on);
    if (has_second)
        check_other_model(session);
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
        add_squares(of_model, of_memory, NULL, i / H, i % H, "W1", width, sum);
        if (has_second)
            add_squares(of_model, of_memory, NULL, i / H, i % H, "W2", width, sum);
        double expected = sqrt(sum[0] / sum[1]), half_life = half_life_of(of_model, i / H, i % H);
        assert_true(half_life >= 16 &&
                    fabs(after.at[i].half_life - half_life) <= 1e-12 * half_life);
        assert_true(expected > 1e-4);
        assert_true(fabs(after.at[i].distance - expected) <= 1e-12 * expected);
    }
    check_recorded(model);
    check_between(session, of_model, of_memory, width, has_second);
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
