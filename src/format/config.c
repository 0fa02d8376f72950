/* The model's config: presets, checks across fields, and config.json in the Hugging Face form. */
#include "format/config.h"
#include "format/json.h"

#include <string.h>

static const char model_type[] = "bit_llama";
static const char architecture[] = "BitLlamaForCausalLM";

/* ---- presets (MODEL 5) ---- */

typedef struct preset {
    const char *name;
    size_t V, D, L, H, I;
} preset;

static const preset presets[] = {
    [BL_PRESET_MICRO] = {"micro", 16384, 256, 8, 4, 688},
    [BL_PRESET_CODE] = {"code", 16384, 768, 12, 12, 2048},
    [BL_PRESET_TINY] = {"tiny", 2048, 128, 4, 2, 352},
};

const char *bl_preset_at(size_t i)
{
    return i < sizeof presets / sizeof *presets ? presets[i].name : NULL;
}

bl_status bl_config_preset(bl_config *c, const char *name, bl_error *err)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        const preset *p = &presets[i];
        if (strcmp(p->name, name) != 0)
            continue;
        c->vocab_size = p->V;
        c->hidden_size = p->D;
        c->num_hidden_layers = p->L;
        c->num_attention_heads = p->H;
        c->intermediate_size = p->I;
        return BL_OK;
    }
    return bl_fail(err, BL_EINVAL, "`preset` is one of %s, not '%.40s'",
                   bl_field_find(bl_fields(BL_OPTIONS_TRAIN), "preset")->info.choices, name);
}

/* ---- checks ---- */

bl_status bl_config_check(const bl_config *c, const char *name, bl_error *err)
{
    size_t D = c->hidden_size, H = c->num_attention_heads;
    const char *file = name ? name : "", *colon = name ? ": " : "", *quote = name ? "" : "`";
    if (!H || D % H != 0)
        return bl_fail(err, BL_EINVAL,
                       "%s%s%shidden_size%s %zu is not a multiple of %snum_attention_heads%s %zu",
                       file, colon, quote, quote, D, quote, quote, H);
    size_t F = D / H;
    if (F < 16 || F > 128 || F % 2 != 0)
        return bl_fail(err, BL_EINVAL,
                       "%s%sthe head width %shidden_size%s / %snum_attention_heads%s = %zu / %zu = "
                       "%zu must be even, from 16 to 128",
                       file, colon, quote, quote, quote, quote, D, H, F);
    if (c->ttt_half_life_max > 0 && c->ttt_half_life_min > c->ttt_half_life_max)
        return bl_fail(
            err, BL_EINVAL, "%s%s%sttt_half_life_min%s %g is above %sttt_half_life_max%s %g", file,
            colon, quote, quote, c->ttt_half_life_min, quote, quote, c->ttt_half_life_max);
    const struct {
        const char *field;
        size_t id;
    } ids[] = {{"bos_token_id", c->bos_token_id},
               {"eos_token_id", c->eos_token_id},
               {"pad_token_id", c->pad_token_id}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i].id >= c->vocab_size)
            return bl_fail(err, BL_EINVAL, "%s%s%s%s%s %zu is past the vocabulary of %zu", file,
                           colon, quote, ids[i].field, quote, ids[i].id, c->vocab_size);
    return BL_OK;
}

void bl_config_half_lives(bl_config *c, size_t context)
{
    enum { TIMES = 4 };
    if (!c->ttt_forget) {
        c->ttt_half_life_min = c->ttt_half_life_max = 0;
        return;
    }
    int given = c->ttt_half_life_max > 0;
    if (!given)
        c->ttt_half_life_max = TIMES * (double)context;
    if (!(c->ttt_half_life_min > 0))
        c->ttt_half_life_min = TIMES * (double)c->mini_batch_size;
    if (c->ttt_half_life_min <= c->ttt_half_life_max)
        return;
    if (given) /* what was asked for stays, the default gives way */
        c->ttt_half_life_min = c->ttt_half_life_max;
    else
        c->ttt_half_life_max = c->ttt_half_life_min;
}

