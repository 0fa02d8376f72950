/* Sessions of the public API: one text each, over a shared model. */
#include "api/model_open.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/watch.h"
#include "infer/heads.h"
#include "model/fingerprint.h"

static bl_status open_over(bl_session **result, bl_model *m, const bl_options *device,
                           bl_error *err)
{
    bl_session *s = bl_calloc(1, sizeof *s);
    if (!s)
        return bl_fail(err, BL_ENOMEM, "out of memory for a session");
    s->model = m;
    bl_status status = device ? bl_options_copy(&s->device, BL_OPTIONS_DEVICE, device, err) : BL_OK;
    if (status == BL_OK)
        status = bl_model_view(m, &s->net, device, err);
    if (status == BL_OK)
        status = bl_reader_open(&s->reader, &s->net, BL_READER_ROWS, 1, err);
    if (status == BL_OK)
        status = bl_sequence_open(&s->text, &s->net, err);
    if (status != BL_OK) {
        bl_reader_release(&s->reader);
        bl_dev_close(s->net.dev);
        bl_options_close(s->device);
        bl_free(s);
        return status;
    }
    bl_model_hold(m);
    *result = s;
    return BL_OK;
}

bl_status bl_session_open(bl_session **s, bl_model *m, const bl_options *device, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    *s = NULL;
    BL_NOT_NULL(err, m);
    BL_TRY(bl_options_expect(device, BL_OPTIONS_DEVICE, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_over(s, m, device, err), err);
}

void bl_session_close(bl_session *s)
{
    if (!s || !bl_busy_close(&s->busy))
        return;
    bl_sequence_release(&s->text, &s->net);
    bl_reader_release(&s->reader);
    bl_dev_close(s->net.dev);
    bl_options_close(s->device);
    bl_model_close(s->model);
    bl_free(s);
}

/* Every function that reads or changes a session lies between these two. */
static bl_status enter(bl_session *s, bl_call *call, const char *where, bl_error *err)
{
    BL_TRY(bl_busy_enter(&s->busy, "the session", where, err));
    bl_call_begin(call, err);
    return BL_OK;
}

static bl_status leave(bl_session *s, bl_call *call, bl_status status, bl_error *err)
{
    if (bl_busy_leave(&s->busy))
        bl_session_close(s);
    return bl_call_end(call, status, err);
}

/* Whether a session is at work is no part of what const promises. */
static bl_session *own(const bl_session *s)
{
    return (bl_session *)(uintptr_t)s;
}

static bl_status fork_session(bl_session **result, const bl_session *s, bl_error *err)
{
    bl_session *copy = NULL;
    BL_TRY(open_over(&copy, s->model, s->device, err));
    bl_status status = bl_sequence_copy(&copy->text, &copy->net, &s->text, err);
    if (status != BL_OK) {
        bl_session_close(copy);
        return status;
    }
    *result = copy;
    return BL_OK;
}

bl_status bl_session_fork(bl_session **fork, const bl_session *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, fork);
    *fork = NULL;
    BL_NOT_NULL(err, s);
    BL_TRY(enter(own(s), &call, __func__, err));
    return leave(own(s), &call, fork_session(fork, s, err), err);
}

bl_status bl_session_reset(bl_session *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, bl_sequence_start(&s->text, &s->net, err), err);
}

bl_status bl_session_feed(bl_session *s, const int32_t *ids, size_t count, float *logits, int every,
                          bl_error *err)
{
    bl_call call;
    bl_watch watch;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    BL_TRY(enter(s, &call, __func__, err));
    bl_watch_begin(&watch, "reading", "tok", count);
    bl_status status = bl_sequence_feed(&s->text, &s->reader, ids, count, logits, every, err);
    bl_watch_end(&watch);
    return leave(s, &call, status, err);
}

uint64_t bl_session_position(const bl_session *s)
{
    return s ? s->text.state.position : 0;
}

size_t bl_session_bytes(const bl_session *s)
{
    return s ? s->text.state.bytes + s->text.state.base_bytes : 0;
}

bl_status bl_session_can_consolidate(const bl_session *s, bl_error *err)
{
    if (s->net.config.ttt_forget)
        return BL_OK;
    return bl_fail(err, BL_EUNSUPPORTED,
                   "%s: never forgets (ttt_forget is false), so nothing is to be consolidated",
                   s->model->path);
}

