/* A run computed by several trainers: what one computes, to rounding, and itself to the bit. */
#include "ranks.h"
#include "numbers.h"

/* ---- several are one ---- */

/* How far losses and weights of a run by several may be from those by one after six steps, where
 * only the order of float sums differs: about ten times what was measured; with ternary weights
 * such a difference now and then flips one. */
static const struct {
    const char *quantization, *ttt;
    double loss, weights, moments;
} variants[] = {{"ternary", "linear", 3e-3, 2e-2, 2e-2},
                {"ternary", "mlp", 3e-3, 2e-2, 2e-2},
                {"none", "linear", 1e-6, 1e-5, 1e-5},
                {"none", "mlp", 1e-6, 1e-5, 1e-5}};
enum { VARIANTS = sizeof variants / sizeof *variants };

static double worst_loss(const job *a, const job *b)
{
    double worst = 0;
    assert_int_equal(a->rank[0].last, b->rank[0].last);
    for (size_t i = 0; i < a->rank[0].last; i++)
        worst = numbers_worst(worst, fabs(a->rank[0].loss[i] / b->rank[0].loss[i] - 1));
    return worst;
}

/* `accum` micro-batches by one and by `size`, twice: the second time with a thread that makes the
 * batches, and activations computed again. */
static void compare(size_t v, size_t size, const char *accum, const char *carry)
{
    char one[64], several[64], again[64];
#define SET                                                                                        \
    {"accum", accum}, {"carry", carry}, {"quantization", variants[v].quantization},                \
        {"ttt_layer_type", variants[v].ttt},                                                       \
    {                                                                                              \
        "pre_conv", "true"                                                                         \
    }
    const pair set[] = {SET, {NULL}};
    const pair otherwise[] = {SET, {"prefetch", "on"}, {"recompute", "true"}, {NULL}};
    (void)snprintf(one, sizeof one, "one-%zu-%zu-%s-%s", v, size, accum, carry);
    (void)snprintf(several, sizeof several, "several-%zu-%zu-%s-%s", v, size, accum, carry);
    (void)snprintf(again, sizeof again, "again-%zu-%zu-%s-%s", v, size, accum, carry);
    job a = {.run = one, .size = 1, .set = set}, b = {.run = several, .size = size, .set = set};
    job c = {.run = again, .size = size, .set = otherwise};
    run_job(&a);
    run_job(&b);
    run_job(&c);
    assert_all(&a, BL_OK);
    assert_all(&b, BL_OK);
    assert_all(&c, BL_OK);
    assert_same_place(one, several, 6);
    assert_true(same_file(several, again, 6, "model.safetensors"));
    assert_true(same_file(several, again, 6, "optimizer.safetensors"));
    assert_memory_equal(b.rank[0].loss, c.rank[0].loss, sizeof b.rank[0].loss);
    double first = fabs(b.rank[0].loss[0] / a.rank[0].loss[0] - 1), losses = worst_loss(&b, &a);
    double norm = fabs(b.rank[0].grad_norm[0] / a.rank[0].grad_norm[0] - 1);
    double weights = distance(several, one, 6, "model.safetensors");
    double moments = distance(several, one, 6, "optimizer.safetensors"); /* and carried rows */
    printf("%s %s, carry %s, %s micro-batches by %zu: first loss %.1e, gradient norm %.1e, losses "
           "%.1e, weights %.1e, moments %.1e\n",
           variants[v].quantization, variants[v].ttt, carry, accum, size, first, norm, losses,
           weights, moments);
    assert_true(first < 1e-12);
    assert_true(norm < 1e-6);
    assert_true(losses < variants[v].loss);
    assert_true(weights < variants[v].weights && moments < variants[v].moments);
}

static void several_are_one(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        compare(v, 2, "2", "0");
        compare(v, 2, "3", "0");
        compare(v, 3, "4", "0");
    }
}

static void rows_that_continue(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++)
        compare(v, 2, "3", "0.3");
    compare(2, 3, "4", "0.3");
}

/* ---- conversations ---- */

/* What counts is counted in all processes: losses are means over all of the step, whoever has it, with
 * batches ahead and rows that continue too. */
