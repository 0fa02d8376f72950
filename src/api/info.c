/* bl_info(): what a model folder, a run, a data folder or one of their files holds, as JSON. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/dir.h"
#include "core/give.h"
#include "core/path.h"
#include "core/watch.h"
#include "data/tokens.h"
#include "format/other_file.h"
#include "format/shards.h"
#include "infer/heads.h"
#include "train/checkpoint.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *count_of(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* Whether this thread has left anything out for want of memory since info() began. */
static _Thread_local int lost;

static void set(json_t *object, const char *key, json_t *value)
{
    lost |= json_object_set_new(object, key, value) != 0;
}

static bl_status describe_weights(json_t *out, const char *path, int list, bl_error *err)
{
    bl_st *st;
    BL_TRY(bl_weights_open_files(&st, path, err));
    uint64_t bytes = 0, elements = 0;
    json_t *tensors = json_array();
    for (size_t i = 0; i < bl_st_count(st); i++) {
        const bl_st_tensor *t = bl_st_at(st, i);
        elements += t->count;
        bytes += t->count * bl_dtype_bytes(t->dtype);
        json_t *shape = json_array(), *tensor = json_object();
        for (size_t k = 0; k < t->rank; k++)
            lost |= json_array_append_new(shape, count_of(t->shape[k])) != 0;
        set(tensor, "name", json_string(t->name));
        set(tensor, "dtype", json_string(bl_dtype_name(t->dtype)));
        set(tensor, "shape", shape);
        lost |= json_array_append_new(tensors, tensor) != 0;
    }
    set(out, "weights", json_string(path));
    set(out, "elements", count_of(elements));
    set(out, "weight_bytes", count_of(bytes));
    set(out, "tensor_count", count_of(bl_st_count(st)));
    json_t *metadata = json_object();
    for (size_t i = 0; i < bl_st_metadata_count(st); i++) {
        const char *key = bl_st_metadata_key(st, i);
        set(metadata, key, json_string(bl_st_metadata(st, key)));
    }
    set(out, "metadata", metadata);
    if (list)
        set(out, "tensors", tensors);
    else
        json_decref(tensors);
    bl_st_close(st);
    return BL_OK;
}

static void describe_state(json_t *out, const bl_train_state *s)
{
    json_t *train = json_object();
    set(train, "step", count_of(s->step));
    set(train, "steps", count_of(s->options.steps));
    set(train, "tokens", count_of(s->tokens));
    if (s->best_step) {
        set(train, "best_step", count_of(s->best_step));
        set(train, "best_loss", json_real(s->best_loss));
    }
    if (*s->parent)
        set(train, "parent", json_string(s->parent));
    set(train, "options", bl_options_to_json(BL_OPTIONS_TRAIN, &s->options));
    set(out, "training", train);
}

/* How fast each head forgets, in tokens: a row for each layer. */
static bl_status describe_half_lives(json_t *out, const bl_net *net, bl_error *err)
{
    size_t L = net->m.L, H = net->m.H;
    if (!net->config.ttt_forget) {
        set(out, "half_lives", json_string("never forgets"));
        return BL_OK;
    }
    bl_head_info *heads = bl_calloc(L * H, sizeof *heads);
    if (!heads)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu heads", L * H);
    bl_status status = bl_heads_measure(net, NULL, heads, err);
    json_t *layers = json_array();
    for (size_t l = 0; status == BL_OK && l < L; l++) {
        json_t *row = json_array();
        for (size_t h = 0; h < H; h++) {
            double tokens = round(heads[l * H + h].half_life * 100) / 100;
            lost |= json_array_append_new(row, isfinite(tokens) ? json_real(tokens) : json_null());
        }
        lost |= json_array_append_new(layers, row) != 0;
    }
    set(out, "half_lives", layers);
    bl_free(heads);
    return status;
}

/* What the model computes, and how many bits a parameter takes; a model that does not open says
 * why instead. */
