/* Conversations of a corpus: JSON objects with messages, and the text that a chat template makes of
 * them.
 *
 * An object has the array `messages` of objects {"role", "content"}, or the two texts "prompt" and
 * "completion"; content is a text or an array of parts {"type": "text", "text"}.  Roles are system,
 * user, assistant and tool.  Without an answer, an assistant's message that is not empty, there is
 * nothing to learn. */
#ifndef BL_CORPUS_CONVERSATION_H
#define BL_CORPUS_CONVERSATION_H

#include "core/buf.h"

/* Of each byte of a conversation as text: it is a message's words, in which no special token is
 * looked for; the assistant says it.  None of these: the template's own. */
enum { BL_SAID_INPUT = 1, BL_SAID_ANSWER = 2 };

/* ChatML in the language of tokenizer_config.json. */
extern const char bl_chatml[];

/* Zero it before the first use. */
typedef struct bl_conversation {
    bl_buf text;
    bl_buf said; /* a byte for each of the text */
} bl_conversation;

void bl_conversation_release(bl_conversation *c);

typedef enum bl_conversation_found {
    BL_CONVERSATION_GOOD,
    BL_CONVERSATION_BAD, /* `why` */
    BL_CONVERSATION_NO_MEMORY
} bl_conversation_found;

enum { BL_CONVERSATION_WHY = 160 };

/* Reads one object and writes its text.  `field` names the array of messages, or the two texts with
 * a comma between them; NULL: "messages", else "prompt" and "completion".  Halves of
 * surrogate pairs and keys that come twice are bad. */
bl_conversation_found bl_conversation_read(bl_conversation *c, const char *json, size_t bytes,
                                           const char *field, char why[BL_CONVERSATION_WHY]);

#endif