static bl_status consolidate(bl_session *s, double share, bl_error *err)
{
    if (!((float)share > 0 && share <= 1))
        return bl_fail(err, BL_EINVAL, "a share of %g to consolidate: it is above 0 and at most 1",
                       share);
    BL_TRY(bl_session_can_consolidate(s, err));
    return bl_sequence_consolidate(&s->text, &s->reader, (float)share, err);
}

int bl_session_has_base(const bl_session *s)
{
    return s && s->text.state.base;
}

bl_status bl_session_consolidate(bl_session *s, double share, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, consolidate(s, share, err), err);
}

static bl_status tell_heads(const bl_session *s, bl_head_fn *fn, void *user, bl_error *err)
{
    size_t count = s->net.m.L * s->net.m.H;
    bl_head_info *heads = bl_calloc(count, sizeof *heads);
    if (!heads)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu heads", count);
    bl_status status = bl_heads_measure(&s->net, &s->text.state, heads, err);
    for (size_t i = 0; status == BL_OK && i < count; i++) {
        bl_call *call = bl_call_out();
        fn(user, &heads[i]);
        bl_call_back(call);
    }
    bl_free(heads);
    return status;
}

bl_status bl_session_heads(const bl_session *s, bl_head_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, fn);
    BL_TRY(enter(own(s), &call, __func__, err));
    return leave(own(s), &call, tell_heads(s, fn, user, err), err);
}

void bl_session_seed(bl_session *s, uint64_t seed)
{
    if (s)
        bl_sampler_seed(&s->text.sampler, seed);
}

static bl_status owner_of(const bl_session *s, char hex[BL_FINGERPRINT], bl_memory_owner *owner,
                          bl_error *err)
{
    bl_watch watch;
    bl_watch_begin(&watch, "hashing", "%", 100);
    bl_status status = bl_net_fingerprint(&s->net, hex, err);
    bl_watch_end(&watch);
    BL_TRY(status);
    *owner = (bl_memory_owner){hex, *s->model->parent ? s->model->parent : NULL};
    return BL_OK;
}

bl_status bl_session_save(const bl_session *s, const char *path, bl_error *err)
{
    bl_call call;
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, path);
    BL_TRY(enter(own(s), &call, __func__, err));
    bl_status status = owner_of(s, hex, &owner, err);
    if (status == BL_OK)
        status = bl_memory_save(&s->text, &s->net, &owner, path, err);
    return leave(own(s), &call, status, err);
}

bl_status bl_session_load(bl_session *s, const char *path, bl_error *err)
{
    bl_call call;
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, path);
    BL_TRY(enter(s, &call, __func__, err));
    bl_status status = owner_of(s, hex, &owner, err);
    if (status == BL_OK)
        status = bl_memory_load(&s->text, &s->net, &owner, path, err);
    return leave(s, &call, status, err);
}

/* The caller's function for text, and whose call it is. */
typedef struct listener {
    bl_session *session;
    bl_text_fn *fn;
    void *user;
} listener;

static int hand_out(void *user, const char *text, size_t bytes)
{
    const listener *r = user;
    bl_call *call = bl_call_out();
    int stop = r->fn(r->user, text, bytes);
    bl_call_back(call);
    return stop || bl_busy_closing(&r->session->busy);
}

static bl_status generate(bl_session *s, const char *prompt, size_t bytes,
                          const bl_options *options, bl_text_fn *fn, void *user,
                          bl_generate_result *result, bl_error *err)
{
    const bl_model *m = s->model;
    listener r = {s, fn, user};
    if (!m->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", m->path);
    bl_generate_options o;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    if (options)
        o = *bl_options_generate(options);
    return bl_sequence_generate(&s->text, &s->reader, m->tokenizer, prompt, bytes, &o,
                                fn ? hand_out : NULL, &r, result, err);
}

bl_status bl_generate(bl_session *s, const char *prompt, size_t bytes, const bl_options *options,
                      bl_text_fn *fn, void *user, bl_generate_result *result, bl_error *err)
{
    bl_call call;
    if (result)
        *result = (bl_generate_result){0};
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, bytes, prompt);
    BL_TRY(bl_options_expect(options, BL_OPTIONS_GENERATE, __func__, err));
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, generate(s, prompt, bytes, options, fn, user, result, err), err);
}
