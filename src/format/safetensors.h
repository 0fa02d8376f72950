/* The safetensors file format: a reader that trusts nothing, and a writer.
 *
 * File: u64 header length, JSON header {"name": {"dtype", "shape", "data_offsets"}, ...,
 * "__metadata__": {text: text}}, data.  https://github.com/huggingface/safetensors */
#ifndef BL_FORMAT_SAFETENSORS_H
#define BL_FORMAT_SAFETENSORS_H

#include "core/status.h"

typedef enum bl_dtype {
    BL_U8,
    BL_I8,
    BL_U16,
    BL_I32,
    BL_I64,
    BL_F16,
    BL_BF16,
    BL_F32,
    BL_F64,
    BL_DTYPES
} bl_dtype;
size_t bl_dtype_bytes(bl_dtype dtype);
const char *bl_dtype_name(bl_dtype dtype); /* "F32" */

enum { BL_RANK_MAX = 8 };

typedef struct bl_st bl_st;

typedef struct bl_st_tensor {
    const char *name; /* valid while the file is open */
    bl_dtype dtype;
    size_t rank, shape[BL_RANK_MAX];
    size_t count;    /* elements */
    size_t place;    /* of its first byte, counted from the end of the header */
    const bl_st *in; /* the file that has it */
} bl_st_tensor;

/* Reads and checks a header: inside the file, no overlap, no gap, sizes that multiply without
 * overflow and match dtype and shape, no name twice, UTF-8.  BL_ENOENT, BL_EFORMAT, BL_ENOMEM. */
bl_status bl_st_open(bl_st **st, const char *path, bl_error *err) BL_NODISCARD;
void bl_st_close(bl_st *st);

/* Several files as one, by the name `path`: their tensors one after another, and metadata of the first
 * that has the key.  Takes files[count], which is freed by bl_free(), also when it fails.  BL_EFORMAT:
 * two have a tensor of one name. */
bl_status bl_st_join(bl_st **st, const char *path, bl_st **files, size_t count,
                     bl_error *err) BL_NODISCARD;

size_t bl_st_count(const bl_st *st);
const bl_st_tensor *bl_st_at(const bl_st *st, size_t i);           /* in file order */
const bl_st_tensor *bl_st_find(const bl_st *st, const char *name); /* NULL: none */
const char *bl_st_metadata(const bl_st *st, const char *key);      /* NULL: none */
size_t bl_st_metadata_count(const bl_st *st);
const char *bl_st_metadata_key(const bl_st *st, size_t i);

/* Is tensor `name` there, as F32, BF16 or F16, and of this shape?  Its data is not read.
 * BL_EFORMAT names the file, the tensor and both shapes. */
bl_status bl_st_check_f32(const bl_st *st, const char *name, size_t rank, const size_t *shape,
                          bl_error *err) BL_NODISCARD;

/* n bytes of a tensor from its byte `first` on. */
bl_status bl_st_read(const bl_st_tensor *t, size_t first, size_t n, void *to,
                     bl_error *err) BL_NODISCARD;

/* Tensor `name` as float32 (F32, BF16, F16 are converted) of exactly this shape into out.
 * As bl_st_check_f32(); BL_EIO when the file has become shorter. */
bl_status bl_st_get_f32(const bl_st *st, const char *name, size_t rank, const size_t *shape,
                        float *out, bl_error *err) BL_NODISCARD;

/* The same of its elements first .. first + n - 1, which must be there. */
bl_status bl_st_get_f32_part(const bl_st *st, const char *name, size_t rank, const size_t *shape,
                             size_t first, size_t n, float *out, bl_error *err) BL_NODISCARD;

/* ---- writing: declare all tensors, then write their data in the same order ---- */

typedef struct bl_st_writer bl_st_writer;

bl_status bl_st_writer_open(bl_st_writer **w, const char *path, bl_error *err) BL_NODISCARD;
/* The same into buffer[cap]: what fits of it; commit gives the number of all its bytes to *bytes,
 * which may be NULL. */
bl_status bl_st_writer_open_buffer(bl_st_writer **w, void *buffer, size_t cap, size_t *bytes,
                                   bl_error *err) BL_NODISCARD;
bl_status bl_st_writer_metadata(bl_st_writer *w, const char *key, const char *value,
                                bl_error *err) BL_NODISCARD;
bl_status bl_st_writer_declare(bl_st_writer *w, const char *name, bl_dtype dtype, size_t rank,
                               const size_t *shape, bl_error *err) BL_NODISCARD;
/* The next declared tensor's bytes.  The first call writes the header.  Data may come in pieces;
 * the pieces of a tensor must add up to its size. */
bl_status bl_st_writer_data(bl_st_writer *w, const void *data, size_t bytes,
                            bl_error *err) BL_NODISCARD;
/* Atomic: the file appears whole or not at all.  Frees the writer in any case. */
bl_status bl_st_writer_commit(bl_st_writer *w, bl_error *err) BL_NODISCARD;
void bl_st_writer_abandon(bl_st_writer *w);

#endif
