/* Generation: a prompt read, tokens drawn, text handed out as whole characters.
 *
 * The last token drawn stays pending: it is read when the sequence continues, so that stopping
 * after any token and continuing with an empty prompt gives what one call would have given. */
#include "core/alloc.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/watch.h"
#include "infer/evaluate.h"
#include "infer/feed.h"
#include "infer/sequence.h"

#include <math.h>
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
    size_t top;  /* a token is drawn from the best so many logits; 0: from all, in r->host */
    bl_buf text; /* of the last token */
    int32_t likeliest[BL_BEST_MOST]; /* in the place of the last token */
    double likeliest_log[BL_BEST_MOST];
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

/* The end-of-text token (to a sequence that has read nothing) and the prompt's ids. */
static bl_status encode_prompt(generation *g, const char *prompt, size_t bytes, bl_error *err)
{
    size_t count = 0, cap = 0;
    unsigned flags = g->o->special ? BL_ENCODE_SPECIAL : 0;
    int fresh = g->s->state.position == 0 && g->s->pending == BL_NO_TOKEN;
    if (g->o->bos && fresh) {
        BL_TRY(bl_grow(&g->prompt, &cap, 1, sizeof *g->prompt, err));
        g->prompt[count++] = (int32_t)g->r->net->config.bos_token_id;
    }
    if (bytes) {
        /* Nearly always there are fewer tokens than this; a second run makes room for more. */
        size_t more = 0, guess = bytes / 2 + 16;
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
    return BL_OK;
}

/* The text that a token adds, and its bytes.  A text that begins with a reply begins without the
 * space that encoding puts in front. */
static bl_status decode_token(generation *g, int32_t id, size_t *bytes, bl_error *err)
{
    size_t token_bytes = 0;
    (void)bl_tokenizer_bytes(g->t, id, &token_bytes);
    bl_buf_clear(&g->text);
    char *to = bl_buf_reserve(&g->text, 3 * (token_bytes + 1) + 9);
    if (!to)
        return bl_buf_status(&g->text, err);
    *bytes = bl_decoder_feed(&g->s->decoder, g->t, id, 1, to);
    return BL_OK;
}

/* How likely the pending token was, and which were the likeliest, by the logits in the reader. */
static void tell_likelihoods(generation *g, bl_token_event *event)
{
    bl_candidate best[BL_BEST_MOST];
    const float *logits = g->r->host;
    size_t V = g->r->net->m.V, n = g->o->logprobs < V ? g->o->logprobs : V;
    event->log_probability = (double)NAN;
    if (!g->o->log_probability && !n)
        return;
    double sum = bl_log_sum_of(logits, V);
    event->log_probability = (double)logits[event->id] - sum;
    if (n)
        bl_best_of(best, n, logits, V);
    for (size_t i = 0; i < n; i++) {
        g->likeliest[i] = best[i].id;
        g->likeliest_log[i] = (double)best[i].logit - sum;
    }
    event->likeliest = g->likeliest;
    event->likeliest_log_probabilities = g->likeliest_log;
    event->likeliest_count = n;
}

/* Hands out the pending token, which was drawn from the logits; `ends` has no text of its own, and
 * after `last` none follows. */
static bl_status hand_out(generation *g, int ends, int last, size_t *stopped, bl_error *err)
{
    bl_sequence *s = g->s;
    bl_span out = {"", 0};
    *stopped = 0;
    if (!ends)
        BL_TRY(decode_token(g, s->pending, &out.bytes, err));
    if (out.bytes)
        out.text = g->text.data;
    if (s->stops.count)
        BL_TRY(bl_stops_add(&s->stops, out.text, out.bytes, last, &out, stopped, err));
    if (!g->fn)
        return BL_OK;
    bl_token_event event = {.size = sizeof event,
                            .id = s->pending,
                            .ends = ends,
                            .position = s->state.position,
                            .text = out.text,
                            .bytes = out.bytes};
    tell_likelihoods(g, &event);
    int stop = g->fn(g->user, &event) != 0;
    return stop && !ends ? bl_fail(err, BL_EINTERRUPTED, "stopped by the reader") : BL_OK;
}

/* Reads the pending token and ids [n]; what the next one is drawn from is then in the reader. */
static bl_status read_on(generation *g, const int32_t *ids, size_t n, bl_error *err)
{
    return g->top ? bl_sequence_feed_best(g->s, g->r, ids, n, g->top, err)
                  : bl_sequence_feed(g->s, g->r, ids, n, g->r->host, 0, err);
}

/* The next token: from the best logits, or, when a grammar allows none of these, from all. */
static bl_status draw(generation *g, uint64_t left, int32_t *id, bl_error *err)
{
    bl_sequence *s = g->s;
    bl_drawing d = {.best = g->top ? g->r->best : NULL,
                    .count = g->top,
                    .logits = g->r->host,
                    .left = left,
                    .end = (int32_t)g->r->net->config.eos_token_id,
                    .drops_space = bl_tokenizer_prefix_space(g->t)};
    BL_TRY(bl_sequence_draw(s, &d, id, err));
    if (*id != BL_NO_TOKEN)
        return BL_OK;
    d.best = NULL;
    BL_TRY(bl_sequence_feed(s, g->r, NULL, 0, g->r->host, 0, err));
    return bl_sequence_draw(s, &d, id, err);
}

/* Whether what was written is whole by the grammar, which `constrained` it at the beginning. */
static bl_status find_whole(const generation *g, int constrained, bl_generate_result *result,
                            bl_error *err)
{
    result->whole = constrained && !g->s->constraint;
    return g->s->constraint ? bl_constraint_ends(g->s->constraint, &result->whole, err) : BL_OK;
}

/* Draws and hands out until the end-of-text token or max_tokens. */
static bl_status write_reply(generation *g, bl_generate_result *result, bl_error *err)
{
    bl_sequence *s = g->s;
    while (result->tokens < g->o->max_tokens) {
        if (s->pending != BL_NO_TOKEN) /* from the second token on */
            BL_TRY(read_on(g, NULL, 0, err));
        int32_t id;
        int constrained = s->constraint != NULL;
        BL_TRY(draw(g, g->o->finish ? g->o->max_tokens - result->tokens : 0, &id, err));
        bl_sampling_accept(&s->sampler, id);
        s->pending = id;
        result->tokens++;
        result->ended = id == (int32_t)g->r->net->config.eos_token_id;
        int ends = result->ended && (!g->o->ignore_eos || constrained);
        int last = ends || result->tokens == g->o->max_tokens;
        size_t stopped;
        BL_TRY(hand_out(g, ends, last, &stopped, err));
        result->stopped = (int)stopped;
        if (ends || stopped)
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

/* `begins`: the prompt, whose ids are there, has text. */
static bl_status run(generation *g, int begins, bl_generate_result *result, bl_error *err)
{
    bl_sequence *s = g->s;
    BL_TRY(bl_sampling_configure(&s->sampler, g->o, err));
    int tells = g->o->log_probability || g->o->logprobs;
    g->top = tells ? 0 : bl_sampling_enough(&s->sampler);
    result->seed = s->sampler.seed;
    result->prompt_tokens = g->prompt_count;
    int started = s->decoder.started || begins;
    int goes_on = s->pending != BL_NO_TOKEN && s->stops.written == s->state.position;
    double start = bl_clock_seconds();
    BL_TRY(read_prompt(g, err));
    if (!started)
        s->decoder.started = 0; /* the end-of-text token is not text */
    for (size_t i = 0; i < g->prompt_count; i++)
        bl_sampling_accept(&s->sampler, g->prompt[i]);
    double read = bl_clock_seconds();
    result->prompt_seconds = read - start;
    int constrained = s->constraint != NULL;
    if (g->prompt_count || !goes_on)
        bl_stops_begin(&s->stops);
    bl_status status = write_reply(g, result, err);
    if (result->ended)
        bl_stops_begin(&s->stops);
    s->stops.written = s->state.position;
    if (status == BL_OK)
        status = find_whole(g, constrained, result, err);
    result->seconds = bl_clock_seconds() - read;
    result->waiting_bytes = s->decoder.waiting;
    return status;
}

bl_status bl_sequence_generate(bl_sequence *s, bl_reader *r, const bl_tokenizer *t,
                               const bl_prompt *prompt, const bl_generate_options *options,
                               bl_token_fn *fn, void *user, bl_generate_result *result,
                               bl_error *err)
{
    generation g = {.s = s, .r = r, .t = t, .o = options, .fn = fn, .user = user};
    bl_generate_result local = {0};
    bl_buf_init(&g.text);
    bl_status status = prompt->ids ? copy_prompt(&g, prompt->ids, prompt->count, err)
                                   : encode_prompt(&g, prompt->text, prompt->bytes, err);
    if (status == BL_OK)
        status = run(&g, prompt->bytes || prompt->count, &local, err);
    if (result)
        *result = local;
    bl_buf_release(&g.text);
    bl_free(g.prompt);
    return status;
}
