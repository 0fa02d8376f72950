/* bl_time_steps(): how long an optimizer step takes. */
#include "api/device.h"
#include "api/training.h"
#include "core/call.h"
#include "core/watch.h"
#include "train/rehearsal.h"

static bl_status time_until(bl_rehearsal *r, double dropout, bl_step_fn *fn, void *user,
                            bl_error *err)
{
    for (uint64_t n = 0;; n++) {
        double seconds;
        BL_TRY(bl_rehearsal_step(r, dropout, &seconds, err));
        bl_call *call = bl_call_out();
        int enough = fn(user, seconds);
        bl_call_back(call);
        if (enough)
            return BL_OK;
        BL_TRY(bl_watch_poll(n, 0, err));
    }
}

static bl_status time_training(const bl_options *train, const bl_options *config, bl_step_fn *fn,
                               void *user, bl_error *err)
{
    bl_config c;
    bl_train_options o;
    bl_dev *dev;
    bl_rehearsal r = {0};
    bl_parent parent = {.path = NULL};
    bl_status status = bl_trainer_choose(&c, &o, &parent, train, config, err);
    bl_parent_close(&parent);
    BL_TRY(status);
    bl_config_half_lives(&c, o.context);
    BL_TRY(bl_config_check(&c, NULL, err));
    bl_pass_kind kind = o.recompute ? BL_PASS_RECOMPUTE : BL_PASS_GRADIENTS;
    const bl_device_request request = bl_device_of_training(&o, c.quantization == BL_QUANT_TERNARY);
    BL_TRY(bl_device_open(&dev, &request, err));
    status = bl_rehearsal_fits(dev, request.name, &c, o.batch, o.context, kind, err);
    if (status == BL_OK)
        status = bl_rehearsal_open(&r, dev, &c, o.batch, o.context, kind, err);
    if (status == BL_OK)
        status = bl_rehearsal_fill(&r, err);
    if (status == BL_OK)
        status = time_until(&r, o.dropout, fn, user, err);
    bl_rehearsal_release(&r);
    bl_dev_close(dev);
    return status;
}

bl_status bl_time_steps(const bl_options *train, const bl_options *config, bl_step_fn *fn,
                        void *user, bl_error *err)
{
    bl_call call;
    bl_watch watch;
    bl_options *defaults = NULL;
    BL_NOT_NULL(err, fn);
    BL_TRY(bl_options_expect(train, BL_OPTIONS_TRAIN, __func__, err));
    BL_TRY(bl_options_expect(config, BL_OPTIONS_CONFIG, __func__, err));
    bl_call_begin(&call, err);
    bl_watch_begin(&watch, "training", "steps", 0);
    bl_status status = train ? BL_OK : bl_options_open(&defaults, BL_OPTIONS_TRAIN, err);
    if (status == BL_OK)
        status = time_training(train ? train : defaults, config, fn, user, err);
    bl_watch_end(&watch);
    bl_options_close(defaults);
    return bl_call_end(&call, status, err);
}
