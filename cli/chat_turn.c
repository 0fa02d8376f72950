/* A turn of a conversation: a text is read, and the reply is written as it comes. */
#include "chat.h"
#include "figures.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

bl_status bl_chat_find_ends(bl_chat *chat, bl_error *err)
{
    const size_t most = sizeof chat->ends / sizeof *chat->ends;
    char ignore_eos[8] = "";
    (void)bl_options_get(chat->options, "ignore_eos", ignore_eos, sizeof ignore_eos, NULL, NULL);
    chat->end_count = 0;
    if (!chat->template || strcmp(ignore_eos, "true") == 0)
        return BL_OK;
    bl_status status = bl_template_ends(chat->template, bl_model_tokenizer(chat->model), chat->ends,
                                        most, &chat->end_count, err);
    chat->end_count = chat->end_count > most ? most : chat->end_count;
    return status;
}

int bl_chat_has_begun(const bl_chat *chat)
{
    const bl_session *s = chat->now.session;
    uint64_t given = bl_session_position(s) + (bl_session_pending(s) >= 0);
    return given > bl_session_learned(s);
}

/* ---- a reply, as it comes ---- */

typedef struct reply {
    bl_status status; /* of writing */
    bl_error *err;
    int interrupted; /* Ctrl-C */
    int held;        /* a line break that is not written yet */
    int any;         /* something was written */
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

/* A line break is held back until more follows, because the one at the end of a reply is written
 * when the turn is kept. */
static bl_status write_text(reply *r, const char *text, size_t bytes)
{
    bl_status status = r->held ? bl_output_text("\n", 1, r->err) : BL_OK;
    r->any = 1;
    r->held = text[bytes - 1] == '\n';
    if (status == BL_OK && bytes - (size_t)r->held)
        status = bl_output_text(text, bytes - (size_t)r->held, r->err);
    return status;
}

static int on_token(void *user, const bl_token_event *token)
{
    reply *r = user;
    bl_progress_end(); /* of reading what was said */
    if (bl_signals_take(SIGCONT))
        bl_output_reply_lost();
    r->ended = is_end(r->chat, token->id);
    if (token->bytes && !r->ended)
        r->status = write_text(r, token->text, token->bytes);
    bl_signals_stop_if_noted();
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
    chat->now.seeded = 1;
    chat->now.seed = r->seed;
}

/* How many ids of a turn the model has written itself: up to the token that ended its answer, which
 * some templates put behind a space; or, in the first turn after a lesson, the token that ended that
 * and begins this. */
static size_t already_written(const bl_chat *chat, const bl_ids *ids, int32_t pending, int fresh)
{
    for (size_t i = 0; i < ids->count && i < (fresh ? 1 : 4); i++)
        if (ids->id[i] == pending && (i == 0 || is_end(chat, pending)))
            return i + 1;
    return 0;
}

/* Reads a text into the conversation, as the chat template has it if there is one, and writes until
 * the reply ends.  With a template an empty line goes on with an answer that was cut short. */
static bl_status read_and_write(bl_chat *chat, const bl_text *text, reply *r,
                                bl_generate_result *result, bl_error *err)
{
    bl_session *s = chat->now.session;
    int32_t pending = bl_session_pending(s);
    int fresh = !chat->now.begun;
    if (!chat->template || (!text->bytes && !fresh && !is_end(chat, pending)))
        return bl_generate(s, text->data, text->bytes, chat->options, on_token, r, result, err);
    if (!text->bytes)
        return BL_OK;
    bl_ids ids = {0};
    bl_status status = bl_ids_turn(&ids, chat->template, bl_model_tokenizer(chat->model),
                                   chat->system.data, text, fresh, err);
    if (status == BL_OK) {
        size_t skip = already_written(chat, &ids, pending, fresh);
        status = bl_generate_ids(s, ids.id + skip, ids.count - skip, chat->options, on_token, r,
                                 result, err);
    }
    bl_ids_release(&ids);
    return status == BL_EINTERRUPTED && r->ended ? BL_OK : status;
}

bl_status bl_chat_keep(bl_chat *chat, bl_error *err)
{
    if (!chat->memory)
        return BL_OK;
    chat->unsaved = 1;
    bl_error why = {BL_OK, ""};
    bl_status status = bl_chat_memory_save(chat->memory, chat->now.session, 0, &why);
    if (status == BL_OK)
        chat->unsaved = 0;
    else
        (void)bl_cli_fail(err, status, "the conversation is not kept: %.400s", why.message);
    return status;
}

/* What a person is told after a turn that did not end by itself; `stays`: the one before it is
 * still there. */
static void explain(const bl_chat *chat, const reply *r, const bl_generate_result *result,
                    bl_status status, uint64_t before, int stays)
{
    if (status == BL_EINTERRUPTED && stays && bl_signals_take(SIGINT))
        bl_progress_print("(stopped while it was read; the last turn stays as it was)");
    else if (status == BL_EINTERRUPTED && !result->tokens && bl_signals_take(SIGINT))
        bl_progress_print("(stopped while it was read: %s tokens of it count as said)",
                          bl_format_count(bl_session_position(chat->now.session) - before).text);
    else if (status == BL_EINTERRUPTED && r->interrupted && chat->typed)
        bl_progress_print("(stopped; what was written counts as said)");
    else if (status == BL_OK && result->ended && chat->typed && !chat->template)
        bl_progress_print("(here the text ends; what you say next begins another)");
}

/* Whether somebody was asked to stop before the answer began. */
static int is_unanswered(bl_status status, const bl_generate_result *result)
{
    return status != BL_OK && !result->tokens;
}

/* The end of a turn, kept before its last line break says so. */
static bl_status finish(bl_chat *chat, reply *r, int changed, bl_error *err)
{
    bl_error write_err = {BL_OK, ""};
    bl_status kept = changed ? bl_chat_keep(chat, err) : BL_OK;
    if (r->status == BL_OK && r->any && bl_output_write("\n", 1, &write_err) != BL_OK) {
        r->status = write_err.code;
        *r->err = write_err;
    }
    return kept;
}

/* A turn.  *changed: something was read; with `again` only when an answer was begun, too. */
static bl_status turn(bl_chat *chat, const bl_text *said, int again, int *changed, bl_error *err)
{
    bl_error write_err = {BL_OK, ""}, keep_err = {BL_OK, ""};
    bl_generate_result result = {.size = sizeof result};
    reply r = {.err = &write_err, .chat = chat};
    bl_status status = BL_OK;
    uint64_t before = bl_session_position(chat->now.session);
    int32_t pending = bl_session_pending(chat->now.session);
    bl_chat_line_serve_signals(chat->lines);
    *changed = 0;
    if (chat->grammar && (said->bytes || !bl_session_constrained(chat->now.session)))
        status = bl_session_constrain(chat->now.session, chat->grammar, err);
    if (status != BL_OK)
        return status;
    bl_output_reply(1);
    status = read_and_write(chat, said, &r, &result, err);
    *changed = (bl_session_position(chat->now.session) != before ||
                bl_session_pending(chat->now.session) != pending) &&
               !(again && is_unanswered(status, &result));
    chat->now.begun |= *changed;
    if (*changed && (status == BL_OK || status == BL_EINTERRUPTED))
        add_up(chat, &result);
    bl_status kept = finish(chat, &r, *changed, &keep_err);
    bl_output_reply(0);
    bl_progress_end();
    if (r.status != BL_OK) {
        chat->broken = 1;
        *err = write_err;
        return r.status;
    }
    int noted = r.interrupted || bl_signals_noted(SIGINT);
    explain(chat, &r, &result, status, before, again && !*changed);
    if (status == BL_EINTERRUPTED && noted)
        status = BL_OK;
    if (status == BL_OK && kept != BL_OK)
        *err = keep_err;
    return status == BL_OK ? kept : status;
}

void bl_chat_keep_state(bl_chat *chat, bl_chat_step step, const char *text, size_t bytes)
{
    bl_error why;
    if (bl_chat_states_push(&chat->before, &chat->now, step, text, bytes, &why) == BL_OK)
        return;
    bl_chat_states_clear(&chat->before);
    bl_progress_print("(this cannot be undone: %s)", why.message);
}

bl_status bl_chat_say(bl_chat *chat, const char *text, size_t bytes, bl_error *err)
{
    int changed;
    const bl_text said = {(char *)(uintptr_t)text, bytes};
    bl_chat_keep_state(chat, bytes ? BL_STEP_SAID : BL_STEP_WENT_ON, text, bytes);
    bl_status status = turn(chat, &said, 0, &changed, err);
    if (!changed)
        bl_chat_states_drop(&chat->before);
    else
        chat->reseeded = 0;
    return status;
}

void bl_chat_seed_again(bl_chat *chat)
{
    if (chat->reseeded)
        bl_session_seed(chat->now.session, strtoull(chat->wish, NULL, 10));
    else if (!chat->now.seeded)
        (void)bl_options_set(chat->options, "seed", chat->wish, NULL);
}

/* Other random numbers than those of the last answer, which `last` has the seed of. */
static void seed_anew(bl_chat *chat, const bl_chat_state *last)
{
    bl_chat_seed_again(chat);
    if (chat->reseeded || !last->seeded)
        return;
    (void)bl_options_set(chat->options, "seed", "-1", NULL); /* as the session has it */
    bl_session_seed(chat->now.session, last->seed + 1);
}

bl_status bl_chat_say_again(bl_chat *chat, size_t from, const char *text, size_t bytes, int anew,
                            bl_error *err)
{
    int changed;
    bl_chat_state last = chat->now;
    bl_text said = {.data = malloc(bytes + 1), .bytes = bytes};
    if (!said.data)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory for what is said");
    memcpy(said.data, text, bytes);
    said.data[bytes] = 0;
    bl_chat_kept *kept = &chat->before.at[from];
    chat->now = kept->state;
    bl_status status = bl_session_fork(&chat->now.session, kept->state.session, err);
    if (status != BL_OK) {
        chat->now = last;
        bl_text_release(&said);
        return status;
    }
    if (anew)
        seed_anew(chat, &last);
    else
        bl_chat_seed_again(chat);
    status = turn(chat, &said, 1, &changed, err);
    if (!changed) {
        bl_session_close(chat->now.session);
        chat->now = last;
        bl_text_release(&said);
        return status;
    }
    bl_session_close(last.session);
    while (chat->before.count > from + 1)
        bl_chat_states_drop(&chat->before);
    bl_chat_states_retell(&chat->before, &said);
    chat->reseeded = 0;
    return status;
}
