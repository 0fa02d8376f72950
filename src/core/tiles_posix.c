/* Permission to use the tiles of x86-64 processors: from CPUID, from XCR0, and from Linux. */
#define _GNU_SOURCE 1 /* syscall() */

#include "core/tiles.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the kernel's interface (5.16), which older headers lack; and where CPUID has the features. */
enum {
    REQUEST_PERMISSION = 0x1023,
    TILE_DATA = 18, /* the state that needs it, a bit of XCR0 as the configuration before it */
    TILE_STATES = 3 << (TILE_DATA - 1),
    OSXSAVE = 1 << 27,
    TILE = 1 << 24,
    INT8 = 1 << 25,
    BF16 = 1 << 22
};

static const char *missing[BL_TILES_FEATURES];

static int has_shape(void)
{
    unsigned a, b, c, d; /* palette 1: bytes of a row and tiles, rows */
    return __get_cpuid_count(0x1d, 1, &a, &b, &c, &d) && (b & 0xffff) == 64 && b >> 16 == 8 &&
           (c & 0xffff) == 16;
}

static int system_keeps_tiles(void)
{
    unsigned a, b, c, d, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(high) : "c"(0));
    return (a & TILE_STATES) == TILE_STATES;
}

static void ask(void)
{
    unsigned a, b, c, d;
    const char *all = NULL;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & TILE))
        d = 0;
    if (!(d & (INT8 | BF16)) || !has_shape())
        d = 0;
    else if (!system_keeps_tiles())
        all = "the system does not keep tiles";
    else if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0)
        all = "the system does not permit tiles";
    missing[BL_TILES_INT8] = d & INT8 ? all : "the processor has no AMX-INT8";
    missing[BL_TILES_BF16] = d & BF16 ? all : "the processor has no AMX-BF16";
}

const char *bl_tiles_missing(bl_tiles_feature feature)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, ask);
    return missing[feature];
}

#else

const char *bl_tiles_missing(bl_tiles_feature feature)
{
    (void)feature;
    return "tiles are used on x86-64 under Linux";
}

#endif
