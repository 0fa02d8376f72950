/* Sessions of the public API: one text each over a shared model. */
#include "api/model.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "model/fingerprint.h"

bl_status bl_session_open(bl_session **result, bl_model *m, bl_error *err)
{
    *result = NULL;
    bl_session *s = bl_calloc(1, sizeof *s);
    if (!s)
        return bl_fail(err, BL_ENOMEM, "out of memory for a session");
    s->model = m;
    bl_status status = bl_model_view(m, &s->net, err);
    if (status == BL_OK)
        status = bl_text_session_open(&s->text, &s->net, err);
    if (status != BL_OK) {
        bl_dev_close(s->net.dev);
        bl_free(s);
        return status;
    }
    *result = s;
    return BL_OK;
}

void bl_session_close(bl_session *s)
{
    if (!s)
        return;
    bl_text_session_release(&s->text, &s->net);
    bl_dev_close(s->net.dev);
    bl_free(s);
}

bl_status bl_session_fork(bl_session **result, const bl_session *s, bl_error *err)
{
    bl_session *copy;
    *result = NULL;
    BL_TRY(bl_session_open(&copy, s->model, err));
    bl_status status = bl_text_session_copy(&copy->text, &copy->net, &s->text, err);
    if (status != BL_OK) {
        bl_session_close(copy);
        return status;
    }
    *result = copy;
    return BL_OK;
}

bl_status bl_session_reset(bl_session *s, bl_error *err)
{
    return bl_text_session_start(&s->text, &s->net, err);
}

bl_status bl_session_feed(bl_session *s, const int32_t *ids, size_t count, float *logits, int every,
                          bl_error *err)
{
    bl_watch watch;
    bl_watch_begin(&watch, "reading", "tok", count);
    bl_status status = bl_text_session_feed(&s->text, &s->net, ids, count, logits, every, err);
    bl_watch_end(&watch);
    return status;
}

uint64_t bl_session_position(const bl_session *s)
{
    return s->text.decode.position;
}

size_t bl_session_bytes(const bl_session *s)
{
    return s->text.decode.state_bytes;
}

void bl_session_seed(bl_session *s, uint64_t seed)
{
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
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    BL_TRY(owner_of(s, hex, &owner, err));
    return bl_memory_save(&s->text, &s->net, &owner, path, err);
}

bl_status bl_session_load(bl_session *s, const char *path, bl_error *err)
{
    char hex[BL_FINGERPRINT];
    bl_memory_owner owner;
    BL_TRY(owner_of(s, hex, &owner, err));
    return bl_memory_load(&s->text, &s->net, &owner, path, err);
}

bl_status bl_generate(bl_session *s, const char *prompt, size_t bytes, const bl_options *options,
                      bl_text_fn *fn, void *user, bl_generate_result *result, bl_error *err)
{
    const bl_model *m = s->model;
    if (!m->tokenizer)
        return bl_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text", m->path);
    bl_generate_options o;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    if (options)
        o = *bl_options_generate(options);
    return bl_text_session_generate(&s->text, &s->net, m->tokenizer, prompt, bytes, &o, fn, user,
                                    result, err);
}
