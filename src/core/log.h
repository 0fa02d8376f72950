/* Warnings of the library: handed to the application's function, never printed here. */
#ifndef BL_CORE_LOG_H
#define BL_CORE_LOG_H

#include "core/status.h"

/* One line without a newline; does nothing while no function is set (bl_log_to). */
void bl_log(bl_log_level level, const char *format, ...) BL_PRINTF(2, 3);

#endif
