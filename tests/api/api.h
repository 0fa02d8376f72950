/* What the programs of this ring share: cmocka, a folder of their own, and a small model in it, all
 * made through the public header, as somebody's program would. */
#ifndef BL_TESTS_API_H
#define BL_TESTS_API_H

#define _POSIX_C_SOURCE 200809L
#define _XOPEN_SOURCE   700 /* nftw */

#include "bitllama.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { API_V = 400 };

static char api_folder[256];

/* A path in the folder; valid until the eighth next call. */
static inline const char *api_path(const char *name)
{
    static char path[8][512];
    static unsigned turn;
    char *p = path[turn++ % 8];
    (void)snprintf(p, sizeof path[0], "%s/%s", api_folder, name);
    return p;
}

static bl_error api_error;
#define assert_ok(expr)                                                                            \
    do {                                                                                           \
        if ((expr) != BL_OK)                                                                       \
            fail_msg("%s: %s", #expr, api_error.message);                                          \
    } while (0)

/* Options of a kind from name, value, ..., NULL. */
static inline bl_options *api_options(bl_options_kind kind, ...)
{
    bl_options *o;
    va_list args;
    assert_ok(bl_options_open(&o, kind, &api_error));
    va_start(args, kind);
    for (const char *name; (name = va_arg(args, const char *)) != NULL;)
        assert_ok(bl_options_set(o, name, va_arg(args, const char *), &api_error));
    va_end(args);
    return o;
}

static inline bl_options *api_small_config(void)
{
    return api_options(BL_OPTIONS_CONFIG, "hidden_size", "32", "intermediate_size", "32",
                       "num_hidden_layers", "1", "num_attention_heads", "2", (char *)NULL);
}

static inline bl_options *api_small_training(const char *steps)
{
    return api_options(BL_OPTIONS_TRAIN, "preset", "tiny", "batch", "2", "context", "16", "threads",
                       "1", "sample_every", "1000", "steps", steps, (char *)NULL);
}

/* cmocka's group setup: the folder, with data and a run of four steps in it. */
static inline int api_make(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR"), *source = "tales";
    (void)snprintf(api_folder, sizeof api_folder, "%s/bitllama-api-XXXXXX",
                   root && *root ? root : "/tmp");
    if (!mkdtemp(api_folder))
        return -1;
    bl_options *prepare = api_options(BL_OPTIONS_PREPARE, "tales_bytes", "60000", "vocab_size",
                                      "400", "val_split", "0.1", (char *)NULL);
    bl_options *train = api_small_training("4"), *config = api_small_config();
    bl_trainer *t;
    assert_ok(bl_prepare(&source, 1, api_path("data"), prepare, NULL, NULL, NULL, &api_error));
    assert_ok(bl_trainer_open(&t, api_path("data"), api_path("run"), train, config, &api_error));
    assert_ok(bl_trainer_run(t, NULL, NULL, &api_error));
    bl_trainer_close(t);
    bl_options_close(prepare);
    bl_options_close(train);
    bl_options_close(config);
    return 0;
}

static inline int api_remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
    (void)s, (void)type, (void)f;
    return remove(path);
}

static inline int api_remove(void **state)
{
    (void)state;
    return nftw(api_folder, api_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The same with the model of that run, open. */
static bl_model *api_model;

static inline int api_make_model(void **state)
{
    if (api_make(state) != 0)
        return -1;
    assert_ok(bl_model_open(&api_model, api_path("run"), NULL, &api_error));
    return 0;
}

static inline int api_remove_model(void **state)
{
    bl_model_close(api_model);
    return api_remove(state);
}

#endif
