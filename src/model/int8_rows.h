/* Embedding and head as rows of int8 with a scale each (MODEL 2, FORMATS 1.3). */
#ifndef BL_MODEL_INT8_ROWS_H
#define BL_MODEL_INT8_ROWS_H

#include "model/net.h"

/* Whether the file has the tensor in this form. */
int bl_int8_rows_are(const bl_tensor *t, const bl_st *st);

/* Are rows and scales there, of the tensor's shape?  No data is read. */
bl_status bl_int8_rows_check(const bl_tensor *t, const bl_st *st, const char *path,
                             bl_error *err) BL_NODISCARD;

/* Rows first .. first + n - 1 of E = s q to host, which has room for n (D + 1) floats.  BL_EFORMAT,
 * besides what is checked, for a q of -128 and a scale that is not a number from 0 to 2^100. */
bl_status bl_int8_rows_get(const bl_tensor *t, const bl_st *st, const char *path, size_t first,
                           size_t n, float *host, bl_error *err) BL_NODISCARD;

/* The same as a device keeps them (BL_TABLE_INT8) to `rows`; host is room for n (D + 4) bytes. */
bl_status bl_int8_rows_keep(const bl_tensor *t, const bl_st *st, const char *path, size_t first,
                            size_t n, float *host, char *rows, bl_error *err) BL_NODISCARD;

bl_status bl_int8_rows_declare(const bl_tensor *t, bl_st_writer *w, bl_error *err) BL_NODISCARD;

/* host [t->count] is read, and then room. */
bl_status bl_int8_rows_write(const bl_tensor *t, float *host, bl_st_writer *w,
                             bl_error *err) BL_NODISCARD;

#endif
