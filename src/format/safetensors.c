/* Reading safetensors files: the header is checked before any of the data is trusted. */
#include "format/safetensors.h"
#include "core/alloc.h"
#include "core/file.h"
#include "format/dtype.h"
#include "format/json.h"
#include "format/other_file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 100000000, PREFIX = 8 };

static const char metadata_key[] = "__metadata__";

struct bl_st {
    char *path;
    bl_file *file;
    json_t *header; /* owns names and metadata */
    json_t *metadata;
    const char **metadata_keys;
    bl_st_tensor *tensors;  /* [count] in file order */
    bl_st_tensor **by_name; /* [count] sorted */
    size_t count;
    uint64_t data; /* where it begins in the file */
    size_t data_bytes;
    bl_st **parts; /* [part_count]: the files that these are, which then own all but the lists */
    size_t part_count;
};

/* ---- the header ---- */

static bl_status find_header(bl_st *st, size_t *bytes, bl_error *err)
{
    unsigned char prefix[PREFIX];
    uint64_t size = bl_file_size(st->file), length = 0;
    if (size < PREFIX)
        return bl_fail(err, BL_EFORMAT, "%s: %llu bytes are too few for a safetensors file",
                       st->path, (unsigned long long)size);
    BL_TRY(bl_file_read(st->file, 0, prefix, sizeof prefix, err));
    for (size_t i = PREFIX; i-- > 0;)
        length = length << 8 | prefix[i];
    if (length > HEADER_MAX)
        return bl_fail(err, BL_EFORMAT,
                       "%s: a header of %llu bytes; not a safetensors file, or damaged", st->path,
                       (unsigned long long)length);
    if (length > size - PREFIX)
        return bl_fail(err, BL_EFORMAT,
                       "%s: cut off: the header has %llu bytes, the file %llu behind its length",
                       st->path, (unsigned long long)length, (unsigned long long)(size - PREFIX));
    *bytes = (size_t)length;
    st->data = PREFIX + length;
    st->data_bytes = (size_t)(size - st->data);
    return BL_OK;
}

static bl_status list_metadata(bl_st *st, bl_error *err)
{
    st->metadata_keys = bl_calloc(json_object_size(st->metadata), sizeof *st->metadata_keys);
    if (!st->metadata_keys)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", st->path);
    const char *key;
    json_t *value;
    size_t count = 0;
    json_object_foreach (st->metadata, key, value) {
        if (!json_is_string(value))
            return bl_fail(err, BL_EFORMAT, "%s: %s: \"%.80s\" is text, found %s", st->path,
                           metadata_key, key, bl_json_type_name(value));
        st->metadata_keys[count++] = key;
    }
    return BL_OK;
}

static bl_status parse_metadata(bl_st *st, bl_error *err)
{
    st->metadata = json_object_get(st->header, metadata_key);
    if (st->metadata && !json_is_object(st->metadata))
        return bl_fail(err, BL_EFORMAT, "%s: %s is an object, found %s", st->path, metadata_key,
                       bl_json_type_name(st->metadata));
    return list_metadata(st, err);
}

static bl_status parse_header(bl_st *st, size_t bytes, bl_error *err)
{
    json_error_t why;
    char *text = bl_realloc(NULL, bytes, 1);
    if (!text)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory for a header of %zu bytes", st->path,
                       bytes);
    bl_status status = bl_file_read(st->file, PREFIX, text, bytes, err);
    if (status == BL_OK && (!bytes || text[0] != '{'))
        status = bl_fail(err, BL_EFORMAT, "%s: the header does not begin with {", st->path);
    if (status == BL_OK &&
        !(st->header = bl_json_parse_strict(text, bytes, JSON_REJECT_DUPLICATES, &why)))
        status = bl_fail(err, bl_json_failure(&why), "%s: header: byte %d: %.200s", st->path,
                         why.position, why.text);
    bl_free(text);
    return status == BL_OK ? parse_metadata(st, err) : status;
}

/* ---- one tensor ---- */

static size_t tensor_bytes(const bl_st_tensor *t)
{
    return t->count * bl_dtype_bytes(t->dtype);
}

