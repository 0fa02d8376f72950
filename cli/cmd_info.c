/* bitllama info: what a file or folder holds. */
#include "cli.h"
#include "listing.h"

#include <stdlib.h>

/* The library's JSON in a buffer of the right size; freed by the caller. */
static bl_status read_info(const char *path, char **json, bl_error *err)
{
    size_t cap = 65536, bytes = 0;
    for (int again = 0; again < 2; again++) {
        free(*json);
        *json = malloc(cap);
        if (!*json)
            return bl_cli_fail(err, BL_ENOMEM, "out of memory");
        bl_status status = bl_info(path, *json, cap, &bytes, err);
        if (status != BL_OK)
            return status;
        if (bytes < cap)
            return BL_OK;
        cap = bytes + 1;
    }
    return bl_cli_fail(err, BL_EIO, "%s changes while it is read", path);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    char *json = NULL;
    bl_status status = read_info(args->operands[0], &json, err);
    if (status == BL_OK && bl_flags_on(args, "json"))
        printf("%s\n", json);
    else if (status == BL_OK)
        bl_listing_print(stdout, json);
    free(json);
    return status;
}

static const bl_flag flags[] = {
    {.name = "json", .help = "as JSON"},
    {0},
};

const bl_command bl_command_info = {
    .name = "info",
    .summary = "Says what a model, a training run, a data folder or a file holds.",
    .usage = "PATH [--json]",
    .example = "bitllama info run",
    .operand = "PATH",
    .least = 1,
    .most = 1,
    .flags = flags,
    .run = run,
};
