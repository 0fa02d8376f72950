/* bl_prepare(): text to a data folder and back, a stable split, and nothing left
 * behind on failure. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/buf.h"
#include "core/path.h"
#include "corpus/source.h"
#include "data/tokens.h"

static bl_options *options_of(const char *const *pairs)
{
    bl_options *o;
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    for (; pairs && *pairs; pairs += 2)
        assert_ok(bl_options_set(o, pairs[0], pairs[1], &failure));
    return o;
}

#define OPTIONS(...) options_of((const char *const[]){__VA_ARGS__, NULL})

static bl_status prepare(const char *source, const char *dir, bl_options *o,
                         bl_progress_fn *progress, void *user, bl_prepare_result *result)
{
    bl_status status = bl_prepare(&source, 1, dir, o, progress, user, result, &failure);
    bl_options_close(o);
    return status;
}

/* The documents of one split as text, each ended by a newline. */
static void decode_split(const bl_data *d, int which, const bl_tokenizer *tokenizer, bl_buf *out)
{
    size_t count = bl_token_file_count(d->split[which]), first = 0, bytes;
    int32_t *ids = bl_calloc(count + 1, sizeof *ids);
    assert_ok(bl_token_file_get(d->split[which], 0, count, ids, &failure));
    for (size_t i = 0; i < count; i++) {
        if (ids[i] != 0)
            continue;
        char text[4096];
        assert_ok(bl_tokenizer_decode(tokenizer, ids + first, i - first, 0, text, sizeof text,
                                      &bytes, &failure));
        assert_true(bytes > 0 && bytes <= sizeof text && text[0] == ' ');
        bl_buf_append(out, text + 1, bytes - 1); /* without the prefix space */
        bl_buf_puts(out, "\n");
        first = i + 1;
    }
    assert_int_equal(first, count); /* the last document is ended too */
    bl_free(ids);
}

/* Every story comes back from its ids, in order, from one side of the split or the other. */
static void documents_round_trip(void **state)
{
    (void)state;
    bl_prepare_result r = {.size = sizeof r};
    const char *dir = scratch("round/trip");
    assert_ok(prepare(
        "tales", dir,
        OPTIONS("tales_bytes", "60000", "vocab_size", "600", "val_split", "0.2", "seed", "3"), NULL,
        NULL, &r));
    assert_true(r.vocab_size == 600 && r.bytes >= 60000);
    assert_true(r.val_documents > r.documents / 20 && r.val_documents < r.documents * 2 / 5);

    bl_data *d;
    bl_tokenizer *tokenizer;
    assert_ok(bl_data_open(&d, dir, &failure));
    assert_ok(bl_tokenizer_open(&tokenizer, dir, &failure));
    const bl_data_split *train = &d->meta.split[BL_DATA_TRAIN], *val = &d->meta.split[BL_DATA_VAL];
    assert_true(train->documents + val->documents == r.documents);
    assert_true(val->documents == r.val_documents && val->tokens == r.val_tokens);
    assert_true(train->tokens + val->tokens == r.tokens && val->bytes == r.val_bytes);
    assert_true(d->meta.seed == 3 && d->meta.val_split == 0.2);
    assert_string_equal(d->meta.source, "tales");

    bl_buf side[BL_DATA_SPLITS] = {{0}, {0}};
    size_t at[BL_DATA_SPLITS] = {0, 0};
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        decode_split(d, i, tokenizer, &side[i]);
    const char *part = "tales";
    bl_source *s;
    const bl_source_options from = {.tales_bytes = 60000, .seed = 3};
    assert_ok(bl_source_open(&s, &part, 1, &from, &failure));
    for (bl_span doc;;) {
        assert_ok(bl_source_next(s, &doc, &failure));
        if (!doc.text)
            break;
        int i = 0;
        while (i < BL_DATA_SPLITS && (at[i] + doc.bytes >= side[i].len ||
                                      memcmp(side[i].data + at[i], doc.text, doc.bytes) != 0))
            i++;
        assert_true(i < BL_DATA_SPLITS);
        at[i] += doc.bytes + 1;
    }
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        assert_int_equal(at[i], side[i].len);
        bl_buf_release(&side[i]);
    }
    bl_source_close(s);
    bl_tokenizer_close(tokenizer);
    bl_data_close(d);
}

