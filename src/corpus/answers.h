/* A conversation as text: rendered by a chat template, and which of its bytes the assistant says.
 *
 * A template with generation blocks says so itself.  Of another, an answer is what the messages up
 * to it add to the prompt for it, both rendered: from the end of the prompt to the token that ends
 * an answer.  It only counts when the whole conversation has it unchanged behind the same prompt; a
 * template that writes earlier answers otherwise (without their thinking, say) would teach what
 * nobody is to say. */
#ifndef BL_CORPUS_ANSWERS_H
#define BL_CORPUS_ANSWERS_H

#include "core/buf.h"
#include "template/chat_template.h"
#include "text/added.h"

/* Of each byte of a conversation as text: it comes from a message, so that no special token is
 * looked for in it; the assistant says it; it is the last, and what ends the document ends its
 * answer. */
enum { BL_SAID_INPUT = BL_MARK_INPUT, BL_SAID_ANSWER = BL_MARK_ANSWER, BL_SAID_LAST = 4 };

/* How conversations are written. */
typedef struct bl_talk_form {
    const bl_template *template;
    const bl_added_index *specials; /* that may end an answer; NULL: none is known */
    int64_t now;                    /* what the template takes for the present */
    int64_t end;                    /* the special token that ends an answer, or -1 */
} bl_talk_form;

/* Finds which of the special tokens the template writes behind an answer, from now on.  A template
 * that does not render a short exchange has none.  Errors: BL_ENOMEM. */
bl_status bl_talk_form_find_end(bl_talk_form *f, bl_error *err) BL_NODISCARD;

/* Appends the conversation `input`, an object with "messages" that came from so many bytes, to
 * `text`, and to `said` a byte for each of it; *learned: answers that count, *rewritten: those that
 * do not.  BL_ENOMEM; any other failure is the template's, of this conversation alone. */
bl_status bl_answers_write(const bl_talk_form *f, json_t *input, size_t bytes, bl_buf *text,
                           bl_buf *said, size_t *learned, size_t *rewritten,
                           bl_error *err) BL_NODISCARD;

/* counts[count + 1]: which of its tokens count, by where in its bytes they come from, and whether the
 * one that ends the document does. */
void bl_answers_count(const unsigned char *said, size_t bytes, const bl_offset *from, size_t count,
                      unsigned char *counts);

#endif
