/* Safetensors files: the reference library's file, round trips, and hostile files of every kind. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/file.h"
#include "core/path.h"
#include "format/safetensors.h"

#include <math.h>

static const char reference[] = BL_TEST_DATA "/fixtures/format/reference.safetensors";

/* ---- what the reference library wrote ---- */

static bl_st *open_reference(void)
{
    bl_st *st = NULL;
    assert_ok(bl_st_open(&st, reference, &failure));
    return st;
}

static void reads_the_reference(void **state)
{
    (void)state;
    bl_st *st = open_reference();
    assert_int_equal(bl_st_count(st), 12);
    assert_int_equal(bl_st_metadata_count(st), 1);
    assert_string_equal(bl_st_metadata_key(st, 0), "format");
    assert_null(bl_st_metadata_key(st, 1));
    assert_string_equal(bl_st_metadata(st, "format"), "pt");
    assert_null(bl_st_metadata(st, "absent"));
    assert_null(bl_st_find(st, "absent"));
    assert_null(bl_st_find(st, "__metadata__"));

    float weight[12];
    assert_ok(bl_st_get_f32(st, "layer.0.weight", 2, (size_t[]){3, 4}, weight, &failure));
    for (int i = 0; i < 12; i++)
        assert_true(weight[i] == (float)(i - 6) / 8);
    float one;
    assert_ok(
        bl_st_get_f32(st, "na\xc3\xafve \"name\" / \xc3\xbc", 1, (size_t[]){1}, &one, &failure));
    assert_true(one == 1.5f);
    assert_ok(bl_st_get_f32(st, "empty", 2, (size_t[]){0, 5}, NULL, &failure));

    const bl_st_tensor *count = bl_st_find(st, "count");
    int64_t scalar;
    assert_ok(bl_st_read(count, 0, sizeof scalar, &scalar, &failure));
    assert_int_equal(count->rank, 0);
    assert_int_equal(count->count, 1);
    assert_true(scalar == ((int64_t)1 << 40) + 1);
    const bl_st_tensor *packed = bl_st_find(st, "packed");
    assert_int_equal(packed->dtype, BL_U8);
    for (size_t i = 0; i < packed->count; i++) {
        unsigned char byte;
        assert_ok(bl_st_read(packed, i, 1, &byte, &failure));
        assert_int_equal(byte, 10 * i);
    }
    bl_st_close(st);
}

/* The file holds 16-bit tensors beside what PyTorch widened them to. */
static void widens_as_pytorch_does(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"half", "half.wide"}, {"brain", "brain.wide"}};
    bl_st *st = open_reference();
    for (size_t p = 0; p < 2; p++) {
        const bl_st_tensor *t = bl_st_find(st, pairs[p][0]);
        float narrow[512], wide[512];
        assert_true(t->count <= 512);
        assert_ok(bl_st_get_f32(st, pairs[p][0], t->rank, t->shape, narrow, &failure));
        assert_ok(bl_st_get_f32(st, pairs[p][1], t->rank, t->shape, wide, &failure));
        assert_memory_equal(narrow, wide, t->count * sizeof *wide);
    }
    bl_st_close(st);
}

static size_t tensor_bytes(const bl_st_tensor *t)
{
    return t->count * bl_dtype_bytes(t->dtype);
}

/* Declaring the same tensors in the same order gives the reference library's bytes. */
static void writes_what_the_reference_wrote(void **state)
{
    (void)state;
    bl_st *st = open_reference();
    bl_st_writer *w = NULL;
    const char *path = scratch("copy.safetensors");
    assert_ok(bl_st_writer_open(&w, path, &failure));
    assert_ok(bl_st_writer_metadata(w, "format", "pt", &failure));
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        assert_ok(bl_st_writer_declare(w, t->name, t->dtype, t->rank, t->shape, &failure));
    }
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        size_t half = tensor_bytes(t) / 2;
        char *data = bl_calloc(tensor_bytes(t), 1);
        assert_ok(bl_st_read(t, 0, tensor_bytes(t), data, &failure));
        assert_ok(bl_st_writer_data(w, data, half, &failure));
        assert_ok(bl_st_writer_data(w, data + half, tensor_bytes(t) - half, &failure));
        bl_free(data);
    }
    assert_ok(bl_st_writer_commit(w, &failure));
    bl_map a, b;
    assert_ok(bl_map_open(&a, reference, &failure));
    assert_ok(bl_map_open(&b, path, &failure));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    bl_map_close(&a);
    bl_map_close(&b);
    bl_st_close(st);
}

