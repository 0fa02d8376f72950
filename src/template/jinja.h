/* Templates in the part of Jinja that chat templates use: compiled once, rendered many times.
 *
 * The language is that of Jinja 3 as Hugging Face's transformers sets it up: trim_blocks,
 * lstrip_blocks, break and continue, {% generation %}, a tojson that escapes nothing for HTML,
 * raise_exception() and strftime_now().  docs/TEMPLATES.md lists what is there; all else is refused
 * with the line of the template.  A template may be hostile: its source, depth, steps, memory and
 * output are bounded. */
#ifndef BL_TEMPLATE_JINJA_H
#define BL_TEMPLATE_JINJA_H

#include "template/values.h"

#include <jansson.h>

typedef struct bl_program bl_program;

/* Compiles a text; `what` (a path) begins messages.  BL_EFORMAT: Jinja would refuse it too, or a
 * bound; BL_EUNSUPPORTED: it would not; BL_ENOMEM. */
bl_status bl_program_open(bl_program **p, const char *what, const char *text, size_t bytes,
                          bl_error *err) BL_NODISCARD;
void bl_program_close(bl_program *p);
int bl_program_generates(const bl_program *p); /* it has a generation block */

/* What a template wrote: text, and of each byte whether it comes from `input` or from a generation
 * block (BL_MARK_INPUT, BL_MARK_ANSWER); marks is NULL when no byte has any. */
typedef struct bl_rendering {
    char *text;
    unsigned char *marks;
    size_t bytes;
    bl_pool pool;
} bl_rendering;

/* Renders with the members of `own` (an object, may be NULL: the tokenizer's own texts) and then of
 * `input` (an object: the caller's, of so many bytes) as variables; `now` is the time in seconds
 * since 1970.  Threads: any; the program does not change. */
bl_status bl_program_render(const bl_program *p, const json_t *own, const json_t *input,
                            size_t bytes, int64_t now, bl_rendering *made,
                            bl_error *err) BL_NODISCARD;
void bl_rendering_release(bl_rendering *r);

#endif
