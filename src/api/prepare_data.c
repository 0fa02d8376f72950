/* bl_prepare(): text to a data folder, in two passes over the source.
 *
 * The first pass finds duplicates, counts the documents and trains the tokenizer, the second
 * encodes.  Whether a document is set aside for validation is drawn from its text, so it does not
 * depend on the tokenizer or on the other documents, and copies of a document are on one side;
 * where documents are too few or too long for that, the ends of long ones are set aside
 * (corpus/split.h).  All files are written into a hidden folder in the data folder; when it is whole,
 * one rename makes it the data (BL_DATA_NEXT), and then its files move up to their own names. */
#include "prepare/report.h"
#include "api/runs.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/call.h"
#include "core/log.h"
#include "core/os.h"
#include "core/team.h"
#include "core/watch.h"
#include "corpus/dedup.h"
#include "corpus/source.h"
#include "corpus/split.h"
#include "corpus/tinystories.h"
#include "data/tokens.h"
#include "format/options.h"
#include "text/text.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum {
    NOTICE = 1 << 18, /* bytes of text between two calls of the progress function */
    BATCH_BYTES = 4 << 20,
    BATCH_DOCUMENTS = 1 << 14,
};

static const char *const split_names[BL_DATA_SPLITS] = {"train.bin", "val.bin"};
static const char *const file_names[] = {"train.bin", "val.bin", "tokenizer.json",
                                         "tokenizer_config.json", "meta.json"};

/* Some documents in a row that are worked on together. */
typedef struct batch {
    bl_buf text;
    bl_span *doc;
    bl_hash128 *hash;
    unsigned char *copy; /* a bl_copy each */
    bl_span *piece;      /* documents, or the two parts of one, to be encoded */
    unsigned char *side; /* and where they go */
    size_t count, cap, hash_cap, copy_cap, piece_cap, side_cap;
    int special; /* bl_source_special() of all of them */
    int aside;   /* bl_source_aside() of all of them */
} batch;

typedef struct preparation {
    const bl_prepare_options *o;
    const char *dir;
    bl_source *source;
    bl_buf stories, valid; /* paths of TinyStories' two files */
    int aside;             /* the second is the validation data, and nothing is drawn */
    bl_tokenizer *tokenizer;
    bl_data_meta meta;
    bl_prepare_result result;
    batch batch;
    bl_span ahead; /* read, but of the next batch */
    int ended;
    uint64_t digest;        /* of all documents of this pass */
    uint64_t read;          /* documents of this pass */
    unsigned char *dropped; /* a bit a document, of the first pass */
    size_t dropped_cap;
    bl_split split;  /* of the documents that are kept */
    uint64_t *uses;  /* [vocab_size] of each id */
    bl_outdir *next; /* where all files are written */
    bl_token_file_out *out[BL_DATA_SPLITS];
    bl_progress_fn *progress;
    void *user;
    const char *stage;
    uint64_t noticed; /* bytes at the last call of progress */
} preparation;

static int ask(preparation *p)
{
    if (!p->source)
        return 0;
    p->noticed = bl_source_done(p->source);
    return p->progress &&
           p->progress(p->user, p->stage, p->noticed, bl_source_total(p->source), "B") != 0;
}

static int idle(void *user)
{
    return ask(user);
}

/* The same for a part that would report in its own units. */
static int idle_progress(void *user, const char *stage, uint64_t done, uint64_t total,
                         const char *unit)
{
    (void)stage, (void)done, (void)total, (void)unit;
    return ask(user);
}

static bl_status notice(preparation *p, int now, bl_error *err)
{
    if (!now && bl_source_done(p->source) < p->noticed + NOTICE)
        return BL_OK;
    return ask(p) ? bl_fail(err, BL_EINTERRUPTED, "interrupted while preparing %s", p->dir) : BL_OK;
}

/* ---- batches ---- */

