/* Conversations that have one beginning and go on apart. */
#ifndef BL_CLI_CHAT_BRANCHES_H
#define BL_CLI_CHAT_BRANCHES_H

#include "chat_states.h"

enum { BL_CHAT_BRANCHES = 16, BL_CHAT_BRANCH_NAME = 32 /* bytes */ };

typedef struct bl_chat_branch {
    char name[BL_CHAT_BRANCH_NAME + 1];
    bl_chat_state now;
    bl_chat_states before;
} bl_chat_branch;

/* Those that nobody is on. */
typedef struct bl_chat_branches {
    bl_chat_branch at[BL_CHAT_BRANCHES - 1];
    size_t count;
} bl_chat_branches;

void bl_chat_branches_clear(bl_chat_branches *b);

#endif
