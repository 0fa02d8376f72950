/* A data folder: meta.json, and the token files and tokenizer checked against it. */
#include "core/alloc.h"
#include "core/dir.h"
#include "core/path.h"
#include "data/tokens.h"
#include "format/json.h"

#include <errno.h>
#include <string.h>

enum { META_VERSION = 1, META_VERSION_MASKED = 2, LOOKS = 5 };

static const char *const split_names[BL_DATA_SPLITS] = {"train", "val"};
static const char *const file_names[BL_DATA_SPLITS] = {"train.bin", "val.bin"};
static const char *const mask_names[BL_DATA_SPLITS] = {"train.mask", "val.mask"};

/* The counts of a split: X(field). */
#define SPLIT_FIELDS(X)                                                                            \
    X(documents)                                                                                   \
    X(tokens)                                                                                      \
    X(bytes)                                                                                       \
    X(longest_document)

static const char *dtype_name(uint64_t vocab_size)
{
    return bl_token_file_width(vocab_size) == 4 ? "uint32" : "uint16";
}

static bl_status no_memory(bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "out of memory");
}

/* ---- the files ---- */

char *bl_data_path(const char *dir, const char *name)
{
    char *next = bl_path_join(dir, BL_DATA_NEXT), *path = next ? bl_path_join(next, name) : NULL;
    bl_free(next);
    if (path && bl_path_what(path) == BL_PATH_FILE)
        return path;
    bl_free(path);
    return bl_path_join(dir, name);
}

static bl_status move_up(const char *next, const char *dir, const char *name, bl_error *err)
{
    char *from = bl_path_join(next, name), *to = bl_path_join(dir, name);
    bl_status status = from && to ? BL_OK : no_memory(err);
    if (status == BL_OK && bl_path_what(from) == BL_PATH_FILE)
        status = bl_path_rename(from, to, err);
    if (status != BL_OK && from && bl_path_what(from) == BL_PATH_NONE)
        status = BL_OK; /* another process was faster */
    bl_free(from);
    bl_free(to);
    return status;
}

bl_status bl_data_settle(const char *dir, bl_error *err)
{
    static const char *const names[] = {"train.bin", "val.bin",        "train.mask",
                                        "val.mask",  "tokenizer.json", "tokenizer_config.json",
                                        "meta.json"};
    char *next = bl_path_join(dir, BL_DATA_NEXT);
    bl_status status = next ? BL_OK : no_memory(err);
    if (status == BL_OK && bl_path_what(next) == BL_PATH_DIR) {
        for (size_t i = 0; status == BL_OK && i < sizeof names / sizeof *names; i++)
            status = move_up(next, dir, names[i], err);
        if (status == BL_OK)
            status = bl_dir_sync(dir, err);
        if (status == BL_OK)
            status = bl_dir_remove_empty(next, err);
    }
    bl_free(next);
    return status;
}

/* ---- writing ---- */

static json_t *split_to_json(const bl_data_split *split)
{
    json_t *object = json_object();
#define X(field) json_object_set_new(object, #field, json_integer((json_int_t)split->field));
    SPLIT_FIELDS(X)
#undef X
    json_object_set_new(object, "xxh3_128", json_string(split->hash));
    if (*split->mask_hash) {
        json_object_set_new(object, "counted", json_integer((json_int_t)split->counted));
        json_object_set_new(object, "mask_xxh3_128", json_string(split->mask_hash));
    }
    return object;
}

int bl_data_meta_masked(const bl_data_meta *meta)
{
    return *meta->split[BL_DATA_TRAIN].mask_hash != 0;
}

bl_status bl_data_meta_save(const bl_data_meta *meta, const char *dir, bl_error *err)
{
    errno = 0; /* a member that finds no room would be left out silently */
    json_t *root = json_pack(
        "{s:s, s:i, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:f, s:I}", "format", "bitllama-tokens",
        "version", bl_data_meta_masked(meta) ? META_VERSION_MASKED : META_VERSION, "dtype",
        dtype_name(meta->vocab_size), "vocab_size", (json_int_t)meta->vocab_size, "eos_token_id",
        (json_int_t)meta->roles.eos, "pad_token_id", (json_int_t)meta->roles.pad,
        "tokenizer_xxh3_128", meta->tokenizer_hash, "source", meta->source, "split_rule",
        meta->split_rule, "val_split", meta->val_split, "seed", (json_int_t)meta->seed);
    if (root && meta->ends)
        json_object_set_new(root, "ends", json_integer((json_int_t)meta->ends));
    for (int i = 0; root && i < BL_DATA_SPLITS; i++)
        json_object_set_new(root, split_names[i], split_to_json(&meta->split[i]));
    char *path = bl_path_join(dir, "meta.json");
    int whole = root && path && errno != ENOMEM;
    bl_status status = whole ? bl_json_save(root, path, err) : no_memory(err);
    bl_free(path);
    json_decref(root);
    return status;
}

