/* Several corpora: whose window is whose, exact places, documents kept whole, batches made ahead,
 * files cut short. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/file.h"
#include "data/batches.h"
#include "data/corpora.h"

#include <math.h>
#include <time.h>

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

enum { B = 4, T = 6, N = B * T };

/* A file of first, first + 1, ...: a token says from which file and where. */
static bl_token_file *numbers(const char *name, int32_t first, size_t count)
{
    int32_t *ids = bl_calloc(count + 1, sizeof *ids);
    bl_out *out;
    bl_token_file *t;
    for (size_t i = 0; i < count; i++)
        ids[i] = first + (int32_t)i;
    assert_ok(bl_out_open(&out, scratch(name), &failure));
    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < 4; k++)
            bl_out_write(out, &(unsigned char){(unsigned char)((uint32_t)ids[i] >> (8 * k))}, 1);
    assert_ok(bl_out_commit(out, &failure));
    bl_free(ids);
    assert_ok(bl_token_file_open(&t, scratch(name), 4, 1 << 24, &failure));
    return t;
}

enum { FILES = 3, FAR = 1000000 };
static bl_token_file *file[FILES];
static const double weight[FILES] = {0.7, 0.2, 0.1};

static void open_files(void)
{
    static const size_t counts[FILES] = {5000, 200, 31};
    static const char *const names[FILES] = {"a.bin", "b.bin", "c.bin"};
    for (int32_t i = 0; i < FILES; i++)
        file[i] = numbers(names[i], i * FAR, counts[i]);
}

static void close_files(void)
{
    for (size_t i = 0; i < FILES; i++)
        bl_token_file_close(file[i]);
}

/* One file in a mix gives the batches of its loader. */
static void one_is_its_loader(void **state)
{
    (void)state;
    int32_t x[N], y[N], x2[N], y2[N];
    const double whole = 1;
    bl_loader *l;
    bl_mix *m;
    open_files();
    assert_ok(bl_loader_open(&l, file[1], B, T, 5, &failure));
    assert_ok(bl_mix_open(&m, &file[1], &whole, 1, B, T, 5, &failure));
    for (size_t i = 0; i < 100; i++) {
        bl_mix_cursor at;
        assert_ok(bl_loader_next(l, x, y, &failure));
        assert_ok(bl_mix_next(m, x2, y2, &failure));
        assert_memory_equal(x, x2, sizeof x);
        assert_memory_equal(y, y2, sizeof y);
        bl_mix_at(m, &at);
        assert_true(at.at[0].epoch == bl_loader_at(l).epoch);
        assert_true(at.at[0].position == bl_loader_at(l).position);
        assert_true(at.windows == (i + 1) * B && at.taken[0] == at.windows);
    }
    bl_mix_close(m);
    bl_loader_close(l);
    close_files();
}

/* Rows that continue read a file without a gap; the others, and all rows when all are fresh, read
 * the windows of bl_mix_next(); a row whose file has no more is drawn again. */
