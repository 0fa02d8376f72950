/* What is told of a token that was drawn: the text that it adds, and how likely it was. */
#ifndef BL_INFER_TOLD_H
#define BL_INFER_TOLD_H

#include "infer/sequence.h"

/* All zero at first. */
typedef struct bl_told {
    bl_token_event event;
    bl_buf text;
    size_t hidden;      /* bytes in front of what is still to come that are the prompt's */
    int32_t *likeliest; /* [room] */
    double *likeliest_log;
    size_t room;
} bl_told;

void bl_told_release(bl_told *t);

/* A token after so many others, of which nothing else is known; `ends`: it has no text. */
void bl_told_begin(bl_told *t, int32_t id, uint64_t position, int ends);

/* What the options ask for, by the logits [V] that it was drawn from.  BL_ENOMEM. */
bl_status bl_told_likelihoods(bl_told *t, const bl_generate_options *o, const float *logits,
                              size_t V, bl_error *err) BL_NODISCARD;

/* What it adds to the reply that s writes with a tokenizer, before a text to stop at; after the
 * `last` one no other follows for now.  BL_ENOMEM: without its text. */
bl_status bl_told_text(bl_told *t, bl_sequence *s, const bl_tokenizer *tokenizer, int last,
                       bl_error *err) BL_NODISCARD;

/* bl_generate_next(): the next token of the reply that has this result so far. */
bl_status bl_sequence_next(bl_sequence *s, bl_reader *r, const bl_tokenizer *t,
                           const bl_prompt *prompt, const bl_generate_options *options,
                           bl_told *told, bl_generate_result *result, bl_error *err) BL_NODISCARD;

#endif
