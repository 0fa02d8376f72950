/* HTTP requests: the pause before another try. */
#include "core/clock.h"
#include "core/log.h"
#include "core/machine.h"
#include "hub/http.h"

static const double PAUSE_MOST = 30, ASKED_MOST = 300, SLICE = 0.05; /* seconds */

/* min(pause * 2^(count - 1), 30) s, times a random factor from 1/2 to 1: many clients that were cut
 * off together do not come back together. */
static double pause_of(double pause, unsigned count)
{
    for (; count > 1 && pause < PAUSE_MOST; count--)
        pause *= 2;
    double part = (double)(bl_os_entropy() >> 11) / 9007199254740992.0;
    return (pause < PAUSE_MOST ? pause : PAUSE_MOST) * (0.5 + 0.5 * part);
}

bl_status bl_http_wait(const bl_http *http, const bl_http_request *request,
                       const bl_http_answer *answer, unsigned count, bl_status failure,
                       bl_error *err)
{
    double pause = pause_of(http->pause, count);
    if (failure != BL_ENETWORK || !answer->again || count >= http->tries ||
        answer->retry_after > ASKED_MOST)
        return failure;
    if (pause < answer->retry_after)
        pause = answer->retry_after;
    bl_log(BL_LOG_WARNING, "%s; another try in %.3g s (%u of %u)",
           err ? err->message : bl_status_name(failure), pause, count + 1, http->tries);
    for (double end = bl_clock_seconds() + pause, left; (left = end - bl_clock_seconds()) > 0;) {
        uint64_t done = request->done ? request->done(request->target) : 0;
        if (http->progress &&
            http->progress(http->user, request->stage, done, request->total, "B") != 0)
            return bl_fail(err, BL_EINTERRUPTED, "interrupted while %s %s",
                           request->send ? "sending" : "downloading", request->stage);
        bl_os_sleep(left < SLICE ? left : SLICE);
    }
    return BL_OK;
}
