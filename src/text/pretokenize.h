/* The pre-tokenizer: text into words, as the patterns of a tokenizer cut it. */
#ifndef BL_TEXT_PRETOKENIZE_H
#define BL_TEXT_PRETOKENIZE_H

#include "core/buf.h"

/* The patterns, one behind the other: never changes, shared by threads. */
typedef struct bl_splitter bl_splitter;

/* GPT-2's pattern, which ByteLevel has built in. */
extern const char bl_pattern_gpt2[];

/* Cuts by the first pattern, each piece by the next, and so on: matches are words, and so is what
 * lies between them.  Without patterns a segment is one word.  Patterns are those of
 * text/pattern.h; published ones are scanned by hand, unless `regex` is set, with the same result.
 * BL_EUNSUPPORTED names what a pattern has that is not known; `what` (a path) begins the message
 * and is kept. */
bl_status bl_splitter_open(bl_splitter **s, const char *const *patterns, size_t count, int regex,
                           const char *what, bl_error *err) BL_NODISCARD;
void bl_splitter_close(bl_splitter *s);

/* What one thread needs to run it. */
typedef struct bl_split_work {
    void *match;     /* the match data of the regex library */
    void *context;   /* and its limits */
    bl_buf prefixed; /* the segment with its space in front */
    bl_buf kinds;    /* and the kinds of its characters */
} bl_split_work;

bl_status bl_split_work_init(bl_split_work *w, bl_error *err) BL_NODISCARD;
void bl_split_work_release(bl_split_work *w);

/* Told each word in order, as raw bytes. */
typedef bl_status bl_word_fn(void *user, const char *word, size_t bytes, bl_error *err);

/* Cuts one segment (valid UTF-8), on request with a space put in front.  The words cover it without
 * a gap.  An empty segment has no words.  The steps that PCRE2 takes and the characters that it is
 * shown are each bounded by the length of the text, whatever the pattern: one that needs more is
 * BL_EUNSUPPORTED.  A pattern made for it (a possessive repeat behind another repeat) can still
 * take their product. */
bl_status bl_splitter_run(const bl_splitter *s, bl_split_work *w, const char *text, size_t bytes,
                          int prefix_space, bl_word_fn *fn, void *user, bl_error *err) BL_NODISCARD;

#endif
