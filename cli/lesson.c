/* What is learned for good: --consolidate and --every, of bitllama learn and of /learn. */
#include "lesson.h"
#include "cli.h"

#include <stdlib.h>

bl_status bl_lesson_wish_read(bl_lesson_wish *w, const char *share, const char *every,
                              bl_error *err)
{
    char *end;
    *w = (bl_lesson_wish){0};
    if (!share && every)
        return bl_cli_fail(err, BL_EINVAL, "--every needs --consolidate");
    bl_status status = bl_flags_read_whole("every", every ? every : BL_LESSON_EVERY, 0,
                                           (uint64_t)1 << 62, &w->every, err);
    if (status != BL_OK || !share)
        return status;
    w->share = strtod(share, &end);
    if (end == share || *end || !(w->share > 0 && w->share <= 1))
        return bl_cli_fail(err, BL_EINVAL,
                           "--consolidate is a share above 0 and at most 1, not '%s'", share);
    return BL_OK;
}
