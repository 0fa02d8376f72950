/* Which token ends a document: asked for, said by the files beside a tokenizer, known by its name;
 * and data prepared with tokenizers that others have made. */
#include "scratch.h"

#include "core/buf.h"
#include "core/file.h"
#include "data/tokens.h"
#include "text/roles.h"

#include <jansson.h>

#define FIXTURES BL_TEST_DATA "/fixtures/tokenizer/"
#define BOX      "<\xEF\xBD\x9C"

typedef struct beside {
    const char *name, *content; /* NULL: no file */
} beside;

static const struct {
    const char *tokenizer;
    beside file[3];
    const char *asked;
    bl_status status;
    uint32_t eos, pad;
    const char *says;
} cases[] = {
    /* by the usual names: ids after a vocabulary of 500, and 503 for llama3 */
    {"qwen2", {{0}}, "", BL_OK, 500, 500, ""},
    {"falcon", {{0}}, "", BL_OK, 500, 500, ""},
    {"llama3", {{0}}, "", BL_OK, 504, 504, ""},
    {"roberta", {{0}}, "", BL_OK, 501, 501, ""},
    {"vocab-300", {{0}}, "", BL_OK, 0, 1, ""},
    /* by the files: tokenizer_config.json, then generation_config.json, then config.json */
    {"qwen2",
     {{"tokenizer_config.json", "{\"eos_token\": \"<|im_end|>\"}"}},
     "",
     BL_OK,
     502,
     502,
     ""},
    {"qwen2",
     {{"tokenizer_config.json",
       "{\"eos_token\": {\"content\": \"<|im_end|>\"}, \"pad_token\": \"<|endoftext|>\"}"}},
     "",
     BL_OK,
     502,
     500,
     ""},
    {"qwen2",
     {{"tokenizer_config.json", "{\"eos_token\": \"<|im_end|>\"}"},
      {"generation_config.json", "{\"eos_token_id\": 501}"}},
     "",
     BL_OK,
     502,
     502,
     ""},
    {"qwen2",
     {{"tokenizer_config.json", "{\"eos_token\": null, \"pad_token\": \"nothing\"}"},
      {"generation_config.json", "{\"eos_token_id\": [501, 502]}"},
      {"config.json", "{\"eos_token_id\": 502}"}},
     "",
     BL_OK,
     501,
     501,
     ""},
    {"qwen2",
     {{"generation_config.json", "{\"eos_token_id\": null}"},
      {"config.json", "{\"eos_token_id\": 502}"}},
     "",
     BL_OK,
     502,
     502,
     ""},
    {"qwen2", {{"config.json", "{}"}}, "", BL_OK, 500, 500, ""},
    {"roberta", {{"config.json", "{\"eos_token_id\": 2}"}}, "", BL_OK, 2, 2, ""},
    /* they are wrong, and whoever asks is right */
    {"qwen2",
     {{"tokenizer_config.json", "{\"eos_token\": \"</s>\"}"}},
     "",
     BL_EFORMAT,
     0,
     0,
     "tokenizer_config.json: eos_token is no token"},
    {"qwen2", {{"tokenizer_config.json", "{\"eos_token\": 5}"}}, "", BL_EFORMAT, 0, 0, "`eos`"},
    {"qwen2", {{"tokenizer_config.json", "{"}}, "", BL_EFORMAT, 0, 0, "tokenizer_config.json"},
    {"qwen2",
     {{"config.json", "{\"eos_token_id\": 504}"}},
     "",
     BL_EFORMAT,
     0,
     0,
     "config.json: eos_token_id"},
    {"qwen2", {{"config.json", "{\"eos_token_id\": -1}"}}, "", BL_EFORMAT, 0, 0, "`eos`"},
    {"qwen2", {{"config.json", "{\"eos_token_id\": \"2\"}"}}, "", BL_EFORMAT, 0, 0, "`eos`"},
    {"qwen2", {{"config.json", "{\"eos_token_id\": 504}"}}, "<|im_start|>", BL_OK, 501, 501, ""},
    {"qwen2",
     {{"tokenizer_config.json", "{\"eos_token\": \"</s>\", \"pad_token\": \"<|im_start|>\"}"}},
     "502",
     BL_OK,
     502,
     501,
     ""},
    /* a number is an id, even where a token is spelled that way */
    {"qwen2", {{0}}, "1", BL_OK, 1, 1, ""},
    {"qwen2", {{0}}, "504", BL_EINVAL, 0, 0, "no token is 504"},
    {"qwen2", {{0}}, "99999999999999999999", BL_EINVAL, 0, 0, "no token is 9999"},
    {"qwen2", {{0}}, "</s>", BL_EINVAL, 0, 0, "no token is </s>, which `eos` names"},
    {"qwen2", {{0}}, "e", BL_OK, UINT32_MAX, UINT32_MAX, ""},
};

