/* Sizes, special ids, tokens by their bytes; and whose function hears what the library says. */
#include "api.h"

static uint64_t option_of(const bl_options *o, const char *name)
{
    char text[64];
    assert_ok(bl_options_get(o, name, text, sizeof text, NULL, &api_error));
    return strtoull(text, NULL, 10);
}

static void sizes(void **state)
{
    (void)state;
    const bl_options *c = bl_model_config(api_model);
    bl_model_info i = {.size = sizeof i};
    assert_ok(bl_model_describe(api_model, &i, &api_error));
    assert_int_equal(i.parameters, bl_model_parameters(api_model));
    assert_int_equal(i.vocab_size, API_V);
    assert_int_equal(i.vocab_size, option_of(c, "vocab_size"));
    assert_int_equal(i.hidden_size, 32);
    assert_int_equal(i.layers, 1);
    assert_int_equal(i.heads, 2);
    assert_int_equal(i.head_width, 16);
    assert_int_equal(i.intermediate_size, 32);
    assert_int_equal(i.chunk, option_of(c, "mini_batch_size"));
    assert_int_equal(i.context, 16);
    assert_int_equal(i.ternary, 1);
    assert_int_equal(i.forgets, 1);
    assert_int_equal(i.bos, option_of(c, "bos_token_id"));
    assert_int_equal(i.eos, bl_tokenizer_id(bl_model_tokenizer(api_model), "<|endoftext|>"));
    assert_int_equal(i.pad, bl_tokenizer_id(bl_model_tokenizer(api_model), "<|padding|>"));
    assert_int_equal(i.unk, -1);

    bl_model *other; /* of floats, which says nothing of a context and has no tokenizer */
    bl_options *config = api_small_config();
    assert_ok(bl_options_set(config, "quantization", "none", &api_error));
    assert_ok(bl_options_set(config, "ttt_forget", "false", &api_error));
    assert_ok(bl_model_random(&other, config, NULL, &api_error));
    assert_ok(bl_model_describe(other, &i, &api_error));
    assert_int_equal(i.ternary, 0);
    assert_int_equal(i.forgets, 0);
    assert_int_equal(i.context, 0);
    assert_int_equal(i.unk, -1);
    bl_model_close(other);
    bl_options_close(config);
}

/* Each token is found by its bytes, or one before it that has the same. */
static void tokens_by_bytes(void **state)
{
    (void)state;
    const bl_tokenizer *t = bl_model_tokenizer(api_model);
    size_t n, k, same = 0, specials = 0;
    for (int32_t id = 0; id < API_V; id++) {
        const char *bytes = bl_tokenizer_bytes(t, id, &n);
        assert_non_null(bytes);
        int32_t found = bl_tokenizer_find(t, bytes, n);
        specials += (size_t)bl_tokenizer_is_special(t, id);
        if (found == id) {
            same++;
            continue;
        }
        const char *others = bl_tokenizer_bytes(t, found, &k);
        assert_non_null(others);
        assert_int_equal(k, n);
        assert_memory_equal(others, bytes, n);
        assert_true(found < id || bl_tokenizer_is_special(t, id));
    }
    assert_true(same > API_V - 10);
    assert_int_equal(specials, 2);
    assert_true(bl_tokenizer_is_special(t, bl_tokenizer_id(t, "<|endoftext|>")));
    assert_int_equal(bl_tokenizer_find(t, "<|endoftext|>", 13),
                     bl_tokenizer_id(t, "<|endoftext|>"));
    assert_int_equal(bl_tokenizer_find(t, "", 0), -1);
    assert_int_equal(bl_tokenizer_find(t, "no such token of so many bytes", 30), -1);
    assert_int_equal(bl_tokenizer_is_special(t, -1), 0);
    assert_int_equal(bl_tokenizer_is_special(t, API_V), 0);
    char every[1]; /* a byte is a token, whatever it is */
    for (int byte = 0x20; byte < 0x7F; byte++) {
        every[0] = (char)byte;
        int32_t id = bl_tokenizer_find(t, every, 1);
        assert_true(id >= 0);
        assert_int_equal(*bl_tokenizer_bytes(t, id, &n), byte);
        assert_int_equal(n, 1);
    }
}

/* A real file, with one word more in it. */
static void an_unknown_token(void **state)
{
    (void)state;
    static char text[1 << 17], changed[1 << 17];
    static const char none[] = "\"unk_token\": null", some[] = "\"unk_token\": \"<|padding|>\"";
    static char weights[1 << 20], config[1 << 14];
    const char *const names[] = {"data/tokenizer.json", "run/config.json",
                                 "run/ckpt/step-00000004/model.safetensors"};
    char *const rooms[] = {text, config, weights};
    const size_t caps[] = {sizeof text - 1, sizeof config, sizeof weights};
    size_t size[3];
    for (size_t i = 0; i < 3; i++) {
        FILE *file = fopen(api_path(names[i]), "rb");
        assert_non_null(file);
        size[i] = fread(rooms[i], 1, caps[i], file);
        assert_int_equal(fclose(file), 0);
    }
    char *at = strstr(text, none);
    assert_non_null(at);
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, some,
                     at + sizeof none - 1);
    const bl_buffer files[] = {{"tokenizer.json", changed, (size_t)n},
                               {"config.json", config, size[1]},
                               {"model.safetensors", weights, size[2]}};
    bl_model_info i = {.size = sizeof i};
    bl_files *f;
    bl_model *other;
    assert_ok(bl_files_open(&f, files, 3, &api_error));
    assert_ok(bl_model_open(&other, bl_files_path(f), NULL, &api_error));
    bl_files_close(f);
    assert_ok(bl_model_describe(other, &i, &api_error));
    assert_int_equal(i.unk, bl_tokenizer_id(bl_model_tokenizer(other), "<|padding|>"));
    assert_true(i.unk > 0);
    bl_model_close(other);
}

/* ---- messages ---- */

static void count_line(void *user, bl_log_level level, const char *line)
{
    size_t *lines = user;
    (void)level;
    assert_true(*line && !strchr(line, '\n'));
    (*lines)++;
}

/* A traced device says what it did when it is closed. */
static void say_something(void)
{
    bl_options *device = api_options(BL_OPTIONS_DEVICE, "device", "trace:cpu", (char *)NULL);
    bl_model *traced;
    assert_ok(bl_model_open(&traced, api_path("run"), device, &api_error));
    bl_model_close(traced);
    bl_options_close(device);
}

static void whose_messages(void **state)
{
    (void)state;
    size_t all = 0, mine = 0;
    say_something(); /* nobody listens */
    bl_log_to(count_line, &all);
    say_something();
    size_t each = all;
    assert_true(each > 2);
    bl_log_thread_to(count_line, &mine);
    say_something();
    assert_int_equal(all, each);
    assert_int_equal(mine, each);
    bl_log_thread_to(NULL, NULL);
    say_something();
    assert_int_equal(all, 2 * each);
    assert_int_equal(mine, each);
    bl_log_to(NULL, NULL);
    bl_log_thread_to(count_line, &mine);
    say_something();
    assert_int_equal(mine, 2 * each);
    bl_log_thread_to(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(tokens_by_bytes),
        cmocka_unit_test(an_unknown_token),
        cmocka_unit_test(whose_messages),
    };
    return cmocka_run_group_tests(tests, api_make_model, api_remove_model);
}
