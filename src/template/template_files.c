/* The files that hold a model's chat templates: tokenizer_config.json, chat_template.jinja. */
#include "template/template_files.h"
#include "core/alloc.h"
#include "core/file.h"
#include "core/path.h"
#include "format/json.h"

#include <string.h>

#define CONFIG         "tokenizer_config.json"
#define FILE_OF_ONE    "chat_template.jinja"
#define FOLDER_OF_MORE "additional_chat_templates"

static bl_status no_memory(bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "out of memory for a chat template");
}

/* Variables that are always there: null, unless they are given. */
static bl_status make_own(bl_template *t, bl_error *err)
{
    t->own = json_pack("{s: n, s: n, s: b}", "tools", "documents", "add_generation_prompt", 0);
    return t->own ? BL_OK : no_memory(err);
}

static const char *const token_names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};
static const char more_tokens[] = "additional_special_tokens";

/* bos_token and its kin, a text or an object with `content`. */
static bl_status read_tokens(json_t *into, const json_t *config, bl_error *err)
{
    for (size_t i = 0; i < sizeof token_names / sizeof *token_names; i++) {
        json_t *value = json_object_get(config, token_names[i]);
        value = json_is_object(value) ? json_object_get(value, "content") : value;
        if (json_is_string(value) && json_object_set(into, token_names[i], value) != 0)
            return no_memory(err);
    }
    const json_t *list = json_object_get(config, more_tokens);
    if (!json_is_array(list) || !json_array_size(list))
        return BL_OK;
    json_t *texts = json_array(), *value;
    size_t i;
    int failed = !texts || json_object_set_new(into, more_tokens, texts) != 0;
    json_array_foreach (list, i, value) {
        value = json_is_object(value) ? json_object_get(value, "content") : value;
        if (json_is_string(value) && !failed)
            failed = json_array_append(texts, value) != 0;
    }
    return failed ? no_memory(err) : BL_OK;
}

static bl_status compile(bl_program **p, const char *path, const char *name, const json_t *text,
                         bl_error *err)
{
    char what[300];
    (void)snprintf(what, sizeof what, "%.200s%s%.60s", path, name ? ": chat_template " : "",
                   name ? name : "");
    return bl_program_open(p, what, json_string_value(text), json_string_length(text), err);
}

/* The text of a template that stands alone. */
static bl_status compile_text(bl_template *t, const char *what, const char *text, size_t bytes,
                              bl_error *err)
{
    BL_TRY(bl_program_open(&t->program, what, text, bytes, err));
    t->source = json_stringn(text, bytes);
    return t->source ? BL_OK : no_memory(err);
}

static bl_status compile_file(bl_template *t, const char *path, bl_error *err)
{
    bl_map map;
    BL_TRY(bl_map_open(&map, path, err));
    bl_status status = compile_text(t, path, (const char *)map.data, map.size, err);
    bl_map_close(&map);
    return status;
}

/* Of a list of objects with `name` and `template` the one with a name; NULL: none. */
static const json_t *named(const json_t *list, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach (list, i, one) {
        const char *is = json_string_value(json_object_get(one, "name"));
        const json_t *text = json_object_get(one, "template");
        if (is && strcmp(is, name) == 0 && json_is_string(text))
            return text;
    }
    return NULL;
}

/* chat_template of tokenizer_config.json: a text, or several with names. */
static bl_status read_config(bl_template *t, const json_t *config, const char *path,
                             const char *name, bl_error *err)
{
    json_t *value = json_object_get(config, "chat_template");
    t->source = json_incref(value);
    if (json_is_string(value) && (!name || strcmp(name, "default") == 0))
        return compile(&t->program, path, NULL, value, err);
    if (!json_is_array(value))
        return value && !json_is_null(value) && !json_is_string(value)
                   ? bl_fail(err, BL_EFORMAT, "%s: chat_template is a text or a list, found %s",
                             path, bl_json_type_name(value))
                   : BL_OK;
    const json_t *first = named(value, name ? name : "default");
    const json_t *tools = name ? NULL : named(value, "tool_use");
    if (!first && !name && json_array_size(value) == 1)
        first = json_object_get(json_array_get(value, 0), "template");
    if (json_is_string(first))
        BL_TRY(compile(&t->program, path, name ? name : "default", first, err));
    return t->program && tools ? compile(&t->with_tools, path, "tool_use", tools, err) : BL_OK;
}

