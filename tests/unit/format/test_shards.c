/* Weights in several files: one set of tensors of them all, and hostile indexes of every kind. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/file.h"
#include "core/path.h"
#include "format/shards.h"

enum { TENSORS = 5 };

/* A file of two-element tensors, each named by a letter, with that letter as its first number. */
static void write_file(const char *file, const char *letters, const char *note)
{
    bl_st_writer *w = NULL;
    assert_ok(bl_st_writer_open(&w, scratch(file), &failure));
    assert_ok(bl_st_writer_metadata(w, "note", note, &failure));
    if (*letters == 'c')
        assert_ok(bl_st_writer_metadata(w, "more", "of the second", &failure));
    for (const char *c = letters; *c; c++)
        assert_ok(bl_st_writer_declare(w, (const char[]){*c, 0}, BL_F32, 1, (const size_t[]){2},
                                       &failure));
    for (const char *c = letters; *c; c++)
        assert_ok(bl_st_writer_data(w, (const float[]){(float)*c, 1}, 2 * sizeof(float), &failure));
    assert_ok(bl_st_writer_commit(w, &failure));
}

static const char index_name[] = BL_WEIGHTS_INDEX;
static const char right[] =
    "{\"metadata\": {\"total_size\": 40}, \"weight_map\": {"
    "\"e\": \"2.safetensors\", \"b\": \"1.safetensors\", \"a\": "
    "\"1.safetensors\", \"c\": \"2.safetensors\", \"d\": \"2.safetensors\"}}";

static int make(void **state)
{
    if (scratch_make(state))
        return -1;
    write_file("1.safetensors", "ba", "first");
    write_file("2.safetensors", "cde", "second");
    write_file("twice.safetensors", "ac", "third");
    write_file("none.safetensors", "", "fourth");
    return 0;
}

static void put_index(const char *text)
{
    scratch_write(scratch(index_name), text, strlen(text));
}

static bl_status open_index(bl_st **st, bl_error *err)
{
    bl_status status = bl_weights_open_files(st, scratch(index_name), err);
    assert_true(!*st == (status != BL_OK));
    return status;
}

/* ---- what is right ---- */

static void shards_are_one(void **state)
{
    (void)state;
    bl_st *st = NULL;
    bl_names files;
    put_index(right);
    assert_ok(bl_shards_list(&files, scratch(index_name), &failure));
    assert_int_equal(files.count, 2);
    assert_string_equal(files.name[0], "1.safetensors");
    assert_string_equal(files.name[1], "2.safetensors");
    bl_names_release(&files);
    assert_ok(open_index(&st, &failure));
    assert_int_equal(bl_st_count(st), TENSORS);
    for (size_t i = 0; i < TENSORS; i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        float values[2];
        assert_int_equal(t->name[0], "bacde"[i]);
        assert_ptr_equal(bl_st_find(st, t->name), t);
        assert_ok(bl_st_get_f32(st, t->name, 1, (const size_t[]){2}, values, &failure));
        assert_true(values[0] == (float)t->name[0] && values[1] == 1);
    }
    assert_null(bl_st_find(st, "f"));
    assert_string_equal(bl_st_metadata(st, "note"), "first");
    assert_string_equal(bl_st_metadata(st, "more"), "of the second");
    assert_int_equal(bl_st_metadata_count(st), 2);
    bl_error err;
    assert_int_equal(bl_st_check_f32(st, "c", 1, (const size_t[]){3}, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, "2.safetensors: tensor c has shape [2]"));
    assert_int_equal(bl_st_check_f32(st, "f", 1, (const size_t[]){2}, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, BL_WEIGHTS_INDEX ": tensor f is missing"));
    bl_st_close(st);
}

