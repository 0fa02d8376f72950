/* bl_advise(): what suits an amount of text, by the rules of docs/TRAINING.md. */
#include "core/call.h"
#include "core/give.h"
#include "data/tokens.h"

#include <stddef.h>

enum {
    BYTES_AN_ENTRY = 128, /* of text for each entry of a vocabulary */
    LEAST_ENTRIES = 512,
    MOST_ENTRIES = 16384,
    EPOCHS = 10,
    CONTEXT = 128,
    SMALL_BATCH = 8,
    BATCH = 32,
    FEW_STEPS = 400 /* fewer than that with BATCH: SMALL_BATCH gives more of them */
};
#define MICRO_BYTES ((uint64_t)8000000)

static uint64_t steps_for(uint64_t tokens, uint64_t a_step)
{
    uint64_t steps = (EPOCHS * tokens + a_step - 1) / a_step;
    return steps ? steps : 1;
}

static bl_status advise(const char *data_dir, bl_advice *a, bl_error *err)
{
    bl_data_meta meta;
    BL_TRY(bl_data_meta_load(&meta, data_dir, err));
    const bl_data_split *train = &meta.split[BL_DATA_TRAIN], *val = &meta.split[BL_DATA_VAL];
    *a = (bl_advice){.bytes = train->bytes + val->bytes,
                     .tokens = train->tokens,
                     .val_tokens = val->tokens,
                     .vocab_size = meta.vocab_size,
                     .suits_vocab_size = LEAST_ENTRIES,
                     .context = CONTEXT,
                     .batch = BATCH};
    while (a->suits_vocab_size < MOST_ENTRIES &&
           2 * a->suits_vocab_size * BYTES_AN_ENTRY <= a->bytes)
        a->suits_vocab_size *= 2;
    int micro = a->bytes >= MICRO_BYTES;
    uint64_t preset_steps = micro ? 8000 : 1000;
    a->preset = micro ? "micro" : "tiny";
    while (a->context > 16 &&
           (a->tokens <= 2 * a->context || (val->tokens && val->tokens <= a->context)))
        a->context /= 2;
    if (steps_for(a->tokens, BATCH * a->context) < FEW_STEPS)
        a->batch = SMALL_BATCH;
    a->steps = steps_for(a->tokens, a->batch * a->context);
    if (a->steps >= preset_steps)
        a->steps = 0;
    uint64_t read = (a->steps ? a->steps : preset_steps) * a->batch * a->context;
    a->epochs = a->tokens ? (double)read / (double)a->tokens : 0;
    return BL_OK;
}

bl_status bl_advise(const char *data_dir, bl_advice *advice, bl_error *err)
{
    bl_call call;
    bl_advice found = {0};
    BL_RESULT(err, advice);
    BL_NOT_NULL(err, data_dir);
    bl_call_begin(&call, err);
    bl_status status = advise(data_dir, &found, err);
    bl_result_give(advice, &found, sizeof found);
    return bl_call_end(&call, status, err);
}
