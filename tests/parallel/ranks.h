/* What both programs of this ring share: a run by several trainers, each in a thread of its own, and
 * comparing what runs leave.  Include this before anything of POSIX. */
#ifndef BL_TESTS_RANKS_H
#define BL_TESTS_RANKS_H

#include "option_pairs.h"

#include "api/training.h"
#include "core/alloc.h"
#include "core/file.h"
#include "core/path.h"
#include "cpu/cpu_dev.h"
#include "format/config.h"
#include "format/safetensors.h"
#include "group.h"
#include "model/fingerprint.h"
#include "ops/late.h"
#include "train/schedule.h"
#include "train/trainer.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>

enum { MOST_RANKS = 3, MOST_STEPS = 24 };

/* One process of a run. */
typedef struct rank {
    const struct job *job;
    const bl_comm *comm;
    bl_trainer *trainer;
    bl_ops ops; /* of its device, when a test spoils some of them */
    bl_status status;
    bl_error why;
    unsigned steps, warnings, checkpoints;
    char warning[600]; /* the last */
    double loss[MOST_STEPS], grad_norm[MOST_STEPS];
    uint64_t last;
    int writes;                       /* it has outputs, or memory for evaluations */
    char fingerprint[BL_FINGERPRINT]; /* of the weights at the end */
} rank;

/* A run: in which folder, by how many, from which checkpoint, and what a test does meanwhile. */
typedef struct job {
    const char *run, *data; /* data: NULL is "data" */
    size_t size;
    const pair *set;
    int resume;
    size_t accum, stop_after; /* on resume, when not 0 */
    unsigned late;            /* bit r: the device of rank r computes as late as it may */
    void (*spoil)(rank *r, bl_dev *d);
    void (*on_step)(rank *r, const bl_train_event *e);
    /* what became of it */
    rank rank[MOST_RANKS];
    /* what every rank opens it with */
    bl_config config;
    bl_train_options options;
    char *checkpoint;
} job;

static inline int make_data(void **state)
{
    static const pair set[] = {{"tales_bytes", "60000"}, {"vocab_size", "400"}, {NULL}};
    assert_int_equal(scratch_make(state), 0);
    prepare_tales(set);
    prepare_talks("talk", NULL);
    return 0;
}

static inline void on_event(void *user, const bl_train_event *e)
{
    rank *r = user;
    r->checkpoints += e->kind == BL_TRAIN_CHECKPOINT;
    if (e->kind == BL_TRAIN_WARNING) {
        r->warnings++;
        (void)snprintf(r->warning, sizeof r->warning, "%s", e->text);
    }
    if (e->kind != BL_TRAIN_STEP)
        return;
    r->loss[e->step - 1] = e->loss;
    r->grad_norm[e->step - 1] = e->grad_norm;
    r->last = e->step;
    r->steps++;
    if (r->job->on_step)
        r->job->on_step(r, e);
}

static inline bl_status open_rank(rank *r, bl_error *err)
{
    const job *j = r->job;
    char data[700], run[700];
    bl_corpora *corpora;
    bl_dev *dev;
    (void)snprintf(data, sizeof data, "%s/%s", scratch_folder, j->data ? j->data : "data");
    (void)snprintf(run, sizeof run, "%s/%s", scratch_folder, j->run);
    const bl_corpus list = {.dir = data};
    const bl_train_begin begin = {.checkpoint = j->checkpoint, .comm = r->comm};
    const bl_device_request request = {.ternary = j->config.quantization == BL_QUANT_TERNARY,
                                       .threads = 1};
    BL_TRY(bl_corpora_open(&corpora, &list, 1, err));
    BL_TRY(bl_cpu_open(&dev, &request, err));
    if (j->late >> (r->comm ? r->comm->rank : 0) & 1)
        BL_TRY(bl_late_open(&dev, dev, err));
    if (j->spoil)
        j->spoil(r, dev);
    return bl_trainer_open_on(&r->trainer, dev, corpora, run, NULL, &j->config, &j->options, &begin,
                              err);
}

static inline void *run_rank(void *user)
{
    rank *r = user;
    r->status = open_rank(r, &r->why);
    if (r->status != BL_OK)
        return NULL;
    r->status = bl_trainer_run(r->trainer, on_event, r, &r->why);
    if (bl_net_fingerprint(&r->trainer->blocks.net, r->fingerprint, NULL) != BL_OK)
        r->fingerprint[0] = '?';
    r->writes = r->trainer->outputs.run_dir || r->trainer->blocks.eval.block;
    return NULL;
}

/* Config and options, as the command line would have them. */
static inline void choose(job *j)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "32"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"},
                                 {"mini_batch_size", "8"}};
    static const pair usual[] = {{"preset", "tiny"},   {"batch", "2"}, {"context", "16"},
                                 {"steps", "6"},       {"seed", "5"},  {"dropout", "0.1"},
                                 {"eval_every", "3"},  {"keep", "9"},  {"eval_tokens", "200"},
                                 {"save_seconds", "0"}};
    bl_options *o, *config;
    bl_data *data;
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        assert_ok(bl_options_set(config, shape[i][0], shape[i][1], &failure));
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        assert_ok(bl_options_set(o, usual[i][0], usual[i][1], &failure));
    for (const pair *set = j->set; set && (*set)[0]; set++)
        if (bl_options_set(o, (*set)[0], (*set)[1], NULL) != BL_OK)
            assert_ok(bl_options_set(config, (*set)[0], (*set)[1], &failure));
    j->config = *bl_options_config_const(config);
    j->options = *bl_options_train(o);
    bl_options_close(config);
    bl_options_close(o);
    assert_ok(bl_data_open(&data, scratch(j->data ? j->data : "data"), &failure));
    bl_trainer_take_data(&j->config, NULL, &data->meta);
    bl_data_close(data);
    bl_config_half_lives(&j->config, j->options.context);
    assert_ok(bl_train_resolve(&j->options, &j->config, &failure));
}

