/* What prepare says about its work: where the text came from, how it was divided, what is
 * frequent. */
#ifndef BL_PREPARE_SUMMARY_H
#define BL_PREPARE_SUMMARY_H

#include "prepare/preparation.h"

/* The sources with commas between them, long lists cut at a name, in UTF-8. */
void bl_prepare_name_sources(bl_opt_text text, const char *const *sources, size_t count);

/* How documents were divided, in words; for TinyStories, its own way.  `validation`: the source of
 * those set aside, or NULL. */
void bl_prepare_name_split(bl_opt_text text, const bl_split *split, const char *validation);

/* The figures of a finished preparation, and its most frequent tokens. */
void bl_prepare_summarize(const bl_preparation *p, bl_prepare_result *r);

#endif
