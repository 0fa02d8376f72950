/* An index of shards from a stranger, beside two honest ones: what opens has their tensors, no more,
 * and every byte of them. */
#include "fuzz.h"

#include "format/shards.h"

enum { TENSORS = 3 };

static const char *index_path(void)
{
    static char path[128];
    if (!*path)
        (void)snprintf(path, sizeof path, "%s", fuzz_in_folder(BL_WEIGHTS_INDEX));
    return path;
}

static void write_shard(const char *file, const char *letters)
{
    bl_st_writer *w;
    FUZZ_CHECK(bl_st_writer_open(&w, fuzz_in_folder(file), NULL) == BL_OK);
    for (const char *c = letters; *c; c++)
        FUZZ_CHECK(bl_st_writer_declare(w, (const char[]){*c, 0}, BL_U8, 1, (const size_t[]){2},
                                        NULL) == BL_OK);
    for (const char *c = letters; *c; c++)
        FUZZ_CHECK(bl_st_writer_data(w, (const char[]){*c, *c}, 2, NULL) == BL_OK);
    FUZZ_CHECK(bl_st_writer_commit(w, NULL) == BL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int made;
    bl_st *st;
    bl_names files;
    bl_error err = {0};
    if (!made) {
        write_shard("1.safetensors", "ab");
        write_shard("2.safetensors", "c");
        made = 1;
    }
    fuzz_write(index_path(), data, size);
    bl_status status = bl_shards_list(&files, index_path(), &err);
    FUZZ_CHECK(status == BL_OK || (!files.count && err.code == status && *err.message));
    for (size_t i = 0; i < files.count; i++)
        FUZZ_CHECK(*files.name[i] != '.' && !strpbrk(files.name[i], "/\\\n"));
    bl_names_release(&files);
    status = bl_weights_open_files(&st, index_path(), &err);
    if (status != BL_OK) {
        FUZZ_CHECK(!st && err.code == status && *err.message && !strchr(err.message, '\n'));
        return 0;
    }
    FUZZ_CHECK(bl_st_count(st) == TENSORS || bl_st_count(st) == 2 || bl_st_count(st) == 1);
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        char bytes[2];
        FUZZ_CHECK(bl_st_find(st, t->name) == t && t->count == 2);
        FUZZ_CHECK(bl_st_read(t, 0, 2, bytes, NULL) == BL_OK);
        FUZZ_CHECK(bytes[0] == *t->name && bytes[1] == *t->name);
    }
    bl_st_close(st);
    return 0;
}
