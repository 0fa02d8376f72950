/* Logits of some tokens alone: the bits of all, on devices that do not queue. */
#include "scratch.h"

#include "api/model_open.h"
#include "tiny_models.h"

enum { V = 1021 };

static bl_error failure;
#define ok(expr)                                                                                   \
    do {                                                                                           \
        if ((expr) != BL_OK)                                                                       \
            fail_msg("%s: %s", #expr, failure.message);                                            \
    } while (0)

/* n of the tokens, in no order. */
static void choose(int32_t *ids, size_t n, size_t from)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((from + 389 * i) % V);
}

/* The best of some tokens, those of all but the others; heads of more kinds than are kept. */
static void compare_best(bl_reader *r, const bl_state *s, const float *all, size_t salt)
{
    static const size_t counts[] = {2 * BL_READER_ROWS, 300, V / 2, 2 * BL_READER_ROWS - 1};
    enum { TOP = 64 };
    for (size_t k = 0; k < 12; k++) {
        size_t n = counts[k / 2 % 4], first = (salt + k / 2) % 40;
        bl_candidate want[V];
        for (size_t i = 0; i < n; i++) {
            r->some_ids[i] = (int32_t)(first + i * (V - 40) / n);
            want[i] = (bl_candidate){all[r->some_ids[i]], r->some_ids[i]};
        }
        int there;
        ok(bl_reader_best_of(r, s, n, TOP, &there, &failure));
        assert_int_equal(there, k % 2 && k / 2 % 4 < 3); /* asked for twice, and worth while */
        if (!there)
            continue;
        bl_best_keep(want, n, TOP);
        assert_memory_equal(r->best, want, TOP * sizeof *want);
        assert_int_equal(r->best[TOP].id, V);
    }
}

/* After each of a few tokens: none, one, as many as are gathered at once and one more, the most. */
static void compare(const bl_net *net)
{
    static const size_t counts[] = {0, 1, 3, BL_READER_ROWS, BL_READER_ROWS + 1, V / 4};
    static float all[V];
    bl_reader r;
    bl_state s;
    ok(bl_reader_open(&r, net, 3, 2, &failure));
    ok(bl_state_open(&s, net, &failure));
    ok(bl_state_start(&s, net, &failure));
    assert_int_equal(r.some, net->dev->queues ? 0 : V / 2);
    for (int32_t token = 0; token < 6 && r.some; token++) {
        const bl_piece piece = {&s, &token, 1, BL_LOGITS_LAST};
        ok(bl_reader_feed(&r, &piece, 1, &failure));
        ok(bl_reader_get(&r, 0, all, &failure));
        compare_best(&r, &s, all, (size_t)token * 7);
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            size_t n = counts[k];
            choose(r.some_ids, n, (size_t)token + k);
            memset(r.host, 0, V * sizeof *r.host);
            ok(bl_reader_some(&r, &s, n, &failure));
            for (size_t i = 0; i < n; i++) {
                int32_t id = r.some_ids[i];
                assert_memory_equal(&r.host[id], &all[id], sizeof(float));
            }
        }
    }
    bl_state_release(&s, net);
    bl_reader_release(&r);
}

static void as_of_all(void **state)
{
    (void)state;
    static const char *const devices[] = {"cpu", "ref", "fault:cpu", "graph:cpu", "late:cpu"};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        for (int tied = 0; tied < 2; tied++) {
            char words[64];
            bl_model *m;
            bl_net net;
            (void)snprintf(words, sizeof words, "device=%s,threads=3", devices[i]);
            bl_options *device = tiny_options(BL_OPTIONS_DEVICE, words);
            bl_options *config = tiny_options(
                BL_OPTIONS_CONFIG, tied ? "vocab_size=1021,hidden_size=48,num_attention_heads=3,"
                                          "intermediate_size=40,num_hidden_layers=2"
                                        : "vocab_size=1021,hidden_size=64,num_attention_heads=2,"
                                          "intermediate_size=40,num_hidden_layers=1,"
                                          "tie_word_embeddings=false");
            ok(bl_model_random(&m, config, device, &failure));
            ok(bl_executors_view(&m->executors, 3, &net, &failure));
            compare(&net);
            bl_dev_close(net.dev);
            bl_model_close(m);
            bl_options_close(config);
            bl_options_close(device);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_of_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
