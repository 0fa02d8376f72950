/* Fingerprints, computed once more from the page: docs/FORMATS.md, section 7. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "format/safetensors.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#include "tiny_models.h"

static void put_u64(bl_buf *to, uint64_t x)
{
    for (int i = 0; i < 8; i++, x >>= 8)
        bl_buf_append(to, &(unsigned char){x & 255}, 1);
}

static void put_text(bl_buf *to, const char *text)
{
    bl_buf_append(to, text, strlen(text) + 1);
}

/* ---- 1: the fields ---- */

static void put_fields(bl_buf *to, const json_t *config)
{
    /* n a whole number, r a real, b a boolean, y one that counts when it is true, w a word */
    static const struct {
        const char *name;
        char kind;
    } fields[] = {{"vocab_size", 'n'},
                  {"hidden_size", 'n'},
                  {"intermediate_size", 'n'},
                  {"num_hidden_layers", 'n'},
                  {"num_attention_heads", 'n'},
                  {"rms_norm_eps", 'r'},
                  {"rope_theta", 'r'},
                  {"ttt_layer_type", 'w'},
                  {"ttt_base_lr", 'r'},
                  {"mini_batch_size", 'n'},
                  {"ttt_forget", 'y'},
                  {"conv_kernel", 'n'},
                  {"share_qk", 'b'},
                  {"use_gate", 'b'},
                  {"pre_conv", 'b'},
                  {"tie_word_embeddings", 'b'}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *value = json_object_get(config, fields[i].name);
        double real = json_number_value(value);
        uint64_t bits = (uint64_t)json_integer_value(value);
        assert_non_null(value);
        if (fields[i].kind == 'y' && !json_is_true(value))
            continue;
        if (fields[i].kind == 'r')
            memcpy(&bits, &real, sizeof bits);
        if (fields[i].kind == 'b' || fields[i].kind == 'y')
            bits = json_is_true(value);
        if (fields[i].kind == 'w')
            bits = strcmp(json_string_value(value), "mlp") == 0;
        put_text(to, fields[i].name);
        put_u64(to, bits);
    }
    put_text(to, "quantization");
    put_u64(to, json_object_get(config, "quantization_config") ? 0 : 1);
}

/* ---- 2: the tensors ---- */

/* A latent matrix by MODEL 2: g, then its codes. */
static void put_rounded(bl_buf *to, const float *W, size_t count)
{
    int64_t S = 0;
    for (size_t i = 0; i < count; i++)
        S += (int64_t)rint((double)fminf(fabsf(W[i]), 256.0f) * 4294967296.0);
    float g = fmaxf((float)((double)S / 4294967296.0 / (double)count), 1e-5f);
    bl_buf_append(to, &g, sizeof g);
    for (size_t i = 0; i < count; i++)
        bl_buf_append(to, 2 * fabsf(W[i]) <= g ? "\0" : W[i] > 0 ? "\1" : "\377", 1);
}

/* A packed one: byte row r holds rows r + i out / 4. */
static void put_packed(bl_buf *to, const bl_st *st, const bl_st_tensor *t)
{
    unsigned char *bytes = bl_calloc(t->count, 1);
    char scale[128];
    float g;
    assert_int_equal(bl_st_read(t, 0, t->count, bytes, NULL), BL_OK);
    (void)snprintf(scale, sizeof scale, "%s_scale", t->name);
    assert_int_equal(bl_st_get_f32(st, scale, 1, (const size_t[]){1}, &g, NULL), BL_OK);
    bl_buf_append(to, &g, sizeof g);
    for (size_t row = 0; row < 4 * t->shape[0]; row++)
        for (size_t c = 0; c < t->shape[1]; c++) {
            int byte = bytes[row % t->shape[0] * t->shape[1] + c];
            int code = (byte >> 2 * (row / t->shape[0]) & 3) - 1;
            bl_buf_append(to, &(unsigned char){(unsigned char)code}, 1);
        }
    bl_free(bytes);
}

