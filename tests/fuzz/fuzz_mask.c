/* A mask file: a byte n, and what is left as the mask of as many tokens as its bytes have bits, less
 * n.  One that opens has the bits of its bytes, and is written again as it is. */
#include "fuzz.h"

#include "core/file.h"
#include "data/mask.h"

static void write_again(const unsigned char *counts, size_t tokens, const uint8_t *bytes)
{
    bl_mask_out *out;
    bl_map map;
    char hash[BL_HASH_TEXT];
    uint64_t counted;
    FUZZ_CHECK(bl_mask_create(&out, fuzz_in_folder("again.mask"), NULL) == BL_OK);
    bl_mask_write(out, counts, tokens);
    FUZZ_CHECK(bl_mask_verify(out, hash, &counted, NULL) == BL_OK);
    FUZZ_CHECK(bl_mask_commit(out, NULL) == BL_OK);
    FUZZ_CHECK(bl_map_open(&map, fuzz_in_folder("again.mask"), NULL) == BL_OK);
    FUZZ_CHECK(map.size == (tokens + 7) / 8 && memcmp(map.data, bytes, map.size) == 0);
    bl_map_close(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 4096 };
    static unsigned char counts[8 * MOST];
    bl_mask *m;
    bl_error err = {0};
    if (size < 1 || size > MOST || data[0] > 8 * (size - 1))
        return 0;
    size_t bytes = size - 1, tokens = 8 * bytes - data[0], sum = 0;
    int loose = 0; /* bits after the last token's */
    for (size_t i = tokens; i < 8 * bytes; i++)
        loose |= data[1 + i / 8] >> i % 8 & 1;
    bl_status status = bl_mask_open(&m, fuzz_file(data + 1, bytes), tokens, &err);
    FUZZ_CHECK((status == BL_OK) == (data[0] < 8 && !loose));
    if (status != BL_OK) {
        FUZZ_CHECK(status == BL_EFORMAT && *err.message && !strchr(err.message, '\n'));
        return 0;
    }
    FUZZ_CHECK(bl_mask_get(m, 0, tokens, counts, NULL) == BL_OK);
    for (size_t i = 0; i < tokens; i++) {
        FUZZ_CHECK(counts[i] == (data[1 + i / 8] >> i % 8 & 1));
        sum += counts[i];
    }
    FUZZ_CHECK(bl_mask_counted(m) == sum);
    bl_mask_close(m);
    write_again(counts, tokens, data + 1);
    return 0;
}
