/* Consolidation: the base by its equation, at the border, in any split, saved, forked, bounded; and
 * memory files of version 2 that are not what they should be. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/buf.h"
#include "core/file.h"
#include "format/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_models.h"

enum { TEXT = 75, C = 16, HEADS = 4 };

static int32_t text[TEXT];

static int make(void **state)
{
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (int32_t)(i * 37 % TINY_V);
    return tiny_make(state);
}

static bl_session *open_session(bl_model *m)
{
    bl_session *s;
    assert_int_equal(bl_session_open(&s, m, NULL, NULL), BL_OK);
    return s;
}

static void feed(bl_session *s, size_t from, size_t to)
{
    assert_int_equal(bl_session_feed(s, text + from, to - from, NULL, NULL), BL_OK);
}

static void consolidate(bl_session *s, double share)
{
    bl_error err = {BL_OK, ""};
    if (bl_session_consolidate(s, share, &err) != BL_OK)
        fail_msg("%s", err.message);
}

static void save(const bl_session *s, const char *name)
{
    assert_int_equal(bl_session_save(s, tiny_path(name), NULL), BL_OK);
}

static void load(bl_session *s, const char *name)
{
    bl_error err = {BL_OK, ""};
    if (bl_session_load(s, tiny_path(name), &err) != BL_OK)
        fail_msg("%s", err.message);
}

static void same_file(const char *a, const char *b, const char *how)
{
    bl_map x, y;
    assert_int_equal(bl_map_open(&x, tiny_path(a), NULL), BL_OK);
    assert_int_equal(bl_map_open(&y, tiny_path(b), NULL), BL_OK);
    if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0)
        fail_msg("%s: %s and %s differ", how, a, b);
    bl_map_close(&x);
    bl_map_close(&y);
}

/* ---- any split gives the same bits ---- */

/* A session with a base, from a file: the first consolidation takes long. */
static bl_session *open_based(bl_model *m)
{
    bl_session *s = open_session(m);
    load(s, "based.mem");
    return s;
}

static void make_based(bl_model *m)
{
    bl_session *s = open_session(m);
    consolidate(s, 0.125);
    save(s, "based.mem");
    bl_session_close(s);
}

/* A text with consolidations inside and at the border of a chunk, read in pieces of at most `most`
 * tokens; with `moved`, each piece continues from a file or in a fork. */
static void read_lesson(bl_model *m, size_t most, int moved, const char *name)
{
    static const struct {
        size_t at;
        double share;
    } moves[] = {{21, 0.5}, {25, 0.25}, {32, 1}, {64, 0.125}, {70, 0.75}};
    bl_session *s = open_based(m);
    size_t next = 0, count = sizeof moves / sizeof *moves;
    for (size_t t = 0; t < TEXT;) {
        size_t end = next < count ? moves[next].at : TEXT;
        end = end - t < most ? end : t + most;
        feed(s, t, end);
        t = end;
        if (next < count && t == moves[next].at)
            consolidate(s, moves[next++].share);
        if (!moved)
            continue;
        bl_session *other;
        assert_int_equal(bl_session_fork(&other, s, NULL), BL_OK);
        bl_session_close(s);
        save(other, "way.mem");
        s = open_session(m);
        if (t % 2)
            load(s, "based.mem");
        feed(s, 0, 9); /* it had been something else */
        load(s, "way.mem");
        bl_session_close(other);
    }
    save(s, name);
    bl_session_close(s);
}

static void test_splits(void **state)
{
    (void)state;
    static const char *const devices[] = {"cpu", "ref", "fault:cpu"};
    static const char *const models[] = {"ternary", "mlp"};
    for (size_t d = 0; d < 3; d++)
        for (size_t i = 0; i < (d < 2 ? 2 : 1); i++) {
            bl_model *m = tiny_open(models[i], devices[d]);
            make_based(m);
            read_lesson(m, TEXT, 0, "whole.mem");
            for (size_t most = 1; most < 20; most += 6) {
                read_lesson(m, most, 0, "parts.mem");
                same_file("whole.mem", "parts.mem", devices[d]);
            }
            read_lesson(m, 5, 1, "moved.mem");
            same_file("whole.mem", "moved.mem", devices[d]);
            bl_model_close(m);
        }
}

/* ---- the equation ---- */

static void read_tensor(const char *path, const char *name, size_t rank, const size_t *shape,
                        float *to)
{
    bl_st *st;
    bl_error err = {BL_OK, ""};
    if (bl_st_open(&st, path, &err) != BL_OK ||
        bl_st_get_f32(st, name, rank, shape, to, &err) != BL_OK)
        fail_msg("%s", err.message);
    bl_st_close(st);
}

