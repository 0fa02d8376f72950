/* Several data folders of one run: their weights, their tokenizer, and which are refused. */
#include "scratch.h"

#include "data/corpora.h"

#include <math.h>

static void prepare(const char *name, const char *seed, const char *tokenizer)
{
    const char *source = "tales";
    bl_options *o;
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    assert_ok(bl_options_set(o, "tales_bytes", "30000", &failure));
    assert_ok(bl_options_set(o, "vocab_size", "300", &failure));
    assert_ok(bl_options_set(o, "seed", seed, &failure));
    if (tokenizer)
        assert_ok(bl_options_set(o, "tokenizer", tokenizer, &failure));
    assert_ok(bl_prepare(&source, 1, scratch(name), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
}

static void folders(void **state)
{
    (void)state;
    char a[256], b[256], other[256], tokenizer[300];
    (void)snprintf(a, sizeof a, "%s", scratch("A"));
    (void)snprintf(b, sizeof b, "%s", scratch("B"));
    (void)snprintf(other, sizeof other, "%s", scratch("other"));
    (void)snprintf(tokenizer, sizeof tokenizer, "%s/tokenizer.json", a);
    prepare("A", "1", NULL);
    prepare("B", "2", tokenizer);
    prepare("other", "3", NULL);
    bl_corpora *c;
    bl_corpus two[2] = {{a, 3}, {b, 1}};
    assert_ok(bl_corpora_open(&c, two, 2, &failure));
    assert_true(c->weight[0] == 0.75 && c->weight[1] == 0.25);
    uint64_t tokens[2] = {c->data[0]->meta.split[0].tokens, c->data[1]->meta.split[0].tokens};
    assert_true(bl_corpora_tokens(c, BL_DATA_TRAIN) == tokens[0] + tokens[1]);
    assert_true(bl_corpora_bytes(c) == 2 * (tokens[0] + tokens[1]));
    bl_corpora_close(c);
    two[0].weight = two[1].weight = 0;
    assert_ok(bl_corpora_open(&c, two, 2, &failure));
    assert_true(c->weight[0] == (double)tokens[0] / (double)(tokens[0] + tokens[1]));
    bl_corpora_close(c);

    static const double bad[] = {-1, (double)INFINITY, (double)NAN, 0.5};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) { /* the last: one has, one has not */
        two[1].weight = bad[i];
        assert_int_equal(bl_corpora_open(&c, two, 2, &failure), BL_EINVAL);
        assert_null(c);
        assert_non_null(strstr(failure.message, "weight"));
    }
    two[1] = (bl_corpus){other, 0};
    assert_int_equal(bl_corpora_open(&c, two, 2, &failure), BL_EINVAL);
    assert_non_null(strstr(failure.message, a));
    assert_non_null(strstr(failure.message, other));
    assert_non_null(strstr(failure.message, "different tokenizers"));
    two[1] = (bl_corpus){a, 0};
    assert_int_equal(bl_corpora_open(&c, two, 2, &failure), BL_EINVAL);
    assert_non_null(strstr(failure.message, "the same train.bin"));
    assert_int_equal(bl_corpora_open(&c, two, 0, &failure), BL_EINVAL);
    assert_int_equal(bl_corpora_open(&c, two, BL_MIX_MOST + 1, &failure), BL_EINVAL);
    two[1] = (bl_corpus){scratch("nowhere"), 0};
    assert_int_equal(bl_corpora_open(&c, two, 2, &failure), BL_ENOENT);
    bl_corpora_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(folders)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
