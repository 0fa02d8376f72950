/* Token files: train.bin and val.bin, raw little-endian ids, and the meta.json beside them.
 *
 * Ids are u16, or u32 when the vocabulary has more than 65,536 entries.  Every document is followed
 * by the token that ends one, which meta.json names. */
#ifndef BL_DATA_TOKENS_H
#define BL_DATA_TOKENS_H

#include "core/status.h"
#include "data/mask.h"
#include "format/options.h"
#include "text/roles.h"

/* Is a file taken for a token file, by its name? */
int bl_token_file_is_named(const char *path);

/* Bytes an id takes on disk for a vocabulary of this size: 2 or 4. */
size_t bl_token_file_width(uint64_t vocab_size);

/* A token file being written: it appears whole or not at all (bl_out). */
typedef struct bl_token_file_out bl_token_file_out;
bl_status bl_token_file_create(bl_token_file_out **t, const char *path, size_t width,
                               bl_error *err) BL_NODISCARD;
/* Errors are sticky. */
void bl_token_file_write(bl_token_file_out *t, const int32_t *ids, size_t count);
bl_status bl_token_file_check(const bl_token_file_out *t, bl_error *err) BL_NODISCARD;
/* Syncs, reads the file back and compares it with what was written; its XXH3-128 goes to hash. */
bl_status bl_token_file_verify(bl_token_file_out *t, char hash[33], bl_error *err) BL_NODISCARD;
bl_status bl_token_file_commit(bl_token_file_out *t,
                               bl_error *err) BL_NODISCARD; /* frees in any case */
void bl_token_file_abandon(bl_token_file_out *t);           /* frees; NULL is fine */

/* A token file, read at any position. */
typedef struct bl_token_file bl_token_file;

/* Opens a file of ids of `width` bytes and checks that each is below vocab_size.
 * BL_ENOENT, BL_EIO; BL_EFORMAT names the first bad position. */
bl_status bl_token_file_open(bl_token_file **t, const char *path, size_t width, uint64_t vocab_size,
                             bl_error *err) BL_NODISCARD;
void bl_token_file_close(bl_token_file *t);

size_t bl_token_file_count(const bl_token_file *t);
const char *bl_token_file_path(const bl_token_file *t);
const char *
bl_token_file_hash(const bl_token_file *t); /* XXH3-128 of the file when it was opened */

/* The mask of a file, owned from here on, or NULL: all tokens count. */
void bl_token_file_set_mask(bl_token_file *t, bl_mask *mask);
const bl_mask *bl_token_file_mask(const bl_token_file *t);

/* BL_EIO when another process has cut the file short: checked before every batch and every
 * evaluation, so that it is reported at once and not when the missing part is read. */
bl_status bl_token_file_still(const bl_token_file *t, bl_error *err) BL_NODISCARD;

/* For a file that memory cannot hold: its size in bytes; windows are read in no order; which ids
 * are read next (does nothing without the former). */
size_t bl_token_file_size(const bl_token_file *t);
void bl_token_file_scattered(bl_token_file *t);
int bl_token_file_is_scattered(const bl_token_file *t);
void bl_token_file_want(const bl_token_file *t, size_t first, size_t count);

/* ids[0..count) = the file's ids first .. first + count - 1, which must lie within the count.  A
 * file changed meanwhile is BL_EIO (it is shorter) or BL_EFORMAT (an id past the vocabulary): the
 * ids are below vocab_size whatever others do to the file. */
bl_status bl_token_file_get(const bl_token_file *t, size_t first, size_t count, int32_t *ids,
                            bl_error *err) BL_NODISCARD;

/* The same as targets: -1 in the place of those that do not count. */
bl_status bl_token_file_targets(const bl_token_file *t, size_t first, size_t count, int32_t *ids,
                                bl_error *err) BL_NODISCARD;

/* ---- the folder that bl_prepare() writes ---- */

enum { BL_DATA_TRAIN, BL_DATA_VAL, BL_DATA_SPLITS };

typedef struct bl_data_split {
    uint64_t documents, tokens;
    uint64_t bytes;            /* of the source documents, for bits per byte */
    uint64_t longest_document; /* in tokens, including the one that ends it */
    char hash[33];             /* XXH3-128 of the file, hexadecimal; "" when not known */
    uint64_t counted;          /* tokens whose loss counts, when there is a mask */
    char mask_hash[33];        /* of the mask file; "": there is none, and all count */
} bl_data_split;

/* What `prepare` makes is complete in this folder inside the data folder before any file of it
 * moves up to its own name: while this folder exists, the data is what it holds, and the files
 * missing from it have moved. */
#define BL_DATA_NEXT ".bitllama-next"

/* Where a file of a data folder (or of any other) is: "DIR/NAME", or in BL_DATA_NEXT.  Free with
 * bl_free(); NULL when memory is short. */
char *bl_data_path(const char *dir, const char *name);

/* Moves what is in BL_DATA_NEXT to its place: after prepare, and after a prepare that was killed in
 * the middle of it.  Does nothing when there is nothing.  Several processes may do it at the same
 * time.  BL_EIO: the data can still be read. */
bl_status bl_data_settle(const char *dir, bl_error *err) BL_NODISCARD;

typedef struct bl_data_meta {
    uint64_t vocab_size, seed;
    double val_split;
    bl_token_roles roles;
    char tokenizer_hash[33]; /* XXH3-128 of tokenizer.json, hexadecimal */
    uint64_t ends;           /* documents with their end in val.bin and the rest in train.bin */
    bl_opt_text source, split_rule;
    bl_data_split split[BL_DATA_SPLITS];
} bl_data_meta;

/* Does the folder have masks? */
int bl_data_meta_masked(const bl_data_meta *meta);

/* meta.json of the folder `dir`.  Reading is strict: a missing or misplaced field is BL_EFORMAT. */
bl_status bl_data_meta_load(bl_data_meta *meta, const char *dir, bl_error *err) BL_NODISCARD;
bl_status bl_data_meta_save(const bl_data_meta *meta, const char *dir, bl_error *err) BL_NODISCARD;

/* A data folder, checked: meta.json, both token files against it, and the tokenizer's hash.  When a
 * prepare replaces it meanwhile, it is the old or the new one. */
typedef struct bl_data {
    bl_data_meta meta;
    bl_token_file *split[BL_DATA_SPLITS]; /* the second may hold no tokens */
} bl_data;

bl_status bl_data_open(bl_data **d, const char *dir, bl_error *err) BL_NODISCARD;
void bl_data_close(bl_data *d);

/* One .bin file by its path.  With a meta.json beside it that names the file (train.bin, val.bin),
 * width, vocabulary and counts come from there and *split is filled; otherwise the width follows
 * from vocab_size (that of the model), and *split is zero except for the tokens. */
bl_status bl_token_file_open_path(bl_token_file **t, const char *path, uint64_t vocab_size,
                                  bl_data_split *split, bl_error *err) BL_NODISCARD;

#endif
