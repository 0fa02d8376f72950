/* A tokenizer that brings a chat template of its own: does it write conversations as ChatML? */
#include "core/alloc.h"
#include "core/path.h"
#include "corpus/conversation.h"
#include "prepare/preparation.h"
#include "template/chat_template.h"
#include "template/template_files.h"

#include <string.h>

/* Two turns show how a template begins, separates and ends messages. */
#define MESSAGES                                                                                   \
    "{\"messages\": [{\"role\": \"user\", \"content\": \"One?\"}, "                                \
    "{\"role\": \"assistant\", \"content\": \"Two.\"}, {\"role\": \"user\", \"content\": "         \
    "\"Three?\"}, {\"role\": \"assistant\", \"content\": \"Four.\"}]}"

/* 1: the same text as ours; 0: another, or none for such messages. */
static bl_status writes_chatml(const bl_template *t, int *same, bl_error *err)
{
    static const char messages[] = MESSAGES;
    char why[BL_CONVERSATION_WHY];
    bl_conversation ours = {0};
    bl_rendering theirs = {.text = NULL};
    json_t *input = json_loads(messages, 0, NULL);
    *same = 0;
    bl_status status = input ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && bl_conversation_read(&ours, messages, sizeof messages - 1, NULL, why) !=
                               BL_CONVERSATION_GOOD)
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_template_run(t, input, sizeof messages - 1, 0, &theirs, err);
    if (status == BL_OK)
        *same =
            theirs.bytes == ours.text.len && memcmp(theirs.text, ours.text.data, theirs.bytes) == 0;
    bl_rendering_release(&theirs);
    bl_conversation_release(&ours);
    json_decref(input);
    return status == BL_ENOMEM ? status : BL_OK;
}

bl_status bl_prepare_check_template(const bl_preparation *p, bl_error *err)
{
    const char *path = p->job->options->tokenizer;
    char *folder = bl_path_what(path) == BL_PATH_DIR ? bl_strdup(path) : bl_path_parent(path);
    bl_template *t = NULL;
    int same = 1;
    if (!folder)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_error why;
    bl_status status = bl_template_open(&t, folder, NULL, &why);
    if (status == BL_OK)
        status = writes_chatml(t, &same, err);
    else if (status == BL_ENOENT) /* it has none */
        status = BL_OK;
    else
        status = bl_fail(err, status, "%s", why.message);
    if (status == BL_OK && !same)
        status = bl_fail(err, BL_EUNSUPPORTED,
                         "%.400s has a chat template that writes conversations in another way "
                         "than ChatML, the only one that is learned",
                         folder);
    bl_template_close(t);
    bl_free(folder);
    return status;
}