/* One tensor of layer 1 before, and its base after, a consolidation by `share`. */
static void check_tensor(const char *model, const char *key, size_t rank, const size_t *shape,
                         const size_t *shape_in_model, float share)
{
    static float start[2 * 16 * 64], now[2 * 16 * 64], base[2 * 16 * 64], rest[2 * 16 * 64];
    char path[128], name[96];
    size_t n = 1;
    for (size_t i = 0; i < rank; i++)
        n *= shape[i];
    (void)snprintf(path, sizeof path, "%s/model.safetensors", tiny_path(model));
    (void)snprintf(name, sizeof name, "model.layers.1.seq_modeling_block.%s", key);
    read_tensor(path, name, 3, shape_in_model, start);
    (void)snprintf(name, sizeof name, "layers.1.%s", key);
    read_tensor(tiny_path("before.mem"), name, rank, shape, now);
    (void)snprintf(name, sizeof name, "layers.1.base.%s", key);
    read_tensor(tiny_path("after.mem"), name, rank, shape, base);
    (void)snprintf(name, sizeof name, "layers.1.rest.%s", key);
    read_tensor(tiny_path("after.mem"), name, rank, shape, rest);
    int moved = 0;
    for (size_t i = 0; i < n; i++) {
        double want = (double)start[i] + (double)share * ((double)now[i] - (double)rest[i]);
        assert_true(fabs((double)base[i] - want) <= 1e-7);
        moved |= fabs(want - (double)start[i]) > 1e-6;
    }
    assert_true(moved);
}

static void check_equation(const char *model, size_t M)
{
    bl_model *m = tiny_open(model, "cpu");
    bl_session *s = open_session(m), *plain = open_session(m);
    size_t bytes = bl_session_bytes(s);
    float a[TINY_V], b[TINY_V];
    feed(s, 0, 32);
    feed(plain, 0, 32);
    save(s, "before.mem");
    assert_false(bl_session_has_base(s));
    consolidate(s, 0.015625); /* within the bound */
    assert_true(bl_session_has_base(s));
    save(s, "after.mem");
    assert_int_equal(bl_session_bytes(s) - bytes,
                     4 * (2 * 16 * M + 2 * M + (M > 16 ? 2 * 16 * M + 32 : 0)) * sizeof(float));
    const size_t W1[] = {2, 16, M}, b1[] = {2, M}, b1_in_model[] = {2, 1, M};
    const size_t W2[] = {2, M, 16}, b2[] = {2, 16}, b2_in_model[] = {2, 1, 16};
    check_tensor(model, "W1", 3, W1, W1, 0.015625f);
    check_tensor(model, "b1", 2, b1, b1_in_model, 0.015625f);
    if (M > 16) {
        check_tensor(model, "W2", 3, W2, W2, 0.015625f);
        check_tensor(model, "b2", 2, b2, b2_in_model, 0.015625f);
    }
    /* a base is first felt after the next full chunk */
    for (size_t end = 48; end <= 64; end += 16) {
        assert_int_equal(bl_session_feed(s, text + end - 16, 16, a, NULL), BL_OK);
        assert_int_equal(bl_session_feed(plain, text + end - 16, 16, b, NULL), BL_OK);
        assert_int_equal(memcmp(a, b, sizeof a) == 0, end == 48);
    }
    /* a reset drops it */
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    assert_int_equal(bl_session_bytes(s), bytes);
    feed(s, 0, 32);
    save(s, "again.mem");
    same_file("before.mem", "again.mem", "after a reset");
    bl_session_close(s);
    bl_session_close(plain);
    bl_model_close(m);
}

static void test_equation(void **state)
{
    (void)state;
    check_equation("ternary", 16);
    check_equation("mlp", 64);
}

