/* What a conversation was before each of its last turns. */
#ifndef BL_CLI_CHAT_STATES_H
#define BL_CLI_CHAT_STATES_H

#include "input.h"

/* A conversation at some time. */
typedef struct bl_chat_state {
    bl_session *session;
    int begun;     /* somebody has said something: a template's first turn is over */
    int seeded;    /* `seed` is the one in use */
    uint64_t seed; /* of the random numbers */
} bl_chat_state;

/* What came after a state that is kept. */
typedef enum bl_chat_step {
    BL_STEP_SAID,    /* this text, and the answer */
    BL_STEP_WENT_ON, /* the answer, on an empty line */
    BL_STEP_RESET,
    BL_STEP_LOADED, /* a file, which is the text */
    BL_STEP_LEARNED /* the same */
} bl_chat_step;

typedef struct bl_chat_kept {
    bl_chat_state state;
    bl_chat_step step;
    bl_text text;
} bl_chat_kept;

/* At most so many are kept, and so many bytes of states and texts, the newest whatever its size;
 * the oldest go first. */
enum { BL_CHAT_STATES = 32, BL_CHAT_STATES_BYTES = 64 << 20 };

typedef struct bl_chat_states {
    bl_chat_kept at[BL_CHAT_STATES]; /* the newest is the last */
    size_t count, bytes;
} bl_chat_states;

/* Keeps a copy of a state before a step.  The text is copied, too.  BL_ENOMEM, with none kept, when
 * there is no memory even after the older ones have gone. */
bl_status bl_chat_states_push(bl_chat_states *s, const bl_chat_state *now, bl_chat_step step,
                              const char *text, size_t bytes, bl_error *err);

/* The newest becomes the caller's: its session and its text; 0: there is none. */
int bl_chat_states_pop(bl_chat_states *s, bl_chat_kept *kept);

/* What came after the newest is another text, which it takes for its own. */
void bl_chat_states_retell(bl_chat_states *s, bl_text *text);

/* Forgets the newest, or all. */
void bl_chat_states_drop(bl_chat_states *s);
void bl_chat_states_clear(bl_chat_states *s);

#endif
