/* Exports: what is never replaced, and what is left when one fails. */
#define _GNU_SOURCE /* mkdtemp, symlink, syscall, renameat2 */

#include "bitllama.h"
#include "core/alloc.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/path.h"
#include "format/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
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

/* ---- a system that fails at a chosen place ---- */

static struct {
    const char *out; /* of the export; NULL: nothing fails */
    int no_exchange; /* the file system has no such step */
    int keep_new;    /* the new folder cannot get the name */
    int keep_old;    /* nor can the old one get it back */
    int keep_sync;   /* the folder around cannot be synced then */
    int keep_file;   /* nothing can be removed from the old folder */
    int drop;        /* somebody puts a file into the old folder, just before it steps aside */
    int moved;       /* the new folder has the name */
} trouble;

static int ends(const char *text, const char *with)
{
    size_t n = strlen(text), m = strlen(with);
    return n >= m && strcmp(text + n - m, with) == 0;
}

static int fails(int error)
{
    errno = error;
    return -1;
}

static void drop_notes(void)
{
    if (trouble.drop--)
        assert_int_equal(bl_file_replace(inside("t", "notes"), "x", 1, NULL), BL_OK);
}

/* In place of those of the system, for the library in this program. */
int rename(const char *from, const char *to)
{
    int here = trouble.out && strcmp(to, trouble.out) == 0;
    if (here && (ends(from, ".old") ? trouble.keep_old : trouble.keep_new))
        return fails(EIO);
    if (trouble.out && trouble.drop && strcmp(from, trouble.out) == 0)
        drop_notes();
    trouble.moved |= here && !ends(from, ".old");
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (trouble.out && (trouble.no_exchange || trouble.keep_new))
        return fails(trouble.no_exchange ? EINVAL : EIO);
    if (trouble.out && trouble.drop)
        drop_notes();
    trouble.moved |= trouble.out && strcmp(to, trouble.out) == 0;
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int fsync(int fd)
{
    return trouble.out && trouble.moved && trouble.keep_sync ? fails(EIO) : fdatasync(fd);
}

int unlinkat(int dir, const char *path, int flags)
{
    if (trouble.out && trouble.moved && trouble.keep_file)
        return fails(EIO);
    return (int)syscall(SYS_unlinkat, dir, path, flags);
}

/* ---- folders ---- */

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

/* Latent weights are not an export, whatever files lie beside them; nor is a float model. */
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
    assert_int_equal(bl_model_open(&m, ".", NULL, NULL), BL_OK);
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
    assert_int_equal(names.count, 6); /* without a tokenizer, as `links` */
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

/* ---- where a model comes from ---- */

static void fingerprint_of(const char *name, char hex[33])
{
    bl_model *m = tiny_open(name, "cpu");
    assert_int_equal(bl_model_fingerprint(m, hex, NULL), BL_OK);
    bl_model_close(m);
}

/* The metadata's parent_fingerprint, or "". */
static void parent_in(const char *name, char hex[33])
{
    bl_st *st;
    assert_int_equal(bl_st_open(&st, inside(name, "model.safetensors"), NULL), BL_OK);
    const char *parent = bl_st_metadata(st, "parent_fingerprint");
    (void)snprintf(hex, 33, "%s", parent ? parent : "");
    bl_st_close(st);
}

static void test_parent_goes_on(void **state)
{
    (void)state;
    static const char *const chain[][3] = {{"ternary", "first", "bf16"},
                                           {"first", "second", "f32"},
                                           {"second", "third", "f16"},
                                           {"third", "fourth", "bf16"}};
    char ours[33], got[33];
    fingerprint_of("ternary", ours);
    for (size_t i = 0; i < sizeof chain / sizeof *chain; i++) {
        export_fine(chain[i][0], chain[i][1], chain[i][2]);
        parent_in(chain[i][1], got);
        assert_string_equal(got, ours);
    }
    export_fine("ternary", "whole", "f32");
    parent_in("whole", got);
    assert_string_equal(got, "");
}

/* The tensors of a model once more: with this parent_fingerprint, and with this for element 37 of
 * the embedding. */
static void rewrite(const char *from, const char *to, const char *parent, const float *spoilt)
{
    bl_st *st;
    bl_st_writer *w;
    assert_int_equal(bl_st_open(&st, inside(from, "model.safetensors"), NULL), BL_OK);
    assert_int_equal(bl_st_writer_open(&w, inside(to, "model.safetensors"), NULL), BL_OK);
    if (parent)
        assert_int_equal(bl_st_writer_metadata(w, "parent_fingerprint", parent, NULL), BL_OK);
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        assert_int_equal(bl_st_writer_declare(w, t->name, t->dtype, t->rank, t->shape, NULL),
                         BL_OK);
    }
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        size_t bytes = t->count * bl_dtype_bytes(t->dtype);
        unsigned char *data = bl_calloc(bytes, 1);
        assert_int_equal(bl_st_read(t, 0, bytes, data, NULL), BL_OK);
        if (spoilt && strcmp(t->name, "model.embed_tokens.weight") == 0)
            memcpy(data + 37 * sizeof *spoilt, spoilt, sizeof *spoilt);
        assert_int_equal(bl_st_writer_data(w, data, bytes, NULL), BL_OK);
        bl_free(data);
    }
    assert_int_equal(bl_st_writer_commit(w, NULL), BL_OK);
    bl_st_close(st);
}

