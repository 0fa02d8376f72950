/* Converting through iconv. */
#define _POSIX_C_SOURCE 200809L

#include "core/convert.h"
#include "core/alloc.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

struct bl_convert {
    iconv_t handle;
    const char *name;
    size_t unit;
};

bl_status bl_convert_open(bl_convert **result, const char *encoding, size_t unit, bl_error *err)
{
    *result = NULL;
    bl_convert *c = bl_calloc(1, sizeof *c);
    if (!c)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    errno = 0;
    c->handle = iconv_open("UTF-8", encoding);
    if (c->handle == (iconv_t)-1) { /* POSIX's own way to say no */
        int short_of_memory = errno == ENOMEM;
        bl_free(c);
        return short_of_memory ? bl_fail(err, BL_ENOMEM, "out of memory")
                               : bl_fail(err, BL_EUNSUPPORTED,
                                         "this system's iconv does not know %s", encoding);
    }
    c->name = encoding;
    c->unit = unit;
    *result = c;
    return BL_OK;
}

void bl_convert_close(bl_convert *c)
{
    if (!c)
        return;
    (void)iconv_close(c->handle);
    bl_free(c);
}

bl_status bl_convert_run(bl_convert *c, const char *from, size_t bytes, size_t *used, int last,
                         char *to, size_t cap, size_t *n)
{
    /* iconv takes its input without const, though it writes nothing there. */
    union {
        const char *from;
        char *in;
    } start = {.from = from + *used};
    char *in = start.in, *out = to;
    size_t left = bytes - *used, room = cap;
    errno = 0;
    size_t code = iconv(c->handle, &in, &left, &out, &room);
    int why = errno;
    *n = cap - room;
    *used = bytes - left;
    if (code != (size_t)-1 || why == E2BIG || *n > 0)
        return BL_OK; /* a bad place is met again, at the front */
    return why == EINVAL && !last ? BL_OK : BL_EFORMAT;
}

const char *bl_convert_name(const bl_convert *c)
{
    return c->name;
}

size_t bl_convert_unit(const bl_convert *c)
{
    return c->unit;
}
