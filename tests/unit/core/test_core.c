/* The lowest floor: status, heap, arena, buffer and the Philox generator. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/busy.h"
#include "core/cpu_level.h"
#include "core/log.h"
#include "core/rng.h"

#include <math.h>

/* ---- status ---- */

static void status_in_words(void **state)
{
    (void)state;
#define X(code, value, exit_code, text)                                                            \
    assert_string_equal(bl_status_name(code), text);                                               \
    assert_int_equal(bl_status_exit_code(code), exit_code);
    BL_STATUS_LIST(X)
#undef X
    assert_int_equal(bl_status_exit_code((bl_status)-99), 1);
    assert_string_equal(bl_status_name((bl_status)-99), "unknown status");
}

static void messages(void **state)
{
    (void)state;
    bl_error err;
    assert_int_equal(bl_fail(&err, BL_EFORMAT, "%s: tensor %d", "file", 3), BL_EFORMAT);
    assert_int_equal(err.code, BL_EFORMAT);
    assert_string_equal(err.message, "file: tensor 3");
    assert_int_equal(bl_fail(NULL, BL_EIO, "nobody listens"), BL_EIO);
    (void)bl_fail(&err, BL_EFORMAT, "a\nb\033[31m\x7f");
    assert_string_equal(err.message, "a<U+000A>b<U+001B>[31m<U+007F>");
    char long_text[2000];
    memset(long_text, 'y', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    (void)bl_fail(&err, BL_EFORMAT, "%s", long_text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    (void)bl_fail_errno(&err, BL_EIO, 2, "%s", "there");
    assert_string_equal(err.message, "there: No such file or directory");
}

static void keep_line(void *user, bl_log_level level, const char *line)
{
    assert_int_equal(level, BL_LOG_WARNING);
    (void)snprintf(user, 64, "%s", line);
}

static void log_goes_to_the_application(void **state)
{
    (void)state;
    char line[64] = "";
    bl_log(BL_LOG_WARNING, "to nobody");
    bl_log_to(keep_line, line);
    bl_log(BL_LOG_WARNING, "%d of %s", 3, "four");
    assert_string_equal(line, "3 of four");
    bl_log_to(NULL, NULL);
    bl_log(BL_LOG_WARNING, "to nobody again");
    assert_string_equal(line, "3 of four");
}

/* ---- heap ---- */

static void heap_checks_sizes(void **state)
{
    (void)state;
    assert_null(bl_calloc(SIZE_MAX / 2, 3));
    assert_null(bl_alloc_aligned(SIZE_MAX / 8, 16));
    char *block = bl_calloc(3, 5);
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(block[i], 0);
    assert_null(bl_realloc(block, SIZE_MAX, 2)); /* the old block stays */
    block[14] = 'x';
    block = bl_realloc(block, 300, 5);
    assert_int_equal(block[14], 'x');
    bl_free(block);
    for (size_t n = 0; n < 200; n += 67) {
        void *aligned = bl_alloc_aligned(n, 1);
        assert_int_equal((uintptr_t)aligned % 64, 0);
        bl_free(aligned);
    }
    bl_free(bl_calloc(0, 8));
    bl_free(NULL);
}

static void arrays_grow(void **state)
{
    (void)state;
    uint32_t *values = NULL;
    size_t cap = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_ok(bl_grow(&values, &cap, i + 1, sizeof *values, &failure));
        values[i] = i;
    }
    assert_true(cap >= 1000 && cap <= 2048);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(values[i], i);
    assert_int_equal(bl_grow(&values, &cap, SIZE_MAX / 2, sizeof *values, &failure), BL_ENOMEM);
    assert_int_equal(values[999], 999);
    bl_free(values);
}

/* ---- arena ---- */

/* One plan for both passes, as users write it. */
static void plan(bl_arena *a, float **x, double **y, char **scratch_row)
{
    *x = bl_arena_push(a, 10, sizeof **x);
    size_t mark = bl_arena_mark(a);
    *scratch_row = bl_arena_push(a, 1000, 1);
    bl_arena_rewind(a, mark);
    *y = bl_arena_push(a, 3, sizeof **y);
}

static void arena_measures_then_binds(void **state)
{
    (void)state;
    float *x;
    double *y;
    char *row;
    bl_arena a;
    bl_arena_measure(&a);
    plan(&a, &x, &y, &row);
    assert_null(x);
    assert_null(y);
    assert_ok(bl_arena_status(&a, "rows", &failure));
    size_t bytes = bl_arena_bytes(&a);
    assert_int_equal(bytes, 64 + 1024);
    char *block = bl_alloc_aligned(bytes, 1);
    bl_arena_bind(&a, block, bytes);
    plan(&a, &x, &y, &row);
    assert_ok(bl_arena_status(&a, "rows", &failure));
    assert_ptr_equal(x, block);
    assert_ptr_equal(row, block + 64);
    assert_ptr_equal(y, block + 64);
    assert_int_equal(bl_arena_bytes(&a), bytes);
    for (int i = 0; i < 3; i++)
        y[i] = i;
    bl_free(block);
}

static void arena_overflow_is_sticky(void **state)
{
    (void)state;
    bl_arena a;
    char *block = bl_alloc_aligned(128, 1);
    bl_arena_bind(&a, block, 128);
    assert_ptr_equal(bl_arena_push(&a, 64, 1), block);
    assert_null(bl_arena_push(&a, 65, 1));
    assert_null(bl_arena_push(&a, 1, 1)); /* would fit, but the plan is broken */
    assert_int_equal(bl_arena_status(&a, "rows", &failure), BL_ENOMEM);
    assert_non_null(strstr(failure.message, "rows"));
    bl_arena_bind(&a, block, 127); /* rounding up to the alignment counts too */
    assert_non_null(bl_arena_push(&a, 1, 1));
    assert_null(bl_arena_push(&a, 63, 1));
    bl_free(block);
    bl_arena_measure(&a);
    assert_null(bl_arena_push(&a, SIZE_MAX / 2, 4));
    assert_int_equal(bl_arena_status(&a, "rows", &failure), BL_ENOMEM);
}

/* ---- buffer ---- */

static void buffers_compose(void **state)
{
    (void)state;
    bl_buf b;
    bl_buf_init(&b);
    bl_buf_puts(&b, "");
    assert_string_equal(b.data, "");
    for (int i = 0; i < 500; i++)
        bl_buf_printf(&b, "%d,", i);
    bl_buf_append(&b, "a\0b", 3);
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 400 * 4 + 3);
    assert_memory_equal(b.data + b.len - 7, "499,a\0b", 7);
    char *room = bl_buf_reserve(&b, 5);
    memcpy(room, "12345", 5);
    b.len += 5;
    bl_buf_puts(&b, "!");
    assert_string_equal(b.data + b.len - 6, "12345!");
    assert_ok(bl_buf_status(&b, &failure));
    bl_buf_clear(&b);
    assert_int_equal(b.len, 0);
    bl_buf_puts(&b, "kept");
    assert_null(bl_buf_reserve(&b, SIZE_MAX));
    bl_buf_puts(&b, "lost");
    assert_string_equal(b.data, "kept");
    assert_int_equal(bl_buf_status(&b, &failure), BL_ENOMEM);
    bl_buf_release(&b);
    bl_buf_release(&b);
}