static void conversations(void **state)
{
    static const struct {
        size_t size;
        pair set[5];
    } ways[] = {{2, {{"accum", "3"}, {"quantization", "none"}, {NULL}}},
                {3, {{"accum", "4"}, {"quantization", "none"}, {"prefetch", "on"}, {NULL}}},
                {2, {{"accum", "2"}, {"quantization", "none"}, {"carry", "0.3"}, {NULL}}}};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char one[32], several[32];
        (void)snprintf(one, sizeof one, "talk-one-%zu", i);
        (void)snprintf(several, sizeof several, "talk-several-%zu", i);
        job a = {.run = one, .data = "talk", .size = 1, .set = ways[i].set};
        job b = {.run = several, .data = "talk", .size = ways[i].size, .set = ways[i].set};
        run_job(&a);
        run_job(&b);
        assert_all(&a, BL_OK);
        assert_all(&b, BL_OK);
        assert_same_place(one, several, 6);
        double weights = distance(several, one, 6, "model.safetensors");
        double norm = fabs(b.rank[0].grad_norm[0] / a.rank[0].grad_norm[0] - 1);
        printf("conversations by %zu: losses %.1e, gradient norm %.1e, weights %.1e\n",
               ways[i].size, worst_loss(&b, &a), norm, weights);
        assert_true(fabs(b.rank[0].loss[0] / a.rank[0].loss[0] - 1) < 1e-12);
        assert_true(norm < 1e-6 && worst_loss(&b, &a) < 1e-6 && weights < 1e-5);
    }
}

/* ---- resumed by more and by fewer ---- */

static const pair eight[] = {{"steps", "8"},           {"accum", "3"},        {"carry", "0.3"},
                             {"quantization", "none"}, {"save_every", "100"}, {NULL}};
static const pair first_half[] = {{"steps", "8"},
                                  {"accum", "3"},
                                  {"carry", "0.3"},
                                  {"quantization", "none"},
                                  {"save_every", "100"},
                                  {"stop_after", "4"},
                                  {NULL}};

static void resumed(void **state)
{
    (void)state;
    static const struct {
        const char *run;
        size_t first, second;
    } ways[] = {{"two-two", 2, 2}, {"two-one", 2, 1}, {"one-two", 1, 2}, {"three-two", 3, 2}};
    job one = {.run = "one", .size = 1, .set = eight},
        two = {.run = "two", .size = 2, .set = eight};
    run_job(&one);
    run_job(&two);
    assert_all(&one, BL_OK);
    assert_all(&two, BL_OK);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        job a = {.run = ways[i].run, .size = ways[i].first, .set = first_half};
        job b = {.run = ways[i].run, .size = ways[i].second, .resume = 1};
        run_job(&a);
        run_job(&b);
        assert_all(&a, BL_OK);
        assert_all(&b, BL_OK);
        assert_int_equal(b.rank[0].steps, 4);
        assert_same_place(ways[i].run, "one", 8);
        double moments = distance(ways[i].run, "one", 8, "optimizer.safetensors");
        double weights = distance(ways[i].run, "one", 8, "model.safetensors");
        printf("%s: weights %.1e, moments and rows %.1e from those of one\n", ways[i].run, weights,
               moments);
        assert_true(weights < 1e-5 && moments < 1e-4);
    }
    assert_true(same_file("two", "two-two", 8, "model.safetensors"));
    assert_true(same_file("two", "two-two", 8, "optimizer.safetensors"));
}

/* ---- shares ---- */

static void shares(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 5; size++)
        for (size_t accum = size; accum <= 11; accum++) {
            size_t dealt = 0, slots = 0;
            for (size_t me = 0; me < size; me++) {
                const bl_comm comm = {.rank = me, .size = size};
                const bl_share s = {&comm, accum};
                assert_ok(bl_share_check(&s, &failure));
                size_t mine = 0;
                for (uint64_t micro = 0; micro < accum; micro++) {
                    assert_int_equal(bl_share_has(&s, micro), bl_share_owner(&s, micro) == me);
                    if (bl_share_has(&s, micro))
                        assert_int_equal(bl_share_slot(&s, micro), mine++);
                }
                assert_int_equal(mine, bl_share_slots(&s));
                dealt += mine;
                slots += bl_share_slots(&s);
            }
            assert_int_equal(dealt, accum);
            assert_int_equal(slots, accum);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares),
        cmocka_unit_test(several_are_one),
        cmocka_unit_test(rows_that_continue),
        cmocka_unit_test(conversations),
        cmocka_unit_test(resumed),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
