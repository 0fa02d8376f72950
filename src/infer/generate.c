/* Generation: a prompt read, tokens drawn, text handed out as whole characters. */
#include "infer/generate.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/os.h"
#include "infer/sampler.h"
#include "text/text.h"

bl_status bl_infer_feed(bl_decode *s, const bl_net *net, const int32_t *ids, size_t count,
                        float *logits, int every, bl_error *err)
{
    size_t V = net->m.V;
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= V)
            return bl_fail(err, BL_EFORMAT,
                           "token %zu is id %ld, past the model's vocabulary of %zu", i,
                           (long)ids[i], V);
    for (size_t done = 0; done < count;) {
        size_t T = count - done < BL_DECODE_ROWS ? count - done : BL_DECODE_ROWS;
        int last = done + T == count;
        int wanted = logits && (every || last);
        BL_TRY(bl_decode_feed(s, net, ids + done, T, every, wanted, err));
        if (wanted) {
            size_t rows = every ? T : 1;
            float *to = every ? logits + done * V : logits;
            BL_TRY(bl_dev_get_f32(net->dev, to, s->logits, rows * V, net->dev->real_bytes, err));
        }
        done += T;
    }
    return BL_OK;
}

typedef struct generation {
    bl_decode *s;
    const bl_net *net;
    const bl_tokenizer *t;
    bl_sampler sampler;
    float *logits;
    int32_t *prompt;
    size_t prompt_count;
    bl_buf text;
} generation;

/* <|endoftext|> (to a sequence that has read nothing) and the prompt's ids. */
static bl_status encode_prompt(generation *g, const char *prompt, size_t bytes, bl_error *err)
{
    size_t count = 0, cap = 0;
    if (g->sampler.options.bos && g->s->position == 0) {
        BL_TRY(bl_grow(&g->prompt, &cap, 1, sizeof *g->prompt, err));
        g->prompt[count++] = (int32_t)g->net->config.bos_token_id;
    }
    if (bytes) {
        size_t more = 0;
        BL_TRY(bl_tokenizer_encode(g->t, prompt, bytes, 0, NULL, 0, &more, err));
        BL_TRY(bl_grow(&g->prompt, &cap, count + more, sizeof *g->prompt, err));
        BL_TRY(bl_tokenizer_encode(g->t, prompt, bytes, 0, g->prompt + count, more, &more, err));
        count += more;
    }
    if (!count)
        return bl_fail(err, BL_EINVAL, "nothing to read: the prompt is empty and no bos is fed");
    g->prompt_count = count;
    return BL_OK;
}

static bl_status hand_out(generation *g, size_t n, bl_text_fn *fn, void *user, bl_error *err)
{
    if (n && fn && fn(user, g->text.data, n) != 0)
        return bl_fail(err, BL_EINTERRUPTED, "stopped by the reader");
    return BL_OK;
}

/* Draws and hands out until the end-of-text token or max_tokens. */
static bl_status write_reply(generation *g, int drop_prefix_space, bl_text_fn *fn, void *user,
                             bl_generate_result *result, bl_error *err)
{
    const bl_generate_options *o = &g->sampler.options;
    bl_decoder decoder = {0};
    while (result->tokens < o->max_tokens) {
        int32_t id = bl_sampler_next(&g->sampler, g->logits);
        result->tokens++;
        bl_sampler_accept(&g->sampler, id);
        result->ended = id == (int32_t)g->net->config.eos_token_id;
        if (!result->ended || o->ignore_eos) {
            size_t token_bytes = 0;
            (void)bl_tokenizer_bytes(g->t, id, &token_bytes);
            bl_buf_clear(&g->text);
            char *to = bl_buf_reserve(&g->text, 3 * (token_bytes + 1));
            if (!to)
                return bl_buf_status(&g->text, err);
            BL_TRY(hand_out(g, bl_decoder_feed(&decoder, g->t, id, drop_prefix_space, to), fn, user,
                            err));
        }
        /* The last token is fed too: the session has then read all that it wrote. */
        BL_TRY(bl_infer_feed(g->s, g->net, &id, 1, g->logits, 0, err));
        if (result->ended && !o->ignore_eos)
            break;
    }
    bl_buf_clear(&g->text);
    char *to = bl_buf_reserve(&g->text, 8);
    if (!to)
        return bl_buf_status(&g->text, err);
    return hand_out(g, bl_decoder_finish(&decoder, to), fn, user, err);
}

bl_status bl_infer_generate(bl_decode *s, const bl_net *net, const bl_tokenizer *t,
                            const char *prompt, size_t bytes, const bl_generate_options *options,
                            bl_text_fn *fn, void *user, bl_generate_result *result, bl_error *err)
{
    generation g = {.s = s, .net = net, .t = t};
    bl_generate_result local = {0};
    bl_status status = BL_OK;
    bl_buf_init(&g.text);
    BL_TRY(bl_sampler_init(&g.sampler, options, net->m.V, err));
    g.logits = bl_calloc(net->m.V, sizeof *g.logits);
    if (!g.logits) {
        status = bl_fail(err, BL_ENOMEM, "out of memory for %zu logits", net->m.V);
        goto done;
    }
    local.seed = g.sampler.seed;
    BL_TRY_GOTO(status, encode_prompt(&g, prompt, bytes, err), done);
    local.prompt_tokens = g.prompt_count;
    double start = bl_clock_seconds();
    BL_TRY_GOTO(status, bl_infer_feed(s, net, g.prompt, g.prompt_count, g.logits, 0, err), done);
    for (size_t i = 0; i < g.prompt_count; i++)
        bl_sampler_accept(&g.sampler, g.prompt[i]);
    double read = bl_clock_seconds();
    local.prompt_seconds = read - start;
    status = write_reply(&g, bytes == 0, fn, user, &local, err);
    local.seconds = bl_clock_seconds() - read;
done:
    if (result)
        *result = local;
    bl_sampler_release(&g.sampler);
    bl_buf_release(&g.text);
    bl_free(g.logits);
    bl_free(g.prompt);
    return status;
}
