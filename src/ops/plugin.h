/* A back end in a shared object of its own, libbitllama_NAME.so, and how it is known to fit.
 *
 * It exports one function, BL_PLUGIN_SYMBOL of type bl_plugin_fn, and hides all else; what it needs
 * of this library (bl_fail, bl_ops_complete, ...) it links into itself.  Its name is of letters,
 * digits and underscores.  It stays loaded until the process ends.  Its copy of this library has its
 * own log, watches and pool of threads: what it has to say it says in errors, and how many threads
 * it may take is in the request.  Threads: all three functions may be called by any. */
#ifndef BL_OPS_PLUGIN_H
#define BL_OPS_PLUGIN_H

#include "core/hash.h"
#include "ops/ops.h"

typedef struct bl_plugin {
    /* Of what both sides were compiled with (bl_plugin_signature); read before anything else. */
    char signature[BL_HASH_TEXT];

    /* A device, as bl_cpu_open() makes one.  BL_EDEVICE (no such device, a driver too old),
     * BL_EUNSUPPORTED (precision), BL_ENOMEM. */
    bl_status (*open)(bl_dev **d, const bl_device_request *request, bl_error *err);

    /* What device `index` is.  BL_ENOENT past the last, and for the first where there is none:
     * then the message says why. */
    bl_status (*about)(bl_device_about *about, size_t index, bl_error *err);
} bl_plugin;

/* NULL: out of memory. */
typedef const bl_plugin *bl_plugin_fn(void);
#define BL_PLUGIN_SYMBOL "bl_plugin_get"

/* The hash of the headers that say what crosses the border, of the op table, and of the sizes of
 * structs: a back end compiled against others must not be called.  BL_ENOMEM. */
bl_status bl_plugin_signature(char hex[BL_HASH_TEXT], bl_error *err) BL_NODISCARD;

/* Loads a shared object and compares signatures.  BL_EDEVICE when it cannot be loaded (a driver's
 * library is missing), BL_EUNSUPPORTED when it is no plug-in or one for another version. */
bl_status bl_plugin_load(const bl_plugin **plugin, const char *path, bl_error *err) BL_NODISCARD;

#endif
