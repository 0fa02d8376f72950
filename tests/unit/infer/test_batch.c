/* Batches: sessions read at once have the bits that each has alone, whoever joins and leaves. */
#include "scratch.h"

#include "api/model_open.h"
#include "constrain/constraint.h"
#include "core/file.h"
#include "core/rng.h"
#include "tiny_models.h"

#include <pthread.h>

enum { MOST = 64, CHUNK_MOST = 40 };

/* ---- two sessions that do the same, one of them in a batch ---- */

typedef struct twin {
    bl_session *s, *alone;
    int joined;
    int32_t ids[CHUNK_MOST];
    size_t count;
    float logits[TINY_V];
} twin;

/* A play of many turns. */
typedef struct play {
    bl_model *m;
    bl_batch *b;
    twin twin[MOST];
    size_t sessions, turns, reads;
    uint64_t seed, draws;
} play;

static uint64_t draw(play *p, uint64_t n)
{
    return bl_rng_below(p->seed, 77, p->draws++, n);
}

static void check_file(const bl_session *a, const bl_session *b)
{
    bl_map x, y;
    assert_ok(bl_session_save(a, scratch("a.mem"), &failure));
    assert_ok(bl_session_save(b, scratch("b.mem"), &failure));
    assert_ok(bl_map_open(&x, scratch("a.mem"), &failure));
    assert_ok(bl_map_open(&y, scratch("b.mem"), &failure));
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    bl_map_close(&x);
    bl_map_close(&y);
}

static void consolidate(bl_session *s, double share)
{
    assert_ok(bl_session_consolidate(s, share, &failure));
}

/* What may come between two feeds of a session, done to both. */
static void something_between(play *p, twin *t)
{
    bl_session *fork;
    switch (draw(p, 8)) {
    case 0:
        if (t->joined)
            assert_ok(bl_batch_leave(p->b, t->s, &failure));
        t->joined = 0;
        break;
    case 1:
        if (bl_session_has_base(t->s)) {
            double share = 0.1 + 0.1 * (double)draw(p, 5);
            consolidate(t->s, share);
            consolidate(t->alone, share);
        }
        break;
    case 2: /* the copy continues in its place */
        assert_ok(bl_session_fork(&fork, t->s, &failure));
        bl_session_close(t->s);
        t->s = fork;
        t->joined = 0;
        break;
    default:
        break;
    }
}