static bl_status parse_dtype(const bl_st *st, bl_st_tensor *t, const json_t *info, bl_error *err)
{
    const json_t *dtype = json_object_get(info, "dtype");
    if (!json_is_string(dtype))
        return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s: dtype is text, found %s", st->path,
                       t->name, bl_json_type_name(dtype));
    if (!bl_dtype_find(json_string_value(dtype), &t->dtype))
        return bl_fail(err, BL_EUNSUPPORTED, "%s: tensor %.80s: unknown dtype \"%.20s\"", st->path,
                       t->name, json_string_value(dtype));
    return BL_OK;
}

static bl_status parse_shape(const bl_st *st, bl_st_tensor *t, const json_t *info, bl_error *err)
{
    const json_t *shape = json_object_get(info, "shape");
    if (!json_is_array(shape))
        return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s: shape is a list, found %s", st->path,
                       t->name, bl_json_type_name(shape));
    t->rank = json_array_size(shape);
    if (t->rank > BL_RANK_MAX)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: tensor %.80s: %zu dimensions, at most %d",
                       st->path, t->name, t->rank, BL_RANK_MAX);
    size_t count = 1, limit = SIZE_MAX / bl_dtype_bytes(t->dtype);
    for (size_t i = 0; i < t->rank; i++) {
        const json_t *extent = json_array_get(shape, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s: dimension %zu is no size", st->path,
                           t->name, i);
        size_t n = t->shape[i] = (size_t)json_integer_value(extent);
        if (n && count > limit / n)
            return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s: its shape overflows", st->path,
                           t->name);
        count *= n;
    }
    t->count = count;
    return BL_OK;
}

static bl_status parse_tensor(const bl_st *st, bl_st_tensor *t, const json_t *info, bl_error *err)
{
    if (!json_is_object(info))
        return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s: expected an object, found %s", st->path,
                       t->name, bl_json_type_name(info));
    BL_TRY(parse_dtype(st, t, info, err));
    BL_TRY(parse_shape(st, t, info, err));
    const json_t *offsets = json_object_get(info, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s: data_offsets is no pair of offsets",
                       st->path, t->name);
    json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from || (uint64_t)to > st->data_bytes)
        return bl_fail(err, BL_EFORMAT,
                       "%s: tensor %.80s: data_offsets [%lld,%lld] are outside the file's %zu "
                       "bytes of data; cut off or damaged",
                       st->path, t->name, (long long)from, (long long)to, st->data_bytes);
    if ((uint64_t)(to - from) != tensor_bytes(t))
        return bl_fail(err, BL_EFORMAT,
                       "%s: tensor %.80s: dtype and shape need %zu bytes, data_offsets give %lld",
                       st->path, t->name, tensor_bytes(t), (long long)(to - from));
    t->place = (size_t)from;
    return BL_OK;
}

/* ---- all tensors ---- */

/* By place; empty tensors come before the one at the same place. */
static int by_place(const void *a, const void *b)
{
    const bl_st_tensor *x = a, *y = b;
    size_t xn = tensor_bytes(x), yn = tensor_bytes(y);
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (xn != yn)
        return xn < yn ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(bl_st_tensor *const *)a)->name, (*(bl_st_tensor *const *)b)->name);
}

static void sort_names(bl_st *st)
{
    for (size_t i = 0; i < st->count; i++)
        st->by_name[i] = &st->tensors[i];
    if (st->count)
        qsort(st->by_name, st->count, sizeof *st->by_name, by_name);
}

/* Sorted by place, each tensor begins where the one before ends, and the last ends the file. */
static bl_status check_places(const bl_st *st, bl_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < st->count; i++) {
        const bl_st_tensor *t = &st->tensors[i];
        if (t->place < at)
            return bl_fail(err, BL_EFORMAT, "%s: tensors %.80s and %.80s overlap", st->path,
                           st->tensors[i - 1].name, t->name);
        if (t->place > at)
            return bl_fail(err, BL_EFORMAT, "%s: %zu unused bytes before tensor %.80s", st->path,
                           t->place - at, t->name);
        at = t->place + tensor_bytes(t);
    }
    size_t rest = st->data_bytes - at;
    return rest ? bl_fail(err, BL_EFORMAT, "%s: %zu unused bytes behind the last tensor", st->path,
                          rest)
                : BL_OK;
}

