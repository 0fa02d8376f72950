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
        status = bl_sampling_open(&s->sampler, net->m.V, err);
    if (status != BL_OK)
        bl_sequence_release(s, net);
    return status;
}

void bl_sequence_release(bl_sequence *s, const bl_net *net)
{
    bl_state_release(&s->state, net);
    bl_sampling_release(&s->sampler);
    bl_sequence_unconstrain(s);
    bl_stops_release(&s->stops);
    *s = (bl_sequence){.pending = BL_NO_TOKEN};
}

static void drop_text(bl_sequence *s)
{
    bl_sequence_unconstrain(s);
    bl_sampling_restart(&s->sampler);
    s->decoder = (bl_decoder){0};
    s->pending = BL_NO_TOKEN;
    s->learned = 0;
    bl_stops_begin(&s->stops);
}

bl_status bl_sequence_start(bl_sequence *s, const bl_net *net, bl_error *err)
{
    drop_text(s);
    return bl_state_start(&s->state, net, err);
}

bl_status bl_sequence_restart(bl_sequence *s, const bl_net *net, bl_error *err)
{
    drop_text(s);
    return bl_state_restart(&s->state, net, err);
}

bl_status bl_sequence_copy(bl_sequence *to, const bl_net *net, const bl_sequence *from,
                           bl_error *err)
{
    if (from->state.base)
        BL_TRY(bl_base_open(&to->state, net, err));
    BL_TRY(bl_sequence_constrain_as(to, from, err));
    BL_TRY(bl_stops_copy(&to->stops, &from->stops, err));
    BL_TRY(bl_sampling_copy(&to->sampler, &from->sampler, err));
    to->decoder = from->decoder;
    to->pending = from->pending;
    to->learned = from->learned;
    return bl_state_copy(&to->state, net, &from->state, err);
}

bl_status bl_sequence_no_logits(const bl_sequence *s, bl_error *err)
{
    return bl_fail(err, BL_EINVAL,
                   s->state.position ? "no logits: nothing was read since the memory was loaded"
                                     : "no logits: the session has read nothing yet");
}

static bl_status feed(bl_sequence *s, bl_reader *r, const int32_t *ids, size_t count,
                      const bl_wanted *wanted, bl_error *err)
{
    static const bl_wanted none;
    int last =
        !wanted->every && (wanted->logits || wanted->top); /* of the last token of any call */
    BL_TRY(bl_infer_check_ids(r->net, ids, count, err));
    if (s->pending != BL_NO_TOKEN) {
        int32_t id = s->pending;
        int alone = !count && last;
        s->pending = BL_NO_TOKEN;
        BL_TRY(bl_infer_read(r, &s->state, &id, 1, alone ? wanted : &none, err));
        if (alone)
            return BL_OK;
    }
    if (count) {
        s->decoder = (bl_decoder){.started = 1}; /* another text follows */
        return bl_infer_read(r, &s->state, ids, count, wanted, err);
    }
    if (last && !s->state.has_last)
        return bl_sequence_no_logits(s, err);
    return last ? bl_infer_last(r, &s->state, wanted, err) : BL_OK;
}

bl_status bl_sequence_feed(bl_sequence *s, bl_reader *r, const int32_t *ids, size_t count,
                           float *logits, int every, bl_error *err)
{
    const bl_wanted wanted = {.logits = logits, .every = every};
    return feed(s, r, ids, count, &wanted, err);
}

bl_status bl_sequence_feed_best(bl_sequence *s, bl_reader *r, const int32_t *ids, size_t count,
                                size_t top, bl_error *err)
{
    const bl_wanted wanted = {.top = top};
    return feed(s, r, ids, count, &wanted, err);
}