static void put_tensor(bl_buf *to, const bl_st *st, const char *name, int ternary)
{
    const bl_st_tensor *t = bl_st_find(st, name);
    if (!t)
        fail_msg("no tensor %s", name);
    put_text(to, name);
    put_u64(to, t->rank);
    for (size_t i = 0; i < t->rank; i++)
        put_u64(to, t->shape[i] * (i == 0 && t->dtype == BL_U8 ? 4 : 1));
    if (t->dtype == BL_U8) {
        put_packed(to, st, t);
        return;
    }
    float *x = bl_calloc(t->count, sizeof *x);
    assert_int_equal(bl_st_get_f32(st, name, t->rank, t->shape, x, NULL), BL_OK);
    if (ternary)
        put_rounded(to, x, t->count);
    else
        bl_buf_append(to, x, t->count * sizeof *x);
    bl_free(x);
}

static int is_true(const json_t *config, const char *name)
{
    return json_is_true(json_object_get(config, name));
}

static void put_layer(bl_buf *to, const json_t *config, const bl_st *st, size_t layer)
{
#define BLOCK "seq_modeling_block."
    /* p pre_conv, k not share_qk, s share_qk, g use_gate, m mlp, f ttt_forget */
    static const struct {
        char when;
        const char *name;
    } tensors[] = {{'p', "conv.norm.weight"},
                   {'p', "conv.conv.weight"},
                   {'p', "conv.conv.bias"},
                   {' ', "seq_norm.weight"},
                   {' ', BLOCK "q_proj.weight"},
                   {'k', BLOCK "k_proj.weight"},
                   {' ', BLOCK "v_proj.weight"},
                   {'g', BLOCK "g_proj.weight"},
                   {' ', BLOCK "o_proj.weight"},
                   {'s', BLOCK "conv_q.weight"},
                   {'s', BLOCK "conv_q.bias"},
                   {'s', BLOCK "conv_k.weight"},
                   {'s', BLOCK "conv_k.bias"},
                   {' ', BLOCK "learnable_ttt_lr_weight"},
                   {' ', BLOCK "learnable_ttt_lr_bias"},
                   {' ', BLOCK "learnable_token_idx"},
                   {' ', BLOCK "ttt_norm_weight"},
                   {' ', BLOCK "ttt_norm_bias"},
                   {' ', BLOCK "W1"},
                   {' ', BLOCK "b1"},
                   {'m', BLOCK "W2"},
                   {'m', BLOCK "b2"},
                   {' ', BLOCK "post_norm.weight"},
                   {' ', BLOCK "post_norm.bias"},
                   {' ', BLOCK "attn_sub_norm.weight"},
                   {' ', "ffn_norm.weight"},
                   {' ', "mlp.gate_proj.weight"},
                   {' ', "mlp.up_proj.weight"},
                   {' ', "mlp.down_proj.weight"},
                   {' ', "mlp.ffn_sub_norm.weight"},
                   {'f', BLOCK "learnable_ttt_half_life"}};
    const char *type = json_string_value(json_object_get(config, "ttt_layer_type"));
    int ternary = json_object_get(config, "quantization_config") != NULL;
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        char name[128], when = tensors[i].when;
        if ((when == 'p' && !is_true(config, "pre_conv")) ||
            (when == 'k' && is_true(config, "share_qk")) ||
            (when == 's' && !is_true(config, "share_qk")) ||
            (when == 'g' && !is_true(config, "use_gate")) ||
            (when == 'm' && strcmp(type, "mlp") != 0) ||
            (when == 'f' && !is_true(config, "ttt_forget")))
            continue;
        (void)snprintf(name, sizeof name, "model.layers.%zu.%s", layer, tensors[i].name);
        put_tensor(to, st, name, ternary && strstr(name, "_proj."));
    }
#undef BLOCK
}

/* ---- the hash ---- */

