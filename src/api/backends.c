/* Back ends by name: those built in, and plug-ins in the folders searched. */
#include "api/backends.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/dir.h"
#include "core/env.h"
#include "core/path.h"
#include "core/shared_object.h"
#include "cpu/cpu_dev.h"
#include "format/options.h"
#include "ops/plugin.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const bl_backend built_in[] = {
    {"cpu", bl_cpu_open, bl_cpu_about, 0},
    {"ref", bl_ref32_open, bl_ref32_about, 0},
    {"ref64", bl_ref64_open, bl_ref64_about, 0},
};
enum { BUILT_IN = sizeof built_in / sizeof *built_in };

#define PLUGIN_PREFIX "libbitllama_"
#define PLUGIN_SUFFIX ".so"

/* The folders that are searched for plug-ins, in this order; NULL when memory is short. */
static char *folder_of(const char *here, size_t i)
{
    static const char *const below[] = {"", "bitllama", ("../" BL_PLUGIN_FOLDER)};
    if (i >= sizeof below / sizeof *below)
        return NULL;
    return *below[i] ? bl_path_join(here, below[i]) : bl_strdup(here);
}

/* Calls `fn` for each folder until it returns other than 0: those of BITLLAMA_PLUGINS, separated by
 * colons, then where the library or the program is. */
typedef int folder_fn(void *user, const char *folder);

static void each_folder(folder_fn *fn, void *user)
{
    const char *value = bl_env_trusted("BITLLAMA_PLUGINS");
    char *folders = value ? bl_strdup(value) : NULL, *folder, *end;
    int found = 0;
    for (char *at = folders; at && !found; at = end ? end + 1 : NULL) {
        end = strchr(at, ':');
        if (end)
            *end = 0;
        found = *at && fn(user, at);
    }
    bl_free(folders);
    char *here = found ? NULL : bl_shared_object_folder();
    for (size_t i = 0; here && !found && (folder = folder_of(here, i)) != NULL; i++) {
        found = fn(user, folder);
        bl_free(folder);
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
    char *path = bl_path_join(folder, file);
    if (path && bl_path_what(path) == BL_PATH_FILE)
        s->path = path;
    else
        bl_free(path);
    return s->path != NULL;
}

/* Plug-ins that belong to this project: one that is missing is a device that is missing. */
static const struct {
    const char *name, *title;
} known_plugins[] = {{"cuda", "CUDA"}};

static const char *title_of(const char *name)
{
    for (size_t i = 0; i < sizeof known_plugins / sizeof *known_plugins; i++)
        if (strcmp(name, known_plugins[i].name) == 0)
            return known_plugins[i].title;
    return NULL;
}

static int is_plugin_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= BL_BACKEND_NAME_MOST &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bl_status unknown(const char *name, const plugin_search *s, bl_error *err)
{
    const char *title = title_of(name);
    bl_buf why;
    bl_buf_init(&why);
    if (title) {
        bl_buf_printf(&why, "device %s: no %s back end is installed", name, title);
    } else {
        bl_buf_printf(&why, "device %.60s: built in are ", name);
        for (size_t i = 0; i < BUILT_IN; i++)
            bl_buf_printf(&why, "%s%s", i ? ", " : "", built_in[i].name);
        bl_buf_printf(&why, ", each also with trace:, fault:, graph: or late: before it");
    }
    if (s)
        bl_buf_printf(&why, "%s no " PLUGIN_PREFIX "%s" PLUGIN_SUFFIX " is in %s",
                      title ? ":" : ";", name, s->seen.data ? s->seen.data : "any folder");
    bl_status status = bl_buf_status(&why, err);
    if (status == BL_OK)
        status = bl_fail(err, title ? BL_EDEVICE : BL_EINVAL, "%.490s", why.data);
    bl_buf_release(&why);
    return status;
}

/* The plug-ins loaded so far, kept until the process ends: later devices of a model's kind come
 * from the same back end, whatever has become of its file. */
typedef struct plugin_loaded {
    struct plugin_loaded *next;
    const bl_plugin *plugin;
    char name[BL_BACKEND_NAME_MOST + 1];
} plugin_loaded;

static _Atomic(plugin_loaded *) loaded;

static const plugin_loaded *find_loaded(const char *name)
{
    const plugin_loaded *p = atomic_load(&loaded);
    while (p && strcmp(p->name, name) != 0)
        p = p->next;
    return p;
}

static bl_status load(const plugin_loaded **result, const char *name, const char *path,
                      bl_error *err)
{
    plugin_loaded *p = bl_calloc(1, sizeof *p);
    if (!p)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_plugin_load(&p->plugin, path, err);
    if (status != BL_OK) {
        bl_free(p);
        return status;
    }
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    p->next = atomic_load(&loaded);
    while (!atomic_compare_exchange_weak(&loaded, &p->next, p)) {
    }
    *result = p;
    return BL_OK;
}

static bl_status find_plugin(bl_backend *found, const char *name, bl_error *err)
{
    plugin_search s = {.name = name};
    if (!is_plugin_name(name))
        return unknown(name, NULL, err);
    bl_status status = BL_OK;
    const plugin_loaded *p = find_loaded(name);
    if (!p) {
        bl_buf_init(&s.seen);
        each_folder(look_in, &s);
        status = s.path ? load(&p, name, s.path, err) : unknown(name, &s, err);
        bl_buf_release(&s.seen);
        bl_free(s.path);
    }
    if (status == BL_OK)
        *found = (bl_backend){name, p->plugin->open, p->plugin->about, 1};
    return status;
}

static const bl_backend *find_built_in(const char *name)
{
    for (size_t i = 0; i < BUILT_IN; i++)
        if (strcmp(name, built_in[i].name) == 0)
            return &built_in[i];
    return NULL;
}

bl_status bl_backend_find(bl_backend *found, const char *name, bl_error *err)
{
    const bl_backend *here = find_built_in(name);
    if (!here)
        return find_plugin(found, name, err);
    *found = *here;
    return BL_OK;
}

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

typedef struct places {
    bl_names *folders, *files, names; /* of the back ends that the files are */
    bl_status status;
    bl_error *err;
} places;

static int has(const bl_names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->name[i], name) != 0)
        i++;
    return i < names->count;
}