static void rows_go_on(void **state)
{
    (void)state;
    int32_t x[N], y[N], x2[N], y2[N];
    bl_mix_row row[B];
    bl_mix *m, *plain;
    uint64_t redrawn = 0;
    open_files();
    assert_ok(bl_mix_open(&m, file, weight, FILES, B, T, 5, &failure));
    assert_ok(bl_mix_open(&plain, file, weight, FILES, B, T, 5, &failure));
    for (size_t i = 0; i < 20; i++) {
        bl_mix_cursor at, want;
        for (size_t b = 0; b < B; b++)
            row[b].fresh = 1;
        assert_ok(bl_mix_continue(m, row, x, y, &failure));
        assert_ok(bl_mix_next(plain, x2, y2, &failure));
        assert_memory_equal(x, x2, sizeof x);
        assert_memory_equal(y, y2, sizeof y);
        bl_mix_at(m, &at);
        bl_mix_at(plain, &want);
        assert_memory_equal(&at, &want, sizeof at);
    }
    for (size_t b = 0; b < B; b++)
        row[b].fresh = 0;
    for (size_t i = 0; i < 1000; i++) {
        int32_t next[B];
        for (size_t b = 0; b < B; b++)
            next[b] = y[b * T + T - 1];
        if (i % 100 == 50)
            row[2].fresh = 1;
        assert_ok(bl_mix_continue(m, row, x, y, &failure));
        for (size_t b = 0; b < B; b++) {
            int ended = next[b] % FAR + T >= (int32_t)bl_token_file_count(file[next[b] / FAR]);
            assert_true(!row[b].fresh == !(ended || (i % 100 == 50 && b == 2)));
            if (!row[b].fresh)
                assert_int_equal(x[b * T], next[b]);
            redrawn += row[b].fresh != 0;
            row[b].fresh = 0;
            for (size_t t = 0; t + 1 < T; t++)
                assert_true(x[b * T + t + 1] == x[b * T + t] + 1 &&
                            y[b * T + t] == x[b * T + t + 1]);
        }
    }
    assert_true(redrawn > 15); /* ten of them asked for */
    bl_mix_close(plain);
    bl_mix_close(m);
    close_files();
}

/* Over any stretch each file gets its share, within a few windows, and the order is mixed. */
static void shares_are_kept(void **state)
{
    (void)state;
    bl_mix *m;
    open_files();
    assert_ok(bl_mix_open(&m, file, weight, FILES, B, T, 5, &failure));
    double worst = 0;
    for (uint64_t from = 0; from < 1000000; from += 99991) {
        uint64_t taken[FILES] = {0};
        for (uint64_t w = 0; w < 5000; w++) {
            taken[bl_mix_corpus(m, from + w)]++;
            for (size_t i = 0; i < FILES; i++) {
                double away = (double)taken[i] - weight[i] * (double)(w + 1);
                worst = away > worst ? away : -away > worst ? -away : worst;
            }
        }
    }
    print_message("largest distance from the share: %.2f windows in 5,000\n", worst);
    assert_true(worst < 4);
    bl_mix_close(m);
    close_files();
}

/* Each file is walked without replacement: in an epoch, the windows that its own loader gives. */
static void each_walks_alone(void **state)
{
    (void)state;
    bl_mix *m;
    bl_loader *alone[FILES];
    int32_t x[N], y[N], x1[T], y1[T];
    open_files();
    assert_ok(bl_mix_open(&m, file, weight, FILES, B, T, 9, &failure));
    for (size_t i = 0; i < FILES; i++)
        assert_ok(bl_loader_open(&alone[i], file[i], 1, T, 9, &failure));
    for (size_t batch = 0; batch < 500; batch++) {
        assert_ok(bl_mix_next(m, x, y, &failure));
        for (size_t b = 0; b < B; b++) {
            size_t i = (size_t)(x[b * T] / FAR);
            assert_int_equal(i, bl_mix_corpus(m, batch * B + b));
            assert_ok(bl_loader_next(alone[i], x1, y1, &failure));
            assert_memory_equal(x1, x + b * T, sizeof x1);
            assert_memory_equal(y1, y + b * T, sizeof y1);
        }
    }
    bl_mix_cursor at;
    bl_mix_at(m, &at);
    for (size_t i = 0; i < FILES; i++) {
        assert_true(at.at[i].epoch == bl_loader_at(alone[i]).epoch);
        assert_true(at.at[i].position == bl_loader_at(alone[i]).position);
        bl_loader_close(alone[i]);
    }
    assert_true(at.at[2].epoch > 5); /* the small file went round */
    bl_mix_close(m);
    close_files();
}

/* ---- documents kept whole ---- */

/* A file of documents of these lengths, each with the id `end` as its last token but, when it is
 * cut, the last.  The other tokens are first, first + 1, ... as in numbers(). */