/* ---- random numbers ---- */

/* The known answers that come with Random123 (kat_vectors, philox4x32 10). */
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint64_t key, high, low; /* counter words 2-3 and 0-1 */
        uint32_t out[4];
    } answers[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x0370734413198a2e,
         0x85a308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint32_t out[4];
        bl_philox(answers[i].key, answers[i].high, answers[i].low, out);
        assert_memory_equal(out, answers[i].out, sizeof out);
    }
}

static void draws_are_in_range(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    double sum = 0, normal_sum = 0, normal_squares = 0;
    size_t counts[7] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        float u = bl_rng_uniform(1, BL_RNG_INIT, i);
        assert_true(u >= 0 && u < 1);
        sum += u;
        uint64_t below = bl_rng_below(1, BL_RNG_SHUFFLE, i, 7);
        assert_true(below < 7);
        counts[below]++;
        assert_true(bl_rng_below(1, BL_RNG_SHUFFLE, i, (uint64_t)1 << 40) < (uint64_t)1 << 40);
        assert_int_equal(bl_rng_below(1, BL_RNG_SHUFFLE, i, 1), 0);
        float n = bl_rng_normal(1, BL_RNG_INIT, i);
        assert_true(isfinite(n) && fabsf(n) < 7);
        normal_sum += n;
        normal_squares += (double)n * n;
    }
    /* Five standard errors of each mean. */
    assert_true(fabs(sum / DRAWS - 0.5) < 5 * 0.2887 / sqrt(DRAWS));
    assert_true(fabs(normal_sum / DRAWS) < 5 / sqrt(DRAWS));
    assert_true(fabs(normal_squares / DRAWS - 1) < 5 * sqrt(2.0 / DRAWS));
    for (size_t i = 0; i < 7; i++)
        assert_true(fabs((double)counts[i] - DRAWS / 7.0) < 5 * sqrt(DRAWS / 7.0));
    assert_true(bl_rng_uniform(1, BL_RNG_INIT, 5) != bl_rng_uniform(2, BL_RNG_INIT, 5));
    assert_true(bl_rng_uniform(1, BL_RNG_INIT, 5) != bl_rng_uniform(1, BL_RNG_SPLIT, 5));
}

