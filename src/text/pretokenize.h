/* The pre-tokenizer: text into words, as GPT-2's pattern cuts it. */
#ifndef BL_TEXT_PRETOKENIZE_H
#define BL_TEXT_PRETOKENIZE_H

#include "core/buf.h"

/* The compiled pattern: never changes, shared by threads. */
typedef struct bl_splitter bl_splitter;

bl_status bl_splitter_open(bl_splitter **s, bl_error *err) BL_NODISCARD;
void bl_splitter_close(bl_splitter *s);

/* What one thread needs to run it. */
typedef struct bl_split_work {
    void *match;     /* the match data of the regex library */
    bl_buf prefixed; /* the segment with its space in front */
} bl_split_work;

bl_status bl_split_work_init(bl_split_work *w, bl_error *err) BL_NODISCARD;
void bl_split_work_release(bl_split_work *w);

/* Told each word in order, as raw bytes. */
typedef bl_status bl_word_fn(void *user, const char *word, size_t bytes, bl_error *err);

/* Cuts one segment (valid UTF-8), on request with a space put in front unless it begins with one.
 * An empty segment has no words. */
bl_status bl_splitter_run(const bl_splitter *s, bl_split_work *w, const char *text, size_t bytes,
                          int prefix_space, bl_word_fn *fn, void *user, bl_error *err) BL_NODISCARD;

#endif