static bl_status read_tensors(bl_st *st, bl_error *err)
{
    size_t most = json_object_size(st->header);
    st->tensors = bl_calloc(most, sizeof *st->tensors);
    st->by_name = bl_calloc(most, sizeof *st->by_name);
    if (!st->tensors || !st->by_name)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory for %zu tensors", st->path, most);
    const char *key;
    json_t *info;
    json_object_foreach (st->header, key, info) {
        if (info == st->metadata)
            continue;
        bl_st_tensor *t = &st->tensors[st->count++];
        t->name = key;
        t->in = st;
        BL_TRY(parse_tensor(st, t, info, err));
    }
    if (st->count)
        qsort(st->tensors, st->count, sizeof *st->tensors, by_place);
    BL_TRY(check_places(st, err));
    sort_names(st);
    return BL_OK;
}

bl_status bl_st_open(bl_st **result, const char *path, bl_error *err)
{
    *result = NULL;
    bl_st *st = bl_calloc(1, sizeof *st);
    if (!st)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    size_t header_bytes = 0;
    bl_status status = BL_OK;
    st->path = bl_strdup(path);
    if (!st->path)
        BL_TRY_GOTO(status, bl_fail(err, BL_ENOMEM, "%s: out of memory", path), failed);
    BL_TRY_GOTO(status, bl_file_open(&st->file, path, err), failed);
    BL_TRY_GOTO(status, find_header(st, &header_bytes, err), failed);
    BL_TRY_GOTO(status, parse_header(st, header_bytes, err), failed);
    BL_TRY_GOTO(status, read_tensors(st, err), failed);
    *result = st;
    return BL_OK;
failed:
    if (status == BL_EFORMAT)
        (void)bl_other_refuse(BL_PLACE_WEIGHTS, path, err);
    bl_st_close(st);
    return status;
}

void bl_st_close(bl_st *st)
{
    if (!st)
        return;
    for (size_t i = 0; i < st->part_count; i++)
        bl_st_close(st->parts[i]);
    bl_free((void *)st->parts);
    bl_free(st->tensors);
    bl_free((void *)st->by_name);
    json_decref(st->header);
    bl_file_close(st->file);
    bl_free((void *)st->metadata_keys);
    bl_free(st->path);
    bl_free(st);
}

/* ---- several as one ---- */

static bl_status join_metadata(bl_st *st, bl_error *err)
{
    st->header = st->metadata = json_object();
    int failed = !st->header;
    for (size_t i = 0; i < st->part_count && !failed; i++)
        failed = st->parts[i]->metadata &&
                 json_object_update_missing(st->metadata, st->parts[i]->metadata) != 0;
    return failed ? bl_fail(err, BL_ENOMEM, "%s: out of memory", st->path) : list_metadata(st, err);
}

static bl_status join_tensors(bl_st *st, bl_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < st->part_count; i++)
        most += st->parts[i]->count;
    st->tensors = bl_calloc(most, sizeof *st->tensors);
    st->by_name = bl_calloc(most, sizeof *st->by_name);
    if (!st->tensors || !st->by_name)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory for %zu tensors", st->path, most);
    for (size_t i = 0; i < st->part_count; i++)
        for (size_t k = 0; k < st->parts[i]->count; k++)
            st->tensors[st->count++] = st->parts[i]->tensors[k];
    sort_names(st);
    for (size_t i = 1; i < st->count; i++)
        if (strcmp(st->by_name[i - 1]->name, st->by_name[i]->name) == 0)
            return bl_fail(err, BL_EFORMAT, "%s: tensor %.80s is in two files", st->path,
                           st->by_name[i]->name);
    return BL_OK;
}

bl_status bl_st_join(bl_st **result, const char *path, bl_st **files, size_t count, bl_error *err)
{
    bl_st *st = bl_calloc(1, sizeof *st);
    *result = NULL;
    if (!st) {
        for (size_t i = 0; i < count; i++)
            bl_st_close(files[i]);
        bl_free((void *)files);
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    }
    st->parts = files;
    st->part_count = count;
    st->path = bl_strdup(path);
    bl_status status = st->path ? BL_OK : bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    if (status == BL_OK)
        status = join_metadata(st, err);
    if (status == BL_OK)
        status = join_tensors(st, err);
    if (status == BL_OK)
        *result = st;
    else
        bl_st_close(st);
    return status;
}

