/* Training on conversations: losses and gradients over what counts alone, whatever the device, the
 * micro-batches and the other folders; resumed to the bit; evaluated against logits. */
#include "small_run.h"

#include "core/alloc.h"
#include "data/mix.h"
#include "data/walk.h"
#include "train/checkpoint.h"

#include <math.h>

enum { T = 32, STEPS = 6 };

/* What a run reported. */
typedef struct told {
    bl_trainer *trainer;
    uint64_t stop_at;
    double loss[64], grad_norm[64], valid, valid_of[2];
    unsigned steps;
} told;

static void tell(void *user, const bl_train_event *e)
{
    told *t = user;
    if (e->kind == BL_TRAIN_EVAL) {
        t->valid = e->loss;
        for (size_t i = 0; i < e->corpus_count && i < 2; i++)
            t->valid_of[i] = e->corpora[i].loss;
    }
    if (e->kind != BL_TRAIN_STEP)
        return;
    t->steps++;
    t->loss[e->step - 1] = e->loss;
    t->grad_norm[e->step - 1] = e->grad_norm;
    if (e->step == t->stop_at)
        bl_trainer_stop(t->trainer);
}

/* Over one folder or two ("a b"), with options of training or the model. */
static bl_status go(told *t, const char *folders, const char *run, pair *set)
{
    static pair usual[] = {{"preset", "tiny"},
                           {"batch", "4"},
                           {"context", "32"},
                           {"steps", "6"},
                           {"samples", "false"},
                           {"eval_every", "6"},
                           {"save_seconds", "0"},
                           {"keep", "9"},
                           {"lr", "5e-3"},
                           {"quantization", "none"},
                           {"hidden_size", "32"},
                           {"intermediate_size", "32"},
                           {"num_hidden_layers", "2"},
                           {"num_attention_heads", "2"},
                           {"mini_batch_size", "8"}};
    char first[60];
    const char *second = strchr(folders, ' ');
    bl_options *o, *config;
    (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(folders, " "), folders);
    const bl_corpus list[2] = {{.dir = scratch(first), .weight = second ? 1 : 0},
                               {.dir = second ? scratch(second + 1) : NULL, .weight = 2}};
    pair *const sets[] = {usual, set};
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; k ? set && set[i][0] != NULL : i < sizeof usual / sizeof *usual; i++)
            if (bl_options_set(o, sets[k][i][0], sets[k][i][1], NULL) != BL_OK)
                assert_ok(bl_options_set(config, sets[k][i][0], sets[k][i][1], &failure));
    uint64_t stop_at = t->stop_at;
    *t = (told){.stop_at = stop_at, .valid = NAN};
    bl_status status = bl_trainer_open_corpora(&t->trainer, list, second ? 2 : 1, scratch(run), o,
                                               config, &failure);
    if (status == BL_OK) {
        if (stop_at == UINT64_MAX)
            bl_trainer_stop(t->trainer);
        status = bl_trainer_run(t->trainer, tell, t, &failure);
    }
    bl_trainer_close(t->trainer);
    bl_options_close(config);
    bl_options_close(o);
    return status;
}

/* ---- folders with other masks ---- */

/* The tokens of "talk" under another name: `mask` 0: without one, 1: all count, 2: few do, in the
 * second half alone. */
static void remask(const char *name, int mask)
{
    static const char *const files[] = {"train.bin", "val.bin", "tokenizer.json",
                                        "tokenizer_config.json"};
    static const char *const masks[] = {"train.mask", "val.mask"};
    char from[80], to[80];
    bl_data_meta meta;
    assert_ok(bl_dir_make(scratch(name), &failure));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(from, sizeof from, "talk/%s", files[i]);
        (void)snprintf(to, sizeof to, "%s/%s", name, files[i]);
        copy_file(scratch(from), scratch(to));
    }
    assert_ok(bl_data_meta_load(&meta, scratch("talk"), &failure));
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        bl_data_split *split = &meta.split[i];
        bl_mask_out *out;
        split->counted = 0;
        split->mask_hash[0] = 0;
        if (!mask)
            continue;
        (void)snprintf(to, sizeof to, "%s/%s", name, masks[i]);
        assert_ok(bl_mask_create(&out, scratch(to), &failure));
        for (size_t k = 0; k < split->tokens; k++)
            bl_mask_write(out, &(unsigned char){mask == 1 || (2 * k > split->tokens && k % 9 == 0)},
                          1);
        assert_ok(bl_mask_verify(out, split->mask_hash, &split->counted, &failure));
        assert_ok(bl_mask_commit(out, &failure));
    }
    assert_ok(bl_data_meta_save(&meta, scratch(name), &failure));
}

