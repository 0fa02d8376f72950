/* Numbers as text, the same in every locale. */
#ifndef BL_FORMAT_NUMBER_H
#define BL_FORMAT_NUMBER_H

#include "core/status.h"

enum { BL_NUMBER_MAX = 32 }; /* bytes that any number takes as text, with its 0 */

/* The whole text as a decimal number: digits only for whole numbers; sign, point and exponent for
 * real ones.  1 on success; 0 for anything else, for infinities and for what overflows. */
int bl_number_read_u64(const char *text, uint64_t *value);
int bl_number_read_real(const char *text, double *value);

/* The shortest decimal text that reads back as exactly this (finite) value. */
void bl_number_write_real(double value, char text[BL_NUMBER_MAX]);

#endif