/* Chunks of one to CHUNK_MOST tokens for some of the sessions, in any order. */
static void one_call(play *p)
{
    static bl_batch_turn turns[MOST];
    static float alone[TINY_V];
    static size_t order[MOST];
    size_t count = 0;
    for (size_t i = 0; i < p->sessions; i++) {
        size_t at = (size_t)draw(p, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (size_t k = 0; k < p->sessions; k++) {
        twin *t = &p->twin[order[k]];
        if (draw(p, 5) == 0)
            continue;
        if (!t->joined)
            assert_ok(bl_batch_join(p->b, t->s, &failure));
        t->joined = 1;
        t->count = draw(p, 3) ? 1 : 1 + (size_t)draw(p, CHUNK_MOST);
        for (size_t i = 0; i < t->count; i++)
            t->ids[i] = (int32_t)draw(p, TINY_V);
        memset(t->logits, 0x7f, sizeof t->logits);
        turns[count++] = (bl_batch_turn){t->s, t->ids, t->count, draw(p, 4) ? t->logits : NULL};
        p->reads += t->count;
    }
    assert_ok(bl_batch_feed(p->b, turns, count, &failure));
    for (size_t k = 0; k < count; k++) {
        twin *t = &p->twin[0];
        while (t->s != turns[k].session)
            t++;
        assert_ok(bl_session_feed(t->alone, t->ids, t->count, alone, &failure));
        assert_int_equal(bl_session_position(t->s), bl_session_position(t->alone));
        if (turns[k].logits)
            assert_memory_equal(alone, t->logits, sizeof alone);
        something_between(p, t);
    }
}

/* Every third session has a base of its own, moved at borders that fall at different times. */
static void open_twins(play *p, int bases)
{
    bl_session *based = NULL;
    for (size_t i = 0; i < p->sessions; i++) {
        twin *t = &p->twin[i];
        t->joined = 0;
        assert_ok(bl_session_open(&t->s, p->m, NULL, &failure));
        if (bases && i % 3 == 0) {
            if (!based) { /* finding a rest takes long: the others are forks */
                assert_ok(bl_session_open(&based, p->m, NULL, &failure));
                consolidate(based, 0.5);
            }
            bl_session_close(t->s);
            assert_ok(bl_session_fork(&t->s, based, &failure));
        }
        assert_ok(bl_session_fork(&t->alone, t->s, &failure));
    }
    bl_session_close(based);
}

static void run_play(bl_model *m, size_t sessions, size_t rows, size_t turns, int bases)
{
    static play p;
    p = (play){.m = m, .sessions = sessions, .turns = turns, .seed = sessions * 1000 + rows};
    assert_ok(bl_batch_open(&p.b, m, rows, NULL, &failure));
    open_twins(&p, bases);
    for (size_t i = 0; i < turns; i++)
        one_call(&p);
    for (size_t i = 0; i < sessions; i++)
        check_file(p.twin[i].s, p.twin[i].alone);
    for (size_t i = 0; i < sessions; i++) {
        if (i == sessions / 2) /* some are closed before it, some after it */
            bl_batch_close(p.b);
        bl_session_close(p.twin[i].s);
        bl_session_close(p.twin[i].alone);
    }
    printf("%3zu sessions, %3zu rows: %5zu tokens in %zu calls\n", sessions, rows, p.reads, turns);
}

/* ---- every variant, every device ---- */

static int forgets(const char *name)
{
    return strcmp(name, "plain") != 0;
}

static void on_the_cpu(void **state)
{
    (void)state;
    static const size_t sizes[][3] = {{1, 1, 12}, {1, 64, 6}, {7, 7, 10}, {7, 50, 6}, {64, 64, 4}};
    for (size_t i = 0; i < TINY_MODELS; i++) {
        bl_model *m = tiny_open(tiny_models[i][0], "cpu");
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            run_play(m, sizes[k][0], sizes[k][1], sizes[k][2], forgets(tiny_models[i][0]));
        bl_model_close(m);
    }
}

static void packed(void **state)
{
    (void)state;
    static const char *const names[] = {"ternary", "mlp"};
    for (size_t i = 0; i < 2; i++) {
        bl_model *m = tiny_open(names[i], "cpu");
        assert_ok(bl_export(m, scratch(names[i]), "f16", 0, &failure));
        bl_model_close(m);
        assert_ok(bl_model_open(&m, scratch(names[i]), NULL, &failure));
        run_play(m, 7, 20, 6, 1);
        bl_model_close(m);
    }
}

static void on_other_devices(void **state)
{
    (void)state;
    static const char *const devices[] = {"ref", "fault:cpu", "trace:cpu"};
    for (size_t i = 0; i < TINY_MODELS; i++)
        for (size_t k = 0; k < sizeof devices / sizeof *devices; k++) {
            bl_model *m = tiny_open(tiny_models[i][0], devices[k]);
            run_play(m, 5, 11, 4, k > 1 && forgets(tiny_models[i][0]));
            bl_model_close(m);
        }
}

/* ---- a state that is too large ---- */

/* A memory file again, with every element of a tensor this large. */
static void enlarge(const char *path, const char *tensor)
{
    bl_map map;
    size_t head = 0, from = 0, to = 0;
    assert_ok(bl_map_open(&map, path, &failure));
    char *bytes = malloc(map.size);
    assert_non_null(bytes);
    memcpy(bytes, map.data, map.size);
    size_t size = map.size;
    bl_map_close(&map);
    memcpy(&head, bytes, 8);
    const char *at = strstr(bytes + 8, tensor);
    assert_non_null(at);
    at = strstr(at, "data_offsets\":[");
    assert_true(at && sscanf(at, "data_offsets\":[%zu,%zu]", &from, &to) == 2);
    for (size_t i = from; i < to; i += 4)
        memcpy(bytes + 8 + head + i, &(float){3e38f}, 4);
    scratch_write(path, bytes, size);
    free(bytes);
}

static int32_t likeliest(const float *logits)
{
    int32_t id = 0;
    for (int32_t i = 1; i < TINY_V; i++)
        id = logits[i] > logits[id] ? i : id;
    return id;
}

/* A grammar that leaves one token alone. */
static void force(bl_session *s)
{
    static const char text[] = "root ::= \"\\x01\"";
    bl_tokenizer *t;
    bl_grammar *g;
    assert_ok(bl_tokenizer_open(&t, BL_TEST_DATA "/fixtures/tokenizer/vocab-2000.json", &failure));
    assert_ok(bl_grammar_open(&g, t, text, sizeof text - 1, &failure));
    assert_ok(bl_sequence_constrain(&s->text, g, &failure));
    s->text.decoder.started = 1; /* at the beginning a space may be dropped, and others be left */
    bl_grammar_close(g);
    bl_tokenizer_close(t);
}

/* Its results are not finite, and it keeps nobody else from reading.  2: its token needs no logits,
 * which its caller wants all the same. */
static void overflow(int draws)
{
    enum { SESSIONS = 3 };
    static const int32_t ids[] = {5, 3, 8, 100, 7};
    static float logits[SESSIONS][TINY_V], alone[TINY_V];
    int32_t drawn[SESSIONS];
    bl_model *m = tiny_open("none", "cpu");
    bl_batch *b;
    bl_session *s[SESSIONS], *single;
    bl_batch_turn turns[SESSIONS];
    assert_ok(bl_batch_open(&b, m, SESSIONS, NULL, &failure));
    for (size_t i = 0; i < SESSIONS; i++) {
        assert_ok(bl_session_open(&s[i], m, NULL, &failure));
        assert_ok(bl_batch_join(b, s[i], &failure));
        turns[i] = (bl_batch_turn){s[i], ids, 2 + i, logits[i]};
    }
    assert_ok(bl_session_save(s[1], scratch("large.mem"), &failure));
    enlarge(scratch("large.mem"), "layers.0.tail");
    assert_ok(bl_session_load(s[1], scratch("large.mem"), &failure));
    assert_ok(bl_session_fork(&single, s[1], &failure));
    assert_int_equal(bl_session_feed(single, ids, 3, alone, &failure), BL_EFORMAT);
    bl_session_close(single);
    if (draws == 2)
        force(s[1]);
    if (draws) {
        turns[1].logits = draws == 2 ? logits[1] : NULL;
        bl_options *o = tiny_options(BL_OPTIONS_GENERATE, "bos=false,temperature=0");
        const bl_options *const options[SESSIONS] = {o, o, o};
        assert_int_equal(bl_batch_next(b, turns, SESSIONS, options, drawn, &failure), BL_EFORMAT);
        for (size_t i = 0; i < SESSIONS; i++)
            assert_int_equal(drawn[i], i == 1 ? -1 : likeliest(logits[i]));
        bl_options_close(o);
    } else {
        assert_int_equal(bl_batch_feed(b, turns, SESSIONS, &failure), BL_EFORMAT);
    }
    assert_non_null(strstr(failure.message, "turn 1: logit"));
    for (size_t i = 0; i < SESSIONS; i++) {
        assert_int_equal(bl_session_position(s[i]), 2 + i);
        assert_ok(bl_session_open(&single, m, NULL, &failure));
        assert_ok(bl_session_feed(single, ids, 2 + i, alone, &failure));
        assert_true(i == 1 || memcmp(alone, logits[i], sizeof alone) == 0);
        bl_session_close(single);
        bl_session_close(s[i]);
    }
    bl_batch_close(b);
    bl_model_close(m);
}

static void one_that_overflows(void **state)
{
    (void)state;
    overflow(0);
    overflow(1);
    overflow(2);
}

/* ---- threads ---- */

enum { READS = 40 };

typedef struct party {
    bl_model *m;
    size_t sessions; /* in a batch; 0: one without */
    const char *threads;
    float logits[TINY_V]; /* of the first */
    bl_status status;
} party;

static int32_t texts[8][READS];

static void make_texts(void)
{
    for (size_t k = 0; k < 8; k++)
        for (size_t i = 0; i < READS; i++)
            texts[k][i] = (int32_t)((i * 31 + k * 7 + 3) % TINY_V);
}

static void *read_texts(void *user)
{
    party *p = user;
    bl_batch *b = NULL;
    bl_session *s[8] = {NULL};
    bl_batch_turn turns[8];
    bl_options *o = NULL;
    p->status = bl_options_open(&o, BL_OPTIONS_DEVICE, NULL);
    if (p->status == BL_OK)
        p->status = bl_options_set(o, "threads", p->threads, NULL);
    if (p->status == BL_OK && p->sessions)
        p->status = bl_batch_open(&b, p->m, 8, o, NULL);
    for (size_t i = 0; p->status == BL_OK && i < (p->sessions ? p->sessions : 1); i++) {
        p->status = bl_session_open(&s[i], p->m, NULL, NULL);
        if (p->status == BL_OK && b)
            p->status = bl_batch_join(b, s[i], NULL);
    }
    for (size_t t = 0; p->status == BL_OK && t < READS; t++) {
        for (size_t i = 0; i < p->sessions; i++)
            turns[i] = (bl_batch_turn){s[i], texts[i] + t, 1, i ? NULL : p->logits};
        p->status = b ? bl_batch_feed(b, turns, p->sessions, NULL)
                      : bl_session_feed(s[0], texts[0] + t, 1, p->logits, NULL);
    }
    for (size_t i = 0; i < 8; i++)
        bl_session_close(s[i]);
    bl_batch_close(b);
    bl_options_close(o);
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    make_texts();
    static const char *const devices[] = {"cpu", "fault:cpu"};
    for (size_t k = 0; k < 2; k++) {
        bl_model *m = tiny_open("mlp", devices[k]);
        party alone = {.m = m, .threads = "1"};
        party all[] = {{.m = m, .sessions = 7, .threads = "1"},
                       {.m = m, .sessions = 3, .threads = "2"},
                       {.m = m, .sessions = 8, .threads = "5"},
                       {.m = m, .threads = "2"}};
        enum { PARTIES = sizeof all / sizeof *all };
        pthread_t thread[PARTIES];
        (void)read_texts(&alone);
        assert_int_equal(alone.status, BL_OK);
        for (size_t i = 0; i < PARTIES; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, read_texts, &all[i]), 0);
        for (size_t i = 0; i < PARTIES; i++) {
            assert_int_equal(pthread_join(thread[i], NULL), 0);
            assert_int_equal(all[i].status, BL_OK);
            assert_memory_equal(all[i].logits, alone.logits, sizeof alone.logits);
        }
        bl_model_close(m);
    }
}

static int make(void **state)
{
    return scratch_make(state) || tiny_make(state);
}

static int remove_all(void **state)
{
    return tiny_remove(state) || scratch_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_cpu),       cmocka_unit_test(packed),
        cmocka_unit_test(on_other_devices), cmocka_unit_test(one_that_overflows),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
