/* Mask files: train.mask and val.mask, a bit for each token of the .bin beside it.
 *
 * Bit i % 8 of byte i / 8 (from the lowest) is 1 when the loss of predicting token i counts.  The
 * bits after the last token's are 0. */
#ifndef BL_DATA_MASK_H
#define BL_DATA_MASK_H

#include "core/hash.h"
#include "core/status.h"

typedef struct bl_mask bl_mask;

/* The mask of a file of `tokens` tokens, read once for its hash and the count of its bits.
 * BL_ENOENT, BL_EIO; BL_EFORMAT: of another length, or bits after the last. */
bl_status bl_mask_open(bl_mask **m, const char *path, uint64_t tokens, bl_error *err) BL_NODISCARD;
void bl_mask_close(bl_mask *m); /* NULL is fine */

uint64_t bl_mask_counted(const bl_mask *m); /* tokens that count */
const char *bl_mask_hash(const bl_mask *m); /* XXH3-128 of the file when it was opened */
uint64_t bl_mask_bytes(const bl_mask *m);   /* of the file */
bl_status bl_mask_still(const bl_mask *m, bl_error *err) BL_NODISCARD; /* bl_file_still() */
void bl_mask_scattered(bl_mask *m);
void bl_mask_want(const bl_mask *m, size_t first, size_t count);

/* counts[i] = whether token first + i counts, of `count` tokens within the file.  BL_EIO. */
bl_status bl_mask_get(const bl_mask *m, size_t first, size_t count, unsigned char *counts,
                      bl_error *err) BL_NODISCARD;

/* A mask being written: it appears whole or not at all (bl_out).  As bl_token_file_create() and its
 * kin. */
typedef struct bl_mask_out bl_mask_out;
bl_status bl_mask_create(bl_mask_out **m, const char *path, bl_error *err) BL_NODISCARD;
void bl_mask_write(bl_mask_out *m, const unsigned char *counts, size_t count);
bl_status bl_mask_check(const bl_mask_out *m, bl_error *err) BL_NODISCARD;
/* After the last token: syncs, reads back and compares; the hash, and how many count. */
bl_status bl_mask_verify(bl_mask_out *m, char hash[BL_HASH_TEXT], uint64_t *counted,
                         bl_error *err) BL_NODISCARD;
bl_status bl_mask_commit(bl_mask_out *m, bl_error *err) BL_NODISCARD; /* frees in any case */
void bl_mask_abandon(bl_mask_out *m);

#endif
