/* bitllama push: a model folder to the Hugging Face Hub. */
#include "cli.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <string.h>

/* What is printed while it goes on. */
typedef struct listing {
    int json, count;
} listing;

static void print_file(void *user, const bl_push_file *f)
{
    listing *l = user;
    if (l->json) {
        printf("%s{\"path\": ", l->count++ ? ",\n  " : "\n  ");
        bl_output_json_text(stdout, f->path, strlen(f->path));
        printf(", \"bytes\": %" PRIu64 ", \"state\": \"%s\"}", f->bytes, f->state);
        return;
    }
    bl_error unused;
    char line[64];
    int n = snprintf(line, sizeof line, "%-8s %12" PRIu64 "  ", f->state, f->bytes);
    (void)bl_output_write(line, (size_t)n, &unused); /* bl_output_end() tells what failed */
    (void)bl_output_text(f->path, strlen(f->path), &unused);
    (void)bl_output_write("\n", 1, &unused);
}

static void print_result(const bl_args *args, const bl_options *options, const bl_push_result *r)
{
    char dry[8];
    bl_error unused;
    int is_dry = bl_options_get(options, "dry_run", dry, sizeof dry, NULL, &unused) == BL_OK &&
                 strcmp(dry, "true") == 0;
    if (bl_flags_on(args, "json")) {
        printf("], \"commit\": %s%s%s, \"changed\": %zu, \"bytes\": %" PRIu64
               ", \"sent_bytes\": %" PRIu64 "}\n",
               *r->commit ? "\"" : "", *r->commit ? r->commit : "null", *r->commit ? "\"" : "",
               r->changed, r->bytes, r->sent);
        return;
    }
    if (is_dry)
        bl_progress_print("%zu of %zu files, %.6g MB, would be sent", r->changed, r->files,
                          (double)r->bytes / 1e6);
    else if (!r->changed)
        bl_progress_print("nothing to send: %s has all of it at %.7s", args->operands[1],
                          r->commit);
    else
        bl_progress_print("%s at %.7s: %zu files, %.6g MB, sent and read back", args->operands[1],
                          r->commit, r->changed, (double)r->bytes / 1e6);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_options *options = NULL;
    listing l = {.json = bl_flags_on(args, "json")};
    bl_push_result result = {.size = sizeof result};
    bl_signals_catch(); /* what the Hub has is not sent again by the next push */
    bl_status status = bl_flags_options(args, BL_OPTIONS_PUSH, &options, err);
    if (status == BL_OK && bl_flags_on(args, "private"))
        status = bl_options_set(options, "visibility", "private", err);
    if (status == BL_OK && l.json)
        printf("{\"files\": [");
    if (status == BL_OK)
        status = bl_hub_push(args->operands[0], args->operands[1], options, print_file, &l,
                             bl_progress_report, NULL, &result, err);
    bl_progress_end();
    if (status == BL_OK)
        print_result(args, options, &result);
    bl_options_close(options);
    return status;
}

static const bl_flag flags[] = {
    {.name = "private", .help = "the same as --visibility private"},
    {.name = "json", .help = "files, commit and bytes as JSON"},
    {0},
};

const bl_command bl_command_push = {
    .name = "push",
    .summary = "Sends a model folder to the Hugging Face Hub.",
    .usage = "FOLDER OWNER/NAME [flags]",
    .details =
        "The repository is made when it is not there, and so is a branch. All files of the folder "
        "are sent in one commit, but what is hidden (.NAME) and what the Hub has already; files in "
        "the repository that the folder does not have stay. Then everything that was sent is read "
        "back and compared. Stopped, by Ctrl-C or otherwise, it is begun again: files that have "
        "arrived whole are not sent a second time.\n\n"
        "It wants a token with the right to write: HF_TOKEN, or the file where huggingface_hub "
        "keeps it.",
    .example = "bitllama push model bit-ttt/llama-11m --private",
    .operand = "FOLDER OWNER/NAME",
    .least = 2,
    .most = 2,
    .flags = flags,
    .groups = {{"sending", BL_OPTIONS_PUSH}},
    .run = run,
};