static void one_file_goes_before(void **state)
{
    (void)state;
    char *path;
    put_index(right);
    assert_ok(bl_weights_path(&path, scratch_folder, &failure));
    assert_string_equal(path, scratch(index_name));
    bl_free(path);
    write_file(BL_WEIGHTS_FILE, "a", "whole");
    assert_ok(bl_weights_path(&path, scratch_folder, &failure));
    assert_string_equal(path, scratch(BL_WEIGHTS_FILE));
    bl_st *st = NULL;
    assert_ok(bl_weights_open_files(&st, path, &failure));
    assert_int_equal(bl_st_count(st), 1);
    bl_st_close(st);
    bl_free(path);
    assert_ok(bl_file_remove(scratch(BL_WEIGHTS_FILE), &failure));
}

/* ---- what is wrong ---- */

#define MAP(pairs) "{\"weight_map\": {" pairs "}}"
#define REST                                                                                       \
    "\"b\": \"1.safetensors\", \"c\": \"2.safetensors\", \"d\": \"2.safetensors\", \"e\": "        \
    "\"2.safetensors\""

static const struct {
    const char *index, *says;
} hostile[] = {
    {"", "an empty file"},
    {"[]", "found"},
    {"{}", "weight_map says which tensor is in which file; found nothing"},
    {"{\"weight_map\": 3}", "found an integer"},
    {"{\"weight_map\": []}", "found a list"},
    {MAP(""), "an empty one"},
    {MAP("\"a\": 1"), "tensor a: a file name is text, found an integer"},
    {MAP("\"a\": null"), "a file name is text"},
    {MAP("\"a\": \"\""), "is no name of a safetensors file beside it"},
    {MAP("\"a\": \"../1.safetensors\""), "\"../1.safetensors\" is no name"},
    {MAP("\"a\": \"/etc/x.safetensors\""), "is no name"},
    {MAP("\"a\": \"sub/1.safetensors\""), "is no name"},
    {MAP("\"a\": \"a\\\\b.safetensors\""), "is no name"},
    {MAP("\"a\": \".safetensors\""), "is no name"},
    {MAP("\"a\": \"..safetensors\""), "is no name"},
    {MAP("\"a\": \"1.safetensors\\n\""), "is no name"},
    {MAP("\"a\": \"x\\u0007.safetensors\""), "is no name"},
    {MAP("\"a\": \"config.json\""), "is no name"},
    {MAP("\"a\": \"" BL_WEIGHTS_INDEX "\""), "is no name"},
    {MAP("\"a\": \"absent.safetensors\""), "its file absent.safetensors is not there"},
    {MAP("\"a\": \"1.safetensors\", \"a\": \"2.safetensors\""), "duplicate"},
    {MAP("\"a\": \"1.safetensors\""), "tensor b of 1.safetensors is not in the index"},
    {MAP("\"a\": \"2.safetensors\", " REST),
     "tensor a is in 1.safetensors, by the index in 2.safetensors"},
    {MAP("\"a\": \"twice.safetensors\", " REST), "by the index in"},
    {MAP("\"a\": \"none.safetensors\", " REST), "by the index in none.safetensors"},
    {MAP("\"a\": \"1.safetensors\", \"f\": \"none.safetensors\", " REST),
     "tensor f is not in none.safetensors, where the index has it"},
    {MAP("\"a\": \"1.safetensors\", \"f\": \"2.safetensors\", " REST),
     "tensor f is not in 2.safetensors, where the index has it"},
    {"{\"weight_map\": {\"a\": \"1.safetensors\"", "line"},
};

static void hostile_indexes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        bl_st *st = NULL;
        bl_error err;
        put_index(hostile[i].index);
        bl_status status = open_index(&st, &err);
        if (status == BL_OK || !strstr(err.message, hostile[i].says) || strchr(err.message, '\n'))
            fail_msg("%s: \"%s\", which does not say \"%s\"", hostile[i].index,
                     status == BL_OK ? "opened" : err.message, hostile[i].says);
        assert_true(status == BL_EFORMAT || status == BL_ENOENT);
    }
}

