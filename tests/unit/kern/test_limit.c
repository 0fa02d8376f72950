/* The loops that measure limits: each word is loaded once, and products are counted by turns. */
#include "scratch.h"

#include "core/machine.h"
#include "core/rng.h"
#include "kern/limit.h"

enum { WORDS = 8 * BL_LIMIT_WORDS };

/* A word that was left out or read twice would be missing in the xor. */
static void every_word_once(void **state)
{
    (void)state;
    uint64_t words[WORDS], sum = 0;
    for (size_t i = 0; i < WORDS; i++) {
        words[i] = bl_rng_below(7, 1, i, UINT64_MAX);
        sum ^= words[i];
    }
    for (int level = BL_CPU_C; level <= (int)bl_cpu_best(); level++) {
        bl_limit_loops l;
        bl_limit_loops_init(&l, (bl_cpu_level)level);
        assert_true(l.read(words, WORDS) == sum);
        assert_true(l.read_ahead(words, WORDS) == sum);
        assert_true(l.read(words, BL_LIMIT_WORDS) == l.read_ahead(words, BL_LIMIT_WORDS));
    }
}

static void products_by_turns(void **state)
{
    (void)state;
    for (int level = BL_CPU_C; level <= (int)bl_cpu_best(); level++) {
        bl_limit_loops l;
        bl_limit_loops_init(&l, (bl_cpu_level)level);
#define X(name, unit)                                                                              \
    if (l.name) {                                                                                  \
        assert_true(l.name(1) >= 2);                                                               \
        assert_true(l.name(1000) == 1000 * l.name(1));                                             \
    }
        BL_LIMIT_PRODUCTS(X)
#undef X
    }
    bl_limit_loops c;
    bl_limit_loops_init(&c, BL_CPU_C);
    assert_true(c.int8 && c.f32 && !c.bf16);
}

/* ---- the caches, as Linux tells them ---- */

static void make_cache(const char *index, const char *level, const char *type, const char *size,
                       const char *shared)
{
    char path[64];
    const char *const files[][2] = {
        {"level", level}, {"type", type}, {"size", size}, {"shared_cpu_list", shared}};
    assert_ok(bl_dir_make(scratch(index), &failure));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", index, files[i][0]);
        if (files[i][1])
            scratch_write(scratch(path), files[i][1], strlen(files[i][1]));
    }
}

static void caches(void **state)
{
    (void)state;
    size_t sharers = 9;
    assert_int_equal(bl_cache_bytes(scratch("nothing here"), 2, &sharers), 0);
    assert_int_equal(sharers, 1);
    make_cache("index0", "1\n", "Data\n", "48K\n", "0\n");
    make_cache("index1", "2\n", "Instruction\n", "7K\n", "0\n");
    make_cache("index2", "2\n", "Unified\n", "2048K\n", "0,64\n");
    make_cache("index3", "3\n", "Unified\n", "32M\n", "0-7,64-71\n");
    make_cache("index4", "4\n", "Unified\n", "many\n", "0-7\n");
    assert_int_equal(bl_cache_bytes(scratch(""), 1, &sharers), 48 << 10);
    assert_int_equal(sharers, 1);
    assert_int_equal(bl_cache_bytes(scratch(""), 2, &sharers), 2 << 20);
    assert_int_equal(sharers, 2);
    assert_int_equal(bl_cache_bytes(scratch(""), 3, &sharers), 32 << 20);
    assert_int_equal(sharers, 16);
    assert_int_equal(bl_cache_bytes(scratch(""), 4, &sharers), 0);
    make_cache("index5", "5\n", "Unified\n", "99999999999999999999K\n", NULL);
    assert_int_equal(bl_cache_bytes(scratch(""), 5, &sharers), 0);
    make_cache("index6", "6\n", "Unified\n", "512\n", "garbage\n");
    assert_int_equal(bl_cache_bytes(scratch(""), 6, &sharers), 512);
    assert_int_equal(sharers, 1);
    make_cache("index7", "7\n", "Unified\n", "1K\n", "7-3\n");
    assert_int_equal(bl_cache_bytes(scratch(""), 7, &sharers), 1024);
    assert_int_equal(sharers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_once),
        cmocka_unit_test(products_by_turns),
        cmocka_unit_test(caches),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
