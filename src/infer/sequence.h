/* A sequence: one text that is read and written, with all that it needs to continue identically.
 *
 * Besides the state of the sequence that is a token drawn but not yet read, the sampler's place in
 * its random numbers, the ids in its penalty window, and the bytes of a character that the last
 * token began.  None of it grows with the text. */
#ifndef BL_INFER_SEQUENCE_H
#define BL_INFER_SEQUENCE_H

#include "constrain/constraint.h"
#include "format/safetensors.h"
#include "infer/sampler.h"
#include "infer/stops.h"
#include "model/reader.h"
#include "text/text.h"

enum { BL_NO_TOKEN = -1 };

typedef struct bl_sequence {
    bl_state state;
    bl_sampling sampler;
    bl_decoder decoder;
    int32_t pending;           /* drawn but not read, or BL_NO_TOKEN */
    uint64_t learned;          /* of the tokens read, and this one, those that a lesson gave */
    bl_stops stops;            /* of replies */
    bl_constraint *constraint; /* where what is drawn stands in a grammar, or NULL */
    uint64_t *mask;            /* [(V + 63) / 64] with it: of the tokens that may be next */
} bl_sequence;

bl_status bl_sequence_open(bl_sequence *s, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_sequence_release(bl_sequence *s, const bl_net *net);

/* As if nothing had been read; the sampler's random numbers restart too. */
bl_status bl_sequence_start(bl_sequence *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* The same, but it keeps its base, and begins there. */
bl_status bl_sequence_restart(bl_sequence *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* `to`, open over the same model, becomes equal to `from`; after a failure it can only be
 * started again or released. */
bl_status bl_sequence_copy(bl_sequence *to, const bl_net *net, const bl_sequence *from,
                           bl_error *err) BL_NODISCARD;

/* Reads the pending token and then any number of tokens.  logits: NULL, or host floats for the last
 * token, of this call or an earlier one, or (every) for each of ids.  Refuses ids past the
 * vocabulary before reading any.  BL_EINVAL when there is no last token to give logits for. */
bl_status bl_sequence_feed(bl_sequence *s, bl_reader *r, const int32_t *ids, size_t count,
                           float *logits, int every, bl_error *err) BL_NODISCARD;

/* The same, and of the logits after the last token the best so many, in the reader's `best`. */
bl_status bl_sequence_feed_best(bl_sequence *s, bl_reader *r, const int32_t *ids, size_t count,
                                size_t top, bl_error *err) BL_NODISCARD;

/* What is drawn from now on is a text of this grammar; of none.  A failure changes nothing. */
bl_status bl_sequence_constrain(bl_sequence *s, bl_grammar *g, bl_error *err) BL_NODISCARD;
void bl_sequence_unconstrain(bl_sequence *s);

/* The same, and the same place in it, as of another sequence of the model. */
bl_status bl_sequence_constrain_as(bl_sequence *s, const bl_sequence *other,
                                   bl_error *err) BL_NODISCARD;

/* What a token is drawn from, and for. */
typedef struct bl_drawing {
    const bl_candidate *best; /* of its logits the best `count`, at least bl_sampling_enough(); */
    size_t count;
    const float *logits;  /* or, when best is NULL, all */
    const uint64_t *mask; /* with these: bits of the tokens that may be drawn; NULL: all may */
    int found;            /* bl_sequence_fetch() gave best, or logits */
    uint64_t left;        /* bl_token_limit; 0: no bound */
    int32_t end;          /* the model's end-of-text token */
    int drops_space;      /* of a text's beginning, which is the tokenizer's */
} bl_drawing;

/* Draws the next token; by BL_NO_TOKEN none can be drawn from the best alone, and it must be called
 * again with what bl_sequence_fetch() gives, or with all logits.  BL_EUNSUPPORTED when the grammar
 * cannot go on, BL_ENOMEM. */
bl_status bl_sequence_draw(bl_sequence *s, const bl_drawing *d, int32_t *id,
                           bl_error *err) BL_NODISCARD;

/* The only token that bl_sequence_draw() can draw, whatever the logits are; BL_NO_TOKEN: it needs them.
 * Then, once what is pending was read: that token is drawn. */
bl_status bl_sequence_only(bl_sequence *s, const bl_drawing *d, int32_t *id,
                           bl_error *err) BL_NODISCARD;
bl_status bl_sequence_take(bl_sequence *s, const bl_drawing *d, int32_t id,
                           bl_error *err) BL_NODISCARD;

/* After a draw that found none of the best: what to draw from then, which is the logits of the tokens
 * that its mask allows in their places in r->host, or the best d->count of these, which is what
 * bl_sampling_enough() asks for: biases and penalties leave among so many what is drawn.  After the
 * token read last, whose best the reader had. */
bl_status bl_sequence_fetch(const bl_sequence *s, bl_reader *r, bl_drawing *d,
                            bl_error *err) BL_NODISCARD;

/* The same in two steps, before any logits: *id when only one token may be drawn; and what to draw
 * from, *there only where it takes a kept head or at most so many logits. */
bl_status bl_sequence_allow(bl_sequence *s, const bl_drawing *d, int32_t *id,
                            bl_error *err) BL_NODISCARD;
bl_status bl_sequence_fetch_some(const bl_sequence *s, bl_reader *r, bl_drawing *d, size_t most,
                                 int *there, bl_error *err) BL_NODISCARD;

/* BL_EINVAL, which says why there are no logits of a last token. */
bl_status bl_sequence_no_logits(const bl_sequence *s, bl_error *err) BL_NODISCARD;

/* bl_session_consolidate(): the first one writes a text to find the rest (MODEL 3.8). */
bl_status bl_sequence_consolidate(bl_sequence *s, bl_reader *r, float share,
                                  bl_error *err) BL_NODISCARD;

/* A base and a rest, if there are none yet. */
bl_status bl_sequence_rest(bl_sequence *s, bl_reader *r, bl_error *err) BL_NODISCARD;

/* A text being learned: what was read of it, and when its sequence is consolidated. */
typedef struct bl_lesson {
    float share;             /* of each consolidation; 0: none */
    uint64_t every;          /* tokens from one to the next; 0: only at the end */
    uint64_t since;          /* tokens after the last one */
    uint64_t tokens, scored; /* read; those whose loss is in nats */
    uint64_t consolidations;
    double nats; /* of those scored */
    /* Between two pieces, when the sequence may be saved: nothing is pending.  NULL: nothing. */
    bl_status (*between)(void *user, bl_error *err);
    void *user;
} bl_lesson;

/* Reads the pending token and all of `count` tokens but the last, which becomes pending, and scores
 * each by what was read before it, or those whose counts[count] is not 0, NULL: all; learned ends
 * the text after the last piece.  Pieces may be of any size. */
bl_status bl_sequence_learn(bl_sequence *s, bl_reader *r, bl_lesson *lesson, const int32_t *ids,
                            const unsigned char *counts, size_t count, bl_error *err) BL_NODISCARD;
bl_status bl_sequence_learned(bl_sequence *s, bl_reader *r, bl_lesson *lesson,
                              bl_error *err) BL_NODISCARD;

/* What is continued: ids, when there are any to point to, otherwise a text. */
typedef struct bl_prompt {
    const char *text;
    size_t bytes;
    const int32_t *ids;
    size_t count;
} bl_prompt;

/* bl_generate() and bl_generate_ids() on their parts; *result is zero at first, or NULL. */
bl_status bl_sequence_generate(bl_sequence *s, bl_reader *r, const bl_tokenizer *t,
                               const bl_prompt *prompt, const bl_generate_options *options,
                               bl_token_fn *fn, void *user, bl_generate_result *result,
                               bl_error *err) BL_NODISCARD;

/* ---- memory files (docs/FORMATS.md): a sequence on disk ---- */

/* What a memory file must name to belong to a model: the model's fingerprint, or that of the model
 * it was made from. */
typedef struct bl_memory_owner {
    const char *fingerprint;
    const char *parent; /* or NULL */
} bl_memory_owner;

bl_status bl_memory_save(const bl_sequence *s, const bl_net *net, const bl_memory_owner *owner,
                         const char *path, bl_error *err) BL_NODISCARD;

/* The same bytes into buffer[cap], as bl_session_save_buffer(). */
bl_status bl_memory_give(const bl_sequence *s, const bl_net *net, const bl_memory_owner *owner,
                         void *buffer, size_t cap, size_t *bytes, bl_error *err) BL_NODISCARD;

/* Everything is checked before anything changes: on failure the sequence is as it was. */
bl_status bl_memory_load(bl_sequence *s, const bl_net *net, const bl_memory_owner *owner,
                         const char *path, bl_error *err) BL_NODISCARD;

/* Is an open file a memory of a version that this program knows, of whatever model?  BL_EFORMAT,
 * BL_EUNSUPPORTED.  Then: how much it has read. */
bl_status bl_memory_known(const bl_st *st, const char *path, int *based,
                          bl_error *err) BL_NODISCARD;
bl_status bl_memory_position(const bl_st *st, const char *path, uint64_t *position,
                             bl_error *err) BL_NODISCARD;

/* bl_memory_diff(), which needs no model. */
bl_status bl_memory_compare(const char *a, const char *b, bl_memory_difference *d,
                            bl_error *err) BL_NODISCARD;

#endif
