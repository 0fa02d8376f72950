/* Encoding and decoding against fixtures made by Hugging Face's tokenizers, and bad input. */
#include "core/alloc.h"
#include "core/buf.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/team.h"
#include "text/text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURES BL_TEST_DATA "/fixtures/tokenizer/"
#define SAVED    "test_tokenizer.tmp.json"

/* Tokenizers and the cases beside them: vocabularies of growing size (200 is below the alphabet's
 * 258, at 2000 the corpus runs out of merges), one with added tokens past the vocabulary, one that
 * puts no space in front, one whose added tokens have flags, and five made as published files are:
 * pre-tokenizers of their own, special tokens after the vocabulary, ignored merges, templates,
 * empty and nested Sequences, truncation and padding. */
static const struct {
    const char *tokenizer, *cases;
    int composed; /* by NFC: tokens are other bytes than the text */
} fixtures[] = {
    {FIXTURES "vocab-200.json", FIXTURES "cases-200.json", 0},
    {FIXTURES "vocab-258.json", FIXTURES "cases-258.json", 0},
    {FIXTURES "vocab-300.json", FIXTURES "cases-300.json", 0},
    {FIXTURES "vocab-500.json", FIXTURES "cases-500.json", 0},
    {FIXTURES "vocab-2000.json", FIXTURES "cases-2000.json", 0},
    {FIXTURES "added.json", FIXTURES "cases-added.json", 0},
    {FIXTURES "no-prefix.json", FIXTURES "cases-no-prefix.json", 0},
    {FIXTURES "flags.json", FIXTURES "cases-flags.json", 0},
    {FIXTURES "gpt2.json", FIXTURES "cases-gpt2.json", 0},
    {FIXTURES "llama3.json", FIXTURES "cases-llama3.json", 0},
    {FIXTURES "qwen2.json", FIXTURES "cases-qwen2.json", 1},
    {FIXTURES "falcon.json", FIXTURES "cases-falcon.json", 0},
    {FIXTURES "roberta.json", FIXTURES "cases-roberta.json", 0},
};
enum { COUNT = sizeof fixtures / sizeof fixtures[0] };

static bl_tokenizer *open_fixture(const char *path)
{
    bl_tokenizer *t = NULL;
    bl_error err = {0};
    if (bl_tokenizer_open(&t, path, &err) != BL_OK)
        fail_msg("%s", err.message);
    return t;
}

static void assert_ids(const json_t *want, const int32_t *ids, size_t count, const char *text)
{
    int same = count == json_array_size(want);
    for (size_t i = 0; same && i < count; i++)
        same = ids[i] == json_integer_value(json_array_get(want, i));
    if (!same)
        fail_msg("other ids for \"%s\"", text);
}

/* Each token stands for its stretch of the text, and these leave no gap.  An added token may take
 * white space besides, and two of them the same. */
static void check_offsets(const bl_tokenizer *t, const char *text, size_t bytes, int composed)
{
    int32_t ids[1024];
    bl_offset offsets[1024];
    size_t count, at = 0, n;
    assert_int_equal(bl_tokenizer_encode_offsets(t, text, bytes, BL_ENCODE_SPECIAL, ids, offsets,
                                                 1024, &count, NULL),
                     BL_OK);
    for (size_t i = 0; i < count; i++) {
        const char *token = bl_tokenizer_bytes(t, ids[i], &n);
        size_t taken = offsets[i].end - offsets[i].start;
        assert_in_range(offsets[i].start, 0, at);
        assert_in_range(offsets[i].end, at, bytes);
        at = offsets[i].end;
        if (composed)
            continue;
        if (n > taken) { /* the space in front */
            assert_int_equal(n, taken + 1);
            assert_int_equal(*token, ' ');
            assert_memory_equal(token + 1, text + offsets[i].start, taken);
        } else {
            while (taken > n && text[at - taken] != *token)
                taken--;
            assert_memory_equal(token, text + at - taken, n);
        }
    }
    assert_int_equal(at, bytes);
}

