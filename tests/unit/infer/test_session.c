/* Sessions: a text in pieces, forked, or saved and loaded continues as if nothing had happened. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/buf.h"
#include "core/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_models.h"

/* ---- one text, made in several ways ---- */

typedef struct writer {
    bl_buf text;
    size_t pieces, stop_at; /* 0: never */
    uint64_t tokens;        /* of the last call */
} writer;

static int take(void *user, const bl_token_event *token)
{
    writer *w = user;
    bl_buf_append(&w->text, token->text, token->bytes);
    return ++w->pieces == w->stop_at;
}

static bl_status go_on(bl_session *s, const char *prompt, size_t tokens, const char *how, writer *w)
{
    char values[128];
    bl_error err = {BL_OK, ""};
    (void)snprintf(values, sizeof values, "max_tokens=%zu,ignore_eos=true,%s", tokens, how);
    bl_options *o = tiny_options(BL_OPTIONS_GENERATE, values);
    bl_generate_result result = {.size = sizeof result};
    bl_status status = bl_generate(s, prompt, strlen(prompt), o, take, w, &result, &err);
    w->tokens = result.tokens;
    bl_options_close(o);
    if (status != BL_OK && status != BL_EINTERRUPTED)
        fail_msg("%s", err.message);
    return status;
}

/* The same where nobody wants the text. */
static bl_status move_on(bl_session *s, const char *prompt, size_t tokens, const char *how)
{
    writer w = {0};
    bl_status status = go_on(s, prompt, tokens, how, &w);
    bl_buf_release(&w.text);
    return status;
}

static bl_session *open_session(bl_model *m)
{
    bl_session *s;
    assert_int_equal(bl_session_open(&s, m, NULL, NULL), BL_OK);
    return s;
}

static void same_text(const writer *a, writer *b, const char *how)
{
    if (strcmp(a->text.data, b->text.data ? b->text.data : "") != 0)
        fail_msg("%s: '%s' became '%s'", how, a->text.data, b->text.data);
    bl_buf_clear(&b->text);
    b->pieces = b->stop_at = 0;
}

static void check_going_on(bl_model *m, bl_model *elsewhere, const char *how)
{
    writer whole = {0}, parts = {0};
    bl_session *s = open_session(m), *fork, *loaded = open_session(elsewhere);
    assert_int_equal(go_on(s, "Once upon a time", 60, how, &whole), BL_OK);
    assert_true(whole.text.len > 60);
    uint64_t position = bl_session_position(s);
    size_t bytes = bl_session_bytes(s);

    /* in pieces of 1, 7, 20, and the rest */
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    assert_int_equal(go_on(s, "Once upon a time", 1, how, &parts), BL_OK);
    assert_int_equal(go_on(s, "", 7, how, &parts), BL_OK);
    assert_int_equal(go_on(s, "", 20, how, &parts), BL_OK);
    assert_int_equal(go_on(s, "", 32, how, &parts), BL_OK);
    assert_int_equal(bl_session_position(s), position);
    same_text(&whole, &parts, "in pieces");

    /* stopped by the reader, then continued in a fork, and from a file over another model handle */
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    parts.stop_at = 21;
    assert_int_equal(go_on(s, "Once upon a time", 60, how, &parts), BL_EINTERRUPTED);
    size_t kept = parts.text.len, left = 60 - (size_t)parts.tokens;
    assert_int_equal(bl_session_fork(&fork, s, NULL), BL_OK);
    assert_int_equal(bl_session_save(s, tiny_path("a.mem"), NULL), BL_OK);
    assert_int_equal(move_on(s, " never mind", 11, how), BL_OK); /* moves s alone */
    assert_int_equal(go_on(fork, "", left, how, &parts), BL_OK);
    same_text(&whole, &parts, "forked");
    assert_int_equal(bl_session_load(loaded, tiny_path("a.mem"), NULL), BL_OK);
    bl_buf_append(&parts.text, whole.text.data, kept);
    assert_int_equal(go_on(loaded, "", left, how, &parts), BL_OK);
    assert_int_equal(bl_session_position(loaded), position);
    same_text(&whole, &parts, "saved and loaded");

    assert_int_equal(bl_session_bytes(s), bytes);
    bl_session_close(s);
    bl_session_close(fork);
    bl_session_close(loaded);
    bl_buf_release(&whole.text);
    bl_buf_release(&parts.text);
}

