/* What a conversation was before each of its last turns. */
#include "chat_states.h"

#include <stdlib.h>
#include <string.h>

static size_t bytes_of(const bl_chat_kept *kept)
{
    return bl_session_bytes(kept->state.session) + kept->text.bytes;
}

static void release(bl_chat_kept *kept)
{
    bl_session_close(kept->state.session);
    bl_text_release(&kept->text);
    *kept = (bl_chat_kept){0};
}

static void drop_oldest(bl_chat_states *s)
{
    s->bytes -= bytes_of(&s->at[0]);
    release(&s->at[0]);
    s->count--;
    memmove(s->at, s->at + 1, s->count * sizeof *s->at);
}

static bl_status copy(bl_chat_kept *kept, const bl_chat_state *now, bl_chat_step step,
                      const char *text, size_t bytes, bl_error *err)
{
    *kept = (bl_chat_kept){.state = *now, .step = step};
    bl_status status = bl_session_fork(&kept->state.session, now->session, err);
    if (status != BL_OK)
        return status;
    kept->text = (bl_text){.data = malloc(bytes + 1), .bytes = bytes};
    if (!kept->text.data) {
        release(kept);
        return bl_cli_fail(err, BL_ENOMEM, "out of memory for what is said");
    }
    memcpy(kept->text.data, text, bytes);
    kept->text.data[bytes] = 0;
    return BL_OK;
}

bl_status bl_chat_states_push(bl_chat_states *s, const bl_chat_state *now, bl_chat_step step,
                              const char *text, size_t bytes, bl_error *err)
{
    bl_chat_kept kept;
    const size_t needed = bl_session_bytes(now->session) + bytes;
    /* First, so that the new one fills the room of the oldest before anything else does. */
    while (s->count == BL_CHAT_STATES || (s->count && s->bytes + needed > BL_CHAT_STATES_BYTES))
        drop_oldest(s);
    bl_status status = copy(&kept, now, step, text, bytes, err);
    while (status == BL_ENOMEM && s->count) {
        drop_oldest(s);
        status = copy(&kept, now, step, text, bytes, err);
    }
    if (status != BL_OK)
        return status;
    s->at[s->count++] = kept;
    s->bytes += bytes_of(&kept);
    return BL_OK;
}

int bl_chat_states_pop(bl_chat_states *s, bl_chat_kept *kept)
{
    if (!s->count)
        return 0;
    *kept = s->at[--s->count];
    s->bytes -= bytes_of(kept);
    return 1;
}

void bl_chat_states_retell(bl_chat_states *s, bl_text *text)
{
    bl_chat_kept *kept = &s->at[s->count - 1];
    s->bytes -= bytes_of(kept);
    bl_text_release(&kept->text);
    kept->text = *text;
    kept->step = text->bytes ? BL_STEP_SAID : BL_STEP_WENT_ON;
    s->bytes += bytes_of(kept);
    *text = (bl_text){0};
}

void bl_chat_states_drop(bl_chat_states *s)
{
    bl_chat_kept kept;
    if (bl_chat_states_pop(s, &kept))
        release(&kept);
}

void bl_chat_states_clear(bl_chat_states *s)
{
    while (s->count)
        bl_chat_states_drop(s);
}
