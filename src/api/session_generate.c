/* Replies of a session: told token by token or in pieces, or asked for. */
#include "api/model_open.h"
#include "core/buf.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/give.h"

/* The caller's function for tokens, and whose call it is. */
typedef struct listener {
    bl_session *session;
    bl_token_fn *fn;
    void *user;
} listener;

static int hand_out(void *user, const bl_token_event *token)
{
    const listener *r = user;
    bl_call *call = bl_call_out();
    int stop = r->fn(r->user, token);
    bl_call_back(call);
    return stop || bl_busy_closing(&r->session->busy);
}

/* Writes with a reader: all of a reply, or with `next` a token of it. */
static bl_status generate(bl_session *s, const bl_prompt *prompt, const bl_options *options,
                          bl_token_fn *fn, void *user, int next, bl_generate_result *result,
                          bl_error *err)
{
    bl_model *m = s->model;
    listener listening = {s, fn, user};
    if (!m->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", m->path);
    bl_generate_options defaults;
    const bl_generate_options *o = options ? bl_options_generate(options) : &defaults;
    if (!options)
        bl_options_defaults(BL_OPTIONS_GENERATE, &defaults);
    bl_executor *e;
    BL_TRY(bl_executor_take(&e, &m->executors, s->threads, 1, err));
    bl_reader *r = &e->reader;
    bl_status status =
        next ? bl_sequence_next(&s->text, r, m->tokenizer, prompt, o, &s->told, result, err)
             : bl_sequence_generate(&s->text, r, m->tokenizer, prompt, o, fn ? hand_out : NULL,
                                    &listening, result, err);
    bl_executor_give(e, &m->executors);
    return status;
}

/* Both kinds of bl_generate(), whose own arguments were checked; `where` is the one called. */
static bl_status enter_and_generate(bl_session *s, const bl_prompt *prompt,
                                    const bl_options *options, bl_token_fn *fn, void *user,
                                    bl_generate_result *result, const char *where, bl_error *err)
{
    bl_call call;
    bl_generate_result done = {0};
    BL_TRY(bl_options_expect(options, BL_OPTIONS_GENERATE, where, err));
    BL_TRY(bl_session_enter(s, "the session", where, err));
    bl_call_begin(&call, err);
    bl_status status = generate(s, prompt, options, fn, user, 0, &done, err);
    if (result)
        bl_result_give(result, &done, sizeof done);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}

bl_status bl_generate(bl_session *s, const char *prompt, size_t bytes, const bl_options *options,
                      bl_token_fn *fn, void *user, bl_generate_result *result, bl_error *err)
{
    if (result)
        BL_TRY(bl_result_begin(result, __func__, err));
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, bytes, prompt);
    return enter_and_generate(s, &(bl_prompt){.text = prompt, .bytes = bytes}, options, fn, user,
                              result, __func__, err);
}

bl_status bl_generate_ids(bl_session *s, const int32_t *ids, size_t count,
                          const bl_options *options, bl_token_fn *fn, void *user,
                          bl_generate_result *result, bl_error *err)
{
    static const int32_t none;
    if (result)
        BL_TRY(bl_result_begin(result, __func__, err));
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    return enter_and_generate(s, &(bl_prompt){.ids = ids ? ids : &none, .count = count}, options,
                              fn, user, result, __func__, err);
}

/* Text on its way to a caller to whom a function for every token is dear. */
typedef struct gathering {
    bl_text_fn *fn;
    void *user;
    double every, told; /* seconds between two pieces; when the last one was handed out */
    bl_buf text;
} gathering;

/* What was gathered, to the caller; not 0: it is to end. */
static int hand_over(gathering *g)
{
    int stop = g->fn(g->user, g->text.len ? g->text.data : "", g->text.len);
    bl_buf_clear(&g->text);
    return stop;
}

static int gather(void *user, const bl_token_event *token)
{
    gathering *g = user;
    double now = bl_clock_seconds();
    bl_buf_append(&g->text, token->text, token->bytes);
    if (bl_buf_status(&g->text, NULL) != BL_OK) { /* no memory is needed to hand out both */
        int stop = hand_over(g);
        return g->fn(g->user, token->text, token->bytes) || stop;
    }
    if (now - g->told < g->every)
        return 0;
    g->told = now;
    return hand_over(g);
}

bl_status bl_generate_text(bl_session *s, const char *prompt, size_t bytes, const int32_t *ids,
                           size_t count, const bl_options *options, double every, bl_text_fn *fn,
                           void *user, bl_generate_result *result, bl_error *err)
{
    if (result)
        BL_TRY(bl_result_begin(result, __func__, err));
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, fn);
    BL_NOT_NULL_IF(err, bytes && !ids, prompt);
    bl_prompt read = {.text = prompt, .bytes = bytes};
    if (ids)
        read = (bl_prompt){.ids = ids, .count = count};
    gathering g = {.fn = fn, .user = user, .every = every, .told = bl_clock_seconds()};
    bl_buf_init(&g.text);
    bl_status status = enter_and_generate(s, &read, options, gather, &g, result, __func__, err);
    if (g.text.len)
        (void)hand_over(&g);
    bl_buf_release(&g.text);
    return status;
}

/* The same of one token, with a result that has begun. */
static bl_status enter_and_go_on(bl_session *s, const bl_prompt *prompt, const bl_options *options,
                                 bl_token_event *token, bl_generate_result *done, const char *where,
                                 bl_error *err)
{
    bl_call call;
    BL_TRY(bl_session_enter(s, "the session", where, err));
    bl_call_begin(&call, err);
    bl_told_begin(&s->told, BL_NO_TOKEN, s->text.state.position, 0);
    bl_status status = generate(s, prompt, options, NULL, NULL, 1, done, err);
    bl_result_give(token, &s->told.event, sizeof s->told.event);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}

bl_status bl_generate_next(bl_session *s, const char *prompt, size_t bytes, const int32_t *ids,
                           size_t count, const bl_options *options, bl_token_event *token,
                           bl_generate_result *result, bl_error *err)
{
    bl_generate_result done = {0};
    BL_RESULT(err, token);
    BL_NOT_NULL(err, result);
    BL_TRY(bl_result_take(result, &done, sizeof done, __func__, err));
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, bytes && !ids, prompt);
    BL_TRY(bl_options_expect(options, BL_OPTIONS_GENERATE, __func__, err));
    bl_prompt read = {.text = prompt, .bytes = bytes};
    if (ids)
        read = (bl_prompt){.ids = ids, .count = count};
    bl_status status = enter_and_go_on(s, &read, options, token, &done, __func__, err);
    bl_result_give(result, &done, sizeof done);
    return status;
}

int32_t bl_session_pending(const bl_session *s)
{
    return s ? s->text.pending : BL_NO_TOKEN;
}
