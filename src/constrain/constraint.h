/* A grammar over a vocabulary, and where a text that is written by it stands.
 *
 * Functions of a grammar may be called by several threads: what they find out about it is kept for
 * all, behind a lock, and nobody's answer depends on what others have asked. */
#ifndef BL_CONSTRAIN_CONSTRAINT_H
#define BL_CONSTRAIN_CONSTRAINT_H

#include "core/best.h"
#include "core/status.h"

/* A text being written: it holds its grammar open. */
typedef struct bl_constraint bl_constraint;

/* What a token must be. */
typedef struct bl_token_limit {
    int32_t end;   /* the token that ends the text, allowed where the grammar may end */
    int drop;      /* of the first byte of a token: 1 when a space there is not text */
    uint64_t left; /* tokens that may still be written, this one and the end among them: one that
                      leaves too few to come to an end is not allowed, if any other is; 0: any */
} bl_token_limit;

/* One more holder; bl_grammar_close() is one less. */
void bl_grammar_hold(bl_grammar *g);

/* Whether it is of this tokenizer. */
int bl_grammar_is_of(const bl_grammar *g, const bl_tokenizer *t);

bl_status bl_constraint_open(bl_constraint **c, bl_grammar *g, bl_error *err) BL_NODISCARD;
void bl_constraint_close(bl_constraint *c);
bl_status bl_constraint_copy(bl_constraint **to, const bl_constraint *from,
                             bl_error *err) BL_NODISCARD;

/* Whether the text may end here: 1, and 2 when nothing but the end may follow.  BL_ENOMEM,
 * BL_EUNSUPPORTED as of bl_automaton_learn(), here and below. */
bl_status bl_constraint_ends(bl_constraint *c, int *ends, bl_error *err) BL_NODISCARD;

/* Leaves of list[*count] what may be the next token, in its order. */
bl_status bl_constraint_keep(bl_constraint *c, const bl_token_limit *limit, bl_candidate *list,
                             size_t *count, bl_error *err) BL_NODISCARD;

/* Bit i of mask[(V + 63) / 64]: token i may be next.  *any: one may. */
bl_status bl_constraint_mask(bl_constraint *c, const bl_token_limit *limit, uint64_t *mask,
                             size_t V, int *any, bl_error *err) BL_NODISCARD;

/* The only token that may be next, as a mask would have it, found without one; -1: there are
 * others, or it takes a mask to tell. */
bl_status bl_constraint_only(bl_constraint *c, const bl_token_limit *limit, size_t V, int32_t *id,
                             bl_error *err) BL_NODISCARD;

/* The token, which may be next, was written. */
bl_status bl_constraint_accept(bl_constraint *c, const bl_token_limit *limit, int32_t id,
                               bl_error *err) BL_NODISCARD;

#endif
