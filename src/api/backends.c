/* Back ends by name: those built in, and plug-ins in the folders that are searched. */
#include "api/backends.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/env.h"
#include "core/os.h"
#include "core/shared_object.h"
#include "cpu/cpu_dev.h"
#include "format/options.h"
#include "ops/plugin.h"

#include <stdio.h>
#include <string.h>

static const bl_backend built_in[] = {
    {"cpu", bl_cpu_open, bl_cpu_about},
    {"ref", bl_ref32_open, bl_ref32_about},
    {"ref64", bl_ref64_open, bl_ref64_about},
};
enum { BUILT_IN = sizeof built_in / sizeof *built_in };

#define PLUGIN_PREFIX "libbitllama_"
#define PLUGIN_SUFFIX ".so"

/* The folders that are searched for plug-ins, in this order; NULL when memory is short. */
static char *folder_of(const char *here, size_t i)
{
    static const char *const below[] = {"", "bitllama", "../" BL_PLUGIN_FOLDER};
    if (i >= sizeof below / sizeof *below)
        return NULL;
    return *below[i] ? bl_path_join(here, below[i]) : bl_strdup(here);
}

/* Calls `fn` for each folder until it returns other than 0: those of BITLLAMA_PLUGINS, set apart by
 * colons, then where the library or the program is. */
typedef int folder_fn(void *user, const char *folder);

static void each_folder(folder_fn *fn, void *user)
{
    const char *at = bl_env("BITLLAMA_PLUGINS");
    for (size_t n = 0; at && *at; at += n + (at[n] == ':')) {
        char folder[BL_TEXT_MAX];
        n = strcspn(at, ":");
        int length = snprintf(folder, sizeof folder, "%.*s", (int)n, at);
        if (n && length > 0 && (size_t)length < sizeof folder && fn(user, folder))
            return;
    }
    char *here = bl_shared_object_folder(), *folder;
    for (size_t i = 0; here && (folder = folder_of(here, i)) != NULL; i++) {
        int found = fn(user, folder);
        bl_free(folder);
        if (found)
            break;
    }
    bl_free(here);
}

typedef struct plugin_search {
    const char *name; /* of the back end */
    char *path;       /* found */
    bl_buf seen;      /* the folders, for a message */
} plugin_search;

static int look_in(void *user, const char *folder)
{
    plugin_search *s = user;
    char file[sizeof PLUGIN_PREFIX PLUGIN_SUFFIX + BL_BACKEND_NAME_MOST];
    (void)snprintf(file, sizeof file, PLUGIN_PREFIX "%s" PLUGIN_SUFFIX, s->name);
    bl_buf_printf(&s->seen, "%s%s", s->seen.len ? ", " : "", folder);
    if (bl_path_has(folder, file))
        s->path = bl_path_join(folder, file);
    return s->path != NULL;
}

static int is_plugin_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= BL_BACKEND_NAME_MOST &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bl_status unknown(const char *name, const plugin_search *s, bl_error *err)
{
    bl_buf why;
    bl_buf_init(&why);
    bl_buf_printf(&why, "device %.60s: built in are ", name);
    for (size_t i = 0; i < BUILT_IN; i++)
        bl_buf_printf(&why, "%s%s", i ? ", " : "", built_in[i].name);
    bl_buf_printf(&why, ", each also with trace: or fault: before it");
    if (s)
        bl_buf_printf(&why, "; no " PLUGIN_PREFIX "%s" PLUGIN_SUFFIX " is in %s", name,
                      s->seen.data ? s->seen.data : "any folder");
    bl_status status = bl_buf_status(&why, err);
    if (status == BL_OK)
        status = bl_fail(err, BL_EINVAL, "%.490s", why.data);
    bl_buf_release(&why);
    return status;
}

static bl_status find_plugin(bl_backend *found, const char *name, bl_error *err)
{
    plugin_search s = {.name = name};
    const bl_plugin *plugin;
    bl_status status;
    if (!is_plugin_name(name))
        return unknown(name, NULL, err);
    bl_buf_init(&s.seen);
    each_folder(look_in, &s);
    status = s.path ? bl_plugin_load(&plugin, s.path, err) : unknown(name, &s, err);
    if (status == BL_OK)
        *found = (bl_backend){name, plugin->open, plugin->about};
    bl_buf_release(&s.seen);
    bl_free(s.path);
    return status;
}

bl_status bl_backend_find(bl_backend *found, const char *name, bl_error *err)
{
    for (size_t i = 0; i < BUILT_IN; i++)
        if (strcmp(name, built_in[i].name) == 0) {
            *found = built_in[i];
            return BL_OK;
        }
    return find_plugin(found, name, err);
}

typedef struct listing {
    bl_backend_fn *fn;
    void *user;
    bl_buf told; /* names of plug-ins, each between line feeds: the first that is found is used */
} listing;

/* The name in "libbitllama_NAME.so", if it is one. */
static int name_of_file(char name[BL_BACKEND_NAME_MOST + 1], const char *file)
{
    size_t n = strlen(file), prefix = strlen(PLUGIN_PREFIX), suffix = strlen(PLUGIN_SUFFIX);
    if (n <= prefix + suffix || n > prefix + suffix + BL_BACKEND_NAME_MOST ||
        strncmp(file, PLUGIN_PREFIX, prefix) != 0 || strcmp(file + n - suffix, PLUGIN_SUFFIX) != 0)
        return 0;
    memcpy(name, file + prefix, n - prefix - suffix);
    name[n - prefix - suffix] = 0;
    return is_plugin_name(name);
}

static int list_in(void *user, const char *folder)
{
    listing *l = user;
    bl_names files = {0};
    if (bl_path_what(folder) == BL_PATH_DIR && bl_dir_list(&files, folder, NULL) == BL_OK)
        for (size_t i = 0; i < files.count; i++) {
            char name[BL_BACKEND_NAME_MOST + 1], line[BL_BACKEND_NAME_MOST + 3];
            bl_error why = {.message = ""};
            bl_backend b = {.name = name};
            if (!name_of_file(name, files.name[i]))
                continue;
            (void)snprintf(line, sizeof line, "\n%s\n", name);
            if (l->told.data && strstr(l->told.data, line))
                continue;
            bl_buf_puts(&l->told, line);
            bl_status status = bl_backend_find(&b, name, &why);
            l->fn(l->user, &b, status == BL_OK ? NULL : why.message);
        }
    bl_names_release(&files);
    return 0;
}

bl_status bl_backends_each(bl_backend_fn *fn, void *user, bl_error *err)
{
    listing l = {.fn = fn, .user = user};
    bl_buf_init(&l.told);
    for (size_t i = 0; i < BUILT_IN; i++)
        fn(user, &built_in[i], NULL);
    each_folder(list_in, &l);
    bl_status status = bl_buf_status(&l.told, err);
    bl_buf_release(&l.told);
    return status;
}