/* ---- the writer ---- */

static void round_trip(void **state)
{
    (void)state;
    enum { TENSORS = 300 };
    const char *path = scratch("many.safetensors");
    bl_st_writer *w = NULL;
    assert_ok(bl_st_writer_open(&w, path, &failure));
    assert_ok(bl_st_writer_metadata(w, "note", "two\nlines", &failure));
    assert_ok(bl_st_writer_metadata(w, "other", "", &failure));
    char name[32];
    for (size_t i = 0; i < TENSORS; i++) {
        (void)snprintf(name, sizeof name, "tensor.%zu", i);
        assert_ok(bl_st_writer_declare(w, name, BL_F32, 2, (size_t[]){i % 7, 3}, &failure));
    }
    for (size_t i = 0; i < TENSORS; i++)
        for (size_t j = 0; j < i % 7 * 3; j++)
            assert_ok(
                bl_st_writer_data(w, &(float){(float)(i * 100 + j)}, sizeof(float), &failure));
    assert_ok(bl_st_writer_commit(w, &failure));

    bl_st *st = NULL;
    assert_ok(bl_st_open(&st, path, &failure));
    assert_int_equal(bl_st_count(st), TENSORS);
    assert_string_equal(bl_st_metadata(st, "note"), "two\nlines");
    assert_string_equal(bl_st_metadata_key(st, 1), "other");
    for (size_t i = 0; i < TENSORS; i++) {
        float values[18];
        (void)snprintf(name, sizeof name, "tensor.%zu", i);
        assert_ok(bl_st_get_f32(st, name, 2, (size_t[]){i % 7, 3}, values, &failure));
        for (size_t j = 0; j < i % 7 * 3; j++)
            assert_true(values[j] == (float)(i * 100 + j));
        assert_true(bl_st_find(st, name)->place % sizeof(float) == 0);
    }
    bl_st_close(st);
}

static void an_empty_file_of_tensors(void **state)
{
    (void)state;
    bl_st_writer *w = NULL;
    bl_st *st = NULL;
    assert_ok(bl_st_writer_open(&w, scratch("none"), &failure));
    assert_ok(bl_st_writer_commit(w, &failure));
    assert_ok(bl_st_open(&st, scratch("none"), &failure));
    assert_int_equal(bl_st_count(st), 0);
    assert_int_equal(bl_st_metadata_count(st), 0);
    assert_null(bl_st_find(st, ""));
    bl_st_close(st);
}

