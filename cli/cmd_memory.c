/* bitllama memory: what a memory file holds. */
#include "cli.h"
#include "figures.h"
#include "info_print.h"
#include "model_flags.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_head(void *user, const bl_head_info *head)
{
    (void)user;
    char half_life[32] = "never";
    if (head->half_life > 0)
        (void)snprintf(half_life, sizeof half_life, head->half_life < 1e9 ? "%.1f" : "%.3g",
                       head->half_life);
    printf("%-5zu  %-4zu  %9s  %8.4f  %6.4f  %5.2f\n", head->layer, head->head, half_life,
           head->distance, head->base, head->base_most);
}

static void print_head_json(void *user, const bl_head_info *head)
{
    int *first = user;
    printf("%s{\"layer\": %zu, \"head\": %zu, \"half_life\": ", *first ? "" : ", ", head->layer,
           head->head);
    bl_output_json_number(stdout, head->half_life > 0 ? head->half_life : (double)INFINITY);
    fputs(", \"distance\": ", stdout);
    bl_output_json_number(stdout, head->distance);
    fputs(", \"base\": ", stdout);
    bl_output_json_number(stdout, head->base);
    fputs(", \"base_most\": ", stdout);
    bl_output_json_number(stdout, head->base_most);
    putchar('}');
    *first = 0;
}

static bl_status print(const bl_session *s, const char *file, int json, bl_error *err)
{
    int first = 1, version = bl_session_has_base(s) ? 2 : 1;
    if (json) {
        fputs("{\"path\": ", stdout);
        bl_output_json_text(stdout, file, strlen(file));
        printf(", \"version\": %d", version);
        printf(", \"position\": %" PRIu64 ", \"state_bytes\": %zu, \"heads\": [",
               bl_session_position(s), bl_session_bytes(s));
    } else {
        printf("version   %d%s\n", version, version > 1 ? ", with a base of its own" : "");
        printf("position  %s tokens read\n", bl_format_count(bl_session_position(s)).text);
        printf("state     %s bytes\n\n", bl_format_count(bl_session_bytes(s)).text);
        printf("%-5s  %-4s  %9s  %8s  %6s  %5s\n", "layer", "head", "half-life", "distance", "base",
               "bound");
    }
    bl_status status = bl_session_heads(s, json ? print_head_json : print_head, &first, err);
    if (json)
        fputs("]}\n", stdout);
    return status;
}

static bl_status show_with_model(const bl_args *args, const char *file, bl_error *err)
{
    bl_model *model = NULL;
    bl_session *session = NULL;
    bl_signals_catch();
    bl_status status = bl_cli_model_open(&model, args, err);
    if (status == BL_OK)
        status = bl_session_open(&session, model, NULL, err);
    if (status == BL_OK)
        status = bl_session_load(session, file, err);
    bl_progress_end();
    if (status == BL_OK)
        status = print(session, file, bl_flags_on(args, "json"), err);
    bl_session_close(session);
    bl_model_close(model);
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    const char *verb = args->operands[0], *file = args->operands[1];
    if (strcmp(verb, "show") != 0)
        return bl_cli_fail(err, BL_EINVAL, "memory %s: no such action; the only one is memory show",
                           verb);
    if (bl_flags_text(args, "model"))
        return show_with_model(args, file, err);
    bl_status status = bl_cli_info(file, "memory", bl_flags_on(args, "json"), err);
    if (status == BL_OK)
        bl_progress_print("how far each head has moved: give its model with -m MODEL");
    return status;
}

static const bl_flag flags[] = {
    {.name = "model",
     .letter = 'm',
     .value = "MODEL",
     .help = "the model that the memory belongs to; without it only what the file itself says"},
    {.name = "json", .help = "as JSON"},
    {0},
};

const bl_command bl_command_memory = {
    .name = "memory",
    .summary = "Says what a memory holds, how fast each head forgets and how far it has moved.",
    .usage = "show FILE [-m MODEL] [--json]",
    .details =
        "The half-life of a head is the number of tokens after which half of what it learned "
        "is forgotten; a model without ttt_forget never forgets.  The distance of a head is |W - "
        "W0| / |W0|: how far what was read has moved the "
        "matrices of its inner model from those that every conversation begins with.  The base is "
        "what it forgets towards, which learn --consolidate moves: its distance, with biases, and "
        "the bound of that.",
    .example = "bitllama memory show me.mem -m run",
    .operand = "show FILE",
    .least = 2,
    .most = 2,
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
