/* bl_read_text(): a file as prepare reads it, for prompts. */
#include "core/call.h"
#include "core/buf.h"
#include "core/os.h"
#include "core/watch.h"
#include "data/source.h"

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

/* A text keeps its white space, however long it is. */
static bl_source_options how_to_read(const char *path, const bl_prepare_options *reading, asker *a)
{
    bl_source_options o = bl_source_options_of(reading);
    size_t stem = bl_stream_stem(path);
    o.cut_by_name &=
        bl_file_is_json_lines(path) || (stem > 5 && memcmp(path + stem - 5, ".json", 5) == 0);
    if (o.cut != BL_CUT_JSONL)
        o.cut = BL_CUT_FILE;
    o.cutter.keep_space = 1;
    o.cutter.most = UINT64_MAX;
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
        if (count)
            return bl_fail(err, BL_EFORMAT, "%s: holds more than one document", path);
        bl_buf_append(text, d.text, d.bytes);
        BL_TRY(bl_buf_status(text, err));
    }
}

static bl_status read_text(const char *path, const bl_options *reading, bl_progress_fn *progress,
                           void *asked, bl_text_fn *fn, void *user, bl_error *err)
{
    bl_prepare_options defaults;
    bl_options_defaults(BL_OPTIONS_PREPARE, &defaults);
    asker a = {progress, asked};
    if (strcmp(path, "-") != 0 && bl_path_what(path) == BL_PATH_DIR)
        return bl_fail(err, BL_EIO, "cannot read %s: it is a folder", path);
    const bl_source_options o =
        how_to_read(path, reading ? bl_options_prepare(reading) : &defaults, &a);
    const char *part = strcmp(path, "tales") == 0 ? "./tales" : path; /* a file of that name */
    bl_source *source;
    bl_buf text = {0};
    BL_TRY(bl_source_open(&source, &part, 1, &o, err));
    bl_watch watch;
    bl_watch_begin_with(&watch, progress, asked, "reading", "B", bl_source_total(source));
    bl_status status = read_one(source, path, &text, err);
    bl_watch_end(&watch);
    bl_call *call = bl_call_out();
    if (status == BL_OK && fn(user, text.data ? text.data : "", text.len) != 0)
        status = bl_fail(err, BL_EINTERRUPTED, "interrupted while reading %s", path);
    bl_call_back(call);
    bl_source_close(source);
    bl_buf_release(&text);
    return status;
}

bl_status bl_read_text(const char *path, const bl_options *reading, bl_progress_fn *progress,
                       bl_text_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    bl_outside_progress outside = {progress, user};
    BL_NOT_NULL(err, path);
    BL_NOT_NULL(err, fn);
    BL_TRY(bl_options_expect(reading, BL_OPTIONS_PREPARE, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call,
                       read_text(path, reading, progress ? bl_outside_progress_call : NULL,
                                 &outside, fn, user, err),
                       err);
}
