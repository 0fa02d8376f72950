/* bl_prepare(): text to a data folder, in two passes over the source.
 *
 * The first pass counts the documents and trains the tokenizer, the second encodes.  Whether a
 * document is set aside for validation is a draw numbered by its index, so the split is the same
 * whatever the tokenizer.  All files become visible at the end, meta.json last: a folder without it
 * is not a data folder. */
#include "core/alloc.h"
#include "core/buf.h"
#include "core/log.h"
#include "core/os.h"
#include "core/rng.h"
#include "data/source.h"
#include "data/tokens.h"
#include "format/options.h"
#include "text/text.h"

#include <stdio.h>
#include <string.h>

enum { NOTICE = 1 << 18 /* bytes of text between two calls of the progress function */ };

typedef struct preparation {
    const bl_prepare_options *o;
    const char *dir;
    bl_source *source;
    bl_tokenizer *tokenizer;
    bl_data_meta meta;
    uint64_t documents, drawn; /* of the first pass: all, and those drawn for validation */
    uint64_t forced;           /* document that changes sides so that no side is empty */
    bl_out *out[BL_DATA_SPLITS];
    bl_progress_fn *progress;
    void *user;
    uint64_t noticed; /* bytes at the last call of progress */
} preparation;

static bl_status notice(preparation *p, const char *stage, int now, bl_error *err)
{
    uint64_t done = bl_source_done(p->source);
    if (!p->progress || (!now && done < p->noticed + NOTICE))
        return BL_OK;
    p->noticed = done;
    if (p->progress(p->user, stage, done, bl_source_total(p->source), "B") != 0)
        return bl_fail(err, BL_EINTERRUPTED, "interrupted while preparing %s", p->dir);
    return BL_OK;
}

/* ---- the split ---- */

static int drawn_for_validation(const preparation *p, uint64_t document)
{
    return bl_rng_uniform(p->o->seed, BL_RNG_SPLIT, document) < p->o->val_split;
}

static int split_of(const preparation *p, uint64_t document)
{
    int val = drawn_for_validation(p, document);
    if (document == p->forced)
        val = !val;
    return val ? BL_DATA_VAL : BL_DATA_TRAIN;
}

/* A side that got nothing gets one document, drawn too, if there are two; training comes first. */
static void balance(preparation *p)
{
    p->forced = UINT64_MAX;
    int no_training = p->drawn == p->documents;
    int no_validation = p->drawn == 0 && p->o->val_split > 0 && p->documents > 1;
    if (no_training || no_validation)
        p->forced = bl_rng_below(p->o->seed, BL_RNG_SPLIT + 1, 0, p->documents);
}

/* ---- the first pass ---- */

static bl_status read_all(preparation *p, bl_bpe_trainer *trainer, bl_error *err)
{
    bl_span doc;
    for (;;) {
        BL_TRY(bl_source_next(p->source, &doc, err));
        if (!doc.text)
            return notice(p, "reading", 1, err);
        if (trainer)
            BL_TRY(bl_bpe_trainer_feed(trainer, &doc, 1, err));
        p->drawn += (uint64_t)drawn_for_validation(p, p->documents);
        p->documents++;
        BL_TRY(notice(p, "reading", 0, err));
    }
}

static bl_status first_pass(preparation *p, bl_error *err)
{
    bl_bpe_trainer *trainer = NULL;
    bl_status status = BL_OK;
    if (p->o->tokenizer[0]) {
        BL_TRY(bl_tokenizer_open(&p->tokenizer, p->o->tokenizer, err));
        if (bl_tokenizer_id(p->tokenizer, "<|endoftext|>") != 0)
            return bl_fail(err, BL_EUNSUPPORTED,
                           "%s: <|endoftext|> is not id 0, which ends every document",
                           p->o->tokenizer);
    } else {
        const bl_bpe_options bpe = {.vocab_size = p->o->vocab_size, .min_frequency = 0};
        BL_TRY(bl_bpe_trainer_open(&trainer, &bpe, err));
    }
    BL_TRY_GOTO(status, read_all(p, trainer, err), done);
    if (p->documents == 0) {
        status = bl_fail(err, BL_EFORMAT, "%s: no documents (files taken: %s)", p->meta.source,
                         p->o->glob);
        goto done;
    }
    if (trainer)
        status = bl_bpe_trainer_finish(trainer, p->progress, p->user, &p->tokenizer, err);
done:
    bl_bpe_trainer_close(trainer);
    return status;
}

/* ---- the second pass ---- */

static bl_status encode_all(preparation *p, bl_word_cache *cache, bl_error *err)
{
    size_t width = bl_tokens_width(p->meta.vocab_size), count, cap = 0;
    int32_t *ids = NULL;
    bl_status status = BL_OK;
    const int32_t end = 0;
    for (uint64_t i = 0;; i++) {
        bl_span doc;
        BL_TRY_GOTO(status, bl_source_next(p->source, &doc, err), done);
        if (!doc.text)
            break;
        count = 0;
        BL_TRY_GOTO(status,
                    bl_tokenizer_append(p->tokenizer, cache, doc.text, doc.bytes, 0, &ids, &count,
                                        &cap, err),
                    done);
        int which = split_of(p, i);
        bl_data_split *split = &p->meta.split[which];
        bl_tokens_write(p->out[which], width, ids, count);
        bl_tokens_write(p->out[which], width, &end, 1);
        split->documents++;
        split->bytes += doc.bytes;
        split->tokens += count + 1;
        if (split->longest_document < count + 1)
            split->longest_document = count + 1;
        BL_TRY_GOTO(status, bl_out_check(p->out[which], err), done);
        BL_TRY_GOTO(status, notice(p, "encoding", 0, err), done);
    }
    status = notice(p, "encoding", 1, err);
done:
    bl_free(ids);
    return status;
}

