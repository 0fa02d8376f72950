/* Writing safetensors files: a header from the declared tensors, then their data as it comes. */
#include "core/alloc.h"
#include "core/status.h"
#include "core/utf8.h"
#include "format/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct bl_st_writer {
    char *path;
    bl_out *out;           /* NULL: into a buffer */
    unsigned char *buffer; /* [room]; `used` of all bytes so far, whether they fit or not */
    size_t room, used, *bytes;
    json_t *metadata; /* of the file, in the order given */
    json_t *tensors;
    size_t *ends; /* [count] where each tensor's data ends */
    size_t count, cap;
    size_t done;    /* bytes of data written */
    size_t current; /* the tensor being written */
    int begun;      /* the header is written */
};

static bl_status no_memory(const bl_st_writer *w, bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "out of memory while writing %s", w->path);
}

void bl_st_writer_abandon(bl_st_writer *w)
{
    if (!w)
        return;
    bl_out_abandon(w->out);
    json_decref(w->metadata);
    json_decref(w->tensors);
    bl_free(w->ends);
    bl_free(w->path);
    bl_free(w);
}

static void put(bl_st_writer *w, const void *bytes, size_t n)
{
    if (w->out) {
        bl_out_write(w->out, bytes, n);
        return;
    }
    size_t left = w->used < w->room ? w->room - w->used : 0, fits = n < left ? n : left;
    if (fits)
        memcpy(w->buffer + w->used, bytes, fits);
    w->used += n;
}

static bl_status check(const bl_st_writer *w, bl_error *err)
{
    return w->out ? bl_out_check(w->out, err) : BL_OK;
}

/* path: what messages call it. */
static bl_status open_writer(bl_st_writer **result, const char *path, bl_error *err)
{
    *result = NULL;
    bl_st_writer *w = bl_calloc(1, sizeof *w);
    if (!w)
        return bl_fail(err, BL_ENOMEM, "out of memory while writing %s", path);
    bl_status status = BL_OK;
    w->path = bl_strdup(path);
    w->metadata = json_object();
    w->tensors = json_object();
    if (!w->path || !w->metadata || !w->tensors)
        status = bl_fail(err, BL_ENOMEM, "out of memory while writing %s", path);
    if (status != BL_OK) {
        bl_st_writer_abandon(w);
        return status;
    }
    *result = w;
    return BL_OK;
}

bl_status bl_st_writer_open(bl_st_writer **w, const char *path, bl_error *err)
{
    BL_TRY(open_writer(w, path, err));
    bl_status status = bl_out_open(&(*w)->out, path, err);
    if (status != BL_OK) {
        bl_st_writer_abandon(*w);
        *w = NULL;
    }
    return status;
}

bl_status bl_st_writer_open_buffer(bl_st_writer **w, void *buffer, size_t cap, size_t *bytes,
                                   bl_error *err)
{
    BL_TRY(open_writer(w, "the buffer", err));
    (*w)->buffer = buffer;
    (*w)->room = cap;
    (*w)->bytes = bytes;
    return BL_OK;
}

static int is_utf8(const char *text)
{
    return bl_utf8_invalid(text, strlen(text)) == strlen(text);
}

bl_status bl_st_writer_metadata(bl_st_writer *w, const char *key, const char *value, bl_error *err)
{
    if (w->begun)
        return bl_fail(err, BL_EINVAL, "%s: metadata after the first data", w->path);
    if (!is_utf8(key) || !is_utf8(value))
        return bl_fail(err, BL_EINVAL, "%s: metadata \"%.80s\" is not UTF-8", w->path, key);
    if (json_object_set_new(w->metadata, key, json_string(value)) != 0)
        return no_memory(w, err);
    return BL_OK;
}

static size_t end_of_last(const bl_st_writer *w)
{
    return w->count ? w->ends[w->count - 1] : 0;
}

