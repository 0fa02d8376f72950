/* bitllama pull: a model of the Hugging Face Hub into the cache. */
#include "cli.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <string.h>

enum { PATH_MOST = 1 << 14 };

static void print_json(const char *name, const char *folder, const bl_pull_result *r)
{
    printf("{\"name\": ");
    bl_output_json_text(stdout, name, strlen(name));
    printf(", \"commit\": %s%s%s, \"path\": ", *r->commit ? "\"" : "",
           *r->commit ? r->commit : "null", *r->commit ? "\"" : "");
    bl_output_json_text(stdout, folder, strlen(folder));
    printf(", \"files\": %zu, \"bytes\": %" PRIu64 ", \"fetched_bytes\": %" PRIu64 "}\n", r->files,
           r->bytes, r->fetched);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    static char folder[PATH_MOST];
    const char *name = args->operands[0];
    bl_options *options = NULL;
    bl_pull_result result = {.size = sizeof result};
    bl_signals_catch(); /* what has come stays, and the next pull goes on from there */
    bl_status status = bl_flags_options(args, BL_OPTIONS_PULL, &options, err);
    if (status == BL_OK)
        status = bl_hub_pull(name, options, folder, sizeof folder, NULL, bl_progress_report, NULL,
                             &result, err);
    bl_options_close(options);
    bl_progress_end();
    if (status == BL_OK && bl_flags_on(args, "json"))
        print_json(name, folder, &result);
    else if (status == BL_OK)
        puts(folder);
    return status;
}

static const bl_flag flags[] = {
    {.name = "json", .help = "folder, commit, files and bytes as JSON"},
    {0},
};

const bl_command bl_command_pull = {
    .name = "pull",
    .summary = "Fetches a model from the Hugging Face Hub, and prints its folder.",
    .usage = "NAME[@REVISION] [flags]",
    .details =
        "What a model of bitllama needs is downloaded into the cache that huggingface_hub uses "
        "too, "
        "and verified; what is there already is not fetched again. Stopped, by Ctrl-C or "
        "otherwise, "
        "it goes on where it was when it is begun again. config.json comes first: nothing more is "
        "fetched of a repository that holds no model of bitllama.\n\n"
        "Every command that takes a model takes such a name too (-m OWNER/NAME); a file or folder "
        "of "
        "that name has precedence.",
    .example = "bitllama pull bit-ttt/llama-11m",
    .operand = "NAME",
    .least = 1,
    .most = 1,
    .flags = flags,
    .groups = {{"fetching", BL_OPTIONS_PULL}},
    .run = run,
};
