/* Which token ends a document, and which one pads: asked for, given by the files beside a
 * tokenizer.json, or known by its name. */
#include "text/roles.h"
#include "core/alloc.h"
#include "core/path.h"
#include "format/json.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

static const char *const usual_ends[] = {
    "<|endoftext|>", "<|end_of_text|>",
    "</s>",          "<\357\275\234end\342\226\201of\342\226\201sentence\357\275\234>",
    "<|im_end|>",    "<|eot_id|>",
    "<eos>",         "<EOS_TOKEN>",
    "<EOT>",         "[EOS]",
    "[SEP]"};
static const char *const usual_pads[] = {"<|padding|>", "<|pad|>", "<pad>", "<PAD>", "[PAD]"};

static int64_t first_of(const bl_tokenizer *t, const char *const *names, size_t count)
{
    int64_t id = -1;
    for (size_t i = 0; i < count && id < 0; i++)
        id = bl_tokenizer_id(t, names[i]);
    return id;
}

static int has_id(const bl_tokenizer *t, int64_t id)
{
    size_t bytes;
    return id >= 0 && (uint64_t)id < t->ids && bl_tokenizer_spelling(t, (size_t)id, &bytes);
}

/* A number is an id, anything else a spelling; -1: there is none. */
static int64_t id_named(const bl_tokenizer *t, const char *name)
{
    if (name[strspn(name, "0123456789")])
        return bl_tokenizer_id(t, name);
    int64_t id = strlen(name) < 10 ? strtoll(name, NULL, 10) : -1;
    return has_id(t, id) ? id : -1;
}

/* A file beside tokenizer.json; NULL with BL_OK when there is none. */
static bl_status load_beside(json_t **root, const char *dir, const char *name, bl_error *err)
{
    *root = NULL;
    char *path = bl_path_join(dir, name);
    if (!path)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_path_what(path) == BL_PATH_NONE ? BL_OK : bl_json_load(root, path, err);
    bl_free(path);
    return status;
}

/* The id that a token of tokenizer_config.json has, a text or an object with its `content`; -1:
 * null or absent.  One that is named and missing is an error, or, with `optional`, -1. */
static bl_status read_token(const bl_tokenizer *t, const json_t *config, const char *key,
                            int optional, int64_t *id, const char *dir, bl_error *err)
{
    const json_t *value = json_object_get(config, key);
    const char *token =
        json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
    *id = token ? bl_tokenizer_id(t, token) : -1;
    if (*id >= 0 || optional || !value || json_is_null(value))
        return BL_OK;
    return bl_fail(err, BL_EFORMAT,
                   "%s/tokenizer_config.json: %s is no token of the tokenizer.json beside it; "
                   "`eos` says which token ends a document",
                   dir, key);
}

/* eos_token_id of config.json and the like, a number or a list of some; -1: null or absent. */
static bl_status read_id(const bl_tokenizer *t, const json_t *config, int64_t *id, const char *dir,
                         const char *name, bl_error *err)
{
    const json_t *value = json_object_get(config, "eos_token_id");
    *id = -1;
    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (!value || json_is_null(value))
        return BL_OK;
    *id = json_is_integer(value) ? json_integer_value(value) : -1;
    if (has_id(t, *id))
        return BL_OK;
    return bl_fail(err, BL_EFORMAT,
                   "%s/%s: eos_token_id is no id of the tokenizer.json beside it; `eos` says "
                   "which token ends a document",
                   dir, name);
}

/* What the files beside tokenizer.json say; -1 when they say nothing. */
static bl_status read_beside(const bl_tokenizer *t, const char *dir, int asked, int64_t *eos,
                             int64_t *pad, bl_error *err)
{
    static const char *const configs[] = {"generation_config.json", "config.json"};
    json_t *root;
    BL_TRY(load_beside(&root, dir, "tokenizer_config.json", err));
    bl_status status = read_token(t, root, "pad_token", 1, pad, dir, err);
    if (status == BL_OK && !asked)
        status = read_token(t, root, "eos_token", 0, eos, dir, err);
    json_decref(root);
    BL_TRY(status);
    for (size_t i = 0; i < sizeof configs / sizeof *configs && !asked && *eos < 0; i++) {
        BL_TRY(load_beside(&root, dir, configs[i], err));
        status = read_id(t, root, eos, dir, configs[i], err);
        json_decref(root);
        BL_TRY(status);
    }
    return BL_OK;
}

/* The folder of a tokenizer that was opened by its file or by its folder. */
static char *folder_of(const char *path)
{
    char *dir = bl_strdup(path);
    if (!dir || bl_path_what(path) == BL_PATH_DIR)
        return dir;
    char *slash = strrchr(dir, '/');
    if (!slash) {
        bl_free(dir);
        return bl_strdup(".");
    }
    slash[slash == dir] = 0;
    return dir;
}

bl_status bl_token_roles_find(bl_token_roles *roles, const bl_tokenizer *t, const char *path,
                              const char *asked, bl_error *err)
{
    int64_t eos = -1, pad = -1;
    char *dir = folder_of(path);
    bl_status status = dir ? read_beside(t, dir, *asked != 0, &eos, &pad, err)
                           : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(dir);
    BL_TRY(status);
    if (*asked) {
        eos = id_named(t, asked);
        if (eos < 0)
            return bl_fail(err, BL_EINVAL, "%s: no token is %s, which `eos` names", path, asked);
    }
    if (eos < 0)
        eos = first_of(t, usual_ends, sizeof usual_ends / sizeof *usual_ends);
    if (eos < 0)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: which of its tokens ends a document? no file beside it says so, and "
                       "none has a usual name; name it with `eos`",
                       path);
    if (pad < 0)
        pad = first_of(t, usual_pads, sizeof usual_pads / sizeof *usual_pads);
    *roles = (bl_token_roles){(uint32_t)eos, (uint32_t)(pad < 0 ? eos : pad)};
    return BL_OK;
}