/* ---- reading ---- */

static bl_status get_count(const json_t *object, const char *key, uint64_t *value, const char *path,
                           bl_error *err)
{
    const json_t *field = json_object_get(object, key);
    if (!json_is_integer(field) || json_integer_value(field) < 0)
        return bl_fail(err, BL_EFORMAT, "%s: \"%s\" is missing or no count", path, key);
    *value = (uint64_t)json_integer_value(field);
    return BL_OK;
}

static bl_status get_text(const json_t *object, const char *key, char *text, size_t cap,
                          const char *path, bl_error *err)
{
    const json_t *field = json_object_get(object, key);
    if (!json_is_string(field) || json_string_length(field) >= cap)
        return bl_fail(err, BL_EFORMAT, "%s: \"%s\" is missing, no text or too long", path, key);
    memcpy(text, json_string_value(field), json_string_length(field) + 1);
    return BL_OK;
}

static bl_status get_split(const json_t *root, const char *name, int masked, bl_data_split *split,
                           const char *path, bl_error *err)
{
    const json_t *object = json_object_get(root, name);
    if (!json_is_object(object))
        return bl_fail(err, BL_EFORMAT, "%s: \"%s\" is missing or no object", path, name);
#define X(field) BL_TRY(get_count(object, #field, &split->field, path, err));
    SPLIT_FIELDS(X)
#undef X
    if (json_object_get(object, "xxh3_128")) /* older folders have none */
        BL_TRY(get_text(object, "xxh3_128", split->hash, sizeof split->hash, path, err));
    if (masked) {
        BL_TRY(get_count(object, "counted", &split->counted, path, err));
        BL_TRY(get_text(object, "mask_xxh3_128", split->mask_hash, sizeof split->mask_hash, path,
                        err));
        if (strspn(split->mask_hash, "0123456789abcdef") != 32)
            return bl_fail(err, BL_EFORMAT, "%s: \"mask_xxh3_128\" is no hash", path);
    }
    if (split->documents > split->tokens || (split->documents && !split->bytes) ||
        split->counted > split->tokens)
        return bl_fail(err, BL_EFORMAT, "%s: the counts of \"%s\" contradict each other", path,
                       name);
    return BL_OK;
}

/* The id of a token; older folders do without, and have `*id`. */
static bl_status get_role(const json_t *root, const char *key, uint32_t *id, uint64_t vocab_size,
                          const char *path, bl_error *err)
{
    uint64_t value = 0;
    if (!json_object_get(root, key))
        return BL_OK;
    BL_TRY(get_count(root, key, &value, path, err));
    if (value >= vocab_size)
        return bl_fail(err, BL_EFORMAT, "%s: \"%s\" %llu is past the vocabulary of %llu", path, key,
                       (unsigned long long)value, (unsigned long long)vocab_size);
    *id = (uint32_t)value;
    return BL_OK;
}

