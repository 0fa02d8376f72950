/* bitllama eval: loss, perplexity and bits per byte of a model on a file. */
#include "cli.h"
#include "format.h"
#include "model.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void print_json(const bl_eval_result *r)
{
    fputs("{\"loss\": ", stdout);
    bl_output_json_number(stdout, r->loss);
    fputs(", \"perplexity\": ", stdout);
    bl_output_json_number(stdout, r->perplexity);
    fputs(", \"bits_per_byte\": ", stdout);
    if (r->bits_per_byte > 0)
        bl_output_json_number(stdout, r->bits_per_byte);
    else
        fputs("null", stdout);
    printf(", \"tokens\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"documents\": %" PRIu64
           ", \"seconds\": ",
           r->tokens, r->bytes, r->documents);
    bl_output_json_number(stdout, r->seconds);
    fputs("}\n", stdout);
}

static void print_table(const bl_eval_result *r)
{
    printf("loss           %.4f nats a token\n", r->loss);
    printf("perplexity     %.3f\n", r->perplexity);
    if (r->bits_per_byte > 0)
        printf("bits per byte  %.4f\n", r->bits_per_byte);
    else
        printf("bits per byte  unknown: the data does not say its bytes\n");
    printf("tokens         %s\n", bl_format_count(r->tokens).text);
    if (r->bytes)
        printf("bytes          %s\n", bl_format_count(r->bytes).text);
    if (r->documents)
        printf("documents      %s\n", bl_format_count(r->documents).text);
}

/* A data folder stands for its validation tokens. */
static bl_status find_file(const char *given, char **path, bl_error *err)
{
    struct stat info;
    int folder = stat(given, &info) == 0 && S_ISDIR(info.st_mode);
    size_t bytes = strlen(given) + sizeof "/val.bin";
    *path = malloc(bytes);
    if (!*path)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    (void)snprintf(*path, bytes, "%s%s", given, folder ? "/val.bin" : "");
    return BL_OK;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    uint64_t window = 0;
    char *path = NULL;
    bl_model *model = NULL;
    bl_eval_result result = {0};
    bl_status status = bl_flags_whole(args, "window", 0, 1 << 30, &window, err);
    if (status == BL_OK)
        status = find_file(bl_flags_text(args, "data"), &path, err);
    if (status == BL_OK)
        status = bl_cli_model_open(&model, args, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = bl_eval(model, path, (size_t)window, bl_progress_report, NULL, &result, err);
        bl_progress_end();
    }
    if (status == BL_OK) {
        if (bl_flags_on(args, "json"))
            print_json(&result);
        else
            print_table(&result);
        double speed = result.seconds > 0 ? (double)result.tokens / result.seconds : 0;
        bl_progress_print("%.1f s, %s tok/s", result.seconds, bl_format_scaled(speed).text);
    }
    bl_model_close(model);
    free(path);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    {.name = "data",
     .value = "FILE",
     .required = 1,
     .help = "token file (.bin), text file, or data folder (its val.bin)"},
    {.name = "window",
     .value = "N",
     .fallback = "0",
     .help = "tokens a window of a token file; 0: the context of the training"},
    BL_FLAG_DEVICE,
    {.name = "json", .help = "as JSON"},
    {0},
};

const bl_command bl_command_eval = {
    .name = "eval",
    .summary = "Measures loss, perplexity and bits per byte of a model on a file.",
    .usage = "-m MODEL --data FILE [--window N] [--json]",
    .example = "bitllama eval -m run --data data/val.bin",
    .flags = flags,
    .run = run,
};