/* ---- config.json ---- */

/* The one field that Hugging Face's form spells differently: an object for ternary weights, nothing
 * for unquantised ones. */
static int is_quantization(const bl_field *field)
{
    return strcmp(field->info.name, "quantization") == 0;
}

static bl_status check_word(const json_t *object, const char *key, const char *const *allowed,
                            const char *path, bl_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return BL_OK;
    if (!json_is_string(value))
        return bl_fail(err, BL_EFORMAT, "%s: %s is text, found %s", path, key,
                       bl_json_type_name(value));
    for (const char *const *word = allowed; *word; word++)
        if (strcmp(json_string_value(value), *word) == 0)
            return BL_OK;
    return bl_fail(err, BL_EUNSUPPORTED, "%s: %s is \"%.60s\", this program knows \"%s\"%s%s%s",
                   path, key, json_string_value(value), allowed[0], allowed[1] ? " and \"" : "",
                   allowed[1] ? allowed[1] : "", allowed[1] ? "\"" : "");
}

static bl_status read_quantization(const json_t *root, int *ternary, const char *path,
                                   bl_error *err)
{
    static const char *const methods[] = {"bitnet", NULL};
    static const char *const classes[] = {"autobitlinear", "bitlinear", NULL};
    static const char *const modes[] = {"online", "offline", NULL};
    const json_t *object = json_object_get(root, "quantization_config");
    *ternary = 0;
    if (!object || json_is_null(object))
        return BL_OK;
    if (!json_is_object(object))
        return bl_fail(err, BL_EFORMAT, "%s: quantization_config is an object, found %s", path,
                       bl_json_type_name(object));
    if (!json_object_get(object, "quant_method"))
        return bl_fail(err, BL_EFORMAT, "%s: quantization_config has no quant_method", path);
    BL_TRY(check_word(object, "quant_method", methods, path, err));
    BL_TRY(check_word(object, "linear_class", classes, path, err));
    BL_TRY(check_word(object, "quantization_mode", modes, path, err));
    *ternary = 1;
    return BL_OK;
}

/* Is it the config of one of our models? */
static bl_status check_kind(const json_t *root, const char *path, bl_error *err)
{
    static const char *const tokenizers[] = {"tokenizer_class", "added_tokens", "merges"};
    const json_t *type = json_object_get(root, "model_type");
    if (type && !json_is_string(type))
        return bl_fail(err, BL_EFORMAT, "%s: model_type is text, found %s", path,
                       bl_json_type_name(type));
    if (type && strcmp(json_string_value(type), model_type) != 0)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: the config of another kind of model: model_type is \"%.60s\", this "
                       "program trains and runs its own, \"%s\"",
                       path, json_string_value(type), model_type);
    for (size_t i = 0; !type && i < sizeof tokenizers / sizeof *tokenizers; i++)
        if (json_object_get(root, tokenizers[i]))
            return bl_fail(err, BL_EFORMAT,
                           "%s: a file of a tokenizer; the model is described by config.json",
                           path);
    return BL_OK;
}

static bl_status overlay(bl_config *c, unsigned char present[BL_CONFIG_COUNT], const json_t *root,
                         const char *path, bl_error *err)
{
    const bl_field_table *table = bl_fields(BL_OPTIONS_CONFIG);
    BL_TRY(check_kind(root, path, err));
    int ternary;
    BL_TRY(read_quantization(root, &ternary, path, err));
    for (size_t i = 0; i < BL_CONFIG_COUNT; i++) {
        const bl_field *field = &table->fields[i];
        const json_t *value = json_object_get(root, field->info.name);
        present[i] = value != NULL || is_quantization(field);
        if (value)
            BL_TRY(bl_field_from_json(field, c, value, path, err));
        else if (is_quantization(field))
            c->quantization = ternary ? BL_QUANT_TERNARY : BL_QUANT_NONE;
    }
    if (ternary && c->quantization != BL_QUANT_TERNARY)
        return bl_fail(err, BL_EFORMAT,
                       "%s: quantization \"none\" contradicts its quantization_config", path);
    return BL_OK;
}

