/* One state through a whole text, compared with fresh states: the loss of a stream by position. */
#ifndef BL_INFER_STREAM_LOSS_H
#define BL_INFER_STREAM_LOSS_H

#include "data/tokens.h"
#include "infer/positions.h"
#include "model/reader.h"

/* Every token but the first is predicted twice: by a state that has read all before it, and by
 * windows of T tokens with a fresh state each, T - T/2 apart, of which the second half counts (of
 * the first window, all).  Tokens come in pieces of any size; memory does not grow with the text.
 * Zero-initialise; release ends it. */
typedef struct bl_stream_loss {
    bl_reader *r; /* borrowed, like s and p, which gives T and how many windows are read at once */
    bl_state *s;
    bl_pass *p;
    uint64_t most;                  /* predicted tokens until it is full; 0: no limit */
    int32_t *ids;                   /* [cap] held; the first is token `base` of the stream */
    size_t held, cap;               /* cap: all windows of a pass, and one target */
    unsigned char *counts;          /* [cap] whether the loss of a held token counts */
    uint64_t base, scored, counted; /* of the tokens scored those that count */
    int32_t *host;                  /* [2,N]: inputs and targets */
    float *loss;                    /* [N] */
    bl_positions stream, fresh;
    double nats; /* of the stream */
} bl_stream_loss;

/* s must be started and p a pass for evaluation; their contents are lost. */
bl_status bl_stream_loss_open(bl_stream_loss *e, bl_reader *r, bl_state *s, bl_pass *p,
                              uint64_t most, bl_error *err) BL_NODISCARD;
void bl_stream_loss_release(bl_stream_loss *e);

/* The next tokens of the text; what is past `most` is not read.  counts[count]: whose loss counts;
 * NULL: all.  Polls the watch. */
bl_status bl_stream_loss_read(bl_stream_loss *e, const int32_t *ids, const unsigned char *counts,
                              size_t count, bl_error *err) BL_NODISCARD;

/* The count tokens from `at` of a file, at most BL_STREAM_PIECE: those count that its mask names. */
enum { BL_STREAM_PIECE = 512 };
bl_status bl_stream_loss_read_file(bl_stream_loss *e, const bl_token_file *tokens, size_t at,
                                   size_t count, bl_error *err) BL_NODISCARD;
int bl_stream_loss_is_full(const bl_stream_loss *e);

/* After the last one: what is still held. */
bl_status bl_stream_loss_end(bl_stream_loss *e, bl_error *err) BL_NODISCARD;

/* Calls fn for the octaves of positions that hold tokens, in order. */
void bl_stream_loss_tell(const bl_stream_loss *e, bl_stream_point_fn *fn, void *user);

#endif
