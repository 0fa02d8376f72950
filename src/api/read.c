/* bl_read_text(): a file as prepare reads it, for prompts; bl_read_file(): its bytes. */
#include "core/buf.h"
#include "core/call.h"
#include "core/in.h"
#include "core/machine.h"
#include "core/path.h"
#include "core/watch.h"
#include "corpus/source.h"
#include "prepare/chosen_template.h"
#include "text/tokenizer.h"

#include <string.h>

typedef struct asker {
    bl_progress_fn *progress;
    void *user;
} asker;

static int idle(void *user)
{
    const asker *a = user;
    return a->progress && a->progress(a->user, "reading", 0, 0, "B") != 0;
}

/* What may be read as one: ids, and the room to make them, take several times that. */
static uint64_t most_bytes(void)
{
    uint64_t most = (uint64_t)1 << 30, part = bl_os_memory() / 8;
    return part < most ? part : most;
}

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static bl_status too_long(const char *path, bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "%s: more than %llu MB, too much for one text", name_of(path),
                   (unsigned long long)(most_bytes() / 1000000));
}

/* A text keeps its white space, and is read whole or refused. */
static bl_source_options how_to_read(const char *path, const bl_prepare_options *reading, asker *a)
{
    bl_source_options o = bl_source_options_of(reading);
    size_t stem = bl_stream_stem(path);
    o.cut_by_name &=
        bl_file_is_json_lines(path) || (stem > 5 && memcmp(path + stem - 5, ".json", 5) == 0);
    if (o.cut != BL_CUT_JSONL)
        o.cut = BL_CUT_FILE;
    o.cutter.keep_space = 1;
    o.cutter.most = most_bytes();
    o.cutter.idle = idle;
    o.cutter.user = a;
    return o;
}

static bl_status read_one(bl_source *s, const char *path, bl_buf *text, bl_error *err)
{
    bl_span d;
    for (int count = 0;; count++) {
        BL_TRY(bl_source_next(s, &d, err));
        if (!d.text)
            return BL_OK;
        if (bl_source_counted(s).cut)
            return too_long(path, err);
        if (count)
            return bl_fail(err, BL_EFORMAT, "%s: holds more than one document", name_of(path));
        bl_buf_append(text, d.text, d.bytes);
        BL_TRY(bl_buf_status(text, err));
    }
}

/* A folder is reported by the name that the caller gave. */
static bl_status no_folder(const char *path, bl_error *err)
{
    if (strcmp(path, "-") != 0 && bl_path_what(path) == BL_PATH_DIR)
        return bl_fail(err, BL_EIO, "cannot read %s: it is a folder", path);
    return BL_OK;
}

static bl_status hand_over(const char *path, const bl_buf *text, bl_text_fn *fn, void *user,
                           bl_error *err)
{
    bl_call *call = bl_call_out();
    int stop = fn(user, text->data ? text->data : "", text->len);
    bl_call_back(call);
    return stop ? bl_fail(err, BL_EINTERRUPTED, "interrupted while reading %s", name_of(path))
                : BL_OK;
}

static bl_status read_source(const char *path, const bl_source_options *o, const asker *a,
                             bl_text_fn *fn, void *user, bl_error *err)
{
    const char *part = strcmp(path, "tales") == 0 ? "./tales" : path; /* a file of that name */
    bl_source *source;
    bl_buf text = {0};
    BL_TRY(bl_source_open(&source, &part, 1, o, err));
    bl_watch watch;
    bl_watch_begin_with(&watch, a->progress, a->user, "reading", "B", bl_source_total(source));
    bl_status status = read_one(source, path, &text, err);
    bl_watch_end(&watch);
    if (status == BL_OK)
        status = hand_over(path, &text, fn, user, err);
    bl_source_close(source);
    bl_buf_release(&text);
    return status;
}

/* A conversation is written as prepare would write it for this tokenizer. */
static bl_status choose_template(bl_chosen_template *chosen, bl_tokenizer **t,
                                 const bl_prepare_options *reading, bl_error *err)
{
    const char *name = reading->tokenizer;
    if (*name)
        BL_TRY(bl_tokenizer_open(t, name, err));
    return bl_chosen_template_for_reading(chosen, *t, name, reading, err);
}

static bl_status read_text(const char *path, const bl_options *reading, asker *a, bl_text_fn *fn,
                           void *user, bl_error *err)
{
    bl_prepare_options defaults;
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    const bl_prepare_options *how = reading ? bl_options_prepare(reading) : &defaults;
    bl_chosen_template chosen = {.template = NULL};
    bl_tokenizer *tokenizer = NULL;
    bl_source_options o = how_to_read(path, how, a);
    bl_status status = no_folder(path, err);
    if (status == BL_OK && o.cutter.conversations) {
        status = choose_template(&chosen, &tokenizer, how, err);
        o.cutter.form = &chosen.form;
    }
    if (status == BL_OK)
        status = read_source(path, &o, a, fn, user, err);
    bl_chosen_template_release(&chosen);
    bl_tokenizer_close(tokenizer);
    return status;
}

bl_status bl_read_text(const char *path, const bl_options *reading, bl_progress_fn *progress,
                       bl_text_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    asker a = {progress ? bl_outside_progress_call : NULL, &outside};
    BL_NOT_NULL(err, path);
    BL_NOT_NULL(err, fn);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call, read_text(path, reading, &a, fn, user, err), err);
}

static bl_status read_bytes(bl_in *in, const char *path, asker *a, bl_buf *bytes, bl_error *err)
{
    enum { PIECE = 1 << 16 };
    const uint64_t most = most_bytes(); /* which reads files of the system */
    size_t n = 0;
    for (int end = 0; !end;) {
        char *room = bl_buf_reserve(bytes, PIECE);
        if (!room)
            return bl_fail(err, BL_ENOMEM, "out of memory while reading %s", name_of(path));
        BL_TRY(bl_in_read(in, room, PIECE, &n, &end, err));
        bytes->len += n;
        if (bytes->len > most)
            return too_long(path, err);
        if (n == 0 && !end && idle(a))
            return bl_fail(err, BL_EINTERRUPTED, "interrupted while reading %s", name_of(path));
        BL_TRY(bl_watch_poll(bytes->len, bl_in_size(in), err));
    }
    return BL_OK;
}

static bl_status read_file(const char *path, bl_progress_fn *progress, void *asked, bl_text_fn *fn,
                           void *user, bl_error *err)
{
    asker a = {progress, asked};
    bl_in *in;
    bl_buf bytes = {0};
    bl_watch watch;
    BL_TRY(no_folder(path, err));
    bl_status status = bl_in_open(&in, strcmp(path, "-") == 0 ? NULL : path, NULL, err);
    if (status == BL_ENOENT)
        return bl_fail(err, status, "%s: no such file or folder", path);
    BL_TRY(status);
    bl_watch_begin_with(&watch, progress, asked, "reading", "B", bl_in_size(in));
    status = read_bytes(in, path, &a, &bytes, err);
    bl_watch_end(&watch);
    if (status == BL_OK)
        status = hand_over(path, &bytes, fn, user, err);
    bl_in_close(in);
    bl_buf_release(&bytes);
    return status;
}

bl_status bl_read_file(const char *path, bl_progress_fn *progress, bl_text_fn *fn, void *user,
                       bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    BL_NOT_NULL(err, path);
    BL_NOT_NULL(err, fn);
    bl_call_begin(&call, err);
    return bl_call_end(
        &call, read_file(path, progress ? bl_outside_progress_call : NULL, &outside, fn, user, err),
        err);
}
