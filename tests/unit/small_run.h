/* A small training run for a test program: its data, its options, and what it reported.  Include
 * first. */
#ifndef BL_TESTS_SMALL_RUN_H
#define BL_TESTS_SMALL_RUN_H

#include "option_pairs.h"
#include "core/file.h"

/* What a run reported to its watcher. */
typedef struct watch {
    bl_trainer *trainer;
    uint64_t stop_at, first, last, steps; /* steps: as the last event says */
    unsigned trained, warnings;
    char warning[600]; /* the last */
    void (*on_step)(struct watch *w,
                    const bl_train_event *); /* what a test does meanwhile, or NULL */
} watch;

static inline void on_event(void *user, const bl_train_event *e)
{
    watch *w = user;
    w->steps = e->steps;
    if (e->kind == BL_TRAIN_WARNING) {
        w->warnings++;
        (void)snprintf(w->warning, sizeof w->warning, "%s", e->text);
    }
    if (e->kind != BL_TRAIN_STEP)
        return;
    if (!w->trained++)
        w->first = e->step;
    w->last = e->step;
    if (w->last == w->stop_at)
        bl_trainer_stop(w->trainer);
    if (w->on_step)
        w->on_step(w, e);
}

static inline int make_data(void **state)
{
    static const pair set[] = {{"tales_bytes", "60000"}, {"vocab_size", "400"}, {NULL}};
    assert_int_equal(scratch_make(state), 0);
    prepare_tales(set);
    return 0;
}

/* Runs in this folder with these options (up to a NULL name) over the usual ones; what is not an
 * option of training is one of the model. */
static inline bl_status train(const char *run, pair *set, watch *w)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "32"},
                                 {"num_hidden_layers", "1"},
                                 {"num_attention_heads", "2"}};
    static const pair usual[] = {{"preset", "tiny"}, {"batch", "2"}, {"context", "16"}};
    bl_options *o, *config;
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        assert_ok(bl_options_set(config, shape[i][0], shape[i][1], &failure));
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        assert_ok(bl_options_set(o, usual[i][0], usual[i][1], &failure));
    for (; set && (*set)[0]; set++)
        if (bl_options_set(o, (*set)[0], (*set)[1], NULL) != BL_OK)
            assert_ok(bl_options_set(config, (*set)[0], (*set)[1], &failure));
    bl_status status = bl_trainer_open(&w->trainer, scratch("data"), *run ? scratch(run) : run, o,
                                       config, &failure);
    if (status == BL_OK) {
        if (w->stop_at == UINT64_MAX) /* before the first step */
            bl_trainer_stop(w->trainer);
        status = bl_trainer_run(w->trainer, on_event, w, &failure);
    }
    bl_trainer_close(w->trainer);
    bl_options_close(config);
    bl_options_close(o);
    return status;
}

/* A file again, with the first `was` in it replaced. */
static inline void replace_in(const char *from, const char *to, const char *was, const char *is)
{
    bl_map map;
    assert_ok(bl_map_open(&map, from, &failure));
    char *text = calloc(map.size + 1, 1);
    assert_non_null(text);
    memcpy(text, map.data, map.size);
    const char *at = strstr(text, was);
    assert_non_null(at);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    (void)fprintf(file, "%.*s%s%s", (int)(at - text), text, is, at + strlen(was));
    assert_int_equal(fclose(file), 0);
    free(text);
    bl_map_close(&map);
}

/* The checkpoints of this step have the same weights and moments, to the bit. */
static inline void same_checkpoint(const char *a, const char *b, unsigned step)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors"};
    const char *run[] = {a, b};
    for (size_t f = 0; f < 2; f++) {
        bl_map map[2];
        for (size_t i = 0; i < 2; i++) {
            char path[120];
            (void)snprintf(path, sizeof path, "%s/ckpt/step-%08u/%s", run[i], step, files[f]);
            assert_ok(bl_map_open(&map[i], scratch(path), &failure));
        }
        assert_int_equal(map[0].size, map[1].size);
        assert_memory_equal(map[0].data, map[1].data, map[0].size);
        bl_map_close(&map[0]);
        bl_map_close(&map[1]);
    }
}

static inline void copy_file(const char *from, const char *to)
{
    bl_map map;
    assert_ok(bl_map_open(&map, from, &failure));
    scratch_write(to, map.data, map.size);
    bl_map_close(&map);
}

#endif
