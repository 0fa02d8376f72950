/* A template cut into tokens, as Jinja's lexer does with trim_blocks and lstrip_blocks. */
#ifndef BL_TEMPLATE_LEXER_H
#define BL_TEMPLATE_LEXER_H

#include "template/tree.h"

typedef enum bl_lexeme_kind {
    BL_LEX_DATA,
    BL_LEX_OPEN,  /* of an output, {{ */
    BL_LEX_CLOSE, /* }} */
    BL_LEX_BLOCK_OPEN,
    BL_LEX_BLOCK_CLOSE,
    BL_LEX_NAME,
    BL_LEX_STRING,
    BL_LEX_INT,
    BL_LEX_FLOAT,
    BL_LEX_OPERATOR, /* `number`: its characters, the first one lowest: '*' | '*' << 8 */
    BL_LEX_END
} bl_lexeme_kind;

typedef struct bl_lexeme {
    bl_lexeme_kind kind;
    size_t line;
    const char *text; /* of data, names (with a 0) and strings */
    size_t bytes;
    int64_t number;
    double real;
} bl_lexeme;

#define BL_OPERATOR(a, b) ((int64_t)(a) | (int64_t)(b) << 8)

/* All tokens of a template, in the program's pool, up to a BL_LEX_END. */
bl_status bl_lex(bl_lexeme **tokens, bl_program *p, const char *text, size_t bytes,
                 bl_error *err) BL_NODISCARD;

/* A failure at a line of the template. */
bl_status bl_template_fail(const bl_program *p, bl_status status, size_t line, bl_error *err,
                           const char *format, ...) BL_PRINTF(5, 6);

/* Memory of the program; NULL: none, or more than it may have. */
void *bl_program_take(bl_program *p, size_t count, size_t size);
bl_status bl_program_full(const bl_program *p, size_t line, bl_error *err) BL_NODISCARD;

/* Python's white space; the length of such a character at text, or 0. */
size_t bl_space_at(const char *text, size_t bytes);
size_t bl_space_before(const char *text, size_t bytes); /* of the one that ends there */

#endif
