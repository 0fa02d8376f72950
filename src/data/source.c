/* Documents of a corpus: listing the parts, and reading them one after the other. */
#include "data/source.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "data/tales.h"

#include <string.h>

enum { FOLDER_DEPTH = 32 }; /* below the 40 links in a row that systems follow */

typedef enum part_kind { PART_TALES, PART_FILE, PART_PIPE } part_kind;

typedef struct part {
    part_kind kind;
    char *path;
    uint64_t bytes;    /* for progress */
    bl_stream *stream; /* of a pipe, open from the start */
    int aside;         /* as bl_source_aside() */
    int seen;          /* the pipe's end was seen */
} part;

struct bl_source {
    bl_source_options o;
    part *parts;
    size_t count, cap;
    bl_tales *tales;
    bl_cutter *cutter;
    bl_cutter_counts counts; /* of the cutter at the last rewind */
    char *glob, *keep, *field;
    bl_buf story;
    /* where the reader stands */
    size_t at;              /* part */
    int begun;              /* in the midst of it */
    int special;            /* as bl_source_special() */
    bl_stream *stream;      /* its text */
    uint64_t stories, told; /* of tales: number and bytes so far */
    uint64_t before;        /* bytes of the parts already read */
};

/* ---- listing ---- */

static bl_status add_part(bl_source *s, part_kind kind, const char *path, uint64_t bytes,
                          bl_error *err)
{
    BL_TRY(bl_grow(&s->parts, &s->cap, s->count + 1, sizeof *s->parts, err));
    char *copy = bl_strdup(path);
    if (!copy)
        return bl_fail(err, BL_ENOMEM, "out of memory while listing %s", path);
    s->parts[s->count++] = (part){.kind = kind, .path = copy, .bytes = bytes};
    return BL_OK;
}

/* Files are opened to see that they can be, and closed until it is their turn. */
static bl_status add_file(bl_source *s, const char *path, bl_error *err)
{
    bl_in *in;
    BL_TRY(bl_in_open(&in, path, NULL, err));
    uint64_t bytes = bl_in_size(in);
    bl_in_close(in);
    return add_part(s, PART_FILE, path, bytes, err);
}

/* Does the pattern match the path or name, with or without the ending of a compressed file? */
static int matches(const bl_source *s, const char *below, const char *name)
{
    if (!s->glob)
        return 1;
    const char *subject = strchr(s->glob, '/') ? below : name;
    if (bl_glob_match(s->glob, subject))
        return 1;
    char *stem = bl_strdup(subject);
    int yes = 0;
    if (stem) {
        stem[bl_stream_stem(stem)] = 0;
        yes = bl_glob_match(s->glob, stem);
    }
    bl_free(stem);
    return yes;
}

/* The files of a folder and those below it; `below` is the path from the folder that was named. */
static bl_status add_folder(bl_source *s, const char *path, const char *below, int depth,
                            bl_error *err)
{
    bl_names names;
    if (depth > FOLDER_DEPTH)
        return bl_fail(err, BL_EFORMAT, "%s: folders nest deeper than %d; a link in a circle?",
                       path, FOLDER_DEPTH);
    BL_TRY(bl_dir_list(&names, path, err));
    bl_status status = BL_OK;
    for (size_t i = 0; i < names.count && status == BL_OK; i++) {
        const char *name = names.name[i];
        if (name[0] == '.')
            continue;
        char *inner = bl_path_join(path, name);
        char *under = *below ? bl_path_join(below, name) : bl_strdup(name);
        bl_path_kind kind = inner ? bl_path_what(inner) : BL_PATH_NONE;
        if (!inner || !under)
            status = bl_fail(err, BL_ENOMEM, "out of memory while listing %s", path);
        else if (kind == BL_PATH_DIR)
            status = add_folder(s, inner, under, depth + 1, err);
        else if (kind == BL_PATH_FILE && matches(s, under, name))
            status = add_file(s, inner, err);
        bl_free(inner);
        bl_free(under);
    }
    bl_names_release(&names);
    return status;
}

/* Standard input (path NULL) or a named pipe. */
static bl_status add_pipe(bl_source *s, const char *path, bl_error *err)
{
    for (size_t i = 0; i < s->count && !path; i++)
        if (s->parts[i].kind == PART_PIPE && strcmp(s->parts[i].path, "standard input") == 0)
            return bl_fail(err, BL_EINVAL, "standard input can be given only once");
    bl_stream *stream;
    BL_TRY(bl_stream_open(&stream, path, s->keep, err));
    bl_status status = add_part(s, PART_PIPE, path ? path : "standard input", 0, err);
    if (status == BL_OK)
        s->parts[s->count - 1].stream = stream;
    else
        bl_stream_close(stream);
    return status;
}

static bl_status add_any(bl_source *s, const char *name, const bl_source_options *options,
                         bl_error *err)
{
    if (strcmp(name, "-") == 0)
        return add_pipe(s, NULL, err);
    if (strcmp(name, "tales") == 0) {
        if (!s->tales)
            BL_TRY(bl_tales_open(&s->tales, options->seed, err));
        return add_part(s, PART_TALES, name, options->tales_bytes, err);
    }
    switch (bl_path_what(name)) {
    case BL_PATH_FILE:
        return add_file(s, name, err);
    case BL_PATH_DIR:
        return add_folder(s, name, "", 0, err);
    case BL_PATH_OTHER:
        return add_pipe(s, name, err);
    case BL_PATH_NONE:
        break;
    }
    return bl_fail(err, BL_ENOENT,
                   "%s: no such file or folder (sources are tinystories, tales, "
                   "files, folders and -)",
                   name);
}

