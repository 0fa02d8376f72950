/* What prepare says about its work: where the text came from, how it was divided, what is
 * frequent. */
#ifndef BL_PREPARE_REPORT_H
#define BL_PREPARE_REPORT_H

#include "corpus/split.h"
#include "data/tokens.h"

/* The sources with commas between them, long lists cut at a name, in UTF-8. */
void bl_prepare_name_sources(bl_opt_text text, const char *const *sources, size_t count);

/* How documents were divided, in words; for TinyStories, its own way. */
void bl_prepare_name_split(bl_opt_text text, const bl_split *split);

/* Writes the most frequent ids, from the number of uses of each, to the result, and how many are
 * unused. */
void bl_prepare_find_top(bl_prepare_result *r, const uint64_t *uses, size_t vocab_size);

#endif
