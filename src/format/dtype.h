/* Element types of safetensors files inside this folder. */
#ifndef BL_FORMAT_DTYPE_H
#define BL_FORMAT_DTYPE_H

#include "format/safetensors.h"

/* The type of that name; 0 when there is none. */
int bl_dtype_find(const char *name, bl_dtype *dtype);

/* F32, BF16 or F16 elements (at any address) to float32, exactly. */
void bl_dtype_widen(bl_dtype dtype, const void *data, size_t count, float *out);

/* float32 to F32, BF16 or F16, rounded to nearest even; what is too large for F16 becomes infinite.
 * out takes count elements. */
void bl_dtype_narrow(bl_dtype dtype, const float *x, size_t count, void *out);

#endif