static void check_case(const bl_tokenizer *t, bl_word_cache *cache, const json_t *row, int composed)
{
    const json_t *text_json = json_object_get(row, "text");
    const char *text = json_string_value(text_json);
    size_t bytes = json_string_length(text_json), count, got;
    int32_t ids[1024];
    bl_id_list twice = {0};
    bl_error err;

    assert_int_equal(
        bl_tokenizer_encode(t, text, bytes, BL_ENCODE_SPECIAL, ids, 1024, &count, &err), BL_OK);
    assert_ids(json_object_get(row, "ids"), ids, count, text);

    const json_t *decoded = json_object_get(row, "decoded");
    char out[4096];
    assert_int_equal(bl_tokenizer_decode(t, ids, count, 0, out, sizeof out, &got, &err), BL_OK);
    assert_int_equal(got, json_string_length(decoded));
    assert_memory_equal(out, json_string_value(decoded), got);

    assert_int_equal(bl_tokenizer_encode(t, text, bytes, 0, ids, 1024, &count, &err), BL_OK);
    assert_ids(json_object_get(row, "ids_as_text"), ids, count, text);

    const json_t *in_template = json_object_get(row, "ids_in_template");
    assert_int_equal(bl_tokenizer_encode(t, text, bytes, BL_ENCODE_TEMPLATE | BL_ENCODE_SPECIAL,
                                         ids, 1024, &count, &err),
                     BL_OK);
    assert_ids(in_template ? in_template : json_object_get(row, "ids"), ids, count, text);

    /* In bulk, twice: the second time from the cache. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            bl_tokenizer_append(t, cache, text, bytes, BL_ENCODE_SPECIAL, &twice, &err), BL_OK);
    size_t half = twice.count / 2;
    assert_ids(json_object_get(row, "ids"), twice.ids, half, text);
    assert_ids(json_object_get(row, "ids"), twice.ids + half, twice.count - half, text);
    bl_id_list_release(&twice);
    check_offsets(t, text, bytes, composed);
}

static void test_same_ids_and_texts(void **state)
{
    (void)state;
    bl_word_cache *cache; /* one for all tokenizers: it must notice that they change */
    assert_int_equal(bl_word_cache_open(&cache, NULL), BL_OK);
    for (size_t f = 0; f < COUNT; f++) {
        bl_tokenizer *t = open_fixture(fixtures[f].tokenizer);
        json_t *cases = json_load_file(fixtures[f].cases, JSON_ALLOW_NUL, NULL);
        assert_true(json_array_size(cases) > 50);
        for (size_t i = 0; i < json_array_size(cases); i++)
            check_case(t, cache, json_array_get(cases, i), fixtures[f].composed);
        json_decref(cases);
        bl_tokenizer_close(t);
    }
    bl_word_cache_close(cache);
}

static void test_saves_what_it_read(void **state)
{
    (void)state;
    for (size_t f = 0; f < COUNT; f++) {
        bl_tokenizer *t = open_fixture(fixtures[f].tokenizer);
        bl_map want, got;
        assert_int_equal(bl_tokenizer_save(t, SAVED, NULL), BL_OK);
        assert_int_equal(bl_map_open(&want, fixtures[f].tokenizer, NULL), BL_OK);
        assert_int_equal(bl_map_open(&got, SAVED, NULL), BL_OK);
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.data, want.data, want.size);
        bl_map_close(&want);
        bl_map_close(&got);
        bl_tokenizer_close(t);
    }
    assert_int_equal(bl_file_remove(SAVED, NULL), BL_OK);
}

static void test_config_is_json(void **state)
{
    (void)state;
    bl_tokenizer *t = open_fixture(FIXTURES "added.json");
    assert_int_equal(bl_tokenizer_save_config(t, BL_TOKEN_ROLES_OWN, NULL, SAVED, NULL), BL_OK);
    json_t *config = json_load_file(SAVED, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(config, "eos_token")), "<|endoftext|>");
    assert_string_equal(json_string_value(json_object_get(config, "pad_token")), "<|padding|>");
    json_t *added = json_object_get(config, "added_tokens_decoder");
    assert_int_equal(json_object_size(added), 8);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(added, "303"), "content")),
        "x\t\"\\\n\x01");
    json_decref(config);
    bl_tokenizer_close(t);
    assert_int_equal(bl_file_remove(SAVED, NULL), BL_OK);
}