static bl_status parse(bl_data_meta *meta, const json_t *root, const char *path, bl_error *err)
{
    char word[32];
    uint64_t version = 0;
    BL_TRY(get_text(root, "format", word, sizeof word, path, err));
    if (strcmp(word, "bitllama-tokens") != 0)
        return bl_fail(err, BL_EFORMAT, "%s: format \"%s\", expected \"bitllama-tokens\"", path,
                       word);
    BL_TRY(get_count(root, "version", &version, path, err));
    if (version != META_VERSION && version != META_VERSION_MASKED)
        return bl_fail(err, BL_EFORMAT, "%s: version %llu, this program reads %d and %d", path,
                       (unsigned long long)version, META_VERSION, META_VERSION_MASKED);
    BL_TRY(get_count(root, "vocab_size", &meta->vocab_size, path, err));
    if (meta->vocab_size < 1 || meta->vocab_size > (uint64_t)1 << 24)
        return bl_fail(err, BL_EFORMAT, "%s: a vocabulary of %llu is out of bounds", path,
                       (unsigned long long)meta->vocab_size);
    meta->roles = BL_TOKEN_ROLES_OWN;
    BL_TRY(get_role(root, "eos_token_id", &meta->roles.eos, meta->vocab_size, path, err));
    BL_TRY(get_role(root, "pad_token_id", &meta->roles.pad, meta->vocab_size, path, err));
    BL_TRY(get_text(root, "dtype", word, sizeof word, path, err));
    if (strcmp(word, dtype_name(meta->vocab_size)) != 0)
        return bl_fail(err, BL_EFORMAT, "%s: dtype \"%s\", a vocabulary of %llu needs \"%s\"", path,
                       word, (unsigned long long)meta->vocab_size, dtype_name(meta->vocab_size));
    BL_TRY(get_count(root, "seed", &meta->seed, path, err));
    if (json_object_get(root, "ends")) /* only when there are any */
        BL_TRY(get_count(root, "ends", &meta->ends, path, err));
    BL_TRY(get_text(root, "source", meta->source, sizeof meta->source, path, err));
    BL_TRY(get_text(root, "split_rule", meta->split_rule, sizeof meta->split_rule, path, err));
    BL_TRY(get_text(root, "tokenizer_xxh3_128", meta->tokenizer_hash, sizeof meta->tokenizer_hash,
                    path, err));
    if (strspn(meta->tokenizer_hash, "0123456789abcdef") != 32)
        return bl_fail(err, BL_EFORMAT, "%s: \"tokenizer_xxh3_128\" is no hash", path);
    const json_t *share = json_object_get(root, "val_split");
    if (!json_is_number(share) || !(json_number_value(share) >= 0 && json_number_value(share) < 1))
        return bl_fail(err, BL_EFORMAT, "%s: \"val_split\" is missing or no share", path);
    meta->val_split = json_number_value(share);
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        BL_TRY(get_split(root, split_names[i], version == META_VERSION_MASKED, &meta->split[i],
                         path, err));
    return BL_OK;
}

bl_status bl_data_meta_load(bl_data_meta *meta, const char *dir, bl_error *err)
{
    memset(meta, 0, sizeof *meta);
    char *path = bl_data_path(dir, "meta.json");
    if (!path)
        return no_memory(err);
    json_t *root = NULL;
    bl_status status = bl_json_load(&root, path, err);
    if (status == BL_OK)
        status = parse(meta, root, path, err);
    json_decref(root);
    bl_free(path);
    return status;
}

/* ---- the folder ---- */

/* The mask of a split as prepare wrote it. */
static bl_status open_mask(bl_token_file *t, const char *dir, const bl_data_split *split, int which,
                           bl_error *err)
{
    bl_mask *mask = NULL;
    char *path = bl_data_path(dir, mask_names[which]);
    bl_status status = path ? bl_mask_open(&mask, path, split->tokens, err) : no_memory(err);
    if (status == BL_OK && (strcmp(bl_mask_hash(mask), split->mask_hash) != 0 ||
                            bl_mask_counted(mask) != split->counted))
        status = bl_fail(err, BL_EFORMAT,
                         "%s: not what prepare wrote (hash %s, meta.json says %s); run prepare "
                         "again",
                         path, bl_mask_hash(mask), split->mask_hash);
    bl_free(path);
    if (status == BL_OK)
        bl_token_file_set_mask(t, mask);
    else
        bl_mask_close(mask);
    return status;
}

static bl_status open_split(bl_token_file **t, const bl_data_meta *meta, const char *dir, int which,
                            const char *path, bl_error *err)
{
    const bl_data_split *split = &meta->split[which];
    BL_TRY(
        bl_token_file_open(t, path, bl_token_file_width(meta->vocab_size), meta->vocab_size, err));
    bl_status status = BL_OK;
    if (bl_token_file_count(*t) != split->tokens)
        status = bl_fail(err, BL_EFORMAT, "%s: %zu tokens, meta.json says %llu; run prepare again",
                         path, bl_token_file_count(*t), (unsigned long long)split->tokens);
    else if (*split->hash && strcmp(bl_token_file_hash(*t), split->hash) != 0)
        status = bl_fail(err, BL_EFORMAT,
                         "%s: not what prepare wrote (hash %s, meta.json says %s); run prepare "
                         "again",
                         path, bl_token_file_hash(*t), split->hash);
    if (status == BL_OK && *split->mask_hash)
        status = open_mask(*t, dir, split, which, err);
    if (status == BL_OK)
        return BL_OK;
    bl_token_file_close(*t);
    *t = NULL;
    return status;
}

