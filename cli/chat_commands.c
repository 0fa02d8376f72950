/* The /commands of a conversation. */
#include "chat.h"
#include "figures.h"
#include "progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const bl_term bl_chat_terms[] = {
#define X(name, argument, meaning) {"/" #name argument, meaning},
    BL_CHAT_COMMAND_LIST(X)
#undef X
        {0},
};

/* One command; `argument` is what follows its name, without spaces around it. */
typedef bl_status command_fn(bl_chat *chat, const char *argument, bl_error *err);

static bl_status do_reset(bl_chat *chat, const char *argument, bl_error *err)
{
    (void)argument;
    bl_status status = bl_session_reset(chat->session, err);
    if (status == BL_OK) {
        chat->seeded = 0;
        bl_progress_print("forgotten");
        status = bl_chat_keep(chat, err);
    }
    return status;
}

static bl_status do_save(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_status status = bl_chat_memory_is(chat->memory, argument)
                           ? bl_chat_memory_save(chat->memory, chat->session, 1, err)
                           : bl_session_save(chat->session, argument, err);
    if (status == BL_OK)
        bl_progress_print("saved to %s: %s tokens read", argument,
                          bl_format_count(bl_session_position(chat->session)).text);
    return status;
}

static bl_status do_load(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_status status = bl_session_load(chat->session, argument, err);
    /* The random numbers continue as the saved ones would have, not from the seed given before. */
    if (status == BL_OK)
        status = bl_options_set(chat->options, "seed", "-1", err);
    if (status == BL_OK) {
        chat->seeded = 0;
        bl_progress_print("going on from %s: %s tokens read", argument,
                          bl_format_count(bl_session_position(chat->session)).text);
        status = bl_chat_keep(chat, err);
    }
    return status;
}

static bl_status do_temp(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_status status = bl_options_set(chat->options, "temperature", argument, err);
    if (status == BL_EINVAL)
        return bl_cli_fail(err, status, "/temp takes a number from 0 to 100, not '%.60s'",
                           argument);
    return status;
}

static bl_status do_seed(bl_chat *chat, const char *argument, bl_error *err)
{
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(argument, &end, 10);
    if (*argument < '0' || *argument > '9' || *end || errno)
        return bl_cli_fail(err, BL_EINVAL, "/seed takes a whole number from 0, not '%.60s'",
                           argument);
    bl_status status = bl_options_set(chat->options, "seed", argument, err);
    if (status != BL_OK)
        return status;
    bl_session_seed(chat->session, seed);
    chat->seeded = 1;
    chat->seed = seed;
    return BL_OK;
}

static bl_status do_stats(bl_chat *chat, const char *argument, bl_error *err)
{
    char temperature[64], seed[32] = "chosen with the next reply";
    (void)argument;
    bl_status status =
        bl_options_get(chat->options, "temperature", temperature, sizeof temperature, NULL, err);
    if (status != BL_OK)
        return status;
    if (chat->seeded)
        (void)snprintf(seed, sizeof seed, "%" PRIu64, chat->seed);
    bl_progress_print("position     %s tokens read",
                      bl_format_count(bl_session_position(chat->session)).text);
    bl_progress_print("prompts      %s tokens, %s tok/s", bl_format_count(chat->prompt_tokens).text,
                      bl_format_rate((double)chat->prompt_tokens, chat->prompt_seconds).text);
    bl_progress_print("replies      %s tokens, %s tok/s", bl_format_count(chat->tokens).text,
                      bl_format_rate((double)chat->tokens, chat->seconds).text);
    bl_progress_print("memory       %s bytes, whatever the position",
                      bl_format_count(bl_session_bytes(chat->session)).text);
    bl_progress_print("seed         %s", seed);
    bl_progress_print("temperature  %s", temperature);
    return BL_OK;
}

static bl_status do_help(bl_chat *chat, const char *argument, bl_error *err)
{
    (void)chat;
    (void)argument;
    (void)err;
    for (const bl_term *t = bl_chat_terms; t->word; t++)
        bl_progress_print("%-12s %s", t->word, t->meaning);
    bl_progress_print("%-12s %s", "//...", "text that begins with one slash");
    bl_progress_print("%-12s %s", "\"\"\"", "begins and ends a message of several lines");
    bl_progress_print("Ctrl-C stops a reply, Ctrl-D leaves.");
    return BL_OK;
}

static bl_status do_quit(bl_chat *chat, const char *argument, bl_error *err)
{
    (void)argument;
    (void)err;
    chat->leaving = 1;
    return BL_OK;
}

static const struct {
    const char *name, *argument;
    command_fn *run;
} commands[] = {
#define X(name, argument, meaning) {#name, argument, do_##name},
    BL_CHAT_COMMAND_LIST(X)
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
        if (*commands[i].argument && !*argument)
            return bl_cli_fail(err, BL_EINVAL, "/%s needs a value: /%s%s", name, name,
                               commands[i].argument);
        if (!*commands[i].argument && *argument)
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
