/* What a session may draw: grammars and biases. */
#include "api/drawing.h"
#include "core/alloc.h"
#include "core/call.h"

#include <math.h>
#include <stdlib.h>

bl_status bl_drawing_constrain(bl_sequence *s, const bl_model *m, bl_grammar *g, bl_error *err)
{
    const bl_tokenizer *t = m->tokenizer;
    if (g && (!t || !bl_grammar_is_of(g, t)))
        return bl_fail(err, BL_EINVAL,
                       "the grammar is of another tokenizer than the session's model: %s", m->path);
    if (g)
        return bl_sequence_constrain(s, g, err);
    bl_sequence_unconstrain(s);
    return BL_OK;
}

bl_status bl_session_constrain(bl_session *s, bl_grammar *g, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_TRY(bl_session_enter(s, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = bl_drawing_constrain(&s->text, s->model, g, err);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}

int bl_drawing_constrained(const bl_sequence *s)
{
    int ends = 0;
    if (!s->constraint)
        return 0;
    return bl_constraint_ends(s->constraint, &ends, NULL) == BL_OK && ends ? 2 : 1;
}

int bl_session_constrained(const bl_session *s)
{
    return s ? bl_drawing_constrained(&s->text) : 0;
}

static int by_id(const void *a, const void *b)
{
    const bl_bias *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static bl_status check(const bl_bias *biases, size_t count, size_t V, bl_error *err)
{
    size_t forbidden = 0;
    for (size_t i = 0; i < count; i++) {
        const bl_bias *b = &biases[i];
        if (b->id < 0 || (size_t)b->id >= V)
            return bl_fail(err, BL_EINVAL, "a bias of id %ld, past the model's vocabulary of %zu",
                           (long)b->id, V);
        if (i && b[-1].id == b->id)
            return bl_fail(err, BL_EINVAL, "two biases of id %ld", (long)b->id);
        if (isnan(b->bias) || (isinf(b->bias) && b->bias > 0))
            return bl_fail(err, BL_EINVAL, "the bias of id %ld is not a number, or infinite",
                           (long)b->id);
        forbidden += isinf(b->bias) != 0;
    }
    return forbidden < V ? BL_OK : bl_fail(err, BL_EINVAL, "all tokens are forbidden");
}

bl_status bl_drawing_bias(bl_sequence *s, const int32_t *ids, const float *bias, size_t count,
                          bl_error *err)
{
    bl_bias *biases = bl_calloc(count, sizeof *biases);
    if (!biases)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu biases", count);
    for (size_t i = 0; i < count; i++)
        biases[i] = (bl_bias){ids[i], bias[i]};
    if (count > 1)
        qsort(biases, count, sizeof *biases, by_id);
    bl_status status = check(biases, count, s->sampler.V, err);
    if (status == BL_OK)
        bl_sampling_bias(&s->sampler, biases, count);
    else
        bl_free(biases);
    return status;
}

bl_status bl_session_bias(bl_session *s, const int32_t *ids, const float *bias, size_t count,
                          bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, ids);
    BL_NOT_NULL_IF(err, count, bias);
    BL_TRY(bl_session_enter(s, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = bl_drawing_bias(&s->text, ids, bias, count, err);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}

bl_status bl_session_stop(bl_session *s, const bl_span *texts, size_t count, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, s);
    BL_NOT_NULL_IF(err, count, texts);
    BL_TRY(bl_session_enter(s, "the session", __func__, err));
    bl_call_begin(&call, err);
    bl_status status = bl_stops_set(&s->text.stops, texts, count, err);
    bl_session_leave(s);
    return bl_call_end(&call, status, err);
}
