/* Evaluation: the mean loss of a model over a token file or a text. */
#ifndef BL_INFER_EVALUATE_H
#define BL_INFER_EVALUATE_H

#include "data/tokens.h"
#include "infer/positions.h"
#include "model/reader.h"

/* Windows of p->T tokens with a fresh state each, p->B at a time, the tail of the file dropped; the
 * first `most` tokens only (0: all).  Of a file with a mask the tokens that count, each once, in the
 * windows of a bl_walk.  p is a pass for evaluation.  *nats receives the sum, *count the number of
 * tokens, which may be 0 with a mask; curve (NULL: none) has a bin for each of the p->T positions. */
bl_status bl_evaluate_windows(const bl_net *net, bl_pass *p, const bl_token_file *tokens,
                              uint64_t most, bl_progress_fn *progress, void *user,
                              bl_positions *curve, double *nats, uint64_t *count,
                              bl_error *err) BL_NODISCARD;

/* Where a document starts: the state of a sequence of this model (NULL: a fresh one), which is not
 * changed, and the token before the document. */
typedef struct bl_document_start {
    const bl_state *state;
    int32_t token;
} bl_document_start;

/* One document: each of the ids, and the end-of-text token after them, is predicted.  s lends its
 * memory.  counts[count + 1]: whose loss counts; NULL: all.  curve (NULL: none) is open for any
 * position. */
bl_status bl_evaluate_document(bl_reader *r, bl_state *s, const bl_document_start *from,
                               const int32_t *ids, const unsigned char *counts, size_t count,
                               bl_positions *curve, double *nats, uint64_t *tokens,
                               bl_error *err) BL_NODISCARD;

/* The log of the sum of exp(logits), and -log softmax(logits)[target], in double. */
double bl_log_sum_of(const float *logits, size_t V);
double bl_loss_of(const float *logits, size_t V, int32_t target);

#endif
