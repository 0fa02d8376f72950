/* Recall: what a model remembers of facts after it has read a number of tokens of other stories. */
#ifndef BL_INFER_RECALL_H
#define BL_INFER_RECALL_H

#include "model/reader.h"
#include "text/text.h"

/* bl_eval_recall() on its parts; polls the current watch, in tokens of bl_recall_tokens(). */
bl_status bl_recall(bl_reader *reader, const bl_tokenizer *t, uint64_t distance, uint64_t questions,
                    bl_recall_result *result, bl_error *err) BL_NODISCARD;

/* About how many tokens it reads. */
uint64_t bl_recall_tokens(uint64_t distance, uint64_t questions);

#endif
