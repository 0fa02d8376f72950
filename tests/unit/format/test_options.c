/* The option sets: values in words, bounds, presets, checks, config.json and JSON round trips. */
#include "scratch.h"

#include "format/number.h"
#include "format/options.h"

#include <jansson.h>
#include <locale.h>
#include <math.h>

static bl_options *open_set(bl_options_kind kind)
{
    bl_options *o = NULL;
    assert_ok(bl_options_open(&o, kind, &failure));
    return o;
}

static void assert_value(const bl_options *o, const char *name, const char *expected)
{
    char text[BL_TEXT_MAX];
    assert_ok(bl_options_get(o, name, text, sizeof text, NULL, &failure));
    assert_string_equal(text, expected);
}

/* ---- the tables ---- */

static void every_field_is_whole(void **state)
{
    (void)state;
    char text[BL_TEXT_MAX];
    for (int kind = 0; kind < BL_OPTIONS_KINDS; kind++) {
        bl_options *o = open_set((bl_options_kind)kind);
        assert_true(bl_options_count((bl_options_kind)kind) > 0);
        for (size_t i = 0; i < bl_options_count((bl_options_kind)kind); i++) {
            const bl_field_info *f = bl_options_field((bl_options_kind)kind, i);
            assert_true(*f->help && f->name && f->type);
            assert_true((strcmp(f->type, "choice") == 0) == (f->choices != NULL));
            assert_true(f->min <= f->max && f->max <= 0x1p53);
            assert_int_equal(bl_options_is_set(o, f->name), 0);
            assert_value(o, f->name, f->fallback); /* defaults are spelled as values print */
            assert_ok(bl_options_get(o, f->name, text, sizeof text, NULL, &failure));
            assert_ok(bl_options_set(o, f->name, text, &failure));
            assert_int_equal(bl_options_is_set(o, f->name), 1);
        }
        assert_null(
            bl_options_field((bl_options_kind)kind, bl_options_count((bl_options_kind)kind)));
        bl_options_close(o);
    }
    bl_options *o;
    assert_int_equal(bl_options_open(&o, BL_OPTIONS_KINDS, &failure), BL_EINVAL);
    assert_null(o);
    assert_int_equal(bl_options_count((bl_options_kind)-1), 0);
    bl_options_close(NULL);
}

/* ---- values from text ---- */

static const struct value {
    const char *name, *text, *printed; /* printed NULL: refused, with `says` in the message */
    const char *says;
} values[] = {
    {"batch", "64", "64", NULL},
    {"batch", "065", "65", NULL},
    {"batch", "0", NULL, "`batch` is a whole number from 1 to 65536, not '0'"},
    {"batch", "65537", NULL, "from 1 to 65536, not '65537'"},
    {"batch", "-1", NULL, "not '-1'"},
    {"batch", "1.0", NULL, "not '1.0'"},
    {"batch", " 1", NULL, "not ' 1'"},
    {"batch", "1 ", NULL, "not '1 '"},
    {"batch", "0x10", NULL, "not '0x10'"},
    {"batch", "", NULL, "not ''"},
    {"batch", "18446744073709551617", NULL, "not '18446744073709551617'"},
    {"seed", "1000000000000000", "1000000000000000", NULL},
    {"seed", "999999999999999", "999999999999999", NULL},
    {"seed", "1000000000000001", NULL, "from 0 to 1000000000000000"},
    {"lr", "2e-3", "0.002", NULL},
    {"lr", ".5", "0.5", NULL},
    {"lr", "0.1", "0.1", NULL},
    {"lr", "0.30000000000000004", "0.30000000000000004", NULL},
    {"lr", "1e-5", "1e-5", NULL},
    {"lr", "11", NULL, "`lr` is a number from 0 to 10, not '11'"},
    {"lr", "-0.001", NULL, "from 0 to 10"},
    {"lr", "nan", NULL, "not 'nan'"},
    {"lr", "inf", NULL, "not 'inf'"},
    {"lr", "1e999", NULL, "not '1e999'"},
    {"lr", "0x1p3", NULL, "not '0x1p3'"},
    {"lr", "0,5", NULL, "not '0,5'"},
    {"lr", "1e", NULL, "not '1e'"},
    {"lr", "", NULL, "not ''"},
    {"resume", "true", "true", NULL},
    {"resume", "0", "false", NULL},
    {"resume", "yes", "true", NULL},
    {"resume", "off", "false", NULL},
    {"resume", "on", "true", NULL},
    {"resume", "no", "false", NULL},
    {"resume", "1", "true", NULL},
    {"resume", "auto", "auto", NULL},
    {"resume", "TRUE", NULL, "`resume` is one of false|true|auto, not 'TRUE'"},
    {"resume", "", NULL, "`resume` is one of false|true|auto"},
    {"samples", "yes", "true", NULL},
    {"samples", "TRUE", NULL, "`samples` is true or false, not 'TRUE'"},
    {"preset", "tiny", "tiny", NULL},
    {"preset", "tin", NULL, "`preset` is one of micro|code|tiny, not 'tin'"},
    {"preset", "micro|code", NULL, "`preset` is one of"},
    {"preset", "", NULL, "`preset` is one of"},
    {"sample_prompt", "", "", NULL},
    {"sample_prompt", "a \"b\" \xc3\xa9", "a \"b\" \xc3\xa9", NULL},
    {"sample_prompt", "\xc3", NULL, "`sample_prompt` is not UTF-8"},
    {"btach", "1", NULL, "unknown training option 'btach'; did you mean batch?"},
    {"weight-decay", "1", NULL, "did you mean weight_decay?"},
    {"quantization", "none", NULL, "unknown training option 'quantization'"},
    {"", "1", NULL, "unknown training option ''"},
};

