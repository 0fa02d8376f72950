/* Packed weights: byte row r holds, in bits 2i and 2i + 1, the code + 1 of row r + i out / 4. */
#include "model/packed.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "format/dtype.h"
#include "model/int8_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CODES = 4 }; /* in a byte */

static void scale_name(const bl_tensor *t, char name[128])
{
    (void)snprintf(name, 128, "%s_scale", t->name);
}

static int is_packed(const bl_net *net, const bl_tensor *t)
{
    return t->role == BL_ROLE_LATENT && net->dev->ternary;
}

/* ---- reading ---- */

/* The first place of a code 3 in codes [out,in] from bytes [out/4,in]; there is one. */
static size_t bad_code(const unsigned char *bytes, size_t quarter)
{
    size_t at = 0;
    while ((bytes[at % quarter] >> 2 * (at / quarter) & 3) != 3)
        at++;
    return at;
}

/* Eight codes at a time from the bits 2i, 2i + 1 of eight bytes: a byte of 0, 1, 2 less one, and no
 * borrow from its neighbour. */
static void unpack_quarter(int8_t *codes, const unsigned char *bytes, size_t n, size_t i)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t at = 0;
    for (uint64_t w; n - at >= sizeof w; at += sizeof w) {
        memcpy(&w, bytes + at, sizeof w);
        w = (((w >> 2 * i & 3 * ones) | tops) - ones) ^ tops;
        memcpy(codes + at, &w, sizeof w);
    }
    for (; at < n; at++)
        codes[at] = (int8_t)((bytes[at] >> 2 * i & 3) - 1);
}

/* codes [out,in] from bytes [out/4,in]; the first place of a code 3, or SIZE_MAX. */
static size_t unpack(int8_t *codes, const unsigned char *bytes, size_t out, size_t in)
{
    size_t quarter = out / CODES * in;
    unsigned char threes = 0;
    for (size_t at = 0; at < quarter; at++)
        threes |= (unsigned char)(bytes[at] & bytes[at] >> 1 & 0x55);
    for (size_t i = 0; i < CODES; i++)
        unpack_quarter(codes + i * quarter, bytes, quarter, i);
    return threes ? bad_code(bytes, quarter) : SIZE_MAX;
}

/* The packed matrix in a file; nothing of it is read yet. */
static bl_status find_matrix(const bl_st_tensor **found, const bl_tensor *t, const bl_st *st,
                             const char *path, bl_error *err)
{
    size_t out = t->shape[0], in = t->shape[1];
    const bl_st_tensor *file = *found = bl_st_find(st, t->name);
    if (!file)
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s is missing", path, t->name);
    if (out % CODES)
        return bl_fail(err, BL_EFORMAT,
                       "%s: tensor %s has %zu rows, no multiple of 4, and cannot "
                       "be packed",
                       path, t->name, out);
    if (file->dtype != BL_U8 || file->rank != 2 || file->shape[0] != out / CODES ||
        file->shape[1] != in)
        return bl_fail(err, BL_EFORMAT,
                       "%s: tensor %s is %s of %zu x %zu, expected U8 of %zu x "
                       "%zu: packed ternary weights",
                       path, t->name, bl_dtype_name(file->dtype),
                       file->rank > 0 ? file->shape[0] : 0, file->rank > 1 ? file->shape[1] : 0,
                       out / CODES, in);
    return BL_OK;
}

bl_status bl_packed_check(const bl_tensor_list *list, int ternary, const bl_st *st,
                          const char *path, bl_error *err)
{
    char name[128];
    const bl_st_tensor *file;
    for (size_t i = 0; i < list->count; i++) {
        const bl_tensor *t = &list->at[i];
        if (bl_int8_rows_are(t, st)) {
            BL_TRY(bl_int8_rows_check(t, st, path, err));
            continue;
        }
        if (t->role != BL_ROLE_LATENT || !ternary) {
            BL_TRY(bl_st_check_f32(st, t->name, t->rank, t->shape, err));
            continue;
        }
        BL_TRY(find_matrix(&file, t, st, path, err));
        scale_name(t, name);
        BL_TRY(bl_st_check_f32(st, name, 1, (const size_t[]){1}, err));
    }
    return BL_OK;
}

static bl_status load_scale(float *g, const bl_tensor *t, bl_weight_form form, const bl_st *st,
                            const char *path, bl_error *err)
{
    char name[128];
    float scale;
    scale_name(t, name);
    BL_TRY(bl_st_get_f32(st, name, 1, (const size_t[]){1}, &scale, err));
    *g = form == BL_WEIGHTS_PACKED_INVERSE ? 1.0f / scale : scale;
    if (!(*g > 0) || !isfinite(*g) || !isfinite(scale))
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s is %g, expected a positive scale", path,
                       name, (double)scale);
    return BL_OK;
}

