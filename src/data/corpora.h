/* The data folders of a run: opened together, with one tokenizer, each with its weight. */
#ifndef BL_DATA_CORPORA_H
#define BL_DATA_CORPORA_H

#include "data/mix.h"

typedef struct bl_corpora {
    size_t count;
    char *dir[BL_MIX_MOST];
    bl_data *data[BL_MIX_MOST];
    double weight[BL_MIX_MOST]; /* share of the windows; they sum to 1 */
    char hash[BL_MIX_MOST][33]; /* XXH3-128 of train.bin */
} bl_corpora;

/* Weights are either all positive, or all 0: then they are the folders' training tokens.
 * BL_EINVAL for other weights, for tokenizers that differ (both folders are named), and for two
 * folders with the same train.bin; else the errors of bl_data_open(). */
bl_status bl_corpora_open(bl_corpora **c, const bl_corpus *list, size_t count,
                          bl_error *err) BL_NODISCARD;
void bl_corpora_close(bl_corpora *c);

/* No data at all. */
bl_status bl_corpora_none(bl_corpora **c, bl_error *err) BL_NODISCARD;

/* Tokens of a split of all folders together; bytes of their training files. */
uint64_t bl_corpora_tokens(const bl_corpora *c, int split);
uint64_t bl_corpora_bytes(const bl_corpora *c);

/* Does any folder have a mask? */
int bl_corpora_masked(const bl_corpora *c);

#endif
