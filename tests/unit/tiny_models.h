/* Tiny models of several variants for tests: made once, in a folder that goes when the test
 * ends. */
#ifndef BL_TESTS_TINY_MODELS_H
#define BL_TESTS_TINY_MODELS_H

#include "bitllama.h"
#include "core/dir.h"
#include "on_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TINY_V = 400 };

static char tiny_dir[] = "/tmp/bitllama-tiny-XXXXXX";

/* A path in the folder; valid for the next few calls. */
static inline char *tiny_path(const char *name)
{
    static char path[4][96];
    static size_t next;
    char *p = path[next++ % 4];
    (void)snprintf(p, sizeof path[0], "%s/%s", tiny_dir, name);
    return p;
}

/* name=value,name=value into a set of options */
static inline bl_options *tiny_options(bl_options_kind kind, const char *values)
{
    bl_options *o;
    bl_error err;
    char text[256], *rest = text;
    (void)snprintf(text, sizeof text, "%s", values);
    assert_int_equal(bl_options_open(&o, kind, NULL), BL_OK);
    for (char *pair = strtok_r(text, ",", &rest); pair; pair = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(pair, '=');
        *value++ = 0;
        if (bl_options_set(o, pair, value, &err) != BL_OK)
            fail_msg("%s", err.message);
    }
    return o;
}

#define TINY_SIZE "hidden_size=32,intermediate_size=40,num_hidden_layers=2,num_attention_heads=2"
static const char *const tiny_models[][2] = {
    {"ternary", TINY_SIZE},
    {"none", TINY_SIZE ",quantization=none"},
    {"mlp", TINY_SIZE ",ttt_layer_type=mlp,pre_conv=true"},
    {"plain", TINY_SIZE ",share_qk=false,use_gate=false,mini_batch_size=5,ttt_forget=false"},
    /* after those that TINY_MODELS counts: matrices that cannot be packed */
    {"odd", TINY_SIZE ",intermediate_size=42"},
};
enum { TINY_ALL = sizeof tiny_models / sizeof *tiny_models, TINY_MODELS = TINY_ALL - 1 };

static inline int tiny_make(void **state)
{
    (void)state;
    const char *source = "tales";
    assert_non_null(mkdtemp(tiny_dir));
    bl_options *prepare = tiny_options(BL_OPTIONS_PREPARE, "tales_bytes=60000,vocab_size=400");
    assert_int_equal(bl_prepare(&source, 1, tiny_path("data"), prepare, NULL, NULL, NULL, NULL),
                     BL_OK);
    bl_options_close(prepare);
    for (size_t i = 0; i < TINY_ALL; i++) {
        bl_options *train =
            tiny_options(BL_OPTIONS_TRAIN, "preset=tiny,steps=3,batch=2,context=48");
        bl_options *config = tiny_options(BL_OPTIONS_CONFIG, tiny_models[i][1]);
        bl_trainer *t;
        bl_error err;
        if (bl_trainer_open(&t, tiny_path("data"), tiny_path(tiny_models[i][0]), train, config,
                            &err) != BL_OK)
            fail_msg("%s", err.message);
        assert_int_equal(bl_trainer_run(t, NULL, NULL, NULL), BL_OK);
        bl_trainer_close(t);
        bl_options_close(train);
        bl_options_close(config);
    }
    return 0;
}

static inline int tiny_remove(void **state)
{
    (void)state;
    return bl_dir_remove(tiny_dir, NULL) == BL_OK ? 0 : 1;
}

static inline bl_model *tiny_open(const char *name, const char *device)
{
    bl_model *m;
    bl_error err;
    if (model_open_on(&m, tiny_path(name), device, &err) != BL_OK)
        fail_msg("%s", err.message);
    return m;
}

#endif
