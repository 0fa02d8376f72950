/* Tokens that were drawn as a list: what --log-probability and --logprobs write. */
#include "token_list.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int bl_token_list_wanted(const bl_options *o)
{
    char on[8] = "", count[16] = "0";
    (void)bl_options_get(o, "log_probability", on, sizeof on, NULL, NULL);
    (void)bl_options_get(o, "logprobs", count, sizeof count, NULL, NULL);
    return strcmp(on, "true") == 0 || strcmp(count, "0") != 0;
}

/* "      12    345   -1.2345  text", control characters spelled out. */
static bl_status list_line(const char *position, int32_t id, double log_probability,
                           const char *text, size_t bytes, bl_error *err)
{
    char line[2048];
    int n = snprintf(line, 64, "%8s %6" PRId32 " %9.4f  ", position, id, log_probability);
    size_t at = (size_t)n, taken = 0, shown = 1;
    for (size_t from = 0; from < bytes && shown; from += taken) {
        shown = bl_text_shown(text + from, bytes - from, BL_SHOWN_LINE, line + at, sizeof line - at,
                              &taken);
        bl_status status = bl_output_write(line, at + shown, err);
        if (status != BL_OK)
            return status;
        at = 0;
    }
    return at ? bl_output_write(strcat(line, "\n"), at + 1, err) : bl_output_write("\n", 1, err);
}

bl_status bl_token_list_print(const bl_tokenizer *t, const bl_token_event *token, bl_error *err)
{
    char position[24];
    (void)snprintf(position, sizeof position, "%" PRIu64, token->position);
    bl_status status =
        list_line(position, token->id, token->log_probability, token->text, token->bytes, err);
    for (size_t i = 0; status == BL_OK && i < token->likeliest_count; i++) {
        size_t bytes = 0;
        const char *text = bl_tokenizer_bytes(t, token->likeliest[i], &bytes);
        status = list_line("", token->likeliest[i], token->likeliest_log_probabilities[i],
                           text ? text : "", bytes, err);
    }
    return status;
}
