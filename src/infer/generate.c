/* Generation: a prompt read, tokens drawn, text handed out as whole characters.
 *
 * The last token drawn stays pending: it is read when the sequence continues, so that stopping
 * after any token and continuing with an empty prompt gives what one call would have given. */
#include "core/alloc.h"
#include "core/clock.h"
#include "core/watch.h"
#include "infer/beyond.h"
#include "infer/feed.h"
#include "infer/heal.h"
#include "infer/told.h"

#include <string.h>

/* One call's view of things. */
typedef struct generation {
    bl_sequence *s;
    bl_reader *r;
    const bl_tokenizer *t;
    const bl_generate_options *o;
    bl_token_fn *fn;
    void *user;
    int32_t *prompt;
    size_t prompt_count;
    bl_buf rest; /* what was taken back of the prompt, by the option heal */
    int tells;   /* log-probabilities, for which all logits are there */
    size_t top;  /* a token is drawn from the best so many logits; 0: from all, in r->host */
    bl_beyond beyond;
    bl_told *told; /* of the last token */
    int single;    /* one token, which is told whether there is fn or not */
} generation;

static bl_status nothing_to_read(bl_error *err)
{
    return bl_fail(err, BL_EINVAL,
                   "nothing to read: the prompt is empty, nothing was drawn before, and no "
                   "bos is fed");
}

/* A prompt that the caller has as ids. */
static bl_status copy_prompt(generation *g, const int32_t *ids, size_t count, bl_error *err)
{
    size_t cap = 0;
    if (!count && g->s->pending == BL_NO_TOKEN)
        return nothing_to_read(err);
    if (count) {
        BL_TRY(bl_grow(&g->prompt, &cap, count, sizeof *g->prompt, err));
        memcpy(g->prompt, ids, count * sizeof *ids);
    }
    g->prompt_count = count;
    return BL_OK;
}

/* Takes back what the prompt's end cut of its last token, of `count` ids of text; something is left
 * to be read before it. */
static bl_status take_back(generation *g, size_t count, bl_error *err)
{
    size_t taken, spare = g->s->pending != BL_NO_TOKEN || g->prompt_count > count;
    if (!g->o->heal || !g->o->max_tokens || !count)
        return BL_OK;
    if (g->s->constraint)
        return bl_fail(err, BL_EINVAL, "`heal` is for texts without a grammar");
    BL_TRY(
        bl_heal_take_back(g->t, g->prompt, g->prompt_count, count - !spare, &g->rest, &taken, err));
    g->prompt_count -= taken;
    return BL_OK;
}

/* The end-of-text token (to a sequence that has read nothing) and the prompt's ids. */
static bl_status encode_prompt(generation *g, const char *prompt, size_t bytes, bl_error *err)
{
    size_t count = 0, cap = 0, more = 0;
    unsigned flags = g->o->special ? BL_ENCODE_SPECIAL : 0;
    int fresh = g->s->state.position == 0 && g->s->pending == BL_NO_TOKEN;
    if (g->o->bos && fresh) {
        BL_TRY(bl_grow(&g->prompt, &cap, 1, sizeof *g->prompt, err));
        g->prompt[count++] = (int32_t)g->r->net->config.bos_token_id;
    }
    if (bytes) {
        /* Nearly always there are fewer tokens than this; a second run makes room for more. */
        size_t guess = bytes / 2 + 16;
        BL_TRY(bl_grow(&g->prompt, &cap, count + guess, sizeof *g->prompt, err));
        size_t room = cap - count;
        BL_TRY(
            bl_tokenizer_encode(g->t, prompt, bytes, flags, g->prompt + count, room, &more, err));
        if (more > room) {
            BL_TRY(bl_grow(&g->prompt, &cap, count + more, sizeof *g->prompt, err));
            BL_TRY(bl_tokenizer_encode(g->t, prompt, bytes, flags, g->prompt + count, more, &more,
                                       err));
        }
        count += more;
    }
    if (!count && g->s->pending == BL_NO_TOKEN)
        return nothing_to_read(err);
    g->prompt_count = count;
    return take_back(g, more, err);
}

