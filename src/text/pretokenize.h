/* The pre-tokenizer: text into words, as the rules of a tokenizer cut it. */
#ifndef BL_TEXT_PRETOKENIZE_H
#define BL_TEXT_PRETOKENIZE_H

#include "core/buf.h"

/* What a rule does to the text. */
typedef enum bl_rule_kind {
    BL_RULE_PATTERN,     /* matches of `pattern` (text/pattern.h) are separated from the rest */
    BL_RULE_PUNCTUATION, /* so is every character that is punctuation */
    BL_RULE_SPACE,       /* a piece that does not begin with a space gets one */
    BL_RULE_BYTES        /* from here on every byte is a character, as text/bytechars.h spells it */
} bl_rule_kind;

/* What becomes of matches and of what lies between them. */
typedef enum bl_behavior {
    BL_ISOLATED, /* each is a piece */
    BL_REMOVED,  /* matches are dropped */
    BL_MERGED_WITH_PREVIOUS,
    BL_MERGED_WITH_NEXT,
    BL_CONTIGUOUS /* matches with nothing between them are one piece */
} bl_behavior;

/* All zero but `pattern`: the usual Split. */
typedef struct bl_split_rule {
    bl_rule_kind kind;
    bl_behavior behavior;
    int invert;          /* swaps matches and what lies between them */
    const char *pattern; /* of BL_RULE_PATTERN */
} bl_split_rule;

/* The rules in order: never changes, may be shared by threads. */
typedef struct bl_splitter bl_splitter;

/* GPT-2's pattern, which is built into ByteLevel. */
extern const char bl_pattern_gpt2[];

/* Cuts by the first rule, each piece by the next, and so on; the last pieces are the words.
 * Without rules a segment is one word.  BL_RULE_SPACE and BL_RULE_BYTES may occur once each.
 * Published patterns and those that are a single set are scanned by hand, unless `regex` is set,
 * with the same result.  BL_EUNSUPPORTED names unknown syntax in a pattern; `what` (a path) begins
 * the message and is kept, the rules are not. */
bl_status bl_splitter_open(bl_splitter **s, const bl_split_rule *rules, size_t count, int regex,
                           const char *what, bl_error *err) BL_NODISCARD;
void bl_splitter_close(bl_splitter *s);

/* What one thread needs to run it. */
typedef struct bl_split_work {
    void *match;           /* the match data of the regex library */
    void *context;         /* and its limits */
    bl_buf kinds;          /* of the segment's characters, */
    bl_buf prefixed;       /* of a piece with its added space, */
    bl_buf prefixed_kinds; /* its characters, */
    bl_buf byte_kinds;     /* and of the bytes of a piece */
} bl_split_work;

bl_status bl_split_work_init(bl_split_work *w, bl_error *err) BL_NODISCARD;
void bl_split_work_release(bl_split_work *w);

/* A word as raw bytes, and where it begins in the segment.  After BL_RULE_BYTES it may begin and
 * end inside a character. */
typedef struct bl_split_word {
    const char *text;
    size_t bytes, at;
    int prefixed; /* its first byte is a space that the segment does not have */
} bl_split_word;

/* Receives each word in order. */
typedef bl_status bl_word_fn(void *user, const bl_split_word *word, bl_error *err);

/* Cuts one segment (valid UTF-8).  The words cover it without a gap, except for what is removed.
 * An empty segment has no words.  The steps that PCRE2 takes, the characters that it is given and
 * those that its repeats pass over are each bounded by the length of the text, whatever the
 * pattern: one that needs more is BL_EUNSUPPORTED. */
bl_status bl_splitter_run(const bl_splitter *s, bl_split_work *w, const char *text, size_t bytes,
                          bl_word_fn *fn, void *user, bl_error *err) BL_NODISCARD;

#endif
