/* The template of a preparation, and the special tokens of its tokenizer. */
#include "prepare/markers.h"
#include "prepare/preparation.h"
#include "text/tokenizer.h"

#include <string.h>

static bl_status add_special(bl_preparation *p, const char *text, size_t bytes, bl_error *err)
{
    if (bytes > BL_ADDED_BYTES)
        return bl_fail(err, BL_EINVAL, "`special_tokens`: one of %zu bytes; at most %d are taken",
                       bytes, BL_ADDED_BYTES);
    return bl_prepare_add_marker(p->chosen.markers, text, bytes, err);
}

/* Those of a tokenizer that is trained: its own two, and those asked for or found. */
static bl_status list_specials(bl_preparation *p, bl_error *err)
{
    static const char space[] = " \t\n";
    const char *asked = p->job->options->special_tokens;
    const bl_chosen_template *c = &p->chosen;
    BL_TRY(add_special(p, BL_TOKEN_END_OF_TEXT, strlen(BL_TOKEN_END_OF_TEXT), err));
    BL_TRY(add_special(p, BL_TOKEN_PADDING, strlen(BL_TOKEN_PADDING), err));
    if (c->template && !*asked)
        return bl_prepare_find_markers(c->markers, c->template, c->form.now, err);
    for (const char *at = asked + strspn(asked, space); *at; at += strspn(at, space)) {
        size_t n = strcspn(at, space);
        BL_TRY(add_special(p, at, n, err));
        at += n;
    }
    return BL_OK;
}

bl_status bl_prepare_open_template(bl_preparation *p, bl_error *err)
{
    const bl_prepare_options *o = p->job->options;
    const bl_template_choice choice = {
        .given = o->chat_template,
        .path = o->tokenizer,
        .tokenizer = p->tokenizer,
        .roles = p->meta.roles,
        .talks = bl_prepare_talks(p),
        .remedy = "prepare conversations first, without `tokenizer`, and then the texts of the "
                  "base model with the tokenizer that they gave"};
    if (p->tokenizer && *o->special_tokens)
        return bl_fail(err, BL_EINVAL,
                       "`special_tokens` are of a tokenizer that is trained, not of `tokenizer`");
    BL_TRY(bl_chosen_template_open(&p->chosen, &choice, err));
    return p->tokenizer ? BL_OK : list_specials(p, err);
}
