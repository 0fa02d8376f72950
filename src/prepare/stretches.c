/* Conversations in stretches: special tokens that the template wrote, and text between them.
 *
 * Only what is the template's own is searched for special tokens; whatever a message holds stays
 * text.  Text is encoded in the stretches that the tokens leave, template and messages together, as
 * Hugging Face's tokenizers encode the whole. */
#include "core/alloc.h"
#include "corpus/conversation.h"
#include "prepare/preparation.h"
#include "text/tokenizer.h"

#include <string.h>

int bl_prepare_talks(const bl_preparation *p)
{
    return p->job->options->documents == BL_DOCUMENTS_MESSAGES;
}

const char *const *bl_prepare_specials(size_t *count)
{
    static const char *const specials[] = {BL_TOKEN_END_OF_TEXT, BL_TOKEN_PADDING, "<|im_start|>",
                                           "<|im_end|>"};
    *count = sizeof specials / sizeof *specials;
    return specials;
}

/* ---- what is looked for ---- */

static bl_status begin_search(bl_stretches *s, size_t count, bl_error *err)
{
    bl_added_index_release(&s->index);
    bl_free(s->special);
    s->special = bl_calloc(count ? count : 1, sizeof *s->special);
    return s->special ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for the special tokens");
}

bl_status bl_prepare_look_for(bl_preparation *p, const char *const *specials, size_t count,
                              bl_error *err)
{
    bl_stretches *s = &p->stretches;
    BL_TRY(begin_search(s, count, err));
    for (size_t i = 0; i < count; i++) {
        s->special[i] = (bl_added){.id = (uint32_t)i, .special = 1};
        BL_TRY(
            bl_added_index_add(&s->index, &s->special[i], specials[i], strlen(specials[i]), err));
    }
    return bl_added_index_sort(&s->index, err);
}

static int has_special(const bl_tokenizer *t, const char *token)
{
    for (size_t i = 0; i < t->added_count; i++) {
        size_t bytes;
        const char *text = bl_tokenizer_spelling(t, t->added[i].id, &bytes);
        if (t->added[i].special && bytes == strlen(token) && memcmp(text, token, bytes) == 0)
            return 1;
    }
    return 0;
}

static bl_status check_specials(const bl_preparation *p, bl_error *err)
{
    size_t count;
    const char *const *wanted = bl_prepare_specials(&count);
    for (size_t i = 2; i < count; i++) /* not the first two, which the template does not write */
        if (!has_special(p->tokenizer, wanted[i]))
            return bl_fail(err, BL_EINVAL,
                           "%.400s has no special token %s, which ChatML writes around every "
                           "message: prepare conversations first, without `tokenizer`, and then "
                           "the texts of the base model with the tokenizer that they gave",
                           p->job->options->tokenizer, wanted[i]);
    return BL_OK;
}

bl_status bl_prepare_look_for_own(bl_preparation *p, bl_error *err)
{
    bl_stretches *s = &p->stretches;
    const bl_tokenizer *t = p->tokenizer;
    BL_TRY(check_specials(p, err));
    BL_TRY(begin_search(s, t->added_count, err));
    for (size_t i = 0; i < t->added_count; i++) {
        size_t bytes;
        const char *text = bl_tokenizer_spelling(t, t->added[i].id, &bytes);
        s->special[i] = t->added[i];
        if (t->added[i].special)
            BL_TRY(bl_added_index_add(&s->index, &s->special[i], text, bytes, err));
    }
    return bl_added_index_sort(&s->index, err);
}

/* ---- cutting ---- */

const unsigned char *bl_prepare_said(const bl_prepare_batch *b, const bl_span *document)
{
    return (const unsigned char *)b->said.data + (document->text - b->text.data);
}

static bl_status add_stretch(bl_stretches *s, bl_stretch stretch, bl_error *err)
{
    BL_TRY(bl_grow(&s->at, &s->cap, s->count + 1, sizeof *s->at, err));
    s->at[s->count++] = stretch;
    return BL_OK;
}

static bl_status add_text(bl_stretches *s, size_t document, const char *text, size_t first,
                          size_t last, bl_error *err)
{
    if (first >= last)
        return BL_OK;
    BL_TRY(bl_grow(&s->text, &s->text_cap, s->text_count + 1, sizeof *s->text, err));
    s->text[s->text_count] = (bl_span){text + first, last - first};
    return add_stretch(
        s, (bl_stretch){.id = -1, .document = document, .first = first, .text = s->text_count++},
        err);
}

/* The special tokens in text[first .. last), which is the template's own; *begun: where the text
 * begins that has no stretch yet. */
static bl_status cut_own(bl_stretches *s, size_t document, const char *text, size_t first,
                         size_t last, size_t *begun, bl_error *err)
{
    bl_added_scan scan = {
        .index = &s->index, .text = text + first, .bytes = last - first, .take_special = 1};
    const bl_added *token;
    size_t from, to;
    while ((token = bl_added_next(&scan, &from, &to)) != NULL) {
        BL_TRY(add_text(s, document, text, *begun, first + from, err));
        BL_TRY(add_stretch(
            s, (bl_stretch){.id = (int32_t)token->id, .document = document, .first = first + from},
            err));
        *begun = first + to;
    }
    return BL_OK;
}

bl_status bl_prepare_stretch(bl_preparation *p, size_t kept, bl_error *err)
{
    bl_stretches *s = &p->stretches;
    s->count = s->text_count = 0;
    for (size_t i = 0; i < kept; i++) {
        const bl_span *d = &p->batch.doc[i];
        const unsigned char *said = bl_prepare_said(&p->batch, d);
        size_t begun = 0;
        for (size_t at = 0, end; at < d->bytes; at = end) {
            int input = said[at] & BL_SAID_INPUT;
            for (end = at; end < d->bytes && (said[end] & BL_SAID_INPUT) == input;)
                end++;
            if (!input)
                BL_TRY(cut_own(s, i, d->text, at, end, &begun, err));
        }
        BL_TRY(add_text(s, i, d->text, begun, d->bytes, err));
    }
    return BL_OK;
}