/* Codes and packed bytes share `room`. */
static bl_status load_matrix(bl_net *net, const bl_tensor *t, bl_weight_form form, const bl_st *st,
                             const char *path, void *room, bl_error *err)
{
    size_t out = t->shape[0], in = t->shape[1];
    int8_t *codes = room;
    unsigned char *bytes = (unsigned char *)room + t->count;
    const bl_st_tensor *file;
    BL_TRY(find_matrix(&file, t, st, path, err));
    BL_TRY(bl_st_read(file, 0, file->count, bytes, err));
    size_t bad = unpack(codes, bytes, out, in);
    if (bad != SIZE_MAX)
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s: the code of row %zu, input %zu is 3", path,
                       t->name, bad / in, bad % in);
    float g;
    BL_TRY(load_scale(&g, t, form, st, path, err));
    return BL_OP(net->dev, tern_put, bl_net_tern(net, t), codes, g, out, in, err);
}

/* Rows of int8 that are on their way at a time. */
static size_t piece_rows(const bl_tensor *t)
{
    size_t rows = BL_NET_PIECE / (t->shape[1] + 1);
    return rows + !rows;
}

static bl_table_form form_of(const bl_st *st, const char *name)
{
    const bl_st_tensor *file = bl_st_find(st, name);
    if (file && file->dtype == BL_I8)
        return BL_TABLE_INT8;
    return file && file->dtype == BL_BF16 ? BL_TABLE_BF16 : BL_TABLE_PARAMS;
}

bl_table_form bl_packed_form(const bl_config *c, const bl_st *st)
{
    bl_table_form form = BL_TABLE_PARAMS;
    int first = 1;
#define X(field, key, shape, init, role, present)                                                  \
    if (BL_ROLE_##role == BL_ROLE_TABLE && (present)) {                                            \
        bl_table_form one = form_of(st, key);                                                      \
        form = first || one == form ? one : BL_TABLE_PARAMS;                                       \
        first = 0;                                                                                 \
    }
    BL_MODEL_TENSORS(X)
#undef X
    return form;
}

/* Bytes for what is on its way: a piece of a tensor, or the largest matrix. */
static size_t load_room(const bl_net *net)
{
    size_t most = BL_NET_PIECE * sizeof(float);
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        size_t bytes = 0;
        if (is_packed(net, t))
            bytes = t->count + t->count / CODES;
        else if (t->role == BL_ROLE_TABLE)
            bytes = 2 * piece_rows(t) * (t->shape[1] + 4) * sizeof(float);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static bl_status load_rows(const bl_net *net, const bl_tensor *t, const bl_st *st, const char *path,
                           float *host, bl_error *err)
{
    size_t V = t->shape[0], D = t->shape[1], most = piece_rows(t);
    char *to = bl_net_place(net, net->block, t);
    for (size_t at = 0; at < V; at += most) {
        size_t n = V - at < most ? V - at : most;
        BL_TRY(bl_int8_rows_get(t, st, path, at, n, host, err));
        BL_TRY(bl_dev_put(net->dev, BL_KIND_param, to + at * D * net->dev->param_bytes, host, n * D,
                          err));
    }
    return BL_OK;
}

/* The same as they are, a piece of which is read into one half of the room and laid out in the
 * other. */
static bl_status keep_rows(const bl_net *net, const bl_tensor *t, const bl_st *st, const char *path,
                           float *host, bl_error *err)
{
    size_t V = t->shape[0], D = t->shape[1], most = piece_rows(t);
    size_t bytes = bl_table_row_bytes(t->form, D, sizeof *host);
    char *to = bl_net_place(net, net->block, t), *rows = (char *)(host + most * (D + 4));
    for (size_t at = 0; at < V; at += most) {
        size_t n = V - at < most ? V - at : most;
        BL_TRY(t->form == BL_TABLE_INT8
                   ? bl_int8_rows_keep(t, st, path, at, n, host, rows, err)
                   : bl_net_halves_get(t, st, path, at * D, n * D, host, rows, err));
        BL_TRY(bl_dev_put(net->dev, BL_KIND_byte, to + at * bytes, rows, n * bytes, err));
    }
    return BL_OK;
}

static bl_status load_tensor(bl_net *net, const bl_tensor *t, bl_weight_form form, const bl_st *st,
                             const char *path, float *host, bl_error *err)
{
    if (is_packed(net, t))
        return load_matrix(net, t, form, st, path, host, err);
    if (t->form != BL_TABLE_PARAMS)
        return keep_rows(net, t, st, path, host, err);
    if (bl_int8_rows_are(t, st))
        return load_rows(net, t, st, path, host, err);
    return bl_net_tensor_load(net, t, st, path, host, err);
}

bl_status bl_net_load_packed(bl_net *net, bl_weight_form form, const bl_st *st, const char *path,
                             bl_error *err)
{
    bl_status status = BL_OK;
    float *host = bl_calloc(1, load_room(net));
    if (!host)
        return bl_fail(err, BL_ENOMEM, "out of memory for the largest matrix");
    for (size_t i = 0; i < net->tensors.count && status == BL_OK; i++) {
        status = load_tensor(net, &net->tensors.at[i], form, st, path, host, err);
        if (status == BL_OK)
            status = bl_watch_poll(i + 1, net->tensors.count, err);
    }
    bl_free(host);
    /* other devices of the kind may read it from now on */
    return status == BL_OK ? BL_OP(net->dev, sync, err) : status;
}

/* ---- writing ---- */

static void pack(unsigned char *bytes, const int8_t *codes, size_t out, size_t in)
{
    size_t quarter = out / CODES * in;
    for (size_t at = 0; at < quarter; at++) {
        unsigned byte = 0;
        for (size_t i = 0; i < CODES; i++)
            byte |= (unsigned)(codes[i * quarter + at] + 1) << 2 * i;
        bytes[at] = (unsigned char)byte;
    }
}

/* The type of a tensor that is not packed: tables and unrounded projections take the one asked for.
 * Beside rows of int8 the inner model's matrices are bfloat16; all else stays float32. */
static bl_dtype dtype_of(const bl_tensor *t, bl_dtype wanted)
{
    if (t->role != BL_ROLE_PLAIN)
        return wanted;
    return wanted == BL_I8 && t->init == BL_INIT_NORMAL ? BL_BF16 : BL_F32;
}

static bl_status declare(const bl_net *net, bl_dtype dtype, bl_st_writer *w, bl_error *err)
{
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        char name[128];
        if (!is_packed(net, t) && dtype_of(t, dtype) == BL_I8) {
            BL_TRY(bl_int8_rows_declare(t, w, err));
            continue;
        }
        if (!is_packed(net, t)) {
            BL_TRY(bl_st_writer_declare(w, t->name, dtype_of(t, dtype), t->rank, t->shape, err));
            continue;
        }
        if (t->shape[0] % CODES)
            return bl_fail(err, BL_EUNSUPPORTED,
                           "tensor %s has %zu rows: packing wants a multiple "
                           "of 4",
                           t->name, t->shape[0]);
        const size_t shape[] = {t->shape[0] / CODES, t->shape[1]};
        scale_name(t, name);
        BL_TRY(bl_st_writer_declare(w, t->name, BL_U8, 2, shape, err));
        BL_TRY(bl_st_writer_declare(w, name, BL_F32, 1, (const size_t[]){1}, err));
    }
    return BL_OK;
}