static void by_the_page(const char *model, char hex[33])
{
    char path[96];
    bl_st *st;
    bl_buf all;
    bl_buf_init(&all);
    (void)snprintf(path, sizeof path, "%s/config.json", tiny_path(model));
    json_t *config = json_load_file(path, 0, NULL);
    assert_non_null(config);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", tiny_path(model));
    assert_int_equal(bl_st_open(&st, path, NULL), BL_OK);

    put_fields(&all, config);
    put_tensor(&all, st, "model.embed_tokens.weight", 0);
    put_tensor(&all, st, "model.norm.weight", 0);
    if (!is_true(config, "tie_word_embeddings"))
        put_tensor(&all, st, "lm_head.weight", 0);
    json_int_t layers = json_integer_value(json_object_get(config, "num_hidden_layers"));
    for (json_int_t i = 0; i < layers; i++)
        put_layer(&all, config, st, (size_t)i);
    assert_int_equal(bl_buf_status(&all, NULL), BL_OK);
    XXH128_hash_t hash = XXH3_128bits(all.data, all.len);
    (void)snprintf(hex, 33, "%016llx%016llx", (unsigned long long)hash.high64,
                   (unsigned long long)hash.low64);
    bl_st_close(st);
    json_decref(config);
    bl_buf_release(&all);
}

static void check_model(const char *name)
{
    char want[33], got[33];
    bl_model *m = tiny_open(name, "cpu");
    by_the_page(name, want);
    assert_int_equal(bl_model_fingerprint(m, got, NULL), BL_OK);
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s, by the page %s", name, got, want);
    bl_model_close(m);
}

static void test_by_the_page(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "bf16", "f16"};
    for (size_t i = 0; i < TINY_MODELS; i++) {
        check_model(tiny_models[i][0]);
        for (size_t j = 0; j < sizeof types / sizeof *types; j++) {
            bl_model *m = tiny_open(tiny_models[i][0], "cpu");
            char to[64];
            (void)snprintf(to, sizeof to, "%s-%s", tiny_models[i][0], types[j]);
            assert_int_equal(bl_export(m, tiny_path(to), types[j], 0, NULL), BL_OK);
            bl_model_close(m);
            check_model(to);
        }
    }
}

/* A head of its own, and numbers that are not the defaults. */
static void test_other_fields(void **state)
{
    (void)state;
    bl_options *train = tiny_options(BL_OPTIONS_TRAIN, "preset=tiny,steps=1,batch=2,context=48");
    bl_options *config =
        tiny_options(BL_OPTIONS_CONFIG, TINY_SIZE ",tie_word_embeddings=false,rope_theta=1234.5,"
                                                  "rms_norm_eps=2e-6,ttt_base_lr=0.3,conv_kernel=3,"
                                                  "conv_initializer_range=0.1");
    bl_trainer *t;
    bl_error err;
    if (bl_trainer_open(&t, tiny_path("data"), tiny_path("untied"), train, config, &err) != BL_OK)
        fail_msg("%s", err.message);
    assert_int_equal(bl_trainer_run(t, NULL, NULL, NULL), BL_OK);
    bl_trainer_close(t);
    bl_options_close(train);
    bl_options_close(config);
    check_model("untied");
}

/* The model in "ternary" with that field of config.json set, or without it. */
static int changes(const char *name, json_t *value)
{
    char path[96], was[33], is[33];
    (void)snprintf(path, sizeof path, "%s/config.json", tiny_path("ternary"));
    bl_model *m = tiny_open("ternary", "cpu");
    assert_int_equal(bl_model_fingerprint(m, was, NULL), BL_OK);
    bl_model_close(m);
    json_t *whole = json_load_file(path, 0, NULL), *other = json_deep_copy(whole);
    assert_non_null(json_object_get(whole, name));
    assert_int_equal(value ? json_object_set_new(other, name, value) : json_object_del(other, name),
                     0);
    assert_int_equal(json_dump_file(other, path, 0), 0);
    m = tiny_open("ternary", "cpu");
    assert_int_equal(bl_model_fingerprint(m, is, NULL), BL_OK);
    bl_model_close(m);
    assert_int_equal(json_dump_file(whole, path, JSON_INDENT(2)), 0);
    json_decref(whole);
    json_decref(other);
    return strcmp(was, is) != 0;
}

static void test_fields_beside(void **state)
{
    (void)state;
    static const char *const names[] = {"initializer_range", "conv_initializer_range"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(changes(names[i], json_real(0.7)), 0);
        assert_int_equal(changes(names[i], NULL), 0); /* as files have it that are older */
    }
    assert_int_equal(changes("rope_theta", json_real(5)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_the_page),
        cmocka_unit_test(test_other_fields),
        cmocka_unit_test(test_fields_beside),
    };
    return cmocka_run_group_tests(tests, tiny_make, tiny_remove);
}
