/* The text of conversations without the special tokens that the template wrote: what a tokenizer is
 * learned from.
 *
 * Only what is the template's own is searched for special tokens; whatever a message holds stays
 * text. */
#include "core/alloc.h"
#include "prepare/preparation.h"

#include <string.h>

int bl_prepare_talks(const bl_preparation *p)
{
    return p->job->options->documents == BL_DOCUMENTS_MESSAGES;
}

const unsigned char *bl_prepare_said(const bl_prepare_batch *b, const bl_span *document)
{
    return (const unsigned char *)b->said.data + (document->text - b->text.data);
}

static bl_status add_text(bl_stretches *s, const char *text, size_t first, size_t last,
                          bl_error *err)
{
    if (first >= last)
        return BL_OK;
    BL_TRY(bl_grow(&s->text, &s->cap, s->count + 1, sizeof *s->text, err));
    s->text[s->count++] = (bl_span){text + first, last - first};
    return BL_OK;
}

/* The special tokens in text[first .. last), which is the template's own; *begun: where the text
 * begins that has no stretch yet. */
static bl_status cut_own(bl_stretches *s, const bl_added_index *index, const char *text,
                         size_t first, size_t last, size_t *begun, bl_error *err)
{
    bl_added_scan scan = {
        .index = index, .text = text + first, .bytes = last - first, .take_special = 1};
    size_t from, to;
    while (bl_added_next(&scan, &from, &to) != NULL) {
        BL_TRY(add_text(s, text, *begun, first + from, err));
        *begun = first + to;
    }
    return BL_OK;
}

bl_status bl_prepare_stretch(bl_preparation *p, size_t kept, bl_error *err)
{
    bl_stretches *s = &p->stretches;
    s->count = 0;
    for (size_t i = 0; i < kept; i++) {
        const bl_span *d = &p->batch.doc[i];
        const unsigned char *said = bl_prepare_said(&p->batch, d);
        size_t begun = 0;
        for (size_t at = 0, end; at < d->bytes; at = end) {
            int input = said[at] & BL_SAID_INPUT;
            for (end = at; end < d->bytes && (said[end] & BL_SAID_INPUT) == input;)
                end++;
            if (!input)
                BL_TRY(cut_own(s, &p->chosen.index, d->text, at, end, &begun, err));
        }
        BL_TRY(add_text(s, d->text, begun, d->bytes, err));
    }
    return BL_OK;
}