/* What the caller gets wrong is refused, and no file appears. */
static void writer_refuses(void **state)
{
    (void)state;
    const char *path = scratch("refused");
    bl_error err;
    bl_st_writer *w = NULL;
    assert_ok(bl_st_writer_open(&w, path, &failure));
    size_t four[] = {4};
    assert_ok(bl_st_writer_declare(w, "a", BL_F32, 1, four, &failure));
    assert_int_equal(bl_st_writer_declare(w, "a", BL_F32, 1, four, &err), BL_EINVAL);
    assert_int_equal(bl_st_writer_declare(w, "__metadata__", BL_F32, 1, four, &err), BL_EINVAL);
    assert_int_equal(bl_st_writer_declare(w, "b\xff", BL_F32, 1, four, &err), BL_EINVAL);
    assert_int_equal(bl_st_writer_declare(w, "c", BL_F32, 9, (size_t[9]){0}, &err), BL_EINVAL);
    assert_int_equal(bl_st_writer_declare(w, "d", BL_F32, 2, (size_t[]){SIZE_MAX / 4, 8}, &err),
                     BL_EINVAL);
    assert_int_equal(bl_st_writer_metadata(w, "k", "\xc0", &err), BL_EINVAL);
    assert_ok(bl_st_writer_data(w, "12345678", 8, &failure));
    assert_int_equal(bl_st_writer_metadata(w, "k", "v", &err), BL_EINVAL);
    assert_int_equal(bl_st_writer_declare(w, "e", BL_F32, 1, four, &err), BL_EINVAL);
    assert_int_equal(bl_st_writer_data(w, "123456789", 9, &err), BL_EINVAL);
    assert_int_equal(bl_st_writer_commit(w, &err), BL_EINVAL);
    assert_string_equal(err.message + strlen(path), ": 8 bytes of data were written, 16 declared");
    assert_int_equal(bl_path_what(path), BL_PATH_NONE);

    assert_ok(bl_st_writer_open(&w, path, &failure));
    bl_st_writer_abandon(w);
    bl_st_writer_abandon(NULL);
    assert_int_equal(bl_path_what(path), BL_PATH_NONE);
    assert_int_equal(bl_st_writer_open(&w, scratch("no/such/folder"), &err), BL_EIO);
    bl_names names;
    assert_ok(bl_dir_list(&names, scratch_folder, &failure));
    for (size_t i = 0; i < names.count; i++)
        assert_null(strstr(names.name[i], ".tmp"));
    bl_names_release(&names);
}

/* ---- the wrong shape or type ---- */

static void get_names_what_is_wrong(void **state)
{
    (void)state;
    bl_st *st = open_reference();
    bl_error err;
    float out[16];
    assert_int_equal(bl_st_get_f32(st, "layer.0.weight", 2, (size_t[]){4, 3}, out, &err),
                     BL_EFORMAT);
    assert_non_null(strstr(err.message, "layer.0.weight has shape [3,4], expected [4,3]"));
    assert_non_null(strstr(err.message, "reference.safetensors"));
    assert_int_equal(bl_st_get_f32(st, "layer.0.weight", 1, (size_t[]){12}, out, &err), BL_EFORMAT);
    assert_int_equal(bl_st_get_f32(st, "count", 0, NULL, out, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, "count is I64"));
    assert_int_equal(bl_st_get_f32(st, "gone", 0, NULL, out, &err), BL_EFORMAT);
    assert_non_null(strstr(err.message, "tensor gone is missing"));
    bl_st_close(st);
}

/* ---- hostile files ---- */

#define T(shape, begin, end)                                                                       \
    "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

