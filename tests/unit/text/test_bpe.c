/* The BPE trainer: the same files as Hugging Face's trainer writes, limits, interruption; and the
 * containers under it. */
#include "core/alloc.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/rng.h"
#include "text/bpe/bpe.h"
#include "text/bpe/heap.h"
#include "text/bytechars.h"
#include "text/pairmap.h"
#include "text/pretokenize.h"
#include "text/strtab.h"
#include "text/text.h"
#include "text/wordscan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURES BL_TEST_DATA "/fixtures/tokenizer/"
#define SAVED    "test_bpe.tmp.json"
#define END      "\n%%\n"

/* Feeds the documents of train.txt, from the last to the first when asked. */
static void feed_documents(bl_bpe_trainer *t, int backwards)
{
    bl_span documents[64];
    size_t count = 0;
    bl_map map;
    assert_int_equal(bl_map_open(&map, FIXTURES "train.txt", NULL), BL_OK);
    const char *from = (const char *)map.data, *limit = from + map.size;
    for (const char *p = from; p + strlen(END) <= limit; p++)
        if (memcmp(p, END, strlen(END)) == 0) {
            documents[count].text = from;
            documents[count++].bytes = (size_t)(p - from);
            from = p + strlen(END);
        }
    assert_true(count > 10);
    for (size_t i = 0; i < count; i++) {
        size_t d = backwards ? count - 1 - i : i;
        assert_int_equal(bl_bpe_trainer_feed(t, &documents[d], 1, NULL, NULL, NULL), BL_OK);
    }
    bl_map_close(&map);
}

static bl_tokenizer *train(size_t vocab_size, size_t min_frequency, int backwards)
{
    bl_bpe_options options = {.vocab_size = vocab_size, .min_frequency = min_frequency};
    bl_bpe_trainer *trainer;
    bl_tokenizer *t;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, NULL), BL_OK);
    feed_documents(trainer, backwards);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL), BL_OK);
    bl_bpe_trainer_close(trainer);
    return t;
}

static void test_same_files(void **state)
{
    (void)state;
    static const size_t sizes[] = {200, 258, 300, 500, 2000};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        char path[256];
        bl_map want, got;
        bl_tokenizer *t = train(sizes[i / 2], 0, (int)(i % 2));
        assert_int_equal(bl_tokenizer_save(t, SAVED, NULL), BL_OK);
        bl_tokenizer_close(t);
        (void)snprintf(path, sizeof path, FIXTURES "vocab-%zu.json", sizes[i / 2]);
        assert_int_equal(bl_map_open(&want, path, NULL), BL_OK);
        assert_int_equal(bl_map_open(&got, SAVED, NULL), BL_OK);
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.data, want.data, want.size);
        bl_map_close(&want);
        bl_map_close(&got);
    }
    assert_int_equal(bl_file_remove(SAVED, NULL), BL_OK);
}

static void test_trained_tokenizer_encodes(void **state)
{
    (void)state;
    bl_tokenizer *t = train(500, 0, 0), *read;
    static const char text[] = "The boat didn't move.<|endoftext|>def f(x):";
    int32_t a[64], b[64];
    size_t na, nb;
    assert_int_equal(bl_tokenizer_open(&read, FIXTURES "vocab-500.json", NULL), BL_OK);
    assert_int_equal(bl_tokenizer_encode(t, text, strlen(text), 0, a, 64, &na, NULL), BL_OK);
    assert_int_equal(bl_tokenizer_encode(read, text, strlen(text), 0, b, 64, &nb, NULL), BL_OK);
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na * sizeof *a);
    bl_tokenizer_close(t);
    bl_tokenizer_close(read);
}

static void test_min_frequency_and_empty(void **state)
{
    (void)state;
    bl_tokenizer *t = train(2000, 1000, 0);
    assert_int_equal(bl_tokenizer_vocab_size(t), 258);
    bl_tokenizer_close(t);
    t = train(2000, 5, 0);
    assert_in_range(bl_tokenizer_vocab_size(t), 259, 700);
    bl_tokenizer_close(t);

    bl_bpe_options options = {.vocab_size = 300};
    bl_bpe_trainer *trainer;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_feed(trainer, &(bl_span){"", 0}, 1, NULL, NULL, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL), BL_OK);
    assert_int_equal(bl_tokenizer_vocab_size(t), 258);
    bl_tokenizer_close(t);
    bl_bpe_trainer_close(trainer);
}