static bl_token_file *documents(const char *name, int32_t first, int32_t end, const size_t *length,
                                size_t count, int cut)
{
    bl_token_file_out *out;
    bl_token_file *t;
    int32_t place = first;
    assert_ok(bl_token_file_create(&out, scratch(name), 4, &failure));
    for (size_t d = 0; d < count; d++) {
        for (size_t i = 0; i < length[d]; i++, place++)
            bl_token_file_write(out, i + 1 < length[d] || (cut && d + 1 == count) ? &place : &end,
                                1);
    }
    assert_ok(bl_token_file_commit(out, &failure));
    assert_ok(bl_token_file_open(&t, scratch(name), 4, 1 << 24, &failure));
    return t;
}

enum { END = FAR - 1, KINDS = 4 }; /* what became of a window: */
enum { MOVED, WAS_THERE, TOO_LONG, LAST };

/* Where a window that would begin at `start` belongs: with the end in front of its document (of the
 * first: with itself) if that and the document are at most T + 1 tokens. */
static size_t belongs(const size_t *length, size_t count, size_t start, size_t window, int *kind)
{
    size_t lead = 0, last = length[0] - 1, d = 0;
    while (start >= last && d + 1 < count) {
        lead = last;
        last += length[++d];
    }
    *kind = d + 1 == count         ? LAST
            : last - lead > window ? TOO_LONG
            : lead < start         ? MOVED
                                   : WAS_THERE;
    return last - lead > window ? start : lead;
}

static void check_places(const size_t *length, size_t count, size_t window, int cut,
                         size_t kinds[KINDS])
{
    int32_t *x = bl_calloc(window, sizeof *x), *y = bl_calloc(window, sizeof *y);
    bl_token_file *t = documents("documents.bin", 0, END, length, count, cut);
    bl_loader *l;
    assert_ok(bl_loader_open(&l, t, 1, window, 3, &failure));
    bl_loader_documents(l, END);
    for (size_t i = 0; i < 40 * bl_loader_windows(l); i++) {
        int kind;
        bl_loader_cursor at = bl_loader_at(l);
        size_t drawn = bl_loader_start(l, at.epoch, at.position);
        size_t start = belongs(length, count, drawn, window, &kind);
        assert_true(kind != LAST || start == drawn);
        kinds[kind]++;
        assert_ok(bl_loader_next(l, x, y, &failure));
        int whole = 0;
        for (size_t k = 0; k < window; k++) {
            assert_true(x[k] == END || x[k] == (int32_t)(start + k));
            assert_true(y[k] == END || y[k] == (int32_t)(start + k + 1));
            whole |= y[k] == END;
        }
        if (kind == MOVED)
            assert_true(whole && (start == 0 || x[0] == END));
    }
    bl_loader_close(l);
    bl_token_file_close(t);
    bl_free(x);
    bl_free(y);
}

static void documents_stay_whole(void **state)
{
    (void)state;
    static const size_t length[] = {5, 6, 7, 1, 3, 20, 2, 6, 6, 1, 1, 9, 4, 7, 5, 8, 6, 12};
    static const size_t large[] = {1499, 3, 1500, 1501, 4000, 1400, 1500, 20, 1025, 3000};
    static const size_t windows[] = {1, 2, 5, 6, 7, 8, 30};
    enum { SMALL = sizeof length / sizeof *length, LARGE = sizeof large / sizeof *large };
    size_t kinds[KINDS] = {0};
    for (size_t first = 0; first < SMALL - 3; first++) /* each kind of document is the first */
        for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
            for (int cut = 0; cut < 2; cut++)
                check_places(length + first, SMALL - first, windows[w], cut, kinds);
    check_places(large, LARGE, 1500, 0, kinds); /* in more than one piece */
    print_message("%zu moved, %zu were there, %zu in a long document, %zu in the last\n",
                  kinds[MOVED], kinds[WAS_THERE], kinds[TOO_LONG], kinds[LAST]);
    assert_true(kinds[MOVED] > 1000 && kinds[WAS_THERE] > 500 && kinds[TOO_LONG] > 1000 &&
                kinds[LAST] > 50);
}

