/* What a device's decode op is told of a model and its sequences (ops.h). */
#include "model/decode_model.h"
#include "core/alloc.h"
#include "model/base.h"

bl_decode_model bl_decode_model_of(const bl_net *net)
{
    bl_ttt_shape s = bl_net_ttt_shape(net, 1, 1);
    return (bl_decode_model){.embed = net->w.embed,
                             .L = net->m.L,
                             .D = net->m.D,
                             .H = net->m.H,
                             .I = net->m.I,
                             .C = net->m.C,
                             .K = net->m.K,
                             .keys = !net->config.share_qk,
                             .gates = net->config.use_gate,
                             .pre = net->config.pre_conv,
                             .eps = (float)net->config.rms_norm_eps,
                             .lr_scale = bl_net_lr_scale(net),
                             .rope_theta = s.rope_theta};
}

static bl_decode_layer layer_of(const bl_net *net, size_t l)
{
    const bl_layer_params *w = &net->w.layer[l];
    const bl_layer_terns *t = &net->terns[l];
    return (bl_decode_layer){
        .pre_norm = w->pre_norm,
        .pre_conv = w->pre_conv,
        .pre_conv_b = w->pre_conv_b,
        .seq_norm = w->seq_norm,
        .conv_q = w->conv_q,
        .conv_q_b = w->conv_q_b,
        .conv_k = w->conv_k,
        .conv_k_b = w->conv_k_b,
        .lr_w = w->lr_w,
        .lr_b = w->lr_b,
        .post_w = w->post_w,
        .post_b = w->post_b,
        .attn_sub = w->attn_sub,
        .ffn_norm = w->ffn_norm,
        .ffn_sub = w->ffn_sub,
        .q_proj = t->q_proj,
        .k_proj = t->k_proj,
        .v_proj = t->v_proj,
        .g_proj = t->g_proj,
        .o_proj = t->o_proj,
        .gate_proj = t->gate_proj,
        .up_proj = t->up_proj,
        .down_proj = t->down_proj,
        .inner = bl_net_ttt_params(w),
    };
}

bl_status bl_decode_layers(bl_decode_layer *layers, bl_decode_model *m, const bl_net *net,
                           bl_error *err)
{
    for (size_t l = 0; l < net->m.L; l++)
        layers[l] = layer_of(net, l);
    BL_TRY(bl_state_places(layers, &m->last, net, err));
    return bl_base_places(layers, net, err);
}

bl_decode_row bl_decode_row_of(const bl_state *s, int32_t id)
{
    return (bl_decode_row){s->block, s->base_block, s->position, id};
}