static bl_status write_matrix(const bl_net *net, const bl_tensor *t, int8_t *codes, void *bytes,
                              bl_st_writer *w, bl_error *err)
{
    size_t out = t->shape[0], in = t->shape[1];
    float g;
    BL_TRY(BL_OP(net->dev, tern_get, codes, &g, bl_net_tern(net, t), out, in, err));
    pack(bytes, codes, out, in);
    BL_TRY(bl_st_writer_data(w, bytes, out / CODES * in, err));
    return bl_st_writer_data(w, &g, sizeof g, err);
}

static bl_status write_floats(const bl_net *net, const bl_tensor *t, bl_dtype dtype, float *host,
                              void *narrow, bl_st_writer *w, bl_error *err)
{
    BL_TRY(bl_net_tensor_get(net, t, host, err));
    if (dtype == BL_I8)
        return bl_int8_rows_write(t, host, w, err);
    const float limit = dtype == BL_F16 ? 65520.0f : 0x1.ffp127f; /* from there on it is infinite */
    for (size_t i = 0; dtype != BL_F32 && i < t->count; i++)
        if (fabsf(host[i]) >= limit)
            return bl_fail(err, BL_EUNSUPPORTED, "tensor %s: element %zu is %g, too large for %s",
                           t->name, i, (double)host[i],
                           dtype == BL_F16 ? "F16; use bf16 or f32" : "BF16; use f32");
    bl_dtype_narrow(dtype, host, t->count, narrow);
    return bl_st_writer_data(w, narrow, t->count * bl_dtype_bytes(dtype), err);
}

static bl_status write_all(const bl_net *net, bl_dtype dtype, const char *parent, bl_st_writer *w,
                           float *host, void *bytes, bl_error *err)
{
    BL_TRY(bl_st_writer_metadata(w, "format", "pt", err));
    if (parent)
        BL_TRY(bl_st_writer_metadata(w, BL_PARENT_FINGERPRINT, parent, err));
    BL_TRY(declare(net, dtype, w, err));
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        BL_TRY(is_packed(net, t) ? write_matrix(net, t, (int8_t *)(void *)host, bytes, w, err)
                                 : write_floats(net, t, dtype_of(t, dtype), host, bytes, w, err));
        BL_TRY(bl_watch_poll(i + 1, net->tensors.count, err));
    }
    return BL_OK;
}

bl_status bl_net_save_packed(const bl_net *net, bl_dtype dtype, const char *parent,
                             const char *path, bl_error *err)
{
    float *host, *bytes = NULL;
    bl_st_writer *w = NULL;
    BL_TRY(bl_net_host_buffer(&host, net, err));
    bl_status status = bl_net_host_buffer(&bytes, net, err);
    if (status == BL_OK)
        status = bl_st_writer_open(&w, path, err);
    if (status == BL_OK)
        status = write_all(net, dtype, parent, w, host, bytes, err);
    bl_free(host);
    bl_free(bytes);
    if (status == BL_OK)
        return bl_st_writer_commit(w, err);
    bl_st_writer_abandon(w);
    return status;
}