/* ---- looking in ---- */

size_t bl_st_count(const bl_st *st)
{
    return st->count;
}

const bl_st_tensor *bl_st_at(const bl_st *st, size_t i)
{
    return &st->tensors[i];
}

const bl_st_tensor *bl_st_find(const bl_st *st, const char *name)
{
    size_t low = 0, high = st->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, st->by_name[middle]->name);
        if (order == 0)
            return st->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *bl_st_metadata(const bl_st *st, const char *key)
{
    return json_string_value(json_object_get(st->metadata, key));
}

size_t bl_st_metadata_count(const bl_st *st)
{
    return json_object_size(st->metadata);
}

const char *bl_st_metadata_key(const bl_st *st, size_t i)
{
    return i < bl_st_metadata_count(st) ? st->metadata_keys[i] : NULL;
}

enum { SHAPE_TEXT = 2 + 21 * BL_RANK_MAX + 1 }; /* 20 digits and a comma each */

static void shape_text(size_t rank, const size_t *shape, char text[SHAPE_TEXT])
{
    size_t used = 0;
    text[used++] = '[';
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, SHAPE_TEXT - used, i ? ",%zu" : "%zu", shape[i]);
    text[used++] = ']';
    text[used] = 0;
}

static bl_status find_f32(const bl_st_tensor **found, const bl_st *st, const char *name,
                          size_t rank, const size_t *shape, bl_error *err)
{
    const bl_st_tensor *t = *found = bl_st_find(st, name);
    if (!t)
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s is missing", st->path, name);
    if (t->dtype != BL_F32 && t->dtype != BL_BF16 && t->dtype != BL_F16)
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s is %s; expected F32, BF16 or F16",
                       t->in->path, name, bl_dtype_name(t->dtype));
    int same = t->rank == rank;
    for (size_t i = 0; same && i < rank; i++)
        same = t->shape[i] == shape[i];
    if (same)
        return BL_OK;
    char has[SHAPE_TEXT], expected[SHAPE_TEXT];
    shape_text(t->rank, t->shape, has);
    shape_text(rank, shape, expected);
    return bl_fail(err, BL_EFORMAT, "%s: tensor %s has shape %s, expected %s", t->in->path, name,
                   has, expected);
}

bl_status bl_st_check_f32(const bl_st *st, const char *name, size_t rank, const size_t *shape,
                          bl_error *err)
{
    const bl_st_tensor *t;
    return find_f32(&t, st, name, rank, shape, err);
}

bl_status bl_st_read(const bl_st_tensor *t, size_t first, size_t n, void *to, bl_error *err)
{
    return bl_file_read(t->in->file, t->in->data + t->place + first, to, n, err);
}

bl_status bl_st_get_f32_part(const bl_st *st, const char *name, size_t rank, const size_t *shape,
                             size_t first, size_t n, float *out, bl_error *err)
{
    unsigned char piece[4096];
    const bl_st_tensor *t;
    BL_TRY(find_f32(&t, st, name, rank, shape, err));
    assert(first <= t->count && n <= t->count - first);
    const size_t bytes = bl_dtype_bytes(t->dtype), most = sizeof piece / bytes;
    if (t->dtype == BL_F32)
        return bl_st_read(t, first * bytes, n * bytes, out, err);
    for (size_t at = 0; at < n; at += most) {
        size_t some = n - at < most ? n - at : most;
        BL_TRY(bl_st_read(t, (first + at) * bytes, some * bytes, piece, err));
        bl_dtype_widen(t->dtype, piece, some, out + at);
    }
    return BL_OK;
}

bl_status bl_st_get_f32(const bl_st *st, const char *name, size_t rank, const size_t *shape,
                        float *out, bl_error *err)
{
    const bl_st_tensor *t;
    BL_TRY(find_f32(&t, st, name, rank, shape, err));
    return bl_st_get_f32_part(st, name, rank, shape, 0, t->count, out, err);
}
