/* What a command reads: a whole text, and token ids written as text. */
#ifndef BL_CLI_INPUT_H
#define BL_CLI_INPUT_H

#include "cli.h"

typedef struct bl_text {
    char *data; /* followed by a 0 that is not counted */
    size_t bytes;
} bl_text;

/* A copy of a string; a whole file or pipe, "-" for standard input. */
bl_status bl_text_copy(bl_text *text, const char *from, bl_error *err);
bl_status bl_text_read(bl_text *text, const char *path, bl_error *err);

/* The same as prepare reads it: decompressed, in UTF-8, with LF line ends; `reading` may be
 * NULL. */
bl_status bl_text_read_as(bl_text *text, const char *path, const bl_options *reading,
                          bl_error *err);
void bl_text_release(bl_text *text);

/* Token ids. */
typedef struct bl_ids {
    int32_t *id;
    bl_offset *offset; /* of those encoded with BL_ENCODE_OFFSETS, else NULL */
    size_t count;
} bl_ids;

/* Numbers separated by spaces, newlines or commas, or JSON: [5, 17] or {"ids": [5, 17]}.
 * BL_EINVAL for anything else, BL_EFORMAT for a number that cannot be a token id; `name` begins the
 * message. */
bl_status bl_ids_parse(bl_ids *ids, const char *text, size_t bytes, const char *name,
                       bl_error *err);

/* Room for `first` ids of the caller's, then those of the text. */
bl_status bl_ids_encode(bl_ids *ids, size_t first, const bl_tokenizer *tokenizer,
                        const bl_text *text, unsigned flags, bl_error *err);
/* What the text of a user adds to a conversation (bl_template_turn). */
bl_status bl_ids_turn(bl_ids *ids, const bl_template *t, const bl_tokenizer *tokenizer,
                      const char *system, const bl_text *text, int first, bl_error *err);
void bl_ids_release(bl_ids *ids);

/* How texts are read, from these flags: a BL_OPTIONS_PREPARE set. */
#define BL_FLAG_ENCODING                                                                           \
    {                                                                                              \
        .name = "encoding", .value = "NAME",                                                       \
        .help =                                                                                    \
            "encoding of a text without a byte order mark: utf-8, utf-16le, windows-1252, ... "    \
            "(as of prepare)"                                                                      \
    }
#define BL_FLAG_FIELD                                                                              \
    {                                                                                              \
        .name = "field", .value = "NAME", .help = "field of JSON Lines that holds the text (text)" \
    }
#define BL_FLAG_REPLACE                                                                            \
    {                                                                                              \
        .name = "replace-invalid", .help = "U+FFFD in place of invalid bytes instead of stopping"  \
    }
#define BL_FLAG_GLOB                                                                               \
    {                                                                                              \
        .name = "glob", .value = "PATTERN",                                                        \
        .help = "files to take from folders; *.txt takes a.txt.gz too (all)"                       \
    }
#define BL_FLAG_DOCUMENTS                                                                          \
    {                                                                                              \
        .name = "documents", .value = "HOW",                                                       \
        .help = "where documents end: auto, blank-line, line, file or jsonl (as of prepare)"       \
    }
#define BL_FLAG_CHAT_TEMPLATE                                                                      \
    {                                                                                              \
        .name = "chat-template", .value = "FILE",                                                  \
        .help = "what conversations are written by, as of prepare: a .jinja file, "                \
                "tokenizer_config.json or a folder with one; default: that of the model's "        \
                "folder, else ChatML"                                                              \
    }
#define BL_FLAG_SKIP_BAD                                                                           \
    {                                                                                              \
        .name = "skip-bad",                                                                        \
        .help = "drop lines of JSON Lines that are no JSON or have no text instead of stopping"    \
    }
/* A template that would be left unused is refused. */
bl_status bl_cli_reading_check(const bl_args *args, bl_error *err);
bl_status bl_cli_reading(bl_options **reading, const bl_args *args, bl_error *err);

#endif
