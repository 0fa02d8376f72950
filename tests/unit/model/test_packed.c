/* Packed weights: the same bits as the latent model, the layout to the bit, and files that are not
 * what they should be. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/alloc.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/path.h"
#include "format/dtype.h"
#include "format/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tiny_models.h"

/* ---- narrowing ---- */

static void test_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        bl_dtype types[] = {BL_F16, BL_BF16};
        for (size_t i = 0; i < 2; i++) {
            uint16_t half = (uint16_t)h, back;
            float wide;
            bl_dtype_widen(types[i], &half, 1, &wide);
            bl_dtype_narrow(types[i], &wide, 1, &back);
            if (isnan(wide))
                assert_true(back & 0x7fff);
            else
                assert_int_equal(back, half);
        }
    }
    /* between two neighbours: below the middle, in it (to even), above it; overflow; subnormals */
    static const struct {
        float x;
        uint16_t f16, bf16;
    } cases[] = {{1.0f + 0x1p-11f, 0x3c00, 0x3f80}, {1.0f + 0x1.8p-10f, 0x3c02, 0x3f80},
                 {1.0f + 0x1p-8f, 0x3c04, 0x3f80},  {1.0f + 0x1.8p-7f, 0x3c0c, 0x3f82},
                 {65519.0f, 0x7bff, 0x4780},        {65520.0f, 0x7c00, 0x4780},
                 {0x1p-24f, 0x0001, 0x3380},        {0x1p-25f, 0x0000, 0x3300},
                 {0x1.8p-24f, 0x0002, 0x33c0},      {-0x1.ffep-15f, 0x8400, 0xb880},
                 {0x1.fffffep127f, 0x7c00, 0x7f80}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t f16, bf16;
        bl_dtype_narrow(BL_F16, &cases[i].x, 1, &f16);
        bl_dtype_narrow(BL_BF16, &cases[i].x, 1, &bf16);
        assert_int_equal(f16, cases[i].f16);
        assert_int_equal(bf16, cases[i].bf16);
    }
}

/* ---- the same function ---- */

enum { TOKENS = 70 };

static void logits_of(const char *name, const char *device, float *logits)
{
    int32_t ids[TOKENS];
    bl_model *m = tiny_open(name, device);
    bl_session *s;
    for (int32_t i = 0; i < TOKENS; i++)
        ids[i] = (7 + 31 * i) % TINY_V;
    assert_int_equal(bl_session_open(&s, m, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_feed_each(s, ids, TOKENS, logits, NULL), BL_OK);
    bl_session_close(s);
    bl_model_close(m);
}

static void fingerprint_of(const char *name, const char *device, char hex[33])
{
    bl_model *m = tiny_open(name, device);
    assert_int_equal(bl_model_fingerprint(m, hex, NULL), BL_OK);
    bl_model_close(m);
}

static void export_to(const char *from, const char *to, const char *dtype, int replace,
                      bl_status want, const char *why)
{
    bl_error err = {BL_OK, ""};
    bl_model *m = tiny_open(from, "cpu");
    bl_status got = bl_export(m, tiny_path(to), dtype, replace, &err);
    if (got != want || !strstr(err.message, why))
        fail_msg("export %s to %s: status %d, \"%s\"", from, to, got, err.message);
    bl_model_close(m);
}

static void test_same_function(void **state)
{
    (void)state;
    static float latent[TOKENS * TINY_V], packed[TOKENS * TINY_V];
    for (size_t i = 0; i < TINY_MODELS; i++) {
        const char *name = tiny_models[i][0];
        char a[33], b[33], to[64];
        (void)snprintf(to, sizeof to, "%s-packed", name);
        export_to(name, to, "f32", 0, BL_OK, "");
        for (size_t d = 0; d < 2; d++) {
            const char *device = d ? "ref" : "cpu";
            logits_of(name, device, latent);
            logits_of(to, device, packed);
            assert_memory_equal(latent, packed, sizeof latent);
        }
        fingerprint_of(name, "cpu", a);
        fingerprint_of(to, "ref", b);
        assert_string_equal(a, b);

        /* a lossy one differs, a little, and says where it comes from */
        (void)snprintf(to, sizeof to, "%s-bf16", name);
        export_to(name, to, "bf16", 0, BL_OK, "");
        fingerprint_of(to, "cpu", b);
        assert_string_not_equal(a, b);
        logits_of(name, "cpu", latent);
        logits_of(to, "cpu", packed);
        double error = 0, size = 0;
        for (size_t j = 0; j < TOKENS * TINY_V; j++) {
            error += pow((double)packed[j] - (double)latent[j], 2);
            size += pow((double)latent[j], 2);
        }
        assert_true(error > 0 && error < 1e-2 * size);
        bl_st *st;
        char weights[96];
        (void)snprintf(weights, sizeof weights, "%s/model.safetensors", tiny_path(to));
        assert_int_equal(bl_st_open(&st, weights, NULL), BL_OK);
        assert_string_equal(bl_st_metadata(st, "parent_fingerprint"), a);
        bl_st_close(st);
    }
}

/* Memories of a model continue in its packed form, and with a warning in a lossy one; a lossy one's
 * own are not the model's. */
static int warnings;
static void count_warning(void *user, bl_log_level level, const char *line)
{
    (void)user, (void)line;
    warnings += level == BL_LOG_WARNING;
}

static void test_memories(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        bl_status want;
        int warns;
    } cases[] = {{"ternary", "ternary-packed", BL_OK, 0},
                 {"ternary-packed", "ternary", BL_OK, 0},
                 {"ternary", "ternary-bf16", BL_OK, 1},
                 {"ternary-bf16", "ternary", BL_EINVAL, 0}};
    bl_log_to(count_warning, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bl_model *a = tiny_open(cases[i].from, "cpu"), *b = tiny_open(cases[i].to, "cpu");
        bl_session *s, *t;
        const int32_t ids[] = {1, 2, 3};
        warnings = 0;
        assert_int_equal(bl_session_open(&s, a, NULL, NULL), BL_OK);
        assert_int_equal(bl_session_open(&t, b, NULL, NULL), BL_OK);
        assert_int_equal(bl_session_feed(s, ids, 3, NULL, NULL), BL_OK);
        assert_int_equal(bl_session_save(s, tiny_path("moved.mem"), NULL), BL_OK);
        assert_int_equal(bl_session_load(t, tiny_path("moved.mem"), NULL), cases[i].want);
        assert_int_equal(warnings, cases[i].warns);
        bl_session_close(s);
        bl_session_close(t);
        bl_model_close(a);
        bl_model_close(b);
    }
    bl_log_to(NULL, NULL);
}

