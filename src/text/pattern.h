/* Patterns of tokenizer.json, written for Oniguruma, translated for PCRE2 over kinds of
 * characters. */
#ifndef BL_TEXT_PATTERN_H
#define BL_TEXT_PATTERN_H

#include "text/unicode/kinds.h"

enum { BL_PATTERN_BYTES = 2000, BL_CALLOUT_BEFORE = 1, BL_CALLOUT_BEHIND };

/* Appends the pattern as PCRE2 (without PCRE2_UTF) reads it over a text of kinds, a byte for each
 * character, and divides the kinds where it distinguishes characters.  Sets are written in the
 * kinds known so far: when all patterns have divided them, they are translated once more.  It knows
 * what such files use: characters, \r \n \t, general categories as \p{L} and \p{Lu}, \s \d \w, all
 * their negations, . ^ $, [...] of those, groups (?:...) (?i:...), lookahead, and the
 * quantifiers ? * + {n,m}.
 * With `callouts`, repeated sets are put between the callouts BL_CALLOUT_BEFORE and _BEHIND of
 * PCRE2.  BL_EUNSUPPORTED names anything else; `what` (a path) begins the message. */
bl_status bl_pattern_translate(const char *pattern, const char *what, bl_kinds *kinds, int callouts,
                               bl_buf *out, bl_error *err) BL_NODISCARD;

#endif
