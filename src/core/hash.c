/* XXH3-128 of files. */
#include "core/hash.h"
#include "core/os.h"

#include <xxhash.h>

void bl_hash_text(const unsigned char digest[16], char text[BL_HASH_TEXT])
{
    for (size_t i = 0; i < 16; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[32] = 0;
}

static bl_status add_piece(void *state, const void *bytes, size_t n, bl_error *err)
{
    (void)err;
    (void)XXH3_128bits_update(state, bytes, n);
    return BL_OK;
}

bl_status bl_file_hash(const char *path, char hash[BL_HASH_TEXT], bl_error *err)
{
    XXH128_canonical_t bytes;
    XXH3_state_t *state = XXH3_createState();
    bl_status status = BL_OK;
    if (!state || XXH3_128bits_reset(state) != XXH_OK)
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_file_pieces(path, add_piece, state, err);
    if (status == BL_OK) {
        XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(state));
        bl_hash_text(bytes.digest, hash);
    }
    XXH3_freeState(state);
    return status;
}
