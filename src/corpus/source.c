/* Documents of a corpus: what each part is, and reading them one after the other. */
#include "corpus/source.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/log.h"
#include "corpus/listing.h"
#include "tales/facts.h"

#include <string.h>

enum { NAMED = 3 }; /* skipped files that are named before the rest are only counted */

struct bl_source {
    bl_source_options o;
    bl_listing list;
    bl_tales *tales;
    bl_cutter *cutter;
    bl_cutter_counts counts; /* of the cutter at the last rewind */
    uint64_t replaced;       /* by conversions, since the last rewind */
    uint64_t passed;         /* files */
    char *glob, *keep, *field, *writing;
    bl_buf story;
    /* where the reader stands */
    size_t at;              /* part */
    int begun;              /* in the middle of it */
    int special;            /* as bl_source_special() */
    bl_stream *stream;      /* its text */
    uint64_t stories, told; /* of tales: number and bytes so far */
    uint64_t before;        /* bytes of the parts already read */
};

bl_source_options bl_source_options_of(const bl_prepare_options *o)
{
    static const bl_cut cuts[] = {
        [BL_DOCUMENTS_AUTO] = BL_CUT_END_OF_TEXT, [BL_DOCUMENTS_BLANK_LINE] = BL_CUT_BLANK_LINE,
        [BL_DOCUMENTS_LINE] = BL_CUT_LINE,        [BL_DOCUMENTS_FILE] = BL_CUT_FILE,
        [BL_DOCUMENTS_JSONL] = BL_CUT_JSONL,      [BL_DOCUMENTS_MESSAGES] = BL_CUT_JSONL,
    };
    int by_field = o->documents == BL_DOCUMENTS_AUTO && o->field[0];
    return (bl_source_options){
        .glob = o->glob,
        .tales_bytes = o->tales_bytes,
        .tales_facts = o->tales_facts,
        .seed = o->seed,
        .cut_by_name = o->documents == BL_DOCUMENTS_AUTO,
        .cut = by_field ? BL_CUT_JSONL : cuts[o->documents],
        .encoding = (bl_encoding)o->encoding,
        .cutter = {.field = o->field[0] ? o->field : NULL,
                   .replace_invalid = o->replace_invalid,
                   .skip_bad = o->skip_bad,
                   .conversations = o->documents == BL_DOCUMENTS_MESSAGES,
                   .threads = o->threads,
                   .most = o->max_document},
    };
}

static bl_status copy_text(char **copy, const char *text, bl_error *err)
{
    *copy = text ? bl_strdup(text) : NULL;
    return text && !*copy ? bl_fail(err, BL_ENOMEM, "out of memory") : BL_OK;
}

static bl_status add_all(bl_source *s, const char *const *parts, size_t count, bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t first = s->list.count;
        if (strcmp(parts[i], "tales") == 0 && !s->tales)
            BL_TRY(bl_tales_open(&s->tales, s->o.seed, err));
        BL_TRY(bl_listing_add(&s->list, parts[i], s->o.tales_bytes, err));
        for (; first < s->list.count && s->o.aside; first++)
            s->list.parts[first].aside = strcmp(parts[i], s->o.aside) == 0;
    }
    return BL_OK;
}

bl_status bl_source_open(bl_source **result, const char *const *parts, size_t count,
                         const bl_source_options *options, bl_error *err)
{
    *result = NULL;
    if (count == 0)
        return bl_fail(err, BL_EINVAL, "no source given");
    bl_source *s = bl_calloc(1, sizeof *s);
    bl_status status;
    if (!s)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    s->o = *options;
    if (!s->o.cutter.most)
        s->o.cutter.most = UINT64_MAX;
    BL_TRY_GOTO(status, copy_text(&s->glob, options->glob, err), failed);
    BL_TRY_GOTO(status, copy_text(&s->keep, options->keep, err), failed);
    BL_TRY_GOTO(status, copy_text(&s->writing, options->writing, err), failed);
    BL_TRY_GOTO(status,
                copy_text(&s->field,
                          options->cutter.field || options->cutter.conversations
                              ? options->cutter.field
                              : "text",
                          err),
                failed);
    s->o.cutter.field = s->field;
    s->list = (bl_listing){.glob = s->glob, .keep = s->keep, .writing = s->writing};
    BL_TRY_GOTO(status, bl_cutter_open(&s->cutter, &s->o.cutter, err), failed);
    BL_TRY_GOTO(status, add_all(s, parts, count, err), failed);
    *result = s;
    return BL_OK;
failed:
    bl_source_close(s);
    return status;
}

