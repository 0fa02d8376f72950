/* Tokens that were drawn as a list: what --log-probability and --logprobs write. */
#ifndef BL_CLI_TOKEN_LIST_H
#define BL_CLI_TOKEN_LIST_H

#include "cli.h"

/* Whether an option of BL_OPTIONS_GENERATE asks for it. */
int bl_token_list_wanted(const bl_options *o);

/* A line of the token, and below it, without a position, the likeliest in its place. */
bl_status bl_token_list_print(const bl_tokenizer *t, const bl_token_event *token, bl_error *err);

#endif
