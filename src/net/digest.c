/* Checksums by which the Hub names contents, through OpenSSL's libcrypto: it has the processor's
 * instructions for SHA, and comes with libcurl anyway. */
#include "net/digest.h"
#include "core/os.h"

#include <stdio.h>
#include <string.h>

enum { SHA1_DIGITS = 40, SHA256_DIGITS = 64 };

int bl_digest_is_name(const char *hex)
{
    size_t n = strspn(hex, "0123456789abcdef");
    return !hex[n] && (n == SHA1_DIGITS || n == SHA256_DIGITS);
}

#ifndef BL_HAVE_CURL

bl_status bl_digest_check(const char *path, const char *want, const char *stage,
                          bl_progress_fn *progress, void *user, int *equal, bl_error *err)
{
    (void)want, (void)stage, (void)progress, (void)user;
    *equal = 0;
    return bl_fail(err, BL_EUNSUPPORTED, "%s: this build cannot check downloads", path);
}

#else

#include <openssl/evp.h>

static const size_t PIECE = (size_t)1 << 22; /* bytes between two calls of progress */

static bl_status hash_map(EVP_MD_CTX *hash, const bl_map *map, const char *path, const char *stage,
                          bl_progress_fn *progress, void *user, bl_error *err)
{
    for (size_t done = 0; done < map->size;) {
        size_t n = map->size - done < PIECE ? map->size - done : PIECE;
        if (!EVP_DigestUpdate(hash, map->data + done, n))
            return bl_fail(err, BL_ENOMEM, "%s: hashing failed", path);
        done += n;
        if (progress && progress(user, stage, done, map->size, "B") != 0)
            return bl_fail(err, BL_EINTERRUPTED, "interrupted while checking %s", path);
    }
    return BL_OK;
}

bl_status bl_digest_check(const char *path, const char *want, const char *stage,
                          bl_progress_fn *progress, void *user, int *equal, bl_error *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1], head[40];
    unsigned int n = 0;
    bl_map map;
    *equal = 0;
    BL_TRY(bl_map_open(&map, path, err));
    int git = strlen(want) == SHA1_DIGITS; /* of "blob SIZE", a byte 0 and the contents */
    int length = snprintf(head, sizeof head, "blob %zu", map.size);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bl_status status = BL_OK;
    if (!hash || !EVP_DigestInit_ex(hash, git ? EVP_sha1() : EVP_sha256(), NULL) ||
        (git && !EVP_DigestUpdate(hash, head, (size_t)length + 1)))
        status = bl_fail(err, BL_ENOMEM, "%s: hashing failed", path);
    if (status == BL_OK)
        status = hash_map(hash, &map, path, stage, progress, user, err);
    if (status == BL_OK && !EVP_DigestFinal_ex(hash, bytes, &n))
        status = bl_fail(err, BL_ENOMEM, "%s: hashing failed", path);
    for (unsigned int i = 0; i < n; i++)
        (void)snprintf(hex + (size_t)2 * i, 3, "%02x", bytes[i]);
    *equal = status == BL_OK && n > 0 && strcmp(hex, want) == 0;
    EVP_MD_CTX_free(hash);
    bl_map_close(&map);
    return status;
}

#endif
