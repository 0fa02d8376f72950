/* The weights of a model: checked against config and machine before anything of their size is
 * allocated. */
#include "api/weights.h"
#include "core/alloc.h"
#include "core/status.h"
#include "core/team.h"
#include "format/shards.h"
#include "model/base.h"
#include "model/packed.h"
#include "model/reader.h"
#include "ops/measure.h"

#include <stdio.h>

static bl_status check(const bl_st *st, const bl_config *c, bl_weight_form form, const char *path,
                       bl_error *err)
{
    bl_tensor_list list;
    BL_TRY(
        bl_tensors_open(&list, c, form != BL_WEIGHTS_LATENT, BL_TABLE_PARAMS, sizeof(float), err));
    bl_status status =
        form == BL_WEIGHTS_LATENT
            ? bl_tensors_check(&list, st, "", err)
            : bl_packed_check(&list, c->quantization == BL_QUANT_TERNARY, st, path, err);
    bl_tensors_release(&list);
    return status;
}

bl_status bl_weights_open(bl_st **st, const char *path, const bl_config *c, bl_weight_form form,
                          bl_error *err)
{
    BL_TRY(bl_weights_open_files(st, path, err));
    bl_status status = check(*st, c, form, path, err);
    if (status == BL_OK)
        return BL_OK;
    bl_st_close(*st);
    *st = NULL;
    return status;
}

/* What a consolidation would add to a session. */
static bl_status measure_base(bl_plan_result *result, bl_state *state, const bl_net *net,
                              bl_error *err)
{
    if (!net->config.ttt_forget)
        return BL_OK;
    BL_TRY(bl_base_open(state, net, err));
    result->base = state->base_bytes;
    return BL_OK;
}

/* A session over a model, as bl_session_open() makes them, and the room in which it is read. */
static bl_status measure_session(bl_plan_result *result, bl_dev *counting, size_t threads,
                                 const bl_net *net, bl_error *err)
{
    bl_reader reader;
    bl_state state = {0};
    BL_TRY(bl_reader_open(&reader, net, bl_reader_rows(counting, threads), 1, err));
    bl_status status = bl_state_open(&state, net, err);
    if (status == BL_OK) {
        *result = (bl_plan_result){.weights = net->tensors.elements * counting->param_bytes +
                                              net->tern_bytes + net->coarse_bytes,
                                   .activations = reader.bytes + (state.block_bytes - state.bytes),
                                   .scratch = bl_measure_scratch(counting),
                                   .state = state.bytes,
                                   .parameters = net->tensors.parameters};
        result->total = bl_measure_allocated(counting) + result->scratch;
        status = measure_base(result, &state, net, err);
        bl_state_release(&state, net);
    }
    bl_reader_release(&reader);
    return status;
}

static bl_status measure(bl_plan_result *result, bl_dev *counting, size_t threads,
                         const bl_config *c, bl_weight_form form, bl_table_form tables,
                         bl_error *err)
{
    bl_net net;
    BL_TRY(form == BL_WEIGHTS_LATENT ? bl_net_open(&net, c, counting, err)
                                     : bl_net_open_packed(&net, c, counting, tables, err));
    bl_status status = bl_net_coarsen(&net, err);
    if (status == BL_OK)
        status = measure_session(result, counting, threads, &net, err);
    bl_net_release(&net);
    return status;
}

bl_status bl_weights_plan(bl_plan_result *result, bl_dev *dev, const bl_device_request *request,
                          const bl_config *c, bl_weight_form form, bl_table_form tables,
                          bl_error *err)
{
    bl_dev *counting;
    *result = (bl_plan_result){0};
    BL_TRY(bl_measure_open(&counting, dev, err));
    bl_status status =
        measure(result, counting, bl_threads(request->threads), c, form, tables, err);
    if (status == BL_OK)
        bl_measure_machine(result, dev);
    bl_dev_close(counting);
    return status;
}

bl_status bl_weights_fit(const char *path, bl_dev *dev, const bl_device_request *request,
                         const bl_config *c, bl_weight_form form, bl_table_form tables,
                         bl_error *err)
{
    bl_plan_result plan;
    char what[BL_TEXT_MAX];
    BL_TRY(bl_weights_plan(&plan, dev, request, c, form, tables, err));
    (void)snprintf(what, sizeof what, "%s: this model", path);
    return bl_measure_fits(&plan, request->name, what, " (bitllama plan -m shows the parts)", err);
}