/* A header, the bytes of data after it, and words that the message must have. */
static const struct hostile {
    const char *header;
    size_t data;
    const char *says;
} hostile[] = {
    {"", 0, "does not begin with {"},
    {" {}", 0, "does not begin with {"},
    {"[]", 0, "does not begin with {"},
    {"{", 0, "header: byte"},
    {"{}x", 0, "header: byte"},
    {"{}{}", 0, "header: byte"},
    {"{\"a\":1,}", 0, "header: byte"},
    {"{'a':1}", 0, "header: byte"},
    {"{\"a\":NaN}", 0, "header: byte"},
    {"{\"\xff\":1}", 0, "header: byte"},
    {"{\"a\\u0000b\":" T("[1]", "0", "4") "}", 4, "header: byte"},
    {"{\"\\ud800\":" T("[1]", "0", "4") "}", 4, "header: byte"},
    {"{\"a\":" T("[1]", "0", "4") ",\"a\":" T("[1]", "4", "8") "}", 8, "duplicate"},
    {"{\"a\":" T("[99999999999999999999]", "0", "4") "}", 4, "header: byte"},
    {"{\"a\":3}", 0, "expected an object, found an integer"},
    {"{\"a\":null}", 0, "expected an object, found null"},
    {"{\"a\":{}}", 0, "dtype is text, found nothing"},
    {"{\"a\":{\"dtype\":4}}", 0, "dtype is text, found an integer"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "unknown dtype \"F31\""},
    {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "unknown dtype \"f32\""},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape is a list, found nothing"},
    {"{\"a\":" T("3", "0", "4") "}", 4, "shape is a list, found an integer"},
    {"{\"a\":" T("[-1]", "0", "4") "}", 4, "dimension 0 is no size"},
    {"{\"a\":" T("[1,1.0]", "0", "4") "}", 4, "dimension 1 is no size"},
    {"{\"a\":" T("[1,\"1\"]", "0", "4") "}", 4, "dimension 1 is no size"},
    {"{\"a\":" T("[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "9 dimensions, at most 8"},
    {"{\"a\":" T("[4294967296,4294967296]", "0", "4") "}", 4, "its shape overflows"},
    {"{\"a\":" T("[4611686018427387904]", "0", "0") "}", 0, "its shape overflows"},
    {"{\"a\":" T("[4611686018427387904,4,0]", "0", "0") "}", 0, "its shape overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "no pair of offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "no pair of offsets"},
    {"{\"a\":" T("[1]", "0", "4,8") "}", 4, "no pair of offsets"},
    {"{\"a\":" T("[1]", "0.0", "4") "}", 4, "no pair of offsets"},
    {"{\"a\":" T("[1]", "-4", "0") "}", 4, "outside the file's 4 bytes"},
    {"{\"a\":" T("[1]", "4", "0") "}", 4, "outside the file's 4 bytes"},
    {"{\"a\":" T("[1]", "4", "8") "}", 4, "outside the file's 4 bytes"},
    {"{\"a\":" T("[1]", "0", "9223372036854775807") "}", 4, "outside the file's 4 bytes"},
    {"{\"a\":" T("[2]", "0", "4") "}", 4, "need 8 bytes, data_offsets give 4"},
    {"{\"a\":" T("[0]", "0", "4") "}", 4, "need 0 bytes, data_offsets give 4"},
    {"{\"a\":" T("[2]", "0", "8") ",\"b\":" T("[1]", "4", "8") "}", 8, "tensors a and b overlap"},
    {"{\"a\":" T("[1]", "0", "4") ",\"b\":" T("[1]", "0", "4") "}", 4, "tensors a and b overlap"},
    {"{\"a\":" T("[1]", "0", "4") ",\"b\":" T("[1]", "8", "12") "}", 12,
     "4 unused bytes before tensor b"},
    {"{\"a\":" T("[1]", "4", "8") "}", 8, "4 unused bytes before tensor a"},
    {"{\"a\":" T("[1]", "0", "4") "}", 5, "1 unused bytes behind the last tensor"},
    {"{}", 1, "1 unused bytes behind the last tensor"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is an object, found a list"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "\"a\" is text, found an integer"},
    {"{\"a\\n\\u001b[31m\":1}", 0, "tensor a<U+000A><U+001B>[31m: expected an object"},
};

/* Asserts that a file is refused in one line that names it and says so. */
static void assert_refused(const char *path, const void *bytes, size_t size, const char *says)
{
    bl_error err = {0};
    bl_st *st = NULL;
    scratch_write(path, bytes, size);
    bl_status status = bl_st_open(&st, path, &err);
    if (status != BL_EFORMAT && status != BL_EUNSUPPORTED)
        fail_msg("status %d where '%s' was expected", status, says);
    assert_null(st);
    assert_int_equal(err.code, status);
    if (strncmp(err.message, path, strlen(path)) != 0 || !strstr(err.message, says))
        fail_msg("'%s' where '%s' was expected", err.message, says);
    for (const char *p = err.message; *p; p++)
        assert_true((unsigned char)*p >= 0x20);
}

static void hostile_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        unsigned char file[512] = {0};
        size_t length = strlen(hostile[i].header);
        file[0] = (unsigned char)length;
        file[1] = (unsigned char)(length >> 8);
        memcpy(file + 8, hostile[i].header, length);
        assert_refused(scratch("hostile"), file, 8 + length + hostile[i].data, hostile[i].says);
    }
}

