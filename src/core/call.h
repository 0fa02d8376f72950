/* A call into the library from somebody's program: what holds however that program has set up its
 * thread, and what every public function checks.
 *
 * Numbers are computed, printed and read in the default floating-point environment and in the C
 * locale, whatever rounding mode, flushing of denormals, trapping or decimal comma the caller has
 * chosen; all of that is the caller's again when the call returns, and while one of the caller's
 * own functions runs.  So is errno. */
#ifndef BL_CORE_CALL_H
#define BL_CORE_CALL_H

#include "core/status.h"

#include <fenv.h>

/* What the caller's thread had; <fenv.h> too, for machines without MXCSR. */
typedef struct bl_caller {
    fenv_t env;
    unsigned mxcsr;
    int rounding, error;
    void *locale;
} bl_caller;

typedef struct bl_call {
    bl_caller caller;
    int nested; /* the library calls itself: the outer call has set up the thread */
} bl_call;

/* Every public function that computes, reads or prints is one of these: begin clears the caller's
 * error; end makes it agree with the status, which it returns. */
void bl_call_begin(bl_call *call, bl_error *err);
bl_status bl_call_end(bl_call *call, bl_status status, bl_error *err);

/* Around one of the caller's functions: bl_call *call = bl_call_out(); fn(user);
 * bl_call_back(call).  What the function changes in its thread is the caller's, and is kept. */
bl_call *bl_call_out(void);
void bl_call_back(bl_call *call);

/* For the first lines of a thread of the library's own. */
void bl_call_thread(void);

/* A pointer that must not be NULL; one that must not be NULL unless `count` is 0. */
#define BL_NOT_NULL(err, pointer)                                                                  \
    do {                                                                                           \
        if (!(pointer))                                                                            \
            return bl_fail(err, BL_EINVAL, "%s: %s is NULL", __func__, #pointer);                  \
    } while (0)
#define BL_NOT_NULL_IF(err, count, pointer)                                                        \
    do {                                                                                           \
        if ((count) && !(pointer))                                                                 \
            return bl_fail(err, BL_EINVAL, "%s: %s is NULL, but %s is not 0", __func__, #pointer,  \
                           #count);                                                                \
    } while (0)

/* A progress function as the library calls it: bl_outside_progress_call for fn (NULL when there is
 * none) and a pointer to this for user. */
typedef struct bl_outside_progress {
    bl_progress_fn *fn;
    void *user;
} bl_outside_progress;

int bl_outside_progress_call(void *outside, const char *stage, uint64_t done, uint64_t total,
                             const char *unit);

#endif
