/* Documents that occurred before, exactly or nearly, found while a corpus is read.
 *
 * Exact copies are equal in XXH3-128.  Near copies have a Jaccard index of their sets of five-word
 * shingles of at least a threshold, estimated by MinHash (Broder, "On the resemblance and
 * containment of documents", 1997) from 120 hash functions, of which 8 bits are kept (b-bit
 * MinHash, Li and Koenig, 2010), among candidates that agree in one of 20 bands of 6.  Memory: 32
 * bytes a document for exact copies, about 280 more for near ones.
 *
 * A word is a run of letters, digits and bytes above 127, ASCII in lower case; characters of
 * scripts that put no spaces between words (Thai, Lao, and all from U+2E80 on) are a word each. */
#ifndef BL_CORPUS_DEDUP_H
#define BL_CORPUS_DEDUP_H

#include "core/status.h"

typedef struct bl_hash128 {
    uint64_t low, high;
} bl_hash128;

typedef enum bl_copy { BL_COPY_NONE, BL_COPY_EXACT, BL_COPY_NEAR } bl_copy;

enum { BL_MINHASHES = 120 };

typedef struct bl_dedup bl_dedup;

/* near 0: exact copies only; otherwise the threshold, above 0 and at most 1. */
bl_status bl_dedup_open(bl_dedup **d, double near, size_t threads, bl_error *err) BL_NODISCARD;
void bl_dedup_close(bl_dedup *d);

/* Whether each of `count` documents is a copy of one seen before, in this call too, that was not a
 * copy itself.  Polls the watch; after BL_EINTERRUPTED the table can only be closed.  hash[i] is
 * the XXH3-128 of documents[i]. */
bl_status bl_dedup_look(bl_dedup *d, const bl_span *documents, const bl_hash128 *hash, size_t count,
                        unsigned char *copy, bl_error *err) BL_NODISCARD;

/* For tests: the MinHash signature of a document. */
void bl_minhash(const bl_span *document, uint32_t signature[BL_MINHASHES]);

#endif