/* Three files, each with an end of its own; in the last it never occurs. */
static void open_documents(void)
{
    static const size_t a[] = {5, 4, 6, 30, 2, 5, 5, 3, 60, 6, 6, 1, 2, 12, 6, 5, 4, 7},
                        b[] = {3, 3, 4, 6, 5, 8, 6, 2, 1, 9};
    file[0] = documents("a.bin", 0, END, a, sizeof a / sizeof *a, 0);
    file[1] = documents("b.bin", FAR, FAR + END, b, sizeof b / sizeof *b, 0);
    file[2] = numbers("c.bin", 2 * FAR, 100);
}

static bl_mix *open_mix(int whole)
{
    bl_mix *m;
    assert_ok(bl_mix_open(&m, file, weight, FILES, B, T, 3, &failure));
    for (int32_t i = 0; whole && i < FILES; i++)
        bl_mix_documents(m, (size_t)i, i * FAR + END);
    return m;
}

static void each_its_own_end(void **state)
{
    (void)state;
    int32_t x[N], y[N], x2[N], y2[N], x3[N], y3[N];
    size_t moved[FILES] = {0};
    open_documents();
    bl_mix *m = open_mix(1), *other = open_mix(0), *plain = open_mix(0);
    for (size_t i = 0; i < FILES; i++)
        bl_mix_documents(other, i, END - 1); /* no document ends with it */
    for (size_t i = 0; i < 300; i++) {
        assert_ok(bl_mix_next(m, x, y, &failure));
        assert_ok(bl_mix_next(plain, x2, y2, &failure));
        assert_ok(bl_mix_next(other, x3, y3, &failure));
        assert_memory_equal(x2, x3, sizeof x2);
        assert_memory_equal(y2, y3, sizeof y2);
        for (size_t b = 0; b < N; b += T) {
            int32_t corpus = x2[b] / FAR;
            assert_int_equal(x[b] / FAR, corpus);
            if (x[b] != x2[b]) {
                assert_true(x[b] == corpus * FAR + END || x[b] == corpus * FAR);
                moved[corpus]++;
            }
        }
    }
    assert_true(moved[0] > 100 && moved[1] > 50 && !moved[2]);
    bl_mix_close(other);
    bl_mix_close(plain);
    bl_mix_close(m);
    close_files();
}

/* Rows that start fresh are the windows of bl_mix_next(); those that continue are not moved. */
static void fresh_rows_keep_documents(void **state)
{
    (void)state;
    int32_t x[N], y[N], x2[N], y2[N];
    bl_mix_row row[B];
    size_t went_on = 0;
    open_documents();
    bl_mix *m = open_mix(1), *same = open_mix(1);
    for (size_t i = 0; i < 100; i++) {
        for (size_t b = 0; b < B; b++)
            row[b].fresh = 1;
        assert_ok(bl_mix_continue(m, row, x, y, &failure));
        assert_ok(bl_mix_next(same, x2, y2, &failure));
        assert_memory_equal(x, x2, sizeof x);
        assert_memory_equal(y, y2, sizeof y);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t b = 0; b < B; b++)
            row[b].fresh = 0;
        memcpy(y2, y, sizeof y);
        assert_ok(bl_mix_continue(m, row, x, y, &failure));
        for (size_t b = 0; b < B; b++) {
            if (!row[b].fresh)
                assert_int_equal(x[b * T], y2[b * T + T - 1]);
            went_on += !row[b].fresh;
        }
    }
    assert_true(went_on > 900);
    bl_mix_close(same);
    bl_mix_close(m);
    close_files();
}

enum { BATCHES = 60 };
static const bl_turns all_turns = {0, 1, 1};
static int32_t want[BATCHES][2][N];
static bl_mix_cursor places[BATCHES + 1];

static void straight(int whole)
{
    bl_mix *m = open_mix(whole);
    for (size_t i = 0; i < BATCHES; i++) {
        bl_mix_at(m, &places[i]);
        assert_ok(bl_mix_next(m, want[i][0], want[i][1], &failure));
    }
    bl_mix_at(m, &places[BATCHES]);
    bl_mix_close(m);
}