/* A template that is a file of its own, which goes before tokenizer_config.json. */
static bl_status read_file(bl_template *t, const char *name, bl_error *err)
{
    int other = name && strcmp(name, "default") != 0;
    char *file = bl_strdup(FILE_OF_ONE);
    if (other && file) {
        size_t n = strlen(name) + sizeof FOLDER_OF_MORE + sizeof "/.jinja";
        bl_free(file);
        file = strchr(name, '/') ? NULL : bl_calloc(n, 1);
        if (strchr(name, '/'))
            return BL_OK;
        if (file)
            (void)snprintf(file, n, FOLDER_OF_MORE "/%s.jinja", name);
    }
    char *path = file ? bl_path_join(t->folder, file) : NULL;
    bl_status status = path ? BL_OK : no_memory(err);
    if (path && bl_path_what(path) == BL_PATH_FILE)
        status = compile_file(t, path, err);
    bl_free(file);
    bl_free(path);
    return status;
}

static bl_status read_folder(bl_template *t, const char *name, bl_error *err)
{
    json_t *config = NULL;
    char *path = bl_path_join(t->folder, CONFIG);
    if (!path)
        return no_memory(err);
    bl_status status =
        bl_path_what(path) == BL_PATH_NONE ? BL_OK : bl_json_load(&config, path, err);
    if (status == BL_OK)
        status = read_tokens(t->own, config, err);
    if (status == BL_OK)
        status = read_file(t, name, err);
    if (status == BL_OK && !t->program)
        status = read_config(t, config, path, name, err);
    if (status == BL_OK && !t->program)
        status = bl_fail(err, BL_ENOENT,
                         "%s: no chat template%s%.60s: neither chat_template in "
                         "tokenizer_config.json nor chat_template.jinja",
                         t->folder, name ? " named " : "", name ? name : "");
    json_decref(config);
    bl_free(path);
    return status;
}

/* A checkpoint has its tokenizer in its run, two folders up. */
static int is_checkpoint(const char *path)
{
    return bl_path_has(path, "state.json") && !bl_path_has(path, "config.json");
}

bl_status bl_template_files_read(bl_template *t, const char *path, const char *name, bl_error *err)
{
    BL_TRY(make_own(t, err));
    if (bl_path_what(path) == BL_PATH_NONE)
        return bl_fail(err, BL_ENOENT, "%s: no such file or folder", path);
    if (bl_path_what(path) != BL_PATH_DIR && !bl_path_ends_with(path, CONFIG))
        return compile_file(t, path, err);
    if (bl_path_what(path) != BL_PATH_DIR)
        t->folder = bl_path_parent(path);
    else
        t->folder = is_checkpoint(path) ? bl_path_join(path, "../..") : bl_strdup(path);
    return t->folder ? read_folder(t, name, err) : no_memory(err);
}

bl_status bl_template_text_read(bl_template *t, const char *what, const char *text, bl_error *err)
{
    BL_TRY(make_own(t, err));
    return compile_text(t, what, text, strlen(text), err);
}

bl_status bl_template_tokens_read(json_t *into, const char *folder, bl_error *err)
{
    json_t *config = NULL;
    char *path = bl_path_join(folder, CONFIG);
    if (!path)
        return no_memory(err);
    bl_status status =
        bl_path_what(path) == BL_PATH_NONE ? BL_OK : bl_json_load(&config, path, err);
    if (status == BL_OK)
        status = read_tokens(into, config, err);
    json_decref(config);
    bl_free(path);
    return status;
}

bl_status bl_template_name_tokens(bl_template *t, const json_t *tokens, bl_error *err)
{
    for (size_t i = 0; i < sizeof token_names / sizeof *token_names; i++)
        (void)json_object_del(t->own, token_names[i]);
    (void)json_object_del(t->own, more_tokens);
    return json_object_update(t->own, (json_t *)(uintptr_t)tokens) == 0 ? BL_OK : no_memory(err);
}
