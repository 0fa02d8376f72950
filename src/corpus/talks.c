/* Conversations of a text, some at a time: read on several threads, and given in their order. */
#include "corpus/talks.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "core/team.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST = 1 << 12,          /* conversations at a time, */
    BYTES_EACH = 1 << 18,    /* and so many bytes of JSON for each thread, */
    THREADS_WITH_BYTES = 16, /* but not for more */
    KEPT = 1 << 26           /* bytes of room for texts that others have after them */
};

static const double BETWEEN = 0.02; /* seconds between two questions whether to stop */

void bl_talks_release(bl_talks *t)
{
    for (size_t i = 0; i < t->cap; i++)
        bl_conversation_release(&t->talk[i].made);
    bl_free(t->talk);
    bl_buf_release(&t->copies);
    *t = (bl_talks){0};
}

static size_t room_of(const bl_conversation *c)
{
    return c->text.cap + c->said.cap;
}

void bl_talks_begin(bl_talks *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->cap; i++) {
        if (room_of(&t->talk[i].made) > KEPT - kept)
            bl_conversation_release(&t->talk[i].made);
        kept += room_of(&t->talk[i].made);
    }
    if (t->copies.cap > 2 * (size_t)THREADS_WITH_BYTES * BYTES_EACH)
        bl_buf_release(&t->copies);
    bl_buf_clear(&t->copies);
    t->count = t->given = 0;
}

/* One thread reads one after the other, as they come. */
static size_t most_bytes(const bl_talks *t)
{
    size_t threads = t->threads < THREADS_WITH_BYTES ? t->threads : THREADS_WITH_BYTES;
    return threads > 1 ? threads * BYTES_EACH : 0;
}

int bl_talks_has_room(const bl_talks *t, size_t bytes)
{
    size_t most = most_bytes(t);
    if (t->count == 0)
        return 1;
    return t->count < MOST && !t->talk[t->count - 1].is_there && t->copies.len <= most &&
           bytes <= most - t->copies.len;
}

static bl_status add(bl_talks *t, const bl_talk_place *place, bl_error *err)
{
    size_t before = t->cap;
    BL_TRY(bl_grow(&t->talk, &t->cap, t->count + 1, sizeof *t->talk, err));
    memset(t->talk + before, 0, (t->cap - before) * sizeof *t->talk);
    bl_talk *one = &t->talk[t->count++];
    one->place = *place;
    one->is_there = 0;
    one->json = (bl_span){0};
    one->made.rewritten = 0;
    one->found = BL_CONVERSATION_GOOD;
    *one->why = 0;
    return BL_OK;
}

bl_status bl_talks_add(bl_talks *t, bl_span json, const bl_talk_place *place, bl_error *err)
{
    BL_TRY(add(t, place, err));
    bl_talk *one = &t->talk[t->count - 1];
    one->json = json;
    one->is_there = t->count == 1 && json.bytes > most_bytes(t);
    if (one->is_there)
        return BL_OK;
    one->from = t->copies.len; /* they move while there come more */
    bl_buf_append(&t->copies, json.text, json.bytes);
    return bl_buf_status(&t->copies, err);
}

bl_status bl_talks_add_bad(bl_talks *t, const char *why, const bl_talk_place *place, bl_error *err)
{
    BL_TRY(add(t, place, err));
    bl_talk *one = &t->talk[t->count - 1];
    one->found = BL_CONVERSATION_BAD;
    (void)snprintf(one->why, sizeof one->why, "%s", why);
    return BL_OK;
}

/* All of them being read. */
typedef struct talk_reading {
    bl_talks *t;
    const bl_talk_form *form;
    const char *field;
    int (*idle)(void *user);
    void *user;
    double asked; /* when */
    atomic_int stop;
} talk_reading;

/* Only the thread that began may ask, and is member 0. */
static void ask(talk_reading *r)
{
    double now = bl_clock_seconds();
    if (!r->idle || now < r->asked + BETWEEN)
        return;
    r->asked = now;
    if (r->idle(r->user))
        atomic_store(&r->stop, 1);
}

static void read_some(void *user, size_t first, size_t last, size_t member)
{
    talk_reading *r = user;
    for (size_t i = first; i < last; i++) {
        bl_talk *one = &r->t->talk[i];
        if (member == 0)
            ask(r);
        if (one->found == BL_CONVERSATION_GOOD && !atomic_load(&r->stop))
            one->found = bl_conversation_read(
                &one->made, r->form, one->is_there ? one->json.text : r->t->copies.data + one->from,
                one->json.bytes, r->field, one->why);
    }
}

bl_status bl_talks_read(bl_talks *t, const bl_talk_form *form, const char *field,
                        int (*idle)(void *user), void *user, const char *name, bl_error *err)
{
    talk_reading r = {.t = t,
                      .form = form,
                      .field = field,
                      .idle = idle,
                      .user = user,
                      .asked = bl_clock_seconds()};
    bl_team_deal(t->threads, t->count, read_some, &r);
    return atomic_load(&r.stop)
               ? bl_fail(err, BL_EINTERRUPTED, "interrupted while reading %s", name)
               : BL_OK;
}

const bl_talk *bl_talks_next(bl_talks *t)
{
    return t->given < t->count ? &t->talk[t->given++] : NULL;
}
