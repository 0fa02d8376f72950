/* Shared memory of the emulated block: what it holds before a block, and what must not be written. */
#include "emulate_impl.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 256 * 1024, ALIGN = 128 };

/* Variables declared __shared__ of all kernels. */
static unsigned char nothing __attribute__((section("bl_shared"), used));
extern "C" __attribute__((visibility("hidden"))) unsigned char __start_bl_shared[],
    __stop_bl_shared[];

static unsigned char *room, *end; /* [room, end), then a page that cannot be touched */
static size_t slack;              /* between the block's last byte and that page */

static void make_room(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    room = (unsigned char *)mmap(NULL, MOST + page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        emulate_fail("no memory for shared memory", NULL, 0);
    end = room + MOST;
    (void)mprotect(end, page, PROT_NONE);
    nothing = 0xff;
}

void emulate_shared_begin(size_t bytes)
{
    if (!room)
        make_room();
    emulate_shared = end - (bytes + ALIGN - 1) / ALIGN * ALIGN;
    slack = (size_t)(end - emulate_shared) - bytes;
}

void emulate_shared_fill(void)
{
    memset(emulate_shared, 0xff, (size_t)(end - emulate_shared));
    memset(__start_bl_shared, 0xff, (size_t)(__stop_bl_shared - __start_bl_shared));
}

void emulate_shared_check(void)
{
    for (size_t i = 0; i < slack; i++)
        if (end[-(ptrdiff_t)i - 1] != 0xff)
            emulate_fail("a block wrote past the end of its dynamic shared memory", NULL, 0);
}

void emulate_shared_end(void)
{
    emulate_shared = NULL;
}
