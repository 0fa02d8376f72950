/* eval --stream: the loss of one state through a whole text, next to that of fresh states. */
#ifndef BL_CLI_EVAL_STREAM_H
#define BL_CLI_EVAL_STREAM_H

#include "cli.h"

/* Lines of the table of flags. */
#define BL_FLAGS_STREAM                                                                            \
    {.name = "stream",                                                                             \
     .help = "does the memory last? one state through all documents, by position, beside fresh "   \
             "states in windows (of 1,024 unless --window is given)"},                             \
        {.name = "tokens",                                                                         \
         .value = "N",                                                                             \
         .fallback = "0",                                                                          \
         .help = "most tokens of a stream; 0: all"},                                               \
    {                                                                                              \
        .name = "svg", .value = "FILE", .help = "also draw the curves of a stream"                 \
    }

/* BL_EINVAL when flags do not go together. */
bl_status bl_cli_stream_check(const bl_args *args, bl_error *err);

bl_status bl_cli_stream(const bl_args *args, bl_model *model, const char *path, uint64_t window,
                        bl_error *err);

#endif
