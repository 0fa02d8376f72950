/* The learning rate and weight decay of a step (MODEL 6). */
#include "train/schedule.h"

#include <math.h>

/* How long a preset trains when nothing else is given. */
static const struct {
    size_t steps;
} presets[] = {[BL_PRESET_MICRO] = {8000}, [BL_PRESET_CODE] = {20000}, [BL_PRESET_TINY] = {1000}};

/* Peak lr for width D: flat up to 256, then falling with the square root of the width. */
static double default_lr(const bl_config *c)
{
    double peak = c->quantization == BL_QUANT_TERNARY ? 4e-3 : 2e-3;
    return c->hidden_size > 256 ? peak * sqrt(256.0 / (double)c->hidden_size) : peak;
}

bl_status bl_train_resolve(bl_train_options *o, const bl_config *c, bl_error *err)
{
    if (o->steps && o->tokens)
        return bl_fail(err, BL_EINVAL, "`steps` and `tokens` are both given; choose one");
    if (o->tokens) {
        size_t tokens_a_step = o->batch * o->context * o->accum;
        o->steps = (o->tokens + tokens_a_step - 1) / tokens_a_step;
        o->tokens = 0;
    }
    if (!o->steps)
        o->steps = presets[o->preset].steps;
    if (o->lr == 0)
        o->lr = default_lr(c);
    if (o->min_lr > o->lr)
        return bl_fail(err, BL_EINVAL, "`min_lr` %g is above `lr` %g, from which it would fall",
                       o->min_lr, o->lr);
    if (!o->warmup)
        o->warmup = o->steps / 20 < 50 ? o->steps / 20 : 50;
    if (!o->eval_every)
        o->eval_every = o->steps < 10 ? 1 : o->steps / 10;
    if (!o->sample_every)
        o->sample_every = o->eval_every;
    return BL_OK;
}

/* How far a step is on its way from the end of the warm-up (0) to the end of the schedule (1). */
static double progress_of(const bl_train_options *o, uint64_t index)
{
    if (index < o->warmup)
        return 0;
    if (index >= o->steps)
        return 1;
    return (double)(index - o->warmup) / (double)(o->steps - o->warmup);
}

double bl_train_lr(const bl_train_options *o, uint64_t index)
{
    double progress = progress_of(o, index), height = o->lr - o->min_lr;
    if (index < o->warmup)
        return o->lr * (double)(index + 1) / (double)o->warmup;
    switch (o->schedule) {
    case BL_SCHEDULE_CONSTANT:
        return o->lr;
    case BL_SCHEDULE_COSINE:
        return o->min_lr + height * (0.5 + 0.5 * cos(acos(-1) * progress));
    case BL_SCHEDULE_TWO_STAGE:
        height = progress < 0.5 ? height : height * (2.0 / 3.0);
        break;
    default: /* linear */
        break;
    }
    return o->min_lr + height * (1 - progress);
}

double bl_train_weight_decay(const bl_train_options *o, uint64_t index)
{
    int on = o->decay_until >= 1 || progress_of(o, index) < o->decay_until;
    return on ? o->weight_decay : 0;
}
