/* Flags of a command: its own and the fields of the library's option tables. */
#ifndef BL_CLI_FLAGS_H
#define BL_CLI_FLAGS_H

#include "bitllama.h"

typedef struct bl_command bl_command;

/* A flag that is not a field of an option table. */
typedef struct bl_flag {
    const char *name;     /* without the dashes; NULL ends a table */
    char letter;          /* m of -m, or 0 */
    const char *value;    /* what follows it, "MODEL"; NULL: a switch */
    const char *fallback; /* the default, or NULL */
    int required;
    const char *help;
    const char *option; /* what the library calls it in messages, where that differs, or NULL */
    const char *hub;    /* its value may be the name of a model on the Hub, of which these parts are
                           fetched ("model", "tokenizer"); or NULL */
} bl_flag;

/* One flag as it was given. */
typedef struct bl_setting {
    const bl_flag *flag;        /* the command's own flag, or NULL */
    bl_options_kind kind;       /* otherwise the table */
    const bl_field_info *field; /* and its field */
    const char *value;
} bl_setting;

/* t of -t, or 0. */
char bl_flags_letter(const bl_setting *setting);

/* A parsed command line; the texts are argv's, or those of `found`. */
typedef struct bl_args {
    const bl_command *command;
    const bl_command *const *commands; /* all there are; the last is NULL */
    bl_setting *settings;
    size_t count;
    const char **operands;
    size_t operand_count;
    int help;       /* --help was among them */
    char *found[4]; /* folders that names of the Hub have been replaced by; malloc()'s */
    size_t found_count;
} bl_args;

/* Reads what follows the name of the command.  BL_EINVAL names the flag and the closest one. */
bl_status bl_flags_parse(bl_args *args, const bl_command *command, int argc, char *const *argv,
                         bl_error *err);
/* A message of the library in the words of the command parsed last: its options, which are in
 * backquotes (bl_error), as flags.  `vocab_size` becomes --vocab-size, `resume=auto`
 * --resume=auto. */
void bl_flags_name(const char *message, char *named, size_t cap);

void bl_flags_release(bl_args *args);

/* The value of one of the command's own flags, its default, or NULL. */
const char *bl_flags_text(const bl_args *args, const char *name);
/* All values of an own flag that may be given several times, in order, at most `cap` of them;
 * returns how many there are.  Then: whether a switch is on; whether a flag was given. */
size_t bl_flags_all(const bl_args *args, const char *name, const char **values, size_t cap);
int bl_flags_on(const bl_args *args, const char *name);
int bl_flags_given(const bl_args *args, const char *name);

/* The value of an own flag, or a text given for it, as a whole number in lowest..highest.
 * BL_EINVAL otherwise. */
bl_status bl_flags_read_whole(const char *name, const char *text, uint64_t lowest, uint64_t highest,
                              uint64_t *value, bl_error *err);
bl_status bl_flags_whole(const bl_args *args, const char *name, uint64_t lowest, uint64_t highest,
                         uint64_t *value, bl_error *err);

/* Whether any field of a table was given; sets all those given in an open set of that kind. */
int bl_flags_any(const bl_args *args, bl_options_kind kind);
bl_status bl_flags_apply(const bl_args *args, bl_options_kind kind, bl_options *options,
                         bl_error *err);

/* A new set of a kind with the flags given. */
bl_status bl_flags_options(const bl_args *args, bl_options_kind kind, bl_options **options,
                           bl_error *err);

/* Whether a field's flag needs no value: --resume, --no-resume, --resume=auto. */
int bl_flags_is_switch(const bl_field_info *field);

/* What a flag is called now, of which this is an older name or another program's. */
const char *bl_flags_name_now(const char *name);

/* How many letters must be inserted, deleted, replaced or swapped to turn a into b. */
size_t bl_flags_distance(const char *a, const char *b);

/* Whether a word at that distance from `word` is worth suggesting. */
int bl_flags_near(const char *word, size_t distance);

#endif
