/* Documents of a corpus: listing the parts, and cutting their texts. */
#include "data/source.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/os.h"
#include "data/tales.h"
#include "text/text.h"

#include <stdio.h>
#include <string.h>

enum { FOLDER_DEPTH = 32 }; /* below the 40 links in a row that systems follow */

typedef enum part_kind { PART_TALES, PART_FILE, PART_STDIN } part_kind;

typedef struct part {
    part_kind kind;
    char *path;
    uint64_t bytes; /* for progress */
} part;

struct bl_source {
    part *parts;
    size_t count, cap;
    bl_tales *tales;
    char *glob;
    bl_buf input; /* standard input */
    bl_buf story;
    /* where the reader stands */
    size_t at;  /* part */
    int begun;  /* `text` holds the part's */
    bl_map map; /* of a file */
    const char *text;
    size_t size, position;
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

static bl_status add_file(bl_source *s, const char *path, bl_error *err)
{
    bl_map map;
    BL_TRY(bl_map_open(&map, path, err));
    uint64_t bytes = map.size;
    bl_map_close(&map);
    return add_part(s, PART_FILE, path, bytes, err);
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
        else if (kind == BL_PATH_FILE &&
                 (!s->glob || bl_glob_match(s->glob, strchr(s->glob, '/') ? under : name)))
            status = add_file(s, inner, err);
        bl_free(inner);
        bl_free(under);
    }
    bl_names_release(&names);
    return status;
}

static bl_status add_stdin(bl_source *s, bl_error *err)
{
    enum { PIECE = 1 << 16 };
    for (size_t i = 0; i < s->count; i++)
        if (s->parts[i].kind == PART_STDIN)
            return bl_fail(err, BL_EINVAL, "standard input can be given only once");
    for (;;) {
        char *to = bl_buf_reserve(&s->input, PIECE);
        if (!to)
            return bl_fail(err, BL_ENOMEM, "out of memory while reading standard input");
        size_t n = fread(to, 1, PIECE, stdin);
        s->input.len += n;
        if (n < PIECE)
            break;
    }
    if (ferror(stdin))
        return bl_fail(err, BL_EIO, "standard input: reading failed");
    return add_part(s, PART_STDIN, "standard input", s->input.len, err);
}

static bl_status add_any(bl_source *s, const char *name, const bl_source_options *options,
                         bl_error *err)
{
    if (strcmp(name, "-") == 0)
        return add_stdin(s, err);
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
        return bl_fail(err, BL_EIO, "%s: neither a file nor a folder", name);
    case BL_PATH_NONE:
        break;
    }
    return bl_fail(err, BL_ENOENT,
                   "%s: no such file or folder (sources are tales, files, folders "
                   "and -)",
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
    bl_status status = BL_OK;
    if (options->glob && (s->glob = bl_strdup(options->glob)) == NULL)
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    for (size_t i = 0; i < count && status == BL_OK; i++)
        status = add_any(s, parts[i], options, err);
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
        bl_map_close(&s->map);
    s->begun = 0;
    s->text = NULL;
    s->size = s->position = 0;
    s->stories = s->told = 0;
}

static bl_status enter_part(bl_source *s, bl_error *err)
{
    const part *p = &s->parts[s->at];
    if (p->kind == PART_FILE) {
        BL_TRY(bl_map_open(&s->map, p->path, err));
        s->text = (const char *)s->map.data;
        s->size = s->map.size;
    } else if (p->kind == PART_STDIN) {
        s->text = s->input.data;
        s->size = s->input.len;
    }
    s->begun = 1;
    if (s->size >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0)
        s->position = 3;
    return BL_OK;
}

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* From `from`, the end of the text before the next line <|endoftext|>; *next is behind the line. */
static size_t find_separator(const char *text, size_t size, size_t from, size_t *next)
{
    static const char mark[] = "<|endoftext|>";
    size_t n = sizeof mark - 1;
    for (size_t line = from; line < size;) {
        const char *newline = memchr(text + line, '\n', size - line);
        size_t end = newline ? (size_t)(newline - text) : size;
        size_t after = newline ? end + 1 : size;
        size_t length = end - line;
        if (length == n + 1 && text[end - 1] == '\r')
            length--;
        if (length == n && memcmp(text + line, mark, n) == 0) {
            *next = after;
            return line;
        }
        line = after;
    }
    *next = size;
    return size;
}

/* The next document of a text; none gives text NULL. */
static bl_status next_in_text(bl_source *s, bl_span *d, bl_error *err)
{
    while (s->position < s->size) {
        size_t first = s->position, next;
        size_t end = find_separator(s->text, s->size, first, &next);
        s->position = next;
        while (first < end && is_space(s->text[first]))
            first++;
        while (end > first && is_space(s->text[end - 1]))
            end--;
        if (first == end)
            continue;
        size_t bad = bl_utf8_invalid(s->text + first, end - first);
        if (bad < end - first)
            return bl_fail(err, BL_EFORMAT, "%s: not UTF-8 at byte %zu", s->parts[s->at].path,
                           first + bad);
        *d = (bl_span){s->text + first, end - first};
        return BL_OK;
    }
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
        const part *p = &s->parts[s->at];
        if (!s->begun)
            BL_TRY(enter_part(s, err));
        if (p->kind == PART_TALES)
            BL_TRY(next_tale(s, d, err));
        else
            BL_TRY(next_in_text(s, d, err));
        if (d->text)
            return BL_OK;
        leave_part(s);
        s->before += p->bytes;
    }
    return BL_OK;
}

void bl_source_rewind(bl_source *s)
{
    leave_part(s);
    s->at = 0;
    s->before = 0;
}

void bl_source_close(bl_source *s)
{
    if (!s)
        return;
    leave_part(s);
    for (size_t i = 0; i < s->count; i++)
        bl_free(s->parts[i].path);
    bl_free(s->parts);
    bl_free(s->glob);
    bl_tales_close(s->tales);
    bl_buf_release(&s->input);
    bl_buf_release(&s->story);
    bl_free(s);
}

uint64_t bl_source_total(const bl_source *s)
{
    uint64_t total = 0;
    for (size_t i = 0; i < s->count; i++)
        total += s->parts[i].bytes;
    return total;
}

uint64_t bl_source_done(const bl_source *s)
{
    uint64_t here = s->position + s->told;
    if (s->at < s->count && here > s->parts[s->at].bytes)
        here = s->parts[s->at].bytes;
    return s->before + here;
}
