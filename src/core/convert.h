/* Text in other encodings as UTF-8, piece by piece, through the C library's iconv. */
#ifndef BL_CORE_CONVERT_H
#define BL_CORE_CONVERT_H

#include "core/status.h"

typedef struct bl_convert bl_convert;

/* From an encoding by its usual name, "UTF-16LE"; `unit`: bytes to skip where they are not a
 * character of it.  BL_EUNSUPPORTED: unknown to the system.  BL_ENOMEM. */
bl_status bl_convert_open(bl_convert **c, const char *encoding, size_t unit,
                          bl_error *err) BL_NODISCARD;
void bl_convert_close(bl_convert *c);

/* Turns from[*used ..bytes) into at most cap bytes of UTF-8, cap at least 8; *n of them.  With
 * `last` nothing comes after these bytes.  Bytes that were not used must be passed again, followed
 * by more.
 * BL_EFORMAT when there is no character at from[*used] (the message is the caller's). */
bl_status bl_convert_run(bl_convert *c, const char *from, size_t bytes, size_t *used, int last,
                         char *to, size_t cap, size_t *n) BL_NODISCARD;

const char *bl_convert_name(const bl_convert *c);
size_t bl_convert_unit(const bl_convert *c);

#endif