/* Same files from the same options; the split does not depend on the tokenizer. */
static void same_again(void **state)
{
    (void)state;
    static const char *const files[] = {"tokenizer.json", "tokenizer_config.json", "train.bin",
                                        "val.bin", "meta.json"};
    bl_prepare_result a = {.size = sizeof a}, b = {.size = sizeof b}, c = {.size = sizeof c};
    assert_ok(prepare("tales", scratch("a"), OPTIONS("tales_bytes", "40000", "vocab_size", "400"),
                      NULL, NULL, &a));
    assert_ok(prepare("tales", scratch("b"), OPTIONS("tales_bytes", "40000", "vocab_size", "400"),
                      NULL, NULL, &b));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char x[800], y[800], left[33], right[33];
        (void)snprintf(x, sizeof x, "%s/%s", scratch("a"), files[i]);
        (void)snprintf(y, sizeof y, "%s/%s", scratch("b"), files[i]);
        assert_ok(bl_file_hash(x, left, &failure));
        assert_ok(bl_file_hash(y, right, &failure));
        assert_string_equal(left, right);
    }
    bl_names names;
    assert_ok(bl_dir_list(&names, scratch("a"), &failure));
    assert_int_equal(names.count, 5);
    bl_names_release(&names);
    /* Another tokenizer over the same text, into a folder that is full already. */
    assert_ok(prepare("tales", scratch("b"),
                      OPTIONS("tales_bytes", "40000", "tokenizer", scratch("round/trip")), NULL,
                      NULL, &c));
    assert_true(c.vocab_size == 600 && c.tokens < a.tokens);
    assert_true(c.documents == a.documents && c.val_documents == a.val_documents);
    assert_true(c.val_bytes == a.val_bytes);
    bl_data *d;
    assert_ok(bl_data_open(&d, scratch("b"), &failure));
    bl_data_close(d);
}

