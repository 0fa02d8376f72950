/* Embedding and head as rows of int8 with a scale each: E[v] = s[v] q[v].
 *
 * s has 16 significant bits, so s q is exact in float32, and rows that were rounded once are
 * rounded to themselves. */
#include "model/int8_rows.h"
#include "core/alloc.h"
#include "format/dtype.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 127 };

typedef char scale_name[128];

static void name_scale(scale_name name, const bl_tensor *t)
{
    (void)snprintf(name, sizeof(scale_name), "%s_scale", t->name);
}

int bl_int8_rows_are(const bl_tensor *t, const bl_st *st)
{
    const bl_st_tensor *file = bl_st_find(st, t->name);
    return t->role == BL_ROLE_TABLE && file && file->dtype == BL_I8;
}

bl_status bl_int8_rows_check(const bl_tensor *t, const bl_st *st, const char *path, bl_error *err)
{
    scale_name name;
    const bl_st_tensor *file = bl_st_find(st, t->name);
    if (file->rank != 2 || file->shape[0] != t->shape[0] || file->shape[1] != t->shape[1])
        return bl_fail(err, BL_EFORMAT, "%s: tensor %s is I8 of %zu x %zu, expected %zu x %zu",
                       path, t->name, file->rank > 0 ? file->shape[0] : 0,
                       file->rank > 1 ? file->shape[1] : 0, t->shape[0], t->shape[1]);
    name_scale(name, t);
    return bl_st_check_f32(st, name, 1, t->shape, err);
}

static bl_status check_scale(const bl_tensor *t, float scale, const char *path, size_t v,
                             bl_error *err)
{
    if (scale >= 0 && scale <= 0x1p100f)
        return BL_OK;
    return bl_fail(err, BL_EFORMAT, "%s: tensor %s_scale: element %zu is %g", path, t->name, v,
                   (double)scale);
}

static bl_status check_byte(const bl_tensor *t, int8_t byte, const char *path, size_t i,
                            bl_error *err)
{
    if (byte >= -MOST)
        return BL_OK;
    return bl_fail(err, BL_EFORMAT, "%s: tensor %s: element %zu is %d", path, t->name, i, byte);
}

/* n rows; the bytes lie at the end of their floats: each float is written before the bytes behind it
 * are read. */
static bl_status expand(const bl_tensor *t, const float *scale, const char *path, size_t first,
                        size_t n, float *host, bl_error *err)
{
    size_t D = t->shape[1];
    const int8_t *q = (const int8_t *)(host + n * D) - n * D;
    for (size_t v = 0; v < n; v++) {
        BL_TRY(check_scale(t, scale[v], path, first + v, err));
        for (size_t i = v * D; i < (v + 1) * D; i++) {
            int8_t byte;
            memcpy(&byte, q + i, 1);
            BL_TRY(check_byte(t, byte, path, first * D + i, err));
            host[i] = scale[v] * (float)byte;
        }
    }
    return BL_OK;
}

bl_status bl_int8_rows_get(const bl_tensor *t, const bl_st *st, const char *path, size_t first,
                           size_t n, float *host, bl_error *err)
{
    scale_name name;
    size_t D = t->shape[1];
    float *scale = host + n * D;
    BL_TRY(bl_int8_rows_check(t, st, path, err));
    name_scale(name, t);
    BL_TRY(bl_st_get_f32_part(st, name, 1, t->shape, first, n, scale, err));
    BL_TRY(bl_st_read(bl_st_find(st, t->name), first * D, n * D, (int8_t *)scale - n * D, err));
    return expand(t, scale, path, first, n, host, err);
}

bl_status bl_int8_rows_keep(const bl_tensor *t, const bl_st *st, const char *path, size_t first,
                            size_t n, float *host, char *rows, bl_error *err)
{
    scale_name name;
    size_t D = t->shape[1], bytes = bl_table_row_bytes(BL_TABLE_INT8, D, sizeof *host);
    int8_t *q = (int8_t *)(host + n);
    BL_TRY(bl_int8_rows_check(t, st, path, err));
    name_scale(name, t);
    BL_TRY(bl_st_get_f32_part(st, name, 1, t->shape, first, n, host, err));
    BL_TRY(bl_st_read(bl_st_find(st, t->name), first * D, n * D, q, err));
    for (size_t v = 0; v < n; v++, q += D, rows += bytes) {
        BL_TRY(check_scale(t, host[v], path, first + v, err));
        for (size_t i = 0; i < D; i++)
            BL_TRY(check_byte(t, q[i], path, (first + v) * D + i, err));
        memset(rows + bytes - sizeof *host, 0, sizeof *host);
        memcpy(rows, host + v, sizeof *host);
        memcpy(rows + sizeof *host, q, D);
    }
    return BL_OK;
}

bl_status bl_int8_rows_declare(const bl_tensor *t, bl_st_writer *w, bl_error *err)
{
    scale_name name;
    name_scale(name, t);
    BL_TRY(bl_st_writer_declare(w, t->name, BL_I8, 2, t->shape, err));
    return bl_st_writer_declare(w, name, BL_F32, 1, t->shape, err);
}

/* max|E| / 127, rounded upwards to 16 bits; 0 for a row that is all but 0. */
static float scale_of(const float *row, size_t D)
{
    float most = 0;
    uint32_t bits;
    for (size_t i = 0; i < D; i++)
        most = fabsf(row[i]) > most ? fabsf(row[i]) : most;
    float s = most / MOST;
    memcpy(&bits, &s, sizeof bits);
    bits = (bits + 0xFF) & 0xFFFFFF00;
    memcpy(&s, &bits, sizeof s);
    return most < 1e-30f ? 0 : s;
}

bl_status bl_int8_rows_write(const bl_tensor *t, float *host, bl_st_writer *w, bl_error *err)
{
    size_t V = t->shape[0], D = t->shape[1];
    int8_t *q = (int8_t *)host;
    float *scale = bl_calloc(V, sizeof *scale);
    bl_status status = scale ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for %zu scales", V);
    for (size_t v = 0; status == BL_OK && v < V; v++) {
        scale[v] = scale_of(host + v * D, D);
        if (!(scale[v] <= 0x1p100f))
            status = bl_fail(err, BL_EUNSUPPORTED, "tensor %s: row %zu is too large for int8",
                             t->name, v);
        for (size_t i = v * D; status == BL_OK && i < (v + 1) * D; i++) {
            int8_t byte = (int8_t)(scale[v] > 0 ? rintf(host[i] / scale[v]) : 0);
            memcpy(q + i, &byte, 1); /* what lies there was read */
        }
    }
    if (status == BL_OK)
        status = bl_st_writer_data(w, q, t->count, err);
    if (status == BL_OK)
        status = bl_st_writer_data(w, scale, V * sizeof *scale, err);
    bl_free(scale);
    return status;
}
