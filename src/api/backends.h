/* Back ends by name: those built in, and plug-ins (src/ops/plugin.h) in the folders searched: those
 * of the environment variable BITLLAMA_PLUGINS, separated by colons, then the one that holds the
 * library or the program, "bitllama" below it, and "../lib.../bitllama" beside it. */
#ifndef BL_API_BACKENDS_H
#define BL_API_BACKENDS_H

#include "core/dir.h"
#include "ops/ops.h"

enum { BL_BACKEND_NAME_MOST = 32 }; /* bytes */

typedef struct bl_backend {
    const char *name;
    bl_status (*open)(bl_dev **d, const bl_device_request *request, bl_error *err);
    bl_status (*about)(bl_device_about *about, size_t index, bl_error *err);
    int is_plugin;
} bl_backend;

/* `found` may keep the pointer to the name.  BL_EINVAL lists the names; BL_EDEVICE: a plug-in of this
 * project that is not installed; or as bl_plugin_load(). */
bl_status bl_backend_find(bl_backend *found, const char *name, bl_error *err) BL_NODISCARD;

/* Calls `fn` for each: those built in, then plug-ins in the order found.  trouble is NULL, or says
 * why a plug-in cannot be used.  BL_ENOMEM. */
typedef void bl_backend_fn(void *user, const bl_backend *b, const char *trouble);
bl_status bl_backends_each(bl_backend_fn *fn, void *user, bl_error *err) BL_NODISCARD;

/* The folders searched for plug-ins, and the files found there, of each name the first: those that
 * bl_backends_each() calls `fn` for, in its order.  Loads none of them.  BL_ENOMEM; both are the
 * caller's to release, then too. */
bl_status bl_backends_places(bl_names *folders, bl_names *files, bl_error *err) BL_NODISCARD;

#endif
