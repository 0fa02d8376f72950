/* The command /learn: a text is read into a conversation for its own sake. */
#include "chat.h"
#include "figures.h"
#include "lesson.h"
#include "progress.h"
#include "signals.h"

#include <signal.h>
#include <string.h>

static void tell_learned(const char *path, const bl_learn_result *r, int stopped)
{
    char often[64] = "";
    if (r->consolidations)
        (void)snprintf(often, sizeof often, ", %s consolidations",
                       bl_format_count(r->consolidations).text);
    bl_progress_print("%s%s: %s tokens, %.4f nats a token%s", stopped ? "stopped in " : "learned ",
                      path, bl_format_count(r->tokens).text, r->loss, often);
}

/* ---- what follows the command ---- */

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The value of a word NAME=VALUE, or that follows a word NAME; NULL: it is no such word. */
static char *value_in(char *word, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(word, name, n) != 0 || !(word[n] == '=' || is_blank(word[n])))
        return NULL;
    word += n + 1;
    return word + strspn(word, " \t");
}

/* Takes `name` and its value from the beginning of what follows the command: 1. */
static int take_first(char **words, const char *name, const char **value)
{
    char *found = value_in(*words, name);
    if (!found)
        return 0;
    *value = found;
    char *end = found + strcspn(found, " \t");
    *words = end + strspn(end, " \t");
    *end = 0;
    return 1;
}

/* The same from its end. */
static int take_last(char *words, const char *name, const char **value)
{
    char *word = words + strlen(words);
    for (int back = 0; back < 2; back++) { /* NAME=VALUE is one word, NAME VALUE are two */
        while (word > words && is_blank(word[-1]))
            word--;
        while (word > words && !is_blank(word[-1]))
            word--;
        char *found = word > words ? value_in(word, name) : NULL;
        if (!found || !*found || (word[strlen(name)] == '=') == back)
            continue;
        *value = found;
        while (word > words && is_blank(word[-1]))
            word--;
        *word = 0;
        return 1;
    }
    return 0;
}

/* The name of a file may have blanks, so flags are looked for before it and behind it. */
static bl_status read_words(char **words, bl_lesson_wish *wish, const char **documents,
                            bl_error *err)
{
    static const char *const names[] = {"--consolidate", "--every", "--documents"};
    enum { NAMES = sizeof names / sizeof *names };
    const char *values[NAMES] = {NULL};
    for (int taken = 1; taken;) {
        taken = 0;
        for (size_t i = 0; i < NAMES && !taken; i++)
            taken =
                take_first(words, names[i], &values[i]) || take_last(*words, names[i], &values[i]);
    }
    if (!**words)
        return bl_cli_fail(err, BL_EINVAL, "/learn needs a FILE");
    *documents = values[2];
    return bl_lesson_wish_read(wish, values[0], values[1], err);
}

/* ---- reading ---- */

static bl_status learn(bl_chat *chat, const char *path, const bl_options *reading,
                       const bl_lesson_wish *wish, bl_error *err)
{
    bl_learn_result result = {.size = sizeof result};
    bl_chat_keep_state(chat, BL_STEP_LEARNED, path, strlen(path));
    bl_chat_line_serve_signals(chat->lines);
    bl_status status =
        bl_session_learn_all(chat->now.session, &path, 1, reading, wish->share, wish->every, NULL,
                             0, bl_progress_passing, NULL, &result, err);
    bl_progress_end();
    int stopped = bl_signals_take(SIGINT);
    if (!result.tokens)
        bl_chat_states_drop(&chat->before);
    else if (status == BL_OK || status == BL_EINTERRUPTED)
        tell_learned(path, &result, status != BL_OK);
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

static bl_status learn_as(bl_chat *chat, const char *path, const char *documents,
                          const bl_lesson_wish *wish, bl_error *err)
{
    bl_options *reading = NULL;
    bl_status status = bl_options_open(&reading, BL_OPTIONS_PREPARE, err);
    if (status == BL_OK && documents)
        status = bl_options_set(reading, "documents", documents, err);
    if (status == BL_OK)
        status = learn(chat, path, reading, wish, err);
    bl_options_close(reading);
    return status;
}

bl_status bl_chat_do_learn(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_text copy;
    bl_lesson_wish wish;
    const char *documents = NULL;
    bl_status status = bl_text_copy(&copy, argument, err);
    if (status != BL_OK)
        return status;
    char *words = copy.data;
    status = read_words(&words, &wish, &documents, err);
    if (status == BL_OK && strcmp(words, "-") == 0)
        status =
            bl_cli_fail(err, BL_EINVAL, "standard input is the conversation; /learn reads files");
    if (status == BL_OK)
        status = learn_as(chat, words, documents, &wish, err);
    bl_text_release(&copy);
    return status;
}