/* With two documents or more neither side stays empty, unless no validation is wanted. */
static void no_empty_side(void **state)
{
    (void)state;
    static const struct {
        const char *text, *val_split;
        uint64_t documents, val;
    } cases[] = {
        {"one", "0.01", 1, 0},
        {"one", "0.9", 1, 0},
        {"one\n<|endoftext|>\ntwo", "0.000001", 2, 1},
        {"one\n<|endoftext|>\ntwo", "0", 2, 0},
        {"one\n<|endoftext|>\ntwo\n<|endoftext|>\nthree", "0.000001", 3, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bl_prepare_result r = {.size = sizeof r};
        scratch_write(scratch("few.txt"), cases[i].text, strlen(cases[i].text));
        assert_ok(prepare(scratch("few.txt"), scratch("few"),
                          OPTIONS("val_split", cases[i].val_split), NULL, NULL, &r));
        assert_true(r.documents == cases[i].documents && r.val_documents == cases[i].val);
        bl_data *d;
        assert_ok(bl_data_open(&d, scratch("few"), &failure));
        bl_data_close(d);
    }
    for (int seed = 0; seed < 20; seed++) { /* whichever side the draws would leave empty */
        char text[16];
        bl_prepare_result r = {.size = sizeof r};
        (void)snprintf(text, sizeof text, "%d", seed);
        scratch_write(scratch("few.txt"), "one\n<|endoftext|>\ntwo", 21);
        assert_ok(prepare(scratch("few.txt"), scratch("few"),
                          OPTIONS("val_split", "0.9", "seed", text), NULL, NULL, &r));
        assert_true(r.documents == 2 && r.val_documents == 1);
    }
}

/* Asserts that prepare fails so, and that the folder it would have made is not there. */
static void fails(bl_status expected, const char *source, bl_options *o, const char *words)
{
    assert_int_equal(prepare(source, scratch("never/made"), o, NULL, NULL, NULL), expected);
    assert_non_null(strstr(failure.message, words));
    assert_int_equal(bl_path_what(scratch("never/made")), BL_PATH_NONE);
}

static void bad_input(void **state)
{
    (void)state;
    scratch_write(scratch("empty.txt"), " \n", 2);
    scratch_write(scratch("latin.txt"), "caf\xE9", 4);
    scratch_write(scratch("not.json"), "{}", 2);
    fails(BL_EFORMAT, scratch("empty.txt"), NULL, "no documents");
    fails(BL_EFORMAT, scratch("latin.txt"), NULL, "byte 3");
    fails(BL_ENOENT, scratch("absent.txt"), NULL, "absent.txt");
    fails(BL_EFORMAT, "tales", OPTIONS("tokenizer", scratch("not.json")), "not.json");
    fails(BL_ENOENT, "tales", OPTIONS("tokenizer", scratch("absent.json")), "absent.json");
    const char *none = NULL;
    assert_int_equal(bl_prepare(&none, 0, scratch("x"), NULL, NULL, NULL, NULL, &failure),
                     BL_EINVAL);
    assert_int_equal(prepare("tales", scratch("empty.txt"), NULL, NULL, NULL, NULL), BL_EIO);
    assert_int_equal(bl_path_what(scratch("empty.txt")), BL_PATH_FILE);
}

typedef struct interruption {
    const char *stage; /* NULL: never */
    size_t calls;
} interruption;

static int interrupt(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    interruption *i = user;
    i->calls++;
    assert_non_null(unit);
    assert_true(total == 0 || done <= total);
    return i->stage && strcmp(stage, i->stage) == 0;
}

/* Ctrl-C at any stage: no folder when there was none, the old files when there was one. */
static void interrupted(void **state)
{
    (void)state;
    static const char *const stages[] = {"reading", "merges", "encoding", "checking"};
    char dir[700], before[33], after[33];
    (void)snprintf(dir, sizeof dir, "%s", scratch("old"));
    bl_names names;
    interruption none = {0};
    assert_ok(prepare("tales", dir, OPTIONS("tales_bytes", "20000", "vocab_size", "300"), interrupt,
                      &none, NULL));
    assert_true(none.calls >= 3);
    assert_ok(bl_file_hash(scratch("old/train.bin"), before, &failure));
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        interruption at = {.stage = stages[i]};
        assert_int_equal(prepare("tales", scratch("gone"), OPTIONS("tales_bytes", "30000"),
                                 interrupt, &at, NULL),
                         BL_EINTERRUPTED);
        assert_int_equal(bl_path_what(scratch("gone")), BL_PATH_NONE);
        assert_int_equal(
            prepare("tales", dir, OPTIONS("tales_bytes", "30000"), interrupt, &at, NULL),
            BL_EINTERRUPTED);
        assert_ok(bl_file_hash(scratch("old/train.bin"), after, &failure));
        assert_string_equal(before, after);
        assert_ok(bl_dir_list(&names, dir, &failure));
        assert_int_equal(names.count, 5);
        bl_names_release(&names);
        bl_data *d;
        assert_ok(bl_data_open(&d, dir, &failure));
        bl_data_close(d);
    }
}

/* Standard input is read once and used twice. */
static void standard_input(void **state)
{
    (void)state;
    static const char text[] = "the cat sat\n<|endoftext|>\nthe hat sat\n";
    scratch_write(scratch("input.txt"), text, sizeof text - 1);
    assert_non_null(freopen(scratch("input.txt"), "rb", stdin));
    bl_prepare_result r = {.size = sizeof r};
    assert_ok(prepare("-", scratch("stdin"), OPTIONS("val_split", "0"), NULL, NULL, &r));
    assert_true(r.documents == 2 && r.bytes == 22 && r.val_documents == 0);
    bl_data *d;
    assert_ok(bl_data_open(&d, scratch("stdin"), &failure));
    assert_string_equal(d->meta.source, "standard input");
    assert_int_equal(bl_token_file_count(d->split[BL_DATA_VAL]), 0);
    bl_data_close(d);
    static const char *const twice[] = {"-", "-"};
    assert_int_equal(bl_prepare(twice, 2, scratch("x"), NULL, NULL, NULL, NULL, &failure),
                     BL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_round_trip), cmocka_unit_test(same_again),
        cmocka_unit_test(no_empty_side),        cmocka_unit_test(bad_input),
        cmocka_unit_test(interrupted),          cmocka_unit_test(standard_input),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
