/* Tests of the permission to use tiles: what the processor says, what the system lets us do. */
#define _GNU_SOURCE 1 /* syscall(), sigaltstack() */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/tiles.h"

#if defined(__linux__)
#include <sys/syscall.h>
#endif

enum { SMALL_STACK = 8192, GET_PERMISSION = 0x1022, TILE_DATA = 18 };

/* Is the word among the processor's flags, as Linux lists them? */
static int listed(const char *word)
{
    char line[8192], *at = NULL;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && !at && fgets(line, sizeof line, f))
        at = strncmp(line, "flags", 5) == 0 ? strstr(line, word) : NULL;
    if (f)
        fclose(f);
    return at != NULL;
}

/* A signal stack that no frame with tiles fits on: then Linux must refuse, and nothing else may
 * happen.  In a process of its own, for a permission is for good. */
static void refused(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static char stack[SMALL_STACK];
        stack_t small = {.ss_sp = stack, .ss_size = sizeof stack};
        if (sigaltstack(&small, NULL) != 0)
            _exit(2);
        _exit(!bl_tiles_missing(BL_TILES_INT8) || !bl_tiles_missing(BL_TILES_BF16));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void permitted(void **state)
{
    (void)state;
    static const char *const flag[] = {" amx_int8", " amx_bf16"};
    for (int i = 0; i < BL_TILES_FEATURES; i++) {
        const char *why = bl_tiles_missing((bl_tiles_feature)i);
        printf("%s: %s\n", flag[i] + 1, why ? why : "may be used");
        assert_ptr_equal(why, bl_tiles_missing((bl_tiles_feature)i));
        if (why) {
            assert_true(strlen(why) > 10);
            continue;
        }
        assert_true(listed(flag[i]));
#if defined(__x86_64__) && defined(__linux__)
        unsigned long mask = 0;
        assert_int_equal(syscall(SYS_arch_prctl, GET_PERMISSION, &mask), 0);
        assert_true(mask >> TILE_DATA & 1);
#endif
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(permitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
