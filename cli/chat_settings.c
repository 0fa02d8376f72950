/* The commands that set something: /set, /temp, /seed, /system. */
#include "chat.h"
#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 64, VALUE_BYTES = 1024 };

static bl_status set_seed(bl_chat *chat, const char *value, bl_error *err)
{
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno)
        return bl_cli_fail(err, BL_EINVAL, "/seed takes a whole number from 0, not '%.60s'", value);
    bl_status status = bl_options_set(chat->options, "seed", value, err);
    if (status != BL_OK)
        return status;
    (void)snprintf(chat->wish, sizeof chat->wish, "%llu", seed);
    bl_session_seed(chat->now.session, seed);
    chat->now.seeded = chat->reseeded = 1;
    chat->now.seed = seed;
    return BL_OK;
}

bl_status bl_chat_do_seed(bl_chat *chat, const char *argument, bl_error *err)
{
    return set_seed(chat, argument, err);
}

bl_status bl_chat_do_temp(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_status status = bl_options_set(chat->options, "temperature", argument, err);
    if (status == BL_EINVAL)
        return bl_cli_fail(err, status, "/temp takes a number from 0 to 100, not '%.60s'",
                           argument);
    return status;
}

/* ---- /set ---- */

/* Probabilities would have nowhere to go. */
static int is_settable(const bl_field_info *field)
{
    return strcmp(field->name, "logprobs") != 0;
}

static void show(const bl_chat *chat, const bl_field_info *field)
{
    char value[VALUE_BYTES] = "";
    (void)bl_options_get(chat->options, field->name, value, sizeof value, NULL, NULL);
    if (strcmp(field->name, "seed") == 0 && chat->now.seeded)
        (void)snprintf(value, sizeof value, "%llu", (unsigned long long)chat->now.seed);
    bl_progress_print("%-16s %-8s %s", field->name, value, field->help);
}

/* The option of a name, as the flags have it, with - or _; NULL and a message: none. */
static const bl_field_info *find(const char *name, bl_error *err)
{
    char dashed[NAME_BYTES], named[NAME_BYTES];
    size_t bytes = strlen(name), least = SIZE_MAX;
    const bl_field_info *nearest = NULL;
    for (size_t i = 0; i <= bytes && i < NAME_BYTES; i++)
        dashed[i] = name[i] == '_' ? '-' : name[i];
    dashed[NAME_BYTES - 1] = 0;
    (void)snprintf(named, sizeof named, "%s", bl_flags_name_now(dashed));
    for (char *c = named; *c; c++)
        *c = *c == '-' ? '_' : *c;
    for (size_t i = 0; i < bl_options_count(BL_OPTIONS_GENERATE); i++) {
        const bl_field_info *field = bl_options_field(BL_OPTIONS_GENERATE, i);
        size_t distance = bl_flags_distance(named, field->name);
        if (is_settable(field) && distance < least) {
            least = distance;
            nearest = field;
        }
    }
    if (least == 0 && bytes < NAME_BYTES)
        return nearest;
    if (bl_flags_near(named, least))
        (void)bl_cli_fail(err, BL_EINVAL, "no option %s; did you mean %s?", name, nearest->name);
    else
        (void)bl_cli_fail(err, BL_EINVAL, "no option %.60s; /set lists them", name);
    return NULL;
}

static bl_status assign(bl_chat *chat, const bl_field_info *field, const char *value, bl_error *err)
{
    if (strcmp(field->name, "seed") == 0)
        return set_seed(chat, value, err);
    bl_status status = bl_options_set(chat->options, field->name, value, err);
    if (status == BL_OK && strcmp(field->name, "ignore_eos") == 0)
        status = bl_chat_find_ends(chat, err);
    if (status == BL_OK)
        show(chat, field);
    return status;
}

bl_status bl_chat_do_set(bl_chat *chat, const char *argument, bl_error *err)
{
    char name[2 * NAME_BYTES] = "";
    size_t bytes = strcspn(argument, " \t=");
    const char *value = argument + bytes + strspn(argument + bytes, " \t=");
    if (!*argument) {
        for (size_t i = 0; i < bl_options_count(BL_OPTIONS_GENERATE); i++)
            if (is_settable(bl_options_field(BL_OPTIONS_GENERATE, i)))
                show(chat, bl_options_field(BL_OPTIONS_GENERATE, i));
        return BL_OK;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < sizeof name ? bytes : sizeof name - 1),
                   argument);
    const bl_field_info *field = find(name, err);
    if (!field)
        return BL_EINVAL;
    if (*value)
        return assign(chat, field, value, err);
    show(chat, field);
    return BL_OK;
}

/* ---- /system ---- */

bl_status bl_chat_do_system(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_text text = {0};
    if (!chat->template)
        return bl_cli_fail(err, BL_EINVAL,
                           "a system prompt is for a model with a chat template, and this one has "
                           "none or goes without");
    if (!*argument) {
        if (chat->system.data)
            bl_progress_print_text(BL_PLAIN, "system prompt:", chat->system.data);
        else
            bl_progress_print("no system prompt but what the template has of its own");
        return BL_OK;
    }
    if (strcmp(argument, "\"\"") != 0) {
        bl_status status = bl_text_copy(&text, argument, err);
        if (status != BL_OK)
            return status;
    }
    bl_text_release(&chat->system);
    chat->system = text;
    if (chat->now.begun)
        bl_progress_print("(from the next conversation on; /reset begins one)");
    return BL_OK;
}
