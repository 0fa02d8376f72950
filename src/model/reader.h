/* Reading tokens: the work room of a device, in which pieces of one or many sequences pass through
 * all layers together.  What a sequence keeps is in its own state. */
#ifndef BL_MODEL_READER_H
#define BL_MODEL_READER_H

#include "model/decode_model.h"
#include "model/pass.h"
#include "model/some_head.h"

/* Tokens of a text that one sequence reads at once: with logits of each, at most, and on a device that
 * queues. */
enum { BL_READER_ROWS = 64, BL_READER_MOST = 256, BL_READER_QUEUED = 512 };

/* How many where so many threads read, which share them. */
size_t bl_reader_rows(const bl_dev *d, size_t threads);

typedef enum bl_logits { BL_LOGITS_NONE, BL_LOGITS_LAST, BL_LOGITS_EVERY } bl_logits;

/* The next T tokens of a sequence (host ids, all below V), T at most bl_base_room(), and after
 * which of them logits are wanted. */
typedef struct bl_piece {
    bl_state *state;
    const int32_t *ids;
    size_t T;
    bl_logits want;
} bl_piece;

typedef struct bl_reader {
    const bl_net *net;                              /* its device is that of the reader */
    size_t rows;                                    /* the most tokens of a pass */
    size_t outs;                                    /* the most rows of logits of a pass */
    size_t sequences;                               /* the most pieces of a pass */
    bl_dev_step *step;                              /* [sequences] */
    bl_dev_id *ids;                                 /* [rows] */
    bl_dev_candidate *best_at;                      /* [outs, BL_TOP_MOST + 1] */
    bl_act *x, *xn, *u, *q, *k, *v, *z, *o, *h, *y; /* [rows,D] */
    bl_act *gate, *up;                              /* [rows,I] */
    bl_real *rstd, *lambda, *stats, *logits;        /* logits [outs,V] */
    bl_q8 *xq, *hq;
    /* where the device decodes in one call; decode_rows 0: it does not */
    bl_decode_model decode;
    size_t decode_rows;     /* the most pieces of such a call */
    bl_dev_rows *decode_at; /* [sequences] */
    void *decode_layers;    /* bl_decode_layer [L] */
    void *block;            /* device: all of these */
    size_t bytes;
    size_t filled; /* rows of x, left by the last pass */
    size_t top; /* wanted of each row: the best so many logits, at most BL_TOP_MOST and V; or 0 */
    int logits_too;     /* with top: r->logits is wanted as well */
    bl_candidate *best; /* [outs, top + 1] these, as head_top leaves them */
    bl_step *host_step;
    int32_t *host_ids;
    bl_decode_row *host_rows; /* [sequences] */
    float *host;              /* [V] logits for who draws from them */
    size_t some;              /* tokens that are looked at alone, at most */
    int32_t *some_ids;        /* [some] of which tokens, */
    float *some_logits;       /* and what they are */
    bl_act *some_rows;        /* [BL_READER_ROWS,D] of E; none where `some` is 0 */
    bl_dev_id *some_at;       /* [BL_READER_ROWS] */
    bl_some_heads heads;
} bl_reader;

/* Room on the net's device for passes of up to so many tokens and pieces, with logits of the last
 * token of each piece or of BL_READER_ROWS tokens; `net` must outlive it. */
bl_status bl_reader_open(bl_reader *r, const bl_net *net, size_t rows, size_t sequences,
                         bl_error *err) BL_NODISCARD;
void bl_reader_release(bl_reader *r);

/* One pass over pieces of different sequences, each with the bits that it has alone.  The rows
 * wanted, in the order of the pieces: with r->top in r->best, without it or with r->logits_too in
 * r->logits. */
bl_status bl_reader_feed(bl_reader *r, const bl_piece *pieces, size_t count,
                         bl_error *err) BL_NODISCARD;

/* Writes what a sequence's feed would have left of the last token that it has read, when
 * s->has_last, as the first row. */
bl_status bl_reader_logits(bl_reader *r, const bl_state *s, bl_error *err) BL_NODISCARD;

/* Of the logits of that token those of the first n tokens of r->some_ids alone, with the same bits,
 * to their places in r->host: of at most r->some / 2, as more cost what all do. */
bl_status bl_reader_some(bl_reader *r, const bl_state *s, size_t n, bl_error *err) BL_NODISCARD;

/* The same of the best `top` of n tokens, which rise, to r->best as head_top leaves them of all;
 * *there: 0 where it does not pay, as these are few or were not asked for before. */
bl_status bl_reader_best_of(bl_reader *r, const bl_state *s, size_t n, size_t top, int *there,
                            bl_error *err) BL_NODISCARD;

/* A row of r->logits as floats on the host [V]. */
bl_status bl_reader_get(const bl_reader *r, size_t row, float *logits, bl_error *err) BL_NODISCARD;

/* loss[t] of the r->filled tokens of the last pass against targets[t], both on the host; p, of at
 * least as many tokens, lends its memory. */
bl_status bl_reader_loss(bl_reader *r, bl_pass *p, const int32_t *targets, float *loss,
                         bl_error *err) BL_NODISCARD;

#endif