static void test_going_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < TINY_MODELS; i++) {
        bl_model *m = tiny_open(tiny_models[i][0], "cpu"), *n = tiny_open(tiny_models[i][0], "cpu");
        check_going_on(m, n, "temperature=0");
        check_going_on(m, n, "seed=7,temperature=1.2,repeat_penalty=1.4,repeat_last=16");
        bl_model_close(m);
        bl_model_close(n);
    }
    bl_model *m = tiny_open("mlp", "ref");
    check_going_on(m, m, "seed=3");
    bl_model_close(m);
}

/* A seed starts over, the same seed continues, and after a reset all is as at first. */
static void test_seeds(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m);
    writer first = {0}, again = {0};
    assert_int_equal(go_on(s, "A", 40, "seed=5,temperature=2", &first), BL_OK);
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    assert_int_equal(go_on(s, "A", 40, "seed=5,temperature=2", &again), BL_OK);
    same_text(&first, &again, "the same seed after a reset");
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    bl_session_seed(s, 5);
    assert_int_equal(go_on(s, "A", 40, "seed=-1,temperature=2", &again), BL_OK);
    same_text(&first, &again, "bl_session_seed");
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    assert_int_equal(go_on(s, "A", 40, "seed=6,temperature=2", &again), BL_OK);
    assert_string_not_equal(first.text.data, again.text.data);
    bl_session_close(s);
    bl_model_close(m);
    bl_buf_release(&first.text);
    bl_buf_release(&again.text);
}

/* ---- memory files that are not what they should be ---- */

static bl_session *victim;

/* The file is refused with that status and a word of why, and the session is as it was. */
static void refused(const char *path, bl_status want, const char *why)
{
    bl_error err = {BL_OK, ""};
    float before[400], after[400];
    bl_session *fork;
    int32_t id = 9;
    assert_int_equal(bl_session_fork(&fork, victim, NULL), BL_OK);
    assert_int_equal(bl_session_feed(fork, &id, 1, before, NULL), BL_OK);
    bl_session_close(fork);
    bl_status got = bl_session_load(victim, path, &err);
    if (got != want || !strstr(err.message, why))
        fail_msg("%s: status %d, \"%s\"; expected %d and \"%s\"", path, got, err.message, want,
                 why);
    assert_int_equal(bl_session_fork(&fork, victim, NULL), BL_OK);
    assert_int_equal(bl_session_feed(fork, &id, 1, after, NULL), BL_OK);
    bl_session_close(fork);
    assert_memory_equal(before, after, sizeof before);
}

/* The good file with one text in its header replaced by another of the same length. */
static void refused_with(const char *from, const char *to, bl_status want, const char *why)
{
    bl_map map;
    bl_buf copy = {0};
    assert_int_equal(bl_map_open(&map, tiny_path("good.mem"), NULL), BL_OK);
    bl_buf_append(&copy, map.data, map.size);
    bl_map_close(&map);
    char *place = NULL;
    assert_int_equal(strlen(from), strlen(to));
    for (size_t i = 0; !place && i + strlen(from) < copy.len; i++)
        if (memcmp(copy.data + i, from, strlen(from)) == 0)
            place = copy.data + i;
    if (!place)
        fail_msg("no \"%s\" in the file", from);
    memcpy(place, to, strlen(to));
    assert_int_equal(bl_file_replace(tiny_path("bad.mem"), copy.data, copy.len, NULL), BL_OK);
    refused(tiny_path("bad.mem"), want, why);
    bl_buf_release(&copy);
}

