/* The commands that go back: /undo, /retry, /edit. */
#include "chat.h"
#include "figures.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN = 60 }; /* bytes of what was said */

/* Quoted, and cut short at a character. */
typedef struct quotation {
    char text[SHOWN + 16];
} quotation;

static quotation quote(const bl_text *text)
{
    quotation out;
    size_t bytes = strcspn(text->data, "\n");
    int cut = bytes < text->bytes || bytes > SHOWN;
    bytes = bytes > SHOWN ? SHOWN : bytes;
    while (bytes && ((unsigned char)text->data[bytes] & 0xc0) == 0x80)
        bytes--;
    (void)snprintf(out.text, sizeof out.text, "\"%.*s%s\"", (int)bytes, text->data,
                   cut ? " ..." : "");
    return out;
}

static void tell_undone(const bl_chat *chat, const bl_chat_kept *kept)
{
    static const char *const what[] = {[BL_STEP_SAID] = "what you said, ",
                                       [BL_STEP_WENT_ON] = "what was written on an empty line",
                                       [BL_STEP_RESET] = "/reset",
                                       [BL_STEP_LOADED] = "/load of ",
                                       [BL_STEP_LEARNED] = "/learn of "};
    quotation said = {""};
    if (kept->text.bytes)
        said = quote(&kept->text);
    bl_progress_print("took back %s%s: %s tokens read", what[kept->step], said.text,
                      bl_format_count(bl_session_position(chat->now.session)).text);
}

/* Goes back by one step, which becomes the caller's. */
static int go_back(bl_chat *chat, bl_chat_kept *kept)
{
    if (!bl_chat_states_pop(&chat->before, kept))
        return 0;
    bl_session_close(chat->now.session);
    chat->now = kept->state;
    bl_chat_seed_again(chat);
    return 1;
}

static bl_status nothing(bl_error *err)
{
    return bl_cli_fail(err, BL_EINVAL,
                       "there is no turn to go back to; the last %d are kept, of this program and "
                       "branch",
                       BL_CHAT_STATES);
}

bl_status bl_chat_do_undo(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_chat_kept kept;
    (void)argument;
    if (!go_back(chat, &kept))
        return nothing(err);
    tell_undone(chat, &kept);
    bl_text_release(&kept.text);
    return bl_chat_keep(chat, err);
}

bl_status bl_chat_do_retry(bl_chat *chat, const char *argument, bl_error *err)
{
    char temperature[64] = "";
    (void)argument;
    if (!chat->before.count)
        return nothing(err);
    size_t last = chat->before.count - 1;
    const bl_chat_kept *kept = &chat->before.at[last];
    if (kept->step != BL_STEP_SAID && kept->step != BL_STEP_WENT_ON)
        return bl_cli_fail(err, BL_EINVAL, "the last thing was no answer; /undo takes it back");
    (void)bl_options_get(chat->options, "temperature", temperature, sizeof temperature, NULL, NULL);
    if (strcmp(temperature, "0") == 0)
        bl_progress_print("(at temperature 0 there is one answer only; /temp chooses another)");
    return bl_chat_say_again(chat, last, kept->text.data, kept->text.bytes, 1, err);
}

/* The last step in which somebody said something, or `count`. */
static size_t last_said(const bl_chat_states *s)
{
    for (size_t i = s->count; i-- > 0;)
        if (s->at[i].step == BL_STEP_SAID)
            return i;
        else if (s->at[i].step != BL_STEP_WENT_ON)
            break;
    return s->count;
}

bl_status bl_chat_do_edit(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_chat_kept kept = {0};
    size_t from = last_said(&chat->before);
    if (from == chat->before.count)
        return chat->before.count ? bl_cli_fail(err, BL_EINVAL,
                                                "the last thing was nothing said; /undo takes it "
                                                "back")
                                  : nothing(err);
    if (*argument)
        return bl_chat_say_again(chat, from, argument, strlen(argument), 0, err);
    if (!chat->typed)
        return bl_cli_fail(err, BL_EINVAL,
                           "/edit needs the text here: /edit TEXT (only a terminal can show the "
                           "old one)");
    while (chat->before.count > from) {
        bl_text_release(&kept.text);
        (void)go_back(chat, &kept);
    }
    tell_undone(chat, &kept);
    (void)bl_chat_line_begin_with(chat->lines, kept.text.data);
    bl_text_release(&kept.text);
    return bl_chat_keep(chat, err);
}
