/* The training loader: every window once an epoch, and a cursor that is the whole state. */
#include "scratch.h"

#include "core/alloc.h"
#include "data/loader.h"

/* A token file 0, 1, 2, ... so that a token says where it is. */
static bl_token_file *counting_file(size_t count)
{
    int32_t *ids = bl_calloc(count, sizeof *ids);
    bl_token_file_out *out;
    bl_token_file *t;
    assert_non_null(ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)i;
    const char *path = scratch("counting.bin");
    assert_ok(bl_token_file_create(&out, path, 4, &failure));
    bl_token_file_write(out, ids, count);
    assert_ok(bl_token_file_commit(out, &failure));
    bl_free(ids);
    assert_ok(bl_token_file_open(&t, path, 4, count ? count : 1, &failure));
    return t;
}

static void every_window_once(void **state)
{
    (void)state;
    enum { T = 7, EPOCHS = 3 };
    static const size_t counts[] = {8, 9, 14, 15, 16, 22, 23, 50, 100, 1000, 5003};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        bl_token_file *t = counting_file(counts[c]);
        bl_loader *l;
        assert_ok(bl_loader_open(&l, t, 1, T, 11, &failure));
        size_t windows = bl_loader_windows(l);
        size_t full = (counts[c] - 1 - T) / T;
        assert_int_equal(windows, full ? full : 1);
        unsigned char *seen = bl_calloc(windows, 1);
        for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
            size_t offset = bl_loader_start(l, epoch, 0) % T;
            memset(seen, 0, windows);
            for (uint64_t position = 0; position < windows; position++) {
                assert_true(bl_loader_at(l).epoch == epoch);
                assert_true(bl_loader_at(l).position == position);
                int32_t x[T], y[T];
                assert_ok(bl_loader_next(l, x, y, &failure));
                assert_int_equal(x[0], bl_loader_start(l, epoch, position));
                for (int32_t i = 0; i < T; i++) {
                    assert_int_equal(x[i], x[0] + i);
                    assert_int_equal(y[i], x[0] + i + 1);
                }
                assert_true((size_t)y[T - 1] < counts[c]);
                assert_int_equal((size_t)x[0] % T, offset);
                size_t window = ((size_t)x[0] - (full ? offset : (size_t)x[0])) / T;
                assert_true(window < windows && !seen[window]);
                seen[window] = 1;
            }
        }
        bl_free(seen);
        bl_loader_close(l);
        bl_token_file_close(t);
    }
    bl_loader_close(NULL);
}

/* Order and offset change from epoch to epoch and from seed to seed. */
static void order_changes(void **state)
{
    (void)state;
    enum { COUNT = 4000, T = 8 };
    bl_token_file *t = counting_file(COUNT);
    bl_loader *a, *b;
    assert_ok(bl_loader_open(&a, t, 1, T, 1, &failure));
    assert_ok(bl_loader_open(&b, t, 1, T, 2, &failure));
    size_t epochs_same = 0, seeds_same = 0, ascending = 0, offsets = 0;
    size_t windows = bl_loader_windows(a);
    for (uint64_t i = 0; i < windows; i++) {
        size_t first = bl_loader_start(a, 0, i) / T;
        epochs_same += first == bl_loader_start(a, 1, i) / T;
        seeds_same += first == bl_loader_start(b, 0, i) / T;
        ascending += i && first > bl_loader_start(a, 0, i - 1) / T;
    }
    assert_true(epochs_same < 10 && seeds_same < 10);
    assert_true(ascending > windows * 4 / 10 && ascending < windows * 6 / 10);
    unsigned char seen[T] = {0};
    for (uint64_t epoch = 0; epoch < 200; epoch++) {
        size_t offset = bl_loader_start(a, epoch, 0) % T;
        offsets += !seen[offset];
        seen[offset] = 1;
    }
    assert_int_equal(offsets, T);
    bl_loader_close(a);
    bl_loader_close(b);
    bl_token_file_close(t);
}

