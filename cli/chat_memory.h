/* The file that a conversation is kept in: loaded at its start, written after every turn. */
#ifndef BL_CLI_CHAT_MEMORY_H
#define BL_CLI_CHAT_MEMORY_H

#include "bitllama.h"

typedef struct bl_chat_memory bl_chat_memory;

/* Loads the file into a session; writes it where there is none, so that a place that cannot be
 * written is told at once.  The file is locked against another chat, which gets BL_EBUSY; *loaded:
 * there was one.  The path is borrowed. */
bl_status bl_chat_memory_open(bl_chat_memory **m, bl_session *s, const char *path, int *loaded,
                              bl_error *err);

/* Writes it, whole or not at all, and waits for the disk.  BL_EBUSY, and nothing written, when
 * somebody else has written there since; with `replace` that is replaced. */
bl_status bl_chat_memory_save(bl_chat_memory *m, const bl_session *s, int replace, bl_error *err);

/* Whether it is kept under this path. */
int bl_chat_memory_is(const bl_chat_memory *m, const char *path);
void bl_chat_memory_close(bl_chat_memory *m);

#endif
