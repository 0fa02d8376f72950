/* GBNF, the grammars of llama.cpp: text to a graph. */
#ifndef BL_CONSTRAIN_GBNF_H
#define BL_CONSTRAIN_GBNF_H

#include "constrain/pushdown.h"

enum { BL_GBNF_BYTES = 1 << 22, BL_GBNF_RULES = 1 << 16, BL_GBNF_NESTED = 200 };

/* `name ::= ...` rules, of which root is the text: strings, [classes], `.`, (groups), `|`, `*`,
 * `+`, `?`, {n}, {n,}, {n,m}, `#` comments.  A rule may go on in the next line after `|` and inside
 * a group.  The graph (all zero before) is checked; release it also after a failure.  BL_EFORMAT
 * names the line, BL_EUNSUPPORTED, BL_ENOMEM. */
bl_status bl_gbnf_read(bl_graph *g, const char *text, size_t bytes, bl_error *err) BL_NODISCARD;

#endif
