/* bitllama memory: what memory files hold, how they differ, and what is made of them. */
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
#include <stdlib.h>
#include <string.h>

/* A model and as many sessions as memories are read. */
typedef struct holder {
    bl_model *model;
    bl_session *session[2];
} holder;

static void release(holder *h)
{
    bl_session_close(h->session[0]);
    bl_session_close(h->session[1]);
    bl_model_close(h->model);
}

/* Release in any case. */
static bl_status hold(holder *h, const bl_args *args, const char *const *files, size_t count,
                      bl_error *err)
{
    bl_signals_catch();
    bl_status status = bl_cli_model_open(&h->model, args, err);
    for (size_t i = 0; i < count && status == BL_OK; i++) {
        status = bl_session_open(&h->session[i], h->model, NULL, err);
        if (status == BL_OK)
            status = bl_session_load(h->session[i], files[i], err);
    }
    bl_progress_end();
    return status;
}

/* ---- show ---- */

static void print_columns(void)
{
    printf("\n%-5s  %-4s  %9s  %8s  %6s  %5s\n", "layer", "head", "half-life", "distance", "base",
           "bound");
}

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
        printf("state     %s bytes\n", bl_format_count(bl_session_bytes(s)).text);
        print_columns();
    }
    bl_status status = bl_session_heads(s, json ? print_head_json : print_head, &first, err);
    if (json)
        fputs("]}\n", stdout);
    return status;
}

static bl_status show(const bl_args *args, bl_error *err)
{
    holder h = {.model = NULL};
    const char *file = args->operands[1];
    int json = bl_flags_on(args, "json");
    bl_status status;
    if (bl_flags_given(args, "model")) {
        status = hold(&h, args, &file, 1, err);
        if (status == BL_OK)
            status = print(h.session[0], file, json, err);
        release(&h);
        return status;
    }
    status = bl_cli_info(file, "memory", json, err);
    if (status == BL_OK)
        bl_progress_print("how far each head has moved: give its model with -m MODEL");
    return status;
}

/* ---- diff ---- */

static bl_status print_diff_json(const holder *h, const char *const *files,
                                 const bl_memory_difference *d, bl_error *err)
{
    int first = 1;
    bl_status status = BL_OK;
    for (size_t i = 0; i < 2; i++) {
        fputs(i ? ", \"b\": " : "{\"a\": ", stdout);
        bl_output_json_text(stdout, files[i], strlen(files[i]));
    }
    printf(", \"same\": %s, \"same_model\": %s", d->same ? "true" : "false",
           d->same_model ? "true" : "false");
    printf(", \"version\": [%d, %d], \"position\": [%" PRIu64 ", %" PRIu64 "], \"heads\": ",
           d->version_a, d->version_b, d->position_a, d->position_b);
    fputs(h->session[1] ? "[" : "null", stdout);
    if (h->session[1]) {
        status = bl_session_diff(h->session[0], h->session[1], print_head_json, &first, err);
        fputs("]", stdout);
    }
    fputs("}\n", stdout);
    return status;
}

static bl_status print_diff(const holder *h, const bl_memory_difference *d, bl_error *err)
{
    printf("same      %s\n", d->same ? "yes: what follows is the same, to the bit" : "no");
    printf("model     %s\n", d->same_model ? "one" : "two");
    printf("version   %d and %d\n", d->version_a, d->version_b);
    printf("position  %s and %s tokens read\n", bl_format_count(d->position_a).text,
           bl_format_count(d->position_b).text);
    if (!h->session[1]) {
        if (!d->same && d->same_model)
            bl_progress_print("how far each head differs: give their model with -m MODEL");
        return BL_OK;
    }
    print_columns();
    return bl_session_diff(h->session[0], h->session[1], print_head, NULL, err);
}

static bl_status diff(const bl_args *args, bl_error *err)
{
    holder h = {.model = NULL};
    const char *const *files = args->operands + 1;
    bl_memory_difference d = {.size = sizeof d};
    bl_status status = bl_memory_diff(files[0], files[1], &d, err);
    if (status == BL_OK && d.same_model && bl_flags_given(args, "model"))
        status = hold(&h, args, files, 2, err);
    if (status == BL_OK)
        status = bl_flags_on(args, "json") ? print_diff_json(&h, files, &d, err)
                                           : print_diff(&h, &d, err);
    if (status == BL_OK && !d.same)
        bl_cli_answer_no();
    release(&h);
    return status;
}

/* ---- reset ---- */

static bl_status reset(const bl_args *args, bl_error *err)
{
    holder h = {.model = NULL};
    const char *file = args->operands[1], *out = bl_flags_text(args, "output");
    bl_status status = hold(&h, args, &file, 1, err);
    if (status == BL_OK)
        status = bl_flags_on(args, "base") ? bl_session_reset(h.session[0], err)
                                           : bl_session_restart(h.session[0], err);
    if (status == BL_OK)
        status = bl_cli_session_save(h.session[0], out ? out : file, err);
    if (status == BL_OK)
        bl_progress_print("%s: nothing read%s", out ? out : file,
                          bl_session_has_base(h.session[0]) ? "; what was consolidated stays" : "");
    release(&h);
    return status;
}

/* ---- merge ---- */

