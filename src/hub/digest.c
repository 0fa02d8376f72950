/* Checksums by which the Hub names contents, through OpenSSL's libcrypto, which has the processor's
 * instructions for SHA, and comes with libcurl anyway. */
#include "hub/digest.h"
#include "core/file.h"

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

/* A hash on its way through a file. */
typedef struct hashing {
    EVP_MD_CTX *hash;
    const char *path, *stage;
    bl_progress_fn *progress;
    void *user;
    uint64_t done, size;
} hashing;

static bl_status add_piece(void *user, const void *bytes, size_t n, bl_error *err)
{
    hashing *h = user;
    if (!EVP_DigestUpdate(h->hash, bytes, n))
        return bl_fail(err, BL_ENOMEM, "%s: hashing failed", h->path);
    h->done += n;
    if (h->progress && h->progress(h->user, h->stage, h->done, h->size, "B") != 0)
        return bl_fail(err, BL_EINTERRUPTED, "interrupted while checking %s", h->path);
    return BL_OK;
}

bl_status bl_digest_check(const char *path, const char *want, const char *stage,
                          bl_progress_fn *progress, void *user, int *equal, bl_error *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1], head[40];
    unsigned int n = 0;
    hashing h = {.path = path, .stage = stage, .progress = progress, .user = user};
    *equal = 0;
    BL_TRY(bl_file_bytes(path, &h.size, err));
    int git = strlen(want) == SHA1_DIGITS; /* of "blob SIZE", a byte 0 and the contents */
    int length = snprintf(head, sizeof head, "blob %llu", (unsigned long long)h.size);
    h.hash = EVP_MD_CTX_new();
    bl_status status = BL_OK;
    if (!h.hash || !EVP_DigestInit_ex(h.hash, git ? EVP_sha1() : EVP_sha256(), NULL) ||
        (git && !EVP_DigestUpdate(h.hash, head, (size_t)length + 1)))
        status = bl_fail(err, BL_ENOMEM, "%s: hashing failed", path);
    if (status == BL_OK)
        status = bl_file_pieces(path, add_piece, &h, err);
    if (status == BL_OK && !EVP_DigestFinal_ex(h.hash, bytes, &n))
        status = bl_fail(err, BL_ENOMEM, "%s: hashing failed", path);
    for (unsigned int i = 0; i < n; i++)
        (void)snprintf(hex + (size_t)2 * i, 3, "%02x", bytes[i]);
    *equal = status == BL_OK && n > 0 && strcmp(hex, want) == 0;
    EVP_MD_CTX_free(h.hash);
    return status;
}

#endif
