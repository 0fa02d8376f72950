/* A scratch folder for a test program, and cmocka with what it needs.  Include first. */
#ifndef BL_TESTS_SCRATCH_H
#define BL_TESTS_SCRATCH_H

#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/dir.h"

static char scratch_folder[512];

/* cmocka's group setup and teardown: makes the folder, removes it with all below it. */
static inline int scratch_make(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR");
    (void)snprintf(scratch_folder, sizeof scratch_folder, "%s/bitllama-test-XXXXXX",
                   root && *root ? root : "/tmp");
    return mkdtemp(scratch_folder) ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    (void)state;
    return bl_dir_remove(scratch_folder, NULL) == BL_OK ? 0 : -1;
}

/* The path of a file in the folder; valid until the eighth next call. */
static inline const char *scratch(const char *name)
{
    static char paths[8][700];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

/* Writes a file without the care (and the sync) of bl_file_replace(). */
static inline void scratch_write(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* Asserts success and shows the message of a failure: assert_ok(bl_x_open(&x, path, &failure)). */
static bl_error failure;
#define assert_ok(expr)                                                                            \
    do {                                                                                           \
        if ((expr) != BL_OK)                                                                       \
            fail_msg("%s: %s", #expr, failure.message);                                            \
    } while (0)

#endif
