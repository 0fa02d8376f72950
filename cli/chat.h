/* A conversation at a prompt: what a line does to it, text and /commands alike. */
#ifndef BL_CLI_CHAT_H
#define BL_CLI_CHAT_H

#include "chat_branches.h"
#include "chat_line.h"
#include "chat_memory.h"
#include "chat_states.h"

typedef struct bl_chat {
    bl_model *model;
    bl_chat_state now;
    bl_chat_states before;                /* its last turns */
    char branch[BL_CHAT_BRANCH_NAME + 1]; /* the one that this is, */
    bl_chat_branches others;              /* beside these */
    bl_options *options;                  /* BL_OPTIONS_GENERATE */
    char wish[32];                        /* the seed that was asked for last, as their text, */
    int reseeded;                         /* since the last turn */
    bl_template *template;                /* NULL: lines continue a text */
    bl_text system;                       /* its system prompt; no data: none */
    int32_t ends[64];                     /* tokens that end an answer */
    size_t end_count;
    bl_grammar *grammar;    /* of each reply, or NULL */
    bl_chat_memory *memory; /* of --memory, or NULL */
    int unsaved;            /* it lacks something that was said */
    bl_chat_line *lines;
    int typed;   /* a person types at a terminal */
    int leaving; /* /quit was typed */
    int broken;  /* standard output is */
    /* Sums over all replies, for /stats. */
    uint64_t prompt_tokens, tokens;
    double prompt_seconds, seconds;
} bl_chat;

/* Keeps what the conversation is now, where it is kept in a file. */
bl_status bl_chat_keep(bl_chat *chat, bl_error *err);

/* Keeps what the conversation is, for /undo, before a step; where there is no memory for that, says
 * so. */
void bl_chat_keep_state(bl_chat *chat, bl_chat_step step, const char *text, size_t bytes);

/* Reads a text into the conversation and writes what follows. */
bl_status bl_chat_say(bl_chat *chat, const char *text, size_t bytes, bl_error *err);

/* The same in the place of the last turns down to states[from]; with other random numbers when
 * `anew`.  Where it fails the conversation is as it was. */
bl_status bl_chat_say_again(bl_chat *chat, size_t from, const char *text, size_t bytes, int anew,
                            bl_error *err);

/* Which tokens end an answer: those of the template, unless ignore_eos is set. */
bl_status bl_chat_find_ends(bl_chat *chat, bl_error *err);

/* Whether a session that was loaded has read anything but lessons. */
int bl_chat_has_begun(const bl_chat *chat);

/* The random numbers of a conversation that was gone back to: a seed that was asked for since. */
void bl_chat_seed_again(bl_chat *chat);

/* X(name, argument, meaning): the commands that may follow a slash, with a value, or with one in
 * brackets that may be left out. */
#define BL_CHAT_COMMAND_LIST(X)                                                                    \
    X(undo, "", "take back the last turn, what you said and the answer; again: the one before")    \
    X(retry, "", "write the last answer anew, with the next seed")                                 \
    X(edit, " [TEXT]", "take back what you said last, to say this or something else instead")      \
    X(branch, " NAME", "go on in a new branch, and keep the one that this was")                    \
    X(switch, " NAME", "go on in another branch")                                                  \
    X(branches, "", "list the branches: their names, tokens read, bytes")                          \
    X(drop, " NAME", "forget a branch")                                                            \
    X(learn, " FILE [--documents messages] [--consolidate S [--every N]]",                         \
      "read a text, a folder of texts, or conversations into the memory; with a share, to last")   \
    X(reset, "", "forget everything that was read and written")                                    \
    X(save, " FILE", "write the memory of this conversation to a file")                            \
    X(load, " FILE", "go on from such a file, instead of this conversation")                       \
    X(set, " [OPTION [VALUE]]", "an option of sampling, shown or set from now on; or all of them") \
    X(temp, " X", "the temperature from now on; 0: always the likeliest token")                    \
    X(seed, " N", "begin the random numbers of this seed")                                         \
    X(system, " [TEXT]", "the system prompt, or another from the next /reset on; \"\": none")      \
    X(stats, "", "position, speed, bytes of the memory, seed, temperature")                        \
    X(help, "", "this list")                                                                       \
    X(quit, "", "leave, as Ctrl-D does")

/* X(other name, command, its value) */
#define BL_CHAT_ALIAS_LIST(X)                                                                      \
    X(read, learn, " FILE")                                                                        \
    X(bye, quit, "")                                                                               \
    X(exit, quit, "")

/* The commands for help and man page; those of other names are behind them. */
extern const bl_term bl_chat_terms[];

/* One command; `argument` is what follows its name, without spaces around it. */
#define X(name, value, meaning)                                                                    \
    bl_status bl_chat_do_##name(bl_chat *chat, const char *argument, bl_error *err);
BL_CHAT_COMMAND_LIST(X)
#undef X

/* Executes a line that begins with one slash.  A failure leaves the conversation as it was:
 * BL_EINVAL for what is not a command, or the command's own status. */
bl_status bl_chat_command(bl_chat *chat, const char *line, bl_error *err);

#endif