static void describe_function(json_t *out, const char *path, uint64_t parameters)
{
    static const char *const forms[] = {[BL_WEIGHTS_LATENT] = "latent",
                                        [BL_WEIGHTS_PACKED] = "packed",
                                        [BL_WEIGHTS_PACKED_INVERSE] = "packed, scales inverted"};
    bl_model *m;
    bl_error why;
    char hex[33];
    if (bl_model_open(&m, path, NULL, &why) != BL_OK) {
        lost |= why.code == BL_ENOMEM;
        set(out, "problem", json_string(why.message));
        return;
    }
    json_int_t bytes = json_integer_value(json_object_get(out, "weight_bytes"));
    set(out, "weight_form", json_string(forms[m->form]));
    set(out, "bits_per_parameter", json_real(8.0 * (double)bytes / (double)parameters));
    if (bl_model_fingerprint(m, hex, &why) == BL_OK)
        set(out, "fingerprint", json_string(hex));
    else
        set(out, "problem", json_string(why.message));
    lost |= why.code == BL_ENOMEM;
    if (describe_half_lives(out, &m->net, &why) != BL_OK)
        set(out, "problem", json_string(why.message));
    lost |= why.code == BL_ENOMEM;
    if (*m->parent)
        set(out, "parent_fingerprint", json_string(m->parent));
    bl_model_close(m);
}

/* What to describe, and where to write it. */
typedef struct description {
    json_t *out;
    const char *path;
} description;

static bl_status describe_files(void *user, const bl_model_files *files, bl_error *err)
{
    const description *d = user;
    bl_config config;
    bl_tensor_list tensors = {0};
    char *config_path = bl_path_join(files->config_dir, "config.json");
    char *weights = NULL;
    bl_status status = config_path ? bl_config_load(&config, config_path, err)
                                   : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_weights_path(&weights, files->weights_dir, err);
    if (status == BL_OK)
        status = bl_config_check(&config, config_path, err);
    if (status == BL_OK)
        status = bl_tensors_open(&tensors, &config, 0, BL_TABLE_PARAMS, sizeof(float), err);
    if (status == BL_OK) {
        set(d->out, "kind", json_string(files->is_run ? "run" : "model"));
        set(d->out, "path", json_string(d->path));
        set(d->out, "parameters", count_of(tensors.parameters));
        set(d->out, "state_bytes", count_of(sizeof(float) * bl_state_elements(&config)));
        status = describe_weights(d->out, weights, 0, err);
        describe_function(d->out, d->path, tensors.parameters);
        set(d->out, "config", bl_options_to_json(BL_OPTIONS_CONFIG, &config));
    }
    bl_train_state state;
    bl_status known = BL_ENOENT;
    if (status == BL_OK && files->is_run)
        known = bl_checkpoint_state(&state, files->weights_dir, NULL);
    if (known == BL_OK)
        describe_state(d->out, &state);
    lost |= known == BL_ENOMEM;
    bl_tensors_release(&tensors);
    bl_free(config_path);
    bl_free(weights);
    return status;
}

static bl_status describe_model(json_t *out, const char *path, bl_error *err)
{
    description d = {out, path};
    return bl_model_files_use(path, describe_files, &d, err);
}

static bl_status describe_data(json_t *out, const char *path, bl_error *err)
{
    static const char *const names[BL_DATA_SPLITS] = {"train", "val"};
    bl_data_meta meta;
    BL_TRY(bl_data_meta_load(&meta, path, err));
    set(out, "kind", json_string("data"));
    set(out, "path", json_string(path));
    set(out, "source", json_string(meta.source));
    set(out, "vocab_size", count_of(meta.vocab_size));
    set(out, "eos_token_id", count_of(meta.roles.eos));
    set(out, "tokenizer_hash", json_string(meta.tokenizer_hash));
    set(out, "split_rule", json_string(meta.split_rule));
    for (size_t i = 0; i < BL_DATA_SPLITS; i++) {
        const bl_data_split *s = &meta.split[i];
        json_t *split = json_object();
        set(split, "documents", count_of(s->documents));
        set(split, "bytes", count_of(s->bytes));
        set(split, "tokens", count_of(s->tokens));
        set(split, "longest_document", count_of(s->longest_document));
        if (*s->mask_hash)
            set(split, "counted", count_of(s->counted));
        set(out, names[i], split);
    }
    return BL_OK;
}

static int has(const char *dir, const char *name)
{
    char *path = bl_data_path(dir, name);
    int there = path && bl_path_what(path) == BL_PATH_FILE;
    bl_free(path);
    return there;
}

