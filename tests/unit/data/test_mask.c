/* Mask files: bits as written, what is damaged, targets; windows that keep conversations whole; a
 * walk that counts every answer once. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/file.h"
#include "data/walk.h"

#include "core/rng.h"

enum { END = 0, MOST = 5000 };

static int32_t ids[MOST];
static unsigned char counts[MOST];
static size_t count;

static bl_mask *write_mask(const char *name, size_t tokens)
{
    bl_mask_out *out;
    bl_mask *m;
    char hash[BL_HASH_TEXT];
    uint64_t counted, sum = 0;
    assert_ok(bl_mask_create(&out, scratch(name), &failure));
    for (size_t at = 0, n; at < tokens; at += n) { /* in pieces of any length */
        n = 1 + at % 7 < tokens - at ? 1 + at % 7 : tokens - at;
        bl_mask_write(out, counts + at, n);
    }
    assert_ok(bl_mask_verify(out, hash, &counted, &failure));
    assert_ok(bl_mask_commit(out, &failure));
    for (size_t i = 0; i < tokens; i++)
        sum += counts[i];
    assert_int_equal(counted, sum);
    assert_ok(bl_mask_open(&m, scratch(name), tokens, &failure));
    assert_string_equal(bl_mask_hash(m), hash);
    assert_int_equal(bl_mask_counted(m), sum);
    assert_int_equal(bl_mask_bytes(m), (tokens + 7) / 8);
    return m;
}

static void bits(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 9, 64, 4095, 4096, 4999};
    for (size_t i = 0; i < MOST; i++)
        counts[i] = bl_rng_below(1, 2, i, 3) == 0;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        unsigned char got[MOST];
        bl_mask *m = write_mask("bits.mask", sizes[k]);
        for (size_t first = 0; first < sizes[k]; first += 1 + first / 3) {
            size_t n = sizes[k] - first;
            assert_ok(bl_mask_get(m, first, n, got, &failure));
            assert_memory_equal(got, counts + first, n);
            assert_ok(bl_mask_get(m, first, n < 9 ? n : 9, got, &failure));
            assert_memory_equal(got, counts + first, n < 9 ? n : 9);
        }
        bl_mask_close(m);
    }
    /* the order of the bits: tokens 0, 2 and 8 of 9 */
    bl_map map;
    memset(counts, 0, sizeof counts);
    counts[0] = counts[2] = counts[8] = 1;
    bl_mask_close(write_mask("order.mask", 9));
    assert_ok(bl_map_open(&map, scratch("order.mask"), &failure));
    assert_int_equal(map.size, 2);
    assert_int_equal(map.data[0], 5);
    assert_int_equal(map.data[1], 1);
    bl_map_close(&map);
}

static void damaged(void **state)
{
    (void)state;
    bl_mask *m;
    scratch_write(scratch("bad.mask"), "\5\2", 2);
    assert_int_equal(bl_mask_open(&m, scratch("bad.mask"), 9, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "bits after that of the last token"));
    assert_null(m);
    assert_int_equal(bl_mask_open(&m, scratch("bad.mask"), 17, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "2 bytes, for 17 tokens it has 3"));
    assert_int_equal(bl_mask_open(&m, scratch("bad.mask"), 8, &failure), BL_EFORMAT);
    assert_ok(bl_mask_open(&m, scratch("bad.mask"), 10, &failure));
    assert_ok(bl_mask_still(m, &failure));
    scratch_write(scratch("bad.mask"), "\5", 1);
    assert_int_equal(bl_mask_still(m, &failure), BL_EIO);
    bl_mask_close(m);
    assert_int_equal(bl_mask_open(&m, scratch("none.mask"), 10, &failure), BL_ENOENT);
}

/* ---- conversations ---- */

/* A token: twice its place and 1 when it is of an answer, but END ends a conversation. */
static void add(int answer)
{
    ids[count] = 2 * (int32_t)(count + 1) + answer;
    counts[count++] = (unsigned char)answer;
}

static void add_end(void)
{
    ids[count] = END;
    counts[count++] = 0;
}

/* Conversations of questions and answers of these lengths at most. */
static void make(size_t conversations, size_t turns, size_t longest, uint64_t seed)
{
    count = 0;
    for (size_t i = 0; i < conversations; i++) {
        size_t n = 1 + bl_rng_below(seed, 1, i, turns);
        for (size_t t = 0; t < n; t++) {
            for (size_t k = bl_rng_below(seed, 2, 97 * i + t, longest) + 1; k > 0; k--)
                add(0);
            for (size_t k = bl_rng_below(seed, 3, 97 * i + t, longest) + 1; k > 0; k--)
                add(1);
            add(0); /* the line end after it */
        }
        add_end();
    }
    assert_true(count <= MOST);
}