/* Trains on one text and holds the tokens from `first` on against a list. */
static void check_tokens(bl_bpe_options options, const char *text, size_t first,
                         const char *const *want, size_t count)
{
    bl_bpe_trainer *trainer;
    bl_tokenizer *t;
    options.threads = 1;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, NULL), BL_OK);
    assert_int_equal(
        bl_bpe_trainer_feed(trainer, &(bl_span){text, strlen(text)}, 1, NULL, NULL, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL), BL_OK);
    assert_int_equal(bl_tokenizer_vocab_size(t), first + count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bl_tokenizer_id(t, want[i]), first + i);
    bl_tokenizer_close(t);
    bl_bpe_trainer_close(trainer);
}

#define CHECK_TOKENS(options, text, first, ...)                                                    \
    do {                                                                                           \
        const char *const want[] = {__VA_ARGS__};                                                  \
        check_tokens(options, text, first, want, sizeof want / sizeof want[0]);                    \
    } while (0)

#define SPACE "\xC4\xA0" /* the byte character of a space */

static void test_options(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    static const char *const one[] = {"bc", "a", "bc"};
    bl_bpe_options o = {.vocab_size = 100, .no_initial_alphabet = 1, .specials = none};
    /* The word " abc" five times, and then "ab" once; equal counts go by the smaller ids. */
    static const char text[] = "abc abc abc abc abc ab";
    CHECK_TOKENS(o, text, 0, "a", "b", "c", SPACE, "ab", SPACE "ab", SPACE "abc");
    o.no_prefix_space = 1; /* the first abc has no space */
    CHECK_TOKENS(o, text, 0, "a", "b", "c", SPACE, "ab", SPACE "ab", SPACE "abc", "abc");
    o.min_frequency = 2; /* one pair occurs once only */
    CHECK_TOKENS(o, text, 0, "a", "b", "c", SPACE, "ab", SPACE "ab", SPACE "abc");
    o.min_frequency = 0;
    o.vocab_size = 5;
    CHECK_TOKENS(o, text, 0, "a", "b", "c", SPACE, "ab");
    o.vocab_size = 100;
    o.max_token_length = 4; /* three characters are fewer than four, four are not */
    CHECK_TOKENS(o, text, 0, "a", "b", "c", SPACE, "ab", SPACE "ab", "abc");
    o.max_token_length = 1; /* pairs of single characters are never too long */
    CHECK_TOKENS(o, "abab", 0, "a", "b", "ab");
    o.max_token_length = 0;
    o.limit_alphabet = 2; /* c and the space are the rarest: " abc" is left as "ab" */
    CHECK_TOKENS(o, text, 0, "a", "b", "ab");
    o.limit_alphabet = 0;
    o.specials = one;
    o.specials_count = 3; /* one of them twice, one also a character, one also a merge */
    CHECK_TOKENS(o, "bcbc", 0, "bc", "a", "b", "c", "bcbc");
    o.no_initial_alphabet = 0;
    o.vocab_size = 0;
    o.specials_count = 0;
    o.specials = none;
    CHECK_TOKENS(o, "", 255, "\xC5\x83"); /* all 256, whatever vocab_size says */
}

