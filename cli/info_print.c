/* Printing what the library says about a file or folder. */
#include "info_print.h"
#include "json_listing.h"

#include <stdlib.h>
#include <string.h>

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

/* The same JSON with what a terminal would take for a command escaped: names and metadata of a file
 * may hold anything. */
static bl_status make_plain(char **json, bl_error *err)
{
    size_t bytes = strlen(*json), cap = 6 * bytes + 1; /* \u001b of a byte */
    char *plain = malloc(cap);
    if (!plain)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    plain[bl_text_shown(*json, bytes, BL_SHOWN_JSON, plain, cap - 1, NULL)] = 0;
    free(*json);
    *json = plain;
    return BL_OK;
}

static int is_of_kind(const char *json, const char *kind)
{
    char first[64];
    (void)snprintf(first, sizeof first, "{\n  \"kind\": \"%s\",", kind);
    return strncmp(json, first, strlen(first)) == 0;
}

bl_status bl_cli_info(const char *path, const char *kind, int as_json, bl_error *err)
{
    char *json = NULL;
    bl_status status = read_info(path, &json, err);
    if (status == BL_OK && kind && !is_of_kind(json, kind))
        status = bl_cli_fail(err, BL_EFORMAT, "%s: not a %s file", path, kind);
    if (status == BL_OK)
        status = make_plain(&json, err);
    if (status == BL_OK && as_json)
        printf("%s\n", json);
    else if (status == BL_OK)
        bl_listing_print(stdout, json);
    free(json);
    return status;
}
