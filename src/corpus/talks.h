/* Conversations of a text, some at a time: read on several threads, and given in their order. */
#ifndef BL_CORPUS_TALKS_H
#define BL_CORPUS_TALKS_H

#include "corpus/conversation.h"

/* What was counted when its object was found. */
typedef struct bl_talk_place {
    uint64_t line;
    uint64_t replaced, returns, marks; /* as of bl_cutter_counts */
} bl_talk_place;

/* One of them, or why it is none. */
typedef struct bl_talk {
    bl_talk_place place;
    bl_span json;
    size_t from;  /* where in the copies it begins */
    int is_there; /* json is not a copy */
    bl_conversation made;
    bl_conversation_found found;
    char why[BL_CONVERSATION_WHY];
} bl_talk;

/* Zero-initialise, set threads, and release. */
typedef struct bl_talks {
    size_t threads;
    bl_talk *talk;
    size_t count, cap, given;
    bl_buf copies; /* of the objects' JSON */
} bl_talks;

void bl_talks_release(bl_talks *t);

/* Begins with none, in the room of those before as far as it is not much. */
void bl_talks_begin(bl_talks *t);

/* Is an object of so many bytes one of these, or of the next? */
int bl_talks_has_room(const bl_talks *t, size_t bytes);

/* Adds an object; the first is not copied when it is a large one, and must live until it was read. */
bl_status bl_talks_add(bl_talks *t, bl_span json, const bl_talk_place *place,
                       bl_error *err) BL_NODISCARD;

/* Adds what is none. */
bl_status bl_talks_add_bad(bl_talks *t, const char *why, const bl_talk_place *place,
                           bl_error *err) BL_NODISCARD;

/* Reads all as bl_conversation_read(); idle may be NULL, and is asked by this thread now and then
 * whether to stop.  `name` is for messages.  BL_EINTERRUPTED. */
bl_status bl_talks_read(bl_talks *t, const bl_talk_form *form, const char *field,
                        int (*idle)(void *user), void *user, const char *name,
                        bl_error *err) BL_NODISCARD;

/* The next one, valid until others begin; NULL after the last. */
const bl_talk *bl_talks_next(bl_talks *t);

#endif