static void prepare_more(const char *name, const char *tokenizer)
{
    const char *source = "tales";
    bl_options *o;
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    assert_ok(bl_options_set(o, "tales_bytes", "60000", &failure));
    assert_ok(bl_options_set(o, "tokenizer", scratch(tokenizer), &failure));
    assert_ok(bl_prepare(&source, 1, scratch(name), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
}

static int make_folders(void **state)
{
    assert_int_equal(scratch_make(state), 0);
    prepare_talks("talk", NULL);
    prepare_more("tales", "talk");
    remask("plain", 0);
    remask("ones", 1);
    remask("few", 2);
    return 0;
}

/* A mask in which all tokens count changes no bit. */
static void all_count(void **state)
{
    static pair set[] = {{"windows", "anywhere"}, {"accum", "2"}, {"dropout", "0.1"}, {NULL}};
    told plain = {0}, ones = {0};
    (void)state;
    assert_ok(go(&plain, "plain", "plain-run", set));
    assert_ok(go(&ones, "ones", "ones-run", set));
    assert_memory_equal(plain.loss, ones.loss, sizeof plain.loss);
    same_checkpoint("plain-run", "ones-run", STEPS);
}

/* ---- losses by logits ---- */

static bl_model *model;

/* -log softmax of what comes after each of T tokens from a fresh state; the sum over the targets
 * that count. */
static double window_loss(bl_session *s, const int32_t *x, const int32_t *y, size_t n)
{
    size_t V = bl_tokenizer_vocab_size(bl_model_tokenizer(model));
    float *logits = malloc(n * V * sizeof *logits);
    double nats = 0;
    assert_non_null(logits);
    assert_ok(bl_session_reset(s, &failure));
    assert_ok(bl_session_feed_each(s, x, n, logits, &failure));
    for (size_t t = 0; t < n; t++) {
        double sum = 0;
        for (size_t v = 0; y[t] >= 0 && v < V; v++)
            sum += exp((double)logits[t * V + v]);
        nats += y[t] < 0 ? 0 : log(sum) - (double)logits[t * V + (size_t)y[t]];
    }
    free(logits);
    return nats;
}

static void near(double found, double expected)
{
    if (!(fabs(found / expected - 1) < 2e-6))
        fail_msg("%.9f, expected %.9f", found, expected);
}

/* The first step's loss is the mean over all targets of all its micro-batches that count; the loss of
 * an evaluation is that over the windows of a walk. */
static void losses(void **state)
{
    static pair set[] = {{"accum", "3"},       {"steps", "1"},  {"eval_every", "1"},
                         {"eval_tokens", "0"}, {"lr", "1e-12"}, {NULL}};
    told begun = {.stop_at = UINT64_MAX}, t = {0};
    bl_data *d;
    bl_mix *m;
    bl_session *s;
    bl_walk w;
    int32_t x[4 * T], y[4 * T];
    const double weight = 1;
    double nats = 0;
    size_t counted = 0;
    (void)state;
    assert_int_equal(go(&begun, "talk", "begun", set), BL_EINTERRUPTED);
    assert_ok(go(&t, "talk", "one-step", set));
    assert_ok(bl_model_open(&model, scratch("begun"), NULL, &failure));
    assert_ok(bl_session_open(&s, model, NULL, &failure));
    assert_ok(bl_data_open(&d, scratch("talk"), &failure));
    assert_ok(bl_mix_open(&m, &d->split[BL_DATA_TRAIN], &weight, 1, 4, T, 0, &failure));
    bl_mix_documents(m, 0, (int32_t)d->meta.roles.eos);
    for (size_t micro = 0; micro < 3; micro++) {
        assert_ok(bl_mix_next(m, x, y, &failure));
        for (size_t row = 0; row < 4; row++)
            nats += window_loss(s, x + row * T, y + row * T, T);
        for (size_t i = 0; i < 4 * T; i++)
            counted += y[i] >= 0;
    }
    assert_true(counted > 10 && counted < 3 * 4 * T / 2);
    near(t.loss[0], nats / (double)counted);
    bl_mix_close(m);
    nats = 0, counted = 0;
    assert_ok(bl_walk_open(&w, d->split[BL_DATA_VAL], T, (int32_t)d->meta.roles.eos, &failure));
    while (!bl_walk_over(&w)) {
        assert_ok(bl_walk_next(&w, x, y, &failure));
        nats += window_loss(s, x, y, T);
        for (size_t i = 0; i < T; i++)
            counted += y[i] >= 0;
    }
    assert_int_equal(counted, d->meta.split[BL_DATA_VAL].counted);
    near(t.valid, nats / (double)counted);
    bl_eval_result r = {.size = sizeof r};
    char path[700];
    (void)snprintf(path, sizeof path, "%s", scratch("talk/val.bin"));
    assert_ok(bl_eval(model, path, T, NULL, NULL, &r, &failure));
    assert_int_equal(r.tokens, counted);
    assert_true(r.bits_per_byte == 0);
    near(r.loss, nats / (double)counted);
    bl_walk_close(&w);
    bl_session_close(s);
    bl_model_close(model);
    bl_data_close(d);
}

/* ---- micro-batches and devices ---- */

/* A step of four micro-batches of one row is that of one with four rows: it divides by what counts in
 * all of them, and not by micro-batch, in some of which nothing does. */
static void accumulated(void **state)
{
    static const char *const folders[] = {"talk", "few"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        told whole = {0}, parts = {0};
        char a[40], b[40];
        (void)snprintf(a, sizeof a, "whole-%s", folders[i]);
        (void)snprintf(b, sizeof b, "parts-%s", folders[i]);
        assert_ok(go(&whole, folders[i], a, NULL));
        assert_ok(go(&parts, folders[i], b, (pair[]){{"batch", "1"}, {"accum", "4"}, {NULL}}));
        for (size_t step = 0; step < STEPS; step++) {
            assert_true(isfinite(whole.loss[step]) && isfinite(whole.grad_norm[step]));
            assert_true(fabs(parts.loss[step] - whole.loss[step]) <= 1e-5 * whole.loss[step]);
            assert_true(fabs(parts.grad_norm[step] - whole.grad_norm[step]) <=
                        1e-4 * whole.grad_norm[step]);
        }
    }
}

/* Where nothing counts in a whole step its loss and gradient are 0, and the run goes on. */
static void nothing_counts(void **state)
{
    told t = {0};
    unsigned empty = 0;
    (void)state;
    assert_ok(go(&t, "few", "nothing",
                 (pair[]){{"batch", "1"}, {"steps", "30"}, {"context", "16"}, {NULL}}));
    for (size_t i = 0; i < 30; i++) {
        assert_true(isfinite(t.loss[i]) && isfinite(t.grad_norm[i]));
        assert_int_equal(t.loss[i] == 0, t.grad_norm[i] == 0);
        empty += t.loss[i] == 0;
    }
    assert_true(empty > 3 && empty < 27);
    assert_int_equal(t.steps, 30);
}

static void devices(void **state)
{
    static const char *const names[] = {"cpu",       "graph:cpu", "late:cpu",
                                        "fault:cpu", "trace:cpu", "graph:late:cpu"};
    told first = {0};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char run[40];
        told t = {0};
        (void)snprintf(run, sizeof run, "device-%zu", i);
        assert_ok(go(&t, "talk", run,
                     (pair[]){{"device", names[i]},
                              {"accum", "2"},
                              {"eval_every", "100"},
                              {"quantization", "ternary"},
                              {"save_every", "100"},
                              {NULL}}));
        first = i ? first : t;
        assert_memory_equal(t.loss, first.loss, sizeof t.loss);
        same_checkpoint("device-0", run, STEPS);
    }
    told ref = {0};
    assert_ok(go(&ref, "talk", "ref",
                 (pair[]){{"device", "ref"}, {"accum", "2"}, {"eval_tokens", "64"}, {NULL}}));
    told cpu = {0};
    assert_ok(go(&cpu, "talk", "cpu", (pair[]){{"accum", "2"}, {"eval_tokens", "64"}, {NULL}}));
    for (size_t step = 0; step < STEPS; step++)
        assert_true(fabs(ref.loss[step] / cpu.loss[step] - 1) < 1e-4);
}

/* ---- other folders, rows that continue, resumed ---- */

static void resumed(void **state)
{
    static struct {
        const char *folders, *name;
        pair set[5];
    } ways[] = {
        {"talk", "alone", {{"accum", "2"}, {NULL}}},
        {"tales talk", "mixed", {{"prefetch", "on"}, {NULL}}},
        {"talk tales", "carried", {{"carry", "0.3"}, {"accum", "2"}, {NULL}}},
        {"talk", "late", {{"device", "late:cpu"}, {"save_every", "3"}, {NULL}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char straight[40], pieces[40];
        told a = {0}, b = {.stop_at = 2};
        (void)snprintf(straight, sizeof straight, "straight-%s", ways[i].name);
        (void)snprintf(pieces, sizeof pieces, "pieces-%s", ways[i].name);
        assert_ok(go(&a, ways[i].folders, straight, ways[i].set));
        assert_int_equal(go(&b, ways[i].folders, pieces, ways[i].set), BL_EINTERRUPTED);
        b.stop_at = 0;
        assert_ok(go(&b, ways[i].folders, pieces, (pair[]){{"resume", "true"}, {NULL}}));
        assert_memory_equal(a.loss + 4, b.loss + 4, 2 * sizeof *a.loss);
        assert_true(a.valid == b.valid);
        same_checkpoint(straight, pieces, STEPS);
    }
}

/* Over a folder with a mask and one without: each has its own loss, and that of both is the mean over
 * what counts. */
static void two_folders(void **state)
{
    told t = {0};
    bl_data_meta meta;
    (void)state;
    assert_ok(go(&t, "talk tales", "two", (pair[]){{"eval_tokens", "0"}, {NULL}}));
    assert_ok(bl_data_meta_load(&meta, scratch("talk"), &failure));
    double talk = (double)meta.split[BL_DATA_VAL].counted;
    assert_ok(bl_data_meta_load(&meta, scratch("tales"), &failure));
    double tales = (double)((meta.split[BL_DATA_VAL].tokens - 1) / T * T);
    near(t.valid, (t.valid_of[0] * talk + t.valid_of[1] * tales) / (talk + tales));
    /* the chat template comes from the folder that has one, wherever it stands */
    bl_map map;
    assert_ok(go(&t, "tales talk", "template", NULL));
    assert_ok(bl_map_open(&map, scratch("template/tokenizer_config.json"), &failure));
    assert_non_null(memchr(map.data, '{', map.size));
    char *text = calloc(map.size + 1, 1);
    memcpy(text, map.data, map.size);
    assert_non_null(strstr(text, "\"chat_template\": \"{% for message"));
    free(text);
    bl_map_close(&map);
}

/* A mask is data: a run goes on with its own only, and what is damaged is refused. */
static void other_masks(void **state)
{
    static pair more[] = {{"resume", "true"}, {NULL}};
    told t = {.stop_at = 2};
    (void)state;
    assert_int_equal(go(&t, "talk", "own", NULL), BL_EINTERRUPTED);
    t.stop_at = 0;
    assert_int_equal(go(&t, "ones", "own", more), BL_EINVAL);
    assert_non_null(strstr(failure.message, "another mask than train.mask of"));
    assert_int_equal(go(&t, "plain", "own", more), BL_EINVAL);
    t.stop_at = 2;
    assert_int_equal(go(&t, "talk tales", "both", NULL), BL_EINTERRUPTED);
    assert_int_equal(go(&t, "few tales", "both", more), BL_EINVAL);
    remask("hurt", 1);
    scratch_write(scratch("hurt/val.mask"), "x", 1);
    assert_int_equal(go(&t, "hurt", "none", NULL), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "val.mask: 1 bytes"));
    remask("hurt", 1);
    copy_file(scratch("few/train.mask"), scratch("hurt/train.mask"));
    assert_int_equal(go(&t, "hurt", "none", NULL), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "not what prepare wrote"));
    remask("hurt", 1);
    assert_int_equal(unlink(scratch("hurt/train.mask")), 0);
    assert_int_equal(go(&t, "hurt", "none", NULL), BL_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_count),   cmocka_unit_test(losses),
        cmocka_unit_test(accumulated), cmocka_unit_test(nothing_counts),
        cmocka_unit_test(devices),     cmocka_unit_test(resumed),
        cmocka_unit_test(two_folders), cmocka_unit_test(other_masks),
    };
    return cmocka_run_group_tests(tests, make_folders, scratch_remove);
}
