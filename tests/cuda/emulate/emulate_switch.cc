/* New stacks of fibers. */
#include "emulate_impl.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#if !defined(__x86_64__) || defined(BL_EMULATE_UCONTEXT)

void emulate_make(emulate_context *c, char *stack, size_t bytes, void (*entry)(void))
{
    ASAN_UNPOISON_MEMORY_REGION(stack, bytes); /* what ended here left its frames */
    (void)getcontext(c);
    c->uc_stack.ss_sp = stack;
    c->uc_stack.ss_size = bytes;
    c->uc_link = NULL;
    makecontext(c, entry, 0);
}

#else

void emulate_make(emulate_context *c, char *stack, size_t bytes, void (*entry)(void))
{
    ASAN_UNPOISON_MEMORY_REGION(stack, bytes); /* what ended here left its frames */
    void **top = (void **)(((uintptr_t)stack + bytes) & ~(uintptr_t)15);
    *--top = NULL; /* where entry would return to; it begins with the stack as after a call */
    c->sp = top;
    c->ip = (void *)entry;
}

#endif