static void test_parent_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "0123456789abcdef0123456789abcde",
                                      "0123456789abcdef0123456789abcdef0",
                                      "0123456789abcdef0123456789abcdeg",
                                      "0123456789ABCDEF0123456789ABCDEF",
                                      " 123456789abcdef0123456789abcdef"};
    copy_model("ternary", "child");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bl_model *m;
        bl_error err = {BL_OK, ""};
        rewrite("ternary", "child", bad[i], NULL);
        bl_status status = bl_model_open(&m, tiny_path("child"), NULL, &err);
        if (status != BL_EFORMAT || !strstr(err.message, "child/model.safetensors: ") ||
            !strstr(err.message, "parent_fingerprint"))
            fail_msg("\"%s\": status %d, \"%s\"", bad[i], status, err.message);
    }
    rewrite("ternary", "child", "0123456789abcdef0123456789abcdef", NULL);
    bl_model_close(tiny_open("child", "cpu"));
}

/* ---- the tokenizer ---- */

static void same_file(const char *a, const char *b)
{
    bl_map x, y;
    assert_int_equal(bl_map_open(&x, a, NULL), BL_OK);
    assert_int_equal(bl_map_open(&y, b, NULL), BL_OK);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    bl_map_close(&x);
    bl_map_close(&y);
}

/* Without tokenizer_config.json it is made, as `prepare` made that of the run; without a tokenizer
 * there is neither. */
static void test_tokenizer_config(void **state)
{
    (void)state;
    copy_model("ternary", "bare");
    assert_int_equal(bl_file_remove(inside("bare", "tokenizer_config.json"), NULL), BL_OK);
    export_fine("bare", "made", "f32");
    same_file(inside("made", "tokenizer.json"), inside("ternary", "tokenizer.json"));
    same_file(inside("made", "tokenizer_config.json"), inside("ternary", "tokenizer_config.json"));

    assert_int_equal(bl_file_replace(inside("bare", "tokenizer_config.json"), "{}", 2, NULL),
                     BL_OK);
    export_fine("bare", "made", "f32");
    same_file(inside("made", "tokenizer_config.json"), inside("bare", "tokenizer_config.json"));

    assert_int_equal(bl_file_remove(inside("bare", "tokenizer.json"), NULL), BL_OK);
    export_fine("bare", "made", "f32");
    assert_int_equal(bl_path_what(inside("made", "tokenizer.json")), BL_PATH_NONE);
    assert_int_equal(bl_path_what(inside("made", "tokenizer_config.json")), BL_PATH_NONE);
}

/* ---- numbers ---- */

/* What cannot be written, or read, is named with its tensor and its place in it,
 * and nothing stays. */
static void test_overflow(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *dtype, *why; /* NULL: fine */
    } cases[] = {{65520.0f, "f16", "element 37 is 65520, too large for F16"},
                 {-65519.0f, "f16", NULL},
                 {0x1.fffffep127f, "bf16", "element 37 is"},
                 {-0x1.ffp127f, "bf16", "element 37 is"},
                 {0x1.fefffep127f, "bf16", NULL},
                 {0x1.fffffep127f, "f32", NULL},
                 {INFINITY, NULL, "element 37 is not finite"},
                 {NAN, NULL, "element 37 is not finite"}};
    copy_model("ternary", "spoilt");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bl_model *m;
        bl_error err = {BL_OK, ""};
        rewrite("ternary", "spoilt", NULL, &cases[i].value);
        bl_status status = bl_model_open(&m, tiny_path("spoilt"), NULL, &err);
        if (status == BL_OK && cases[i].dtype)
            status = bl_export(m, tiny_path("narrow"), cases[i].dtype, 1, &err);
        bl_model_close(m);
        if ((status == BL_OK) != !cases[i].why ||
            (cases[i].why && (!strstr(err.message, cases[i].why) ||
                              !strstr(err.message, "tensor model.embed_tokens.weight"))))
            fail_msg("case %zu: status %d, \"%s\"", i, status, err.message);
        int there = bl_path_what(tiny_path("narrow")) == BL_PATH_DIR;
        assert_int_equal(there, status == BL_OK);
        if (there)
            assert_int_equal(bl_dir_remove(tiny_path("narrow"), NULL), BL_OK);
    }
    nothing_beside();
}

