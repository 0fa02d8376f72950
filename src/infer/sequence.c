/* A sequence: opening, copying and reading. */
#include "infer/sequence.h"
#include "core/alloc.h"
#include "infer/feed.h"
#include "model/base.h"

#include <string.h>

bl_status bl_sequence_open(bl_sequence *s, const bl_net *net, bl_error *err)
{
    *s = (bl_sequence){.pending = BL_NO_TOKEN};
    bl_status status = bl_decode_open(&s->decode, net, err);
    if (status == BL_OK)
        status = bl_sampler_open(&s->sampler, net->m.V, err);
    if (status == BL_OK && !(s->logits = bl_calloc(net->m.V, sizeof *s->logits)))
        status = bl_fail(err, BL_ENOMEM, "out of memory for %zu logits", net->m.V);
    if (status != BL_OK)
        bl_sequence_release(s, net);
    return status;
}

void bl_sequence_release(bl_sequence *s, const bl_net *net)
{
    bl_decode_release(&s->decode, net);
    bl_sampler_release(&s->sampler);
    bl_free(s->logits);
    *s = (bl_sequence){.pending = BL_NO_TOKEN};
}

bl_status bl_sequence_start(bl_sequence *s, const bl_net *net, bl_error *err)
{
    bl_sampler_restart(&s->sampler);
    s->decoder = (bl_decoder){0};
    s->pending = BL_NO_TOKEN;
    return bl_decode_start(&s->decode, net, err);
}

bl_status bl_sequence_copy(bl_sequence *to, const bl_net *net, const bl_sequence *from,
                           bl_error *err)
{
    if (from->decode.base)
        BL_TRY(bl_base_open(&to->decode, net, err));
    BL_TRY(bl_sampler_copy(&to->sampler, &from->sampler, err));
    to->decoder = from->decoder;
    to->pending = from->pending;
    return bl_decode_copy(&to->decode, net, &from->decode, err);
}

/* Of the token read last, which may be any time ago. */
static bl_status last_logits(bl_sequence *s, const bl_net *net, float *logits, bl_error *err)
{
    if (!s->decode.rows)
        return bl_fail(err, BL_EINVAL,
                       s->decode.position
                           ? "no logits: nothing was read since the memory was loaded"
                           : "no logits: the session has read nothing yet");
    BL_TRY(bl_decode_logits(&s->decode, net, err));
    return bl_dev_get_f32(net->dev, logits, s->decode.logits, net->m.V, net->dev->real_bytes, err);
}

bl_status bl_sequence_feed(bl_sequence *s, const bl_net *net, const int32_t *ids, size_t count,
                           float *logits, int every, bl_error *err)
{
    BL_TRY(bl_infer_check_ids(net, ids, count, err));
    if (s->pending != BL_NO_TOKEN) {
        int32_t id = s->pending;
        s->pending = BL_NO_TOKEN;
        BL_TRY(bl_infer_feed(&s->decode, net, &id, 1, NULL, 0, err));
    }
    if (!count)
        return logits && !every ? last_logits(s, net, logits, err) : BL_OK;
    s->decoder = (bl_decoder){.started = 1}; /* another text follows */
    return bl_infer_feed(&s->decode, net, ids, count, logits, every, err);
}
