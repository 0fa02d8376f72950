/* bl_model_random(): a model that is in no file, to measure with. */
#include "api/device.h"
#include "api/model_open.h"
#include "api/weights.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/watch.h"

enum { SEED = 1, CONTEXT = 128 };

static bl_status open_random(bl_model *m, const bl_options *config, const bl_options *device,
                             bl_error *err)
{
    bl_config c = *bl_options_config_const(config);
    int ternary = c.quantization == BL_QUANT_TERNARY;
    m->path = bl_strdup("");
    m->config_dir = bl_strdup("");
    if (!m->path || !m->config_dir)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    m->context = CONTEXT;
    m->random = 1;
    m->form = ternary ? BL_WEIGHTS_PACKED : BL_WEIGHTS_LATENT;
    bl_config_half_lives(&c, m->context);
    BL_TRY(bl_config_check(&c, NULL, err));
    BL_TRY(bl_options_from_config(&m->config, &c, err));
    BL_TRY(bl_options_copy(&m->device, BL_OPTIONS_DEVICE, device, err));
    const bl_device_request request = bl_device_requested(m->device, ternary);
    BL_TRY(bl_device_open(&m->dev, &request, err));
    BL_TRY(bl_executors_open(&m->executors, &m->net, m->device, err));
    BL_TRY(bl_weights_fit("random weights", m->dev, &request, &c, m->form, BL_TABLE_PARAMS, err));
    BL_TRY(ternary ? bl_net_open_packed(&m->net, &c, m->dev, BL_TABLE_PARAMS, err)
                   : bl_net_open(&m->net, &c, m->dev, err));
    BL_TRY(ternary ? bl_net_randomise(&m->net, SEED, err) : bl_net_init(&m->net, SEED, err));
    return bl_net_coarsen(&m->net, err);
}

bl_status bl_model_random(bl_model **m, const bl_options *config, const bl_options *device,
                          bl_error *err)
{
    bl_call call;
    bl_watch watch;
    BL_NOT_NULL(err, m);
    *m = NULL;
    BL_NOT_NULL(err, config);
    BL_TRY(bl_options_expect(config, BL_OPTIONS_CONFIG, __func__, err));
    BL_TRY(bl_options_expect(device, BL_OPTIONS_DEVICE, __func__, err));
    bl_call_begin(&call, err);
    bl_watch_begin(&watch, "making weights", "%", 100);
    bl_model *made = bl_calloc(1, sizeof *made);
    bl_status status = made ? open_random(made, config, device, err)
                            : bl_fail(err, BL_ENOMEM, "out of memory for a model");
    bl_watch_end(&watch);
    if (status != BL_OK) {
        bl_model_close(made);
        made = NULL;
    }
    *m = made;
    return bl_call_end(&call, status, err);
}
