/* Checksums by which the Hub names contents, through OpenSSL's libcrypto, which has the processor's
 * instructions for SHA, and comes with libcurl anyway. */
#include "hub/digest.h"
#include "core/alloc.h"
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

void bl_digest_close(bl_digest *d)
{
    (void)d;
}

bl_status bl_digest_open(bl_digest **d, int git, uint64_t size, bl_error *err)
{
    (void)git, (void)size;
    *d = NULL;
    return bl_fail(err, BL_EUNSUPPORTED, "this build cannot check what comes from the Hub");
}

bl_status bl_digest_add(bl_digest *d, const void *bytes, size_t n, bl_error *err)
{
    (void)d, (void)bytes, (void)n;
    return bl_fail(err, BL_EUNSUPPORTED, "this build cannot hash");
}

bl_status bl_digest_end(bl_digest *d, char hex[BL_DIGEST_TEXT], bl_error *err)
{
    (void)d;
    *hex = 0;
    return bl_fail(err, BL_EUNSUPPORTED, "this build cannot hash");
}

#else

#include <openssl/evp.h>

struct bl_digest {
    EVP_MD_CTX *hash;
};

void bl_digest_close(bl_digest *d)
{
    if (d)
        EVP_MD_CTX_free(d->hash);
    bl_free(d);
}

bl_status bl_digest_open(bl_digest **d, int git, uint64_t size, bl_error *err)
{
    char head[40]; /* of a git blob: "blob SIZE", a byte 0 and the contents */
    int length = snprintf(head, sizeof head, "blob %llu", (unsigned long long)size);
    *d = bl_calloc(1, sizeof **d);
    EVP_MD_CTX *hash = *d ? (*d)->hash = EVP_MD_CTX_new() : NULL;
    if (hash && EVP_DigestInit_ex(hash, git ? EVP_sha1() : EVP_sha256(), NULL) &&
        (!git || EVP_DigestUpdate(hash, head, (size_t)length + 1)))
        return BL_OK;
    bl_digest_close(*d);
    *d = NULL;
    return bl_fail(err, BL_ENOMEM, "hashing failed");
}

bl_status bl_digest_add(bl_digest *d, const void *bytes, size_t n, bl_error *err)
{
    return EVP_DigestUpdate(d->hash, bytes, n) ? BL_OK : bl_fail(err, BL_ENOMEM, "hashing failed");
}

bl_status bl_digest_end(bl_digest *d, char hex[BL_DIGEST_TEXT], bl_error *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    *hex = 0;
    if (!EVP_DigestFinal_ex(d->hash, bytes, &n) || 2 * (size_t)n >= BL_DIGEST_TEXT)
        return bl_fail(err, BL_ENOMEM, "hashing failed");
    for (unsigned int i = 0; i < n; i++)
        (void)snprintf(hex + (size_t)2 * i, 3, "%02x", bytes[i]);
    return BL_OK;
}

#endif

/* A hash on its way through a file. */
typedef struct hashing {
    bl_digest *hash;
    const char *path, *stage;
    bl_progress_fn *progress;
    void *user;
    uint64_t done, size;
} hashing;

static bl_status add_piece(void *user, const void *bytes, size_t n, bl_error *err)
{
    hashing *h = user;
    BL_TRY(bl_digest_add(h->hash, bytes, n, err));
    h->done += n;
    if (h->progress && h->progress(h->user, h->stage, h->done, h->size, "B") != 0)
        return bl_fail(err, BL_EINTERRUPTED, "interrupted while checking %s", h->path);
    return BL_OK;
}

bl_status bl_digest_file(const char *path, int git, const char *stage, bl_progress_fn *progress,
                         void *user, char hex[BL_DIGEST_TEXT], bl_error *err)
{
    hashing h = {.path = path, .stage = stage, .progress = progress, .user = user};
    *hex = 0;
    BL_TRY(bl_file_bytes(path, &h.size, err));
    BL_TRY(bl_digest_open(&h.hash, git, h.size, err));
    bl_status status = bl_file_pieces(path, add_piece, &h, err);
    if (status == BL_OK)
        status = bl_digest_end(h.hash, hex, err);
    bl_digest_close(h.hash);
    return status;
}

bl_status bl_digest_check(const char *path, const char *want, const char *stage,
                          bl_progress_fn *progress, void *user, int *equal, bl_error *err)
{
    char hex[BL_DIGEST_TEXT];
    int git = strlen(want) == SHA1_DIGITS;
    bl_status status = bl_digest_file(path, git, stage, progress, user, hex, err);
    *equal = status == BL_OK && *hex && strcmp(hex, want) == 0;
    return status;
}