/* Hands out the pending token, which was drawn from the logits; `ends` has no text of its own, and
 * after `last` none follows. */
static bl_status hand_out(generation *g, int ends, int last, int *stopped, bl_error *err)
{
    bl_sequence *s = g->s;
    bl_told_begin(g->told, s->pending, s->state.position, ends);
    BL_TRY(bl_told_text(g->told, s, g->t, last, err));
    *stopped = g->told->event.stopped;
    if (!g->fn && !g->single)
        return BL_OK;
    BL_TRY(bl_told_likelihoods(g->told, g->o, g->r->host, g->r->net->m.V, err));
    int stop = g->fn && g->fn(g->user, &g->told->event) != 0;
    return stop && !ends && !*stopped ? bl_fail(err, BL_EINTERRUPTED, "stopped by the reader")
                                      : BL_OK;
}

/* Reads the pending token and ids [n]; what the next one is drawn from is then in the reader. */
static bl_status read_on(generation *g, const int32_t *ids, size_t n, bl_error *err)
{
    return g->top ? bl_sequence_feed_best(g->s, g->r, ids, n, g->top, err)
                  : bl_sequence_feed(g->s, g->r, ids, n, g->r->host, 0, err);
}

static bl_drawing drawing_of(const generation *g, uint64_t left)
{
    return (bl_drawing){.best = g->top ? g->r->best : NULL,
                        .count = g->top,
                        .logits = g->r->host,
                        .left = left,
                        .end = (int32_t)g->r->net->config.eos_token_id,
                        .drops_space = bl_tokenizer_prefix_space(g->t)};
}

/* The next token: from the best logits, or, when a grammar allows none of these, from those that it
 * allows. */
static bl_status draw(generation *g, uint64_t left, int32_t *id, bl_error *err)
{
    bl_sequence *s = g->s;
    bl_drawing d = drawing_of(g, left);
    BL_TRY(bl_sequence_draw(s, &d, id, err));
    if (*id != BL_NO_TOKEN) {
        bl_beyond_hit(&g->beyond);
        return BL_OK;
    }
    bl_beyond_missed(&g->beyond, g->r, d.best, d.count);
    BL_TRY(bl_sequence_fetch(s, g->r, &d, err));
    return bl_sequence_draw(s, &d, id, err);
}

/* Reads the pending token, if there is one, and draws the next: without logits where a grammar leaves
 * no choice. */
static bl_status read_and_draw(generation *g, uint64_t left, int32_t *id, bl_error *err)
{
    bl_sequence *s = g->s;
    bl_drawing d = drawing_of(g, left);
    if (s->pending == BL_NO_TOKEN)
        return draw(g, left, id, err);
    *id = BL_NO_TOKEN;
    if (!g->tells)
        BL_TRY(bl_sequence_only(s, &d, id, err));
    if (*id != BL_NO_TOKEN) {
        BL_TRY(bl_sequence_feed(s, g->r, NULL, 0, NULL, 0, err));
        return bl_sequence_take(s, &d, *id, err);
    }
    if (bl_beyond_tries(&g->beyond, s)) {
        BL_TRY(bl_sequence_feed(s, g->r, NULL, 0, NULL, 0, err));
        BL_TRY(bl_beyond_draw(&g->beyond, s, g->r, &d, id, err));
        if (*id != BL_NO_TOKEN)
            return BL_OK;
    }
    BL_TRY(read_on(g, NULL, 0, err)); /* logits of what was read just now, too */
    return draw(g, left, id, err);
}

/* Whether what was written is whole by the grammar, which `constrained` it at the beginning. */
static bl_status find_whole(const generation *g, int constrained, bl_generate_result *result,
                            bl_error *err)
{
    result->whole = constrained && !g->s->constraint;
    return g->s->constraint ? bl_constraint_ends(g->s->constraint, &result->whole, err) : BL_OK;
}