static bl_status add_file(places *p, const char *folder, const char *file, const char *name)
{
    BL_TRY(bl_names_add(&p->names, name, p->err));
    char *path = bl_path_join(folder, file);
    bl_status status =
        path ? bl_names_add(p->files, path, p->err) : bl_fail(p->err, BL_ENOMEM, "out of memory");
    bl_free(path);
    return status;
}

static int list_in(void *user, const char *folder)
{
    places *p = user;
    bl_names files = {0};
    p->status = bl_names_add(p->folders, folder, p->err);
    if (p->status == BL_OK && bl_path_what(folder) == BL_PATH_DIR &&
        bl_dir_list(&files, folder, NULL) == BL_OK)
        for (size_t i = 0; i < files.count && p->status == BL_OK; i++) {
            char name[BL_BACKEND_NAME_MOST + 1];
            if (name_of_file(name, files.name[i]) && !find_built_in(name) && !has(&p->names, name))
                p->status = add_file(p, folder, files.name[i], name);
        }
    bl_names_release(&files);
    return p->status != BL_OK;
}

static bl_status find_places(places *p)
{
    each_folder(list_in, p);
    return p->status;
}

bl_status bl_backends_places(bl_names *folders, bl_names *files, bl_error *err)
{
    places p = {.folders = folders, .files = files, .err = err};
    *folders = *files = (bl_names){0};
    bl_status status = find_places(&p);
    bl_names_release(&p.names);
    return status;
}

bl_status bl_backends_each(bl_backend_fn *fn, void *user, bl_error *err)
{
    bl_names folders = {0}, files = {0};
    places p = {.folders = &folders, .files = &files, .err = err};
    for (size_t i = 0; i < BUILT_IN; i++)
        fn(user, &built_in[i], NULL);
    bl_status status = find_places(&p);
    for (size_t i = 0; status == BL_OK && i < p.names.count; i++) {
        bl_error why = {.message = ""};
        bl_backend b = {.name = p.names.name[i]};
        bl_status found = bl_backend_find(&b, b.name, &why);
        fn(user, &b, found == BL_OK ? NULL : why.message);
    }
    bl_names_release(&folders);
    bl_names_release(&files);
    bl_names_release(&p.names);
    return status;
}