static void hostile_lengths(void **state)
{
    (void)state;
    const char *path = scratch("hostile");
    assert_refused(path, "\2\0\0\0\0\0\0", 7, "7 bytes are too few");
    assert_refused(path, "\3\0\0\0\0\0\0\0{}", 10, "cut off: the header has 3 bytes, the file 2");
    assert_refused(path, "\0\0\0\0\0\0\0\0", 8, "does not begin with {");
    assert_refused(path, "\377\377\377\377\377\377\377\377{}", 10, "not a safetensors file");
    assert_refused(path, "\370\377\377\377\377\377\377\377{}", 10, "not a safetensors file");
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } others[] = {
        {"version https://git-lfs", 23, "a pointer of Git LFS"},
        {"", 0, "an empty file"},
        {"GGUF\3\0\0\0\7\0\0\0", 12, "a GGUF file"},
        {"PK\3\4\0\0\10\10archive/data.pkl", 24, "a checkpoint of PyTorch"},
        {"PK\3\4\0\0\10\10word/document.xml", 25, "a zip file"},
        {"\x80\2\x8A\nl\xFC\x9C", 7, "a checkpoint of PyTorch"},
        {"\x1F\x8B\10\0\0\0\0\0\0\0", 10, "compressed by gzip; gunzip it first"},
        {"\x28\xB5\x2F\xFD\0\0\0\0\0", 9, "compressed by zstd"},
        {"\xFD"
         "7zXZ\0\0\0\0",
         9, "compressed by xz"},
        {"<!DOCTYPE html><p>", 18, "a web page"},
        {"  <HTML><p>not found", 20, "a web page"},
        {"{\"model_type\": 1}", 17, "JSON, not weights"},
        /* Lengths of headers that look like another kind's first bytes. */
        {"{\0\0\0\0\0\0\0{\"a\":1}", 15, "cut off: the header has 123 bytes"},
        {"\x1F\x8B\0\0\0\0\0\0{\"a\":1}", 15, "cut off: the header has 35615 bytes"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_refused(path, others[i].bytes, others[i].size, others[i].says);
}

static void deep_nesting(void **state)
{
    (void)state;
    static char file[100008] = {(char)(100000 & 255), (char)(100000 >> 8 & 255), 1};
    memset(file + 8, '[', 100000);
    memcpy(file + 8, "{\"a\":", 5);
    assert_refused(scratch("deep"), file, sizeof file, "header: byte");
}

/* A good file cut anywhere, or with any byte of its header changed, opens or is refused in words;
 * sanitizers watch that nothing else happens. */
static void damaged_files(void **state)
{
    (void)state;
    bl_map map;
    assert_ok(bl_map_open(&map, reference, &failure));
    const char *path = scratch("damaged");
    unsigned char *copy = test_malloc(map.size);
    bl_error err;
    bl_st *st;
    for (size_t cut = 0; cut < map.size; cut += cut < 900 ? 1 : 97) {
        scratch_write(path, map.data, cut);
        assert_int_equal(bl_st_open(&st, path, &err), BL_EFORMAT);
    }
    for (size_t at = 0; at < 900; at++) {
        memcpy(copy, map.data, map.size);
        copy[at] ^= (unsigned char)(1u << at % 7);
        scratch_write(path, copy, map.size);
        bl_status status = bl_st_open(&st, path, &err);
        if (status == BL_OK)
            bl_st_close(st);
        else
            assert_true(status == BL_EFORMAT || status == BL_EUNSUPPORTED);
    }
    test_free(copy);
    bl_map_close(&map);
}

static void no_file(void **state)
{
    (void)state;
    bl_error err;
    bl_st *st;
    assert_int_equal(bl_st_open(&st, scratch("absent"), &err), BL_ENOENT);
    assert_null(st);
    assert_int_equal(bl_st_open(&st, scratch_folder, &err), BL_EIO);
    bl_st_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_reference),
        cmocka_unit_test(widens_as_pytorch_does),
        cmocka_unit_test(writes_what_the_reference_wrote),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(an_empty_file_of_tensors),
        cmocka_unit_test(writer_refuses),
        cmocka_unit_test(get_names_what_is_wrong),
        cmocka_unit_test(hostile_headers),
        cmocka_unit_test(hostile_lengths),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(no_file),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