/* ---- processor ---- */

static void cpu_levels(void **state)
{
    (void)state;
#if defined(__aarch64__)
    static const char *const names[] = {"c", "neon", "dotprod", "i8mm"};
#else
    static const char *const names[] = {"c", "avx2", "avx512", "amx"};
#endif
    for (int i = 0; i < BL_CPU_LEVELS; i++)
        assert_string_equal(bl_cpu_level_name((bl_cpu_level)i), names[i]);
    bl_cpu_level level;
    assert_int_equal(setenv("BITLLAMA_CPU", "c", 1), 0);
    assert_ok(bl_cpu_choose(&level, &failure));
    assert_int_equal(level, BL_CPU_C);
    assert_int_equal(setenv("BITLLAMA_CPU", "sse9", 1), 0);
    assert_int_equal(bl_cpu_choose(&level, &failure), BL_EINVAL);
    assert_non_null(strstr(failure.message, "sse9"));
    assert_int_equal(unsetenv("BITLLAMA_CPU"), 0);
    assert_ok(bl_cpu_choose(&level, &failure));
    assert_int_equal(level, bl_cpu_best());
}

/* Readers share a handle, one that changes it has it alone, and the last to leave frees it. */
static void handles_at_work(void **state)
{
    (void)state;
    bl_busy b = {0};
    assert_ok(bl_busy_share(&b, "it", "read", &failure));
    assert_ok(bl_busy_share(&b, "it", "read", &failure));
    assert_int_equal(bl_busy_enter(&b, "it", "write", &failure), BL_EBUSY);
    assert_int_equal(bl_busy_close(&b), 0);
    assert_int_equal(bl_busy_share(&b, "it", "read", &failure), BL_EBUSY); /* it is closing */
    assert_int_equal(bl_busy_unshare(&b), 0);
    assert_int_equal(bl_busy_unshare(&b), 1); /* who gets 1 closes it, which must be possible */
    assert_int_equal(bl_busy_close(&b), 1);
    assert_ok(bl_busy_enter(&b, "it", "write", &failure));
    assert_int_equal(bl_busy_share(&b, "it", "read", &failure), BL_EBUSY);
    assert_int_equal(bl_busy_closing(&b), 0);
    assert_int_equal(bl_busy_close(&b), 0);
    assert_int_equal(bl_busy_closing(&b), 1);
    assert_int_equal(bl_busy_leave(&b), 1);
    assert_int_equal(bl_busy_close(&b), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_in_words),
        cmocka_unit_test(messages),
        cmocka_unit_test(log_goes_to_the_application),
        cmocka_unit_test(heap_checks_sizes),
        cmocka_unit_test(arrays_grow),
        cmocka_unit_test(arena_measures_then_binds),
        cmocka_unit_test(arena_overflow_is_sticky),
        cmocka_unit_test(buffers_compose),
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(draws_are_in_range),
        cmocka_unit_test(cpu_levels),
        cmocka_unit_test(handles_at_work),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
