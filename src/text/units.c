/* Work on many texts divided among threads. */
#include "text/units.h"
#include "core/team.h"

enum {
    TEXT_COST = 16 /* of a text in bytes, besides its own: empty ones take time too */
};

size_t bl_unit_end(const bl_span *texts, size_t count, size_t first, size_t unit_bytes,
                   size_t *bytes)
{
    size_t last = first + 1;
    *bytes = texts[first].bytes;
    while (last < count && (last - first) * TEXT_COST < unit_bytes && *bytes < unit_bytes &&
           texts[last].bytes < unit_bytes - *bytes)
        *bytes += texts[last++].bytes;
    return last;
}

bl_status bl_unit_threads(size_t wanted, size_t *threads, bl_error *err)
{
    if (wanted > BL_TEAM_MOST)
        return bl_fail(err, BL_EINVAL, "at most %d threads are possible, not %zu", BL_TEAM_MOST,
                       wanted);
    *threads = bl_threads(wanted);
    return BL_OK;
}
