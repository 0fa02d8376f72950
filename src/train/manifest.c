/* MANIFEST: the size and XXH3-128 of each file of a folder. */
#include "train/manifest.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/hash.h"
#include "core/file.h"
#include "core/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "DIR/NAME", or BL_ENOMEM. */
static bl_status join(char **path, const char *dir, const char *name, bl_error *err)
{
    *path = bl_path_join(dir, name);
    return *path ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
}

/* Up to the hash, the line of a file as it is now. */
static bl_status describe(bl_buf *text, const char *dir, const char *name, bl_error *err)
{
    char *path, hash[BL_HASH_TEXT];
    uint64_t bytes;
    BL_TRY(join(&path, dir, name, err));
    bl_status status = bl_file_bytes(path, &bytes, err);
    if (status == BL_OK)
        status = bl_file_hash(path, hash, err);
    bl_free(path);
    BL_TRY(status);
    bl_buf_printf(text, "%s  %" PRIu64 "  %s\n", hash, bytes, name);
    return bl_buf_status(text, err);
}

bl_status bl_manifest_write(const char *dir, const char *const *files, size_t count, bl_error *err)
{
    bl_buf text;
    char *path = NULL;
    bl_buf_init(&text);
    bl_status status = join(&path, dir, "MANIFEST", err);
    for (size_t i = 0; i < count && status == BL_OK; i++)
        status = describe(&text, dir, files[i], err);
    if (status == BL_OK)
        status = bl_file_replace(path, text.data, text.len, err);
    bl_free(path);
    bl_buf_release(&text);
    return status;
}

/* One line after another; whoever compares looks at what is in place of the hash and the size. */
typedef struct line {
    const char *hash; /* 32 bytes */
    char size[24];
} line;

/* The lines are those of these files and no others. */
static int parse(line *lines, const char *const *files, size_t count, const char *at,
                 const char *end)
{
    for (size_t i = 0; i < count; i++) {
        size_t name = strlen(files[i]), digits = 0;
        if ((size_t)(end - at) < BL_HASH_TEXT + 1 || memcmp(at + BL_HASH_TEXT - 1, "  ", 2) != 0)
            return 0;
        lines[i].hash = at;
        at += BL_HASH_TEXT + 1;
        while (at < end && *at >= '0' && *at <= '9' && digits + 1 < sizeof lines[i].size)
            lines[i].size[digits++] = *at++;
        lines[i].size[digits] = 0;
        if ((size_t)(end - at) < name + 3 || memcmp(at, "  ", 2) != 0 ||
            memcmp(at + 2, files[i], name) != 0 || at[name + 2] != '\n')
            return 0;
        at += name + 3;
    }
    return at == end;
}

static bl_status check_size(const line *l, const char *dir, const char *name, bl_error *err)
{
    char *path, now[24] = "";
    uint64_t bytes;
    BL_TRY(join(&path, dir, name, err));
    bl_status status = bl_file_bytes(path, &bytes, err);
    if (status == BL_OK)
        (void)snprintf(now, sizeof now, "%" PRIu64, bytes);
    if (status == BL_OK && strcmp(now, l->size) != 0)
        status = bl_fail(err, BL_EFORMAT, "%s: %s bytes, its MANIFEST says %s", path, now, l->size);
    bl_free(path);
    return status;
}

static bl_status check_hash(const line *l, const char *dir, const char *name, bl_error *err)
{
    char *path, now[BL_HASH_TEXT];
    BL_TRY(join(&path, dir, name, err));
    bl_status status = bl_file_hash(path, now, err);
    if (status == BL_OK && memcmp(now, l->hash, BL_HASH_TEXT - 1) != 0)
        status = bl_fail(err, BL_EFORMAT, "%s: not the contents whose hash its MANIFEST has", path);
    bl_free(path);
    return status;
}

/* All sizes before the first hash: a file of another size may be endlessly long. */
static bl_status verify(const bl_map *map, const char *path, const char *dir,
                        const char *const *files, size_t count, bl_error *err)
{
    line *lines = bl_calloc(count, sizeof *lines);
    const char *text = (const char *)map->data;
    bl_status status = lines ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && !parse(lines, files, count, text, text + map->size))
        status = bl_fail(err, BL_EFORMAT, "%s: the files are not those of the manifest", path);
    for (size_t i = 0; i < count && status == BL_OK; i++)
        status = check_size(&lines[i], dir, files[i], err);
    for (size_t i = 0; i < count && status == BL_OK; i++)
        status = check_hash(&lines[i], dir, files[i], err);
    bl_free(lines);
    return status;
}

bl_status bl_manifest_verify(const char *dir, const char *const *files, size_t count, bl_error *err)
{
    bl_map map;
    char *path;
    BL_TRY(join(&path, dir, "MANIFEST", err));
    bl_status status = bl_map_open(&map, path, err);
    if (status == BL_OK) {
        status = verify(&map, path, dir, files, count, err);
        bl_map_close(&map);
    }
    bl_free(path);
    return status;
}
