/* The chat template that conversations are written by: which one it is, the special tokens that it
 * sees and needs, and what tokenizer_config.json says of it. */
#include "prepare/chosen_template.h"
#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/path.h"
#include "prepare/markers.h"
#include "template/template_files.h"
#include "text/tokenizer.h"

#include <string.h>

static bl_status no_memory(bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "out of memory for a chat template");
}

/* ---- which one ---- */

/* That of the tokenizer's folder.  One that cannot be read is an error where it is to write. */
static bl_status open_beside(bl_chosen_template *c, int talks, const char *folder, bl_error *err)
{
    bl_error why;
    bl_status status = bl_template_open(&c->template, folder, NULL, &why);
    if (status == BL_OK)
        c->beside = 1;
    else if (status != BL_ENOENT && (talks || bl_status_is_passing(status)))
        return bl_fail(err, status, "%s", why.message);
    else if (status != BL_ENOENT)
        bl_log(BL_LOG_WARNING, "%s; the data folder has no chat template", why.message);
    return BL_OK;
}

static bl_status choose(bl_chosen_template *c, const bl_template_choice *choice, const char *folder,
                        bl_error *err)
{
    if (*choice->given)
        return bl_template_open(&c->template, choice->given, NULL, err);
    if (folder)
        BL_TRY(open_beside(c, choice->talks, folder, err));
    if (c->template || !choice->talks)
        return BL_OK;
    return bl_template_of_text(&c->template, "ChatML", bl_chatml, err);
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
static bl_status name_tokens(bl_chosen_template *c, const bl_template_choice *choice,
                             const char *folder, bl_error *err)
{
    const bl_tokenizer *t = choice->tokenizer;
    const char *eos = BL_TOKEN_END_OF_TEXT, *pad = BL_TOKEN_PADDING;
    size_t eos_bytes = strlen(eos), pad_bytes = strlen(pad);
    json_t *tokens = c->described;
    if (folder)
        BL_TRY(bl_template_tokens_read(tokens, folder, err));
    if (t) {
        drop_unknown(t, tokens);
        eos = bl_tokenizer_spelling(t, choice->roles.eos, &eos_bytes);
        pad = bl_tokenizer_spelling(t, choice->roles.pad, &pad_bytes);
    }
    BL_TRY(set_token(tokens, "eos_token", eos, eos_bytes, err));
    BL_TRY(set_token(tokens, "pad_token", pad, pad_bytes, err));
    if (!json_object_get(tokens, "bos_token") && !c->beside)
        BL_TRY(set_token(tokens, "bos_token", eos, eos_bytes, err));
    BL_TRY(bl_template_name_tokens(c->template, tokens, err));
    return json_object_set(tokens, "chat_template", c->template->source) == 0 ? BL_OK
                                                                              : no_memory(err);
}

/* ---- the special tokens that it needs ---- */

/* What the template would have cut into pieces.  One that came with the tokenizer may write words
 * of plain letters, as Mistral's first did with [INST]; then they are pieces for its model too. */
static int is_cut(const bl_chosen_template *c, const bl_tokenizer *t, const char *marker)
{
    int64_t id = bl_tokenizer_id(t, marker);
    if (id >= 0 && (c->beside || t->special[id]))
        return 0;
    return !c->beside || strncmp(marker, "<|", 2) == 0;
}

static bl_status check_markers(bl_chosen_template *c, const bl_template_choice *choice,
                               bl_error *err)
{
    size_t i;
    json_t *one;
    int chatml = !*choice->given && !c->beside;
    BL_TRY(bl_prepare_find_markers(c->markers, c->template, c->form.now, err));
    json_array_foreach (c->markers, i, one)
        if (is_cut(c, choice->tokenizer, json_string_value(one)))
            return bl_fail(err, BL_EINVAL, "%.300s has no special token %.64s, which %s writes: %s",
                           choice->path, json_string_value(one),
                           chatml ? "ChatML" : "the chat template", choice->remedy);
    return BL_OK;
}

/* ---- those that are looked for ---- */

static bl_status begin_search(bl_chosen_template *c, size_t count, bl_error *err)
{
    bl_added_index_release(&c->index);
    bl_free(c->special);
    c->special = bl_calloc(count ? count : 1, sizeof *c->special);
    return c->special ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for the special tokens");
}

static bl_status end_search(bl_chosen_template *c, bl_error *err)
{
    BL_TRY(bl_added_index_sort(&c->index, err));
    return bl_talk_form_find_end(&c->form, err);
}

bl_status bl_chosen_template_seek(bl_chosen_template *c, const char *const *specials, size_t count,
                                  bl_error *err)
{
    BL_TRY(begin_search(c, count, err));
    for (size_t i = 0; i < count; i++) {
        c->special[i] = (bl_added){.id = (uint32_t)i, .special = 1};
        BL_TRY(
            bl_added_index_add(&c->index, &c->special[i], specials[i], strlen(specials[i]), err));
    }
    return end_search(c, err);
}

bl_status bl_chosen_template_seek_all(bl_chosen_template *c, const bl_tokenizer *t, bl_error *err)
{
    BL_TRY(begin_search(c, t->added_count, err));
    for (size_t i = 0; i < t->added_count; i++) {
        size_t bytes;
        const char *text = bl_tokenizer_spelling(t, t->added[i].id, &bytes);
        c->special[i] = t->added[i];
        if (t->added[i].special)
            BL_TRY(bl_added_index_add(&c->index, &c->special[i], text, bytes, err));
    }
    return end_search(c, err);
}

/* ---- all of it ---- */

static bl_status open_in(bl_chosen_template *c, const bl_template_choice *choice,
                         const char *folder, bl_error *err)
{
    c->form = (bl_talk_form){.specials = &c->index, .now = (int64_t)bl_clock_wall(), .end = -1};
    BL_TRY(choose(c, choice, folder, err));
    c->form.template = c->template;
    if (!c->template)
        return BL_OK;
    BL_TRY(name_tokens(c, choice, folder, err));
    return choice->tokenizer && (*choice->given || choice->talks) ? check_markers(c, choice, err)
                                                                  : BL_OK;
}

bl_status bl_chosen_template_open(bl_chosen_template *c, const bl_template_choice *choice,
                                  bl_error *err)
{
    const char *path = choice->path;
    char *folder = NULL;
    if (choice->tokenizer)
        folder = bl_path_what(path) == BL_PATH_DIR ? bl_strdup(path) : bl_path_parent(path);
    c->described = json_object();
    c->markers = json_array();
    bl_status status = c->described && c->markers && (folder || !choice->tokenizer)
                           ? open_in(c, choice, folder, err)
                           : no_memory(err);
    bl_free(folder);
    return status;
}

const char **bl_chosen_template_markers(const bl_chosen_template *c, size_t *count, bl_error *err)
{
    size_t n = json_array_size(c->markers);
    const char **all = bl_calloc(n ? n : 1, sizeof *all);
    for (size_t i = 0; i < n && all; i++)
        all[i] = json_string_value(json_array_get(c->markers, i));
    *count = n;
    if (!all)
        (void)bl_fail(err, BL_ENOMEM, "out of memory for the special tokens");
    return all;
}

/* The tokens that a tokenizer would get which is trained on what the template writes. */
static bl_status seek_markers(bl_chosen_template *c, bl_error *err)
{
    size_t count;
    BL_TRY(
        bl_prepare_add_marker(c->markers, BL_TOKEN_END_OF_TEXT, strlen(BL_TOKEN_END_OF_TEXT), err));
    BL_TRY(bl_prepare_find_markers(c->markers, c->template, c->form.now, err));
    const char **markers = bl_chosen_template_markers(c, &count, err);
    bl_status status = markers ? bl_chosen_template_seek(c, markers, count, err) : BL_ENOMEM;
    bl_free(markers);
    return status;
}

bl_status bl_chosen_template_for_reading(bl_chosen_template *c, const bl_tokenizer *t,
                                         const char *path, const bl_prepare_options *reading,
                                         bl_error *err)
{
    bl_template_choice choice = {
        .given = reading->chat_template,
        .path = path,
        .tokenizer = t,
        .talks = 1,
        .remedy = "name the template that the model's conversations were written by with "
                  "`chat_template`"};
    if (t)
        BL_TRY(bl_token_roles_find(&choice.roles, t, path, reading->eos, err));
    BL_TRY(bl_chosen_template_open(c, &choice, err));
    return t ? bl_chosen_template_seek_all(c, t, err) : seek_markers(c, err);
}

void bl_chosen_template_release(bl_chosen_template *c)
{
    bl_added_index_release(&c->index);
    bl_free(c->special);
    json_decref(c->described);
    json_decref(c->markers);
    bl_template_close(c->template);
    *c = (bl_chosen_template){.template = NULL};
}
