/* Continuations of a prompt that are told when they are whole: as JSON, and many at once. */
#ifndef BL_CLI_REPLIES_H
#define BL_CLI_REPLIES_H

#include "cli.h"

/* A token, how likely it was, and how much of the text came with it. */
typedef struct bl_reply_token {
    int32_t id;
    double log_probability; /* NaN: not known */
    size_t bytes;
} bl_reply_token;

typedef struct bl_reply {
    uint64_t seed, position; /* of the first token */
    char *text;
    bl_reply_token *tokens; /* `ends`: the last one ends the text */
    int32_t *likeliest;     /* [count, each] in the place of each token, and their logarithms */
    double *likeliest_log;
    size_t bytes, text_cap, count, cap, each, likeliest_cap, log_cap;
    const char *ended; /* "end", "stop" or "length" by the last token; NULL: there is none */
    int ends, constrained, whole;
} bl_reply;

/* Adds a token and the text that came with it.  BL_ENOMEM. */
bl_status bl_reply_add(bl_reply *r, const bl_token_event *token, bl_error *err);
void bl_reply_release(bl_reply *r);

/* One line of JSON on standard output; number: which of several, or SIZE_MAX. */
bl_status bl_reply_print_json(const bl_reply *r, const bl_tokenizer *t, size_t number,
                              bl_error *err);

/* What is asked for of several continuations. */
typedef struct bl_many {
    size_t count;              /* of continuations */
    const bl_options *options; /* BL_OPTIONS_GENERATE */
    bl_span before;            /* what stands before each that is written as text */
    int json;
} bl_many;

/* Writes so many continuations of what the session has read, which is pending or a last token; each
 * is the text that the session would write alone with its seed. */
bl_status bl_replies_write(bl_session *session, bl_model *model, const bl_many *many, uint64_t seed,
                           bl_error *err);

#endif
