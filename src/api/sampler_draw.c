/* Samplers of the public API: a session's way of drawing, for logits that come from elsewhere. */
#include "api/drawing.h"
#include "core/alloc.h"
#include "core/call.h"
#include "infer/evaluate.h"
#include "infer/feed.h"

struct bl_sampler {
    bl_model *model;
    bl_sequence text; /* one that reads nothing: its state is never opened */
    bl_busy busy;
};

static void release(bl_sampler *s)
{
    bl_sequence_unconstrain(&s->text);
    bl_sampling_release(&s->text.sampler);
    bl_model_close(s->model);
    bl_free(s);
}

static bl_status open_sampler(bl_sampler **result, bl_model *m, const bl_sampler *from,
                              bl_error *err)
{
    bl_sampler *s = bl_calloc(1, sizeof *s);
    if (!s)
        return bl_fail(err, BL_ENOMEM, "out of memory for a sampler");
    s->model = m;
    bl_model_hold(m);
    bl_status status = bl_sampling_open(&s->text.sampler, m->net.m.V, err);
    if (status == BL_OK && from) {
        s->text.decoder = from->text.decoder;
        status = bl_sampling_copy(&s->text.sampler, &from->text.sampler, err);
    }
    if (status == BL_OK && from)
        status = bl_sequence_constrain_as(&s->text, &from->text, err);
    if (status != BL_OK) {
        release(s);
        return status;
    }
    *result = s;
    return BL_OK;
}

bl_status bl_sampler_open(bl_sampler **s, bl_model *m, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    *s = NULL;
    BL_NOT_NULL(err, m);
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_sampler(s, m, NULL, err), err);
}

void bl_sampler_close(bl_sampler *s)
{
    if (s && bl_busy_close(&s->busy))
        release(s);
}

bl_status bl_sampler_fork(bl_sampler **fork, const bl_sampler *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, fork);
    *fork = NULL;
    BL_NOT_NULL(err, s);
    bl_sampler *own = (bl_sampler *)(uintptr_t)s; /* const says nothing about being at work */
    BL_TRY(bl_busy_share(&own->busy, "the sampler", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = open_sampler(fork, s->model, s, err);
    if (bl_busy_unshare(&own->busy))
        release(own);
    return bl_call_end(&call, status, err);
}

static bl_status enter(bl_sampler *s, bl_call *call, const char *where, bl_error *err)
{
    BL_TRY(bl_busy_enter(&s->busy, "the sampler", where, err));
    bl_call_begin(call, err);
    return BL_OK;
}

static bl_status leave(bl_sampler *s, bl_call *call, bl_status status, bl_error *err)
{
    if (bl_busy_leave(&s->busy))
        release(s);
    return bl_call_end(call, status, err);
}

bl_status bl_sampler_reset(bl_sampler *s, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(enter(s, &call, __func__, err));
    bl_sequence_unconstrain(&s->text);
    bl_sampling_restart(&s->text.sampler);
    s->text.decoder = (bl_decoder){0};
    return leave(s, &call, BL_OK, err);
}

void bl_sampler_seed(bl_sampler *s, uint64_t seed)
{
    if (s)
        bl_sampling_seed(&s->text.sampler, seed);
}

bl_status bl_sampler_bias(bl_sampler *s, const int32_t *ids, const float *bias, size_t count,
                          bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    BL_NOT_NULL_IF(err, count, bias);
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, bl_drawing_bias(&s->text, ids, bias, count, err), err);
}

bl_status bl_sampler_constrain(bl_sampler *s, bl_grammar *g, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, bl_drawing_constrain(&s->text, s->model, g, err), err);
}

int bl_sampler_constrained(const bl_sampler *s)
{
    return s ? bl_drawing_constrained(&s->text) : 0;
}

/* The options of a call; of several the window may have to be wider than it is. */
static bl_status configure(bl_sampler *s, const bl_options *options, bl_generate_options *o,
                           bl_error *err)
{
    bl_options_defaults(BL_OPTIONS_GENERATE, o);
    if (options)
        *o = *bl_options_generate(options);
    return bl_sampling_configure(&s->text.sampler, o, err);
}

static bl_status accept(bl_sampler *s, const int32_t *ids, size_t count, const bl_options *options,
                        bl_error *err)
{
    bl_generate_options o;
    int32_t bos = (int32_t)s->model->net.config.bos_token_id;
    BL_TRY(bl_infer_check_ids(&s->model->net, ids, count, err));
    BL_TRY(configure(s, options, &o, err));
    for (size_t i = 0; i < count; i++) {
        bl_sampling_accept(&s->text.sampler, ids[i]);
        s->text.decoder.started |= ids[i] != bos;
    }
    return BL_OK;
}

bl_status bl_sampler_accept(bl_sampler *s, const int32_t *ids, size_t count,
                            const bl_options *options, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    BL_TRY(bl_options_expect(options, BL_OPTIONS_GENERATE, __func__, err));
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, accept(s, ids, count, options, err), err);
}

static bl_status draw(bl_sampler *s, const float *logits, const uint64_t *mask,
                      const bl_options *options, int32_t *id, double *log_probability,
                      bl_error *err)
{
    const bl_model *m = s->model;
    bl_sequence *text = &s->text;
    bl_generate_options o;
    int32_t drawn;
    BL_TRY(configure(s, options, &o, err));
    const bl_drawing d = {.logits = logits,
                          .mask = mask,
                          .left = o.finish ? o.max_tokens : 0,
                          .end = (int32_t)m->net.config.eos_token_id,
                          .drops_space = bl_tokenizer_prefix_space(m->tokenizer)};
    int constrained = text->constraint != NULL;
    BL_TRY(bl_sequence_draw(text, &d, &drawn, err));
    bl_sampling_accept(&text->sampler, drawn);
    text->decoder.started |= drawn != d.end || (o.ignore_eos && !constrained);
    *id = drawn;
    if (log_probability)
        *log_probability = -bl_loss_of(logits, m->net.m.V, drawn);
    return BL_OK;
}

bl_status bl_sampler_draw(bl_sampler *s, const float *logits, const uint64_t *mask,
                          const bl_options *options, int32_t *id, double *log_probability,
                          bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, id);
    *id = BL_NO_TOKEN;
    if (log_probability)
        *log_probability = 0;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL(err, logits);
    BL_TRY(bl_options_expect(options, BL_OPTIONS_GENERATE, __func__, err));
    BL_TRY(enter(s, &call, __func__, err));
    return leave(s, &call, draw(s, logits, mask, options, id, log_probability, err), err);
}