static void put(const char *name, const char *content)
{
    scratch_write(scratch(name), content, strlen(content));
}

static void copy_tokenizer(const char *name)
{
    char path[512];
    bl_map map;
    (void)snprintf(path, sizeof path, FIXTURES "%s.json", name);
    assert_ok(bl_map_open(&map, path, &failure));
    scratch_write(scratch("tokenizer.json"), map.data, map.size);
    bl_map_close(&map);
}

static void test_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bl_tokenizer *t;
        copy_tokenizer(cases[i].tokenizer);
        for (size_t k = 0; k < 3 && cases[i].file[k].name; k++)
            put(cases[i].file[k].name, cases[i].file[k].content);
        assert_ok(bl_tokenizer_open(&t, scratch_folder, &failure));
        for (int by_file = 0; by_file < 2; by_file++) {
            bl_token_roles roles = {0};
            bl_error err = {0};
            const char *path = by_file ? scratch("tokenizer.json") : scratch_folder;
            bl_status status = bl_token_roles_find(&roles, t, path, cases[i].asked, &err);
            if (status != cases[i].status || !strstr(err.message, cases[i].says))
                fail_msg("case %zu: status %d: %s", i, status, err.message);
            if (status != BL_OK)
                continue;
            uint32_t eos = cases[i].eos == UINT32_MAX ? (uint32_t)bl_tokenizer_id(t, cases[i].asked)
                                                      : cases[i].eos;
            assert_int_equal(roles.eos, eos);
            assert_int_equal(roles.pad, cases[i].pad == UINT32_MAX ? eos : cases[i].pad);
        }
        bl_tokenizer_close(t);
        for (size_t k = 0; k < 3 && cases[i].file[k].name; k++)
            assert_ok(bl_file_remove(scratch(cases[i].file[k].name), &failure));
    }
}

/* A file with changed tokens, in place of the one in the scratch folder. */
static json_t *load_tokenizer(const char *name)
{
    copy_tokenizer(name);
    return json_load_file(scratch("tokenizer.json"), 0, NULL);
}

static void save_tokenizer(json_t *root)
{
    assert_int_equal(json_dump_file(root, scratch("tokenizer.json"), 0), 0);
    json_decref(root);
}

static void test_no_usual_name(void **state)
{
    (void)state;
    static const char *const names[] = {BOX "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
                                        "<|im_end|>", "[SEP]", "<|stop|>"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *root = load_tokenizer("falcon");
        json_t *end = json_array_get(json_object_get(root, "added_tokens"), 0);
        assert_int_equal(json_object_set_new(end, "content", json_string(names[i])), 0);
        save_tokenizer(root);
        bl_tokenizer *t;
        bl_token_roles roles = {0};
        bl_error err = {0};
        assert_ok(bl_tokenizer_open(&t, scratch_folder, &failure));
        bl_status status = bl_token_roles_find(&roles, t, scratch_folder, "", &err);
        assert_int_equal(status, i < 3 ? BL_OK : BL_EUNSUPPORTED);
        assert_int_equal(roles.eos, i < 3 ? 500 : 0);
        assert_true(status == BL_OK || strstr(err.message, "name it with `eos`"));
        bl_tokenizer_close(t);
    }
}

