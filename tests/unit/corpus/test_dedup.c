/* Duplicates: exact ones across calls, near ones by the true Jaccard index of their shingles, and
 * crowds that must not make the search quadratic. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/buf.h"
#include "core/rng.h"
#include "core/watch.h"
#include "corpus/dedup.h"

#include <math.h>
#include <xxhash.h>

enum { MOST = 4096 };

/* What each document is a copy of, handed over in calls of `step`. */
static void look(double near, size_t threads, const bl_span *doc, size_t count, size_t step,
                 unsigned char copy[MOST])
{
    bl_dedup *d;
    static bl_hash128 hash[MOST];
    for (size_t i = 0; i < count; i++) {
        XXH128_hash_t h = XXH3_128bits(doc[i].text, doc[i].bytes);
        hash[i] = (bl_hash128){h.low64, h.high64};
    }
    assert_ok(bl_dedup_open(&d, near, threads, &failure));
    for (size_t i = 0; i < count; i += step)
        assert_ok(bl_dedup_look(d, doc + i, hash + i, i + step < count ? step : count - i, copy + i,
                                &failure));
    bl_dedup_close(d);
}

static void expect(double near, const char *const *text, const char *want)
{
    bl_span doc[32];
    unsigned char copy[MOST];
    size_t count = strlen(want);
    for (size_t i = 0; i < count; i++)
        doc[i] = (bl_span){text[i], strlen(text[i])};
    for (size_t step = 1; step <= count; step++) {
        look(near, 1, doc, count, step, copy);
        for (size_t i = 0; i < count; i++)
            assert_int_equal("-EN"[copy[i]], want[i]);
    }
}

static void exact_copies(void **state)
{
    (void)state;
    expect(0, (const char *const[]){"a", "b", "a", "A", "a ", "b", "", ""}, "--E--E-E");
}

static void near_copies(void **state)
{
    (void)state;
    /* Case, punctuation and spacing are not part of a word; its characters and their order are. */
    expect(0.8,
           (const char *const[]){
               "The fox, the hen and the dog went home.",
               "the FOX the hen -- and the dog  went home",
               "The fox, the hen and the dog went home.", "The hen, the fox and the dog went home.",
               "short", "Short!", "brief",
               "\xE7\x8B\x90\xE7\x8B\xB8\xE5\x9B\x9E\xE5\xAE\xB6\xE4\xBA\x86",
               "\xE7\x8B\x90 \xE7\x8B\xB8 \xE5\x9B\x9E \xE5\xAE\xB6 \xE4\xBA\x86", "...", "!?"},
           "-NE--N--N-N");
}

/* Two texts of `words` random words that differ in a run of `changed`. */
static void make_pair(uint64_t seed, size_t words, size_t changed, bl_buf text[2])
{
    for (int side = 0; side < 2; side++) {
        bl_buf_clear(&text[side]);
        for (size_t i = 0; i < words; i++) {
            int own = side && i >= words / 2 && i < words / 2 + changed;
            bl_buf_printf(&text[side], "w%llu ",
                          (unsigned long long)bl_rng_below(seed, own ? 7 : 3, i, 1000000000));
        }
    }
}

/* The index of that pair: every shingle that touches the run differs. */
static double jaccard(size_t words, size_t changed)
{
    double shingles = (double)words - 4, touched = changed ? (double)changed + 4 : 0;
    return (shingles - touched) / (shingles + touched);
}

static void estimates(void **state)
{
    (void)state;
    enum { WORDS = 200, TRIES = 200 };
    static uint32_t signature[2][BL_MINHASHES];
    bl_buf text[2] = {{0}, {0}};
    for (size_t changed = 0; changed <= 60; changed += 20) {
        double sum = 0, want = jaccard(WORDS, changed);
        for (uint64_t seed = 0; seed < TRIES; seed++) {
            size_t equal = 0;
            make_pair(seed, WORDS, changed, text);
            for (int side = 0; side < 2; side++) {
                const bl_span d = {text[side].data, text[side].len};
                bl_minhash(&d, signature[side]);
            }
            for (size_t j = 0; j < BL_MINHASHES; j++)
                equal += signature[0][j] == signature[1][j];
            sum += (double)equal / BL_MINHASHES;
        }
        /* Four standard deviations of the mean of TRIES x BL_MINHASHES draws. */
        double bound = 4 * sqrt(want * (1 - want) / (TRIES * BL_MINHASHES));
        if (fabs(sum / TRIES - want) > bound + 1e-12)
            fail_msg("%zu words changed: %.4f, and the index is %.4f", changed, sum / TRIES, want);
    }
    bl_buf_release(&text[0]);
    bl_buf_release(&text[1]);
}

