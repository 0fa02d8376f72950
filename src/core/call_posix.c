/* A call into the library: the thread's floating-point environment, locale and errno, POSIX. */
#define _POSIX_C_SOURCE 200809L /* uselocale */

#include "core/call.h"

#include <errno.h>
#include <locale.h>
#include <stdatomic.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* The call that has settled this thread; NULL while it is the caller's. */
static _Thread_local bl_call *current;

#if defined(__x86_64__)

enum { MXCSR_DEFAULT = 0x1f80 }; /* to nearest, no traps, denormals are numbers, no flag raised */

/* All arithmetic is in SSE registers here.  The x87 word is set for its rounding alone, which the
 * C library asks when it prints and reads numbers; saving all of it would cost half
 * a microsecond. */
static void hold_arithmetic(bl_caller *c)
{
    c->rounding = fegetround();
    c->mxcsr = _mm_getcsr();
    if (c->rounding != FE_TONEAREST)
        (void)fesetround(FE_TONEAREST);
    _mm_setcsr(MXCSR_DEFAULT);
}

static void release_arithmetic(const bl_caller *c)
{
    if (c->rounding != FE_TONEAREST)
        (void)fesetround(c->rounding);
    _mm_setcsr(c->mxcsr); /* with the flags it had: what the library raised is its own affair */
}

#else

static void hold_arithmetic(bl_caller *c)
{
    (void)fegetenv(&c->env);
    (void)fesetenv(FE_DFL_ENV);
}

static void release_arithmetic(const bl_caller *c)
{
    (void)fesetenv(&c->env);
}

#endif

/* The C locale is one object of the C library; making it again is finding it. */
static locale_t plain_locale(void)
{
    static _Atomic(void *) found;
    void *plain = atomic_load(&found);
    if (!plain) {
        plain = (void *)newlocale(LC_ALL_MASK, "C", (locale_t)0);
        atomic_store(&found, plain);
    }
    return (locale_t)plain;
}

static void hold(bl_caller *c)
{
    locale_t plain = plain_locale();
    c->error = errno;
    hold_arithmetic(c);
    c->locale = plain ? (void *)uselocale(plain) : NULL;
}

static void release(const bl_caller *c)
{
    if (c->locale)
        (void)uselocale((locale_t)c->locale);
    release_arithmetic(c);
    errno = c->error;
}

void bl_call_begin(bl_call *call, bl_error *err)
{
    if (err) {
        err->code = BL_OK;
        err->message[0] = 0;
    }
    call->nested = current != NULL;
    if (call->nested)
        return;
    hold(&call->caller);
    current = call;
}

bl_status bl_call_end(bl_call *call, bl_status status, bl_error *err)
{
    if (err && status == BL_OK) {
        err->code = BL_OK; /* a failure on the way that something else made good */
        err->message[0] = 0;
    } else if (err && err->code != status) {
        (void)bl_fail(err, status, "%s", bl_status_name(status));
    }
    if (!call->nested) {
        current = NULL;
        release(&call->caller);
    }
    return status;
}

bl_call *bl_call_out(void)
{
    bl_call *call = current;
    if (call) {
        current = NULL;
        release(&call->caller);
    }
    return call;
}

void bl_call_back(bl_call *call)
{
    if (!call)
        return;
    hold(&call->caller);
    current = call;
}

void bl_call_thread(void)
{
    locale_t plain = plain_locale();
    (void)fesetenv(FE_DFL_ENV);
    if (plain)
        (void)uselocale(plain);
}

int bl_outside_progress_call(void *outside, const char *stage, uint64_t done, uint64_t total,
                             const char *unit)
{
    const bl_outside_progress *o = outside;
    bl_call *call = bl_call_out();
    int stop = o->fn(o->user, stage, done, total, unit);
    bl_call_back(call);
    return stop;
}
