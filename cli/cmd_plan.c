/* bitllama plan: the memory that a run will need, before it starts. */
#include "cli.h"
#include "figures.h"
#include "model_flags.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_json(const bl_plan_result *p)
{
    putchar('{');
#define X(part, help) printf("\"%s\": %" PRIu64 ", ", #part, p->part);
    BL_PLAN_LIST(X)
#undef X
    printf("\"total\": %" PRIu64 ", \"machine\": ", p->total);
    if (p->machine == UINT64_MAX)
        fputs("null", stdout);
    else
        printf("%" PRIu64, p->machine);
    fputs(", \"device\": ", stdout);
    if (*p->device)
        bl_output_json_text(stdout, p->device, strlen(p->device));
    else
        fputs("null", stdout);
    printf(", \"parameters\": %" PRIu64 ", \"base\": %" PRIu64 "}\n", p->parameters, p->base);
}

static void print_row(const char *part, uint64_t bytes, const char *help)
{
    printf("%-12s %9sB  %s\n", part, bl_format_scaled((double)bytes).text, help);
}

/* What there is, and of a device with memory of its own which device that is. */
static void print_machine(const bl_plan_result *p)
{
    char owner[sizeof p->device + 16] = "", shown[8 * sizeof owner], help[sizeof shown + 64];
    if (p->machine == UINT64_MAX) {
        printf("%-12s %10s  not known\n", "machine", "-");
        return;
    }
    if (*p->device)
        (void)snprintf(owner, sizeof owner, "; device %s", p->device);
    shown[bl_text_shown(owner, strlen(owner), BL_SHOWN_LINE, shown, sizeof shown - 1, NULL)] = 0;
    (void)snprintf(help, sizeof help, "%s%s",
                   p->total <= p->machine ? "enough" : "too little: train would refuse", shown);
    print_row("machine", p->machine, help);
}

static void print_table(const bl_plan_result *p)
{
#define X(part, help) print_row(#part, p->part, help);
    BL_PLAN_LIST(X)
#undef X
    char parameters[64];
    (void)snprintf(parameters, sizeof parameters, "%s parameters",
                   bl_format_count(p->parameters).text);
    print_row("total", p->total, parameters);
    print_machine(p);
    if (p->base)
        print_row("base", p->base, "more for a sequence that was consolidated (learn)");
}

/* Training's table has the fields of a device too. */
static int is_of_device(const char *name)
{
    for (size_t i = 0; i < bl_options_count(BL_OPTIONS_DEVICE); i++)
        if (strcmp(name, bl_options_field(BL_OPTIONS_DEVICE, i)->name) == 0)
            return 1;
    return 0;
}

/* Inference has no batch, and a trained model its options. */
static bl_status check_flags_of_model(const bl_args *args, bl_error *err)
{
    for (size_t i = 0; i < args->count; i++) {
        const bl_setting *s = &args->settings[i];
        const char *name = s->flag ? s->flag->name : s->field->name;
        if (strcmp(name, "model") != 0 && strcmp(name, "json") != 0 && !is_of_device(name))
            return bl_cli_fail(err, BL_EINVAL, "-m plans inference, and --%s is of training", name);
    }
    return BL_OK;
}

static bl_status plan_model(const bl_args *args, const bl_options *train, bl_plan_result *result,
                            bl_error *err)
{
    bl_options *device = NULL;
    bl_status status = check_flags_of_model(args, err);
    if (status == BL_OK)
        status = bl_options_open(&device, BL_OPTIONS_DEVICE, err);
    for (size_t i = 0; status == BL_OK && i < bl_options_count(BL_OPTIONS_DEVICE); i++) {
        const char *name = bl_options_field(BL_OPTIONS_DEVICE, i)->name;
        char value[1024];
        status = bl_options_get(train, name, value, sizeof value, NULL, err);
        if (status == BL_OK)
            status = bl_options_set(device, name, value, err);
    }
    if (status == BL_OK)
        status = bl_plan_model(bl_flags_text(args, "model"), device, result, err);
    bl_options_close(device);
    return status;
}

static bl_status plan_training(const bl_args *args, const bl_options *train, bl_plan_result *result,
                               bl_error *err)
{
    bl_options *config = NULL;
    bl_status status = bl_cli_config_read(&config, args, train, err);
    if (status == BL_OK)
        status = bl_plan(bl_flags_text(args, "data"), train, config, result, err);
    bl_options_close(config);
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_options *train = NULL;
    bl_plan_result result = {.size = sizeof result};
    bl_status status = bl_flags_options(args, BL_OPTIONS_TRAIN, &train, err);
    if (status == BL_OK)
        status = bl_flags_text(args, "model") ? plan_model(args, train, &result, err)
                                              : plan_training(args, train, &result, err);
    if (status == BL_OK && bl_flags_on(args, "json"))
        print_json(&result);
    else if (status == BL_OK)
        print_table(&result);
    bl_options_close(train);
    return status;
}

static const bl_flag flags[] = {
    {.name = "model",
     .letter = 'm',
     .value = "MODEL",
     .hub = "model",
     .help = "plan inference with this model instead of training one"},
    {.name = "data", .value = "DIR", .help = "data folder made by prepare: gives the vocabulary"},
    BL_FLAG_CONFIG,
    {.name = "json", .help = "as JSON, in bytes"},
    {0},
};

const bl_command bl_command_plan = {
    .name = "plan",
    .summary = "Says how much memory a training run or a model takes, without taking it.",
    .usage = "[--data DIR] [flags of train] | -m MODEL",
    .example = "bitllama plan --data data --preset micro --batch 64",
    .flags = flags,
    .groups = {{"training", BL_OPTIONS_TRAIN}, {"model", BL_OPTIONS_CONFIG}},
    .run = run,
};