/* The same for an existing run. */
static inline void choose_resumed(job *j)
{
    char path[120];
    bl_train_state state;
    (void)snprintf(path, sizeof path, "%s/config.json", j->run);
    assert_ok(bl_config_load(&j->config, scratch(path), &failure));
    assert_ok(bl_checkpoint_newest(&j->checkpoint, NULL, scratch(j->run), UINT64_MAX, &failure));
    assert_ok(bl_checkpoint_state(&state, j->checkpoint, &failure));
    j->options = state.options;
    j->options.stop_after = j->stop_after;
    if (j->accum)
        j->options.accum = j->accum;
}

/* Runs it.  No trainer is closed before all have ended: none waits for that. */
static inline void run_job(job *j)
{
    pthread_t thread[MOST_RANKS];
    group *g = group_open(j->size);
    assert_ok(bl_dir_make(scratch(j->run), &failure));
    if (j->resume)
        choose_resumed(j);
    else
        choose(j);
    for (size_t i = 0; i < j->size; i++) {
        j->rank[i] = (rank){.job = j, .comm = j->size > 1 ? group_comm(g, i) : NULL};
        assert_int_equal(pthread_create(&thread[i], NULL, run_rank, &j->rank[i]), 0);
    }
    for (size_t i = 0; i < j->size; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (size_t i = 0; i < j->size; i++)
        bl_trainer_close(j->rank[i].trainer);
    group_close(g);
    bl_free(j->checkpoint);
}

/* All ranks ended like this, after the same steps, with the same losses and weights. */
static inline void assert_all(const job *j, bl_status status)
{
    for (size_t i = 0; i < j->size; i++) {
        const rank *r = &j->rank[i];
        if (r->status != status)
            fail_msg("rank %zu: %s", i, r->status == BL_OK ? "ok" : r->why.message);
        assert_int_equal(r->steps, j->rank[0].steps);
        assert_int_equal(r->last, j->rank[0].last);
        assert_memory_equal(r->loss, j->rank[0].loss, sizeof r->loss);
        assert_memory_equal(r->grad_norm, j->rank[0].grad_norm, sizeof r->grad_norm);
        assert_string_equal(r->fingerprint, j->rank[0].fingerprint);
        assert_int_equal(r->writes, i == 0);
    }
}

static inline const char *file_of(const char *run, unsigned step, const char *name)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/ckpt/step-%08u/%s", run, step, name);
    return scratch(path);
}

static inline int same_file(const char *a, const char *b, unsigned step, const char *name)
{
    bl_map x, y;
    assert_ok(bl_map_open(&x, file_of(a, step, name), &failure));
    assert_ok(bl_map_open(&y, file_of(b, step, name), &failure));
    int same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    bl_map_close(&x);
    bl_map_close(&y);
    return same;
}

/* All of a tensor's bytes; free() them. */
static inline void *bytes_of(const bl_st_tensor *t, size_t bytes)
{
    void *all = malloc(bytes);
    assert_non_null(all);
    assert_ok(bl_st_read(t, 0, bytes, all, &failure));
    return all;
}

/* Relative distance, by Euclid, of all floats in a file of two checkpoints; whole numbers in it
 * must be equal. */
static inline double distance(const char *a, const char *b, unsigned step, const char *name)
{
    bl_st *x, *y;
    double apart = 0, size = 0;
    assert_ok(bl_st_open(&x, file_of(a, step, name), &failure));
    assert_ok(bl_st_open(&y, file_of(b, step, name), &failure));
    assert_int_equal(bl_st_count(x), bl_st_count(y));
    for (size_t i = 0; i < bl_st_count(x); i++) {
        const bl_st_tensor *t = bl_st_at(x, i), *same = bl_st_find(y, t->name);
        assert_non_null(same);
        assert_int_equal(same->count, t->count);
        size_t bytes = t->count * (t->dtype == BL_I64 ? sizeof(int64_t) : sizeof(float));
        float *ours = bytes_of(t, bytes), *theirs = bytes_of(same, bytes);
        if (t->dtype == BL_I64)
            assert_memory_equal(ours, theirs, bytes);
        for (size_t k = 0; t->dtype != BL_I64 && k < t->count; k++) {
            double away = (double)ours[k] - (double)theirs[k];
            apart += away * away;
            size += (double)theirs[k] * (double)theirs[k];
        }
        free(ours);
        free(theirs);
    }
    bl_st_close(x);
    bl_st_close(y);
    return sqrt(apart / size);
}

/* The data was read as far in both. */
static inline void assert_same_place(const char *a, const char *b, unsigned step)
{
    bl_train_state x, y;
    char path[120];
    (void)snprintf(path, sizeof path, "%s/ckpt/step-%08u", a, step);
    assert_ok(bl_checkpoint_state(&x, scratch(path), &failure));
    (void)snprintf(path, sizeof path, "%s/ckpt/step-%08u", b, step);
    assert_ok(bl_checkpoint_state(&y, scratch(path), &failure));
    assert_int_equal(x.step, y.step);
    assert_int_equal(x.tokens, y.tokens);
    assert_int_equal(x.epoch, y.epoch);
    assert_int_equal(x.position, y.position);
}

#endif
