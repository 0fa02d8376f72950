/* How a line of chat may go on: commands, and what they take. */
#ifndef BL_CLI_CHAT_COMPLETE_H
#define BL_CLI_CHAT_COMPLETE_H

#include "candidates.h"

/* A line that begins with one slash: names of commands, and where bl_chat_terms says that a
 * command takes a FILE, names of files, ~/ being the home; an OPTION, names of options of
 * sampling. */
bl_complete_fn bl_chat_complete;

#endif