static void values_from_text(void **state)
{
    (void)state;
    bl_options *o = open_set(BL_OPTIONS_TRAIN);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct value *v = &values[i];
        bl_status status = bl_options_set(o, v->name, v->text, &failure);
        if (v->printed) {
            assert_int_equal(status, BL_OK);
            assert_value(o, v->name, v->printed);
        } else if (status != BL_EINVAL || !strstr(failure.message, v->says)) {
            fail_msg("%s '%s': '%s' where '%s' was expected", v->name, v->text, failure.message,
                     v->says);
        }
    }
    assert_value(o, "batch", "65"); /* a refused value leaves the old one */
    char longest[BL_TEXT_MAX + 1];
    memset(longest, 'x', BL_TEXT_MAX);
    longest[BL_TEXT_MAX] = 0;
    assert_int_equal(bl_options_set(o, "device", longest, &failure), BL_EINVAL);
    assert_non_null(strstr(failure.message, "`device` is longer than 1023 bytes"));
    longest[BL_TEXT_MAX - 1] = 0;
    assert_ok(bl_options_set(o, "device", longest, &failure));
    char small[8];
    size_t whole = 0;
    assert_ok(bl_options_get(o, "device", small, sizeof small, &whole, &failure));
    assert_int_equal(whole, BL_TEXT_MAX - 1);
    assert_string_equal(small, "xxxxxxx");
    assert_ok(bl_options_get(o, "device", NULL, 0, &whole, &failure)); /* only the length */
    assert_int_equal(whole, BL_TEXT_MAX - 1);
    assert_int_equal(bl_options_get(o, "devise", small, sizeof small, NULL, &failure), BL_EINVAL);
    assert_int_equal(bl_options_is_set(o, "devise"), 0);
    bl_options_close(o);
}

/* Any double goes out and comes back, whatever the locale. */
static void numbers_round_trip(void **state)
{
    (void)state;
    const double numbers[] = {0,      1,      -1,   0.1,  1e-8,          1.0 / 3,
                              1e300,  5e-324, 1e15, 1e22, 123456789.123, 0.30000000000000004,
                              0x1p53, -2.5e-7};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            char text[BL_NUMBER_MAX];
            double back = NAN;
            bl_number_write_real(numbers[i], text);
            assert_null(strchr(text, ','));
            assert_int_equal(bl_number_read_real(text, &back), 1);
            assert_memory_equal(&back, &numbers[i], sizeof back);
        }
        if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
            break; /* no locale with a decimal comma here */
    }
    (void)setlocale(LC_NUMERIC, "C");
    uint64_t whole;
    assert_int_equal(bl_number_read_u64("18446744073709551615", &whole), 1);
    assert_true(whole == UINT64_MAX);
    assert_int_equal(bl_number_read_u64("18446744073709551616", &whole), 0);
}

