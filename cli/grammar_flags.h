/* The flags by which commands take a grammar. */
#ifndef BL_CLI_GRAMMAR_FLAGS_H
#define BL_CLI_GRAMMAR_FLAGS_H

#include "flags.h"

/* Lines of a command's table of flags. */
#define BL_FLAGS_GRAMMAR                                                                           \
    {.name = "grammar", .value = "TEXT", .help = "write only what this grammar in GBNF allows"},   \
        {.name = "grammar-file", .value = "FILE", .help = "the same, from a file"},                \
        {.name = "json-schema",                                                                    \
         .letter = 'j',                                                                            \
         .value = "TEXT",                                                                          \
         .help =                                                                                   \
             "write only JSON for which this schema holds; @FILE reads it from a file, and {} "    \
             "is any JSON"},                                                                       \
    {                                                                                              \
        .name = "json-schema-file", .value = "FILE", .help = "the same, from a file"               \
    }

/* The grammar of these flags for a model that has a tokenizer; NULL when none was given.  BL_EINVAL
 * for more than one. */
bl_status bl_cli_grammar_open(bl_grammar **grammar, const bl_args *args, const bl_model *model,
                              bl_error *err);

#endif
