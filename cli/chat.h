/* A conversation at a prompt: what a line does to it, text and /commands alike. */
#ifndef BL_CLI_CHAT_H
#define BL_CLI_CHAT_H

#include "chat_memory.h"
#include "input.h"

typedef struct bl_chat {
    bl_model *model;
    bl_session *session;
    bl_options *options;   /* BL_OPTIONS_GENERATE */
    bl_template *template; /* NULL: lines continue a text */
    const char *system;    /* its system prompt, or NULL */
    int32_t ends[64];      /* tokens that end an answer */
    size_t end_count;
    bl_grammar *grammar;    /* of each reply, or NULL */
    bl_chat_memory *memory; /* of --memory, or NULL */
    int unsaved;            /* it lacks something that was said */
    int typed;              /* a person types at a terminal */
    int leaving;            /* /quit was typed */
    int broken;             /* standard output is */
    int seeded;             /* `seed` is the one in use */
    uint64_t seed;
    /* Sums over all replies, for /stats. */
    uint64_t prompt_tokens, tokens;
    double prompt_seconds, seconds;
} bl_chat;

/* Keeps what the conversation is now, where it is kept in a file. */
bl_status bl_chat_keep(bl_chat *chat, bl_error *err);

/* Reads a text into the conversation and writes what follows. */
bl_status bl_chat_say(bl_chat *chat, const char *text, size_t bytes, bl_error *err);

/* X(name, argument, meaning): the commands that may follow a slash; their functions are in
 * chat_commands.c. */
#define BL_CHAT_COMMAND_LIST(X)                                                                    \
    X(reset, "", "forget everything that was read and written")                                    \
    X(save, " FILE", "write the memory of this conversation to a file")                            \
    X(load, " FILE", "go on from such a file, instead of this conversation")                       \
    X(temp, " X", "the temperature from now on; 0: always the likeliest token")                    \
    X(seed, " N", "begin the random numbers of this seed")                                         \
    X(stats, "", "position, speed, bytes of the memory, seed, temperature")                        \
    X(help, "", "this list")                                                                       \
    X(quit, "", "leave, as Ctrl-D does")

/* The same for help and man page. */
extern const bl_term bl_chat_terms[];

/* Executes a line that begins with one slash.  A failure leaves the conversation as it was:
 * BL_EINVAL for what is not a command, or the command's own status. */
bl_status bl_chat_command(bl_chat *chat, const char *line, bl_error *err);

#endif