/* ---- model configs ---- */

static void presets(void **state)
{
    (void)state;
    static const struct {
        const char *name, *V, *D, *L, *H, *I;
    } rows[] = {{"micro", "16384", "256", "8", "4", "688"},
                {"code", "16384", "768", "12", "12", "2048"},
                {"tiny", "2048", "128", "4", "2", "352"}};
    bl_options *o = open_set(BL_OPTIONS_CONFIG);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(bl_options_preset(o, rows[i].name, &failure));
        assert_value(o, "vocab_size", rows[i].V);
        assert_value(o, "hidden_size", rows[i].D);
        assert_value(o, "num_hidden_layers", rows[i].L);
        assert_value(o, "num_attention_heads", rows[i].H);
        assert_value(o, "intermediate_size", rows[i].I);
        assert_int_equal(bl_options_is_set(o, "hidden_size"), 0);
        assert_ok(bl_config_check(bl_options_config(o), rows[i].name, &failure));
    }
    assert_int_equal(bl_options_preset(o, "huge", &failure), BL_EINVAL);
    assert_non_null(strstr(failure.message, "`preset` is one of micro|code|tiny, not 'huge'"));
    assert_value(o, "hidden_size", "128");
    bl_options_close(o);
    o = open_set(BL_OPTIONS_GENERATE);
    assert_int_equal(bl_options_preset(o, "tiny", &failure), BL_EINVAL);
    assert_int_equal(bl_options_load(o, "config.json", &failure), BL_EINVAL);
    bl_options_close(o);
}

static void checks_across_fields(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value, *says;
    } rows[] = {
        {"num_attention_heads", "3", "hidden_size 256 is not a multiple of num_attention_heads 3"},
        {"num_attention_heads", "32", "256 / 32 = 8 must be even, from 16 to 128"},
        {"num_attention_heads", "1", "256 / 1 = 256 must be even, from 16 to 128"},
        {"hidden_size", "68", "68 / 4 = 17 must be even"},
        {"vocab_size", "2", NULL},
        {"bos_token_id", "16384", "bos_token_id 16384 is past the vocabulary of 16384"},
        {"eos_token_id", "16384", "eos_token_id"},
        {"pad_token_id", "16777216", "pad_token_id"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bl_options *o = open_set(BL_OPTIONS_CONFIG);
        assert_ok(bl_options_set(o, rows[i].field, rows[i].value, &failure));
        bl_status status = bl_config_check(bl_options_config(o), "here", &failure);
        assert_int_equal(status, rows[i].says ? BL_EINVAL : BL_OK);
        if (rows[i].says && !strstr(failure.message, rows[i].says))
            fail_msg("'%s' where '%s' was expected", failure.message, rows[i].says);
        bl_options_close(o);
    }
}

/* ---- config.json ---- */

