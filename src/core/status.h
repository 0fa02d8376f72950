/* Status codes, the caller-owned error and the attributes every file uses. */
#ifndef BL_CORE_STATUS_H
#define BL_CORE_STATUS_H

#include "bitllama.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BL_NODISCARD    __attribute__((warn_unused_result))
#define BL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define BL_UNUSED       __attribute__((unused))
#else
#define BL_NODISCARD
#define BL_PRINTF(f, a)
#define BL_UNUSED
#endif

/* Fills err (may be NULL) with the code and words and returns the code, so that a failure is one
 * statement: return bl_fail(err, BL_EFORMAT, "%s: ...", path). */
bl_status bl_fail(bl_error *err, bl_status code, const char *format, ...) BL_PRINTF(3, 4);

/* The same with the text of errno (saved by the caller) after a colon; ENOMEM is BL_ENOMEM. */
bl_status bl_fail_errno(bl_error *err, bl_status code, int error, const char *format, ...)
    BL_PRINTF(4, 5);

/* Leaves the function with the status of an expression that failed. */
#define BL_TRY(expr)                                                                               \
    do {                                                                                           \
        bl_status bl_try_status = (expr);                                                          \
        if (bl_try_status != BL_OK)                                                                \
            return bl_try_status;                                                                  \
    } while (0)

/* Jumps to the function's one cleanup label with `status` set when an expression failed. */
#define BL_TRY_GOTO(status, expr, label)                                                           \
    do {                                                                                           \
        (status) = (expr);                                                                         \
        if ((status) != BL_OK)                                                                     \
            goto label;                                                                            \
    } while (0)

/* Whether a failure is about this moment and not about the file being looked at: such a failure is
 * never ignored. */
static inline int bl_status_is_passing(bl_status status)
{
    return status == BL_ENOMEM || status == BL_EINTERRUPTED;
}

#endif