/* What stays when the text goes: the base, which is where W and b are then. */
static void test_restart(void **state)
{
    (void)state;
    static const char *const models[] = {"ternary", "mlp"};
    static float now[2 * 16 * 64], base[2 * 16 * 64];
    for (size_t i = 0; i < 2; i++) {
        size_t M = i ? 64 : 16;
        const size_t W1[] = {2, 16, M}, b1[] = {2, M};
        bl_model *m = tiny_open(models[i], "cpu");
        bl_session *s = open_session(m), *fresh = open_session(m);
        feed(s, 0, 40);
        save(fresh, "fresh.mem");
        assert_int_equal(bl_session_restart(s, NULL), BL_OK);
        save(s, "plain.mem");
        same_file("fresh.mem", "plain.mem", "without a base");
        feed(s, 0, 40);
        consolidate(s, 0.5); /* waits, and goes */
        feed(s, 40, 50);
        consolidate(s, 0.25);
        assert_int_equal(bl_session_restart(s, NULL), BL_OK);
        save(s, "kept.mem");
        assert_true(bl_session_has_base(s) && bl_session_position(s) == 0);
        read_tensor(tiny_path("kept.mem"), "layers.1.W1", 3, W1, now);
        read_tensor(tiny_path("kept.mem"), "layers.1.base.W1", 3, W1, base);
        assert_memory_equal(now, base, 2 * 16 * M * sizeof *now);
        read_tensor(tiny_path("kept.mem"), "layers.1.b1", 2, b1, now);
        read_tensor(tiny_path("kept.mem"), "layers.1.base.b1", 2, b1, base);
        assert_memory_equal(now, base, 2 * M * sizeof *now);
        load(fresh, "kept.mem");
        feed(fresh, 0, 33);
        feed(s, 0, 33);
        save(fresh, "one.mem");
        save(s, "other.mem");
        same_file("one.mem", "other.mem", "and goes on");
        bl_session_close(s);
        bl_session_close(fresh);
        bl_model_close(m);
    }
}

/* The rest is the mean of W at the borders of a text that the model writes; drawn again here. */
static void test_rest(void **state)
{
    (void)state;
    enum { N = 2 * 16 * 16 };
    static float now[N], rest[N];
    static double mean[N];
    const size_t W1[] = {2, 16, 16};
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m);
    bl_options *o = tiny_options(BL_OPTIONS_GENERATE,
                                 "temperature=1,top_k=0,top_p=1,min_p=0,seed=0,ignore_eos=true");
    size_t borders = 0;
    assert_int_equal(bl_generate(s, "", 0, o, NULL, NULL, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_position(s), 256); /* the last one is pending */
    assert_int_equal(bl_options_set(o, "max_tokens", "16", NULL), BL_OK);
    for (size_t position = 256 + 16; position <= 2048; position += 16) {
        assert_int_equal(bl_generate(s, "", 0, o, NULL, NULL, NULL, NULL), BL_OK);
        assert_int_equal(bl_session_position(s), position);
        if (position <= 512)
            continue;
        save(s, "own.mem");
        read_tensor(tiny_path("own.mem"), "layers.0.W1", 3, W1, now);
        borders++;
        for (size_t i = 0; i < N; i++)
            mean[i] += (double)now[i];
    }
    bl_session *other = open_session(m);
    feed(other, 0, 5);
    consolidate(other, 0.5);
    save(other, "other.mem");
    read_tensor(tiny_path("other.mem"), "layers.0.rest.W1", 3, W1, rest);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)rest[i] - mean[i] / (double)borders) <= 1e-6);
    bl_options_close(o);
    bl_session_close(s);
    bl_session_close(other);
    bl_model_close(m);
}

/* ---- the bound ---- */

typedef struct farthest {
    double base, most;
    size_t heads;
} farthest;

static void add_head(void *user, const bl_head_info *head)
{
    farthest *f = user;
    assert_true(head->base <= head->base_most * (1 + 1e-6));
    f->base = fmax(f->base, head->base);
    f->most = head->base_most;
    f->heads++;
}

static void test_bound(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m);
    farthest f = {0};
    for (size_t i = 0; i < 1000; i++) {
        feed(s, 0, C);
        consolidate(s, 1);
    }
    assert_int_equal(bl_session_heads(s, add_head, &f, NULL), BL_OK);
    assert_int_equal(f.heads, HEADS);
    assert_true(f.most > 0 && f.base > 0.01);
    bl_session_close(s);
    bl_model_close(m);
}

static void test_refused(void **state)
{
    (void)state;
    bl_error err;
    bl_model *m = tiny_open("ternary", "cpu"), *never = tiny_open("plain", "cpu");
    bl_session *s = open_session(m), *t = open_session(never);
    static const double bad[] = {0, -0.5, 1.0000001, NAN, INFINITY, 1e-60};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bl_session_consolidate(s, bad[i], &err), BL_EINVAL);
    assert_int_equal(bl_session_consolidate(t, 0.5, &err), BL_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "ttt_forget"));
    bl_session_close(s);
    bl_session_close(t);
    bl_model_close(m);
    bl_model_close(never);
}

/* ---- files ---- */

static bl_session *victim;