static void config_round_trip(void **state)
{
    (void)state;
    const char *path = scratch("config.json");
    bl_options *o = open_set(BL_OPTIONS_CONFIG);
    static const char *const set[][2] = {
        {"vocab_size", "5000"},       {"rms_norm_eps", "1e-05"},
        {"rope_theta", "50000"},      {"ttt_layer_type", "mlp"},
        {"ttt_base_lr", "0.1"},       {"mini_batch_size", "7"},
        {"share_qk", "false"},        {"pre_conv", "true"},
        {"quantization", "none"},     {"tie_word_embeddings", "0"},
        {"initializer_range", "0.3"}, {"conv_initializer_range", "0.1"}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        assert_ok(bl_options_set(o, set[i][0], set[i][1], &failure));
    assert_ok(bl_config_save(bl_options_config(o), BL_WEIGHTS_LATENT, 0, path, &failure));
    bl_config back;
    assert_ok(bl_config_load(&back, path, &failure));
    bl_options *copy = NULL;
    assert_ok(bl_options_from_config(&copy, &back, &failure));
    for (size_t i = 0; i < bl_options_count(BL_OPTIONS_CONFIG); i++) {
        char text[64];
        const char *name = bl_options_field(BL_OPTIONS_CONFIG, i)->name;
        assert_ok(bl_options_get(o, name, text, sizeof text, NULL, &failure));
        assert_value(copy, name, text);
        assert_int_equal(bl_options_is_set(copy, name), 0);
    }
    assert_ok(bl_options_load(copy, path, &failure));
    assert_int_equal(bl_options_is_set(copy, "conv_kernel"), 1);
    bl_options_close(copy);
    bl_options_close(o);
}

/* The spelling that other programs of the Hugging Face kind look for. */
static void config_form(void **state)
{
    (void)state;
    const char *path = scratch("form.json");
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    assert_ok(bl_config_save(&c, BL_WEIGHTS_LATENT, 0, path, &failure));
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const char *type = NULL, *architecture = NULL, *method = NULL, *class = NULL, *mode = NULL;
    double eps = 0;
    assert_int_equal(json_unpack(root, "{s:s, s:[s], s:f, s:{s:s, s:s, s:s}}", "model_type", &type,
                                 "architectures", &architecture, "rms_norm_eps", &eps,
                                 "quantization_config", "quant_method", &method, "linear_class",
                                 &class, "quantization_mode", &mode),
                     0);
    assert_string_equal(type, "bit_llama");
    assert_string_equal(architecture, "BitLlamaForCausalLM");
    assert_string_equal(method, "bitnet");
    assert_string_equal(class, "autobitlinear");
    assert_string_equal(mode, "online");
    assert_true(eps == 1e-6);
    for (size_t i = 0; i < bl_options_count(BL_OPTIONS_CONFIG); i++) {
        const char *name = bl_options_field(BL_OPTIONS_CONFIG, i)->name;
        if (strcmp(name, "quantization") != 0)
            assert_non_null(json_object_get(root, name));
    }
    json_decref(root);
    c.quantization = BL_QUANT_NONE;
    assert_ok(bl_config_save(&c, BL_WEIGHTS_LATENT, 0, path, &failure));
    root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_null(json_object_get(root, "quantization_config"));
    json_decref(root);
}

#define BITNET "\"quantization_config\":{\"quant_method\":\"bitnet\"}"

#define ZEROS                                                                                      \
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
/* says NULL: accepted; else refused with these words. */
static const struct file {
    const char *text, *says;
} files[] = {
    {"{}", NULL},
    {"{" BITNET "}", NULL},
    {"{\"hidden_size\":128,\"num_attention_heads\":2,\"future\":{\"x\":[1]}}", NULL},
    {"{\"rope_theta\":5}", NULL},
    {"{\"quantization_config\":null}", NULL},
    /* Keys that nobody asks for may hold any number: JSON sets them no range. */
    {"{\"hash\":10254939386542155531,\"seed\":-99999999999999999999,\"big\":[1e999,-1e999]}", NULL},
    {"{\"model_max_length\":1000000000000000019884624838656,\"s\":\"\\\\\\\"NaN\"}", NULL},
    {"{\"a\":NaN,\"b\":Infinity,\"c\":[-Infinity]}", NULL},
    {"{\"a\":1" ZEROS ZEROS ZEROS ZEROS ",\"b\":0.1" ZEROS ",\"rope_theta\":10000." ZEROS "}",
     NULL},
    {"{\"a\":NaN,}", "line 1: "},
    {"{\"a\":1e999 x}", "line 1: "},
    {"{\"a\":1e999,\"b\":007}", "line 1: "},
    {"{\"rope_theta\":NaN}", "rope_theta is a number, found null"},
    {"{\"rope_theta\":1e999}", "rope_theta is a number from 1 to 1e9"},
    {"{\"conv_initializer_range\":10}", NULL},
    {"{\"conv_initializer_range\":10.01}", "conv_initializer_range is a number from 0 to 10"},
    {"{\"conv_initializer_range\":-0.1}", "conv_initializer_range is a number from 0 to 10"},
    {"{\"conv_initializer_range\":\"0.1\"}", "conv_initializer_range is a number, found text"},
    {"{\"quantization\":\"ternary\"}", NULL},
    {"{\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"bitlinear\","
     "\"quantization_mode\":\"online\"}}",
     NULL},
    {"{\"quantization_config\":{\"quant_method\":\"bitnet\",\"quantization_mode\":\"offline\"}}",
     NULL},
    {"", "an empty file; a copy or a download broke off"},
    {"GGUF\3", "a GGUF file"},
    {"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"},
    {"\n<!DOCTYPE html>", "a web page"},
    {"{\"tokenizer_class\":\"LlamaTokenizer\"}", "a file of a tokenizer"},
    {"{\"added_tokens\":[],\"model\":{}}", "a file of a tokenizer"},
    {"[]", "expected a JSON object, found a list"},
    {"{\"hidden_size\":128,\"hidden_size\":128}", "duplicate"},
    {"{\"hidden_size\":128} x", "line 1: "},
    {"{\"hidden_size\":\"128\"}", "hidden_size is a whole number, found text"},
    {"{\"hidden_size\":128.0}", "hidden_size is a whole number, found a number with a point"},
    {"{\"hidden_size\":null}", "hidden_size is a whole number, found null"},
    {"{\"hidden_size\":-128}", "hidden_size is a whole number, found a negative number"},
    {"{\"hidden_size\":65537}", "hidden_size is a whole number from 2 to 65536"},
    {"{\"hidden_size\":18446744073709551744}",
     "hidden_size is a whole number of at most 65536, found 1.84467e+19"},
    {"{\"hidden_size\":130}", "hidden_size 130 is not a multiple of num_attention_heads 4"},
    {"{\"rms_norm_eps\":\"1e-6\"}", "rms_norm_eps is a number, found text"},
    {"{\"rms_norm_eps\":2}", "rms_norm_eps is a number from 0 to 1, not '2'"},
    {"{\"share_qk\":1}", "share_qk is true or false, found an integer"},
    {"{\"ttt_layer_type\":\"rnn\"}", "ttt_layer_type is one of linear|mlp, not 'rnn'"},
    {"{\"ttt_layer_type\":0}", "ttt_layer_type is text, found an integer"},
    {"{\"model_type\":\"llama\"}", "the config of another kind of model: model_type is \"llama\""},
    {"{\"model_type\":7}", "model_type is text, found an integer"},
    {"{\"quantization_config\":[]}", "quantization_config is an object, found a list"},
    {"{\"quantization_config\":{}}", "quantization_config has no quant_method"},
    {"{\"quantization_config\":{\"quant_method\":\"gptq\"}}", "quant_method is \"gptq\""},
    {"{\"quantization_config\":{\"quant_method\":\"bitnet\",\"quantization_mode\":\"later\"}}",
     "quantization_mode is \"later\", this program knows \"online\" and \"offline\""},
    {"{\"quantization\":\"none\"," BITNET "}", "contradicts its quantization_config"},
    {"{\"bos_token_id\":16384}", "past the vocabulary"},
};

static void config_files(void **state)
{
    (void)state;
    const char *path = scratch("case.json");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bl_config c;
        scratch_write(path, files[i].text, strlen(files[i].text));
        bl_status status = bl_config_load(&c, path, &failure);
        if (!files[i].says) {
            assert_ok(status);
            int ternary = strstr(files[i].text, "bitnet") || strstr(files[i].text, "ternary");
            assert_int_equal(c.quantization, ternary ? BL_QUANT_TERNARY : BL_QUANT_NONE);
            assert_int_equal(c.vocab_size, 16384);
            assert_true(c.conv_initializer_range == (strstr(files[i].text, "conv_") ? 10 : 0));
        } else if ((status != BL_EFORMAT && status != BL_EUNSUPPORTED) || status != failure.code ||
                   !strstr(failure.message, files[i].says) ||
                   strncmp(failure.message, path, strlen(path)) != 0) {
            fail_msg("%s: %d '%s' where '%s' was expected", files[i].text, status, failure.message,
                     files[i].says);
        }
    }
    bl_config c;
    assert_int_equal(bl_config_load(&c, scratch("absent.json"), &failure), BL_ENOENT);
}

