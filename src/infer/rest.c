/* Where a state rests: its mean while the model writes to itself, against which consolidation
 * measures what was learned (MODEL 3.8). */
#include "core/watch.h"
#include "infer/feed.h"
#include "infer/sequence.h"
#include "model/base.h"

enum {
    REST_TOKENS = 2048, /* written */
    REST_FIRST = 512    /* of these before the first state that counts */
};

/* Draws as the model says, with a seed of its own. */
static bl_status write(bl_sequence *writer, bl_sequence *s, bl_reader *r, bl_error *err)
{
    const bl_net *net = r->net;
    bl_generate_options o;
    bl_state *now = &writer->state;
    size_t C = net->m.C, borders = 0;
    int32_t id = (int32_t)net->config.bos_token_id;
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    o.temperature = o.top_p = o.repeat_penalty = 1;
    o.top_k = 0;
    o.min_p = o.seed = 0;
    BL_TRY(bl_sampling_configure(&writer->sampler, &o, err));
    while (now->position < REST_TOKENS) {
        BL_TRY(bl_infer_feed(r, now, &id, 1, r->host, 0, err));
        if (now->position % C == 0 && now->position > REST_FIRST)
            bl_base_note_rest(&s->state, net, now, ++borders);
        id = bl_sampling_next(&writer->sampler, r->host, NULL);
        BL_TRY(bl_watch_poll(now->position, REST_TOKENS, err));
    }
    return BL_OP(net->dev, sync, err);
}

bl_status bl_sequence_rest(bl_sequence *s, bl_reader *r, bl_error *err)
{
    const bl_net *net = r->net;
    bl_sequence writer;
    bl_watch watch;
    if (s->state.base)
        return BL_OK;
    BL_TRY(bl_sequence_open(&writer, net, err));
    bl_watch_begin(&watch, "finding its rest", "tok", REST_TOKENS);
    bl_status status = bl_base_open(&s->state, net, err);
    if (status == BL_OK)
        status = write(&writer, s, r, err);
    bl_watch_end(&watch);
    bl_sequence_release(&writer, net);
    if (status != BL_OK)
        bl_base_drop(&s->state, net);
    return status;
}

bl_status bl_sequence_consolidate(bl_sequence *s, bl_reader *r, float share, bl_error *err)
{
    BL_TRY(bl_sequence_rest(s, r, err));
    return bl_base_consolidate(&s->state, r->net, share, err);
}
