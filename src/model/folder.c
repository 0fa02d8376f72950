/* A model folder in the Hugging Face layout: config, tokenizer, generation defaults, model card. */
#include "model/folder.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/path.h"
#include "data/tokens.h"
#include "format/json.h"
#include "model/remote_code.h"

static bl_status write_piece(void *out, const void *bytes, size_t n, bl_error *err)
{
    bl_out_write(out, bytes, n);
    return bl_out_check(out, err);
}

/* From a model or data folder. */
bl_status bl_folder_copy(const char *from_dir, const char *to_dir, const char *name, bl_error *err)
{
    char *from = bl_data_path(from_dir, name), *to = bl_path_join(to_dir, name);
    bl_out *out = NULL;
    bl_status status =
        from && to ? bl_out_open(&out, to, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_file_pieces(from, write_piece, out, err);
    if (status == BL_OK)
        status = bl_out_commit(out, err);
    else
        bl_out_abandon(out);
    bl_free(from);
    bl_free(to);
    return status;
}

static bl_status write_text(const char *dir, const char *name, bl_buf *text, bl_error *err)
{
    char *path = bl_path_join(dir, name);
    bl_status status = path ? bl_buf_status(text, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_file_replace(path, text->data, text->len, err);
    bl_free(path);
    bl_buf_release(text);
    return status;
}

static bl_status write_generation_config(const char *dir, const bl_config *c, bl_error *err)
{
    bl_generate_options o;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    json_t *root =
        json_pack("{s:I, s:I, s:I, s:b, s:f, s:I, s:f, s:f}", "bos_token_id",
                  (json_int_t)c->bos_token_id, "eos_token_id", (json_int_t)c->eos_token_id,
                  "pad_token_id", (json_int_t)c->pad_token_id, "do_sample", 1, "temperature",
                  o.temperature, "top_k", (json_int_t)o.top_k, "top_p", o.top_p, "min_p", o.min_p);
    char *path = bl_path_join(dir, "generation_config.json");
    bl_status status =
        root && path ? bl_json_save(root, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    json_decref(root);
    return status;
}

static bl_status write_remote_code(const char *dir, bl_error *err)
{
    for (size_t i = 0; i < BL_REMOTE_FILES; i++) {
        const bl_remote_file *file = &bl_remote_files[i];
        bl_buf text;
        bl_buf_init(&text);
        bl_buf_append(&text, file->bytes, file->size);
        BL_TRY(write_text(dir, file->name, &text, err));
    }
    return BL_OK;
}

bl_status bl_folder_describe(const char *dir, const char *tokenizer_dir, const bl_config *c,
                             bl_weight_form form, int remote_code, bl_error *err)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json"};
    for (size_t i = 0; tokenizer_dir && i < sizeof names / sizeof *names; i++)
        if (i == 0 || bl_path_has(tokenizer_dir, names[i]))
            BL_TRY(bl_folder_copy(tokenizer_dir, dir, names[i], err));
    BL_TRY(write_generation_config(dir, c, err));
    if (remote_code)
        BL_TRY(write_remote_code(dir, err));
    char *path = bl_path_join(dir, "config.json");
    bl_status status = path ? bl_config_save(c, form, remote_code, path, err)
                            : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    return status;
}

bl_status bl_folder_card(const char *dir, const bl_net *net, const char *history, bl_error *err)
{
    const bl_config *c = &net->config;
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_puts(&text, "---\nlibrary_name: bitllama\ntags: [bitnet, ttt, text-generation]\n---\n"
                       "# A Bit-Llama model\n\n");
    bl_buf_printf(&text,
                  "A language model with %s weights and Test-Time-Training layers: %zu parameters, "
                  "%zu layers\nof width %zu, vocabulary %zu.\n\n",
                  c->quantization == BL_QUANT_TERNARY ? "ternary (1.58-bit)" : "float",
                  net->tensors.parameters, net->m.L, net->m.D, net->m.V);
    bl_buf_puts(&text, history);
    bl_buf_puts(&text, "\n    bitllama generate -m . -p \"Once upon a time\"\n");
    return write_text(dir, "README.md", &text, err);
}