static bl_token_file *open_talks(void)
{
    bl_token_file_out *out;
    bl_token_file *t;
    char hash[33];
    assert_ok(bl_token_file_create(&out, scratch("talk.bin"), 2, &failure));
    bl_token_file_write(out, ids, count);
    assert_ok(bl_token_file_verify(out, hash, &failure));
    assert_ok(bl_token_file_commit(out, &failure));
    assert_ok(bl_token_file_open(&t, scratch("talk.bin"), 2, 65536, &failure));
    bl_token_file_set_mask(t, write_mask("talk.mask", count));
    return t;
}

static void targets(void **state)
{
    (void)state;
    int32_t x[10], y[10];
    make(3, 2, 5, 1);
    bl_token_file *t = open_talks();
    for (size_t first = 0; first + 10 < count; first++) {
        assert_ok(bl_window_get(t, first, 10, x, y, &failure));
        for (size_t i = 0; i < 10; i++) {
            assert_int_equal(x[i], ids[first + i]);
            assert_int_equal(y[i], counts[first + i + 1] ? ids[first + i + 1] : -1);
        }
    }
    bl_token_file_close(t);
}

/* Where the conversation of token i begins (its first token) and ends (its END). */
static size_t begins(size_t i)
{
    while (i > 0 && ids[i - 1] != END)
        i--;
    return i;
}

static size_t ends(size_t i)
{
    while (ids[i] != END)
        i++;
    return i;
}

/* The rule, read off the page: the conversation if it fits, else the question before an answer if
 * both fit, else where it fell. */
static size_t expected(size_t start, size_t T)
{
    size_t before = begins(start + (ids[start] == END)), from = before ? before - 1 : 0;
    if (ids[start] == END || ends(start) <= from + T)
        return ids[start] == END ? start : from;
    if (!counts[start])
        return start;
    size_t last = start, first = start;
    while (counts[last])
        last++;
    while (counts[first - 1])
        first--;
    while (first > from && !counts[first - 1])
        first--;
    return last - first <= T ? first : start;
}

static void placed(void **state)
{
    (void)state;
    size_t inside = 0, moved = 0;
    for (size_t T = 4; T < 64; T += T / 3 + 1) {
        make(40, 4, 12, T);
        bl_token_file *t = open_talks();
        bl_loader *l;
        assert_ok(bl_loader_open(&l, t, 1, T, 0, &failure));
        bl_loader_documents(l, END);
        for (size_t start = 0; start + T < count; start++) {
            size_t place = start;
            assert_ok(bl_loader_place(l, &place, &failure));
            if (place != expected(start, T))
                fail_msg("window of %zu at %zu begins at %zu, expected %zu", T, start, place,
                         expected(start, T));
            inside += counts[place];
            moved += place < start;
            if (counts[place]) { /* only in an answer that does not fit with its question */
                assert_int_equal(place, start);
                assert_true(ends(start) > (begins(start) ? begins(start) - 1 : 0) + T);
            }
        }
        bl_loader_close(l);
        bl_token_file_close(t);
    }
    assert_true(moved > 1000 && inside > 0);
}

static void walked(void **state)
{
    (void)state;
    for (size_t T = 3; T < 90; T += T / 2) {
        static unsigned seen[MOST];
        int32_t x[128], y[128];
        bl_walk w;
        make(30, 3, 10, T);
        memset(seen, 0, sizeof seen);
        bl_token_file *t = open_talks();
        assert_ok(bl_walk_open(&w, t, T, END, &failure));
        size_t windows = 0;
        for (; !bl_walk_over(&w); windows++) {
            assert_true(windows < count);
            assert_ok(bl_walk_next(&w, x, y, &failure));
            size_t start = w.done - T;
            for (size_t i = 0; i < T; i++) {
                assert_int_equal(x[i], ids[start + i]);
                if (y[i] >= 0)
                    assert_int_equal(y[i], ids[start + 1 + i]);
                seen[start + 1 + i] += y[i] >= 0;
            }
        }
        for (size_t i = 0; i < count; i++)
            assert_int_equal(seen[i], counts[i]);
        bl_walk_close(&w);
        bl_token_file_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits),   cmocka_unit_test(damaged), cmocka_unit_test(targets),
        cmocka_unit_test(placed), cmocka_unit_test(walked),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