/* ---- the layout, from the page: codes and g of the latent floats ---- */

static void check_matrix(const bl_st *latent, const bl_st *packed, const bl_st_tensor *u8)
{
    const bl_st_tensor *w = bl_st_find(latent, u8->name);
    char scale[128];
    float g, want, *W = bl_calloc(w->count, sizeof *W);
    int64_t S = 0;
    size_t quarter = w->shape[0] / 4, in = w->shape[1];
    unsigned char *bytes = bl_calloc(u8->count, 1);
    assert_int_equal(bl_st_read(u8, 0, u8->count, bytes, NULL), BL_OK);
    assert_int_equal(bl_st_get_f32(latent, w->name, 2, w->shape, W, NULL), BL_OK);
    for (size_t i = 0; i < w->count; i++)
        S += (int64_t)rint((double)fminf(fabsf(W[i]), 256.0f) * 4294967296.0);
    want = fmaxf((float)((double)S / 4294967296.0 / (double)w->count), 1e-5f);
    (void)snprintf(scale, sizeof scale, "%s_scale", u8->name);
    assert_int_equal(bl_st_get_f32(packed, scale, 1, (const size_t[]){1}, &g, NULL), BL_OK);
    assert_memory_equal(&g, &want, sizeof g);
    for (size_t row = 0; row < w->shape[0]; row++)
        for (size_t c = 0; c < in; c++) {
            int byte = bytes[row % quarter * in + c];
            int code = (byte >> 2 * (row / quarter) & 3) - 1;
            float x = W[row * in + c];
            assert_int_equal(code, 2 * fabsf(x) > g ? (x > 0 ? 1 : -1) : 0);
        }
    bl_free(bytes);
    bl_free(W);
}

static void test_layout(void **state)
{
    (void)state;
    bl_st *latent, *packed;
    size_t matrices = 0;
    assert_int_equal(bl_st_open(&latent, tiny_path("ternary/model.safetensors"), NULL), BL_OK);
    assert_int_equal(bl_st_open(&packed, tiny_path("ternary-packed/model.safetensors"), NULL),
                     BL_OK);
    for (size_t i = 0; i < bl_st_count(packed); i++)
        if (bl_st_at(packed, i)->dtype == BL_U8) {
            check_matrix(latent, packed, bl_st_at(packed, i));
            matrices++;
        }
    assert_int_equal(matrices, 2 * 7); /* q, v, gate, o and three of the MLP, two layers */
    bl_st_close(latent);
    bl_st_close(packed);
}

/* ---- other files ---- */

typedef void change_fn(bl_st_tensor *t, unsigned char *data);

