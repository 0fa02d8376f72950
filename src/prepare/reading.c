/* A pass over the documents of the sources, some at a time, with progress reports. */
#include "core/alloc.h"
#include "prepare/preparation.h"

#include <xxhash.h>

enum {
    NOTICE = 1 << 18, /* bytes of text between two calls of the progress function */
    BATCH_BYTES = 4 << 20,
    BATCH_DOCUMENTS = 1 << 14,
};

int bl_prepare_ask(void *preparation)
{
    bl_preparation *p = preparation;
    if (!p->source)
        return 0;
    p->noticed = bl_source_done(p->source);
    return p->job->progress && p->job->progress(p->job->user, p->stage, p->noticed,
                                                bl_source_total(p->source), "B") != 0;
}

int bl_prepare_ask_progress(void *preparation, const char *stage, uint64_t done, uint64_t total,
                            const char *unit)
{
    (void)stage, (void)done, (void)total, (void)unit;
    return bl_prepare_ask(preparation);
}

static bl_status notice(bl_preparation *p, int now, bl_error *err)
{
    if (!now && bl_source_done(p->source) < p->noticed + NOTICE)
        return BL_OK;
    return bl_prepare_ask(p)
               ? bl_fail(err, BL_EINTERRUPTED, "interrupted while preparing %s", p->job->dir)
               : BL_OK;
}

static bl_status add_document(bl_prepare_batch *b, bl_span d, const unsigned char *said,
                              bl_error *err)
{
    BL_TRY(bl_grow(&b->doc, &b->cap, b->count + 1, sizeof *b->doc, err));
    BL_TRY(bl_grow(&b->hash, &b->hash_cap, b->count + 1, sizeof *b->hash, err));
    BL_TRY(bl_grow(&b->copy, &b->copy_cap, b->count + 1, 1, err));
    bl_buf_append(&b->text, d.text, d.bytes);
    if (said)
        bl_buf_append(&b->said, said, d.bytes);
    BL_TRY(bl_buf_status(&b->text, err));
    BL_TRY(bl_buf_status(&b->said, err));
    XXH128_hash_t h = XXH3_128bits(d.text, d.bytes);
    b->hash[b->count] = (bl_hash128){h.low64, h.high64};
    b->copy[b->count] = BL_COPY_NONE;
    b->doc[b->count++].bytes = d.bytes;
    return BL_OK;
}

bl_status bl_prepare_read(bl_preparation *p, bl_error *err)
{
    bl_prepare_batch *b = &p->batch;
    b->count = 0;
    bl_buf_clear(&b->text);
    bl_buf_clear(&b->said);
    while (!p->ended && b->count < BATCH_DOCUMENTS && b->text.len < BATCH_BYTES) {
        bl_span d = p->ahead;
        p->ahead = (bl_span){0};
        if (!d.text)
            BL_TRY(bl_source_next(p->source, &d, err));
        int special = bl_source_special(p->source), aside = bl_source_aside(p->source);
        const unsigned char *said = bl_source_said(p->source);
        int talks = said != NULL;
        if (!d.text) {
            p->ended = 1;
        } else if (b->count && (special != b->special || aside != b->aside || talks != b->talks)) {
            p->ahead = d;
            break;
        } else {
            b->special = special;
            b->aside = aside;
            b->talks = talks;
            BL_TRY(add_document(b, d, said, err));
            BL_TRY(notice(p, 0, err));
        }
    }
    const char *text = b->text.data;
    for (size_t i = 0; i < b->count; i++) {
        b->doc[i].text = text;
        text += b->doc[i].bytes;
        p->digest = (p->digest ^ b->hash[i].low) * 0x9E3779B97F4A7C15u;
    }
    return b->count ? BL_OK : notice(p, 1, err);
}

bl_status bl_prepare_begin_pass(bl_preparation *p, const char *stage, bl_error *err)
{
    p->stage = stage;
    p->noticed = p->read = p->digest = 0;
    p->ended = 0;
    p->ahead = (bl_span){0};
    return notice(p, 1, err);
}

size_t bl_prepare_keep_originals(bl_prepare_batch *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->copy[i] == BL_COPY_NONE) {
            b->doc[kept] = b->doc[i];
            b->hash[kept++] = b->hash[i];
        }
    return kept;
}

int bl_prepare_is_drawn(const bl_preparation *p, bl_hash128 hash)
{
    return p->aside ? p->batch.aside : bl_split_draw(&p->split, hash.low);
}
