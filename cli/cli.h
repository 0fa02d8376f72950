/* The command line's contract: what a command is, and what all of them share. */
#ifndef BL_CLI_CLI_H
#define BL_CLI_CLI_H

#include "bitllama.h"
#include "flags.h"

#include <stdio.h>

#if defined(__GNUC__)
#define BL_CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define BL_CLI_PRINTF(text, first)
#endif

/* Fields of an option table that are flags of a command. */
typedef struct bl_flag_group {
    const char *title; /* NULL ends the list */
    bl_options_kind kind;
} bl_flag_group;

enum { BL_GROUPS_MAX = 3 };

/* A word and its meaning; NULL ends a list. */
typedef struct bl_term {
    const char *word, *meaning;
} bl_term;

struct bl_command {
    const char *name, *summary; /* one line each */
    const char *usage;          /* what follows "bitllama name" */
    const char *details;        /* paragraphs separated by empty lines: what flags cannot say */
    const char *example;
    const char *terms_title; /* a list of its own, such as what chat takes at its prompt */
    const bl_term *terms;    /* or NULL */
    const char *operand;     /* what the arguments without a flag are, or NULL */
    size_t least, most;      /* how many of them */
    const bl_flag *flags;
    bl_flag_group groups[BL_GROUPS_MAX];
    bl_status (*run)(const bl_args *args, bl_error *err);
};

/* X(name): all commands in the order of the help; bl_command_<name> is in cmd_<name>.c. */
#define BL_COMMAND_LIST(X)                                                                         \
    X(prepare)                                                                                     \
    X(train)                                                                                       \
    X(plan)                                                                                        \
    X(generate)                                                                                    \
    X(chat)                                                                                        \
    X(learn)                                                                                       \
    X(logits)                                                                                      \
    X(eval)                                                                                        \
    X(bench)                                                                                       \
    X(export)                                                                                      \
    X(pull)                                                                                        \
    X(push)                                                                                        \
    X(info)                                                                                        \
    X(memory)                                                                                      \
    X(tokenize)                                                                                    \
    X(detokenize)                                                                                  \
    X(template)                                                                                    \
    X(doctor)                                                                                      \
    X(completion)                                                                                  \
    X(version)                                                                                     \
    X(help)

#define X(name) extern const bl_command bl_command_##name;
BL_COMMAND_LIST(X)
#undef X

/* Finds one by its name; NULL: none has it. */
const bl_command *bl_command_find(const bl_command *const *commands, const char *name);

/* Describes a failure in *err and returns its code. */
bl_status bl_cli_fail(bl_error *err, bl_status code, const char *format, ...) BL_CLI_PRINTF(3, 4);

/* The program ends with this code when a question that it was asked is answered no, which is no
 * failure; bl_cli_answer_no() says that it is so, and bl_cli_answered_no() whether it was said. */
enum { BL_EXIT_NO = 1 };
void bl_cli_answer_no(void);
int bl_cli_answered_no(void);

/* The help of all commands, or of one, to stdout. */
void bl_help_overview(const bl_command *const *commands);
void bl_help_command(const bl_command *command);

/* The same as a man page in roff; all pages as files of a folder that exists. */
void bl_man_print(FILE *to, const bl_command *const *commands, const bl_command *command_or_null);
bl_status bl_man_write_all(const char *folder, const bl_command *const *commands, bl_error *err);

#endif
