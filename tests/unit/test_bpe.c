/* The BPE trainer: the same files as Hugging Face's trainer writes, limits, interruption; and the
 * containers under it. */
#include "core/alloc.h"
#include "core/buf.h"
#include "core/os.h"
#include "core/rng.h"
#include "text/bytechars.h"
#include "text/heap.h"
#include "text/pairmap.h"
#include "text/strtab.h"
#include "text/text.h"

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
        assert_int_equal(bl_bpe_trainer_feed(t, &documents[d], 1, NULL), BL_OK);
    }
    bl_map_close(&map);
}

static bl_tokenizer *train(size_t vocab_size, size_t min_frequency, int backwards)
{
    bl_bpe_options options = {vocab_size, min_frequency};
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

    bl_bpe_options options = {300, 0};
    bl_bpe_trainer *trainer;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_feed(trainer, &(bl_span){"", 0}, 1, NULL), BL_OK);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL), BL_OK);
    assert_int_equal(bl_tokenizer_vocab_size(t), 258);
    bl_tokenizer_close(t);
    bl_bpe_trainer_close(trainer);
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
    bl_bpe_options options = {SIZE_MAX, 0};
    bl_bpe_trainer *trainer;
    bl_tokenizer *t = NULL;
    bl_error err = {0};
    int calls = 0;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, &err), BL_EINVAL);
    options.vocab_size = 500;
    assert_int_equal(bl_bpe_trainer_open(&trainer, &options, &err), BL_OK);
    assert_int_equal(bl_bpe_trainer_feed(trainer, &(bl_span){"ok\xC3", 3}, 1, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, "byte 2"));
    feed_documents(trainer, 0);
    assert_int_equal(bl_bpe_trainer_finish(trainer, stop_soon, &calls, &t, &err), BL_EINTERRUPTED);
    assert_null(t);
    assert_int_equal(calls, 2);
    assert_int_equal(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, &err), BL_OK);
    assert_int_equal(bl_tokenizer_vocab_size(t), 500);
    bl_tokenizer_close(t);
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
    bl_bytechar_read(&back, "\xC4\xA0 a", 4); /* a space is no byte character: all stays as it is */
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
        cmocka_unit_test(test_byte_characters),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_heap_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
