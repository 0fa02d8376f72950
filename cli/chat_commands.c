/* The /commands of a conversation. */
#include "chat.h"
#include "figures.h"
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const bl_term bl_chat_terms[] = {
#define X(name, argument, meaning) {"/" #name argument, meaning},
    BL_CHAT_COMMAND_LIST(X)
#undef X
#define X(other, name, argument) {"/" #other argument, "the same as /" #name},
        BL_CHAT_ALIAS_LIST(X)
#undef X
            {0},
};

typedef bl_status command_fn(bl_chat *chat, const char *argument, bl_error *err);

bl_status bl_chat_do_reset(bl_chat *chat, const char *argument, bl_error *err)
{
    (void)argument;
    bl_chat_keep_state(chat, BL_STEP_RESET, "", 0);
    bl_status status = bl_session_reset(chat->now.session, err);
    if (status == BL_OK)
        status = bl_options_set(chat->options, "seed", chat->wish, err);
    if (status != BL_OK)
        return status;
    chat->now.begun = chat->now.seeded = chat->reseeded = 0;
    bl_progress_print("forgotten");
    return bl_chat_keep(chat, err);
}

bl_status bl_chat_do_save(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_status status = bl_chat_memory_is(chat->memory, argument)
                           ? bl_chat_memory_save(chat->memory, chat->now.session, 1, err)
                           : bl_session_save(chat->now.session, argument, err);
    if (status == BL_OK)
        bl_progress_print("saved to %s: %s tokens read", argument,
                          bl_format_count(bl_session_position(chat->now.session)).text);
    return status;
}

bl_status bl_chat_do_load(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_chat_keep_state(chat, BL_STEP_LOADED, argument, strlen(argument));
    bl_status status = bl_session_load(chat->now.session, argument, err);
    if (status != BL_OK) {
        bl_chat_states_drop(&chat->before);
        return status;
    }
    /* The random numbers continue as the saved ones would have, not from the seed given before. */
    (void)snprintf(chat->wish, sizeof chat->wish, "-1");
    status = bl_options_set(chat->options, "seed", chat->wish, err);
    if (status != BL_OK)
        return status;
    chat->now.begun = bl_chat_has_begun(chat);
    chat->now.seeded = chat->reseeded = 0;
    bl_progress_print("going on from %s: %s tokens read", argument,
                      bl_format_count(bl_session_position(chat->now.session)).text);
    return bl_chat_keep(chat, err);
}

bl_status bl_chat_do_stats(bl_chat *chat, const char *argument, bl_error *err)
{
    char temperature[64], seed[32] = "chosen with the next reply";
    (void)argument;
    bl_status status =
        bl_options_get(chat->options, "temperature", temperature, sizeof temperature, NULL, err);
    if (status != BL_OK)
        return status;
    if (chat->now.seeded)
        (void)snprintf(seed, sizeof seed, "%" PRIu64, chat->now.seed);
    bl_progress_print("position     %s tokens read",
                      bl_format_count(bl_session_position(chat->now.session)).text);
    bl_progress_print("prompts      %s tokens, %s tok/s", bl_format_count(chat->prompt_tokens).text,
                      bl_format_rate((double)chat->prompt_tokens, chat->prompt_seconds).text);
    bl_progress_print("replies      %s tokens, %s tok/s", bl_format_count(chat->tokens).text,
                      bl_format_rate((double)chat->tokens, chat->seconds).text);
    bl_progress_print("memory       %s bytes, whatever the position",
                      bl_format_count(bl_session_bytes(chat->now.session)).text);
    bl_progress_print("seed         %s", seed);
    bl_progress_print("temperature  %s", temperature);
    return BL_OK;
}

bl_status bl_chat_do_help(bl_chat *chat, const char *argument, bl_error *err)
{
    (void)chat;
    (void)argument;
    (void)err;
    for (const bl_term *t = bl_chat_terms; t->word; t++)
        bl_progress_print("%-20s %s", t->word, t->meaning);
    bl_progress_print("%-20s %s", "//...", "text that begins with one slash");
    bl_progress_print("%-20s %s", "\"\"\"", "begins and ends a message of several lines");
    bl_progress_print("Ctrl-C stops a reply, Ctrl-D leaves.");
    return BL_OK;
}

bl_status bl_chat_do_quit(bl_chat *chat, const char *argument, bl_error *err)
{
    (void)argument;
    (void)err;
    chat->leaving = 1;
    return BL_OK;
}

typedef struct chat_command {
    const char *name, *argument;
    command_fn *run;
} chat_command;

static const chat_command commands[] = {
#define X(name, argument, meaning) {#name, argument, bl_chat_do_##name},
    BL_CHAT_COMMAND_LIST(X)
#undef X
#define X(other, name, argument) {#other, argument, bl_chat_do_##name},
        BL_CHAT_ALIAS_LIST(X)
#undef X
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static bl_status unknown(const char *name, bl_error *err)
{
    size_t nearest = 0, least = SIZE_MAX;
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t distance = bl_flags_distance(name, commands[i].name);
        if (distance < least) {
            least = distance;
            nearest = i;
        }
    }
    if (bl_flags_near(name, least))
        return bl_cli_fail(err, BL_EINVAL, "unknown command /%s; did you mean /%s?", name,
                           commands[nearest].name);
    return bl_cli_fail(err, BL_EINVAL,
                       "unknown command /%.60s; /help lists them, // begins text with a slash",
                       name);
}

/* A copy of the line, cut into name and argument. */
static bl_status run_words(bl_chat *chat, char *words, bl_error *err)
{
    char *name = words + 1, *argument = name + strcspn(name, " \t");
    size_t last = strlen(words);
    while (last && (words[last - 1] == ' ' || words[last - 1] == '\t'))
        words[--last] = 0;
    if (*argument)
        *argument++ = 0;
    argument += strspn(argument, " \t");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        const char *value = commands[i].argument;
        if (*value && value[1] != '[' && !*argument)
            return bl_cli_fail(err, BL_EINVAL, "/%s needs a value: /%s%s", name, name, value);
        if (!*value && *argument)
            return bl_cli_fail(err, BL_EINVAL, "/%s takes no value", name);
        return commands[i].run(chat, argument, err);
    }
    return unknown(name, err);
}

bl_status bl_chat_command(bl_chat *chat, const char *line, bl_error *err)
{
    bl_text words;
    bl_status status = bl_text_copy(&words, line, err);
    if (status != BL_OK)
        return status;
    status = run_words(chat, words.data, err);
    bl_text_release(&words);
    return status;
}
