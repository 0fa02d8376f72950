/* Messages as text: one line each, whatever the names in them hold. */
#ifndef BL_CORE_SHOWN_H
#define BL_CORE_SHOWN_H

#include "core/status.h"

#include <stdarg.h>

/* Formats into line[cap] as bl_text_shown() with BL_SHOWN_LINE gives it, cut at a character. */
void bl_shown_line(char *line, size_t cap, const char *format, va_list args) BL_PRINTF(3, 0);

#endif
