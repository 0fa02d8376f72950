/* Conversations of a corpus: JSON objects with messages, and the text that a chat template makes of
 * them (corpus/answers.h).
 *
 * An object has the array `messages` of objects {"role", "content"}, or the two texts "prompt" and
 * "completion"; content is a text or an array of parts {"type": "text", "text"}.  Roles are system,
 * user, assistant, tool, and what else the template names.  Without an answer, an assistant's message
 * that is not empty, there is nothing to learn.  The template is also given what else a message has,
 * and of the object "tools", "documents" and the members of "chat_template_kwargs". */
#ifndef BL_CORPUS_CONVERSATION_H
#define BL_CORPUS_CONVERSATION_H

#include "corpus/answers.h"

/* Zero it before the first use. */
typedef struct bl_conversation {
    bl_buf text;
    bl_buf said;        /* a byte for each of the text */
    uint64_t rewritten; /* answers that do not count, of all read so far */
} bl_conversation;

void bl_conversation_release(bl_conversation *c);

typedef enum bl_conversation_found {
    BL_CONVERSATION_GOOD,
    BL_CONVERSATION_BAD, /* `why` */
    BL_CONVERSATION_NO_MEMORY
} bl_conversation_found;

enum { BL_CONVERSATION_WHY = 200 };

/* Reads one object and writes its text in this form.  `field` names the array of messages, or the
 * two texts with a comma between them; NULL: "messages", else "prompt" and "completion".  Halves of
 * surrogate pairs and keys that come twice are bad, and so is what the template refuses. */
bl_conversation_found bl_conversation_read(bl_conversation *c, const bl_talk_form *form,
                                           const char *json, size_t bytes, const char *field,
                                           char why[BL_CONVERSATION_WHY]);

#endif
