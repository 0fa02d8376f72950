/* The chat template of a preparation: which one it is, the special tokens that it sees and needs,
 * and what tokenizer_config.json says of it. */
#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/path.h"
#include "prepare/preparation.h"
#include "template/template_files.h"
#include "text/tokenizer.h"

#include <string.h>

static bl_status no_memory(bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "out of memory for a chat template");
}

/* ---- which one ---- */

/* That of the tokenizer's folder.  One that cannot be read is an error where it is to write. */
static bl_status open_beside(bl_preparation *p, const char *folder, bl_error *err)
{
    bl_error why;
    bl_status status = bl_template_open(&p->template, folder, NULL, &why);
    if (status == BL_OK)
        p->template_beside = 1;
    else if (status != BL_ENOENT && (bl_prepare_talks(p) || bl_status_is_passing(status)))
        return bl_fail(err, status, "%s", why.message);
    else if (status != BL_ENOENT)
        bl_log(BL_LOG_WARNING, "%s; the data folder has no chat template", why.message);
    return BL_OK;
}

static bl_status choose(bl_preparation *p, const char *folder, bl_error *err)
{
    if (*p->job->options->chat_template)
        return bl_template_open(&p->template, p->job->options->chat_template, NULL, err);
    if (folder)
        BL_TRY(open_beside(p, folder, err));
    if (p->template || !bl_prepare_talks(p))
        return BL_OK;
    return bl_template_of_text(&p->template, "ChatML", bl_chatml, err);
}

/* ---- the names of tokens ---- */

static bl_status set_token(json_t *tokens, const char *name, const char *text, size_t bytes,
                           bl_error *err)
{
    return !text || json_object_set_new(tokens, name, json_stringn(text, bytes)) == 0
               ? BL_OK
               : no_memory(err);
}

/* Of what the folder names only tokens that the tokenizer has. */
static void drop_unknown(const bl_tokenizer *t, json_t *tokens)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(tokens, next, name,
                             value) if (json_is_string(value) &&
                                        bl_tokenizer_id(t, json_string_value(value)) < 0)(void)
        json_object_del(tokens, name);
}

/* As tokenizer_config.json will name them, so that a chat sees what was learned. */
static bl_status name_tokens(bl_preparation *p, const char *folder, bl_error *err)
{
    const bl_tokenizer *t = p->tokenizer;
    const char *eos = BL_TOKEN_END_OF_TEXT, *pad = BL_TOKEN_PADDING;
    size_t eos_bytes = strlen(eos), pad_bytes = strlen(pad);
    json_t *tokens = p->described;
    if (folder)
        BL_TRY(bl_template_tokens_read(tokens, folder, err));
    if (t) {
        drop_unknown(t, tokens);
        eos = bl_tokenizer_spelling(t, p->meta.roles.eos, &eos_bytes);
        pad = bl_tokenizer_spelling(t, p->meta.roles.pad, &pad_bytes);
    }
    BL_TRY(set_token(tokens, "eos_token", eos, eos_bytes, err));
    BL_TRY(set_token(tokens, "pad_token", pad, pad_bytes, err));
    if (!json_object_get(tokens, "bos_token") && !p->template_beside)
        BL_TRY(set_token(tokens, "bos_token", eos, eos_bytes, err));
    BL_TRY(bl_template_name_tokens(p->template, tokens, err));
    return json_object_set(tokens, "chat_template", p->template->source) == 0 ? BL_OK
                                                                              : no_memory(err);
}

/* ---- special tokens ---- */

static bl_status add_special(bl_preparation *p, const char *text, size_t bytes, bl_error *err)
{
    if (bytes > BL_ADDED_BYTES)
        return bl_fail(err, BL_EINVAL, "`special_tokens`: one of %zu bytes; at most %d are taken",
                       bytes, BL_ADDED_BYTES);
    return bl_prepare_add_marker(p->markers, text, bytes, err);
}

/* Those of a tokenizer that is trained: its own two, and those asked for or found. */
static bl_status list_specials(bl_preparation *p, bl_error *err)
{
    static const char space[] = " \t\n";
    const char *asked = p->job->options->special_tokens;
    BL_TRY(add_special(p, BL_TOKEN_END_OF_TEXT, strlen(BL_TOKEN_END_OF_TEXT), err));
    BL_TRY(add_special(p, BL_TOKEN_PADDING, strlen(BL_TOKEN_PADDING), err));
    if (p->template && !*asked)
        return bl_prepare_find_markers(p->markers, p->template, p->form.now, err);
    for (const char *at = asked + strspn(asked, space); *at; at += strspn(at, space)) {
        size_t n = strcspn(at, space);
        BL_TRY(add_special(p, at, n, err));
        at += n;
    }
    return BL_OK;
}

/* What the template would have cut into pieces.  One that came with the tokenizer may write words
 * of plain letters, as Mistral's first did with [INST]; then they are pieces for its model too. */
static int is_cut(const bl_preparation *p, const char *marker)
{
    int64_t id = bl_tokenizer_id(p->tokenizer, marker);
    if (id >= 0 && (p->template_beside || p->tokenizer->special[id]))
        return 0;
    return !p->template_beside || strncmp(marker, "<|", 2) == 0;
}

static bl_status check_markers(bl_preparation *p, bl_error *err)
{
    size_t i;
    json_t *one;
    BL_TRY(bl_prepare_find_markers(p->markers, p->template, p->form.now, err));
    json_array_foreach (p->markers, i, one)
        if (is_cut(p, json_string_value(one)))
            return bl_fail(
                err, BL_EINVAL,
                "%.300s has no special token %.64s, which the chat template writes: "
                "prepare conversations first, without `tokenizer`, and then the texts of "
                "the base model with the tokenizer that they gave",
                p->job->options->tokenizer, json_string_value(one));
    return BL_OK;
}

/* ---- all of it ---- */

static bl_status open_in(bl_preparation *p, const char *folder, bl_error *err)
{
    p->form =
        (bl_talk_form){.specials = &p->stretches.index, .now = (int64_t)bl_clock_wall(), .end = -1};
    BL_TRY(choose(p, folder, err));
    p->form.template = p->template;
    if (p->template)
        BL_TRY(name_tokens(p, folder, err));
    if (!p->tokenizer)
        return list_specials(p, err);
    if (*p->job->options->special_tokens)
        return bl_fail(err, BL_EINVAL,
                       "`special_tokens` are of a tokenizer that is trained, not of `tokenizer`");
    int given = *p->job->options->chat_template != 0;
    return p->template && (given || bl_prepare_talks(p)) ? check_markers(p, err) : BL_OK;
}

bl_status bl_prepare_open_template(bl_preparation *p, bl_error *err)
{
    const char *path = p->job->options->tokenizer;
    char *folder = NULL;
    if (p->tokenizer)
        folder = bl_path_what(path) == BL_PATH_DIR ? bl_strdup(path) : bl_path_parent(path);
    p->described = json_object();
    p->markers = json_array();
    bl_status status = p->described && p->markers && (folder || !p->tokenizer)
                           ? open_in(p, folder, err)
                           : no_memory(err);
    bl_free(folder);
    return status;
}

const char **bl_prepare_specials(const bl_preparation *p, size_t *count, bl_error *err)
{
    size_t n = json_array_size(p->markers);
    const char **all = bl_calloc(n ? n : 1, sizeof *all);
    for (size_t i = 0; i < n && all; i++)
        all[i] = json_string_value(json_array_get(p->markers, i));
    *count = n;
    if (!all)
        (void)no_memory(err);
    return all;
}
