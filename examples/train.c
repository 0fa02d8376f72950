/* Trains a small model step by step: a text, a tokenizer and data, steps, samples while it learns,
 * a checkpoint, and the same run continued.
 *
 *   train FOLDER [STEPS]      (FOLDER: a new one, for all that is written; called again, it goes on) */
#include <bitllama.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH = 1000, EVERY = 20 };

static bl_error err;

/* Every function that can fail says why in err; this program then ends. */
static void must(bl_status status)
{
    if (status == BL_OK)
        return;
    (void)fprintf(stderr, "train: %s\n", err.message);
    exit(bl_status_exit_code(status));
}

static const char *in(char path[PATH], const char *folder, const char *name)
{
    int n = snprintf(path, PATH, "%s/%s", folder, name);
    if (n < 0 || n >= PATH) {
        (void)fprintf(stderr, "train: the name of the folder is too long\n");
        exit(2);
    }
    return path;
}

/* The text: who goes where, in 4,000 lines. */
static void write_text(const char *path)
{
    static const char *const who[] = {"The fox", "A mouse", "The owl", "An old bear"};
    static const char *const does[] = {"runs to", "looks at", "sleeps in", "walks around"};
    static const char *const where[] = {"the river", "the hill", "a red barn", "the quiet wood"};
    unsigned draw = 1;
    bl_out *out; /* appears whole or not at all */
    must(bl_out_open(&out, path, &err));
    for (int i = 0; i < 4000; i++) {
        char line[100];
        draw = draw * 1664525u + 1013904223u;
        int n = snprintf(line, sizeof line, "%s %s %s.\n", who[draw >> 30], does[draw >> 28 & 3],
                         where[draw >> 26 & 3]);
        bl_out_write(out, line, (size_t)n);
    }
    must(bl_out_commit(out, &err));
}

/* Text to tokens, with a tokenizer that is learned from it. */
static void prepare(const char *text, const char *data)
{
    bl_options *o;
    bl_prepare_result made = {.size = sizeof made};
    must(bl_options_open(&o, BL_OPTIONS_PREPARE, &err));
    must(bl_options_set(o, "vocab_size", "320", &err));
    must(bl_options_set(o, "val_split", "0.05", &err));
    must(bl_prepare(&text, 1, data, o, NULL, NULL, &made, &err));
    bl_options_close(o);
    printf("%" PRIu64 " tokens of %" PRIu64 " kinds\n", made.tokens, made.vocab_size);
}

/* A run in its folder, from the beginning or from its newest checkpoint. */
static bl_trainer *open_run(const char *data, const char *run, const char *steps)
{
    static const char *const training[][2] = {{"resume", "auto"}, {"batch", "8"},
                                              {"context", "32"},  {"lr", "1e-2"},
                                              {"seed", "1"},      {"preset", "tiny"}};
    static const char *const model[][2] = {{"hidden_size", "64"},
                                           {"intermediate_size", "128"},
                                           {"num_hidden_layers", "2"},
                                           {"num_attention_heads", "2"}};
    bl_options *train, *config;
    bl_trainer *t;
    must(bl_options_open(&train, BL_OPTIONS_TRAIN, &err));
    must(bl_options_open(&config, BL_OPTIONS_CONFIG, &err));
    for (size_t i = 0; i < sizeof training / sizeof *training; i++)
        must(bl_options_set(train, training[i][0], training[i][1], &err));
    for (size_t i = 0; i < sizeof model / sizeof *model; i++)
        must(bl_options_set(config, model[i][0], model[i][1], &err));
    must(bl_options_set(train, "steps", steps, &err));
    must(bl_trainer_open(&t, data, run, train, config, &err));
    bl_options_close(train);
    bl_options_close(config);
    return t;
}

static int write_token(void *user, const bl_token_event *token)
{
    (void)user;
    return fwrite(token->text, 1, token->bytes, stdout) != token->bytes;
}

/* What the model writes now; training waits meanwhile, and does not change by it. */
static void sample(bl_trainer *t)
{
    bl_model *m;
    bl_session *s;
    bl_options *o;
    static const char prompt[] = "The fox";
    must(bl_trainer_model(&m, t, NULL, &err));
    must(bl_session_open(&s, m, NULL, &err));
    must(bl_options_open(&o, BL_OPTIONS_GENERATE, &err));
    must(bl_options_set(o, "max_tokens", "12", &err));
    must(bl_options_set(o, "temperature", "0", &err));
    printf("  sample: %s", prompt);
    must(bl_generate(s, prompt, sizeof prompt - 1, o, write_token, NULL, NULL, &err));
    printf("\n");
    bl_options_close(o);
    bl_session_close(s);
    bl_model_close(m);
}

/* Steps until `last` or the end of the schedule, some at a time; then a checkpoint. */
static void train_until(bl_trainer *t, uint64_t last)
{
    char path[PATH];
    bl_eval_result val = {.size = sizeof val};
    bl_step_result r = {.size = sizeof r};
    must(bl_trainer_step(t, 0, &r, &err)); /* where it stands */
    while (r.step < last && r.step < r.steps) {
        must(bl_trainer_step(t, last - r.step < EVERY ? last - r.step : EVERY, &r, &err));
        printf("step %" PRIu64 " of %" PRIu64 ": loss %.4f, gradient norm %.3f, lr %.5f, "
               "%.0f tokens a second\n",
               r.step, r.steps, r.loss, r.grad_norm, r.lr, (double)r.tokens / r.seconds);
    }
    must(bl_trainer_eval(t, &val, &err));
    printf("  on text that it has not seen: %.4f nats a token\n", val.loss);
    sample(t);
    must(bl_trainer_checkpoint(t, path, sizeof path, NULL, &err));
    printf("  saved: %s\n", path);
}

int main(int argc, char **argv)
{
    char text[PATH], data[PATH], run[PATH], meta[PATH];
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: train FOLDER [STEPS]\n");
        return 2;
    }
    const char *folder = argv[1], *steps = argc > 2 ? argv[2] : "120";
    uint64_t half = strtoull(steps, NULL, 10) / 2;
    in(data, folder, "data");
    in(run, folder, "run");
    FILE *prepared = fopen(in(meta, data, "meta.json"), "rb");
    if (prepared) {
        (void)fclose(prepared);
    } else {
        write_text(in(text, folder, "text.txt"));
        prepare(text, data);
    }

    bl_trainer *t = open_run(data, run, steps);
    train_until(t, half);
    bl_trainer_close(t); /* as if the program had ended here */

    t = open_run(data, run, steps); /* it continues with the same bits */
    train_until(t, UINT64_MAX);
    bl_trainer_close(t);
    return 0;
}
