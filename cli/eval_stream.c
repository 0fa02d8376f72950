/* eval --stream: the loss of one state through a whole text, next to that of fresh states. */
#include "eval_stream.h"
#include "eval_print.h"
#include "figures.h"
#include "input.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <stdio.h>

enum { OCTAVES = 66 }; /* of a position in 64 bits */

typedef struct octaves {
    bl_stream_point at[OCTAVES];
    size_t count;
} octaves;

static void add_octave(void *user, const bl_stream_point *point)
{
    octaves *o = user;
    if (o->count == OCTAVES)
        return;
    o->at[o->count] = *point;
    o->at[o->count++].size = sizeof *o->at; /* the step of bl_stream_draw() */
}

/* The mean over all tokens. */
static double fresh_loss(const octaves *o)
{
    double nats = 0, tokens = 0;
    for (size_t i = 0; i < o->count; i++) {
        nats += o->at[i].fresh * (double)o->at[i].tokens;
        tokens += (double)o->at[i].tokens;
    }
    return nats / tokens;
}

static void print_octaves(const octaves *o)
{
    printf("fresh states   %.4f nats a token\n", fresh_loss(o));
    printf("\n%-19s %12s %8s %8s %11s\n", "position", "tokens", "stream", "fresh", "difference");
    for (size_t i = 0; i < o->count; i++) {
        const bl_stream_point *p = &o->at[i];
        printf("%-19s %12s %8.4f %8.4f %+11.4f\n", bl_cli_positions(p->first, p->last).text,
               bl_format_count(p->tokens).text, p->loss, p->fresh, p->loss - p->fresh);
    }
}

static void print_octaves_json(const octaves *o)
{
    fputs(", \"fresh\": ", stdout);
    bl_output_json_number(stdout, fresh_loss(o));
    fputs(", \"stream\": [", stdout);
    for (size_t i = 0; i < o->count; i++) {
        const bl_stream_point *p = &o->at[i];
        fputs(i ? ", " : "", stdout);
        bl_cli_eval_point_json(p->first, p->last, p->tokens, p->loss);
        fputs(", \"fresh\": ", stdout);
        bl_output_json_number(stdout, p->fresh);
        fputs(", \"difference\": ", stdout);
        bl_output_json_number(stdout, p->loss - p->fresh);
        putchar('}');
    }
    putchar(']');
}

bl_status bl_cli_stream_check(const bl_args *args, bl_error *err)
{
    static const char *const only[] = {"tokens", "svg"};
    if (bl_flags_on(args, "stream") && bl_flags_on(args, "by-position"))
        return bl_cli_fail(err, BL_EINVAL,
                           "--stream and --by-position: a stream is shown by position anyway; give "
                           "one of them");
    if (bl_flags_given(args, "memory") &&
        (bl_flags_on(args, "stream") || bl_flags_given(args, "window")))
        return bl_cli_fail(err, BL_EINVAL,
                           "--memory reads documents of a text: --stream and --window do not go "
                           "with it");
    for (size_t i = 0; i < sizeof only / sizeof *only && !bl_flags_on(args, "stream"); i++)
        if (bl_flags_given(args, only[i]))
            return bl_cli_fail(err, BL_EINVAL, "--%s needs --stream", only[i]);
    return BL_OK;
}

bl_status bl_cli_stream(const bl_args *args, bl_model *model, const char *path, uint64_t window,
                        bl_error *err)
{
    uint64_t tokens = 0;
    octaves o = {.count = 0};
    bl_eval_result result = {.size = sizeof result};
    bl_options *reading = NULL;
    const char *svg = bl_flags_text(args, "svg");
    bl_status status = bl_flags_whole(args, "tokens", 0, (uint64_t)1 << 62, &tokens, err);
    if (status == BL_OK)
        status = bl_cli_reading(&reading, args, err);
    bl_signals_catch();
    if (status == BL_OK)
        status = bl_eval_stream(model, path, reading, (size_t)window, tokens, bl_progress_report,
                                add_octave, &o, &result, err);
    bl_progress_end();
    bl_options_close(reading);
    if (status == BL_OK && svg)
        status = bl_stream_draw(o.at, o.count, svg, err);
    if (status != BL_OK)
        return status;
    if (bl_flags_on(args, "json")) {
        bl_cli_eval_json(&result);
        print_octaves_json(&o);
        fputs("}\n", stdout);
    } else {
        bl_cli_eval_table(&result);
        print_octaves(&o);
    }
    bl_cli_eval_speed(&result);
    return BL_OK;
}