static void refused(const char *path, const char *why)
{
    bl_error err = {BL_OK, ""};
    save(victim, "victim.mem");
    bl_status got = bl_session_load(victim, path, &err);
    if (got != BL_EFORMAT || !strstr(err.message, why))
        fail_msg("status %d, \"%s\"; expected \"%s\"", got, err.message, why);
    save(victim, "still.mem");
    same_file("victim.mem", "still.mem", "after a refused file");
}

/* good.mem with one text in it replaced by another of the same length. */
static void refused_with(const char *from, const char *to, const char *why)
{
    bl_map map;
    bl_buf copy = {0};
    assert_int_equal(strlen(from), strlen(to));
    assert_int_equal(bl_map_open(&map, tiny_path("good.mem"), NULL), BL_OK);
    bl_buf_append(&copy, map.data, map.size);
    bl_map_close(&map);
    char *place = NULL;
    for (size_t i = 0; !place && i + strlen(from) < copy.len; i++)
        if (memcmp(copy.data + i, from, strlen(from)) == 0)
            place = copy.data + i;
    if (!place)
        fail_msg("no \"%s\" in the file", from);
    memcpy(place, to, strlen(to));
    assert_int_equal(bl_file_replace(tiny_path("bad.mem"), copy.data, copy.len, NULL), BL_OK);
    refused(tiny_path("bad.mem"), why);
    bl_buf_release(&copy);
}

static uint64_t number_at(const unsigned char *bytes)
{
    uint64_t n = 0;
    for (size_t i = 8; i-- > 0;)
        n = n << 8 | bytes[i];
    return n;
}

/* good.mem with the first element of a tensor of base or rest made another. */
static void refused_element(const char *which, float x, const char *why)
{
    char name[32], quoted[34];
    (void)snprintf(name, sizeof name, "layers.1.%s.b1", which);
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", name);
    bl_map map;
    bl_buf copy = {0};
    assert_int_equal(bl_map_open(&map, tiny_path("good.mem"), NULL), BL_OK);
    bl_buf_append(&copy, map.data, map.size);
    bl_map_close(&map);
    bl_buf_append(&copy, "", 1); /* the header's end, for strstr */
    size_t header = (size_t)number_at((const unsigned char *)copy.data);
    char *json = copy.data + 8, kept = json[header];
    json[header] = 0;
    const char *entry = strstr(json, quoted);
    const char *offsets = entry ? strstr(entry, "\"data_offsets\":[") : NULL;
    assert_non_null(offsets);
    size_t at = (size_t)strtoul(offsets + 16, NULL, 10);
    json[header] = kept;
    memcpy(copy.data + 8 + header + at, &x, sizeof x);
    assert_int_equal(bl_file_replace(tiny_path("bad.mem"), copy.data, copy.len - 1, NULL), BL_OK);
    refused(tiny_path("bad.mem"), why);
    bl_buf_release(&copy);
}

static void test_files(void **state)
{
    (void)state;
    bl_map map;
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m);
    victim = open_session(m);
    feed(victim, 0, 21);
    consolidate(victim, 0.5);
    feed(victim, 21, 40);

    /* version 1 as long as there is no base, and when it is gone */
    feed(s, 0, 21);
    save(s, "one.mem");
    consolidate(s, 0.25);
    save(s, "good.mem");
    load(s, "one.mem");
    assert_false(bl_session_has_base(s));
    save(s, "back.mem");
    same_file("one.mem", "back.mem", "a base that is gone");
    load(s, "good.mem");
    assert_true(bl_session_has_base(s));

    refused_with("\"version\":\"2\"", "\"version\":\"1\"", "consolidate");
    refused_with("\"consolidate\":\"0.25\"", "\"consolidate\":\"1.25\"", "consolidate \"1.25\"");
    refused_with("\"consolidate\":\"0.25\"", "\"consolidate\":\"-0.2\"", "consolidate \"-0.2\"");
    refused_with("\"consolidate\":\"0.25\"", "\"consolidate\":\"0.00\"", "consolidate \"0.00\"");
    refused_with("\"consolidate\":\"0.25\"", "\"consolidate\":\"x.25\"", "consolidate \"x.25\"");
    refused_with("\"position\":\"21\"", "\"position\":\"32\"", "consolidate");
    refused_with("\"layers.1.base.W1\"", "\"layers.1.base.WX\"", "layers.1.base.W1");
    refused_with("\"layers.0.base.b1\":{\"dtype\":\"F32\",\"shape\":[2,16]",
                 "\"layers.0.base.b1\":{\"dtype\":\"F32\",\"shape\":[16,2]", "layers.0.base.b1");
    refused_with("\"layers.1.rest.W1\"", "\"layers.1.rest.WX\"", "layers.1.rest.W1");
    refused_element("base", NAN, "layers.1.base.b1");
    refused_element("rest", NAN, "layers.1.rest.b1");
    refused_element("base", 3e38f, "layers.1.base: head 0");
    refused_element("base", -5, "a base at most 0.125");
    assert_int_equal(bl_map_open(&map, tiny_path("good.mem"), NULL), BL_OK);
    for (size_t n = 0; n < map.size; n += map.size / 29 + 1) {
        assert_int_equal(bl_file_replace(tiny_path("cut.mem"), map.data, n, NULL), BL_OK);
        refused(tiny_path("cut.mem"), "cut.mem");
    }
    bl_map_close(&map);
    load(victim, "good.mem");
    save(victim, "still.mem");
    same_file("good.mem", "still.mem", "loaded and saved");
    bl_session_close(s);
    bl_session_close(victim);
    bl_model_close(m);
}

