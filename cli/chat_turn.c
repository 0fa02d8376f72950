/* A turn of a conversation: a text is read, and the reply is written as it comes. */
#include "chat.h"
#include "figures.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <signal.h>

/* ---- a reply, as it comes ---- */

typedef struct reply {
    bl_status status; /* of writing */
    bl_error *err;
    int interrupted; /* Ctrl-C */
    char last;       /* character written */
    const bl_chat *chat;
    int ended; /* by a token that ends an answer */
} reply;

/* Does a token end an answer of the chat template? */
static int is_end(const bl_chat *chat, int32_t id)
{
    for (size_t i = 0; i < chat->end_count; i++)
        if (chat->ends[i] == id)
            return 1;
    return 0;
}

static int on_token(void *user, const bl_token_event *token)
{
    reply *r = user;
    bl_progress_end(); /* of reading what was said */
    r->ended = is_end(r->chat, token->id);
    if (token->bytes && !r->ended) {
        r->status = bl_output_text(token->text, token->bytes, r->err);
        r->last = token->text[token->bytes - 1];
    }
    if (bl_signals_take(SIGTSTP))
        bl_signals_stop_here();
    if (bl_signals_take(SIGCONT))
        bl_output_reply_lost();
    r->interrupted = bl_signals_take(SIGINT);
    return r->status != BL_OK || r->interrupted || r->ended || bl_signals_caught();
}

/* ---- a turn ---- */

static void add_up(bl_chat *chat, const bl_generate_result *r)
{
    chat->prompt_tokens += r->prompt_tokens;
    chat->prompt_seconds += r->prompt_seconds;
    chat->tokens += r->tokens;
    chat->seconds += r->seconds;
    chat->seeded = 1;
    chat->seed = r->seed;
}

/* How many ids of a turn the model has written itself: up to the token that ended its answer, which
 * some templates put behind a space. */
static size_t already_written(const bl_chat *chat, const bl_ids *ids, int32_t pending)
{
    for (size_t i = 0; i < ids->count && i < 4; i++)
        if (ids->id[i] == pending && (i == 0 || is_end(chat, pending)))
            return i + 1;
    return 0;
}

/* Reads a text into the conversation, as the chat template has it if there is one, and writes until
 * the reply ends.  With a template an empty line goes on with an answer that was cut short. */
static bl_status read_and_write(bl_chat *chat, const bl_text *text, reply *r,
                                bl_generate_result *result, bl_error *err)
{
    bl_session *s = chat->session;
    int32_t pending = bl_session_pending(s);
    int fresh = bl_session_position(s) == 0 && pending < 0;
    if (!chat->template || (!text->bytes && !fresh && !is_end(chat, pending)))
        return bl_generate(s, text->data, text->bytes, chat->options, on_token, r, result, err);
    if (!text->bytes)
        return BL_OK;
    bl_ids ids = {0};
    bl_status status = bl_ids_turn(&ids, chat->template, bl_model_tokenizer(chat->model),
                                   chat->system, text, fresh, err);
    if (status == BL_OK) {
        size_t skip = already_written(chat, &ids, pending);
        status = bl_generate_ids(s, ids.id + skip, ids.count - skip, chat->options, on_token, r,
                                 result, err);
    }
    bl_ids_release(&ids);
    return status == BL_EINTERRUPTED && r->ended ? BL_OK : status;
}

bl_status bl_chat_say(bl_chat *chat, const char *text, size_t bytes, bl_error *err)
{
    bl_error write_err = {BL_OK, ""};
    bl_generate_result result = {.size = sizeof result};
    reply r = {.err = &write_err, .last = '\n', .chat = chat};
    const bl_text said = {(char *)(uintptr_t)text, bytes};
    (void)bl_signals_take(SIGINT);
    uint64_t before = bl_session_position(chat->session);
    bl_status status = BL_OK;
    if (chat->grammar && (bytes || !bl_session_constrained(chat->session)))
        status = bl_session_constrain(chat->session, chat->grammar, err);
    if (status != BL_OK)
        return status;
    bl_output_reply(1);
    status = read_and_write(chat, &said, &r, &result, err);
    if (r.status == BL_OK && r.last != '\n')
        r.status = bl_output_write("\n", 1, &write_err);
    bl_output_reply(0);
    if (r.status != BL_OK) {
        chat->broken = 1;
        *err = write_err;
        return r.status;
    }
    if (status == BL_OK || status == BL_EINTERRUPTED)
        add_up(chat, &result);
    bl_progress_end();
    if (status == BL_EINTERRUPTED && !result.tokens && bl_signals_take(SIGINT)) {
        bl_progress_print("(stopped while it was read: %s tokens of it count as said)",
                          bl_format_count(bl_session_position(chat->session) - before).text);
        return BL_OK;
    }
    if (status == BL_EINTERRUPTED && r.interrupted) {
        if (chat->typed)
            bl_progress_print("(stopped; what was written counts as said)");
        return BL_OK;
    }
    if (result.ended && chat->typed && !chat->template)
        bl_progress_print("(here the text ends; what you say next begins another)");
    return status;
}
