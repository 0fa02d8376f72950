/* A model out of a trainer at work: the one that a checkpoint of the same moment would give, kept
 * while training goes on, and no trace of it in the training. */
#include "api.h"

enum { IDS = 70 };

/* What is asked of each kind of model and device. */
typedef struct kind {
    const char *name, *option, *value; /* of the config, or of training */
    const char *device;                /* of the model; NULL: the trainer's */
} kind;

static const kind kinds[] = {
    {"linear", "ttt_layer_type", "linear", NULL}, {"mlp", "ttt_layer_type", "mlp", NULL},
    {"float", "quantization", "none", NULL},      {"untied", "tie_word_embeddings", "false", NULL},
    {"remembers", "ttt_forget", "false", NULL},   {"bf16", "precision", "bf16", NULL},
    {"ref", "ttt_layer_type", "linear", "ref"},   {"late", "device", "late:cpu", NULL},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bl_trainer *open_kind(const char *run, const kind *k)
{
    bl_trainer *t;
    bl_options *train = api_small_training("8"), *config = api_small_config();
    assert_ok(bl_options_set(train, "keep", "9", &api_error));
    if (k && bl_options_set(config, k->option, k->value, NULL) != BL_OK)
        assert_ok(bl_options_set(train, k->option, k->value, &api_error));
    assert_ok(bl_trainer_open(&t, api_path("data"), api_path(run), train, config, &api_error));
    bl_options_close(train);
    bl_options_close(config);
    return t;
}

static void step(bl_trainer *t, uint64_t count)
{
    bl_step_result r = {.size = sizeof r};
    assert_ok(bl_trainer_step(t, count, &r, &api_error));
    assert_int_equal(r.done, count);
}

static int add_text(void *user, const bl_token_event *token)
{
    (void)strncat(user, token->text, token->bytes);
    return 0;
}

/* All that a model says: which one it is, logits after a text, and what it writes. */
typedef struct said {
    char hex[33];
    float logits[IDS * API_V];
    char text[2000];
} said;

static void ask(bl_model *m, said *a)
{
    int32_t ids[IDS];
    bl_session *s;
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "30", "temperature", "0",
                                "ignore_eos", "true", (char *)NULL);
    *a = (said){.hex = ""};
    for (int i = 0; i < IDS; i++)
        ids[i] = (i * 37 + 5) % API_V;
    assert_ok(bl_model_fingerprint(m, a->hex, &api_error));
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_session_feed_each(s, ids, IDS, a->logits, &api_error));
    assert_ok(bl_session_reset(s, &api_error));
    assert_ok(bl_generate(s, "Once upon", 9, o, add_text, a->text, NULL, &api_error));
    bl_session_close(s);
    bl_options_close(o);
}

static void same(const said *a, const said *b)
{
    assert_string_equal(a->hex, b->hex);
    assert_memory_equal(a->logits, b->logits, sizeof a->logits);
    assert_string_equal(a->text, b->text);
}

/* Live against saved, then after more steps, and after the trainer is gone. */
static void one_kind(const kind *k)
{
    static said live, saved, later;
    char run[32], path[300];
    bl_model *now, *loaded, *next;
    bl_options *device = NULL, *where = NULL;
    (void)snprintf(run, sizeof run, "live-%s", k->name);
    bl_trainer *t = open_kind(run, k);
    if (k->device)
        device = api_options(BL_OPTIONS_DEVICE, "device", k->device, (char *)NULL);
    if (k->device || strcmp(k->option, "device") == 0)
        where = api_options(BL_OPTIONS_DEVICE, "device", k->device ? k->device : k->value,
                            (char *)NULL);
    step(t, 5);
    assert_ok(bl_trainer_model(&now, t, device, &api_error));
    assert_ok(bl_trainer_checkpoint(t, path, sizeof path, NULL, &api_error));
    assert_ok(bl_model_open(&loaded, path, where, &api_error));
    ask(now, &live);
    ask(loaded, &saved);
    same(&live, &saved);
    assert_int_equal(bl_model_parameters(now), bl_model_parameters(loaded));
    assert_true(strlen(bl_model_path(now)) > 4);
    step(t, 3);
    assert_ok(bl_trainer_model(&next, t, device, &api_error));
    ask(next, &later);
    assert_string_not_equal(later.hex, live.hex);
    assert_memory_not_equal(later.logits, live.logits, sizeof live.logits);
    assert_ok(bl_trainer_checkpoint(t, path, sizeof path, NULL, &api_error));
    bl_trainer_close(t);
    ask(now, &saved);
    same(&live, &saved); /* as it was, without its trainer */
    bl_model_close(loaded);
    assert_ok(bl_model_open(&loaded, path, where, &api_error));
    ask(loaded, &saved);
    same(&later, &saved);
    bl_model_close(loaded);
    bl_model_close(next);
    bl_model_close(now);
    bl_options_close(device);
    bl_options_close(where);
}