/* ---- reading ---- */

static void leave_part(bl_source *s)
{
    if (s->begun && s->stream)
        s->replaced += bl_stream_replaced(s->stream);
    if (s->begun && s->list.parts[s->at].kind == BL_PART_FILE)
        bl_stream_close(s->stream);
    s->begun = 0;
    s->stream = NULL;
    s->stories = s->told = 0;
}

/* What the stream holds, by its name and its first bytes. */
static bl_status look(bl_source *s, const char *name, bl_file_kind *kind, bl_error *err)
{
    const char *head;
    size_t bytes = 0;
    int whole = 0;
    const bl_cutter_options *o = &s->o.cutter;
    const bl_file_question q = {.encoding = s->o.encoding,
                                .by_name = s->o.cut_by_name,
                                .field = s->field,
                                .skip_bad = o->skip_bad};
    for (;;) {
        BL_TRY(bl_stream_look(s->stream, &head, &bytes, &whole, err));
        if (whole || bytes == BL_STREAM_HEAD)
            return bl_file_look(kind, name, head, bytes, whole, &q, err);
        if (o->idle && o->idle(o->user) != 0)
            return bl_fail(err, BL_EINTERRUPTED, "interrupted while reading %s", name);
    }
}

static bl_status pass_over(bl_source *s, bl_part *p, const bl_file_kind *kind, bl_error *err)
{
    if (!p->found)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: %s; %s", p->path, kind->what, kind->remedy);
    p->passed = 1;
    if (s->passed++ < NAMED)
        bl_log(BL_LOG_INFO, "%s: %s, passed over", p->path, kind->what);
    return BL_OK;
}

/* Conversations in .json are an array, or objects one after the other. */
static int is_json_name(const char *path)
{
    size_t n = bl_stream_stem(path);
    return n > 5 && memcmp(path + n - 5, ".json", 5) == 0;
}

/* How the text is cut and read. */
static bl_status begin_text(bl_source *s, bl_part *p, bl_error *err)
{
    bl_file_kind kind;
    bl_cut cut = s->o.cut;
    size_t unit;
    BL_TRY(look(s, p->path, &kind, err));
    if (kind.form == BL_FORM_OTHER)
        return pass_over(s, p, &kind, err);
    if (s->o.cutter.conversations && is_json_name(p->path))
        cut = BL_CUT_JSON;
    else if (kind.form != BL_FORM_TEXT)
        cut = kind.form == BL_FORM_JSON ? BL_CUT_JSON : BL_CUT_JSONL;
    const char *encoding = bl_encoding_name(kind.encoding, &unit);
    BL_TRY(bl_stream_convert(s->stream, encoding, unit, s->o.cutter.replace_invalid, kind.returns,
                             err));
    s->special = cut == BL_CUT_END_OF_TEXT;
    bl_cutter_begin(s->cutter, s->stream, p->path, cut);
    return BL_OK;
}

static bl_status enter_part(bl_source *s, bl_error *err)
{
    bl_part *p = &s->list.parts[s->at];
    if (p->passed)
        return BL_OK;
    if (p->kind == BL_PART_FILE)
        BL_TRY(bl_stream_open(&s->stream, p->path, NULL, err));
    else
        s->stream = p->stream;
    s->begun = 1;
    s->special = p->kind == BL_PART_TALES;
    return s->stream ? begin_text(s, p, err) : BL_OK;
}

