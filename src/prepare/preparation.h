/* A preparation under way: what its parts share, and what they do for one another. */
#ifndef BL_PREPARE_PREPARATION_H
#define BL_PREPARE_PREPARATION_H

#include "core/buf.h"
#include "core/dir.h"
#include "corpus/conversation.h"
#include "corpus/dedup.h"
#include "corpus/source.h"
#include "corpus/split.h"
#include "prepare/chosen_template.h"
#include "prepare/prepare.h"
#include "text/added.h"

/* Some documents in a row that are worked on together. */
typedef struct bl_prepare_batch {
    bl_buf text;
    bl_buf said; /* of conversations, a byte for each of the text (corpus/conversation.h) */
    bl_span *doc;
    bl_hash128 *hash;
    unsigned char *copy; /* a bl_copy each */
    bl_span *piece;      /* documents, or the two parts of one, to be encoded */
    unsigned char *side; /* and where they go */
    size_t count, cap, hash_cap, copy_cap, piece_cap, side_cap;
    int talks;   /* all of them are conversations, or none */
    int special; /* bl_source_special() of all of them */
    int aside;   /* bl_source_aside() of all of them */
} bl_prepare_batch;

/* The text of conversations between special tokens. */
typedef struct bl_stretches {
    bl_span *text;
    size_t count, cap;
} bl_stretches;

typedef struct bl_preparation {
    const bl_prepare_job *job;
    bl_source *source;
    bl_buf stories, valid; /* paths of TinyStories' two files */
    int aside; /* the second, or `validation`, is the validation data, and nothing is drawn */
    bl_tokenizer *tokenizer;
    bl_chosen_template chosen; /* its markers: also the special tokens of one that is trained */
    bl_data_meta meta;
    bl_prepare_result result;
    bl_prepare_batch batch;
    bl_span ahead; /* read, but of the next batch */
    int ended;
    uint64_t digest;        /* of all documents of this pass */
    uint64_t read;          /* documents of this pass */
    unsigned char *dropped; /* a bit a document, of the first pass */
    size_t dropped_cap;
    bl_split split;  /* of the documents that are kept */
    uint64_t *uses;  /* [vocab_size] of each id */
    bl_outdir *next; /* where all files are written */
    bl_buf path;     /* of the file at hand */
    bl_token_file_out *out[BL_DATA_SPLITS];
    bl_mask_out *mask[BL_DATA_SPLITS]; /* of conversations, else NULL */
    bl_stretches stretches;
    const char **specials;      /* of the tokenizer that is trained, into markers */
    unsigned char *counts;      /* of the document at hand, a byte a token */
    const unsigned char **said; /* of each document of a batch of conversations */
    size_t counts_cap, said_cap;
    const char *stage;
    uint64_t noticed; /* bytes at the last call of progress */
} bl_preparation;

/* ---- reading.c ---- */

/* Tells how far the pass is; 1 when it is to stop.  The second is for a part that would report in
 * its own units. */
int bl_prepare_ask(void *preparation);
int bl_prepare_ask_progress(void *preparation, const char *stage, uint64_t done, uint64_t total,
                            const char *unit);

bl_status bl_prepare_begin_pass(bl_preparation *p, const char *stage, bl_error *err) BL_NODISCARD;

/* The next documents of the source, as p->batch; none at its end. */
bl_status bl_prepare_read(bl_preparation *p, bl_error *err) BL_NODISCARD;

/* Moves the originals to the front and returns their count. */
size_t bl_prepare_keep_originals(bl_prepare_batch *b);

/* Is a document of the batch drawn for validation? */
int bl_prepare_is_drawn(const bl_preparation *p, bl_hash128 hash);

/* ---- sources.c ---- */

/* What meta.json says of the sources, and how they are to be divided; then opens them. */
void bl_prepare_describe(bl_preparation *p);
/* The option `validation`, or NULL. */
const char *bl_prepare_validation(const bl_preparation *p);
bl_status bl_prepare_open_source(bl_preparation *p, bl_error *err) BL_NODISCARD;

/* ---- stretches.c ---- */

/* Are the sources conversations? */
int bl_prepare_talks(const bl_preparation *p);

/* The text of the first `kept` documents of a batch of conversations as p->stretches. */
bl_status bl_prepare_stretch(bl_preparation *p, size_t kept, bl_error *err) BL_NODISCARD;

/* Who said the bytes of a document of the batch. */
const unsigned char *bl_prepare_said(const bl_prepare_batch *b, const bl_span *document);

/* ---- special_tokens.c ---- */

/* Once the tokenizer, if one is given, and its roles are known: p->chosen.  Errors of
 * bl_chosen_template_open(). */
bl_status bl_prepare_open_template(bl_preparation *p, bl_error *err) BL_NODISCARD;

/* ---- learn_pass.c, encode_pass.c ---- */

bl_status bl_prepare_learn(bl_preparation *p, bl_error *err) BL_NODISCARD;
bl_status bl_prepare_encode(bl_preparation *p, bl_error *err) BL_NODISCARD;

/* ---- publish.c ---- */

/* The folder made ready: what was whole is in its place, what was not is gone. */
bl_status bl_prepare_open_place(bl_preparation *p, bl_error *err) BL_NODISCARD;
bl_status bl_prepare_open_tokens(bl_preparation *p, bl_error *err) BL_NODISCARD;

/* Completes the hidden folder and makes it the data. */
bl_status bl_prepare_publish(bl_preparation *p, bl_error *err) BL_NODISCARD;

#endif