/* ternary-packed with every tensor passed through `change` (NULL name: left out). */
static void rewrite(const char *to, change_fn *change, const char *config_from,
                    const char *config_to)
{
    bl_st *st;
    bl_st_writer *w;
    char path[128];
    assert_int_equal(bl_dir_make(tiny_path(to), NULL), BL_OK);
    assert_int_equal(bl_st_open(&st, tiny_path("ternary-packed/model.safetensors"), NULL), BL_OK);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", tiny_path(to));
    assert_int_equal(bl_st_writer_open(&w, path, NULL), BL_OK);
    size_t count = bl_st_count(st);
    bl_st_tensor *tensors = bl_calloc(count, sizeof *tensors);
    unsigned char **data = bl_calloc(count, sizeof *data);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = *bl_st_at(st, i);
        size_t bytes = tensors[i].count * bl_dtype_bytes(tensors[i].dtype);
        data[i] = bl_calloc(4 * bytes, 1);
        assert_int_equal(bl_st_read(&tensors[i], 0, bytes, data[i], NULL), BL_OK);
        change(&tensors[i], data[i]);
        if (tensors[i].name)
            assert_int_equal(bl_st_writer_declare(w, tensors[i].name, tensors[i].dtype,
                                                  tensors[i].rank, tensors[i].shape, NULL),
                             BL_OK);
    }
    for (size_t i = 0; i < count; i++) {
        size_t bytes = bl_dtype_bytes(tensors[i].dtype);
        for (size_t d = 0; d < tensors[i].rank; d++)
            bytes *= tensors[i].shape[d];
        if (tensors[i].name)
            assert_int_equal(bl_st_writer_data(w, data[i], bytes, NULL), BL_OK);
        bl_free(data[i]);
    }
    assert_int_equal(bl_st_writer_commit(w, NULL), BL_OK);
    bl_free(tensors);
    bl_free(data);
    bl_st_close(st);

    bl_map map;
    char *text, *place;
    assert_int_equal(bl_map_open(&map, tiny_path("ternary-packed/config.json"), NULL), BL_OK);
    text = bl_calloc(map.size + 1, 1);
    memcpy(text, map.data, map.size);
    place = strstr(text, config_from);
    assert_non_null(place);
    assert_true(strlen(config_to) <= strlen(config_from));
    memset(place, ' ', strlen(config_from));
    memcpy(place, config_to, strlen(config_to));
    (void)snprintf(path, sizeof path, "%s/config.json", tiny_path(to));
    assert_int_equal(bl_file_replace(path, text, map.size, NULL), BL_OK);
    bl_free(text);
    bl_map_close(&map);
}

static int is_q0(const bl_st_tensor *t, const char *ending)
{
    char name[96];
    (void)snprintf(name, sizeof name, "model.layers.0.seq_modeling_block.q_proj.weight%s", ending);
    return strcmp(t->name, name) == 0;
}

static void put_scale(bl_st_tensor *t, unsigned char *data, float scale)
{
    if (is_q0(t, "_scale"))
        memcpy(data, &scale, sizeof scale);
}

static void keep(bl_st_tensor *t, unsigned char *data)
{
    (void)t, (void)data;
}
static void code_three(bl_st_tensor *t, unsigned char *data)
{
    if (is_q0(t, ""))
        data[9] |= 0x30;
}
static void no_scale(bl_st_tensor *t, unsigned char *data)
{
    (void)data;
    if (is_q0(t, "_scale"))
        t->name = NULL;
}
static void no_matrix(bl_st_tensor *t, unsigned char *data)
{
    (void)data;
    if (is_q0(t, ""))
        t->name = NULL;
}
static void scale_zero(bl_st_tensor *t, unsigned char *data)
{
    put_scale(t, data, 0);
}
static void scale_negative(bl_st_tensor *t, unsigned char *data)
{
    put_scale(t, data, -1);
}
static void scale_nan(bl_st_tensor *t, unsigned char *data)
{
    put_scale(t, data, NAN);
}
static void scale_infinite(bl_st_tensor *t, unsigned char *data)
{
    put_scale(t, data, INFINITY);
}
static void scale_of_two(bl_st_tensor *t, unsigned char *data)
{
    (void)data;
    if (is_q0(t, "_scale"))
        t->shape[0] = 2;
}
static void wrong_rows(bl_st_tensor *t, unsigned char *data)
{
    (void)data;
    if (is_q0(t, ""))
        t->shape[0] *= 2;
}
static void wrong_type(bl_st_tensor *t, unsigned char *data)
{
    (void)data;
    if (is_q0(t, ""))
        t->dtype = BL_I8;
}
static void wrong_rank(bl_st_tensor *t, unsigned char *data)
{
    (void)data;
    if (is_q0(t, "")) {
        t->shape[0] *= t->shape[1];
        t->rank = 1;
    }
}

