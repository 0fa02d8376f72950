/* Preloaded into a program: lets the k-th of its operations on files (or of its allocations) fail,
 * or kills the program there.
 *
 *   BL_FAULT_AT=K            which one, from 1; absent: none
 *   BL_FAULT_HOW=before|after|ERRNO
 *                            SIGKILL instead of it or after it; or it fails with this number
 *   BL_FAULT_WHAT=files|malloc
 *                            what is counted; files when absent
 *   BL_FAULT_COUNT=FILE      how many there were, written at the end
 *   BL_FAULT_NO_EXCHANGE=1   the file system cannot exchange two names
 *
 * Counted are openings for writing, writes to regular files, and every call that changes a folder
 * or a length or waits for the disk; reading is not. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum fault { PASS, FAIL, DIE_AFTER } fault;

static struct {
    int ready, allocations, no_exchange;
    long at, count;
    int error; /* 0: a kill */
    int after;
    const char *report;
} plan;

static long number_of(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *how = getenv("BL_FAULT_HOW"), *what = getenv("BL_FAULT_WHAT");
    plan.allocations = what && strcmp(what, "malloc") == 0;
    plan.no_exchange = getenv("BL_FAULT_NO_EXCHANGE") != NULL;
    plan.at = number_of("BL_FAULT_AT");
    plan.error = (int)number_of("BL_FAULT_HOW");
    plan.after = how && strcmp(how, "after") == 0;
    plan.report = getenv("BL_FAULT_COUNT");
    plan.ready = 1;
}

__attribute__((destructor)) static void report(void)
{
    char text[32];
    if (!plan.report)
        return;
    int n = snprintf(text, sizeof text, "%ld\n", plan.count);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, plan.report, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)!syscall(SYS_write, fd, text, n);
    (void)syscall(SYS_close, fd);
}

static void die(void)
{
    (void)syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

static fault next(int allocation)
{
    if (!plan.ready || allocation != plan.allocations)
        return PASS;
    if (__sync_add_and_fetch(&plan.count, 1) != plan.at)
        return PASS;
    if (plan.after)
        return DIE_AFTER;
    if (!plan.error)
        die();
    errno = plan.error;
    return FAIL;
}

/* The function of the C library behind ours. */
#define REAL(type, name, parameters)                                                               \
    static type(*real) parameters;                                                                 \
    if (!real)                                                                                     \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* The call itself, unless it is the one to fail; and the kill after it, if it is that one. */
#define CALL(type, arguments)                                                                      \
    fault f = next(0);                                                                             \
    if (f == FAIL)                                                                                 \
        return -1;                                                                                 \
    type result = real arguments;                                                                  \
    if (f == DIE_AFTER)                                                                            \
        die();                                                                                     \
    return result

static int is_counted(int fd)
{
    struct stat info;
    return fd > 2 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

static int opens_to_write(const char *path, int flags)
{
    return (flags & (O_WRONLY | O_RDWR)) && strncmp(path, "/dev/", 5) != 0 &&
           strncmp(path, "/proc/", 6) != 0;
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    REAL(int, open, (const char *, int, ...));
    if (!opens_to_write(path, flags))
        return real(path, flags, mode);
    CALL(int, (path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    return open(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(ssize_t, write, (int, const void *, size_t));
    if (!is_counted(fd))
        return real(fd, bytes, n);
    CALL(ssize_t, (fd, bytes, n));
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    REAL(int, renameat2, (int, const char *, int, const char *, unsigned));
    if (plan.no_exchange && flags) {
        errno = EINVAL;
        return -1;
    }
    CALL(int, (from_dir, from, to_dir, to, flags));
}

#define COUNTED(name, parameters, arguments)                                                       \
    int name parameters                                                                            \
    {                                                                                              \
        REAL(int, name, parameters);                                                               \
        CALL(int, arguments);                                                                      \
    }
COUNTED(fsync, (int fd), (fd))
COUNTED(rename, (const char *from, const char *to), (from, to))
COUNTED(unlink, (const char *path), (path))
COUNTED(unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
COUNTED(mkdir, (const char *path, mode_t mode), (path, mode))
COUNTED(rmdir, (const char *path), (path))
COUNTED(symlink, (const char *target, const char *path), (target, path))
COUNTED(truncate, (const char *path, off_t size), (path, size))
COUNTED(ftruncate, (int fd, off_t size), (fd, size))

/* ---- allocations ---- */

/* glibc's own, under names that a preloaded library can reach without a loop. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static int refuses(void)
{
    if (next(1) != FAIL)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t bytes)
{
    return refuses() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return refuses() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    return refuses() ? NULL : __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return refuses() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    if (refuses())
        return ENOMEM;
    *block = __libc_memalign(alignment, bytes);
    return *block ? 0 : ENOMEM;
}
