/* The documents of a text one after the other, as the model's tokens. */
#include "api/documents.h"
#include "core/watch.h"
#include "corpus/source.h"

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
    const char *name = strcmp(d->path, "-") == 0 ? "standard input" : d->path;
    return d->count ? BL_OK : bl_fail(err, BL_EFORMAT, "%s: no documents", name);
}

bl_status bl_documents_read(bl_documents *d, bl_document_fn *fn, void *user, bl_error *err)
{
    if (!d->model->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", d->model->path);
    bl_source *source;
    bl_source_options options = bl_source_options_of(d->reading);
    options.cutter.idle = idle;
    const char *part = strcmp(d->path, "tales") == 0 ? "./tales" : d->path; /* a file so named */
    BL_TRY(bl_source_open(&source, &part, 1, &options, err));
    bl_watch watch;
    bl_watch_begin_with(&watch, d->progress, d->user, d->stage, "B", 0);
    bl_status status = read_all(d, source, &watch, fn, user, err);
    bl_watch_end(&watch);
    bl_source_close(source);
    return status;
}
