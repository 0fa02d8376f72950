/* JSON schemas as grammars: every text of the grammar is JSON that the schema holds for. */
#ifndef BL_CONSTRAIN_SCHEMA_H
#define BL_CONSTRAIN_SCHEMA_H

#include "constrain/pushdown.h"
#include "core/buf.h"

enum { BL_SCHEMA_NESTED = 100, BL_SCHEMA_PATH = 240 };

/* The grammar of a schema (a JSON text), in GBNF.  BL_EFORMAT (not JSON, a keyword of the wrong
 * kind, no such $ref), BL_EUNSUPPORTED (a keyword or a combination), each naming the keyword and
 * its place in the schema; BL_ENOMEM. */
bl_status bl_schema_write(bl_buf *gbnf, const char *text, size_t bytes, bl_error *err) BL_NODISCARD;

/* The same as a checked graph (all zero before); release it also after a failure. */
bl_status bl_schema_read(bl_graph *g, const char *text, size_t bytes, bl_error *err) BL_NODISCARD;

#endif
