/* A heap whose blocks can be touched only between enter and leave, over mprotect. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#define _DARWIN_C_SOURCE

#include "core/guard.h"
#include "core/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 64, FILL = 0xFF };

/* pages | front margin, the block, back margin | one page that stays closed */
typedef struct block {
    struct block *next;
    char *pages;
    size_t page_bytes; /* of the pages that open */
    char *p;
    size_t bytes;
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block *blocks; /* of all devices: an op may read what another device of its kind allocated */
static size_t inside; /* enters without their leave */
static int refused;   /* errno of a page that did not open or close, sticky until told */

static void protect(const block *b, int protection)
{
    if (mprotect(b->pages, b->page_bytes, protection) != 0)
        refused = errno;
}

static void protect_all(int protection)
{
    for (const block *b = blocks; b; b = b->next)
        protect(b, protection);
}

bl_status bl_guard_alloc(void **p, size_t bytes, bl_error *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *p = NULL;
    if (bytes > SIZE_MAX / 4)
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes", bytes);
    block *b = bl_calloc(1, sizeof *b);
    if (!b)
        return bl_fail(err, BL_ENOMEM, "out of memory: a guarded block");
    size_t room = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    b->page_bytes = room ? (room + page - 1) / page * page : page;
    b->pages = mmap(NULL, b->page_bytes + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->pages == MAP_FAILED) {
        bl_free(b);
        return bl_fail(err, BL_ENOMEM, "out of memory: %zu bytes in guarded pages", bytes);
    }
    b->p = b->pages + b->page_bytes - room;
    b->bytes = bytes;
    (void)pthread_mutex_lock(&lock);
    protect(b, PROT_READ | PROT_WRITE);
    int ready = !refused;
    if (ready)
        memset(b->pages, FILL, b->page_bytes);
    if (!inside)
        protect(b, PROT_NONE);
    b->next = blocks;
    blocks = b;
    (void)pthread_mutex_unlock(&lock);
    *p = b->p;
    if (ready)
        return BL_OK;
    bl_guard_free(*p);
    *p = NULL;
    return bl_fail(err, BL_ENOMEM, "the system does not open %zu bytes of guarded pages", bytes);
}

void bl_guard_free(void *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&lock);
    for (block **at = &blocks; *at; at = &(*at)->next)
        if ((*at)->p == p) {
            block *b = *at;
            *at = b->next;
            (void)munmap(b->pages, b->page_bytes + (size_t)sysconf(_SC_PAGESIZE));
            bl_free(b);
            break;
        }
    (void)pthread_mutex_unlock(&lock);
}

void bl_guard_enter(void)
{
    (void)pthread_mutex_lock(&lock);
    if (inside++ == 0)
        protect_all(PROT_READ | PROT_WRITE);
    (void)pthread_mutex_unlock(&lock);
}

void bl_guard_leave(void)
{
    (void)pthread_mutex_lock(&lock);
    if (--inside == 0)
        protect_all(PROT_NONE);
    (void)pthread_mutex_unlock(&lock);
}

static int is_fill(const char *from, const char *to)
{
    for (; from < to; from++)
        if ((unsigned char)*from != FILL)
            return 0;
    return 1;
}

bl_status bl_guard_check(bl_error *err)
{
    bl_status status = BL_OK;
    bl_guard_enter();
    (void)pthread_mutex_lock(&lock);
    if (refused)
        status = bl_fail_errno(err, BL_EDEVICE, refused, "guarded pages");
    refused = 0;
    for (const block *b = blocks; b && status == BL_OK; b = b->next)
        if (!is_fill(b->pages, b->p) || !is_fill(b->p + b->bytes, b->pages + b->page_bytes))
            status = bl_fail(err, BL_EDEVICE, "an op wrote outside a block of %zu bytes", b->bytes);
    (void)pthread_mutex_unlock(&lock);
    bl_guard_leave();
    return status;
}