static void test_folder_and_queries(void **state)
{
    (void)state;
    bl_tokenizer *t = open_fixture(FIXTURES "added.json");
    assert_int_equal(bl_dir_make("test_tokenizer.tmp", NULL), BL_OK);
    assert_int_equal(bl_tokenizer_save(t, "test_tokenizer.tmp/tokenizer.json", NULL), BL_OK);
    bl_tokenizer_close(t);
    t = open_fixture("test_tokenizer.tmp");
    assert_int_equal(bl_dir_remove("test_tokenizer.tmp", NULL), BL_OK);

    size_t bytes = 99;
    assert_int_equal(bl_tokenizer_vocab_size(t), 306);
    assert_int_equal(bl_tokenizer_id(t, "<|endoftext|>"), 0);
    assert_int_equal(bl_tokenizer_id(t, "<|padding|>"), 1);
    assert_int_equal(bl_tokenizer_id(t, "!"), 2);
    assert_int_equal(bl_tokenizer_id(t, "<|user|>"), 304);
    assert_int_equal(bl_tokenizer_id(t, "no such token"), -1);
    assert_int_equal(bl_tokenizer_id(t, ""), -1);
    const char *space = bl_tokenizer_bytes(t, bl_tokenizer_id(t, "\xC4\xA0"), &bytes);
    assert_int_equal(bytes, 1);
    assert_memory_equal(space, " ", 1);
    assert_null(bl_tokenizer_bytes(t, -1, &bytes));
    assert_null(bl_tokenizer_bytes(t, 306, &bytes));
    bl_tokenizer_close(t);
}

static void test_capacity(void **state)
{
    (void)state;
    bl_tokenizer *t = open_fixture(FIXTURES "vocab-258.json");
    int32_t ids[4] = {-7, -7, -7, -7};
    size_t count, bytes;
    char text[4] = "####";
    assert_int_equal(bl_tokenizer_encode(t, "", 0, 0, NULL, 0, &count, NULL), BL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(bl_tokenizer_encode(t, "abc", 3, 0, NULL, 0, &count, NULL), BL_OK);
    assert_int_equal(count, 4);
    assert_int_equal(bl_tokenizer_encode(t, "abc", 3, 0, ids, 2, &count, NULL), BL_OK);
    assert_int_equal(count, 4);
    assert_int_equal(ids[1], bl_tokenizer_id(t, "a"));
    assert_int_equal(ids[2], -7);
    assert_int_equal(bl_tokenizer_encode(t, "abc", 3, 0, ids, 4, &count, NULL), BL_OK);
    assert_int_equal(bl_tokenizer_decode(t, ids, 4, 0, NULL, 0, &bytes, NULL), BL_OK);
    assert_int_equal(bytes, 4);
    assert_int_equal(bl_tokenizer_decode(t, ids, 4, 0, text, 2, &bytes, NULL), BL_OK);
    assert_int_equal(bytes, 4);
    assert_memory_equal(text, " a##", 4);
    assert_int_equal(bl_tokenizer_decode(t, NULL, 0, 0, NULL, 0, &bytes, NULL), BL_OK);
    assert_int_equal(bytes, 0);
    bl_tokenizer_close(t);
}

/* A character at both ends of every row of the table of well-formed sequences, and what is just
 * outside. */
static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"\x7F",         "\xC2\x80",         "\xDF\xBF",
                                       "\xE0\xA0\x80", "\xED\x9F\xBF",     "\xEE\x80\x80",
                                       "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\x41",
                                      "\xE0\x9F\xBF",
                                      "\xE0\xA0",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF0\x90\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFE",
                                      "\xFF"};
    bl_tokenizer *t = open_fixture(FIXTURES "vocab-258.json");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(bl_utf8_invalid(good[i], strlen(good[i])), strlen(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[32] = "0123456789abc";
        size_t count;
        bl_error err = {0};
        strcat(text, bad[i]);
        assert_int_equal(bl_utf8_invalid(text, strlen(text)), 13);
        assert_int_equal(
            bl_tokenizer_encode(t, text, strlen(text), BL_ENCODE_SPECIAL, NULL, 0, &count, &err),
            BL_EFORMAT);
        assert_non_null(strstr(err.message, "byte 13"));
        assert_int_equal(count, 0);
    }
    bl_tokenizer_close(t);
}

