/* A run folder as a model folder in the Hugging Face layout. */
#include "train/trainer.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "format/json.h"

#include <inttypes.h>
#include <stdio.h>

static bl_status copy_file(const char *from_dir, const char *to_dir, const char *name,
                           bl_error *err)
{
    char *from = bl_path_join(from_dir, name), *to = bl_path_join(to_dir, name);
    bl_map map;
    bl_status status =
        from && to ? bl_map_open(&map, from, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK) {
        status = bl_file_replace(to, map.data, map.size, err);
        bl_map_close(&map);
    }
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

static bl_status write_generation_config(const char *run_dir, const bl_config *c, bl_error *err)
{
    bl_generate_options o;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    json_t *root =
        json_pack("{s:I, s:I, s:I, s:b, s:f, s:I, s:f, s:f}", "bos_token_id",
                  (json_int_t)c->bos_token_id, "eos_token_id", (json_int_t)c->eos_token_id,
                  "pad_token_id", (json_int_t)c->pad_token_id, "do_sample", 1, "temperature",
                  o.temperature, "top_k", (json_int_t)o.top_k, "top_p", o.top_p, "min_p", o.min_p);
    char *path = bl_path_join(run_dir, "generation_config.json");
    bl_status status =
        root && path ? bl_json_save(root, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    json_decref(root);
    return status;
}

/* config.json last: it is what makes the folder a run, which is then not begun a second time. */
bl_status bl_run_dir_describe(const char *run_dir, const char *data_dir, const bl_config *c,
                              bl_error *err)
{
    BL_TRY(copy_file(data_dir, run_dir, "tokenizer.json", err));
    BL_TRY(copy_file(data_dir, run_dir, "tokenizer_config.json", err));
    BL_TRY(write_generation_config(run_dir, c, err));
    char *path = bl_path_join(run_dir, "config.json");
    bl_status status =
        path ? bl_config_save(c, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    return status;
}

/* Removes what matches in a folder; a folder that is not there holds nothing. */
static bl_status remove_matching(const char *dir, const char *pattern, bl_error *err)
{
    bl_names names;
    if (bl_path_what(dir) != BL_PATH_DIR)
        return BL_OK;
    BL_TRY(bl_dir_list(&names, dir, err));
    bl_status status = BL_OK;
    for (size_t i = 0; status == BL_OK && i < names.count; i++) {
        if (!bl_glob_match(pattern, names.name[i]))
            continue;
        char *path = bl_path_join(dir, names.name[i]);
        if (!path)
            status = bl_fail(err, BL_ENOMEM, "out of memory");
        else if (bl_path_what(path) == BL_PATH_DIR)
            status = bl_dir_remove(path, err);
        else
            status = bl_file_remove(path, err);
        bl_free(path);
    }
    bl_names_release(&names);
    return status;
}

bl_status bl_run_dir_sweep(const char *run_dir, bl_error *err)
{
    BL_TRY(remove_matching(run_dir, "*.[0-9]*.tmp", err));
    char *checkpoints = bl_path_join(run_dir, "ckpt");
    bl_status status = checkpoints ? remove_matching(checkpoints, ".tmp-*", err)
                                   : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(checkpoints);
    return status;
}

bl_status bl_run_dir_publish(const bl_trainer *t, bl_error *err)
{
    char *best;
    BL_TRY(bl_checkpoint_best(&best, t->run_dir, err));
    if (!best)
        return BL_OK;
    bl_status status = copy_file(best, t->run_dir, "model.safetensors", err);
    bl_free(best);
    BL_TRY(status);
    const bl_config *c = &t->net.config;
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_puts(&text, "---\nlibrary_name: bitllama\ntags: [bitnet, ttt, text-generation]\n---\n"
                       "# A Bit-Llama model\n\n");
    bl_buf_printf(&text,
                  "A language model with %s weights and Test-Time-Training layers: %zu parameters, "
                  "%zu layers\nof width %zu, vocabulary %zu.\n\n",
                  c->quantization == BL_QUANT_TERNARY ? "ternary (1.58-bit)" : "float",
                  t->net.tensors.parameters, t->net.m.L, t->net.m.D, t->net.m.V);
    bl_buf_printf(&text,
                  "Trained on %s for %" PRIu64 " of %zu steps (%" PRIu64 " tokens, %zu x %zu x %zu "
                  "a step).\n",
                  t->data->meta.source, t->state.step, t->o.steps, t->state.tokens, t->o.batch,
                  t->o.context, t->o.accum);
    if (t->state.best_step)
        bl_buf_printf(&text, "Best validation loss: %.4f nats a token, at step %" PRIu64 ".\n",
                      t->state.best_loss, t->state.best_step);
    bl_buf_puts(&text, "\n    bitllama generate -m . -p \"Once upon a time\"\n");
    return write_text(t->run_dir, "README.md", &text, err);
}
