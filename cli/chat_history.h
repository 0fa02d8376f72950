/* Earlier lines, to be recalled, and the private file that keeps them. */
#ifndef BL_CLI_CHAT_HISTORY_H
#define BL_CLI_CHAT_HISTORY_H

#include <histedit.h>

typedef struct bl_chat_history bl_chat_history;

/* With the lines of XDG_STATE_HOME/bitllama/history (or ~/.local/state/...), if there are any.
 * NULL: no memory. */
bl_chat_history *bl_chat_history_open(void);
void bl_chat_history_attach(bl_chat_history *h, EditLine *editor);
size_t bl_chat_history_count(const bl_chat_history *h);
void bl_chat_history_add(bl_chat_history *h, const char *line);

/* Writes the file, readable by its owner alone; without a home it is not written. */
void bl_chat_history_close(bl_chat_history *h);

#endif
