/* The command /learn: a text is read into a conversation for its own sake. */
#include "chat.h"
#include "figures.h"
#include "progress.h"
#include "signals.h"

#include <signal.h>
#include <string.h>

static void tell_learned(const char *path, const bl_learn_result *r, int stopped)
{
    bl_progress_print("%s%s: %s tokens, %.4f nats a token", stopped ? "stopped in " : "learned ",
                      path, bl_format_count(r->tokens).text, r->loss);
}

bl_status bl_chat_do_learn(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_learn_result result = {.size = sizeof result};
    if (strcmp(argument, "-") == 0)
        return bl_cli_fail(err, BL_EINVAL,
                           "standard input is the conversation; /learn reads files");
    bl_chat_keep_state(chat, BL_STEP_LEARNED, argument, strlen(argument));
    bl_chat_line_serve_signals(chat->lines);
    bl_status status = bl_session_learn_all(chat->now.session, &argument, 1, NULL, 0, 0, NULL, 0,
                                            bl_progress_passing, NULL, &result, err);
    bl_progress_end();
    int stopped = bl_signals_take(SIGINT);
    if (!result.tokens)
        bl_chat_states_drop(&chat->before);
    else if (status == BL_OK || status == BL_EINTERRUPTED)
        tell_learned(argument, &result, status != BL_OK);
    if (status == BL_EINTERRUPTED && stopped)
        status = BL_OK;
    if (!result.tokens)
        return status;
    bl_error why = {BL_OK, ""};
    bl_status kept = bl_chat_keep(chat, &why);
    if (status == BL_OK && kept != BL_OK)
        *err = why;
    return status == BL_OK ? kept : status;
}
