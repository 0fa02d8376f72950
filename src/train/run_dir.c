/* A run folder as a model folder in the Hugging Face layout. */
#include "train/trainer.h"
#include "core/alloc.h"
#include "core/buf.h"

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

bl_status bl_run_dir_describe(const char *run_dir, const char *data_dir, const bl_config *c,
                              bl_error *err)
{
    char *path = bl_path_join(run_dir, "config.json");
    bl_status status =
        path ? bl_config_save(c, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    BL_TRY(status);
    BL_TRY(copy_file(data_dir, run_dir, "tokenizer.json", err));
    BL_TRY(copy_file(data_dir, run_dir, "tokenizer_config.json", err));
    bl_generate_options o;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_printf(&text,
                  "{\n  \"bos_token_id\": %zu,\n  \"eos_token_id\": %zu,\n  \"pad_token_id\": "
                  "%zu,\n  \"do_sample\": true,\n  \"temperature\": %g,\n  \"top_k\": %zu,\n  "
                  "\"top_p\": %g,\n  \"min_p\": %g\n}\n",
                  c->bos_token_id, c->eos_token_id, c->pad_token_id, o.temperature, o.top_k,
                  o.top_p, o.min_p);
    return write_text(run_dir, "generation_config.json", &text, err);
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
