/* Shared objects that are loaded while the program runs: the one place that knows the loader. */
#define _GNU_SOURCE /* dladdr */

#include "core/shared_object.h"
#include "core/alloc.h"
#include "core/os.h"

#include <dlfcn.h>
#include <string.h>

bl_status bl_shared_object_function(bl_any_fn **fn, const char *path, const char *name,
                                    bl_error *err)
{
    *fn = NULL;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        return bl_fail(err, BL_EDEVICE, "%s: cannot be loaded: %.300s", path, dlerror());
    void *symbol = dlsym(object, name);
    if (!symbol) {
        (void)dlclose(object);
        return bl_fail(err, BL_EUNSUPPORTED, "%s: not a plug-in: it exports no %s", path, name);
    }
    /* ISO C has no cast from an object to a function; POSIX has them alike. */
    _Static_assert(sizeof *fn == sizeof symbol, "pointers to objects and functions are alike");
    memcpy(fn, &symbol, sizeof symbol);
    return BL_OK;
}

char *bl_shared_object_folder(void)
{
    bl_any_fn *here = (bl_any_fn *)bl_shared_object_folder;
    void *address;
    Dl_info info;
    memcpy(&address, &here, sizeof address);
    if (!dladdr(address, &info) || !info.dli_fname)
        return NULL;
    char *file = bl_path_absolute(info.dli_fname);
    char *folder = file ? bl_path_parent(file) : NULL;
    bl_free(file);
    return folder;
}