static bl_status merge(const bl_args *args, bl_error *err)
{
    holder h = {.model = NULL};
    const char *out = bl_flags_text(args, "output"), *text = bl_flags_text(args, "weight");
    char *end;
    double weight = strtod(text, &end);
    if (end == text || *end || !(weight > 0 && weight <= 1))
        return bl_cli_fail(err, BL_EINVAL, "--weight is a number above 0 and at most 1, not '%s'",
                           text);
    bl_status status = hold(&h, args, args->operands + 1, 2, err);
    if (status == BL_OK)
        status = bl_session_merge(h.session[0], h.session[1], weight, err);
    if (status == BL_OK)
        status = bl_cli_session_save(h.session[0], out, err);
    if (status == BL_OK)
        bl_progress_print("%s: %s tokens read in all%s", out,
                          bl_format_count(bl_session_position(h.session[0])).text,
                          bl_session_has_base(h.session[0]) ? ", with a base of its own" : "");
    release(&h);
    return status;
}

/* ---- the command ---- */

/* What each action takes. */
typedef struct action {
    const char *name, *usage;
    size_t files;
    int writes; /* which needs the model; 2: and -o */
    bl_status (*run)(const bl_args *args, bl_error *err);
} action;

static const action actions[] = {
    {"show", "show FILE [-m MODEL] [--json]", 1, 0, show},
    {"diff", "diff FILE FILE [-m MODEL] [--json]", 2, 0, diff},
    {"reset", "reset FILE -m MODEL [--base] [-o FILE]", 1, 1, reset},
    {"merge", "merge FILE FILE -m MODEL -o FILE [--weight X]", 2, 2, merge},
};

/* A flag that is there for other actions. */
static bl_status check_flags(const action *a, const bl_args *args, bl_error *err)
{
    static const struct {
        const char *flag, *of;
    } own[] = {{"base", "reset"}, {"weight", "merge"}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (bl_flags_given(args, own[i].flag) && strcmp(a->name, own[i].of) != 0)
            return bl_cli_fail(err, BL_EINVAL, "--%s is of memory %s", own[i].flag, own[i].of);
    if (bl_flags_given(args, "output") && !a->writes)
        return bl_cli_fail(err, BL_EINVAL, "memory %s writes nothing, so -o does not go with it",
                           a->name);
    if (bl_flags_given(args, "json") && a->writes)
        return bl_cli_fail(err, BL_EINVAL,
                           "memory %s prints nothing, so --json does not go with it", a->name);
    return BL_OK;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    const char *verb = args->operands[0];
    const action *a = actions, *end = actions + sizeof actions / sizeof *actions;
    while (a < end && strcmp(a->name, verb) != 0)
        a++;
    if (a == end)
        return bl_cli_fail(err, BL_EINVAL,
                           "memory %s: no such action; there are show, diff, reset, merge", verb);
    if (args->operand_count != 1 + a->files || (a->writes && !bl_flags_given(args, "model")) ||
        (a->writes > 1 && !bl_flags_given(args, "output")))
        return bl_cli_fail(err, BL_EINVAL, "usage: bitllama memory %s", a->usage);
    bl_status status = check_flags(a, args, err);
    return status == BL_OK ? a->run(args, err) : status;
}

static const bl_flag flags[] = {
    {.name = "model",
     .letter = 'm',
     .value = "MODEL",
     .hub = "model",
     .help =
         "the model that the memories belong to; show and diff can do without it, and then know "
         "what the files themselves say"},
    {.name = "output",
     .letter = 'o',
     .value = "FILE",
     .help = "of merge: the memory to write, which may be one of the two; of reset: the same, and "
             "FILE stays as it is"},
    {.name = "base", .help = "of reset: what was consolidated goes too"},
    {.name = "weight",
     .value = "X",
     .fallback = "1",
     .help = "of merge: how much of the second memory is added to the first, above 0 to 1"},
    {.name = "json", .help = "as JSON"},
    {0},
};

const bl_command bl_command_memory = {
    .name = "memory",
    .summary = "Says what memories hold and how they differ, resets and merges them.",
    .usage = "(show FILE | diff FILE FILE | reset FILE [--base] | merge FILE FILE) [-m MODEL] "
             "[-o FILE] [--json]",
    .details =
        "show: the half-life of a head is the number of tokens after which half of what it learned "
        "is forgotten; a model without ttt_forget never forgets.  The distance of a head is |W - "
        "W0| / |W0|: how far what was read has moved the "
        "matrices of its inner model from those that every conversation begins with.  The base is "
        "what it forgets towards, which learn --consolidate moves: its distance, with biases, and "
        "the bound of that.\n\n"
        "diff: the same distances between two memories, in the same unit, and whether all that "
        "they "
        "hold is the same; the exit code is 0 when it is, and 1 when they differ.\n\n"
        "reset: as if nothing had been read.  What was consolidated stays, and is where the memory "
        "then begins, unless --base is given.  It is written over FILE, or to that of -o.\n\n"
        "merge: adds what the second memory has learned to the first, whose text goes on.  Facts "
        "of "
        "both are recalled about as well as from one memory that has read both texts; other text "
        "is told a little worse (docs/MODEL.md 3.10).",
    .example = "bitllama memory show me.mem -m run",
    .operand = "show, diff, reset or merge, and FILE",
    .least = 2,
    .most = 3,
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
