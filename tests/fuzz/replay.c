/* Runs a fuzz target over committed inputs: replay FILE-OR-FOLDER... */
#include "fuzz.h"

#include "core/alloc.h"
#include "core/file.h"
#include "core/path.h"

static size_t count;

static void replay(const char *path)
{
    bl_names names;
    bl_map map;
    if (bl_path_what(path) != BL_PATH_DIR) {
        FUZZ_CHECK(bl_map_open(&map, path, NULL) == BL_OK);
        uint8_t *data = malloc(map.size ? map.size : 1); /* so that reading past it is seen */
        FUZZ_CHECK(data);
        memcpy(data, map.data, map.size);
        FUZZ_CHECK(LLVMFuzzerTestOneInput(data, map.size) == 0);
        free(data);
        bl_map_close(&map);
        count++;
        return;
    }
    FUZZ_CHECK(bl_dir_list(&names, path, NULL) == BL_OK);
    for (size_t i = 0; i < names.count; i++) {
        char *inner = bl_path_join(path, names.name[i]);
        FUZZ_CHECK(inner);
        replay(inner);
        bl_free(inner);
    }
    bl_names_release(&names);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    (void)printf("%zu inputs\n", count);
    return count ? 0 : 1;
}