static void test_hostile_memories(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu"), *other = tiny_open("plain", "cpu");
    bl_session *s = open_session(m), *stranger = open_session(other);
    victim = open_session(m);
    assert_int_equal(move_on(s, "Once", 30, "seed=4"), BL_OK);
    assert_int_equal(move_on(victim, "There was", 5, "seed=4"), BL_OK);
    assert_int_equal(move_on(stranger, "There was", 5, "seed=4"), BL_OK);
    assert_int_equal(bl_session_save(s, tiny_path("good.mem"), NULL), BL_OK);
    assert_int_equal(bl_session_save(stranger, tiny_path("other.mem"), NULL), BL_OK);

    refused(tiny_path("none.mem"), BL_ENOENT, "none.mem");
    refused(tiny_path("other.mem"), BL_EINVAL, "memory of another model");
    refused(tiny_path("ternary/model.safetensors"), BL_EFORMAT, "not a memory file");
    refused_with("bitllama-memory", "bitllama-memoir", BL_EFORMAT, "not a memory file");
    refused_with("\"version\":\"1\"", "\"version\":\"7\"", BL_EUNSUPPORTED, "version 7");
    refused_with("\"seed\":\"4\"", "\"seed\":\"x\"", BL_EFORMAT, "seed \"x\"");
    refused_with("\"position\"", "\"POSITION\"", BL_EFORMAT, "no position");
    refused_with("\"draws\":\"3", "\"draws\":\"-", BL_EFORMAT, "draws \"-");
    refused_with("\"window\":\"64\"", "\"window\":\"-4\"", BL_EFORMAT, "window \"-4\"");
    refused_with("\"window\":\"64\"", "\"window\":\"07\"", BL_EFORMAT, "1 to 7 (window)");
    refused_with("\"layers.1.W1\"", "\"layers.1.WX\"", BL_EFORMAT, "layers.1.W1");
    refused_with("[2,16,16]", "[2,32,08]", BL_EFORMAT, "");
    refused_with("\"I32\"", "\"F32\"", BL_EFORMAT, "recent");

    /* cut anywhere */
    bl_map map;
    assert_int_equal(bl_map_open(&map, tiny_path("good.mem"), NULL), BL_OK);
    for (size_t n = 0; n < map.size; n += map.size / 37 + 1) {
        assert_int_equal(bl_file_replace(tiny_path("cut.mem"), map.data, n, NULL), BL_OK);
        refused(tiny_path("cut.mem"), BL_EFORMAT, "cut.mem");
    }
    /* a value that is not a number; the first tensor begins after the header */
    bl_buf copy = {0};
    bl_buf_append(&copy, map.data, map.size);
    size_t header = 0;
    for (size_t i = 8; i-- > 0;)
        header = header << 8 | map.data[i];
    memset(copy.data + 8 + header + 4, 0xff, 4);
    assert_int_equal(bl_file_replace(tiny_path("nan.mem"), copy.data, copy.len, NULL), BL_OK);
    refused(tiny_path("nan.mem"), BL_EFORMAT, "not finite");
    bl_map_close(&map);
    bl_buf_release(&copy);

    assert_int_equal(bl_session_load(victim, tiny_path("good.mem"), NULL), BL_OK);
    bl_session *sessions[] = {s, stranger, victim};
    for (size_t i = 0; i < 3; i++)
        bl_session_close(sessions[i]);
    bl_model_close(m);
    bl_model_close(other);
}

/* The fingerprint is the function's, not the device's: memories move between devices. */
static void test_devices(void **state)
{
    (void)state;
    bl_model *cpu = tiny_open("mlp", "cpu"), *ref = tiny_open("mlp", "ref");
    bl_session *a = open_session(cpu), *b = open_session(ref);
    assert_int_equal(move_on(a, "Once", 30, "seed=4"), BL_OK);
    assert_int_equal(bl_session_save(a, tiny_path("device.mem"), NULL), BL_OK);
    assert_int_equal(bl_session_load(b, tiny_path("device.mem"), NULL), BL_OK);
    assert_int_equal(bl_session_position(b), bl_session_position(a));
    bl_session_close(a);
    bl_session_close(b);
    bl_model_close(cpu);
    bl_model_close(ref);
}

/* The position at which a session is saved does not matter: every position of two chunks, and
 * options that change between the calls. */