static void same_batches(int whole, int ahead, int scattered)
{
    bl_mix *m = open_mix(whole);
    bl_batches *b;
    int32_t x[N], y[N];
    bl_mix_cursor at;
    for (size_t i = 0; scattered && i < FILES; i++)
        bl_token_file_scattered(file[i]);
    assert_ok(bl_batches_open(&b, m, N, all_turns, ahead, &failure));
    for (size_t from = 0; from < BATCHES; from += 13) {
        assert_ok(bl_batches_seek(b, &places[from], &failure));
        for (size_t i = from; i < BATCHES; i++) {
            bl_batches_at(b, &at);
            assert_memory_equal(&at, &places[i], sizeof at);
            if (i % 16 == 0)
                pause_ms(2);
            assert_ok(bl_batches_next(b, x, y, &failure));
            assert_memory_equal(x, want[i][0], sizeof x);
            assert_memory_equal(y, want[i][1], sizeof y);
        }
    }
    /* An impossible place leaves everything as it was. */
    assert_ok(bl_batches_seek(b, &places[7], &failure));
    bl_mix_cursor past = places[3];
    past.at[1].position = UINT64_MAX;
    assert_int_equal(bl_batches_seek(b, &past, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "b.bin"));
    bl_batches_at(b, &at);
    assert_memory_equal(&at, &places[7], sizeof at);
    assert_ok(bl_batches_next(b, x, y, &failure));
    assert_memory_equal(x, want[7][0], sizeof x);
    bl_batches_close(b);
    bl_mix_close(m);
}

/* With and without a thread, from any place, at once and when the consumer is slow: the same, and
 * the place never counts what was only made ahead. */
static void ahead_is_the_same(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        if (whole)
            open_documents();
        else
            open_files();
        straight(whole);
        for (int ahead = 0; ahead < 2; ahead++)
            for (int scattered = 0; scattered < 2; scattered++)
                same_batches(whole, ahead, scattered);
        close_files();
    }
    bl_batches_close(NULL);
    bl_mix_close(NULL);
}

/* Rounds of five batches, made by two and by three, with and without a thread: each gets its own,
 * all are at the same place after a round, and a round can start again anywhere. */
static void turns_are_taken(void **state)
{
    enum { ROUND = 5 };
    (void)state;
    open_documents();
    straight(1);
    for (size_t k = 0; k < 2 * 5; k++) {
        size_t stride = k < 4 ? 2 : 3, first = k < 4 ? k % 2 : (k - 4) % 3, from = k % 3 * ROUND;
        int ahead = k < 4 ? k >= 2 : k >= 7;
        bl_mix *m = open_mix(1);
        bl_batches *b;
        int32_t x[N], y[N];
        bl_mix_cursor at;
        assert_ok(bl_batches_open(&b, m, N, (bl_turns){first, stride, ROUND}, ahead, &failure));
        assert_ok(bl_batches_seek(b, &places[from], &failure));
        for (size_t i = from; i < BATCHES; i++) {
            if (i % ROUND % stride == first) {
                assert_ok(bl_batches_next(b, x, y, &failure));
                assert_memory_equal(x, want[i][0], sizeof x);
                assert_memory_equal(y, want[i][1], sizeof y);
            }
            bl_batches_at(b, &at);
            if (i % ROUND + 1 == ROUND)
                assert_memory_equal(&at, &places[i + 1], sizeof at);
        }
        bl_batches_close(b);
        bl_mix_close(m);
    }
    close_files();
}

