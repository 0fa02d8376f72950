/* The second pass: documents become the tokens of train.bin and val.bin. */
#include "core/alloc.h"
#include "corpus/tidy.h"
#include "prepare/preparation.h"
#include "prepare/summary.h"
#include "text/text.h"

#include <string.h>

/* One document's ids and the one that ends it. */
static void write_document(bl_preparation *p, int which, const int32_t *ids, size_t count,
                           uint64_t bytes)
{
    const int32_t end = (int32_t)p->meta.roles.eos;
    bl_data_split *split = &p->meta.split[which];
    bl_token_file_write(p->out[which], ids, count);
    bl_token_file_write(p->out[which], &end, 1);
    split->documents++;
    split->bytes += bytes;
    split->tokens += count + 1;
    if (split->longest_document < count + 1)
        split->longest_document = count + 1;
    for (size_t i = 0; i < count; i++)
        p->uses[ids[i]]++;
    p->uses[end]++;
}

/* Of a document that is no conversation all tokens count. */
static bl_status write_all_count(bl_preparation *p, int which, size_t count, bl_error *err)
{
    BL_TRY(bl_grow(&p->counts, &p->counts_cap, count + 1, 1, err));
    memset(p->counts, 1, count + 1);
    bl_mask_write(p->mask[which], p->counts, count + 1);
    return BL_OK;
}

static bl_status add_piece(bl_prepare_batch *b, size_t *count, const char *text, size_t bytes,
                           int side, bl_error *err)
{
    BL_TRY(bl_grow(&b->piece, &b->piece_cap, *count + 1, sizeof *b->piece, err));
    BL_TRY(bl_grow(&b->side, &b->side_cap, *count + 1, 1, err));
    b->piece[*count] = bl_span_strip((bl_span){text, bytes});
    b->side[(*count)++] = (unsigned char)side;
    return BL_OK;
}

/* The documents that are kept, cut where their ends are set aside. */
static bl_status divide(bl_preparation *p, size_t kept, uint64_t *document, size_t *count,
                        bl_error *err)
{
    bl_prepare_batch *b = &p->batch;
    *count = 0;
    for (size_t i = 0; i < kept; i++) {
        bl_span d = b->doc[i];
        size_t at = bl_split_place(&p->split, (*document)++, bl_prepare_is_drawn(p, b->hash[i]),
                                   d.text, d.bytes);
        if (at > 0)
            BL_TRY(add_piece(b, count, d.text, at, BL_DATA_TRAIN, err));
        if (at < d.bytes)
            BL_TRY(add_piece(b, count, d.text + at, d.bytes - at, BL_DATA_VAL, err));
        p->meta.ends += at > 0 && at < d.bytes;
    }
    return BL_OK;
}

/* ---- conversations ---- */

static bl_status encode_talks(bl_preparation *p, bl_encoder *encoder, uint64_t *document,
                              bl_error *err)
{
    bl_prepare_batch *b = &p->batch;
    size_t kept = bl_prepare_keep_originals(b), count;
    BL_TRY(bl_grow(&p->said, &p->said_cap, kept + 1, sizeof *p->said, err));
    for (size_t i = 0; i < kept; i++)
        p->said[i] = bl_prepare_said(b, &b->doc[i]);
    BL_TRY(bl_encoder_run_typed(encoder, b->doc, p->said, BL_SAID_INPUT, kept,
                                BL_ENCODE_SPECIAL | BL_ENCODE_OFFSETS, err));
    for (size_t i = 0; i < kept; i++) {
        bl_span d = b->doc[i];
        int training = bl_split_place(&p->split, (*document)++, bl_prepare_is_drawn(p, b->hash[i]),
                                      d.text, d.bytes) > 0;
        int which = training ? BL_DATA_TRAIN : BL_DATA_VAL;
        const bl_offset *from = bl_encoder_offsets(encoder, i, &count);
        BL_TRY(bl_grow(&p->counts, &p->counts_cap, count + 1, 1, err));
        bl_answers_count(p->said[i], d.bytes, from, count, p->counts);
        write_document(p, which, bl_encoder_ids(encoder, i, NULL), count, d.bytes);
        bl_mask_write(p->mask[which], p->counts, count + 1);
    }
    return BL_OK;
}

/* ---- all of them ---- */

static bl_status check_files(const bl_preparation *p, bl_error *err)
{
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        BL_TRY(bl_token_file_check(p->out[i], err));
        if (p->mask[i])
            BL_TRY(bl_mask_check(p->mask[i], err));
    }
    return BL_OK;
}

/* The documents of the batch to train.bin and val.bin. */
static bl_status encode_batch(bl_preparation *p, bl_encoder *encoder, uint64_t *document,
                              bl_error *err)
{
    bl_prepare_batch *b = &p->batch;
    size_t pieces, count;
    if (b->talks) {
        BL_TRY(encode_talks(p, encoder, document, err));
        return check_files(p, err);
    }
    BL_TRY(divide(p, bl_prepare_keep_originals(b), document, &pieces, err));
    BL_TRY(bl_encoder_run(encoder, b->piece, pieces, b->special ? BL_ENCODE_SPECIAL : 0, err));
    for (size_t i = 0; i < pieces; i++) {
        const int32_t *ids = bl_encoder_ids(encoder, i, &count);
        write_document(p, b->side[i], ids, count, b->piece[i].bytes);
        if (p->mask[b->side[i]])
            BL_TRY(write_all_count(p, b->side[i], count, err));
    }
    return check_files(p, err);
}

static bl_status encode_all(bl_preparation *p, bl_encoder *encoder, bl_error *err)
{
    bl_prepare_batch *b = &p->batch;
    uint64_t digest = p->digest, read = p->read, document = 0;
    BL_TRY(bl_prepare_begin_pass(p, "encoding", err));
    for (;;) {
        BL_TRY(bl_prepare_read(p, err));
        if (b->count == 0)
            break;
        for (size_t i = 0; i < b->count && p->dropped; i++) {
            uint64_t n = p->read + i;
            b->copy[i] = n < read && p->dropped[n / 8] >> n % 8 & 1;
        }
        p->read += b->count;
        BL_TRY(encode_batch(p, encoder, &document, err));
    }
    if (p->digest != digest || p->read != read)
        return bl_fail(err, BL_EFORMAT, "%s: changed while it was being read; prepare it again",
                       p->meta.source);
    return BL_OK;
}

bl_status bl_prepare_encode(bl_preparation *p, bl_error *err)
{
    bl_encoder *encoder = NULL;
    p->meta.vocab_size = bl_tokenizer_vocab_size(p->tokenizer);
    p->uses = bl_calloc(p->meta.vocab_size, sizeof *p->uses);
    if (!p->uses)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    BL_TRY(bl_source_rewind(p->source, err));
    if (bl_prepare_talks(p)) /* for those of the tokenizer that was just learned */
        BL_TRY(bl_chosen_template_seek_all(&p->chosen, p->tokenizer, err));
    bl_split_decide(&p->split);
    bl_prepare_name_split(p->meta.split_rule, &p->split, bl_prepare_validation(p));
    BL_TRY(bl_prepare_open_tokens(p, err));
    BL_TRY(bl_encoder_open(&encoder, p->tokenizer, p->job->options->threads, err));
    bl_status status = encode_all(p, encoder, err);
    bl_encoder_close(encoder);
    return status;
}