/* Prepares two documents with the tokenizer of the scratch folder, and gives back its data. */
static bl_data *prepare(const char *text, const char *eos)
{
    const char *const source[] = {scratch("text.txt")};
    bl_options *o;
    bl_data *data;
    bl_prepare_result result = {.size = sizeof result};
    put("text.txt", text);
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    assert_ok(bl_options_set(o, "tokenizer", scratch_folder, &failure));
    assert_ok(bl_options_set(o, "val_split", "0", &failure));
    if (eos)
        assert_ok(bl_options_set(o, "eos", eos, &failure));
    assert_ok(bl_prepare(source, 1, scratch("data"), o, NULL, NULL, &result, &failure));
    bl_options_close(o);
    assert_ok(bl_data_open(&data, scratch("data"), &failure));
    assert_int_equal(result.eos, data->meta.roles.eos);
    return data;
}

static void expect_ends(bl_data *data, uint32_t eos, size_t width)
{
    const bl_token_file *train = data->split[BL_DATA_TRAIN];
    size_t count = bl_token_file_count(train), ends = 0;
    int32_t id = -1;
    assert_int_equal(data->meta.roles.eos, eos);
    assert_int_equal(bl_token_file_width(data->meta.vocab_size), width);
    assert_int_equal(bl_token_file_size(train), count * width);
    for (size_t i = 0; i < count; i++) {
        assert_ok(bl_token_file_get(train, i, 1, &id, &failure));
        ends += id == (int32_t)eos;
    }
    assert_int_equal(id, eos);
    assert_int_equal(ends, 2);
    bl_data_close(data);
    assert_ok(bl_dir_remove(scratch("data"), &failure));
}

static void test_prepared(void **state)
{
    (void)state;
    static const char text[] = "a boat\n<|endoftext|>\na lake 12\n";
    copy_tokenizer("roberta");
    expect_ends(prepare(text, NULL), 501, 2);
    expect_ends(prepare(text, "<mask>"), 502, 2);
    copy_tokenizer("llama3");
    expect_ends(prepare(text, NULL), 504, 2);
    /* past what two bytes can say */
    json_t *root = load_tokenizer("llama3");
    json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    json_t *added = json_object_get(root, "added_tokens"), *token;
    json_int_t id = 503;
    size_t i;
    for (; id < 66000; id++) {
        json_t *name = json_sprintf("zz%d", (int)id);
        assert_int_equal(json_object_set_new(vocab, json_string_value(name), json_integer(id)), 0);
        json_decref(name);
    }
    json_array_foreach (added, i, token)
        assert_int_equal(json_object_set_new(token, "id", json_integer(id++)), 0);
    assert_int_equal(json_object_set_new(root, "post_processor", json_null()), 0);
    save_tokenizer(root);
    expect_ends(prepare(text, NULL), 66001, 4);
}

/* Files from before there was a choice. */
static void test_older_folder(void **state)
{
    (void)state;
    copy_tokenizer("roberta");
    bl_data_close(prepare("a boat", NULL));
    char path[700];
    (void)snprintf(path, sizeof path, "%s", scratch("data/meta.json"));
    json_t *meta = json_load_file(path, 0, NULL);
    static const struct {
        const char *eos, *pad;
        bl_status status;
    } ids[] = {{"500", "1", BL_OK},      {"503", "1", BL_EFORMAT},   {"-1", "1", BL_EFORMAT},
               {"1", "503", BL_EFORMAT}, {"\"1\"", "1", BL_EFORMAT}, {NULL, NULL, BL_OK}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        bl_data_meta read;
        json_object_del(meta, "eos_token_id");
        json_object_del(meta, "pad_token_id");
        if (ids[i].eos) {
            json_object_set_new(meta, "eos_token_id",
                                json_loads(ids[i].eos, JSON_DECODE_ANY, NULL));
            json_object_set_new(meta, "pad_token_id",
                                json_loads(ids[i].pad, JSON_DECODE_ANY, NULL));
        }
        assert_int_equal(json_dump_file(meta, path, 0), 0);
        assert_int_equal(bl_data_meta_load(&read, scratch("data"), NULL), ids[i].status);
        if (ids[i].status == BL_OK) {
            assert_int_equal(read.roles.eos, ids[i].eos ? 500 : 0);
            assert_int_equal(read.roles.pad, 1);
        }
    }
    json_decref(meta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_no_usual_name),
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_older_folder),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