/* ---- moving ---- */

/* The one thing in the test's folder whose name begins with a dot, or NULL. */
static const char *find_hidden(void)
{
    static char found[64];
    bl_names names;
    *found = 0;
    assert_int_equal(bl_dir_list(&names, tiny_dir, NULL), BL_OK);
    for (size_t i = 0; i < names.count; i++)
        if (*names.name[i] == '.') {
            assert_int_equal(*found, 0);
            (void)snprintf(found, sizeof found, "%.60s", names.name[i]);
        }
    bl_names_release(&names);
    return *found ? found : NULL;
}

/* `mlp` over an export of `ternary`: which of them is at the place and beside it, in the end, and
 * what the next export makes of it. */
static void test_moves(void **state)
{
    (void)state;
    static const struct {
        int no_exchange, keep_new, keep_old, keep_sync, keep_file, drop;
        bl_status want;
        int in_place;       /* 0 nothing, 1 the old one, 2 the new one */
        const char *beside; /* how what stays hidden ends, or NULL */
        const char *why;
    } cases[] = {
        {0, 0, 0, 0, 0, 0, BL_OK, 2, NULL, ""},
        {0, 1, 0, 0, 0, 0, BL_EIO, 1, NULL, "t there: "},
        {0, 0, 0, 1, 0, 0, BL_EIO, 2, ".tmp", "t is in place, but it may not last"},
        {0, 0, 0, 0, 1, 0, BL_OK, 2, ".tmp", ""},
        {0, 0, 0, 0, 0, 1, BL_EINVAL, 1, NULL, "notes in it is no part of an export"},
        {1, 0, 0, 0, 0, 0, BL_OK, 2, NULL, ""},
        {1, 1, 0, 0, 0, 0, BL_EIO, 1, NULL, "t there: "},
        {1, 1, 1, 0, 0, 0, BL_EIO, 0, ".old", "t there: "},
        {1, 0, 0, 1, 0, 0, BL_EIO, 2, ".old", "t is in place, but it may not last"},
        {1, 0, 0, 0, 1, 0, BL_OK, 2, ".old", ""},
        {1, 0, 0, 0, 0, 1, BL_EINVAL, 1, NULL, "notes in it is no part of an export"},
    };
    char ours[2][33], got[33];
    fingerprint_of("ternary", ours[0]);
    fingerprint_of("mlp", ours[1]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char place[64];
        bl_error err = {BL_OK, ""};
        export_fine("ternary", "t", "f32");
        (void)snprintf(place, sizeof place, "%s", tiny_path("t"));
        memset(&trouble, 0, sizeof trouble);
        trouble.no_exchange = cases[i].no_exchange;
        trouble.keep_new = cases[i].keep_new, trouble.keep_old = cases[i].keep_old;
        trouble.keep_sync = cases[i].keep_sync, trouble.keep_file = cases[i].keep_file;
        trouble.drop = cases[i].drop;
        trouble.out = place;
        bl_status status = export("mlp", "t", "f32", &err);
        trouble.out = NULL;
        if (status != cases[i].want || (status != BL_OK && !strstr(err.message, cases[i].why)))
            fail_msg("case %zu: status %d, \"%s\"", i, status, err.message);
        if (cases[i].in_place) {
            fingerprint_of("t", got);
            assert_string_equal(got, ours[cases[i].in_place - 1]);
        } else
            assert_int_equal(bl_path_what(place), BL_PATH_NONE);
        const char *kept = find_hidden();
        if (cases[i].beside ? !kept || !ends(kept, cases[i].beside) : kept != NULL)
            fail_msg("case %zu: %s stays", i, kept);
        if (!cases[i].in_place) { /* a reader finds the old one */
            fingerprint_of("t", got);
            assert_string_equal(got, ours[0]);
        }
        if (cases[i].drop)
            assert_int_equal(bl_file_remove(inside("t", "notes"), NULL), BL_OK);
        export_fine("mlp", "t", "f32"); /* and sweeps */
        assert_null(find_hidden());
        assert_int_equal(bl_dir_remove(place, NULL), BL_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latents),          cmocka_unit_test(test_source),
        cmocka_unit_test(test_others),           cmocka_unit_test(test_moves),
        cmocka_unit_test(test_parent_goes_on),   cmocka_unit_test(test_parent_strict),
        cmocka_unit_test(test_tokenizer_config), cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, tiny_make, tiny_remove);
}
