/* The batch encoder against encoding one by one, and from threads that share a tokenizer. */
#include "core/alloc.h"
#include "text/text.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURES BL_TEST_DATA "/fixtures/tokenizer/"

enum { TEXTS = 3000, POOL = 1 << 20 };

static bl_tokenizer *tokenizer;
static bl_span texts[TEXTS];
static char *pool;

/* Texts of 0 to 400 bytes, and one that is half of all. */
static int make_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "The boat", " didn't ", "move.", "<|endoftext|>",
        "\n\n",     "  ",       "12345", "\xE6\xB9\x96\xE9\x9D\xA2",
        "banana",   " thirteen"};
    uint64_t seed = 7;
    size_t at = 0;
    pool = bl_calloc(POOL, 1);
    while (at + 64 < POOL) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const char *piece = pieces[(seed >> 33) % 10];
        memcpy(pool + at, piece, strlen(piece));
        at += strlen(piece);
    }
    size_t from = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        size_t bytes = i == 1234 ? at / 2 : (seed >> 33) % 320;
        while (from + bytes < at && ((unsigned char)pool[from + bytes] & 0xC0) == 0x80)
            bytes++;
        if (from + bytes > at)
            from = bytes = 0;
        texts[i] = (bl_span){pool + from, bytes};
        from += bytes;
    }
    return bl_tokenizer_open(&tokenizer, FIXTURES "vocab-500.json", NULL) == BL_OK ? 0 : -1;
}

static int free_texts(void **state)
{
    (void)state;
    bl_tokenizer_close(tokenizer);
    bl_free(pool);
    return 0;
}

/* Texts whose ids differ from what bl_tokenizer_encode gives. */
static size_t differences(const bl_encoder *e, size_t first, size_t count, unsigned flags)
{
    size_t wrong = 0, cap = 1 << 20, n, placed, want;
    int32_t *ids = bl_calloc(cap, sizeof *ids);
    bl_offset *offsets = bl_calloc(cap, sizeof *offsets);
    for (size_t i = 0; i < count; i++) {
        const bl_span *x = &texts[first + i];
        const int32_t *got = bl_encoder_ids(e, i, &n);
        const bl_offset *from = bl_encoder_offsets(e, i, &placed);
        bl_status status = bl_tokenizer_encode_offsets(tokenizer, x->text, x->bytes, flags, ids,
                                                       offsets, cap, &want, NULL);
        wrong += status != BL_OK || !got || n != want || memcmp(got, ids, n * sizeof *ids) != 0;
        if (flags & BL_ENCODE_OFFSETS)
            wrong += !from || placed != n || memcmp(from, offsets, n * sizeof *offsets) != 0;
        else
            wrong += from || placed;
    }
    bl_free(ids);
    bl_free(offsets);
    return wrong;
}

static void test_equal_to_one_by_one(void **state)
{
    (void)state;
    static const size_t threads[] = {1, 2, 7, 0};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        bl_encoder *e;
        assert_int_equal(bl_encoder_open(&e, tokenizer, threads[i], NULL), BL_OK);
        static const unsigned flags[] = {BL_ENCODE_SPECIAL, 0,
                                         BL_ENCODE_SPECIAL | BL_ENCODE_OFFSETS};
        for (size_t k = 0; k < 3; k++) { /* the later runs are in the same memory */
            assert_int_equal(bl_encoder_run(e, texts, TEXTS, flags[k], NULL), BL_OK);
            assert_int_equal(differences(e, 0, TEXTS, flags[k]), 0);
        }
        assert_int_equal(bl_encoder_run(e, texts + 5, 1, BL_ENCODE_SPECIAL, NULL), BL_OK);
        assert_int_equal(differences(e, 5, 1, BL_ENCODE_SPECIAL), 0);
        size_t n = 9;
        assert_null(bl_encoder_ids(e, 1, &n));
        assert_int_equal(n, 0);
        assert_int_equal(bl_encoder_run(e, NULL, 0, 0, NULL), BL_OK);
        assert_null(bl_encoder_ids(e, 0, &n));
        bl_encoder_close(e);
    }
    bl_encoder_close(NULL);
}

static void test_first_failure_is_named(void **state)
{
    (void)state;
    bl_encoder *e;
    bl_error err;
    bl_span broken[TEXTS];
    memcpy(broken, texts, sizeof broken);
    broken[2999] = broken[77] = broken[1500] = (bl_span){"0123\xFFx", 6};
    for (size_t threads = 1; threads < 4; threads++) {
        size_t n;
        assert_int_equal(bl_encoder_open(&e, tokenizer, threads, NULL), BL_OK);
        assert_int_equal(bl_encoder_run(e, broken, TEXTS, BL_ENCODE_SPECIAL, &err), BL_EFORMAT);
        assert_string_equal(err.message, "text 77 of 3000: the text is not UTF-8 at byte 4");
        assert_null(bl_encoder_ids(e, 0, &n));
        assert_int_equal(bl_encoder_run(e, texts, 100, BL_ENCODE_SPECIAL, &err), BL_OK);
        assert_int_equal(differences(e, 0, 100, BL_ENCODE_SPECIAL), 0);
        bl_encoder_close(e);
    }
    assert_int_equal(bl_encoder_open(&e, tokenizer, 1025, &err), BL_EINVAL);
    assert_null(e);
}

static void *share(void *user)
{
    size_t *wrong = user, n;
    bl_encoder *e = NULL;
    if (bl_encoder_open(&e, tokenizer, 1, NULL) != BL_OK ||
        bl_encoder_run(e, texts, 400, BL_ENCODE_SPECIAL, NULL) != BL_OK) {
        *wrong = 1000;
        return NULL;
    }
    *wrong = differences(e, 0, 400, BL_ENCODE_SPECIAL);
    for (int32_t id = 0; id < 500; id++) {
        const char *bytes = bl_tokenizer_bytes(tokenizer, id, &n);
        char text[8];
        *wrong += !bytes || bl_tokenizer_id(tokenizer, "<|padding|>") != 1 ||
                  bl_tokenizer_decode(tokenizer, &id, 1, 0, text, sizeof text, &n, NULL) != BL_OK;
    }
    bl_encoder_close(e);
    return NULL;
}

static void test_shared_by_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    size_t wrong[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, share, &wrong[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_one_by_one),
        cmocka_unit_test(test_first_failure_is_named),
        cmocka_unit_test(test_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, make_texts, free_texts);
}