void bl_config_settle(bl_config *c, int base_lr_given)
{
    if (!base_lr_given)
        c->ttt_base_lr = c->ttt_layer_type == BL_TTT_MLP ? 0.1 : 1;
}

bl_status bl_config_overlay(bl_config *c, unsigned char present[BL_CONFIG_COUNT], const char *path,
                            bl_error *err)
{
    json_t *root;
    BL_TRY(bl_json_load(&root, path, err));
    bl_status status = overlay(c, present, root, path, err);
    json_decref(root);
    return status;
}

bl_status bl_config_load(bl_config *c, const char *path, bl_error *err)
{
    unsigned char present[BL_CONFIG_COUNT];
    bl_options_defaults(BL_OPTIONS_CONFIG, c);
    BL_TRY(bl_config_overlay(c, present, path, err));
    bl_config_settle(c, present[BL_CONFIG_ttt_base_lr]);
    if (!present[BL_CONFIG_ttt_forget]) /* a model from before there was forgetting */
        c->ttt_forget = 0;
    if (!present[BL_CONFIG_pre_conv]) /* from before it was the default */
        c->pre_conv = 0;
    bl_status status = bl_config_check(c, path, err);
    if (status == BL_EINVAL) /* a bad file is bad input, not a bad argument */
        status = BL_EFORMAT;
    if (status != BL_OK && err)
        err->code = status;
    return status;
}

bl_status bl_config_form(bl_weight_form *form, const char *path, bl_error *err)
{
    json_t *root;
    int ternary;
    *form = BL_WEIGHTS_LATENT;
    BL_TRY(bl_json_load(&root, path, err));
    bl_status status = read_quantization(root, &ternary, path, err);
    const json_t *object = json_object_get(root, "quantization_config");
    const char *mode = json_string_value(json_object_get(object, "quantization_mode"));
    const char *kind = json_string_value(json_object_get(object, "linear_class"));
    if (status == BL_OK && mode && strcmp(mode, "offline") == 0)
        *form = kind && strcmp(kind, "autobitlinear") == 0 ? BL_WEIGHTS_PACKED
                                                           : BL_WEIGHTS_PACKED_INVERSE;
    json_decref(root);
    return status;
}

bl_status bl_config_save(const bl_config *c, bl_weight_form form, int auto_map, const char *path,
                         bl_error *err)
{
    const bl_field_table *table = bl_fields(BL_OPTIONS_CONFIG);
    json_t *root =
        json_pack("{s:[s], s:s}", "architectures", architecture, "model_type", model_type);
    int bad = !root;
    for (size_t i = 0; i < table->count && !bad; i++)
        if (!is_quantization(&table->fields[i]))
            bad = json_object_set_new(root, table->fields[i].info.name,
                                      bl_field_to_json(&table->fields[i], c));
    if (!bad && c->quantization == BL_QUANT_TERNARY)
        bad = json_object_set_new(root, "quantization_config",
                                  json_pack("{s:s, s:s, s:s}", "quant_method", "bitnet",
                                            "linear_class", "autobitlinear", "quantization_mode",
                                            form == BL_WEIGHTS_LATENT ? "online" : "offline"));
    if (!bad && auto_map)
        bad = json_object_set_new(
            root, "auto_map",
            json_pack("{s:s, s:s, s:s}", "AutoConfig", "configuration_bitllama.BitLlamaConfig",
                      "AutoModel", "modeling_bitllama.BitLlamaModel", "AutoModelForCausalLM",
                      "modeling_bitllama.BitLlamaForCausalLM"));
    bl_status status = bad ? bl_fail(err, BL_ENOMEM, "out of memory while writing %s", path)
                           : bl_json_save(root, path, err);
    json_decref(root);
    return status;
}