static bl_status add_document(batch *b, bl_span d, bl_error *err)
{
    BL_TRY(bl_grow(&b->doc, &b->cap, b->count + 1, sizeof *b->doc, err));
    BL_TRY(bl_grow(&b->hash, &b->hash_cap, b->count + 1, sizeof *b->hash, err));
    BL_TRY(bl_grow(&b->copy, &b->copy_cap, b->count + 1, 1, err));
    bl_buf_append(&b->text, d.text, d.bytes);
    BL_TRY(bl_buf_status(&b->text, err));
    XXH128_hash_t h = XXH3_128bits(d.text, d.bytes);
    b->hash[b->count] = (bl_hash128){h.low64, h.high64};
    b->copy[b->count] = BL_COPY_NONE;
    b->doc[b->count++].bytes = d.bytes;
    return BL_OK;
}

/* The next documents of the source; none at its end. */
static bl_status read_batch(preparation *p, bl_error *err)
{
    batch *b = &p->batch;
    b->count = 0;
    bl_buf_clear(&b->text);
    while (!p->ended && b->count < BATCH_DOCUMENTS && b->text.len < BATCH_BYTES) {
        bl_span d = p->ahead;
        p->ahead = (bl_span){0};
        if (!d.text)
            BL_TRY(bl_source_next(p->source, &d, err));
        int special = bl_source_special(p->source), aside = bl_source_aside(p->source);
        if (!d.text) {
            p->ended = 1;
        } else if (b->count && (special != b->special || aside != b->aside)) {
            p->ahead = d;
            break;
        } else {
            b->special = special;
            b->aside = aside;
            BL_TRY(add_document(b, d, err));
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

static bl_status begin_pass(preparation *p, const char *stage, bl_error *err)
{
    p->stage = stage;
    p->noticed = p->read = p->digest = 0;
    p->ended = 0;
    p->ahead = (bl_span){0};
    return notice(p, 1, err);
}

/* Moves the documents that are no copies to the front; how many there are. */
static size_t keep_originals(batch *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->copy[i] == BL_COPY_NONE) {
            b->doc[kept] = b->doc[i];
            b->hash[kept++] = b->hash[i];
        }
    return kept;
}

/* ---- the split ---- */

static int is_drawn(const preparation *p, bl_hash128 hash)
{
    return p->aside ? p->batch.aside : bl_split_draw(&p->split, hash.low);
}

/* ---- the first pass ---- */

static bl_status drop_copies(preparation *p, bl_dedup *dedup, bl_error *err)
{
    batch *b = &p->batch;
    if (!dedup)
        return BL_OK;
    BL_TRY(bl_dedup_look(dedup, b->doc, b->hash, b->count, b->copy, err));
    BL_TRY(bl_grow(&p->dropped, &p->dropped_cap, (size_t)(p->read + b->count) / 8 + 1, 1, err));
    for (size_t i = 0; i < b->count; i++) {
        uint64_t n = p->read + i;
        if (n % 8 == 0)
            p->dropped[n / 8] = 0;
        if (b->copy[i] != BL_COPY_NONE)
            p->dropped[n / 8] |= (unsigned char)(1 << n % 8);
        p->result.exact_duplicates += b->copy[i] == BL_COPY_EXACT;
        p->result.near_duplicates += b->copy[i] == BL_COPY_NEAR;
    }
    return BL_OK;
}

static bl_status read_all(preparation *p, bl_bpe_trainer *trainer, bl_dedup *dedup, bl_error *err)
{
    BL_TRY(begin_pass(p, "reading", err));
    for (;;) {
        BL_TRY(read_batch(p, err));
        if (p->batch.count == 0)
            return BL_OK;
        BL_TRY(drop_copies(p, dedup, err));
        p->read += p->batch.count;
        size_t kept = keep_originals(&p->batch);
        if (trainer)
            BL_TRY(bl_bpe_trainer_feed(trainer, p->batch.doc, kept, idle_progress, p, err));
        for (size_t i = 0; i < kept; i++)
            bl_split_note(&p->split, is_drawn(p, p->batch.hash[i]), p->batch.doc[i].bytes);
    }
}

static bl_status first_pass(preparation *p, bl_error *err)
{
    bl_bpe_trainer *trainer = NULL;
    bl_dedup *dedup = NULL;
    bl_status status = BL_OK;
    size_t threads = bl_threads(p->o->threads);
    if (p->o->tokenizer[0]) {
        BL_TRY(bl_tokenizer_open(&p->tokenizer, p->o->tokenizer, err));
        BL_TRY(bl_token_roles_find(&p->meta.roles, p->tokenizer, p->o->tokenizer, p->o->eos, err));
    } else {
        const bl_bpe_options bpe = {.vocab_size = p->o->vocab_size,
                                    .min_frequency = p->o->min_frequency,
                                    .threads = p->o->threads};
        BL_TRY(bl_bpe_trainer_open(&trainer, &bpe, err));
    }
    if (p->o->dedup != BL_DEDUP_NONE)
        BL_TRY_GOTO(
            status,
            bl_dedup_open(&dedup, p->o->dedup == BL_DEDUP_NEAR ? p->o->near : 0, threads, err),
            done);
    BL_TRY_GOTO(status, read_all(p, trainer, dedup, err), done);
    if (p->split.documents == 0) {
        status = bl_fail(err, BL_EFORMAT, "%s: no documents (files taken: %s)", p->meta.source,
                         p->o->glob);
        goto done;
    }
    bl_dedup_close(dedup);
    dedup = NULL;
    if (trainer)
        status = bl_bpe_trainer_finish(trainer, p->progress, p->user, &p->tokenizer, err);
done:
    bl_dedup_close(dedup);
    bl_bpe_trainer_close(trainer);
    return status;
}

/* ---- the second pass ---- */

/* One document's ids and the one that ends it. */
static void write_document(preparation *p, int which, const int32_t *ids, size_t count,
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

static bl_status add_piece(batch *b, size_t *count, const char *text, size_t bytes, int side,
                           bl_error *err)
{
    BL_TRY(bl_grow(&b->piece, &b->piece_cap, *count + 1, sizeof *b->piece, err));
    BL_TRY(bl_grow(&b->side, &b->side_cap, *count + 1, 1, err));
    b->piece[*count] = bl_span_strip((bl_span){text, bytes});
    b->side[(*count)++] = (unsigned char)side;
    return BL_OK;
}

/* The documents that are kept, cut where their ends are set aside. */
static bl_status divide(preparation *p, size_t kept, uint64_t *document, size_t *count,
                        bl_error *err)
{
    batch *b = &p->batch;
    *count = 0;
    for (size_t i = 0; i < kept; i++) {
        bl_span d = b->doc[i];
        size_t at =
            bl_split_place(&p->split, (*document)++, is_drawn(p, b->hash[i]), d.text, d.bytes);
        if (at > 0)
            BL_TRY(add_piece(b, count, d.text, at, BL_DATA_TRAIN, err));
        if (at < d.bytes)
            BL_TRY(add_piece(b, count, d.text + at, d.bytes - at, BL_DATA_VAL, err));
        p->meta.ends += at > 0 && at < d.bytes;
    }
    return BL_OK;
}

/* The documents of the batch to train.bin and val.bin. */
static bl_status encode_batch(preparation *p, bl_encoder *encoder, uint64_t *document,
                              bl_error *err)
{
    batch *b = &p->batch;
    size_t pieces, count;
    BL_TRY(divide(p, keep_originals(b), document, &pieces, err));
    BL_TRY(bl_encoder_run(encoder, b->piece, pieces, b->special ? 0 : BL_ENCODE_NO_SPECIAL, err));
    for (size_t i = 0; i < pieces; i++) {
        const int32_t *ids = bl_encoder_ids(encoder, i, &count);
        write_document(p, b->side[i], ids, count, b->piece[i].bytes);
    }
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        BL_TRY(bl_token_file_check(p->out[i], err));
    return BL_OK;
}

static bl_status encode_all(preparation *p, bl_encoder *encoder, bl_error *err)
{
    batch *b = &p->batch;
    uint64_t digest = p->digest, read = p->read, document = 0;
    BL_TRY(begin_pass(p, "encoding", err));
    for (;;) {
        BL_TRY(read_batch(p, err));
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

static bl_status in_dir(bl_buf *path, const char *dir, const char *name, bl_error *err)
{
    bl_buf_clear(path);
    bl_buf_printf(path, "%s/%s", dir, name);
    return bl_buf_status(path, err);
}

static bl_status second_pass(preparation *p, bl_buf *path, bl_error *err)
{
    bl_encoder *encoder = NULL;
    p->meta.vocab_size = bl_tokenizer_vocab_size(p->tokenizer);
    p->uses = bl_calloc(p->meta.vocab_size, sizeof *p->uses);
    if (!p->uses)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    BL_TRY(bl_source_rewind(p->source, err));
    bl_split_decide(&p->split);
    bl_prepare_name_split(p->meta.split_rule, &p->split);
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        BL_TRY(in_dir(path, bl_outdir_temporary(p->next), split_names[i], err));
        BL_TRY(bl_token_file_create(&p->out[i], path->data, bl_token_file_width(p->meta.vocab_size),
                                    err));
    }
    BL_TRY(bl_encoder_open(&encoder, p->tokenizer, p->o->threads, err));
    bl_status status = encode_all(p, encoder, err);
    bl_encoder_close(encoder);
    return status;
}

/* ---- the files ---- */

/* Completes the hidden folder and makes it the data. */
static bl_status publish(preparation *p, bl_buf *path, bl_error *err)
{
    const char *dir = bl_outdir_temporary(p->next);
    p->stage = "checking";
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        bl_token_file_out *out = p->out[i];
        BL_TRY(bl_token_file_verify(out, p->meta.split[i].hash, err));
        p->out[i] = NULL;
        BL_TRY(bl_token_file_commit(out, err));
    }
    BL_TRY(in_dir(path, dir, "tokenizer_config.json", err));
    BL_TRY(bl_tokenizer_save_config(p->tokenizer, p->meta.roles, path->data, err));
    BL_TRY(in_dir(path, dir, "tokenizer.json", err));
    BL_TRY(bl_tokenizer_save(p->tokenizer, path->data, err));
    BL_TRY(bl_file_hash(path->data, p->meta.tokenizer_hash, err));
    BL_TRY(bl_data_meta_save(&p->meta, dir, err));
    if (!p->o->force)
        BL_TRY(bl_runs_check(p->dir, &p->meta, err));
    bl_outdir *next = p->next;
    p->next = NULL;
    BL_TRY(bl_outdir_commit(next, NULL, NULL, err));
    bl_error why;
    bl_status settled = bl_data_settle(p->dir, &why);
    if (settled == BL_OK)
        return BL_OK;
    return bl_fail(err, settled,
                   "%s: the data is whole, but not all files have their names: %.300s", p->dir,
                   why.message);
}

/* What has the name of one of our files must be a file: it will be replaced. */
static bl_status check_places(const char *dir, bl_buf *path, bl_error *err)
{
    for (size_t i = 0; i < sizeof file_names / sizeof *file_names; i++) {
        BL_TRY(in_dir(path, dir, file_names[i], err));
        bl_path_kind kind = bl_path_what(path->data);
        if (bl_path_is_link(path->data))
            return bl_fail(err, BL_EIO, "cannot write %s: it is a symbolic link; remove it first",
                           path->data);
        if (kind != BL_PATH_NONE && kind != BL_PATH_FILE)
            return bl_fail(err, BL_EIO, "cannot write %s: it is there and is not a file",
                           path->data);
    }
    return BL_OK;
}

/* Takes away what a run of an earlier version left under temporary names. */
static bl_status sweep(const char *dir, bl_buf *path, bl_error *err)
{
    static const char *const pattern[] = {"train.bin.*.tmp", "val.bin.*.tmp", "meta.json.*.tmp",
                                          "tokenizer*.json.*.tmp"};
    bl_names names;
    BL_TRY(bl_dir_list(&names, dir, err));
    bl_status status = BL_OK;
    for (size_t i = 0; i < names.count && status == BL_OK; i++)
        for (size_t k = 0; k < sizeof pattern / sizeof *pattern && status == BL_OK; k++)
            if (bl_glob_match(pattern[k], names.name[i]) &&
                (status = in_dir(path, dir, names.name[i], err)) == BL_OK)
                status = bl_file_remove(path->data, err);
    bl_names_release(&names);
    return status;
}

/* The folder made ready: what was whole is in its place, what was not is gone. */
static bl_status open_place(preparation *p, bl_buf *path, bl_error *err)
{
    BL_TRY(check_places(p->dir, path, err));
    BL_TRY(bl_data_settle(p->dir, err));
    BL_TRY(sweep(p->dir, path, err));
    BL_TRY(in_dir(path, p->dir, BL_DATA_NEXT, err));
    return bl_outdir_open(&p->next, path->data, err);
}

/* ---- the whole ---- */

static int is_tinystories(const char *source)
{
    return strcmp(source, "tinystories") == 0;
}

static void describe(preparation *p, const char *const *sources, size_t count)
{
    bl_prepare_name_sources(p->meta.source, sources, count);
    p->meta.seed = p->o->seed;
    p->meta.val_split = p->aside ? 0 : p->o->val_split;
    p->split = (bl_split){.seed = p->o->seed, .share = p->o->val_split, .given = p->aside};
}

static void summarize(preparation *p, bl_prepare_result *r)
{
    const bl_data_split *train = &p->meta.split[BL_DATA_TRAIN], *val = &p->meta.split[BL_DATA_VAL];
    bl_cutter_counts counts = bl_source_counted(p->source);
    bl_source_passed passed = bl_source_passed_over(p->source);
    *r = p->result;
    r->documents = train->documents + val->documents;
    r->val_documents = val->documents;
    r->val_ends = p->meta.ends;
    r->bytes = train->bytes + val->bytes;
    r->val_bytes = val->bytes;
    r->tokens = train->tokens + val->tokens;
    r->val_tokens = val->tokens;
    r->vocab_size = p->meta.vocab_size;
    r->eos = (int32_t)p->meta.roles.eos;
    r->longest_document = train->longest_document > val->longest_document ? train->longest_document
                                                                          : val->longest_document;
    r->documents_cut = counts.cut;
    r->characters_replaced = counts.replaced;
    r->returns_replaced = counts.returns;
    r->marks_dropped = counts.marks;
    r->bad_dropped = counts.bad;
    r->files_passed = passed.files;
    r->ours_passed = passed.ours;
    (void)snprintf(r->first_bad, sizeof r->first_bad, "%s", passed.first_bad);
    bl_prepare_find_top(r, p->uses, p->meta.vocab_size);
}

static bl_status open_parts(preparation *p, const char *const *parts, size_t count, bl_error *err)
{
    bl_source_options from = bl_source_options_of(p->o);
    from.cutter.idle = idle;
    from.cutter.user = p;
    from.aside = p->aside ? p->valid.data : NULL;
    from.keep = from.writing = p->dir;
    bl_status status = bl_source_open(&p->source, parts, count, &from, err);
    if (status == BL_ENOENT && err) {
        size_t n = strlen(err->message);
        (void)snprintf(err->message + n, sizeof err->message - n,
                       " (sources are tinystories, tales, files, folders and -)");
    }
    return status;
}

/* The sources with "tinystories" as its two files. */
static bl_status open_source(preparation *p, const char *const *sources, size_t count,
                             bl_error *err)
{
    const char **parts = bl_calloc(count, 2 * sizeof *parts);
    size_t n = 0;
    bl_status status = parts ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    for (size_t i = 0; i < count && status == BL_OK; i++) {
        if (!is_tinystories(sources[i])) {
            parts[n++] = sources[i];
        } else if (p->stories.len) {
            status = bl_fail(err, BL_EINVAL, "tinystories can be given only once");
        } else {
            status = bl_tinystories_files(&p->stories, &p->valid, p->progress, p->user, err);
            parts[n++] = p->stories.data;
            parts[n++] = p->valid.data;
        }
    }
    if (status == BL_OK)
        status = open_parts(p, parts, n, err);
    bl_free(parts);
    return status;
}

static void release(preparation *p)
{
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        bl_token_file_abandon(p->out[i]);
    bl_outdir_abandon(p->next);
    bl_free(p->dropped);
    bl_free(p->uses);
    bl_buf_release(&p->batch.text);
    bl_free(p->batch.doc);
    bl_free(p->batch.hash);
    bl_free(p->batch.copy);
    bl_free(p->batch.piece);
    bl_free(p->batch.side);
    bl_tokenizer_close(p->tokenizer);
    bl_source_close(p->source);
    bl_buf_release(&p->stories);
    bl_buf_release(&p->valid);
}

static bl_status prepare(const char *const *sources, size_t count, const char *out_dir,
                         const bl_options *options, bl_progress_fn *progress, void *user,
                         bl_prepare_result *result, bl_error *err)
{
    bl_prepare_options defaults;
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    preparation p = {.o = options ? bl_options_prepare(options) : &defaults,
                     .dir = out_dir,
                     .progress = progress,
                     .user = user,
                     .meta.roles = BL_TOKEN_ROLES_OWN,
                     .stage = "reading"};
    bl_buf path = {0};
    bl_lock *lock = NULL;
    bl_watch watch; /* of the parts that poll, in their own units or none */
    bl_status status;
    if (count == 0 || !out_dir[0])
        return bl_fail(err, BL_EINVAL, "prepare needs a source and a folder to write");
    for (size_t i = 0; i < count; i++)
        p.aside |=
            is_tinystories(sources[i]) && !(options && bl_options_is_set(options, "val_split"));
    int made = bl_path_what(out_dir) == BL_PATH_NONE;
    describe(&p, sources, count);
    BL_TRY(bl_dir_make(out_dir, err));
    bl_watch_begin_with(&watch, idle_progress, &p, "preparing", "B", 0);
    BL_TRY_GOTO(status, bl_lock_open(&lock, out_dir, err), done);
    BL_TRY_GOTO(status, open_place(&p, &path, err), done);
    BL_TRY_GOTO(status, open_source(&p, sources, count, err), done);
    BL_TRY_GOTO(status, first_pass(&p, err), done);
    BL_TRY_GOTO(status, second_pass(&p, &path, err), done);
    BL_TRY_GOTO(status, publish(&p, &path, err), done);
    if (result)
        summarize(&p, result);
done:
    bl_watch_end(&watch);
    release(&p);
    /* Only when nothing is in it: it may have got files of somebody else, or the data. */
    if (status != BL_OK && made && status != BL_EBUSY &&
        bl_dir_remove_empty(out_dir, NULL) != BL_OK)
        bl_log(BL_LOG_WARNING, "%s: an empty folder could not be removed", out_dir);
    bl_lock_close(lock);
    bl_buf_release(&path);
    return status;
}

bl_status bl_prepare(const char *const *sources, size_t count, const char *out_dir,
                     const bl_options *options, bl_progress_fn *progress, void *user,
                     bl_prepare_result *result, bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    if (result)
        *result = (bl_prepare_result){0};
    BL_NOT_NULL_IF(err, count, sources);
    for (size_t i = 0; i < count; i++)
        BL_NOT_NULL(err, sources[i]);
    BL_NOT_NULL(err, out_dir);
    BL_TRY(bl_options_expect(options, BL_OPTIONS_PREPARE, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call,
                       prepare(sources, count, out_dir, options,
                               progress ? bl_outside_progress_call : NULL, &outside, result, err),
                       err);
}
