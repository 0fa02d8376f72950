/* bl_model_describe(): sizes of a model, and tokens with a meaning. */
#include "api/model_open.h"
#include "core/call.h"
#include "core/give.h"

bl_status bl_model_describe(const bl_model *m, bl_model_info *info, bl_error *err)
{
    bl_call call;
    int32_t unk = -1;
    BL_RESULT(err, info);
    BL_NOT_NULL(err, m);
    bl_call_begin(&call, err);
    bl_status status = m->tokenizer ? bl_tokenizer_unknown(m->tokenizer, &unk, err) : BL_OK;
    const bl_config *c = &m->net.config;
    const bl_dims *d = &m->net.m;
    const bl_model_info all = {.size = sizeof all,
                               .parameters = m->net.tensors.parameters,
                               .vocab_size = d->V,
                               .hidden_size = d->D,
                               .layers = d->L,
                               .heads = d->H,
                               .head_width = d->F,
                               .intermediate_size = d->I,
                               .chunk = d->C,
                               .context = m->trained_context,
                               .ternary = c->quantization == BL_QUANT_TERNARY,
                               .forgets = c->ttt_forget != 0,
                               .bos = (int32_t)c->bos_token_id,
                               .eos = (int32_t)c->eos_token_id,
                               .pad = (int32_t)c->pad_token_id,
                               .unk = unk};
    if (status == BL_OK)
        bl_result_give(info, &all, sizeof all);
    return bl_call_end(&call, status, err);
}
