/* What the fuzz targets share: a way to hand bytes to functions that take a path, and a check that
 * holds in every build. */
#ifndef BL_TESTS_FUZZ_H
#define BL_TESTS_FUZZ_H

#define _GNU_SOURCE /* memfd_create */

#include "core/dir.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A file in memory that holds these bytes, by its path; the next call replaces them. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static char path[64];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz", 0);
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
    FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* Do these bytes begin as a gzip, zstd or xz file does? */
static inline int fuzz_is_compressed(const uint8_t *data, size_t size)
{
    static const unsigned char magic[][6] = {{0x1F, 0x8B}, {0x28, 0xB5, 0x2F, 0xFD}, {0xFD, 0x37}};
    static const size_t length[] = {2, 4, 2};
    for (size_t i = 0; i < sizeof magic / sizeof magic[0]; i++)
        if (size >= length[i] && memcmp(data, magic[i], length[i]) == 0)
            return 1;
    return size >= 4 && memcmp(data + 1, "\x2A\x4D\x18", 3) == 0; /* a zstd frame to skip */
}

static char fuzz_folder_path[64];

static inline void fuzz_folder_remove(void)
{
    (void)!bl_dir_remove(fuzz_folder_path, NULL);
}

/* The path of a file in a folder of this process, in memory where the system has /dev/shm. */
static inline const char *fuzz_in_folder(const char *name)
{
    static char path[4][128];
    static unsigned next;
    if (!*fuzz_folder_path) {
        (void)snprintf(fuzz_folder_path, sizeof fuzz_folder_path, "%s/bitllama-fuzz-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        FUZZ_CHECK(mkdtemp(fuzz_folder_path));
        (void)atexit(fuzz_folder_remove);
    }
    char *p = path[next++ % 4];
    (void)snprintf(p, sizeof path[0], "%s/%s", fuzz_folder_path, name);
    return p;
}

static inline void fuzz_write(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    FUZZ_CHECK(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

#endif