static void inverted(bl_st_tensor *t, unsigned char *data)
{
    float scale;
    size_t n = strlen(t->name);
    if (n < 13 || strcmp(t->name + n - 13, ".weight_scale") != 0)
        return;
    memcpy(&scale, data, sizeof scale);
    scale = 1.0f / scale;
    memcpy(data, &scale, sizeof scale);
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        change_fn *change;
        const char *from, *to, *why;
    } cases[] = {
        {code_three, "", "", "q_proj.weight: the code of row 16, input 9 is 3"},
        {no_scale, "", "", "q_proj.weight_scale"},
        {no_matrix, "", "", "q_proj.weight is missing"},
        {scale_zero, "", "", "q_proj.weight_scale is 0"},
        {scale_negative, "", "", "q_proj.weight_scale is -1"},
        {scale_nan, "", "", "q_proj.weight_scale is"},
        {scale_infinite, "", "", "q_proj.weight_scale is inf"},
        {scale_of_two, "", "", "q_proj.weight_scale"},
        {wrong_rows, "", "", "q_proj.weight is U8 of 16 x 32, expected U8 of 8 x 32"},
        {wrong_type, "", "", "q_proj.weight is I8"},
        {wrong_rank, "", "", "q_proj.weight is U8 of 256 x 0"},
        {keep, "\"offline\"", "\"online\"", "q_proj.weight"},
        {keep, "\"offline\"", "\"oven\"", "quantization_mode is \"oven\""},
        {keep, "\"bitnet\"", "\"bit\"", "quant_method is \"bit\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bl_error err = {BL_OK, ""};
        bl_model *m;
        rewrite("hostile", cases[i].change, cases[i].from, cases[i].to);
        bl_status status = bl_model_open(&m, tiny_path("hostile"), NULL, &err);
        if ((status != BL_EFORMAT && status != BL_EUNSUPPORTED) ||
            !strstr(err.message, cases[i].why))
            fail_msg("case %zu: status %d, \"%s\"; expected \"%s\"", i, status, err.message,
                     cases[i].why);
    }
}

/* linear_class bitlinear, or none: the scale is 1 / g. */
static void test_older_convention(void **state)
{
    (void)state;
    static float want[TOKENS * TINY_V], got[TOKENS * TINY_V];
    static const char *const classes[][2] = {{"\"autobitlinear\"", "\"bitlinear\""},
                                             {"\"linear_class\": \"autobitlinear\",", ""}};
    logits_of("ternary", "cpu", want);
    for (size_t i = 0; i < 2; i++) {
        rewrite("older", inverted, classes[i][0], classes[i][1]);
        logits_of("older", "cpu", got);
        double error = 0, size = 0;
        for (size_t j = 0; j < TOKENS * TINY_V; j++) {
            error += pow((double)got[j] - (double)want[j], 2);
            size += pow((double)want[j], 2);
        }
        assert_true(error < 1e-3 * size); /* 1 / (1 / g) may be an ulp off, and flip a tie */
    }
}

static void test_places(void **state)
{
    (void)state;
    export_to("ternary", "ternary", "f32", 1, BL_EINVAL, "no part of an export");
    export_to("ternary", "ternary-packed", "f32", 0, BL_EINVAL, "`replace` replaces it");
    export_to("ternary", "ternary-packed", "f32", 1, BL_OK, "");
    export_to("ternary", "data", "f32", 1, BL_EINVAL, "no part of an export");
    assert_int_equal(symlink("ternary-packed", tiny_path("link")), 0);
    export_to("ternary", "link/", "f32", 1, BL_EINVAL, "is a symbolic link");
    export_to("ternary", "x", "f64", 0, BL_EINVAL, "f32|bf16|f16");
    export_to("odd", "odd-packed", "f32", 0, BL_EUNSUPPORTED, "multiple of 4");
    assert_int_equal(bl_path_what(tiny_path("odd-packed")), BL_PATH_NONE);
    bl_names names;
    assert_int_equal(bl_dir_list(&names, tiny_dir, NULL), BL_OK);
    for (size_t i = 0; i < names.count; i++)
        assert_null(strstr(names.name[i], ".tmp"));
    bl_names_release(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves),   cmocka_unit_test(test_same_function),
        cmocka_unit_test(test_memories), cmocka_unit_test(test_layout),
        cmocka_unit_test(test_hostile),  cmocka_unit_test(test_older_convention),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, tiny_make, tiny_remove);
}
