/* bitllama eval --recall: how many facts a model remembers after reading much else. */
#ifndef BL_CLI_EVAL_RECALL_H
#define BL_CLI_EVAL_RECALL_H

#include "flags.h"

/* Lines of the command's table of flags. */
#define BL_FLAGS_RECALL                                                                            \
    {.name = "recall",                                                                             \
     .value = "LIST",                                                                              \
     .help = "in the place of --data: facts recalled after so many tokens of other stories, say "  \
             "100,1000,10000"},                                                                    \
    {                                                                                              \
        .name = "questions", .value = "N", .fallback = "500",                                      \
        .help = "questions for each number of --recall"                                            \
    }

/* BL_EINVAL when neither a file nor --recall is given, or flags do not go together. */
bl_status bl_cli_recall_check(const bl_args *args, bl_error *err);

/* The table of --recall, or its JSON. */
bl_status bl_cli_eval_recall(const bl_args *args, bl_error *err);

#endif
