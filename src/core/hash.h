/* XXH3-128 of files, the hash of this program's records. */
#ifndef BL_CORE_HASH_H
#define BL_CORE_HASH_H

#include "core/status.h"

enum { BL_HASH_TEXT = 33 };

/* The 16 bytes of a hash, highest first, as 32 lower-case hexadecimal digits and a 0. */
void bl_hash_text(const unsigned char digest[16], char text[BL_HASH_TEXT]);

/* Of bytes that come piece by piece; NULL: no memory.  bl_hash_end() frees; NULL is fine. */
typedef struct bl_hash bl_hash;
bl_hash *bl_hash_begin(void);
void bl_hash_add(bl_hash *h, const void *bytes, size_t n);
void bl_hash_end(bl_hash *h, char text[BL_HASH_TEXT]);

/* Of a file's contents, read piece by piece.  BL_ENOENT, BL_EIO, BL_ENOMEM. */
bl_status bl_file_hash(const char *path, char hash[BL_HASH_TEXT], bl_error *err) BL_NODISCARD;

#endif