/* A base for a model that never forgets. */
static void test_no_base(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu"), *never = tiny_open("plain", "cpu");
    bl_session *s = open_session(m);
    char own[33], other[33];
    victim = open_session(never);
    assert_int_equal(bl_model_fingerprint(m, own, NULL), BL_OK);
    assert_int_equal(bl_model_fingerprint(never, other, NULL), BL_OK);
    make_based(m);
    load(s, "based.mem");
    save(s, "good.mem");
    refused_with(own, other, "never forgets");
    bl_session_close(s);
    bl_session_close(victim);
    bl_model_close(m);
    bl_model_close(never);
}

/* ---- learning ---- */

static void write_text(const char *name, const char *words)
{
    assert_int_equal(bl_file_replace(tiny_path(name), words, strlen(words), NULL), BL_OK);
}

static void learn(bl_session *s, const char *name, double share, uint64_t every, bl_learn_result *r)
{
    bl_error err = {BL_OK, ""};
    if (bl_session_learn(s, tiny_path(name), NULL, share, every, NULL, NULL, r, &err) != BL_OK)
        fail_msg("%s", err.message);
}

#define FOX "Once there was a fox. The fox saw a hen, and the hen saw the fox.\n"
#define HEN "The little hen had a red boat. She went home with the boat in the end.\n"

/* Two documents in one file or in two; the loss is that of an evaluation in the same order. */
static void test_learning(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m), *t = open_session(m);
    bl_learn_result both = {.size = sizeof both}, first = {.size = sizeof first},
                    second = {.size = sizeof second};
    bl_eval_result alone = {.size = sizeof alone}, after = {.size = sizeof after};
    write_text("both.txt", FOX "<|endoftext|>\n" HEN);
    write_text("fox.txt", FOX);
    write_text("hen.txt", HEN);
    learn(s, "both.txt", 0, 0, &both);
    learn(t, "fox.txt", 0, 0, &first);
    assert_int_equal(bl_eval(m, tiny_path("fox.txt"), 0, NULL, NULL, &alone, NULL), BL_OK);
    assert_int_equal(bl_eval_session(t, tiny_path("hen.txt"), NULL, NULL, NULL, NULL, &after, NULL),
                     BL_OK);
    learn(t, "hen.txt", 0, 0, &second);
    save(s, "both.mem");
    save(t, "two.mem");
    same_file("both.mem", "two.mem", "two texts");
    assert_int_equal(both.documents, 2);
    assert_int_equal(both.consolidations, 0);
    assert_int_equal(both.tokens, first.tokens + second.tokens);
    assert_int_equal(first.tokens, alone.tokens); /* the last one is pending */
    assert_true(fabs(first.loss - alone.loss) < 1e-9);
    assert_int_equal(second.tokens, after.tokens);
    assert_true(fabs(second.loss - after.loss) < 1e-6);
    bl_session_close(s);
    bl_session_close(t);

    /* every 10 tokens and at the end */
    s = open_session(m);
    learn(s, "both.txt", 0.5, 10, &both);
    assert_int_equal(both.consolidations, (both.tokens + 9) / 10);
    assert_int_equal(
        bl_session_learn(s, tiny_path("both.txt"), NULL, 2, 0, NULL, NULL, &both, NULL), BL_EINVAL);
    bl_session_close(s);
    bl_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),   cmocka_unit_test(test_equation),
        cmocka_unit_test(test_rest),     cmocka_unit_test(test_bound),
        cmocka_unit_test(test_restart),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_files),    cmocka_unit_test(test_no_base),
        cmocka_unit_test(test_learning),
    };
    return cmocka_run_group_tests(tests, make, tiny_remove);
}
