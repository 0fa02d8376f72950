/* Parsing a template: what expressions and statements share. */
#ifndef BL_TEMPLATE_PARSER_H
#define BL_TEMPLATE_PARSER_H

#include "template/lexer.h"

enum { BL_PARSE_DEPTH = 150 };

/* Failures are kept: the tokens are then at their end, and nodes are of no use. */
typedef struct bl_parser {
    bl_program *p;
    const bl_lexeme *at;
    const bl_lexeme *end; /* where `at` is put after a failure */
    bl_error *err;
    bl_status status;
    size_t depth;
    size_t loops;    /* for loops around, within a macro */
    bl_macro *macro; /* the innermost one */
    size_t names_count;
    bl_node none; /* what is returned after a failure */
} bl_parser;

void bl_parse_fail(bl_parser *x, bl_status status, const char *format, ...) BL_PRINTF(3, 4);
void bl_parse_unexpected(bl_parser *x, const char *wanted); /* instead of the token at hand */
void bl_parse_full(bl_parser *x);                           /* out of memory */
bl_node *bl_parse_node(bl_parser *x, bl_node_kind kind);    /* at the line of the token at hand */
void bl_parse_add(bl_parser *x, bl_node *list, size_t *cap, bl_node *item);
const char *bl_parse_intern(bl_parser *x, const char *name);
int bl_parse_enter(bl_parser *x); /* counts depth; bl_parse_leave() whatever it returns */
void bl_parse_leave(bl_parser *x);

int bl_parse_is(const bl_parser *x, int64_t op);            /* is it this operator? */
int bl_parse_is_word(const bl_parser *x, const char *word); /* is it this name? */
int bl_parse_skip(bl_parser *x, int64_t op);                /* and then goes on */
int bl_parse_skip_word(bl_parser *x, const char *word);
void bl_parse_expect(bl_parser *x, int64_t op);
const char *bl_parse_name(bl_parser *x, const char *what); /* a name, interned */

bl_node *bl_parse_expression(bl_parser *x);
/* "a, b" or "a"; `choice`: with "a if b else c"; `until`: a word that ends it, or NULL. */
bl_node *bl_parse_tuple(bl_parser *x, int choice, const char *until);
/* What can be assigned to: names and tuples of them; `spaces`: attributes too, of namespaces. */
bl_node *bl_parse_target(bl_parser *x, int spaces, const char *until);
bl_node *bl_parse_filters(bl_parser *x, bl_node *of, int first); /* "|a|b"; first: "a|b" */

/* The spelling of a name as the program has it, or NULL when the template does not use it. */
const char *bl_program_name(const bl_program *p, const char *name);

#endif
