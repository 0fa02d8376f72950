/* Text in other encodings as UTF-8, piece by piece, through the C library's iconv. */
#ifndef BL_CORE_CONVERT_H
#define BL_CORE_CONVERT_H

#include "core/status.h"

typedef struct bl_convert bl_convert;

/* From an encoding by its usual name, "UTF-16LE"; `unit`: bytes that are passed over where they are
 * no character of it.  BL_EUNSUPPORTED: the system does not know it.  BL_ENOMEM. */
bl_status bl_convert_open(bl_convert **c, const char *encoding, size_t unit,
                          bl_error *err) BL_NODISCARD;
void bl_convert_close(bl_convert *c);

/* Turns from[*used ..bytes) into at most cap bytes of UTF-8, cap at least 8; *n of them.  With
 * `last` nothing comes behind these bytes.  What is left over then or before is to be given again,
 * with more behind it.
 * BL_EFORMAT at from[*used], which is no character (the message is the caller's). */
bl_status bl_convert_run(bl_convert *c, const char *from, size_t bytes, size_t *used, int last,
                         char *to, size_t cap, size_t *n) BL_NODISCARD;

const char *bl_convert_name(const bl_convert *c);
size_t bl_convert_unit(const bl_convert *c);

#endif
