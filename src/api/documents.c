/* The documents of texts one after the other, as the model's tokens. */
#include "api/documents.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "core/log.h"
#include "corpus/source.h"
#include "prepare/chosen_template.h"

#include <inttypes.h>
#include <string.h>

/* A silent pipe can be left. */
static int idle(void *user)
{
    (void)user;
    return bl_watch_poll(0, 1, NULL) != BL_OK;
}

/* Who receives the documents. */
typedef struct receiver {
    bl_document_fn *fn;
    void *user;
    int stop;
} receiver;

static bl_status give_text(bl_encoder *encoder, const bl_span *doc, unsigned flags, receiver *to,
                           bl_error *err)
{
    size_t count;
    BL_TRY(bl_encoder_run(encoder, doc, 1, flags, err));
    const int32_t *ids = bl_encoder_ids(encoder, 0, &count);
    return to->fn(to->user, ids, NULL, count, &to->stop, err);
}

static bl_status give_talk(bl_encoder *encoder, const bl_span *doc, const unsigned char *said,
                           receiver *to, bl_error *err)
{
    size_t count;
    BL_TRY(bl_encoder_run_typed(encoder, doc, &said, BL_SAID_INPUT, 1,
                                BL_ENCODE_SPECIAL | BL_ENCODE_OFFSETS, err));
    const bl_offset *from = bl_encoder_offsets(encoder, 0, &count);
    unsigned char *counts = bl_calloc(count + 1, 1);
    if (!counts)
        return bl_fail(err, BL_ENOMEM, "out of memory for a conversation");
    bl_answers_count(said, doc->bytes, from, count, counts);
    bl_status status =
        to->fn(to->user, bl_encoder_ids(encoder, 0, NULL), counts, count, &to->stop, err);
    bl_free(counts);
    return status;
}

static bl_status read_one(bl_documents *d, bl_source *source, const bl_span *doc, receiver *to,
                          bl_error *err)
{
    bl_encoder *encoder;
    unsigned flags = bl_source_special(source) ? BL_ENCODE_SPECIAL : 0;
    const unsigned char *said = bl_source_said(source);
    BL_TRY(bl_encoder_open(&encoder, d->model->tokenizer, 1, err));
    bl_status status =
        said ? give_talk(encoder, doc, said, to, err) : give_text(encoder, doc, flags, to, err);
    bl_encoder_close(encoder);
    d->bytes += doc->bytes;
    d->count++;
    return status;
}

static bl_status read_all(bl_documents *d, bl_source *source, bl_watch *watch, receiver *to,
                          bl_error *err)
{
    while (!to->stop) {
        bl_span doc = {0};
        BL_TRY(bl_source_next(source, &doc, err));
        if (!doc.text)
            break;
        watch->from += watch->part; /* read-ahead counts when its document is read */
        watch->part = bl_source_done(source) - watch->from;
        watch->total = bl_source_total(source);
        BL_TRY(read_one(d, source, &doc, to, err));
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
static bl_status open_sources(const bl_documents *d, const bl_talk_form *form, bl_source **source,
                              bl_error *err)
{
    bl_source_options options = bl_source_options_of(d->reading);
    options.cutter.idle = idle;
    options.cutter.form = form;
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
    if (counted.rewritten)
        bl_log(BL_LOG_WARNING,
               "%" PRIu64 " answers do not count: the chat template writes them otherwise",
               counted.rewritten);
}

static bl_status read_sources(bl_documents *d, const bl_talk_form *form, receiver *to,
                              bl_error *err)
{
    bl_source *source;
    bl_watch watch;
    BL_TRY(open_sources(d, form, &source, err));
    bl_watch_begin_with(&watch, d->progress, d->user, d->stage, "B", 0);
    bl_status status = read_all(d, source, &watch, to, err);
    bl_watch_end(&watch);
    note_left_out(d, source);
    bl_source_close(source);
    return status == BL_OK && !d->count ? nothing_found(d, err) : status;
}

/* The template, its special tokens, and the conversations that it writes. */
static bl_status read_talks(bl_documents *d, bl_chosen_template *chosen, receiver *to,
                            bl_error *err)
{
    const bl_model *m = d->model;
    BL_TRY(bl_chosen_template_for_reading(chosen, m->tokenizer, m->config_dir, d->reading, err));
    d->talks = 1;
    return read_sources(d, &chosen->form, to, err);
}

bl_status bl_documents_read(bl_documents *d, bl_document_fn *fn, void *user, bl_error *err)
{
    if (!d->model->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", d->model->path);
    receiver to = {.fn = fn, .user = user};
    if (d->reading->documents != BL_DOCUMENTS_MESSAGES)
        return read_sources(d, NULL, &to, err);
    bl_chosen_template chosen = {.template = NULL};
    bl_status status = read_talks(d, &chosen, &to, err);
    bl_chosen_template_release(&chosen);
    return status;
}
