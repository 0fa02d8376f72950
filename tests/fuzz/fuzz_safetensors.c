/* A safetensors file from a stranger: what opens lies inside the file, every byte of it. */
#include "fuzz.h"

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bl_st *st;
    bl_error err = {0};
    bl_status status = bl_st_open(&st, fuzz_file(data, size), &err);
    if (status != BL_OK) {
        FUZZ_CHECK(!st && err.code == status && *err.message && !strchr(err.message, '\n'));
        return 0;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        FUZZ_CHECK(bl_st_find(st, t->name) == t);
        for (size_t k = 0; k < t->count * bl_dtype_bytes(t->dtype); k++) {
            unsigned char byte;
            FUZZ_CHECK(bl_st_read(t, k, 1, &byte, NULL) == BL_OK);
            sum += byte;
        }
    }
    (void)bl_st_metadata(st, "format");
    bl_st_close(st);
    return sum == UINT32_MAX; /* no sum of a small file is: the reads are not optimised away */
}
