/* Patterns of tokenizer.json, written for Oniguruma, said again for PCRE2. */
#ifndef BL_TEXT_PATTERN_H
#define BL_TEXT_PATTERN_H

#include "core/buf.h"

enum { BL_PATTERN_BYTES = 2000 };

/* Appends the pattern as PCRE2 (with PCRE2_UTF) reads it, its character classes spelled out as
 * ranges.  Known are what such files use: characters, \r \n \t, general categories as \p{L} and
 * \p{Lu}, \s \d \w, all their negations, . ^ $, [...] of those, groups (?:...) (?i:...), lookahead,
 * and the quantifiers ? * + {n,m}.
 * BL_EUNSUPPORTED names anything else; `what` (a path) begins the message. */
bl_status bl_pattern_translate(const char *pattern, const char *what, bl_buf *out,
                               bl_error *err) BL_NODISCARD;

#endif