static void a_tensor_in_two_files(void **state)
{
    (void)state;
    bl_st *st = NULL, **files = bl_calloc(2, sizeof *files);
    bl_error err;
    assert_ok(bl_st_open(&files[0], scratch("1.safetensors"), &failure));
    assert_ok(bl_st_open(&files[1], scratch("twice.safetensors"), &failure));
    assert_int_equal(bl_st_join(&st, "both", files, 2, &err), BL_EFORMAT);
    assert_string_equal(err.message, "both: tensor a is in two files");
    assert_null(st);
}

static void huge_indexes(void **state)
{
    (void)state;
    bl_st *st = NULL;
    bl_error err;
    FILE *file = fopen(scratch(index_name), "wb");
    assert_non_null(file);
    assert_int_equal(fseek(file, BL_INDEX_MOST, SEEK_SET), 0);
    assert_int_equal(fputc(' ', file), ' ');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_index(&st, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, "16000001 bytes; an index has at most 16000000"));

    enum { FILES = 1001, ROOM = 40 };
    char *text = bl_calloc(FILES + 2, ROOM);
    size_t used = (size_t)snprintf(text, ROOM, "{\"weight_map\": {");
    for (size_t i = 0; i < FILES; i++)
        used += (size_t)snprintf(text + used, ROOM, "%s\"t%zu\": \"f%zu.safetensors\"",
                                 i ? "," : "", i, i);
    (void)snprintf(text + used, ROOM, "}}");
    put_index(text);
    assert_int_equal(open_index(&st, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, "more than 1000 files"));
    memset(text, '[', (size_t)FILES * ROOM);
    text[(size_t)FILES * ROOM] = 0;
    put_index(text);
    assert_int_equal(open_index(&st, &err), BL_EFORMAT);
    bl_free(text);
}

/* Each byte of the index changed and each end cut off: the same tensors, or a line. */
static void damaged_indexes(void **state)
{
    (void)state;
    char text[sizeof right];
    size_t opened = 0;
    for (size_t i = 0; i < sizeof right - 1; i++)
        for (int way = 0; way < 3; way++) {
            bl_st *st = NULL;
            bl_error err;
            memcpy(text, right, sizeof right);
            text[i] = (char)(way == 0 ? 0 : way == 1 ? text[i] ^ 1 : text[i] ^ 0x80);
            scratch_write(scratch(index_name), text, way ? sizeof right - 1 : i);
            if (open_index(&st, &err) != BL_OK) {
                assert_true(*err.message && !strchr(err.message, '\n'));
                continue;
            }
            opened++;
            assert_int_equal(bl_st_count(st), TENSORS);
            bl_st_close(st);
        }
    assert_in_range(opened, 1, 100); /* what is not weight_map may be anything */
}

/* A shard that is cut off, or no file, is named. */
static void damaged_shards(void **state)
{
    (void)state;
    bl_st *st = NULL;
    bl_error err;
    put_index(right);
    const char *shard = scratch("2.safetensors");
    assert_ok(bl_file_truncate(shard, 30, &failure));
    assert_int_equal(open_index(&st, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, "2.safetensors: "));
    assert_ok(bl_file_remove(shard, &failure));
    assert_int_equal(open_index(&st, &err), BL_ENOENT);
    assert_non_null(strstr(err.message, "its file 2.safetensors is not there"));
    assert_ok(bl_dir_make(shard, &failure));
    assert_int_equal(open_index(&st, &err), BL_EIO);
    assert_ok(bl_dir_remove(shard, &failure));
    assert_ok(bl_file_remove(scratch(index_name), &failure));
    assert_int_equal(open_index(&st, &err), BL_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_one),  cmocka_unit_test(one_file_goes_before),
        cmocka_unit_test(hostile_indexes), cmocka_unit_test(a_tensor_in_two_files),
        cmocka_unit_test(huge_indexes),    cmocka_unit_test(damaged_indexes),
        cmocka_unit_test(damaged_shards),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