static void test_dropped_characters(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    bl_bpe_options o = {.vocab_size = 9, .no_initial_alphabet = 1, .specials = none, .threads = 1};
    bl_bpe_trainer *trainer;
    bl_tokenizer *t;
    int32_t ids[8];
    size_t count;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &o, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_feed(trainer, &(bl_span){"ab", 2}, 1, NULL, NULL, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL), BL_OK);
    bl_bpe_trainer_close(trainer);
    /* What has no token is left out, and its neighbours meet: " axb" is " ab". */
    assert_int_equal(bl_tokenizer_encode(t, "axb", 3, 0, ids, 8, &count, NULL), BL_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], bl_tokenizer_id(t, SPACE "ab"));
    assert_int_equal(bl_tokenizer_encode(t, " xyz\n", 5, 0, ids, 8, &count, NULL), BL_OK);
    assert_int_equal(count, 1);
    assert_int_equal(bl_tokenizer_encode(t, "\n\n", 2, 0, ids, 8, &count, NULL), BL_OK);
    assert_int_equal(count, 1); /* the space in front */
    bl_tokenizer_close(t);

    o.no_prefix_space = 1;
    o.vocab_size = 0;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &o, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL), BL_OK);
    bl_bpe_trainer_close(trainer);
    assert_int_equal(bl_tokenizer_vocab_size(t), 0);
    assert_int_equal(bl_tokenizer_encode(t, "abc", 3, 0, ids, 8, &count, NULL), BL_OK);
    assert_int_equal(count, 0);
    bl_map map;
    assert_int_equal(bl_tokenizer_save(t, SAVED, NULL), BL_OK);
    assert_int_equal(bl_map_open(&map, SAVED, NULL), BL_OK);
    static const char end[] = "    \"vocab\": {},\n    \"merges\": []\n  }\n}";
    assert_true(map.size > sizeof end);
    assert_memory_equal((const char *)map.data + map.size - strlen(end), end, strlen(end));
    bl_map_close(&map);
    assert_int_equal(bl_file_remove(SAVED, NULL), BL_OK);
    bl_tokenizer_close(t);
}

/* A text that mixes all classes of characters, drawn by number. */
static void draw_text(bl_buf *text, size_t pieces, uint64_t seed)
{
    static const char *const piece[] = {"a",  "re", "'",   "'s", "'ll",          " ",  "  ", "\n",
                                        "1",  "½",  "-",   "!'", "\xE2\x80\x83", "湖", "é",  "👩",
                                        "'r", "x9", "\t ", "ve", "\xC2\xA0"};
    bl_buf_clear(text);
    for (size_t i = 0; i < pieces; i++)
        bl_buf_puts(text,
                    piece[bl_rng_below(seed, BL_RNG_SHUFFLE, i, sizeof piece / sizeof *piece)]);
    assert_int_equal(bl_buf_status(text, NULL), BL_OK);
}

typedef struct cuts {
    const bl_wordscan *scan;
    const char *text; /* with the space in front */
    size_t at;
    int prefixed;
} cuts;

static bl_status same_word(void *user, const bl_split_word *word, bl_error *err)
{
    cuts *c = user;
    (void)err;
    if (c->at == 0 && c->prefixed) /* the space in front is not in the scanner's text */
        c->at = 1 + bl_wordscan_prefixed(c->scan, c->text + 1, strlen(c->text + 1));
    else
        c->at = bl_wordscan_next(c->scan, c->text, strlen(c->text), c->at);
    assert_ptr_equal(word->text + word->bytes, c->text + c->at);
    return BL_OK;
}

/* The scanner cuts as PCRE2 does, and at a cut nothing changes. */
static void test_wordscan(void **state)
{
    (void)state;
    bl_splitter *splitter;
    bl_split_work work;
    bl_wordscan *scan;
    bl_buf text;
    bl_buf_init(&text);
    static const bl_split_rule pattern[] = {{.pattern = bl_pattern_gpt2}};
    assert_int_equal(bl_splitter_open(&splitter, pattern, 1, 1, "", NULL), BL_OK);
    assert_int_equal(bl_split_work_init(&work, NULL), BL_OK);
    assert_int_equal(bl_wordscan_open(&scan, NULL), BL_OK);
    for (uint64_t seed = 0; seed < 4000; seed++) {
        draw_text(&text, 1 + seed % 24, seed);
        char whole[256] = " ";
        memcpy(whole + 1, text.data, text.len + 1);
        size_t bytes = text.len + 1;
        cuts c = {scan, whole, 0, whole[1] != ' '};
        assert_int_equal(bl_splitter_run(splitter, &work, whole, bytes, same_word, &c, NULL),
                         BL_OK);
        assert_int_equal(c.at, bytes);
        for (size_t at = 0; at < bytes; at++) {
            size_t cut = bl_wordscan_cut(scan, whole, bytes, at), a = 0, b = 0;
            assert_true(cut >= at && cut <= bytes);
            while (a < cut) { /* the words of the first part are those of the whole */
                a = bl_wordscan_next(scan, whole, cut, a);
                b = bl_wordscan_next(scan, whole, bytes, b);
                assert_int_equal(a, b);
            }
        }
    }
    bl_wordscan_close(scan);
    bl_split_work_release(&work);
    bl_splitter_close(splitter);
    bl_buf_release(&text);
}

