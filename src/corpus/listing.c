/* Walking through folders. */
#include "corpus/listing.h"
#include "core/alloc.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/in.h"
#include "core/path.h"

#include <string.h>

enum { FOLDER_DEPTH = 32 }; /* below the 40 links in a row that systems follow */

static bl_status add_part(bl_listing *l, bl_part_kind kind, const char *path, uint64_t bytes,
                          bl_error *err)
{
    BL_TRY(bl_grow(&l->parts, &l->cap, l->count + 1, sizeof *l->parts, err));
    char *copy = bl_strdup(path);
    if (!copy)
        return bl_fail(err, BL_ENOMEM, "out of memory while listing %s", path);
    l->parts[l->count++] = (bl_part){.kind = kind, .path = copy, .bytes = bytes};
    return BL_OK;
}

/* Files are opened to check that they can be, and closed until it is their turn. */
static bl_status add_file(bl_listing *l, const char *path, int found, bl_error *err)
{
    bl_in *in;
    BL_TRY(bl_in_open(&in, path, NULL, err));
    uint64_t bytes = bl_in_size(in);
    bl_in_close(in);
    BL_TRY(add_part(l, BL_PART_FILE, path, bytes, err));
    l->parts[l->count - 1].found = found;
    return BL_OK;
}

/* Does the pattern match the path or name, with or without the ending of a compressed file? */
static int matches(const bl_listing *l, const char *below, const char *name)
{
    if (!l->glob)
        return 1;
    const char *subject = strchr(l->glob, '/') ? below : name;
    if (bl_glob_match(l->glob, subject))
        return 1;
    char *stem = bl_strdup(subject);
    int yes = 0;
    if (stem) {
        stem[bl_stream_stem(stem)] = 0;
        yes = bl_glob_match(l->glob, stem);
    }
    bl_free(stem);
    return yes;
}

/* ---- what this program wrote ---- */

static int contains(const char *dir, const char *name, const char *word)
{
    enum { MOST = 1 << 20 };
    bl_map map;
    size_t n = strlen(word);
    char *path = bl_path_join(dir, name);
    int yes = path && bl_path_what(path) == BL_PATH_FILE && bl_map_open(&map, path, NULL) == BL_OK;
    bl_free(path);
    if (!yes)
        return 0;
    yes = 0;
    for (size_t i = 0; i + n <= map.size && i < MOST && !yes; i++)
        yes = map.data[i] == (unsigned char)*word && memcmp(map.data + i, word, n) == 0;
    bl_map_close(&map);
    return yes;
}

/* A data folder, a run or a model. */
static int is_ours(const char *dir)
{
    return contains(dir, "meta.json", "\"bitllama-tokens\"") ||
           contains(dir, "config.json", "\"bit_llama\"");
}

/* In a folder that the user named although such things are in it. */
static int is_name_of_ours(const char *name)
{
    static const char *const patterns[] = {
        "meta.json",
        "train.bin",
        "val.bin",
        "train.mask",
        "val.mask",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "config.json",
        "*.safetensors",
        "README.md",
        "metrics.jsonl",
        "generation_config.json",
        "loss.svg",
        "events.out.tfevents.*.bitllama",
        "LATEST",
        "BEST",
        "ckpt",
        "RUNS",
        "*.tmp",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (bl_glob_match(patterns[i], name))
            return 1;
    return 0;
}

/* ---- folders ---- */

/* The files of a folder and those below it; `below` is the path from the folder that was named. */
static bl_status add_folder(bl_listing *l, const char *path, const char *below, int depth,
                            bl_error *err)
{
    bl_names names;
    if (depth > FOLDER_DEPTH)
        return bl_fail(err, BL_EFORMAT, "%s: folders nest deeper than %d; a link in a circle?",
                       path, FOLDER_DEPTH);
    int ours = is_ours(path), writing = l->writing && bl_path_same(path, l->writing);
    if ((ours || writing) && depth > 0) {
        l->ours += (size_t)ours; /* a new folder is not reported */
        return BL_OK;
    }
    ours |= writing;
    BL_TRY(bl_dir_list(&names, path, err));
    bl_status status = BL_OK;
    for (size_t i = 0; i < names.count && status == BL_OK; i++) {
        const char *name = names.name[i];
        if (name[0] == '.')
            continue;
        if (ours && is_name_of_ours(name)) {
            l->ours++;
            continue;
        }
        char *inner = bl_path_join(path, name);
        char *under = *below ? bl_path_join(below, name) : bl_strdup(name);
        bl_path_kind kind = inner ? bl_path_what(inner) : BL_PATH_NONE;
        if (!inner || !under)
            status = bl_fail(err, BL_ENOMEM, "out of memory while listing %s", path);
        else if (kind == BL_PATH_DIR)
            status = add_folder(l, inner, under, depth + 1, err);
        else if (kind == BL_PATH_FILE && matches(l, under, name))
            status = add_file(l, inner, 1, err);
        bl_free(inner);
        bl_free(under);
    }
    bl_names_release(&names);
    return status;
}

/* Standard input (path NULL) or a named pipe. */
static bl_status add_pipe(bl_listing *l, const char *path, bl_error *err)
{
    for (size_t i = 0; i < l->count && !path; i++)
        if (l->parts[i].kind == BL_PART_PIPE && strcmp(l->parts[i].path, "standard input") == 0)
            return bl_fail(err, BL_EINVAL, "standard input can be given only once");
    bl_stream *stream;
    BL_TRY(bl_stream_open(&stream, path, l->keep, err));
    bl_status status = add_part(l, BL_PART_PIPE, path ? path : "standard input", 0, err);
    if (status == BL_OK)
        l->parts[l->count - 1].stream = stream;
    else
        bl_stream_close(stream);
    return status;
}

bl_status bl_listing_add(bl_listing *l, const char *name, uint64_t tales_bytes, bl_error *err)
{
    if (strcmp(name, "-") == 0)
        return add_pipe(l, NULL, err);
    if (strcmp(name, "tales") == 0)
        return add_part(l, BL_PART_TALES, name, tales_bytes, err);
    switch (bl_path_what(name)) {
    case BL_PATH_FILE:
        return add_file(l, name, 0, err);
    case BL_PATH_DIR:
        return add_folder(l, name, "", 0, err);
    case BL_PATH_OTHER:
        return add_pipe(l, name, err);
    case BL_PATH_NONE:
        break;
    }
    return bl_fail(err, BL_ENOENT, "%s: no such file or folder", name);
}

void bl_listing_release(bl_listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        bl_stream_close(l->parts[i].stream);
        bl_free(l->parts[i].path);
    }
    bl_free(l->parts);
    *l = (bl_listing){0};
}
