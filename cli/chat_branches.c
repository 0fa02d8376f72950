/* The commands of branches: /branch, /switch, /branches, /drop. */
#include "chat_branches.h"
#include "chat.h"
#include "figures.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

static void release(bl_chat_branch *branch)
{
    bl_session_close(branch->now.session);
    bl_chat_states_clear(&branch->before);
    memset(branch, 0, sizeof *branch);
}

void bl_chat_branches_clear(bl_chat_branches *b)
{
    while (b->count)
        release(&b->at[--b->count]);
}

static bl_chat_branch *find(bl_chat *chat, const char *name)
{
    for (size_t i = 0; i < chat->others.count; i++)
        if (strcmp(chat->others.at[i].name, name) == 0)
            return &chat->others.at[i];
    return NULL;
}

static bl_status check_name(bl_chat *chat, const char *name, bl_error *err)
{
    if (strlen(name) > BL_CHAT_BRANCH_NAME || strpbrk(name, " \t\n"))
        return bl_cli_fail(err, BL_EINVAL,
                           "'%.60s': a branch has a name of one word, up to %d bytes", name,
                           BL_CHAT_BRANCH_NAME);
    if (strcmp(name, chat->branch) == 0 || find(chat, name))
        return bl_cli_fail(err, BL_EINVAL, "there is a branch %s; /switch %s goes to it", name,
                           name);
    if (chat->others.count == BL_CHAT_BRANCHES - 1)
        return bl_cli_fail(err, BL_EINVAL,
                           "there are %d branches, and no more can be; /drop NAME "
                           "forgets one",
                           BL_CHAT_BRANCHES);
    return BL_OK;
}

bl_status bl_chat_do_branch(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_chat_state copy = chat->now;
    bl_status status = check_name(chat, argument, err);
    if (status == BL_OK)
        status = bl_session_fork(&copy.session, chat->now.session, err);
    if (status != BL_OK)
        return status;
    bl_chat_branch *left = &chat->others.at[chat->others.count++];
    *left = (bl_chat_branch){.now = chat->now, .before = chat->before};
    memcpy(left->name, chat->branch, sizeof left->name);
    chat->now = copy;
    chat->before = (bl_chat_states){0};
    (void)snprintf(chat->branch, sizeof chat->branch, "%s", argument);
    bl_progress_print("on branch %s; /switch %s goes back", chat->branch, left->name);
    return BL_OK;
}

static bl_status no_branch(const bl_chat *chat, const char *name, bl_error *err)
{
    if (strcmp(name, chat->branch) == 0)
        return bl_cli_fail(err, BL_EINVAL, "you are on branch %s", name);
    return bl_cli_fail(err, BL_EINVAL,
                       "no branch %.60s; /branches lists them, /branch %.60s makes "
                       "it",
                       name, name);
}

bl_status bl_chat_do_switch(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_chat_branch *other = find(chat, argument);
    if (!other)
        return no_branch(chat, argument, err);
    bl_chat_branch left = {.now = chat->now, .before = chat->before};
    memcpy(left.name, chat->branch, sizeof left.name);
    chat->now = other->now;
    chat->before = other->before;
    memcpy(chat->branch, other->name, sizeof chat->branch);
    *other = left;
    /* It goes on with its own random numbers. */
    chat->reseeded = 0;
    (void)bl_options_set(chat->options, "seed", chat->now.seeded ? "-1" : chat->wish, NULL);
    bl_progress_print("on branch %s: %s tokens read", chat->branch,
                      bl_format_count(bl_session_position(chat->now.session)).text);
    return bl_chat_keep(chat, err);
}

bl_status bl_chat_do_drop(bl_chat *chat, const char *argument, bl_error *err)
{
    bl_chat_branch *other = find(chat, argument);
    if (!other)
        return no_branch(chat, argument, err);
    release(other);
    bl_chat_branch *last = &chat->others.at[--chat->others.count];
    if (other != last) {
        *other = *last;
        memset(last, 0, sizeof *last);
    }
    return BL_OK;
}

static void list(const char *name, const bl_chat_state *now, const bl_chat_states *before, int here)
{
    bl_progress_print("%s %-16s %s tokens read, %s bytes, %zu to undo", here ? "*" : " ", name,
                      bl_format_count(bl_session_position(now->session)).text,
                      bl_format_count(bl_session_bytes(now->session) + before->bytes).text,
                      before->count);
}

bl_status bl_chat_do_branches(bl_chat *chat, const char *argument, bl_error *err)
{
    (void)argument;
    (void)err;
    list(chat->branch, &chat->now, &chat->before, 1);
    for (size_t i = 0; i < chat->others.count; i++)
        list(chat->others.at[i].name, &chat->others.at[i].now, &chat->others.at[i].before, 0);
    return BL_OK;
}