static int stop_at_third(void *user, const char *stage, uint64_t done, uint64_t total,
                         const char *unit)
{
    int *calls = user;
    assert_true(done <= total && stage && unit);
    return ++*calls == 3;
}

/* Threads, calls and pieces of a long document leave the file as it is. */
static void test_threads_and_batches(void **state)
{
    (void)state;
    enum { DOCUMENTS = 40 };
    bl_buf text, file;
    bl_span documents[DOCUMENTS];
    bl_buf_init(&text);
    bl_buf_init(&file);
    draw_text(&text, 1000000, 7);
    size_t at = 0;
    for (size_t i = 0; i < DOCUMENTS; i++) { /* the last one has most of it */
        size_t to = i + 1 == DOCUMENTS ? text.len : at + 3000;
        while (((unsigned char)text.data[to] & 0xC0) == 0x80)
            to++;
        documents[i] = (bl_span){text.data + at, to - at};
        at = to;
    }
    bl_bpe_trainer *trainer;
    for (size_t threads = 1; threads <= 4; threads++) {
        bl_bpe_options o = {.vocab_size = 900, .threads = threads};
        bl_tokenizer *t;
        bl_map map;
        assert_int_equal(bl_bpe_trainer_open(&trainer, &o, NULL), BL_OK);
        for (size_t i = 0, n; i < DOCUMENTS; i += n) {
            n = threads * 5 < DOCUMENTS - i ? threads * 5 : DOCUMENTS - i;
            assert_int_equal(bl_bpe_trainer_feed(trainer, documents + i, n, NULL, NULL, NULL),
                             BL_OK);
        }
        assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL), BL_OK);
        assert_int_equal(bl_tokenizer_save(t, SAVED, NULL), BL_OK);
        assert_int_equal(bl_map_open(&map, SAVED, NULL), BL_OK);
        if (threads == 1)
            bl_buf_append(&file, map.data, map.size);
        assert_int_equal(map.size, file.len);
        assert_memory_equal(map.data, file.data, file.len);
        bl_map_close(&map);
        bl_tokenizer_close(t);
        bl_bpe_trainer_close(trainer);
    }
    bl_bpe_options o = {.vocab_size = 900, .threads = 2};
    int calls = 0;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &o, NULL), BL_OK);
    for (int i = 0; i < 1000 && calls < 3; i++) {
        bl_status status =
            bl_bpe_trainer_feed(trainer, documents, DOCUMENTS, stop_at_third, &calls, NULL);
        assert_int_equal(status, calls < 3 ? BL_OK : BL_EINTERRUPTED);
    }
    assert_true(calls >= 3);
    bl_bpe_trainer_close(trainer);
    bl_buf_release(&text);
    bl_buf_release(&file);
    assert_int_equal(bl_file_remove(SAVED, NULL), BL_OK);
}

/* Stops at the second report. */
static int stop_soon(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    int *calls = user;
    assert_string_equal(stage, "merges");
    assert_string_equal(unit, "merges");
    assert_true(done <= total);
    return ++*calls == 2;
}

static void test_refusals_and_interruption(void **state)
{
    (void)state;
    bl_bpe_options options = {.vocab_size = SIZE_MAX};
    bl_bpe_trainer *trainer;
    bl_tokenizer *t = NULL;
    bl_error err = {0};
    int calls = 0;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, &err), BL_EINVAL);
    options.vocab_size = 500;
    options.threads = 2000;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, &err), BL_EINVAL);
    options.threads = 0;
    static const char *const bad[] = {"ok", "", "\xFF"};
    options.specials = bad;
    options.specials_count = 2;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, &err), BL_EINVAL);
    options.specials = bad + 2;
    options.specials_count = 1;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, &err), BL_EINVAL);
    options.specials = NULL;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, &err), BL_OK);
    assert_int_equal(bl_bpe_trainer_feed(trainer, &(bl_span){"ok\xC3", 3}, 1, NULL, NULL, &err),
                     BL_EFORMAT);
    assert_non_null(strstr(err.message, "byte 2"));
    feed_documents(trainer, 0);
    assert_int_equal(bl_bpe_trainer_finish(trainer, stop_soon, &calls, &t, &err), BL_EINTERRUPTED);
    assert_null(t);
    assert_int_equal(calls, 2);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, &err), BL_EINVAL);
    assert_null(t);
    assert_int_equal(bl_bpe_trainer_feed(trainer, &(bl_span){"a", 1}, 1, NULL, NULL, &err),
                     BL_EINVAL);
    bl_bpe_trainer_close(trainer);
}

