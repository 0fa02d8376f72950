/* MANIFEST: the size and XXH3-128 of each file of a folder. */
#include "train/manifest.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/os.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

/* The manifest's text for the files as they are now. */
static bl_status describe(bl_buf *text, const char *dir, const char *const *files, size_t count,
                          bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        char *path = bl_path_join(dir, files[i]);
        if (!path)
            return bl_fail(err, BL_ENOMEM, "out of memory");
        bl_map map;
        bl_status status = bl_map_open(&map, path, err);
        bl_free(path);
        BL_TRY(status);
        XXH128_hash_t hash = XXH3_128bits(map.data, map.size);
        bl_buf_printf(text, "%016" PRIx64 "%016" PRIx64 "  %zu  %s\n", (uint64_t)hash.high64,
                      (uint64_t)hash.low64, map.size, files[i]);
        bl_map_close(&map);
    }
    return bl_buf_status(text, err);
}

bl_status bl_manifest_write(const char *dir, const char *const *files, size_t count, bl_error *err)
{
    bl_buf text;
    bl_buf_init(&text);
    bl_status status = describe(&text, dir, files, count, err);
    char *path = bl_path_join(dir, "MANIFEST");
    if (status == BL_OK)
        status = path ? bl_file_replace(path, text.data, text.len, err)
                      : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    bl_buf_release(&text);
    return status;
}

bl_status bl_manifest_verify(const char *dir, const char *const *files, size_t count, bl_error *err)
{
    bl_buf text;
    bl_buf_init(&text);
    bl_map map = {.data = (const unsigned char *)""};
    char *path = bl_path_join(dir, "MANIFEST");
    bl_status status = path ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_map_open(&map, path, err);
    if (status == BL_OK)
        status = describe(&text, dir, files, count, err);
    if (status == BL_OK && (map.size != text.len || memcmp(map.data, text.data, text.len) != 0))
        status = bl_fail(err, BL_EFORMAT, "%s: the files are not those of the manifest", path);
    bl_map_close(&map);
    bl_free(path);
    bl_buf_release(&text);
    return status;
}
