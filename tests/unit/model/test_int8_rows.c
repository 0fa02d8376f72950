/* Packed models whose embedding and head are rows of int8: the equation to the bit, the loss it
 * costs, and files that are not what they should be. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/alloc.h"
#include "core/file.h"
#include "core/path.h"
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

static bl_status export(const char *from, const char *to, const char *dtype, bl_error *err)
{
    bl_model *m = tiny_open(from, "cpu");
    bl_status status = bl_export(m, tiny_path(to), dtype, 0, err);
    bl_model_close(m);
    return status;
}

static void export_fine(const char *from, const char *to, const char *dtype)
{
    bl_error err;
    if (export(from, to, dtype, &err) != BL_OK)
        fail_msg("export %s to %s: %s", from, to, err.message);
}

static bl_st *weights_of(const char *name)
{
    char path[128];
    bl_st *st;
    (void)snprintf(path, sizeof path, "%s/model.safetensors", tiny_path(name));
    assert_int_equal(bl_st_open(&st, path, NULL), BL_OK);
    return st;
}

/* Of a table of E [V,D]: what MODEL 2 says of each row. */
static void check_table(const bl_st *exact, const bl_st *rows, const char *name)
{
    char scales[128];
    (void)snprintf(scales, sizeof scales, "%s_scale", name);
    const bl_st_tensor *t = bl_st_find(rows, name);
    assert_int_equal(t->dtype, BL_I8);
    size_t V = t->shape[0], D = t->shape[1];
    float *E = bl_calloc(V * D, sizeof *E), *s = bl_calloc(V, sizeof *s);
    int8_t *q = bl_calloc(V * D, 1);
    assert_int_equal(bl_st_get_f32(exact, name, 2, t->shape, E, NULL), BL_OK);
    assert_int_equal(bl_st_get_f32(rows, scales, 1, t->shape, s, NULL), BL_OK);
    assert_int_equal(bl_st_read(t, 0, V * D, q, NULL), BL_OK);
    for (size_t v = 0; v < V; v++) {
        float most = 0;
        for (size_t i = v * D; i < (v + 1) * D; i++)
            most = fmaxf(most, fabsf(E[i]));
        assert_true(s[v] >= most / 127 && s[v] <= most / 127 * (1 + 0x1p-14f));
        for (size_t i = v * D; i < (v + 1) * D; i++)
            assert_int_equal(q[i], (int)rintf(E[i] / s[v]));
    }
    bl_free(E);
    bl_free(s);
    bl_free(q);
}

static double loss_of(const char *name, const char *device)
{
    enum { TOKENS = 200 };
    static float logits[TOKENS * TINY_V];
    int32_t ids[TOKENS];
    bl_model *m = tiny_open(name, device);
    bl_session *s;
    double nats = 0;
    for (int32_t i = 0; i < TOKENS; i++)
        ids[i] = (7 + 31 * i) % TINY_V;
    assert_int_equal(bl_session_open(&s, m, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_feed_each(s, ids, TOKENS, logits, NULL), BL_OK);
    for (size_t t = 0; t + 1 < TOKENS; t++) {
        double sum = 0;
        for (size_t v = 0; v < TINY_V; v++)
            sum += exp((double)logits[t * TINY_V + v]);
        nats += log(sum) - (double)logits[t * TINY_V + (size_t)ids[t + 1]];
    }
    bl_session_close(s);
    bl_model_close(m);
    return nats / (TOKENS - 1);
}

static void same_file(const char *a, const char *b)
{
    char path[2][128];
    bl_map map[2];
    const char *names[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s/model.safetensors", tiny_path(names[i]));
        assert_int_equal(bl_map_open(&map[i], path[i], NULL), BL_OK);
    }
    assert_int_equal(map[0].size, map[1].size);
    assert_memory_equal(map[0].data, map[1].data, map[0].size);
    bl_map_close(&map[0]);
    bl_map_close(&map[1]);
}

static void the_equation(void **state)
{
    (void)state;
    char fingerprint[33];
    export_fine("ternary", "rows", "int8");
    bl_model *m = tiny_open("ternary", "cpu");
    assert_int_equal(bl_model_fingerprint(m, fingerprint, NULL), BL_OK);
    bl_model_close(m);
    bl_st *exact = weights_of("ternary"), *rows = weights_of("rows");
    check_table(exact, rows, "model.embed_tokens.weight");
    assert_string_equal(bl_st_metadata(rows, "parent_fingerprint"), fingerprint);
    bl_st_close(exact);
    bl_st_close(rows);
    double before = loss_of("ternary", "cpu"), after = loss_of("rows", "cpu");
    assert_true(before != after && fabs(before - after) < 0.02);
    assert_true(fabs(loss_of("rows", "ref") - after) < 1e-3);

    /* rounded once: as rows again the same file, as F32 the same model */
    export_fine("rows", "rows-again", "int8");
    same_file("rows", "rows-again");
    export_fine("rows", "rows-f32", "f32");
    assert_true(loss_of("rows-f32", "cpu") == after);
    export_fine("rows-f32", "rows-thrice", "int8");
    same_file("rows", "rows-thrice");
}

static void only_packed(void **state)
{
    (void)state;
    bl_error err;
    assert_int_equal(export("none", "none-rows", "int8", &err), BL_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "int8"));
    assert_int_equal(bl_path_what(tiny_path("none-rows")), BL_PATH_NONE);
}

/* Writes n bytes into a tensor of the file, opens the model, and writes what was there. */
static void refused(const char *tensor, size_t at, const void *bytes, size_t n, const char *why)
{
    char path[128], old[8];
    unsigned char length[8];
    size_t place = 8 + at;
    bl_model *m;
    bl_error err;
    bl_st *st = weights_of("rows");
    place += bl_st_find(st, tensor)->place;
    bl_st_close(st);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", tiny_path("rows"));
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fread(length, 1, 8, f), 8);
    place += length[0] + 256u * length[1] + 65536u * length[2];
    assert_int_equal(fseek(f, (long)place, SEEK_SET), 0);
    assert_int_equal(fread(old, 1, n, f), n);
    assert_int_equal(fseek(f, (long)place, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fflush(f), 0);
    bl_status status = bl_model_open(&m, tiny_path("rows"), NULL, &err);
    assert_int_equal(status, BL_EFORMAT);
    if (!strstr(err.message, why))
        fail_msg("\"%s\" does not say %s", err.message, why);
    assert_int_equal(fseek(f, (long)place, SEEK_SET), 0);
    assert_int_equal(fwrite(old, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void damaged(void **state)
{
    (void)state;
    static const float scales[] = {-1, NAN, INFINITY, 1e38f};
    const char *embed = "model.embed_tokens.weight";
    const int8_t least = -128;
    refused(embed, 17, &least, 1, "element 17 is -128");
    for (size_t i = 0; i < 4; i++)
        refused("model.embed_tokens.weight_scale", 8, &scales[i], 4, "_scale");
    assert_true(loss_of("rows", "cpu") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_equation),
        cmocka_unit_test(only_packed),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, tiny_make, tiny_remove);
}