static void test_saved_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < TINY_MODELS; i++) {
        bl_model *m = tiny_open(tiny_models[i][0], "cpu");
        bl_session *s = open_session(m), *t = open_session(m);
        float a[400], b[400];
        for (int32_t id = 1; id < 70; id++) {
            assert_int_equal(bl_session_feed(s, &id, 1, a, NULL), BL_OK);
            if (id > 1)
                assert_int_equal(bl_session_feed(t, &id, 1, b, NULL), BL_OK);
            if (id > 1)
                assert_memory_equal(a, b, sizeof a);
            assert_int_equal(bl_session_save(s, tiny_path("any.mem"), NULL), BL_OK);
            bl_error err = {BL_OK, ""};
            if (bl_session_load(t, tiny_path("any.mem"), &err) != BL_OK)
                fail_msg("%s after %d: %s", tiny_models[i][0], (int)id, err.message);
        }
        bl_session_close(s);
        bl_session_close(t);
        bl_model_close(m);
    }
}

/* The penalty window of a loaded session is as wide as the saved one's, however full it is. */
static void test_window_width(void **state)
{
    (void)state;
    static const char wide[] = "seed=3,temperature=1,repeat_penalty=20,repeat_last=64";
    static const char narrow[] = "seed=3,temperature=1,repeat_penalty=20,repeat_last=4";
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m), *t = open_session(m);
    writer stayed = {0}, loaded = {0};
    assert_int_equal(move_on(s, "Once", 8, wide), BL_OK);
    assert_int_equal(bl_session_save(s, tiny_path("w.mem"), NULL), BL_OK);
    assert_int_equal(bl_session_load(t, tiny_path("w.mem"), NULL), BL_OK);
    assert_int_equal(go_on(s, "", 40, narrow, &stayed), BL_OK);
    assert_int_equal(go_on(t, "", 40, narrow, &loaded), BL_OK);
    assert_int_equal(go_on(s, "", 60, wide, &stayed), BL_OK);
    assert_int_equal(go_on(t, "", 60, wide, &loaded), BL_OK);
    same_text(&stayed, &loaded, "a window of 64 saved with fewer ids");
    bl_session_close(s);
    bl_session_close(t);
    bl_model_close(m);
    bl_buf_release(&stayed.text);
    bl_buf_release(&loaded.text);
}

/* Calls that draw nothing are pieces of a text too. */
static void test_no_tokens(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m);
    writer whole = {0}, parts = {0};
    assert_int_equal(go_on(s, "Once", 30, "seed=3", &whole), BL_OK);
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    assert_int_equal(go_on(s, "Once", 0, "seed=3", &parts), BL_OK);
    assert_int_equal(go_on(s, "", 30, "seed=3", &parts), BL_OK);
    same_text(&whole, &parts, "after a call for no token");
    for (int seed = 0; seed < 30; seed++) {
        char how[64];
        (void)snprintf(how, sizeof how, "seed=%d,temperature=3", seed);
        assert_int_equal(bl_session_reset(s, NULL), BL_OK);
        bl_buf_clear(&whole.text);
        assert_int_equal(go_on(s, "", 12, how, &whole), BL_OK);
        assert_int_equal(bl_session_reset(s, NULL), BL_OK);
        for (int i = 0; i < 12; i++)
            assert_int_equal(go_on(s, "", 1, how, &parts), BL_OK);
        same_text(&whole, &parts, how);
        /* <|endoftext|> alone, saved: the text still has to begin */
        assert_int_equal(bl_session_reset(s, NULL), BL_OK);
        assert_int_equal(go_on(s, "", 0, how, &parts), BL_OK);
        assert_int_equal(bl_session_save(s, tiny_path("bos.mem"), NULL), BL_OK);
        assert_int_equal(move_on(s, "more", 1, how), BL_OK);
        assert_int_equal(bl_session_load(s, tiny_path("bos.mem"), NULL), BL_OK);
        assert_int_equal(go_on(s, "", 12, how, &parts), BL_OK);
        same_text(&whole, &parts, how);
    }
    bl_session_close(s);
    bl_model_close(m);
    bl_buf_release(&whole.text);
    bl_buf_release(&parts.text);
}

/* ---- tokens as they are drawn ---- */

enum { EVENTS = 64 };

typedef struct events {
    size_t count;
    bl_token_event of[EVENTS];
    bl_buf text;
} events;

static int note(void *user, const bl_token_event *token)
{
    events *e = user;
    assert_true(e->count < EVENTS);
    assert_int_equal(token->size, sizeof *token);
    bl_buf_append(&e->text, token->text, token->bytes);
    e->of[e->count++] = *token;
    return 0;
}

