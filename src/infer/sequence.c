/* A sequence: opening, copying and reading. */
#include "infer/sequence.h"
#include "infer/feed.h"
#include "model/base.h"

#include <string.h>

bl_status bl_sequence_open(bl_sequence *s, const bl_net *net, bl_error *err)
{
    *s = (bl_sequence){.pending = BL_NO_TOKEN};
    bl_status status = bl_state_open(&s->state, net, err);
    if (status == BL_OK)
        status = bl_sampler_open(&s->sampler, net->m.V, err);
    if (status != BL_OK)
        bl_sequence_release(s, net);
    return status;
}

void bl_sequence_release(bl_sequence *s, const bl_net *net)
{
    bl_state_release(&s->state, net);
    bl_sampler_release(&s->sampler);
    *s = (bl_sequence){.pending = BL_NO_TOKEN};
}

bl_status bl_sequence_start(bl_sequence *s, const bl_net *net, bl_error *err)
{
    bl_sampler_restart(&s->sampler);
    s->decoder = (bl_decoder){0};
    s->pending = BL_NO_TOKEN;
    return bl_state_start(&s->state, net, err);
}

bl_status bl_sequence_copy(bl_sequence *to, const bl_net *net, const bl_sequence *from,
                           bl_error *err)
{
    if (from->state.base)
        BL_TRY(bl_base_open(&to->state, net, err));
    BL_TRY(bl_sampler_copy(&to->sampler, &from->sampler, err));
    to->decoder = from->decoder;
    to->pending = from->pending;
    return bl_state_copy(&to->state, net, &from->state, err);
}

bl_status bl_sequence_no_logits(const bl_sequence *s, bl_error *err)
{
    return bl_fail(err, BL_EINVAL,
                   s->state.position ? "no logits: nothing was read since the memory was loaded"
                                     : "no logits: the session has read nothing yet");
}

/* Of the token read last, which may be any time ago. */
static bl_status last_logits(const bl_sequence *s, bl_reader *r, float *logits, bl_error *err)
{
    if (!s->state.has_last)
        return bl_sequence_no_logits(s, err);
    BL_TRY(bl_reader_logits(r, &s->state, err));
    BL_TRY(bl_reader_get(r, 0, logits, err));
    return bl_infer_check_logits(&s->state, logits, 1, r->net->m.V, err);
}

bl_status bl_sequence_feed(bl_sequence *s, bl_reader *r, const int32_t *ids, size_t count,
                           float *logits, int every, bl_error *err)
{
    BL_TRY(bl_infer_check_ids(r->net, ids, count, err));
    if (s->pending != BL_NO_TOKEN) {
        int32_t id = s->pending;
        s->pending = BL_NO_TOKEN;
        BL_TRY(bl_infer_feed(r, &s->state, &id, 1, NULL, 0, err));
    }
    if (!count)
        return logits && !every ? last_logits(s, r, logits, err) : BL_OK;
    s->decoder = (bl_decoder){.started = 1}; /* another text follows */
    return bl_infer_feed(r, &s->state, ids, count, logits, every, err);
}
