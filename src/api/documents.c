/* The documents of texts one after the other, as the model's tokens. */
#include "api/documents.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "corpus/source.h"

#include <inttypes.h>
#include <string.h>

/* A silent pipe can be left. */
static int idle(void *user)
{
    (void)user;
    return bl_watch_poll(0, 1, NULL) != BL_OK;
}

static bl_status read_one(bl_documents *d, const bl_span *doc, unsigned flags, bl_document_fn *fn,
                          void *user, int *stop, bl_error *err)
{
    bl_encoder *encoder;
    size_t count = 0;
    BL_TRY(bl_encoder_open(&encoder, d->model->tokenizer, 1, err));
    bl_status status = bl_encoder_run(encoder, doc, 1, flags, err);
    if (status == BL_OK) {
        const int32_t *ids = bl_encoder_ids(encoder, 0, &count);
        status = fn(user, ids, count, stop, err);
    }
    bl_encoder_close(encoder);
    d->bytes += doc->bytes;
    d->count++;
    return status;
}

static bl_status read_all(bl_documents *d, bl_source *source, bl_watch *watch, bl_document_fn *fn,
                          void *user, bl_error *err)
{
    for (int stop = 0; !stop;) {
        bl_span doc = {0};
        BL_TRY(bl_source_next(source, &doc, err));
        if (!doc.text)
            break;
        watch->from += watch->part; /* read-ahead counts when its document is read */
        watch->part = bl_source_done(source) - watch->from;
        watch->total = bl_source_total(source);
        BL_TRY(read_one(d, &doc, bl_source_special(source) ? BL_ENCODE_SPECIAL : 0, fn, user, &stop,
                        err));
    }
    if (!bl_source_passed_over(source).files)
        return BL_OK;
    watch->from = bl_source_done(source); /* with those at the end */
    watch->part = 0;
    return bl_watch_poll(0, 1, err);
}

static bl_status nothing_found(const bl_documents *d, bl_error *err)
{
    const char *name = d->source_count > 1               ? "the sources"
                       : strcmp(d->sources[0], "-") == 0 ? "standard input"
                                                         : d->sources[0];
    if (!d->files_passed && !d->ours)
        return bl_fail(err, BL_EFORMAT, "%s: no documents", name);
    return bl_fail(err, BL_EFORMAT,
                   "%s: no documents; passed over: %" PRIu64 " files that are no text, %" PRIu64
                   " files and folders that bitllama wrote",
                   name, d->files_passed, d->ours);
}

/* Here "tales" is a file so named. */
static bl_status open_sources(const bl_documents *d, bl_source **source, bl_error *err)
{
    bl_source_options options = bl_source_options_of(d->reading);
    options.cutter.idle = idle;
    const char **parts = bl_calloc(d->source_count + 1, sizeof *parts);
    if (!parts)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    for (size_t i = 0; i < d->source_count; i++)
        parts[i] = strcmp(d->sources[i], "tales") == 0 ? "./tales" : d->sources[i];
    bl_status status = bl_source_open(source, parts, d->source_count, &options, err);
    bl_free(parts);
    return status;
}

static void note_left_out(bl_documents *d, const bl_source *source)
{
    bl_source_passed passed = bl_source_passed_over(source);
    bl_cutter_counts counted = bl_source_counted(source);
    d->files_passed = passed.files;
    d->ours = passed.ours;
    d->replaced = counted.replaced;
    d->bad_dropped = counted.bad;
}

bl_status bl_documents_read(bl_documents *d, bl_document_fn *fn, void *user, bl_error *err)
{
    if (!d->model->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", d->model->path);
    if (d->reading->documents == BL_DOCUMENTS_MESSAGES)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "`documents` messages: conversations are for training; here texts are read");
    bl_source *source;
    BL_TRY(open_sources(d, &source, err));
    bl_watch watch;
    bl_watch_begin_with(&watch, d->progress, d->user, d->stage, "B", 0);
    bl_status status = read_all(d, source, &watch, fn, user, err);
    bl_watch_end(&watch);
    note_left_out(d, source);
    bl_source_close(source);
    return status == BL_OK && !d->count ? nothing_found(d, err) : status;
}