/* A file over a set: what it lacks stays, what it breaks changes nothing. */
static void load_over_a_set(void **state)
{
    (void)state;
    const char *path = scratch("over.json");
    bl_options *o = open_set(BL_OPTIONS_CONFIG);
    assert_ok(bl_options_preset(o, "tiny", &failure));
    const char *good = "{\"conv_kernel\":3," BITNET "}";
    scratch_write(path, good, strlen(good));
    assert_ok(bl_options_load(o, path, &failure));
    assert_value(o, "conv_kernel", "3");
    assert_value(o, "hidden_size", "128");
    assert_int_equal(bl_options_is_set(o, "conv_kernel"), 1);
    assert_int_equal(bl_options_is_set(o, "hidden_size"), 0);
    const char *bad = "{\"vocab_size\":77,\"conv_kernel\":99}";
    scratch_write(path, bad, strlen(bad));
    assert_int_equal(bl_options_load(o, path, &failure), BL_EFORMAT);
    assert_value(o, "vocab_size", "2048");
    assert_int_equal(bl_options_is_set(o, "vocab_size"), 0);
    bl_options_close(o);
}

/* ---- sets as JSON ---- */

static void json_round_trip(void **state)
{
    (void)state;
    bl_options *o = open_set(BL_OPTIONS_TRAIN);
    assert_ok(bl_options_set(o, "seed", "999999999999999", &failure));
    assert_ok(bl_options_set(o, "lr", "0.30000000000000004", &failure));
    assert_ok(bl_options_set(o, "sample_prompt", "\xe2\x82\xac \"\\\n", &failure));
    assert_ok(bl_options_set(o, "preset", "tiny", &failure));
    assert_ok(bl_options_set(o, "resume", "true", &failure));
    json_t *json = bl_options_to_json(BL_OPTIONS_TRAIN, bl_options_train(o));
    char *text = json_dumps(json, JSON_REAL_PRECISION(17));
    json_t *again = json_loads(text, 0, NULL);
    bl_train_options back;
    memset(&back, 0x55, sizeof back);
    assert_ok(bl_options_from_json(BL_OPTIONS_TRAIN, &back, again, "state", &failure));
    assert_memory_equal(&back, bl_options_train(o), sizeof back);
    /* It was a flag in older checkpoints. */
    assert_int_equal(json_object_set_new(again, "resume", json_true()), 0);
    assert_int_equal(json_object_del(again, "samples"), 0);
    assert_ok(bl_options_from_json(BL_OPTIONS_TRAIN, &back, again, "state", &failure));
    assert_memory_equal(&back, bl_options_train(o), sizeof back);

    assert_int_equal(json_object_set_new(again, "batch", json_string("many")), 0);
    assert_int_equal(bl_options_from_json(BL_OPTIONS_TRAIN, &back, again, "state", &failure),
                     BL_EFORMAT);
    assert_string_equal(failure.message, "state: batch is a whole number, found text");
    assert_int_equal(bl_options_from_json(BL_OPTIONS_TRAIN, &back, NULL, "state", &failure),
                     BL_EFORMAT);
    json_decref(again);
    json_decref(json);
    free(text);
    bl_options_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_whole), cmocka_unit_test(values_from_text),
        cmocka_unit_test(numbers_round_trip),   cmocka_unit_test(presets),
        cmocka_unit_test(checks_across_fields), cmocka_unit_test(config_round_trip),
        cmocka_unit_test(config_form),          cmocka_unit_test(config_files),
        cmocka_unit_test(load_over_a_set),      cmocka_unit_test(json_round_trip),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
