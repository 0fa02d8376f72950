/* bl_machine(): what this build is and what the machine has for this process. */
#include "api/backends.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/call.h"
#include "core/cpu_level.h"
#include "core/machine.h"
#include "core/path.h"
#include "core/team.h"
#include "cpu/cpu_dev.h"
#include "hub/hub.h"

#include <string.h>

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER ""
#endif

/* Room where a folder is, or will be made: on the file system of the nearest one above it. */
static uint64_t room_for(const char *folder)
{
    char *path = bl_strdup(folder);
    while (path && bl_path_what(path) == BL_PATH_NONE) {
        char *parent = bl_path_parent(path);
        int last = !parent || strcmp(parent, path) == 0;
        bl_free(path);
        path = parent;
        if (last)
            break;
    }
    uint64_t room = path ? bl_os_disk_free(path) : UINT64_MAX;
    bl_free(path);
    return room;
}

static const char *simd_in_use(void)
{
    bl_cpu_level level;
    return bl_cpu_choose(&level, NULL) == BL_OK ? bl_cpu_level_name(level) : "";
}

static const char *simd_missing(void)
{
    const char *why = bl_cpu_missing();
    return why ? why : "";
}

static void tell(bl_machine_fn *fn, void *user, const bl_names *folders, const bl_names *plugins,
                 const char *cache)
{
    char processor[128], system[300];
    const char *bf16_by;
    double gain = bl_cpu_bf16_gain(&bf16_by);
    uint64_t quota = bl_cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    bl_os_processor_name(processor, sizeof processor);
    bl_os_system(system, sizeof system);
    const bl_machine_info machine = {
        .size = sizeof machine,
        .compiler = COMPILER,
        .system = system,
        .processor = processor,
        .simd = simd_in_use(),
        .simd_best = bl_cpu_level_name(bl_cpu_best()),
        .threads = bl_threads(0),
        .processors = bl_os_processors_all(),
        .affinity = bl_os_processors_allowed(),
        .quota = quota < SIZE_MAX ? (size_t)quota : 0,
        .memory_bytes = bl_os_memory(),
        .folders = (const char *const *)folders->name,
        .plugins = (const char *const *)plugins->name,
        .folder_count = folders->count,
        .plugin_count = plugins->count,
        .cache = cache,
        .cache_free = *cache ? room_for(cache) : UINT64_MAX,
        .levels = bl_cpu_level_names,
        .level_count = BL_CPU_LEVELS,
        .precision = bl_cpu_bf16_pays(gain) ? "bf16" : "f32",
        .bf16_by = bf16_by,
        .bf16_gain = gain,
        .simd_missing = simd_missing(),
    };
    bl_call *call = bl_call_out();
    fn(user, &machine);
    bl_call_back(call);
}

bl_status bl_machine(bl_machine_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    bl_names folders, plugins;
    bl_buf cache;
    BL_NOT_NULL(err, fn);
    bl_call_begin(&call, err);
    bl_buf_init(&cache);
    bl_status status = bl_backends_places(&folders, &plugins, err);
    if (status == BL_OK && bl_hub_cache(&cache, err) == BL_ENOMEM)
        status = BL_ENOMEM;
    if (status == BL_OK)
        tell(fn, user, &folders, &plugins, cache.len ? cache.data : "");
    bl_buf_release(&cache);
    bl_names_release(&folders);
    bl_names_release(&plugins);
    return bl_call_end(&call, status, err);
}
