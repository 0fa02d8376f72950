/* Exports: what is never replaced, and what is there when one fails. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp, symlink */

#include "bitllama.h"
#include "core/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tiny_models.h"

/* A path out of two names; valid for the next few calls. */
static char *inside(const char *dir, const char *name)
{
    char both[64];
    (void)snprintf(both, sizeof both, "%s/%s", dir, name);
    return tiny_path(both);
}

static void copy(const char *from, const char *to)
{
    bl_map map;
    assert_int_equal(bl_map_open(&map, from, NULL), BL_OK);
    assert_int_equal(bl_file_replace(to, map.data, map.size, NULL), BL_OK);
    bl_map_close(&map);
}

/* A model folder with the files of another folder. */
static void copy_model(const char *from, const char *to)
{
    static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json",
                                        "tokenizer_config.json", "README.md"};
    assert_int_equal(bl_dir_make(tiny_path(to), NULL), BL_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        copy(inside(from, files[i]), inside(to, files[i]));
}

static bl_status export(const char *from, const char *to, const char *dtype, bl_error *err)
{
    bl_model *m = tiny_open(from, "cpu");
    bl_status status = bl_export(m, tiny_path(to), dtype, 1, err);
    bl_model_close(m);
    return status;
}

static void export_fine(const char *from, const char *to, const char *dtype)
{
    bl_error err;
    if (export(from, to, dtype, &err) != BL_OK)
        fail_msg("%s to %s: %s", from, to, err.message);
}

/* Refused, and every byte of the weights in `kept` is as it was, in the same file. */
static void export_refused(const char *from, const char *to, const char *kept, const char *why)
{
    bl_error err = {BL_OK, ""};
    bl_map before, after;
    char weights[96];
    (void)snprintf(weights, sizeof weights, "%s", inside(kept, "model.safetensors"));
    assert_int_equal(bl_map_open(&before, weights, NULL), BL_OK);
    bl_status status = export(from, to, "bf16", &err);
    if (status != BL_EINVAL || !strstr(err.message, why))
        fail_msg("%s to %s: status %d, \"%s\"", from, to, status, err.message);
    assert_int_equal(bl_map_open(&after, weights, NULL), BL_OK);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    bl_map_close(&before);
    bl_map_close(&after);
}

static void nothing_beside(void)
{
    bl_names names;
    assert_int_equal(bl_dir_list(&names, tiny_dir, NULL), BL_OK);
    for (size_t i = 0; i < names.count; i++)
        if (strstr(names.name[i], ".tmp"))
            fail_msg("%s stays", names.name[i]);
    bl_names_release(&names);
}

/* Latent weights are no export, whatever files lie beside them; nor is a float model. */
static void test_latents(void **state)
{
    (void)state;
    copy_model("ternary", "latent");
    export_refused("latent", "latent", "latent", "is no export");
    export_refused("ternary", "latent", "latent", "is no export");
    export_refused("mlp", "latent", "latent", "is no export");
    export_fine("ternary", "fine", "f32");
    copy(inside("fine", "README.md"), inside("latent", "README.md"));
    export_refused("ternary", "latent", "latent", "is no export");
    copy(inside("fine", "config.json"), inside("latent", "config.json"));
    export_refused("ternary", "latent", "latent", "is no export");
    copy_model("none", "floats");
    export_refused("floats", "floats", "floats", "is no export");
    export_fine("none", "floats-out", "f32");
    export_fine("none", "floats-out", "bf16"); /* this one is */
    export_refused("ternary", "ternary", "ternary", "no part of an export");
    nothing_beside();
}

/* The model itself, by every spelling. */
static void test_source(void **state)
{
    (void)state;
    char here[64], *was = getcwd(NULL, 0);
    bl_names names;
    export_fine("ternary", "p", "f32");
    export_fine("ternary", "q", "f32");
    export_refused("p", "p", "p", "holds the model that is to be exported");
    export_refused("p", "p///", "p", "holds the model that is to be exported");
    export_refused("p/.", "p", "p", "holds the model that is to be exported");
    export_refused("q/../p", "p", "p", "holds the model that is to be exported");
    export_refused("p", "q/../p", "p", "holds the model that is to be exported");
    assert_int_equal(symlink("p", tiny_path("to-p")), 0);
    assert_int_equal(symlink(".", tiny_path("to-here")), 0);
    export_refused("to-p", "p", "p", "holds the model that is to be exported");
    export_refused("p", "to-here/p", "p", "holds the model that is to be exported");
    export_refused("p", "to-p", "p", "is a symbolic link");

    /* from inside it */
    bl_model *m;
    bl_error err = {BL_OK, ""};
    (void)snprintf(here, sizeof here, "%s", inside("p", ""));
    assert_int_equal(chdir(here), 0);
    assert_int_equal(bl_model_open(&m, ".", "cpu", NULL), BL_OK);
    assert_int_equal(bl_export(m, "../p", "f32", 1, &err), BL_EINVAL);
    assert_non_null(strstr(err.message, "holds the model that is to be exported"));
    bl_model_close(m);
    assert_int_equal(chdir(was), 0);
    free(was);

    /* a folder of links into it */
    assert_int_equal(bl_dir_make(tiny_path("links"), NULL), BL_OK);
    copy(inside("p", "config.json"), inside("links", "config.json"));
    assert_int_equal(symlink("../p/model.safetensors", inside("links", "model.safetensors")), 0);
    export_refused("links", "p", "p", "holds the model that is to be exported");
    export_fine("ternary", "q", "bf16");
    export_fine("links", "q", "bf16");
    export_fine("q", "p", "f32");

    assert_int_equal(bl_dir_list(&names, tiny_path("p"), NULL), BL_OK);
    assert_int_equal(names.count, 4); /* without a tokenizer, as `links` */
    bl_names_release(&names);
    nothing_beside();
}

/* What has the name of one of our files, and is something else. */
static void test_others(void **state)
{
    (void)state;
    export_fine("ternary", "r", "f32");
    assert_int_equal(bl_file_remove(inside("r", "generation_config.json"), NULL), BL_OK);
    assert_int_equal(bl_dir_make(inside("r", "generation_config.json"), NULL), BL_OK);
    assert_int_equal(bl_file_replace(inside("r", "generation_config.json/notes"), "x", 1, NULL),
                     BL_OK);
    export_refused("ternary", "r", "r", "generation_config.json in it is no part of an export");
    assert_int_equal(bl_path_what(inside("r", "generation_config.json/notes")), BL_PATH_FILE);

    export_fine("ternary", "s", "f32");
    assert_int_equal(bl_file_replace(inside("s", "notes"), "x", 1, NULL), BL_OK);
    export_refused("ternary", "s", "s", "notes in it is no part of an export");
    assert_int_equal(bl_file_remove(inside("s", "notes"), NULL), BL_OK);
    export_fine("ternary", "s", "f32");

    assert_int_equal(bl_file_replace(inside("s", "README.md"), "mine", 4, NULL), BL_OK);
    export_refused("ternary", "s", "s", "is no export");
    nothing_beside();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latents),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, tiny_make, tiny_remove);
}
