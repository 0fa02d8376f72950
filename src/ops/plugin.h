/* A back end in its own shared object, libbitllama_NAME.so, and the check that it fits.
 *
 * It exports one function, BL_PLUGIN_SYMBOL of type bl_plugin_fn, and hides all else; it links in
 * what it needs of this library (bl_fail, bl_ops_complete, ...).  Its name consists of letters,
 * digits and underscores.  It stays loaded until the process ends.  Its copy of this library has
 * its own log, watches and pool of threads: it reports through errors, and the request says how
 * many threads it may use.  Threads: any thread may call any of its three functions. */
#ifndef BL_OPS_PLUGIN_H
#define BL_OPS_PLUGIN_H

#include "core/hash.h"
#include "ops/ops.h"

typedef struct bl_plugin {
    /* Of what it was compiled with (bl_plugin_signature); read before anything else. */
    char signature[BL_HASH_TEXT];

    /* A device, as bl_cpu_open() makes one.  BL_EDEVICE (no such device, a driver too old),
     * BL_EUNSUPPORTED (precision), BL_ENOMEM. */
    bl_status (*open)(bl_dev **d, const bl_device_request *request, bl_error *err);

    /* What device `index` is.  BL_ENOENT past the last one, and for the first when there is none:
     * then the message says why. */
    bl_status (*about)(bl_device_about *about, size_t index, bl_error *err);
} bl_plugin;

/* NULL: out of memory. */
typedef const bl_plugin *bl_plugin_fn(void);
#define BL_PLUGIN_SYMBOL "bl_plugin_get"

/* The hash of the headers that define what crosses the border, of the op table, and of the sizes of
 * structs: a back end compiled against others must not be called.  BL_ENOMEM. */
bl_status bl_plugin_signature(char hex[BL_HASH_TEXT], bl_error *err) BL_NODISCARD;

/* Loads a shared object and compares signatures.  BL_EDEVICE when it cannot be loaded (a driver's
 * library is missing), BL_EUNSUPPORTED when it is not a plug-in, or one for another version. */
bl_status bl_plugin_load(const bl_plugin **plugin, const char *path, bl_error *err) BL_NODISCARD;

#endif