static void seek_is_straight_run(void **state)
{
    (void)state;
    enum { B = 3, T = 5, BATCHES = 40, N = B * T };
    bl_token_file *t = counting_file(93); /* 17 windows: batches cross the ends of epochs */
    bl_loader *straight, *resumed;
    bl_loader_cursor at[BATCHES];
    int32_t x[BATCHES][N], y[BATCHES][N], x2[N], y2[N];
    assert_ok(bl_loader_open(&straight, t, B, T, 5, &failure));
    for (size_t i = 0; i < BATCHES; i++) {
        at[i] = bl_loader_at(straight);
        assert_ok(bl_loader_next(straight, x[i], y[i], &failure));
    }
    for (size_t from = 0; from < BATCHES; from += 7) {
        assert_ok(bl_loader_open(&resumed, t, B, T, 5, &failure));
        assert_ok(bl_loader_seek(resumed, at[from], &failure));
        for (size_t i = from; i < BATCHES; i++) {
            assert_ok(bl_loader_next(resumed, x2, y2, &failure));
            assert_memory_equal(x[i], x2, sizeof x2);
            assert_memory_equal(y[i], y2, sizeof y2);
        }
        bl_loader_close(resumed);
    }
    assert_true(at[BATCHES - 1].epoch == (BATCHES - 1) * B / 17);
    bl_loader_cursor past = {.epoch = 0, .position = 17};
    assert_int_equal(bl_loader_seek(straight, past, &failure), BL_EFORMAT);
    bl_loader_close(straight);
    bl_token_file_close(t);
}

/* Fewer windows than a batch holds: the batch goes through several epochs. */
static void tiny_file_wraps(void **state)
{
    (void)state;
    enum { B = 10, T = 4 };
    bl_token_file *t = counting_file(T + 1);
    bl_loader *l;
    int32_t x[B * T], y[B * T];
    assert_ok(bl_loader_open(&l, t, B, T, 0, &failure));
    assert_ok(bl_loader_next(l, x, y, &failure));
    assert_true(bl_loader_at(l).epoch == B && bl_loader_at(l).position == 0);
    for (int32_t i = 0; i < B * T; i++) {
        assert_int_equal(x[i], i % T);
        assert_int_equal(y[i], i % T + 1);
    }
    bl_loader_close(l);
    bl_token_file_close(t);
}

static void too_small(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 4};
    for (size_t i = 0; i < 3; i++) {
        bl_token_file *t = counting_file(counts[i]);
        bl_loader *l;
        assert_int_equal(bl_loader_open(&l, t, 1, 4, 0, &failure), BL_EFORMAT);
        assert_null(l);
        assert_non_null(strstr(failure.message, "too few"));
        assert_int_equal(bl_loader_open(&l, t, 0, 4, 0, &failure), BL_EINVAL);
        assert_int_equal(bl_loader_open(&l, t, 1, 0, 0, &failure), BL_EINVAL);
        assert_int_equal(bl_windows_count(t, 4), 0);
        bl_token_file_close(t);
    }
}

static void sequential_windows(void **state)
{
    (void)state;
    enum { T = 6 };
    bl_token_file *t = counting_file(6 * 4 + 3);
    int32_t x[T], y[T];
    assert_int_equal(bl_windows_count(t, T), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(bl_windows_get(t, T, i, x, y, &failure));
        for (int32_t k = 0; k < T; k++) {
            assert_int_equal(x[k], (int32_t)i * T + k);
            assert_int_equal(y[k], (int32_t)i * T + k + 1);
        }
    }
    bl_token_file_close(t);
    t = counting_file(6 * 4); /* the last window lacks its last target */
    assert_int_equal(bl_windows_count(t, T), 3);
    bl_token_file_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_window_once),
        cmocka_unit_test(order_changes),
        cmocka_unit_test(seek_is_straight_run),
        cmocka_unit_test(tiny_file_wraps),
        cmocka_unit_test(too_small),
        cmocka_unit_test(sequential_windows),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