static void test_append_keeps_what_is_there(void **state)
{
    (void)state;
    bl_tokenizer *t = open_fixture(FIXTURES "vocab-300.json");
    bl_word_cache *cache;
    bl_id_list tokens = {0};
    assert_int_equal(bl_word_cache_open(&cache, NULL), BL_OK);
    assert_int_equal(bl_tokenizer_append(t, cache, "one", 3, 0, &tokens, NULL), BL_OK);
    size_t one = tokens.count;
    int32_t first = tokens.ids[0];
    assert_int_equal(bl_tokenizer_append(t, cache, "two\xFF", 4, 0, &tokens, NULL), BL_EFORMAT);
    assert_int_equal(tokens.count, one);
    assert_int_equal(bl_tokenizer_append(t, cache, "one", 3, 0, &tokens, NULL), BL_OK);
    assert_int_equal(tokens.count, 2 * one);
    assert_int_equal(tokens.ids[0], first);
    assert_int_equal(tokens.ids[one], first);
    bl_id_list_release(&tokens);
    bl_word_cache_close(cache);
    bl_tokenizer_close(t);
}

/* The ids of raw bytes, one token each. */
static size_t byte_ids(const bl_tokenizer *t, const char *bytes, int32_t *ids)
{
    size_t n = strlen(bytes), length;
    for (size_t i = 0; i < n; i++)
        for (int32_t id = 0; id < 258; id++) {
            const char *b = bl_tokenizer_bytes(t, id, &length);
            if (length == 1 && *b == bytes[i])
                ids[i] = id;
        }
    return n;
}

#define R "\xEF\xBF\xBD"

static void test_decode_replaces_broken_characters(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"a\xE4\xBD\xA0z", "a\xE4\xBD\xA0z"},
        {"\xE4\xBDz", R "z"},
        {"\xE4\xBD", R},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\xF0\x9F\x98"
         "a",
         R "a"},
        {"\xF0\x9F\x98\xF0\x9F\x98\x80", R "\xF0\x9F\x98\x80"},
        {"\x80\x80\x80", R R R},
        {"\xED\xA0\x80", R R R},
        {"\xC0\xAF", R R},
        {"\xE0\x80\x41", R R "A"},
        {"\xF4\x90\x80\x80", R R R R},
        {"\xC3\xC3\xA9", R "\xC3\xA9"},
    };
    bl_tokenizer *t = open_fixture(FIXTURES "vocab-258.json");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t ids[16];
        char out[64], stream[64];
        size_t n = byte_ids(t, cases[i].bytes, ids), bytes, streamed = 0;
        assert_int_equal(bl_tokenizer_decode(t, ids, n, 0, out, sizeof out, &bytes, NULL), BL_OK);
        assert_int_equal(bytes, strlen(cases[i].text));
        assert_memory_equal(out, cases[i].text, bytes);
        bl_decoder d = {0};
        for (size_t j = 0; j < n; j++) {
            size_t made = bl_decoder_feed(&d, t, ids[j], 0, stream + streamed);
            assert_true(made <= 6);
            assert_int_equal(bl_utf8_invalid(stream + streamed, made), made);
            streamed += made;
        }
        streamed += bl_decoder_finish(&d, stream + streamed);
        assert_int_equal(streamed, bytes);
        assert_memory_equal(stream, out, bytes);
    }
    bl_tokenizer_close(t);
}

static void test_decoder_drops_one_space(void **state)
{
    (void)state;
    bl_tokenizer *t = open_fixture(FIXTURES "vocab-258.json");
    int32_t ids[8] = {0};
    size_t n = 1 + byte_ids(t, "  a b", ids + 1), made = 0;
    char out[64];
    bl_decoder d = {0};
    for (size_t i = 0; i < n; i++)
        made += bl_decoder_feed(&d, t, ids[i], 1, out + made);
    assert_int_equal(made, 4);
    assert_memory_equal(out, " a b", 4);
    assert_int_equal(bl_decoder_feed(&d, t, 258, 0, out), 0); /* past the vocabulary: nothing */
    assert_int_equal(bl_decoder_finish(&d, out), 0);
    bl_tokenizer_close(t);
}

/* A tokenizer that adds no space has none to drop, and its config says so. */
static void test_no_prefix_space(void **state)
{
    (void)state;
    bl_tokenizer *t = open_fixture(FIXTURES "no-prefix.json");
    int32_t id = bl_tokenizer_id(t, "\xC4\xA0"); /* a space */
    char out[8];
    bl_decoder d = {0};
    assert_int_equal(bl_tokenizer_prefix_space(t), 0);
    assert_int_equal(bl_decoder_feed(&d, t, id, 1, out), 1);
    assert_int_equal(bl_tokenizer_save_config(t, BL_TOKEN_ROLES_OWN, NULL, SAVED, NULL), BL_OK);
    json_t *config = json_load_file(SAVED, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_false(json_object_get(config, "add_prefix_space")));
    json_decref(config);
    bl_tokenizer_close(t);
    assert_int_equal(bl_file_remove(SAVED, NULL), BL_OK);
    t = open_fixture(FIXTURES "added.json");
    assert_int_equal(bl_tokenizer_prefix_space(t), 1);
    bl_tokenizer_close(t);
}