/* Draws one of the tokens that what is left of the prompt allows. */
static bl_status draw_of_rest(generation *g, bl_span left, uint64_t *mask, int32_t *id,
                              bl_error *err)
{
    bl_drawing d = drawing_of(g, 0);
    bl_heal_mask(g->t, left, mask, g->s->sampler.V);
    BL_TRY(bl_sequence_feed(g->s, g->r, NULL, 0, g->r->host, 0, err));
    d.best = NULL;
    d.mask = mask;
    return bl_sequence_draw(g->s, &d, id, err);
}

/* Writes what was taken back of the prompt; *first is the token that goes beyond it, whose text begins
 * with what is left, or BL_NO_TOKEN. */
static bl_status write_rest(generation *g, bl_generate_result *result, int32_t *first,
                            bl_error *err)
{
    bl_sequence *s = g->s;
    bl_span left = {g->rest.data, g->rest.len};
    bl_status status = BL_OK;
    size_t gone = 0; /* whole characters of it, in bytes */
    *first = BL_NO_TOKEN;
    uint64_t *mask = left.bytes ? bl_calloc((s->sampler.V + 63) / 64, sizeof *mask) : NULL;
    if (left.bytes && !mask)
        return bl_fail(err, BL_ENOMEM, "out of memory for a mask of %zu tokens", s->sampler.V);
    if (left.bytes)
        s->decoder = (bl_decoder){.started = 1}; /* as behind any prompt */
    while (left.bytes) {
        int32_t id;
        size_t bytes;
        BL_TRY_GOTO(status, draw_of_rest(g, left, mask, &id, err), done);
        (void)bl_tokenizer_bytes(g->t, id, &bytes);
        if (bytes > left.bytes) {
            *first = id;
            break;
        }
        bl_sampling_accept(&s->sampler, id);
        s->pending = id;
        result->prompt_tokens++;
        gone += bl_decoder_feed(&s->decoder, g->t, id, 0, NULL);
        left = (bl_span){left.text + bytes, left.bytes - bytes};
    }
    g->told->hidden = g->rest.len - gone;
done:
    bl_free(mask);
    return status;
}

/* Draws and hands out until the end-of-text token or max_tokens, or once; `first` was drawn, unless
 * it is BL_NO_TOKEN. */
static bl_status write_reply(generation *g, int32_t first, bl_generate_result *result,
                             bl_error *err)
{
    bl_sequence *s = g->s;
    while (result->tokens < g->o->max_tokens) {
        int32_t id = first;
        int constrained = s->constraint != NULL;
        uint64_t left = g->o->finish ? g->o->max_tokens - result->tokens : 0;
        if (id == BL_NO_TOKEN)
            BL_TRY(read_and_draw(g, left, &id, err));
        first = BL_NO_TOKEN;
        bl_sampling_accept(&s->sampler, id);
        s->pending = id;
        result->tokens++;
        result->ended = id == (int32_t)g->r->net->config.eos_token_id;
        int ends = result->ended && (!g->o->ignore_eos || constrained);
        int last = ends || result->tokens == g->o->max_tokens;
        BL_TRY(hand_out(g, ends, last, &result->stopped, err));
        if (ends || result->stopped || g->single)
            return BL_OK;
    }
    return BL_OK;
}

/* A call that draws nothing leaves the last token pending, for the logits of the next one. */
static bl_status feed_prompt(generation *g, bl_error *err)
{
    bl_sequence *s = g->s;
    size_t n = g->prompt_count;
    if (g->o->max_tokens)
        return read_on(g, g->prompt, n, err);
    if (!n)
        return BL_OK; /* what is pending stays so */
    BL_TRY(bl_infer_check_ids(g->r->net, g->prompt, n, err));
    BL_TRY(bl_sequence_feed(s, g->r, g->prompt, n - 1, NULL, 0, err));
    s->decoder = (bl_decoder){.started = 1};
    s->pending = g->prompt[n - 1];
    return BL_OK;
}

