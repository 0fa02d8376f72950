/* Trains the tiny preset for a fixed number of steps on generated stories and asserts its loss;
 * reports how often it recalls who owns what. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include "bitllama.h"
#include "core/dir.h"
#include "tales/tales.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Measured: 2.94 in training, 2.95 in validation.  An untrained model
 * has ln 2048 = 7.62. */
static const double loss_bound = 3.1;
enum { PROBE_SEED = 99, PROBES = 200 };

static bl_error why;

static void need(bl_status status, const char *what)
{
    if (status == BL_OK)
        return;
    printf("FAILED: %s: %s\n", what, why.message);
    exit(1);
}

typedef struct tail_loss {
    double sum, val;
    unsigned count;
} tail_loss;

static void on_event(void *user, const bl_train_event *event)
{
    tail_loss *tail = user;
    if (event->kind == BL_TRAIN_EVAL)
        tail->val = event->loss;
    if (event->kind != BL_TRAIN_STEP)
        return;
    if (event->step + 10 > event->steps) {
        tail->sum += event->loss;
        tail->count++;
    }
    if (event->step % 50 == 0)
        printf("step %llu loss %.3f, %.0f tokens/s\n", (unsigned long long)event->step, event->loss,
               event->tokens_per_s);
}

static void train(const char *data, const char *run, tail_loss *tail)
{
    static const char *const settings[][2] = {{"preset", "tiny"},   {"steps", "300"},
                                              {"batch", "8"},       {"context", "128"},
                                              {"seed", "1"},        {"sample_every", "1000000"},
                                              {"eval_every", "300"}};
    bl_options *options;
    bl_trainer *trainer;
    need(bl_options_open(&options, BL_OPTIONS_TRAIN, &why), "options");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        need(bl_options_set(options, settings[i][0], settings[i][1], &why), settings[i][0]);
    need(bl_trainer_open(&trainer, data, run, options, NULL, &why), "trainer");
    need(bl_trainer_run(trainer, on_event, tail, &why), "training");
    bl_trainer_close(trainer);
    bl_options_close(options);
}

static double log_sum_exp(const float *x, size_t n)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, (double)x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - most);
    return most + log(sum);
}

/* log p(" word" | bos, prompt), summed over the word's tokens. */
static double score(bl_session *s, const bl_model *m, const char *prompt, size_t bytes,
                    const char *word)
{
    enum { MOST = 2048 };
    static int32_t ids[MOST];
    const bl_tokenizer *t = bl_model_tokenizer(m);
    size_t V = bl_tokenizer_vocab_size(t), before = 0, all = 0;
    char *text = malloc(bytes + strlen(word) + 2);
    float *logits = malloc(MOST * V * sizeof *logits);
    if (!text || !logits)
        exit(1);
    memcpy(text, prompt, bytes);
    sprintf(text + bytes, " %s", word);
    need(bl_tokenizer_encode(t, prompt, bytes, 0, NULL, 0, &before, &why), "encode");
    need(bl_tokenizer_encode(t, text, strlen(text), 0, ids + 1, MOST - 1, &all, &why), "encode");
    if (all + 1 > MOST)
        exit(1);
    ids[0] = 0;
    need(bl_session_reset(s, &why), "reset");
    need(bl_session_feed_each(s, ids, all, logits, &why), "feed");
    double sum = 0;
    for (size_t i = before; i < all; i++)
        sum += (double)logits[i * V + (size_t)ids[i + 1]] - log_sum_exp(logits + i * V, V);
    free(text);
    free(logits);
    return sum;
}

static void report_recall(const char *run)
{
    bl_model *m;
    bl_session *s;
    bl_tales *tales;
    unsigned asked = 0, right = 0;
    double chance = 0;
    need(bl_model_open(&m, run, NULL, &why), "model");
    need(bl_session_open(&s, m, NULL, &why), "session");
    need(bl_tales_open(&tales, PROBE_SEED, &why), "tales");
    for (uint64_t i = 0; asked < PROBES && i < 10 * PROBES; i++) {
        bl_buf story;
        bl_tales_probe probe;
        int found;
        bl_buf_init(&story);
        need(bl_tales_recall(tales, i, &story, &probe, &found, &why), "probe");
        if (found) {
            size_t best = 0;
            double best_score = -INFINITY;
            for (size_t c = 0; c < probe.count; c++) {
                double p = score(s, m, story.data, probe.prompt, probe.choice[c]);
                if (p > best_score) {
                    best_score = p;
                    best = c;
                }
            }
            asked++;
            right += best == probe.right;
            chance += 1.0 / (double)probe.count;
        }
        bl_buf_release(&story);
    }
    printf("recall of owners and colours: %u of %u right (by chance %.0f)\n", right, asked, chance);
    bl_tales_close(tales);
    bl_session_close(s);
    bl_model_close(m);
}

int main(void)
{
    char dir[] = "/tmp/bitllama-learn-XXXXXX", data[64], run[64];
    const char *source = "tales";
    bl_options *options;
    bl_prepare_result prepared = {.size = sizeof prepared};
    tail_loss tail = {0};
    if (!mkdtemp(dir))
        return 1;
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(run, sizeof run, "%s/run", dir);
    need(bl_options_open(&options, BL_OPTIONS_PREPARE, &why), "options");
    need(bl_options_set(options, "tales_bytes", "3000000", &why), "tales_bytes");
    need(bl_options_set(options, "vocab_size", "2048", &why), "vocab_size");
    need(bl_prepare(&source, 1, data, options, NULL, NULL, &prepared, &why), "prepare");
    bl_options_close(options);
    printf("%llu stories, %llu tokens\n", (unsigned long long)prepared.documents,
           (unsigned long long)prepared.tokens);
    train(data, run, &tail);
    report_recall(run);
    need(bl_dir_remove(dir, &why), "clean up");
    double loss = tail.sum / tail.count;
    printf("mean training loss of the last %u steps %.3f, validation %.3f (bound %.2f)\n",
           tail.count, loss, tail.val, loss_bound);
    if (!(loss < loss_bound) || !(tail.val < loss_bound)) {
        printf("FAILED: the model did not learn\n");
        return 1;
    }
    return 0;
}
