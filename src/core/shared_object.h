/* Shared objects that are loaded while the program runs. */
#ifndef BL_CORE_SHARED_OBJECT_H
#define BL_CORE_SHARED_OBJECT_H

#include "core/status.h"

/* Any function; cast it to its type. */
typedef void bl_any_fn(void);

/* A function that a shared object exports; the object stays loaded until the process ends.
 * BL_EDEVICE when it cannot be loaded, in the loader's words; BL_EUNSUPPORTED when it exports no
 * such function. */
bl_status bl_shared_object_function(bl_any_fn **fn, const char *path, const char *name,
                                    bl_error *err) BL_NODISCARD;

/* The folder of the shared library or program that holds this function, in a fresh string; NULL
 * when it cannot be found or memory is short. */
char *bl_shared_object_folder(void);

#endif