static void test_decode_refuses_ids_past_the_vocabulary(void **state)
{
    (void)state;
    static const int32_t wrong[] = {258, -1, INT32_MAX, INT32_MIN};
    bl_tokenizer *t = open_fixture(FIXTURES "vocab-258.json");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int32_t ids[3] = {2, wrong[i], 2};
        char out[8];
        size_t bytes;
        bl_error err = {0};
        assert_int_equal(bl_tokenizer_decode(t, ids, 3, 0, out, sizeof out, &bytes, &err),
                         BL_EFORMAT);
        assert_non_null(strstr(err.message, "past the vocabulary of 258"));
        assert_int_equal(bytes, 0);
    }
    bl_tokenizer_close(t);
}

/* One word of a megabyte, and a megabyte of spaces before a letter: both would take hours in
 * quadratic time. */
static void test_long_words(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };
    static const char *const units[] = {"a", "ab", "banana", " ", "\xE3\x80\x80"};
    bl_tokenizer *t = open_fixture(FIXTURES "vocab-2000.json");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        bl_buf text, back;
        bl_buf_init(&text);
        bl_buf_init(&back);
        bl_buf_puts(&text, " ");
        while (text.len < LONG)
            bl_buf_puts(&text, units[i]);
        bl_buf_puts(&text, "x");
        int32_t *ids = bl_calloc(text.len, sizeof *ids);
        char *out = bl_buf_reserve(&back, text.len);
        size_t count, bytes;
        assert_int_equal(bl_tokenizer_encode(t, text.data, text.len, BL_ENCODE_SPECIAL, ids,
                                             text.len, &count, NULL),
                         BL_OK);
        assert_true(count < text.len);
        assert_int_equal(bl_tokenizer_decode(t, ids, count, 0, out, text.len, &bytes, NULL), BL_OK);
        assert_int_equal(bytes, text.len);
        assert_memory_equal(out, text.data, bytes);
        bl_free(ids);
        bl_buf_release(&text);
        bl_buf_release(&back);
    }
    bl_tokenizer_close(t);
}

/* Many encodings of one text by one open tokenizer. */
typedef struct shared {
    const bl_tokenizer *t;
    const char *text;
    int32_t want[128];
    size_t count;
    atomic_int wrong;
} shared;

static void encode_often(void *user, size_t first, size_t last, size_t member)
{
    shared *s = user;
    (void)member;
    for (size_t i = first; i < last; i++) {
        int32_t got[128];
        size_t n;
        bl_status status = bl_tokenizer_encode(s->t, s->text, strlen(s->text), BL_ENCODE_SPECIAL,
                                               got, 128, &n, NULL);
        if (status != BL_OK || n != s->count || memcmp(got, s->want, n * sizeof *got) != 0)
            atomic_fetch_add(&s->wrong, 1);
    }
}

static void test_shared_by_threads(void **state)
{
    (void)state;
    shared s = {.t = open_fixture(FIXTURES "vocab-500.json"),
                .text = "The boat didn't move.<|endoftext|>\xE6\xB9\x96 1234 banana"};
    assert_int_equal(bl_tokenizer_encode(s.t, s.text, strlen(s.text), BL_ENCODE_SPECIAL, s.want,
                                         128, &s.count, NULL),
                     BL_OK);
    bl_team_run(4, 400, encode_often, &s);
    assert_int_equal(atomic_load(&s.wrong), 0);
    bl_tokenizer_close((bl_tokenizer *)s.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_ids_and_texts),
        cmocka_unit_test(test_saves_what_it_read),
        cmocka_unit_test(test_config_is_json),
        cmocka_unit_test(test_folder_and_queries),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_append_keeps_what_is_there),
        cmocka_unit_test(test_decode_replaces_broken_characters),
        cmocka_unit_test(test_decoder_drops_one_space),
        cmocka_unit_test(test_no_prefix_space),
        cmocka_unit_test(test_decode_refuses_ids_past_the_vocabulary),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
