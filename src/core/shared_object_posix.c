/* Shared objects that are loaded while the program runs: the one place that knows the loader. */
#define _GNU_SOURCE /* dladdr, dl_iterate_phdr */

#include "core/shared_object.h"
#include "core/alloc.h"
#include "core/path.h"

#include <dlfcn.h>
#include <fenv.h>
#include <string.h>
#if !defined(__APPLE__)
#include <link.h>
#include <unistd.h>
#endif

bl_status bl_shared_object_function(bl_any_fn **fn, const char *path, const char *name,
                                    bl_error *err)
{
    *fn = NULL;
    fenv_t before; /* what an object linked with -ffast-math changes as it is loaded */
    (void)fegetenv(&before);
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    (void)fesetenv(&before);
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

#if defined(__APPLE__)
static char *file_of(void *address)
{
    Dl_info info;
    return dladdr(address, &info) && info.dli_fname ? bl_path_absolute(info.dli_fname) : NULL;
}
#else
/* Is the address in the program, which the loader names first? */
static int is_in_program(struct dl_phdr_info *object, size_t bytes, void *user)
{
    uintptr_t at = (uintptr_t) * (void **)user;
    int inside = 0;
    (void)bytes;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        uintptr_t first = (uintptr_t)object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        inside |= object->dlpi_phdr[i].p_type == PT_LOAD && at >= first &&
                  at - first < object->dlpi_phdr[i].p_memsz;
    }
    return inside ? 1 : 2;
}

/* Of the program the loader knows only argv[0], which may be anything. */
static char *file_of(void *address)
{
    Dl_info info;
    char path[4096];
    if (dl_iterate_phdr(is_in_program, &address) == 1) {
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
        path[n > 0 ? n : 0] = 0;
        return *path == '/' ? bl_strdup(path) : NULL;
    }
    return dladdr(address, &info) && info.dli_fname && *info.dli_fname == '/'
               ? bl_strdup(info.dli_fname)
               : NULL;
}
#endif

char *bl_shared_object_folder(void)
{
    bl_any_fn *here = (bl_any_fn *)bl_shared_object_folder;
    void *address;
    memcpy(&address, &here, sizeof address);
    char *file = file_of(address), *folder = file ? bl_path_parent(file) : NULL;
    bl_free(file);
    return folder;
}