static bl_status read_prompt(generation *g, bl_error *err)
{
    bl_watch watch;
    bl_watch_begin(&watch, "reading", "tok", g->prompt_count);
    bl_status status = feed_prompt(g, err);
    bl_watch_end(&watch);
    return status;
}

/* `begins`: the prompt, whose ids are there, has text.  A result of tokens is that of a reply that
 * goes on. */
static bl_status run(generation *g, int begins, bl_generate_result *result, bl_error *err)
{
    bl_sequence *s = g->s;
    BL_TRY(bl_sampling_configure(&s->sampler, g->o, err));
    g->tells = g->o->log_probability || g->o->logprobs;
    g->top = g->tells ? 0 : bl_sampling_enough(&s->sampler);
    int later = result->tokens > 0;
    result->seed = s->sampler.seed;
    if (!later)
        result->prompt_tokens = g->prompt_count;
    int started = s->decoder.started || begins;
    int goes_on = s->pending != BL_NO_TOKEN && s->stops.written == s->state.position;
    double start = bl_clock_seconds();
    if (g->prompt_count || !later)
        BL_TRY(read_prompt(g, err));
    if (!started)
        s->decoder.started = 0; /* the end-of-text token is not text */
    for (size_t i = 0; i < g->prompt_count; i++)
        bl_sampling_accept(&s->sampler, g->prompt[i]);
    double read = later ? start : bl_clock_seconds();
    result->prompt_seconds += read - start;
    int constrained = s->constraint != NULL;
    if (g->prompt_count || !goes_on)
        bl_stops_begin(&s->stops);
    int32_t first;
    bl_status status = write_rest(g, result, &first, err);
    if (status == BL_OK)
        status = write_reply(g, first, result, err);
    if (status == BL_OK)
        status = find_whole(g, constrained, result, err);
    result->seconds += bl_clock_seconds() - read;
    result->waiting_bytes = s->decoder.waiting;
    return status;
}

static bl_status read_and_write(generation *g, const bl_prompt *prompt, bl_generate_result *result,
                                bl_error *err)
{
    bl_status status = prompt->ids ? copy_prompt(g, prompt->ids, prompt->count, err)
                                   : encode_prompt(g, prompt->text, prompt->bytes, err);
    if (status == BL_OK)
        status = run(g, prompt->bytes || prompt->count, result, err);
    bl_free(g->prompt);
    bl_buf_release(&g->rest);
    return status;
}

bl_status bl_sequence_generate(bl_sequence *s, bl_reader *r, const bl_tokenizer *t,
                               const bl_prompt *prompt, const bl_generate_options *options,
                               bl_token_fn *fn, void *user, bl_generate_result *result,
                               bl_error *err)
{
    bl_told told = {.room = 0};
    bl_generate_result unseen = {0};
    generation g = {.s = s, .r = r, .t = t, .o = options, .fn = fn, .user = user, .told = &told};
    bl_status status = read_and_write(&g, prompt, result ? result : &unseen, err);
    bl_told_release(&told);
    return status;
}

/* Whether a reply has ended: by its end-of-text token, which ends the text of a grammar in any
 * case, a text to stop at, or its number of tokens. */
static int is_over(const bl_generate_result *r, const bl_generate_options *o)
{
    int ends = r->ended && (!o->ignore_eos || r->whole);
    return r->tokens && (ends || r->stopped || r->tokens >= o->max_tokens);
}

bl_status bl_sequence_next(bl_sequence *s, bl_reader *r, const bl_tokenizer *t,
                           const bl_prompt *prompt, const bl_generate_options *options,
                           bl_told *told, bl_generate_result *result, bl_error *err)
{
    generation g = {.s = s, .r = r, .t = t, .o = options, .told = told, .single = 1};
    bl_told_begin(told, BL_NO_TOKEN, s->state.position, 0);
    if (is_over(result, options))
        return BL_OK;
    return read_and_write(&g, result->tokens ? &(bl_prompt){.bytes = 0} : prompt, result, err);
}
