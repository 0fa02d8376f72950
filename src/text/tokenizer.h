/* The open tokenizer: its tables, and how they are made. */
#ifndef BL_TEXT_TOKENIZER_H
#define BL_TEXT_TOKENIZER_H

#include "text/added.h"
#include "text/unicode/nfc.h"
#include "text/pairmap.h"
#include "text/pretokenize.h"
#include "text/strtab.h"

#include <stdatomic.h>

#define BL_NO_BYTE_ID UINT32_MAX

enum { BL_BYTES_BEHIND = 16 };

#define BL_TOKEN_END_OF_TEXT "<|endoftext|>"
#define BL_TOKEN_PADDING     "<|padding|>"

/* A merge: its place in the list is its rank. */
typedef struct bl_merge {
    uint32_t left, right, result;
} bl_merge;

/* Parts of tokenizer.json that are kept as they are, for saving. */
enum {
    BL_PART_TRUNCATION, /* these two before the added tokens */
    BL_PART_PADDING,
    BL_PART_NORMALIZER,
    BL_PART_PRE_TOKENIZER,
    BL_PART_POST_PROCESSOR,
    BL_PART_DECODER,
    BL_PART_DROPOUT, /* from here on: of the model */
    BL_PART_UNK_TOKEN,
    BL_PART_CONTINUING_SUBWORD_PREFIX,
    BL_PART_END_OF_WORD_SUFFIX,
    BL_PART_FUSE_UNK,
    BL_PART_BYTE_FALLBACK,
    BL_PART_IGNORE_MERGES,
    BL_TOKENIZER_PARTS
};
extern const char *const bl_part_names[BL_TOKENIZER_PARTS];

struct bl_tokenizer {
    atomic_size_t holders; /* besides the one who opened it */
    bl_strtab tokens;      /* how tokens are spelled in tokenizer.json, in the order of their ids */
    size_t vocab_count;    /* this many are the model's, those after them only added */
    uint32_t *id_of;       /* [tokens] their ids; NULL: their numbers in the table */
    bl_merge *merges;
    size_t merge_count;
    bl_added *added; /* rising ids */
    size_t added_count;
    int some_bytes;       /* the trainer may have left bytes without a token */
    int no_prefix_space;  /* add_prefix_space is false: no space before a segment */
    int composed;         /* the normalizer is NFC */
    int ignore_merges;    /* a word that is a token is that token, whatever the merges say */
    bl_split_rule *rules; /* of the pre-tokenizer, in turn; their patterns are allocated */
    size_t rule_count;
    int own_rules;                   /* those above; 0: what training writes */
    char *parts[BL_TOKENIZER_PARTS]; /* as the file has them; NULL: what training writes */
    uint32_t *template; /* the ids that the post-processor puts before a text and after it */
    size_t template_before, template_count;

    /* made by bl_tokenizer_bind() */
    size_t ids;              /* one past the greatest */
    uint32_t *number_of;     /* [ids] in the table; BL_TOKEN_NONE: no token has the id */
    size_t longest;          /* bytes of the longest token */
    bl_buf bytes;            /* the raw bytes of all tokens, and room for BL_BYTES_BEHIND more */
    size_t *bytes_start;     /* [ids + 1] */
    unsigned char *special;  /* [ids] */
    bl_pairmap ranks;        /* pair of ids -> place in merges */
    uint32_t byte_id[256];   /* the token of a single byte, or BL_NO_BYTE_ID */
    bl_added_index index[2]; /* added tokens: exact, normalized */
    bl_splitter *splitter;
    bl_nfc *nfc; /* NULL unless `composed` */
    uint64_t
        tag; /* random: tells a word cache whose ids it holds, since an address may be reused */
};

#define BL_TOKEN_NONE UINT32_MAX

/* How a token is spelled in tokenizer.json; NULL when no token has the id. */
const char *bl_tokenizer_spelling(const bl_tokenizer *t, size_t id, size_t *bytes);

/* An empty tokenizer, for its maker to fill. */
bl_status bl_tokenizer_new(bl_tokenizer **t, bl_error *err) BL_NODISCARD;

/* Makes the tables that encoding and decoding read from tokens, merges and added.  `what` (a path)
 * begins the message of BL_EUNSUPPORTED (a byte has no token) and BL_EFORMAT (a pair is merged
 * twice). */
bl_status bl_tokenizer_bind(bl_tokenizer *t, const char *what, bl_error *err) BL_NODISCARD;

/* The tokens, merges and added of a tokenizer.json. */
bl_status bl_tokenizer_read(bl_tokenizer *t, const char *path, bl_error *err) BL_NODISCARD;

#endif