static void test_byte_characters(void **state)
{
    (void)state;
    int seen = 0;
    for (uint32_t code = 0; code < 1000; code++) {
        int byte = bl_bytechar_byte(code);
        if (byte >= 0) {
            assert_int_equal(bl_bytechar_of((unsigned char)byte), code);
            seen++;
        }
    }
    assert_int_equal(seen, 256);
    assert_int_equal(bl_bytechar_of(' '), 0x120);
    assert_int_equal(bl_bytechar_of('\n'), 0x10A);
    assert_int_equal(bl_bytechar_of(0xAD), 0x143);

    char all[256];
    bl_buf spelled, back;
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    bl_buf_init(&spelled);
    bl_buf_init(&back);
    bl_bytechar_spell(&spelled, all, 256);
    assert_int_equal(bl_utf8_invalid(spelled.data, spelled.len), spelled.len);
    bl_bytechar_read(&back, spelled.data, spelled.len);
    assert_int_equal(back.len, 256);
    assert_memory_equal(back.data, all, 256);
    bl_buf_clear(&back);
    bl_bytechar_read(&back, "\xC4\xA0 a", 4); /* a space is not a byte character: no change */
    assert_int_equal(back.len, 4);
    bl_buf_release(&spelled);
    bl_buf_release(&back);
}

static void test_containers(void **state)
{
    (void)state;
    enum { N = 5000 };
    bl_strtab strings;
    bl_pairmap pairs;
    bl_strtab_init(&strings);
    bl_pairmap_init(&pairs);
    assert_int_equal(bl_strtab_find(&strings, "x", 1), BL_STRTAB_NONE);
    assert_int_equal(bl_pairmap_get(&pairs, 1, 2), BL_PAIRMAP_NONE);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < N; i++) {
            size_t number, bytes;
            char text[16] = {0}; /* zero bytes are content like any other */
            memcpy(text, &i, sizeof i);
            assert_int_equal(bl_strtab_add(&strings, text, 4 + i % 3, &number, NULL), BL_OK);
            assert_int_equal(number, i);
            assert_memory_equal(bl_strtab_get(&strings, number, &bytes), text, 4 + i % 3);
            assert_int_equal(bytes, 4 + i % 3);
            uint32_t value = i + round;
            assert_int_equal(bl_pairmap_add(&pairs, i / 70, i % 70, &value, NULL), BL_OK);
            assert_int_equal(value, i);
        }
    assert_int_equal(strings.count, N);
    assert_int_equal(pairs.count, N);
    assert_int_equal(bl_pairmap_get(&pairs, 70, 0), 4900);
    assert_int_equal(bl_pairmap_get(&pairs, 0, 70), BL_PAIRMAP_NONE);
    bl_strtab_release(&strings);
    bl_pairmap_release(&pairs);
}

static int smaller(const void *a, const void *b)
{
    return *(const uint64_t *)a < *(const uint64_t *)b;
}

static void test_heap_sorts(void **state)
{
    (void)state;
    bl_heap heap;
    bl_heap_init(&heap, sizeof(uint64_t), smaller);
    uint64_t item, last = 0;
    for (uint64_t n = 0; n < 200; n++) {
        for (uint64_t i = 0; i < n; i++) {
            item = bl_rng_below(n, BL_RNG_SHUFFLE, i, 100);
            assert_int_equal(bl_heap_push(&heap, &item, NULL), BL_OK);
        }
        last = 0;
        for (uint64_t i = 0; i < n; i++) {
            assert_true(bl_heap_pop(&heap, &item));
            assert_true(item >= last);
            last = item;
        }
        assert_false(bl_heap_pop(&heap, &item));
    }
    bl_heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_files),
        cmocka_unit_test(test_trained_tokenizer_encodes),
        cmocka_unit_test(test_min_frequency_and_empty),
        cmocka_unit_test(test_refusals_and_interruption),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_dropped_characters),
        cmocka_unit_test(test_wordscan),
        cmocka_unit_test(test_threads_and_batches),
        cmocka_unit_test(test_byte_characters),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_heap_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