bl_status bl_source_open(bl_source **result, const char *const *parts, size_t count,
                         const bl_source_options *options, bl_error *err)
{
    *result = NULL;
    if (count == 0)
        return bl_fail(err, BL_EINVAL, "no source given");
    bl_source *s = bl_calloc(1, sizeof *s);
    if (!s)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    s->o = *options;
    s->glob = options->glob ? bl_strdup(options->glob) : NULL;
    s->keep = options->keep ? bl_strdup(options->keep) : NULL;
    s->field = bl_strdup(options->cutter.field ? options->cutter.field : "text");
    s->o.cutter.field = s->field;
    if (!s->o.cutter.most)
        s->o.cutter.most = UINT64_MAX;
    bl_status status = BL_OK;
    if ((options->glob && !s->glob) || (options->keep && !s->keep) || !s->field)
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_cutter_open(&s->cutter, &s->o.cutter, err);
    for (size_t i = 0; i < count && status == BL_OK; i++) {
        size_t first = s->count;
        status = add_any(s, parts[i], options, err);
        for (; first < s->count && options->aside; first++)
            s->parts[first].aside = strcmp(parts[i], options->aside) == 0;
    }
    if (status == BL_OK)
        *result = s;
    else
        bl_source_close(s);
    return status;
}

/* ---- reading ---- */

static void leave_part(bl_source *s)
{
    if (s->begun && s->parts[s->at].kind == PART_FILE)
        bl_stream_close(s->stream);
    s->begun = 0;
    s->stream = NULL;
    s->stories = s->told = 0;
}

static int is_json_lines(const char *path)
{
    static const char *const endings[] = {".jsonl", ".ndjson"};
    size_t stem = bl_stream_stem(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (stem > n && memcmp(path + stem - n, endings[i], n) == 0)
            return 1;
    }
    return 0;
}

static bl_status enter_part(bl_source *s, bl_error *err)
{
    const part *p = &s->parts[s->at];
    bl_cut cut = s->o.cut_by_name && is_json_lines(p->path) ? BL_CUT_JSONL : s->o.cut;
    if (p->kind == PART_FILE)
        BL_TRY(bl_stream_open(&s->stream, p->path, NULL, err));
    else
        s->stream = p->stream;
    s->begun = 1;
    s->special = p->kind == PART_TALES || cut == BL_CUT_END_OF_TEXT;
    if (s->stream)
        bl_cutter_begin(s->cutter, s->stream, p->path, cut);
    return BL_OK;
}

static bl_status next_tale(bl_source *s, bl_span *d, bl_error *err)
{
    if (s->told >= s->parts[s->at].bytes)
        return BL_OK;
    bl_buf_clear(&s->story);
    BL_TRY(bl_tales_story(s->tales, s->stories, &s->story, err));
    s->stories++;
    s->told += s->story.len;
    *d = (bl_span){s->story.data, s->story.len};
    return BL_OK;
}

bl_status bl_source_next(bl_source *s, bl_span *d, bl_error *err)
{
    *d = (bl_span){NULL, 0};
    for (; s->at < s->count; s->at++) {
        part *p = &s->parts[s->at];
        if (!s->begun)
            BL_TRY(enter_part(s, err));
        if (p->kind == PART_TALES)
            BL_TRY(next_tale(s, d, err));
        else
            BL_TRY(bl_cutter_next(s->cutter, d, err));
        if (d->text)
            return BL_OK;
        if (p->kind == PART_PIPE) {
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

int bl_source_aside(const bl_source *s)
{
    return s->at < s->count && s->parts[s->at].aside;
}

bl_status bl_source_rewind(bl_source *s, bl_error *err)
{
    leave_part(s);
    s->at = 0;
    s->before = 0;
    s->counts = bl_cutter_counted(s->cutter);
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i].stream)
            BL_TRY(bl_stream_rewind(s->parts[i].stream, err));
    return BL_OK;
}

void bl_source_close(bl_source *s)
{
    if (!s)
        return;
    leave_part(s);
    for (size_t i = 0; i < s->count; i++) {
        bl_stream_close(s->parts[i].stream);
        bl_free(s->parts[i].path);
    }
    bl_free(s->parts);
    bl_free(s->glob);
    bl_free(s->keep);
    bl_free(s->field);
    bl_tales_close(s->tales);
    bl_cutter_close(s->cutter);
    bl_buf_release(&s->story);
    bl_free(s);
}

uint64_t bl_source_total(const bl_source *s)
{
    uint64_t total = 0;
    for (size_t i = 0; i < s->count; i++) {
        const part *p = &s->parts[i];
        if (p->kind == PART_PIPE && !p->seen && bl_stream_size(p->stream) == 0)
            return 0;
        total += p->kind == PART_PIPE && !p->seen ? bl_stream_size(p->stream) : p->bytes;
    }
    return total;
}

uint64_t bl_source_done(const bl_source *s)
{
    if (s->at >= s->count || !s->begun)
        return s->before;
    return s->before + (s->stream ? bl_stream_done(s->stream) : s->told);
}

bl_cutter_counts bl_source_counted(const bl_source *s)
{
    bl_cutter_counts now = bl_cutter_counted(s->cutter);
    return (bl_cutter_counts){now.replaced - s->counts.replaced, now.cut - s->counts.cut};
}