/* Pairs well above the threshold are found, pairs well below are kept. */
static void threshold(void **state)
{
    (void)state;
    enum { WORDS = 200, TRIES = 300 };
    bl_buf text[2] = {{0}, {0}};
    unsigned char copy[MOST];
    size_t found[2] = {0, 0};
    static const size_t changed[2] = {4, 40}; /* indices 0.92 and 0.63 */
    for (int k = 0; k < 2; k++)
        for (uint64_t seed = 0; seed < TRIES; seed++) {
            make_pair(seed, WORDS, changed[k], text);
            const bl_span doc[2] = {{text[0].data, text[0].len}, {text[1].data, text[1].len}};
            look(0.8, 1, doc, 2, 2, copy);
            found[k] += copy[1] == BL_COPY_NEAR;
        }
    assert_true(found[0] >= TRIES * 99 / 100);
    assert_true(found[1] <= TRIES / 100);
    bl_buf_release(&text[0]);
    bl_buf_release(&text[1]);
}

/* Many documents that share half of their words, so that bands crowd; the answer is that of one
 * thread and of any cut into calls. */
static void crowds(void **state)
{
    (void)state;
    static bl_span doc[MOST];
    static unsigned char copy[2][MOST];
    bl_buf all = {0};
    for (size_t i = 0; i < MOST; i++) {
        size_t from = all.len;
        for (size_t k = 0; k < 30; k++)
            bl_buf_puts(&all, "all of them begin like this ");
        for (size_t k = 0; k < 12; k++)
            bl_buf_printf(&all, "w%llu ",
                          (unsigned long long)bl_rng_below(i % (MOST - 8), 1, k, 1000000));
        doc[i].bytes = all.len - from;
    }
    assert_ok(bl_buf_status(&all, &failure));
    for (size_t i = 0, at = 0; i < MOST; at += doc[i++].bytes)
        doc[i].text = all.data + at;
    look(0.9, 1, doc, MOST, MOST, copy[0]);
    look(0.9, 3, doc, MOST, 100, copy[1]);
    assert_memory_equal(copy[0], copy[1], MOST);
    for (size_t i = MOST - 8; i < MOST; i++)
        assert_int_equal(copy[0][i], BL_COPY_EXACT);
    bl_buf_release(&all);
}

static int stop_at_two(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit)
{
    size_t *calls = user;
    assert_true(stage && unit && done <= total);
    return ++*calls == 2;
}

/* A batch of 4 MB listens before it is done: it stops a few parts later. */
static void stops_when_asked(void **state)
{
    (void)state;
    enum { DOCUMENTS = 8, BYTES = 1 << 19 };
    static bl_hash128 hash[DOCUMENTS];
    unsigned char copy[DOCUMENTS];
    bl_span doc[DOCUMENTS];
    char *text = malloc(BYTES + DOCUMENTS);
    assert_non_null(text);
    for (size_t i = 0; i < BYTES + DOCUMENTS; i++)
        text[i] = i % 7 == 6 ? ' ' : (char)('a' + i * i % 23);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        doc[i] = (bl_span){text + i, BYTES};
        hash[i] = (bl_hash128){i + 1, 0};
    }
    bl_dedup *d;
    bl_watch w;
    size_t calls = 0;
    assert_ok(bl_dedup_open(&d, 0.8, 1, &failure));
    bl_watch_begin_with(&w, stop_at_two, &calls, "reading", "B", DOCUMENTS);
    assert_int_equal(bl_dedup_look(d, doc, hash, DOCUMENTS, copy, &failure), BL_EINTERRUPTED);
    bl_watch_end(&w);
    assert_int_equal(calls, 2); /* of 8 */
    bl_dedup_close(d);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_copies), cmocka_unit_test(near_copies),
        cmocka_unit_test(estimates),    cmocka_unit_test(threshold),
        cmocka_unit_test(crowds),       cmocka_unit_test(stops_when_asked),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