static bl_status describe_checkpoint(json_t *out, const char *path, bl_error *err)
{
    bl_train_state state;
    char *weights = bl_path_join(path, BL_WEIGHTS_FILE);
    bl_status status =
        weights ? bl_checkpoint_state(&state, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    set(out, "kind", json_string("checkpoint"));
    set(out, "path", json_string(path));
    if (status == BL_OK)
        status = describe_weights(out, weights, 0, err);
    if (status == BL_OK)
        describe_state(out, &state);
    bl_free(weights);
    return status;
}

static bl_status describe_tokenizer(json_t *out, const char *path, bl_error *err)
{
    bl_tokenizer *tokenizer;
    BL_TRY(bl_tokenizer_open(&tokenizer, path, err));
    set(out, "kind", json_string("tokenizer"));
    set(out, "path", json_string(path));
    set(out, "vocab_size", count_of(bl_tokenizer_vocab_size(tokenizer)));
    bl_tokenizer_close(tokenizer);
    return BL_OK;
}

/* The ids of a .bin file take two bytes unless a meta.json beside it says otherwise. */
static bl_status describe_tokens(json_t *out, const char *path, bl_error *err)
{
    enum { MOST_OF_TWO_BYTES = 1 << 16, MOST = 1 << 24 };
    bl_token_file *tokens;
    bl_data_split split;
    char *dir = bl_strdup(path);
    if (!dir)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    int described = has(slash ? dir : ".", "meta.json");
    bl_free(dir);
    if (!described) /* pytorch_model.bin */
        BL_TRY(bl_other_refuse(BL_PLACE_TOKENS, path, err));
    BL_TRY(
        bl_token_file_open_path(&tokens, path, described ? MOST : MOST_OF_TWO_BYTES, &split, err));
    set(out, "kind", json_string("tokens"));
    set(out, "path", json_string(path));
    set(out, "tokens", count_of(bl_token_file_count(tokens)));
    if (split.bytes) {
        set(out, "documents", count_of(split.documents));
        set(out, "bytes", count_of(split.bytes));
        set(out, "longest_document", count_of(split.longest_document));
    }
    bl_token_file_close(tokens);
    return BL_OK;
}

static bl_status describe(json_t *out, const char *path, bl_error *err)
{
    bl_dir_recover(path);
    bl_path_kind kind = bl_path_what(path);
    if (kind == BL_PATH_NONE)
        return bl_fail(err, BL_ENOENT, "%s: no such file or folder", path);
    if (kind == BL_PATH_DIR && has(path, "meta.json"))
        return describe_data(out, path, err);
    if (kind == BL_PATH_DIR && !has(path, "config.json") && has(path, "state.json"))
        return describe_checkpoint(out, path, err);
    if (kind == BL_PATH_DIR)
        return describe_model(out, path, err);
    if (bl_path_ends_with(path, "tokenizer.json"))
        return describe_tokenizer(out, path, err);
    if (bl_path_ends_with(path, ".bin"))
        return describe_tokens(out, path, err);
    set(out, "kind", json_string("safetensors")); /* first in the listing */
    BL_TRY(describe_weights(out, path, 1, err));
    const json_t *format = json_object_get(json_object_get(out, "metadata"), "format");
    if (json_is_string(format) && strcmp(json_string_value(format), "bitllama-memory") == 0)
        set(out, "kind", json_string("memory"));
    return BL_OK;
}

static bl_status info(const char *path, char *buffer, size_t cap, size_t *bytes, bl_error *err)
{
    lost = 0;
    json_t *out = json_object();
    bl_watch watch;
    bl_watch_begin(&watch, "reading", "%", 100);
    bl_status status = describe(out, path, err);
    bl_watch_end(&watch);
    char *text =
        status == BL_OK && !lost ? json_dumps(out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(out);
    BL_TRY(status);
    if (!text)
        return bl_fail(err, BL_ENOMEM, "out of memory while describing %s", path);
    bl_give_text(text, strlen(text), buffer, cap, bytes);
    free(text); /* jansson's own malloc */
    return BL_OK;
}

bl_status bl_info(const char *path, char *buffer, size_t cap, size_t *bytes, bl_error *err)
{
    bl_call call;
    if (bytes)
        *bytes = 0;
    if (buffer && cap)
        *buffer = 0;
    BL_NOT_NULL(err, path);
    BL_NOT_NULL_IF(err, cap, buffer);
    bl_call_begin(&call, err);
    return bl_call_end(&call, info(path, buffer, cap, bytes, err), err);
}