static bl_status next_tale(bl_source *s, bl_span *d, bl_error *err)
{
    if (s->told >= s->list.parts[s->at].bytes)
        return BL_OK;
    bl_buf_clear(&s->story);
    BL_TRY(s->o.tales_facts ? bl_tales_facts(s->tales, s->stories, s->o.tales_facts, &s->story, err)
                            : bl_tales_story(s->tales, s->stories, &s->story, err));
    s->stories++;
    s->told += s->story.len;
    *d = (bl_span){s->story.data, s->story.len};
    return BL_OK;
}

bl_status bl_source_next(bl_source *s, bl_span *d, bl_error *err)
{
    *d = (bl_span){NULL, 0};
    for (; s->at < s->list.count; s->at++) {
        bl_part *p = &s->list.parts[s->at];
        if (!s->begun)
            BL_TRY(enter_part(s, err));
        if (p->kind == BL_PART_TALES)
            BL_TRY(next_tale(s, d, err));
        else if (!p->passed)
            BL_TRY(bl_cutter_next(s->cutter, d, err));
        if (d->text)
            return BL_OK;
        if (p->kind == BL_PART_PIPE) {
            p->bytes = bl_stream_size(s->stream);
            p->seen = 1;
        }
        leave_part(s);
        s->before += p->bytes;
    }
    return BL_OK;
}

int bl_source_special(const bl_source *s)
{
    return s->special;
}

const unsigned char *bl_source_said(const bl_source *s)
{
    int told = s->at < s->list.count && s->list.parts[s->at].kind == BL_PART_TALES;
    return told ? NULL : bl_cutter_said(s->cutter);
}

int bl_source_aside(const bl_source *s)
{
    return s->at < s->list.count && s->list.parts[s->at].aside;
}

bl_status bl_source_rewind(bl_source *s, bl_error *err)
{
    leave_part(s);
    s->at = 0;
    s->before = 0;
    s->counts = bl_cutter_counted(s->cutter);
    s->replaced = 0;
    for (size_t i = 0; i < s->list.count; i++)
        if (s->list.parts[i].stream)
            BL_TRY(bl_stream_rewind(s->list.parts[i].stream, err));
    return BL_OK;
}

void bl_source_close(bl_source *s)
{
    if (!s)
        return;
    leave_part(s);
    bl_listing_release(&s->list);
    bl_free(s->glob);
    bl_free(s->keep);
    bl_free(s->field);
    bl_free(s->writing);
    bl_tales_close(s->tales);
    bl_cutter_close(s->cutter);
    bl_buf_release(&s->story);
    bl_free(s);
}

uint64_t bl_source_total(const bl_source *s)
{
    uint64_t total = 0;
    for (size_t i = 0; i < s->list.count; i++) {
        const bl_part *p = &s->list.parts[i];
        if (p->kind == BL_PART_PIPE && !p->seen && bl_stream_size(p->stream) == 0)
            return 0;
        total += p->kind == BL_PART_PIPE && !p->seen ? bl_stream_size(p->stream) : p->bytes;
    }
    return total;
}

uint64_t bl_source_done(const bl_source *s)
{
    if (s->at >= s->list.count || !s->begun)
        return s->before;
    return s->before + (s->stream ? bl_stream_done(s->stream) : s->told);
}

bl_cutter_counts bl_source_counted(const bl_source *s)
{
    bl_cutter_counts now = bl_cutter_counted(s->cutter), was = s->counts;
    uint64_t converted = s->replaced + (s->stream ? bl_stream_replaced(s->stream) : 0);
    return (bl_cutter_counts){.replaced = now.replaced - was.replaced + converted,
                              .cut = now.cut - was.cut,
                              .bad = now.bad - was.bad,
                              .returns = now.returns - was.returns,
                              .marks = now.marks - was.marks,
                              .rewritten = now.rewritten - was.rewritten};
}

bl_source_passed bl_source_passed_over(const bl_source *s)
{
    return (bl_source_passed){s->passed, s->list.ours, bl_cutter_first_bad(s->cutter)};
}