/* Rows move on without being read as they do with it. */
static void rows_pass_over(void **state)
{
    (void)state;
    bl_mix_row read[B] = {{.fresh = 1}, {.fresh = 1}, {.fresh = 1}, {.fresh = 1}}, passed[B];
    int32_t x[N], y[N];
    bl_mix_cursor a, b;
    open_documents();
    bl_mix *m = open_mix(1), *same = open_mix(1);
    for (size_t i = 0; i < 200; i++) {
        read[i % B].fresh = i % 3 == 0;
        memcpy(passed, read, sizeof passed);
        assert_ok(bl_mix_continue(m, read, x, y, &failure));
        assert_ok(bl_mix_continue(same, passed, NULL, NULL, &failure));
        for (size_t r = 0; r < B; r++) {
            assert_int_equal(passed[r].next, read[r].next);
            assert_int_equal(passed[r].corpus, read[r].corpus);
            assert_int_equal(passed[r].fresh, read[r].fresh);
            read[r].fresh = 0;
        }
        bl_mix_at(m, &a);
        bl_mix_at(same, &b);
        assert_memory_equal(&a, &b, sizeof a);
    }
    bl_mix_close(same);
    bl_mix_close(m);
    close_files();
}

/* A file that another process cuts short is a message, not a SIGBUS, and the place stays. */
static void cut_short(void **state)
{
    (void)state;
    for (int ahead = 0; ahead < 2; ahead++) {
        bl_mix *m;
        bl_batches *b;
        int32_t x[N], y[N];
        bl_mix_cursor before, after;
        const double whole = 1;
        bl_token_file *t = numbers("cut.bin", 0, 100000);
        assert_ok(bl_mix_open(&m, &t, &whole, 1, B, T, 3, &failure));
        assert_ok(bl_batches_open(&b, m, N, all_turns, ahead, &failure));
        assert_ok(bl_batches_next(b, x, y, &failure));
        bl_batches_at(b, &before);
        pause_ms(5); /* one batch has been made */
        assert_ok(bl_file_truncate(scratch("cut.bin"), 4096, &failure));
        bl_status status = BL_OK;
        for (int i = 0; i < 3 && status == BL_OK; i++) {
            status = bl_batches_next(b, x, y, &failure);
            bl_batches_at(b, &after);
            assert_int_equal(after.windows - before.windows, (uint64_t)(status == BL_OK) * B);
            before = after;
        }
        assert_int_equal(status, BL_EIO);
        assert_non_null(strstr(failure.message, "cut.bin: cut short from 400000 to 4096 bytes"));
        assert_int_equal(bl_batches_next(b, x, y, &failure), BL_EIO);
        assert_int_equal(bl_token_file_still(t, &failure), BL_EIO);
        bl_batches_close(b);
        bl_mix_close(m);
        bl_token_file_close(t);
    }
}

static void bad_mixes(void **state)
{
    (void)state;
    bl_mix *m;
    open_files();
    bl_token_file *tiny = numbers("tiny.bin", 0, T);
    bl_token_file *two[2] = {file[0], tiny};
    const double halves[2] = {0.5, 0.5};
    assert_int_equal(bl_mix_open(&m, file, weight, 0, B, T, 0, &failure), BL_EINVAL);
    assert_int_equal(bl_mix_open(&m, file, weight, BL_MIX_MOST + 1, B, T, 0, &failure), BL_EINVAL);
    assert_int_equal(bl_mix_open(&m, file, weight, 2, 0, T, 0, &failure), BL_EINVAL);
    assert_int_equal(bl_mix_open(&m, two, halves, 2, B, T, 0, &failure), BL_EFORMAT);
    assert_null(m);
    assert_non_null(strstr(failure.message, "tiny.bin"));
    bl_token_file_close(tiny);
    close_files();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_its_loader),
        cmocka_unit_test(rows_go_on),
        cmocka_unit_test(shares_are_kept),
        cmocka_unit_test(each_walks_alone),
        cmocka_unit_test(documents_stay_whole),
        cmocka_unit_test(each_its_own_end),
        cmocka_unit_test(fresh_rows_keep_documents),
        cmocka_unit_test(ahead_is_the_same),
        cmocka_unit_test(turns_are_taken),
        cmocka_unit_test(rows_pass_over),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(bad_mixes),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
