/* Renders templates for tests/oracle/template_diff.py: a line of JSON in, a line of JSON out.
 *
 *   {"template": TEXT, "own": {...}, "input": {...}, "now": SECONDS}
 *   {"text": TEXT, "answers": [[from, to], ...], "input": BYTES} or {"status": N, "error": TEXT} */
#include "core/call.h"
#include "template/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where bytes with a mark lie, in bytes. */
static json_t *spans(const bl_rendering *r, unsigned mark)
{
    json_t *list = json_array();
    for (size_t i = 0, from; r->marks && i < r->bytes; i++) {
        if (!(r->marks[i] & mark))
            continue;
        for (from = i; i < r->bytes && (r->marks[i] & mark); i++)
            ;
        json_array_append_new(list, json_pack("[I, I]", (json_int_t)from, (json_int_t)i));
    }
    return list;
}

static json_t *render(const json_t *line, size_t bytes)
{
    bl_program *p = NULL;
    bl_rendering made = {.text = NULL};
    bl_error err = {BL_OK, ""};
    bl_call call;
    const json_t *text = json_object_get(line, "template");
    bl_call_begin(&call, &err);
    bl_status status =
        bl_program_open(&p, "t", json_string_value(text), json_string_length(text), &err);
    if (status == BL_OK)
        status =
            bl_program_render(p, json_object_get(line, "own"), json_object_get(line, "input"),
                              bytes, json_integer_value(json_object_get(line, "now")), &made, &err);
    (void)bl_call_end(&call, status, &err);
    json_t *answer = status == BL_OK
                         ? json_pack("{s: s%, s: o, s: o}", "text", made.text ? made.text : "",
                                     made.bytes, "answers", spans(&made, BL_MARK_ANSWER), "input",
                                     spans(&made, BL_MARK_INPUT))
                         : json_pack("{s: i, s: s}", "status", (int)status, "error", err.message);
    bl_rendering_release(&made);
    bl_program_close(p);
    return answer;
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        json_error_t why;
        json_t *in = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, &why);
        json_t *out =
            in ? render(in, (size_t)n) : json_pack("{s: i, s: s}", "status", 1, "error", why.text);
        char *text = json_dumps(out, JSON_COMPACT);
        if (!text)
            return 1;
        puts(text);
        fflush(stdout);
        free(text);
        json_decref(out);
        json_decref(in);
    }
    free(line);
    return 0;
}
