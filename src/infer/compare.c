/* Two memory files beside each other, without their model. */
#include "infer/sequence.h"

#include <string.h>

enum { PIECE = 16384 };

static int same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int same_metadata(const bl_st *a, const bl_st *b)
{
    int same = bl_st_metadata_count(a) == bl_st_metadata_count(b);
    for (size_t i = 0; same && i < bl_st_metadata_count(a); i++) {
        const char *key = bl_st_metadata_key(a, i);
        same = same_text(bl_st_metadata(a, key), bl_st_metadata(b, key));
    }
    return same;
}

static int same_shape(const bl_st_tensor *a, const bl_st_tensor *b)
{
    return b && a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0;
}

static bl_status same_data(const bl_st_tensor *x, const bl_st_tensor *y, int *same, bl_error *err)
{
    char left[PIECE], right[PIECE];
    size_t bytes = x->count * bl_dtype_bytes(x->dtype);
    for (size_t at = 0; *same && at < bytes; at += PIECE) {
        size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        BL_TRY(bl_st_read(x, at, n, left, err));
        BL_TRY(bl_st_read(y, at, n, right, err));
        *same = memcmp(left, right, n) == 0;
    }
    return BL_OK;
}

static bl_status compare(const bl_st *a, const bl_st *b, bl_memory_difference *d, bl_error *err)
{
    d->same_model = same_text(bl_st_metadata(a, "fingerprint"), bl_st_metadata(b, "fingerprint"));
    d->same = same_metadata(a, b) && bl_st_count(a) == bl_st_count(b);
    for (size_t i = 0; d->same && i < bl_st_count(a); i++) {
        const bl_st_tensor *x = bl_st_at(a, i), *y = bl_st_find(b, x->name);
        d->same = same_shape(x, y);
        BL_TRY(same_data(x, y, &d->same, err));
    }
    return BL_OK;
}

static bl_status open_one(bl_st **st, const char *path, int *version, uint64_t *position,
                          bl_error *err)
{
    int based = 0;
    BL_TRY(bl_st_open(st, path, err));
    BL_TRY(bl_memory_known(*st, path, &based, err));
    *version = 1 + based;
    return bl_memory_position(*st, path, position, err);
}

bl_status bl_memory_compare(const char *a, const char *b, bl_memory_difference *d, bl_error *err)
{
    bl_st *left = NULL, *right = NULL;
    *d = (bl_memory_difference){0};
    bl_status status = open_one(&left, a, &d->version_a, &d->position_a, err);
    if (status == BL_OK)
        status = open_one(&right, b, &d->version_b, &d->position_b, err);
    if (status == BL_OK)
        status = compare(left, right, d, err);
    bl_st_close(left);
    bl_st_close(right);
    return status;
}