static bl_status check_tokenizer(const bl_data_meta *meta, const char *dir, bl_error *err)
{
    char *path = bl_data_path(dir, "tokenizer.json");
    char hash[33] = "";
    bl_status status = path ? bl_file_hash(path, hash, err) : no_memory(err);
    if (status == BL_OK && strcmp(hash, meta->tokenizer_hash) != 0)
        status = bl_fail(err, BL_EFORMAT,
                         "%s: not the tokenizer that made these token files (hash %s, meta.json "
                         "says %s); run prepare again",
                         path, hash, meta->tokenizer_hash);
    bl_free(path);
    return status;
}

static bl_status open_once(bl_data **result, const char *dir, bl_error *err)
{
    *result = NULL;
    bl_data *d = bl_calloc(1, sizeof *d);
    if (!d)
        return no_memory(err);
    bl_status status;
    BL_TRY_GOTO(status, bl_data_meta_load(&d->meta, dir, err), failed);
    BL_TRY_GOTO(status, check_tokenizer(&d->meta, dir, err), failed);
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        char *path = bl_data_path(dir, file_names[i]);
        status = path ? open_split(&d->split[i], &d->meta, dir, i, path, err) : no_memory(err);
        bl_free(path);
        if (status != BL_OK)
            goto failed;
    }
    *result = d;
    return BL_OK;
failed:
    bl_data_close(d);
    return status;
}

/* Whether the folder still says what it said: its files are opened one after the other. */
static int is_still(const bl_data_meta *meta, const char *dir)
{
    bl_data_meta now;
    return bl_data_meta_load(&now, dir, NULL) == BL_OK && memcmp(&now, meta, sizeof now) == 0;
}

bl_status bl_data_open(bl_data **result, const char *dir, bl_error *err)
{
    bl_status status = BL_OK;
    (void)!bl_data_settle(dir, NULL); /* or it is read where it is */
    for (int i = 0; i < LOOKS; i++) {
        bl_data_meta before;
        int had = bl_data_meta_load(&before, dir, NULL) == BL_OK;
        status = open_once(result, dir, err);
        if (status == BL_OK ? is_still(&(*result)->meta, dir) : !had || is_still(&before, dir))
            break;
        bl_data_close(*result);
        *result = NULL;
    }
    return status;
}

void bl_data_close(bl_data *d)
{
    if (!d)
        return;
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        bl_token_file_close(d->split[i]);
    bl_free(d);
}

/* One of the two files of a data folder. */
static bl_status open_described(bl_token_file **t, const char *dir, const bl_data_meta *meta,
                                int which, uint64_t vocab_size, bl_error *err)
{
    char *path = bl_data_path(dir, file_names[which]);
    bl_status status = path ? BL_OK : no_memory(err);
    if (status == BL_OK && meta->vocab_size > vocab_size)
        status =
            bl_fail(err, BL_EFORMAT, "%s: made for a vocabulary of %llu, the model has %llu", path,
                    (unsigned long long)meta->vocab_size, (unsigned long long)vocab_size);
    if (status == BL_OK)
        status = open_split(t, meta, dir, which, path, err);
    bl_free(path);
    return status;
}

bl_status bl_token_file_open_path(bl_token_file **t, const char *path, uint64_t vocab_size,
                                  bl_data_split *split, bl_error *err)
{
    *t = NULL;
    *split = (bl_data_split){0};
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    int which = 0;
    while (which < BL_DATA_SPLITS && strcmp(name, file_names[which]) != 0)
        which++;
    if (which < BL_DATA_SPLITS) {
        char *dir = bl_path_parent(path);
        if (!dir)
            return no_memory(err);
        bl_data_meta meta;
        bl_status status = bl_data_meta_load(&meta, dir, err);
        int described = status == BL_OK;
        if (described)
            status = open_described(t, dir, &meta, which, vocab_size, err);
        bl_free(dir);
        if (status == BL_OK)
            *split = meta.split[which];
        if (described || status != BL_ENOENT)
            return status;
    }
    BL_TRY(bl_token_file_open(t, path, bl_token_file_width(vocab_size), vocab_size, err));
    split->tokens = bl_token_file_count(*t);
    return BL_OK;
}