static void as_a_checkpoint_of_the_moment(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        one_kind(&kinds[i]);
}

static void same_file(const char *a, const char *b)
{
    static char bytes[2][400000];
    const char *names[] = {a, b};
    size_t n[2];
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(api_path(names[i]), "rb");
        if (!file)
            fail_msg("no %s", names[i]);
        n[i] = fread(bytes[i], 1, sizeof bytes[i], file);
        (void)fclose(file);
    }
    assert_true(n[0] > 100 && n[0] == n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
}

/* A model after every step, all open at once, in use: training does not notice. */
static void training_goes_on(void **state)
{
    (void)state;
    bl_trainer *plain = open_kind("plain", NULL), *watched = open_kind("watched", NULL);
    bl_model *m[8];
    static said a, b;
    step(plain, 8);
    for (int i = 0; i < 8; i++) {
        assert_ok(bl_trainer_model(&m[i], watched, NULL, &api_error));
        ask(m[i], &a);
        step(watched, 1);
    }
    assert_ok(bl_trainer_checkpoint(plain, NULL, 0, NULL, &api_error));
    assert_ok(bl_trainer_checkpoint(watched, NULL, 0, NULL, &api_error));
    same_file("plain/ckpt/step-00000008/model.safetensors",
              "watched/ckpt/step-00000008/model.safetensors");
    same_file("plain/ckpt/step-00000008/optimizer.safetensors",
              "watched/ckpt/step-00000008/optimizer.safetensors");
    ask(m[7], &b);
    same(&a, &b);
    bl_trainer_close(plain);
    bl_trainer_close(watched);
    for (int i = 0; i < 8; i++)
        bl_model_close(m[i]);
}

/* Evaluated and exported like one that was loaded. */
static void for_everything(void **state)
{
    (void)state;
    char path[300];
    bl_model *m[2];
    bl_eval_result r[2] = {{.size = sizeof *r}, {.size = sizeof *r}};
    bl_trainer *t = open_kind("export", NULL);
    step(t, 4);
    assert_ok(bl_trainer_model(&m[0], t, NULL, &api_error));
    assert_ok(bl_trainer_checkpoint(t, path, sizeof path, NULL, &api_error));
    assert_ok(bl_model_open(&m[1], path, NULL, &api_error));
    bl_trainer_close(t);
    for (int i = 0; i < 2; i++) {
        assert_ok(bl_eval(m[i], api_path("data/val.bin"), 0, NULL, NULL, &r[i], &api_error));
        assert_ok(bl_export(m[i], api_path(i ? "out1" : "out0"), "bf16", 0, &api_error));
    }
    assert_true(r[0].loss == r[1].loss && r[0].tokens == r[1].tokens);
    same_file("out0/model.safetensors", "out1/model.safetensors");
    same_file("out0/tokenizer.json", "out1/tokenizer.json");
    assert_int_equal(bl_export(m[0], api_path("export"), "bf16", 1, &api_error), BL_EINVAL);
    bl_model_close(m[0]);
    bl_model_close(m[1]);
}

static bl_trainer *mine;

static void meddle(void *user, const bl_train_event *e)
{
    bl_model *m = (bl_model *)1;
    (void)user;
    if (e->kind != BL_TRAIN_STEP)
        return;
    assert_int_equal(bl_trainer_model(&m, mine, NULL, NULL), BL_EBUSY);
    assert_null(m);
}

static int refuse(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)done, (void)total, (void)unit;
    return strcmp(stage, "copying") == 0;
}

static void refusals(void **state)
{
    (void)state;
    bl_model *m;
    bl_step_result r = {.size = sizeof r};
    bl_options *nowhere = api_options(BL_OPTIONS_DEVICE, "device", "none", (char *)NULL);
    mine = open_kind("refused", NULL);
    bl_trainer_events_to(mine, meddle, NULL);
    step(mine, 2);
    assert_int_equal(bl_trainer_model(&m, mine, nowhere, &api_error), BL_EINVAL);
    bl_progress_to(refuse, NULL);
    assert_int_equal(bl_trainer_model(&m, mine, NULL, &api_error), BL_EINTERRUPTED);
    bl_progress_to(NULL, NULL);
    assert_null(m);
    assert_ok(bl_trainer_step(mine, 1, &r, &api_error));
    bl_trainer_close(mine);
    bl_options_close(nowhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_checkpoint_of_the_moment),
        cmocka_unit_test(training_goes_on),
        cmocka_unit_test(for_everything),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, api_make, api_remove);
}
