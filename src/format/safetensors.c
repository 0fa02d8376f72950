/* Reading safetensors files: the header is proven before any of the data is believed. */
#include "format/safetensors.h"
#include "core/alloc.h"
#include "core/os.h"
#include "format/dtype.h"
#include "format/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 100000000, PREFIX = 8 };

static const char metadata_key[] = "__metadata__";

struct bl_st {
    char *path;
    bl_map map;
    json_t *header; /* owns names and metadata */
    json_t *metadata;
    bl_st_tensor *tensors;  /* [count] in file order */
    bl_st_tensor **by_name; /* [count] sorted */
    size_t count;
    const unsigned char *data; /* behind the header */
    size_t data_bytes;
};

/* ---- the header ---- */

static bl_status find_header(bl_st *st, size_t *bytes, bl_error *err)
{
    if (st->map.size < PREFIX)
        return bl_fail(err, BL_EFORMAT, "%s: %zu bytes are too few for a safetensors file",
                       st->path, st->map.size);
    uint64_t length = 0;
    for (size_t i = PREFIX; i-- > 0;)
        length = length << 8 | st->map.data[i];
    if (length > HEADER_MAX)
        return bl_fail(err, BL_EFORMAT,
                       "%s: a header of %llu bytes; not a safetensors file, or damaged", st->path,
                       (unsigned long long)length);
    if (length > st->map.size - PREFIX)
        return bl_fail(err, BL_EFORMAT,
                       "%s: cut off: the header has %llu bytes, the file %zu behind its length",
                       st->path, (unsigned long long)length, st->map.size - PREFIX);
    *bytes = (size_t)length;
    st->data = st->map.data + PREFIX + length;
    st->data_bytes = st->map.size - PREFIX - *bytes;
    return BL_OK;
}

static bl_status parse_header(bl_st *st, size_t bytes, bl_error *err)
{
    const char *text = (const char *)st->map.data + PREFIX;
    json_error_t why;
    if (!bytes || text[0] != '{')
        return bl_fail(err, BL_EFORMAT, "%s: the header does not begin with {", st->path);
    st->header = bl_json_parse(text, bytes, JSON_REJECT_DUPLICATES, &why);
    if (!st->header)
        return bl_fail(err, BL_EFORMAT, "%s: header: byte %d: %.200s", st->path, why.position,
                       why.text);
    st->metadata = json_object_get(st->header, metadata_key);
    if (st->metadata && !json_is_object(st->metadata))
        return bl_fail(err, BL_EFORMAT, "%s: %s is an object, found %s", st->path, metadata_key,
                       bl_json_type_name(st->metadata));
    const char *key;
    json_t *value;
    json_object_foreach (st->metadata, key, value) {
        if (!json_is_string(value))
            return bl_fail(err, BL_EFORMAT, "%s: %s: \"%.80s\" is text, found %s", st->path,
                           metadata_key, key, bl_json_type_name(value));
    }
    return BL_OK;
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
    t->data = st->data + from;
    return BL_OK;
}

/* ---- all tensors ---- */

/* By place; of empty tensors at one place, the one before first. */
static int by_place(const void *a, const void *b)
{
    const bl_st_tensor *x = a, *y = b;
    const unsigned char *xd = x->data, *yd = y->data;
    size_t xn = tensor_bytes(x), yn = tensor_bytes(y);
    if (xd != yd)
        return xd < yd ? -1 : 1;
    if (xn != yn)
        return xn < yn ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(bl_st_tensor *const *)a)->name, (*(bl_st_tensor *const *)b)->name);
}

/* Sorted by place, each tensor begins where the one before ends, and the last ends the file. */
static bl_status check_places(const bl_st *st, bl_error *err)
{
    const unsigned char *at = st->data;
    for (size_t i = 0; i < st->count; i++) {
        const bl_st_tensor *t = &st->tensors[i];
        const unsigned char *from = t->data;
        if (from < at)
            return bl_fail(err, BL_EFORMAT, "%s: tensors %.80s and %.80s overlap", st->path,
                           st->tensors[i - 1].name, t->name);
        if (from > at)
            return bl_fail(err, BL_EFORMAT, "%s: %zu unused bytes before tensor %.80s", st->path,
                           (size_t)(from - at), t->name);
        at = from + tensor_bytes(t);
    }
    size_t rest = (size_t)(st->data + st->data_bytes - at);
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
        BL_TRY(parse_tensor(st, t, info, err));
    }
    if (st->count)
        qsort(st->tensors, st->count, sizeof *st->tensors, by_place);
    BL_TRY(check_places(st, err));
    for (size_t i = 0; i < st->count; i++)
        st->by_name[i] = &st->tensors[i];
    if (st->count)
        qsort(st->by_name, st->count, sizeof *st->by_name, by_name);
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
    BL_TRY_GOTO(status, bl_map_open(&st->map, path, err), failed);
    BL_TRY_GOTO(status, find_header(st, &header_bytes, err), failed);
    BL_TRY_GOTO(status, parse_header(st, header_bytes, err), failed);
    BL_TRY_GOTO(status, read_tensors(st, err), failed);
    *result = st;
    return BL_OK;
failed:
    bl_st_close(st);
    return status;
}

void bl_st_close(bl_st *st)
{
    if (!st)
        return;
    bl_free(st->tensors);
    bl_free((void *)st->by_name);
    json_decref(st->header);
    bl_map_close(&st->map);
    bl_free(st->path);
    bl_free(st);
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
    void *at = json_object_iter(st->metadata);
    for (; at && i > 0; i--)
        at = json_object_iter_next(st->metadata, at);
    return at ? json_object_iter_key(at) : NULL;
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

bl_status bl_st_get_f32(const bl_st *st, const char *name, size_t rank, const size_t *shape,
                        float *out, bl_error *err)
{
    const bl_st_tensor *t = bl_st_find(st, name);
    if (!t)
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s is missing", st->path, name);
    if (t->dtype != BL_F32 && t->dtype != BL_BF16 && t->dtype != BL_F16)
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s is %s; expected F32, BF16 or F16", st->path,
                       name, bl_dtype_name(t->dtype));
    int same = t->rank == rank;
    for (size_t i = 0; same && i < rank; i++)
        same = t->shape[i] == shape[i];
    if (!same) {
        char found[SHAPE_TEXT], expected[SHAPE_TEXT];
        shape_text(t->rank, t->shape, found);
        shape_text(rank, shape, expected);
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s has shape %s, expected %s", st->path, name,
                       found, expected);
    }
    bl_dtype_widen(t->dtype, t->data, t->count, out);
    return BL_OK;
}