static bl_status in_dir(bl_buf *path, const char *dir, const char *name, bl_error *err)
{
    bl_buf_clear(path);
    bl_buf_printf(path, "%s/%s", dir, name);
    return bl_buf_status(path, err);
}

static bl_status second_pass(preparation *p, bl_buf *path, bl_error *err)
{
    static const char *const names[BL_DATA_SPLITS] = {"train.bin", "val.bin"};
    bl_word_cache *cache = NULL;
    p->meta.vocab_size = bl_tokenizer_vocab_size(p->tokenizer);
    bl_source_rewind(p->source);
    p->noticed = 0;
    balance(p);
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        BL_TRY(in_dir(path, p->dir, names[i], err));
        BL_TRY(bl_out_open(&p->out[i], path->data, err));
    }
    BL_TRY(bl_word_cache_open(&cache, err));
    bl_status status = encode_all(p, cache, err);
    bl_word_cache_close(cache);
    return status;
}

/* Makes the files visible: first no meta.json, then the files it describes, then meta.json. */
static bl_status publish(preparation *p, bl_buf *path, bl_error *err)
{
    BL_TRY(in_dir(path, p->dir, "meta.json", err));
    BL_TRY(bl_file_remove(path->data, err));
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        bl_out *out = p->out[i];
        p->out[i] = NULL;
        BL_TRY(bl_out_commit(out, err));
    }
    BL_TRY(in_dir(path, p->dir, "tokenizer_config.json", err));
    BL_TRY(bl_tokenizer_save_config(p->tokenizer, path->data, err));
    BL_TRY(in_dir(path, p->dir, "tokenizer.json", err));
    BL_TRY(bl_tokenizer_save(p->tokenizer, path->data, err));
    BL_TRY(bl_file_hash(path->data, p->meta.tokenizer_hash, err));
    return bl_data_meta_save(&p->meta, p->dir, err);
}

/* ---- the whole ---- */

static void describe(preparation *p, const char *const *sources, size_t count)
{
    char *text = p->meta.source;
    size_t used = 0, room = sizeof p->meta.source;
    for (size_t i = 0; i < count; i++) {
        const char *name = strcmp(sources[i], "-") == 0 ? "standard input" : sources[i];
        size_t n = strlen(name) + 2;
        if (used + n + 4 >= room) { /* long lists are cut at a name */
            (void)snprintf(text + used, room - used, "%s", ", ..");
            break;
        }
        used += (size_t)snprintf(text + used, room - used, "%s%s", i ? ", " : "", name);
    }
    if (bl_utf8_invalid(text, strlen(text)) < strlen(text)) /* a path in some other encoding */
        for (char *c = text; *c; c++)
            if ((unsigned char)*c > 127)
                *c = '?';
    (void)snprintf(p->meta.split_rule, sizeof p->meta.split_rule,
                   "document i is for validation if Philox(seed, split, i) < val_split; one "
                   "document changes sides if a side would be empty");
    p->meta.seed = p->o->seed;
    p->meta.val_split = p->o->val_split;
}

static void summarize(const preparation *p, bl_prepare_result *r)
{
    const bl_data_split *train = &p->meta.split[BL_DATA_TRAIN], *val = &p->meta.split[BL_DATA_VAL];
    *r = (bl_prepare_result){
        .documents = train->documents + val->documents,
        .val_documents = val->documents,
        .bytes = train->bytes + val->bytes,
        .val_bytes = val->bytes,
        .tokens = train->tokens + val->tokens,
        .val_tokens = val->tokens,
        .vocab_size = p->meta.vocab_size,
        .longest_document = train->longest_document > val->longest_document
                                ? train->longest_document
                                : val->longest_document,
    };
}

bl_status bl_prepare(const char *const *sources, size_t count, const char *out_dir,
                     const bl_options *options, bl_progress_fn *progress, void *user,
                     bl_prepare_result *result, bl_error *err)
{
    bl_prepare_options defaults;
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    preparation p = {.o = options ? bl_options_prepare(options) : &defaults,
                     .dir = out_dir,
                     .progress = progress,
                     .user = user};
    const bl_source_options from = {
        .glob = p.o->glob, .tales_bytes = p.o->tales_bytes, .seed = p.o->seed};
    bl_buf path = {0};
    bl_status status;
    int made = bl_path_what(out_dir) == BL_PATH_NONE;
    if (count == 0 || !out_dir[0])
        return bl_fail(err, BL_EINVAL, "prepare needs a source and a folder to write");
    describe(&p, sources, count);
    BL_TRY(bl_source_open(&p.source, sources, count, &from, err));
    BL_TRY_GOTO(status, bl_dir_make(out_dir, err), done);
    BL_TRY_GOTO(status, first_pass(&p, err), failed);
    BL_TRY_GOTO(status, second_pass(&p, &path, err), failed);
    BL_TRY_GOTO(status, publish(&p, &path, err), failed);
    if (result)
        summarize(&p, result);
    goto done;
failed:
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        bl_out_abandon(p.out[i]);
    if (made && bl_dir_remove(out_dir, NULL) != BL_OK)
        bl_log(BL_LOG_WARNING, "%s: an unfinished folder could not be removed", out_dir);
done:
    bl_tokenizer_close(p.tokenizer);
    bl_source_close(p.source);
    bl_buf_release(&path);
    return status;
}
