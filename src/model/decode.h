/* Decoding: a sequence read in pieces of any size, with a state of constant size. */
#ifndef BL_MODEL_DECODE_H
#define BL_MODEL_DECODE_H

#include "model/pass.h"
#include "model/state.h"

enum { BL_DECODE_ROWS = 64 }; /* tokens computed at once while reading a prompt */

typedef struct bl_decode {
    bl_layer_state *layer; /* [L] */
    bl_step *step;
    int32_t *ids;                                   /* [BL_DECODE_ROWS] */
    bl_act *x, *xn, *u, *q, *k, *v, *z, *o, *h, *y; /* [BL_DECODE_ROWS,D] */
    bl_act *gate, *up;                              /* [BL_DECODE_ROWS,I] */
    bl_real *rstd, *lambda, *stats, *logits;        /* logits [BL_DECODE_ROWS,V] */
    bl_q8 *xq, *hq;
    void *block, *state_block;
    size_t bytes, state_bytes;
    size_t rows; /* of x, left by the last feed; 0: none, as after a start */
    uint64_t position;
    /* MODEL 3.8 */
    bl_ttt_params *base; /* [L] what the state forgets towards; NULL: the model's start */
    bl_ttt_params *rest; /* [L] where the state is on the model's own text; set with base */
    void *base_block;    /* device: the tensors that both own */
    size_t base_bytes;
    float share; /* of a consolidation that waits for the chunk to be full, or 0 */
} bl_decode;

bl_status bl_decode_open(bl_decode *s, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_decode_release(bl_decode *s, const bl_net *net);
bl_status bl_decode_start(bl_decode *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* The state and position of another sequence of this model, on a device of the same kind. */
bl_status bl_decode_copy(bl_decode *to, const bl_net *net, const bl_decode *from,
                         bl_error *err) BL_NODISCARD;

/* Reads T <= bl_decode_room() tokens (host ids, all below V); with want_logits leaves the logits of
 * the last one, or of every one, in s->logits. */
bl_status bl_decode_feed(bl_decode *s, const bl_net *net, const int32_t *ids, size_t T, int every,
                         int want_logits, bl_error *err) BL_NODISCARD;

/* Writes the logits of the last token read to s->logits, when s->rows is not 0: those that its feed
 * would have left. */
bl_status bl_decode_logits(bl_decode *s, const bl_net *net, bl_error *err) BL_NODISCARD;

/* loss[t] of the s->rows tokens read last against targets[t], both on the host; p, of at least as
 * many tokens, lends its memory. */
bl_status bl_decode_loss(bl_decode *s, const bl_net *net, bl_pass *p, const int32_t *targets,
                         float *loss, bl_error *err) BL_NODISCARD;

#endif
