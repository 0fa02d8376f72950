/* Words of any length, merged pair by pair as the definition says, and texts dealt
 * out to threads. */
#include "core/alloc.h"
#include "core/file.h"
#include "core/rng.h"
#include "text/merge.h"
#include "text/units.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE BL_TEST_DATA "/fixtures/tokenizer/vocab-2000.json"
#define PATH    "test_merge.tmp.json"

enum { LONGEST = 700 };

static size_t draw(uint64_t seed, uint64_t number, size_t n)
{
    return (size_t)bl_rng_below(seed, BL_RNG_SHUFFLE, number, n);
}

/* The fixture; with a seed, its merges in another order, so that merging makes pairs
 * of lower rank. */
static bl_tokenizer *open_shuffled(uint64_t seed)
{
    json_t *root = json_load_file(FIXTURE, 0, NULL);
    json_t *merges = json_object_get(json_object_get(root, "model"), "merges");
    assert_true(json_array_size(merges) > 300);
    for (size_t i = json_array_size(merges); seed && i-- > 1;) {
        size_t k = draw(seed, i, i + 1);
        json_t *a = json_incref(json_array_get(merges, i));
        json_array_set(merges, i, json_array_get(merges, k));
        json_array_set_new(merges, k, a);
    }
    assert_int_equal(json_dump_file(root, PATH, 0), 0);
    json_decref(root);
    bl_tokenizer *t;
    assert_int_equal(bl_tokenizer_open(&t, PATH, NULL), BL_OK);
    assert_int_equal(bl_file_remove(PATH, NULL), BL_OK);
    return t;
}

/* Joins the leftmost pair of the lowest rank, until there is none. */
static size_t by_definition(const bl_tokenizer *t, const char *word, size_t bytes, uint32_t *id)
{
    for (size_t i = 0; i < bytes; i++)
        id[i] = t->byte_id[(unsigned char)word[i]];
    for (;;) {
        uint32_t lowest = BL_PAIRMAP_NONE;
        size_t at = 0;
        for (size_t i = 0; i + 1 < bytes; i++) {
            uint32_t rank = bl_pairmap_get(&t->ranks, id[i], id[i + 1]);
            if (rank < lowest) {
                lowest = rank;
                at = i;
            }
        }
        if (lowest == BL_PAIRMAP_NONE)
            return bytes;
        id[at] = t->merges[lowest].result;
        memmove(id + at + 1, id + at + 2, (bytes - at - 2) * sizeof *id);
        bytes--;
    }
}

static void test_as_defined(void **state)
{
    (void)state;
    static const char *const piece[] = {"a",    "aa", "the ", "boat", "ana",
                                        "abab", "1",  "é",    "湖",   "  "};
    for (uint64_t order = 0; order < 4; order++) {
        bl_tokenizer *t = open_shuffled(order);
        bl_merge_work work;
        bl_merge_work_init(&work);
        for (uint64_t seed = 0; seed < 120; seed++) {
            char word[LONGEST + 8];
            uint32_t id[LONGEST + 8];
            size_t most = seed < 60 ? seed + 1 : LONGEST, bytes = 0, count;
            size_t kinds = 1 + draw(seed, 0, sizeof piece / sizeof piece[0]);
            for (uint64_t n = 1; bytes < most; n++) {
                const char *p = piece[draw(seed, n, kinds)];
                memcpy(word + bytes, p, strlen(p));
                bytes += strlen(p);
            }
            assert_int_equal(bl_merge_word(t, &work, word, bytes, &count, NULL), BL_OK);
            assert_int_equal(count, by_definition(t, word, bytes, id));
            for (size_t i = 0; i < count; i++)
                assert_int_equal(work.symbol[i].id, id[i]);
        }
        bl_merge_work_release(&work);
        bl_tokenizer_close(t);
    }
}

static void test_units(void **state)
{
    (void)state;
    enum { UNIT = 1000 };
    const bl_span texts[] = {{"", 5000}, {"", 10},  {"", 980}, {"", 20},
                             {"", 0},    {"", 999}, {"", 1}};
    static const size_t ends[] = {1, 3, 5, 6, 7};
    size_t at = 0, bytes;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t from = at, want = 0;
        at = bl_unit_end(texts, sizeof texts / sizeof texts[0], at, UNIT, &bytes);
        assert_int_equal(at, ends[i]);
        while (from < at)
            want += texts[from++].bytes;
        assert_int_equal(bytes, want);
    }
    const bl_span empty[200] = {{"", 0}};
    assert_in_range(bl_unit_end(empty, 200, 0, UNIT, &bytes), 2, 100);
    assert_int_equal(bl_unit_threads(1025, &bytes, NULL), BL_EINVAL);
    assert_int_equal(bl_unit_threads(3, &bytes, NULL), BL_OK);
    assert_int_equal(bytes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_defined),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