/* The log-probabilities again, from the logits of another session that reads the same tokens. */
static void check_log_probabilities(bl_model *m, const events *e, const int32_t *prompt, size_t n)
{
    enum { MOST = 512 };
    size_t V = bl_tokenizer_vocab_size(bl_model_tokenizer(m));
    static float logits[MOST];
    bl_session *s = NULL;
    assert_true(V <= MOST);
    assert_int_equal(bl_session_open(&s, m, NULL, NULL), BL_OK);
    assert_int_equal(bl_session_feed(s, prompt, n, logits, NULL), BL_OK);
    for (size_t i = 0; i < e->count; i++) {
        double sum = 0;
        for (size_t v = 0; v < V; v++)
            sum += exp((double)logits[v]);
        double want = (double)logits[e->of[i].id] - log(sum);
        assert_true(fabs(e->of[i].log_probability - want) < 1e-6);
        assert_int_equal(e->of[i].position, n + i);
        assert_int_equal(bl_session_feed(s, &e->of[i].id, 1, logits, NULL), BL_OK);
    }
    bl_session_close(s);
}

static void test_token_events(void **state)
{
    (void)state;
    bl_model *m = tiny_open("ternary", "cpu");
    bl_session *s = open_session(m);
    bl_generate_result made = {.size = sizeof made};
    int32_t prompt[16] = {0};
    size_t n = 0;
    assert_int_equal(
        bl_tokenizer_encode(bl_model_tokenizer(m), "Once", 4, 0, prompt + 1, 15, &n, NULL), BL_OK);
    events asked = {0}, not_asked = {0};
    bl_options *o = tiny_options(BL_OPTIONS_GENERATE,
                                 "max_tokens=20,ignore_eos=true,seed=3,log_probability=true");
    assert_int_equal(bl_generate(s, "Once", 4, o, note, &asked, &made, NULL), BL_OK);
    assert_int_equal(asked.count, 20);
    check_log_probabilities(m, &asked, prompt, n + 1);
    assert_int_equal(bl_options_set(o, "log_probability", "false", NULL), BL_OK);
    assert_int_equal(bl_session_reset(s, NULL), BL_OK);
    assert_int_equal(bl_generate(s, "Once", 4, o, note, &not_asked, &made, NULL), BL_OK);
    assert_int_equal(not_asked.count, 20);
    assert_int_equal(not_asked.text.len, asked.text.len);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(not_asked.of[i].id, asked.of[i].id);
        assert_true(isnan(not_asked.of[i].log_probability));
        assert_int_equal(not_asked.of[i].ends, 0);
    }
    /* the end-of-text token is reported too, without a text */
    int ended = 0;
    assert_int_equal(bl_options_set(o, "ignore_eos", "false", NULL), BL_OK);
    assert_int_equal(bl_options_set(o, "temperature", "4", NULL), BL_OK);
    for (int seed = 0; seed < 400 && !ended; seed++) {
        char text[16];
        events e = {0};
        (void)snprintf(text, sizeof text, "%d", seed);
        assert_int_equal(bl_options_set(o, "seed", text, NULL), BL_OK);
        assert_int_equal(bl_session_reset(s, NULL), BL_OK);
        assert_int_equal(bl_generate(s, "Once", 4, o, note, &e, &made, NULL), BL_OK);
        assert_int_equal(e.count, made.tokens);
        ended = made.ended;
        assert_int_equal(e.of[e.count - 1].ends, ended);
        if (ended)
            assert_int_equal(e.of[e.count - 1].bytes, 0);
        bl_buf_release(&e.text);
    }
    assert_true(ended);
    bl_options_close(o);
    bl_session_close(s);
    bl_model_close(m);
    bl_buf_release(&asked.text);
    bl_buf_release(&not_asked.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_going_on),         cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_hostile_memories), cmocka_unit_test(test_devices),
        cmocka_unit_test(test_saved_anywhere),   cmocka_unit_test(test_window_width),
        cmocka_unit_test(test_no_tokens),        cmocka_unit_test(test_token_events),
    };
    return cmocka_run_group_tests(tests, tiny_make, tiny_remove);
}