bl_status bl_st_writer_declare(bl_st_writer *w, const char *name, bl_dtype dtype, size_t rank,
                               const size_t *shape, bl_error *err)
{
    size_t begin = end_of_last(w), bytes = bl_dtype_bytes(dtype);
    if (w->begun || rank > BL_RANK_MAX || json_object_get(w->tensors, name) ||
        strcmp(name, "__metadata__") == 0)
        return bl_fail(err, BL_EINVAL, "%s: tensor %.80s cannot be declared: %s", w->path, name,
                       w->begun             ? "data was written before"
                       : rank > BL_RANK_MAX ? "too many dimensions"
                                            : "the name is taken");
    json_t *extents = json_array();
    int bad = 0, missing = !extents;
    for (size_t i = 0; i < rank; i++) {
        if (shape[i] && bytes > (size_t)INT64_MAX / shape[i])
            bad = 1;
        bytes *= shape[i];
        missing |= json_array_append_new(extents, json_integer((json_int_t)shape[i]));
    }
    if (bad || bytes > (size_t)INT64_MAX - begin) {
        json_decref(extents);
        return bl_fail(err, BL_EINVAL, "%s: tensor %.80s: its shape overflows", w->path, name);
    }
    if (missing) {
        json_decref(extents);
        return no_memory(w, err);
    }
    bl_status status = bl_grow(&w->ends, &w->cap, w->count + 1, sizeof *w->ends, err);
    json_t *info = json_pack("{s:s, s:o, s:[I,I]}", "dtype", bl_dtype_name(dtype), "shape", extents,
                             "data_offsets", (json_int_t)begin, (json_int_t)(begin + bytes));
    if (status != BL_OK) {
        json_decref(info);
        return status;
    }
    if (!is_utf8(name)) {
        json_decref(info);
        return bl_fail(err, BL_EINVAL, "%s: tensor \"%.80s\": its name is not UTF-8", w->path,
                       name);
    }
    if (json_object_set_new(w->tensors, name, info) != 0)
        return no_memory(w, err);
    w->ends[w->count++] = begin + bytes;
    return BL_OK;
}

/* {"__metadata__": {...}, "name": {...}, ...} and spaces up to a multiple of 8 bytes, so that the
 * data of wide types lies aligned in a mapped file. */
static bl_status write_header(bl_st_writer *w, bl_error *err)
{
    json_t *header = json_object();
    int bad = !header;
    if (json_object_size(w->metadata))
        bad |= json_object_set(header, "__metadata__", w->metadata);
    bad |= json_object_update(header, w->tensors);
    char *text = bad ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (!text)
        return no_memory(w, err);
    size_t bytes = strlen(text), padding = (8 - bytes % 8) % 8;
    unsigned char length[8];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (unsigned char)((uint64_t)(bytes + padding) >> 8 * i);
    put(w, length, sizeof length);
    put(w, text, bytes);
    put(w, "        ", padding);
    free(text); /* jansson's own malloc */
    w->begun = 1;
    return check(w, err);
}

bl_status bl_st_writer_data(bl_st_writer *w, const void *data, size_t bytes, bl_error *err)
{
    if (!w->begun)
        BL_TRY(write_header(w, err));
    while (w->current < w->count && w->done == w->ends[w->current])
        w->current++;
    if (!bytes)
        return BL_OK;
    if (w->current == w->count || bytes > w->ends[w->current] - w->done)
        return bl_fail(err, BL_EINVAL, "%s: more data than tensor %zu of %zu was declared with",
                       w->path, w->current, w->count);
    put(w, data, bytes);
    w->done += bytes;
    return check(w, err);
}

bl_status bl_st_writer_commit(bl_st_writer *w, bl_error *err)
{
    bl_status status = w->begun ? BL_OK : write_header(w, err);
    if (status == BL_OK && w->done != end_of_last(w))
        status = bl_fail(err, BL_EINVAL, "%s: %zu bytes of data were written, %zu declared",
                         w->path, w->done, end_of_last(w));
    if (status == BL_OK && w->out) {
        status = bl_out_commit(w->out, err);
        w->out = NULL;
    } else if (status == BL_OK && w->bytes) {
        *w->bytes = w->used;
    }
    bl_st_writer_abandon(w);
    return status;
}
