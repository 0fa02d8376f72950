/* Samples: what the current weights write. */
#include "core/buf.h"
#include "train/trainer.h"

#include <string.h>

enum { SAMPLE_TOKENS = 120 };

static int append_text(void *user, const bl_token_event *token)
{
    bl_buf_append(user, token->text, token->bytes);
    return 0;
}

void bl_trainer_sample(bl_trainer *t)
{
    bl_generate_options options;
    bl_options_defaults(BL_OPTIONS_GENERATE, &options);
    options.max_tokens = SAMPLE_TOKENS;
    options.seed = (double)t->o.seed;
    bl_buf text;
    bl_buf_init(&text);
    bl_buf_puts(&text, t->o.sample_prompt);
    bl_error why;
    bl_status status = bl_sequence_start(&t->blocks.sample, &t->blocks.net, &why);
    if (status == BL_OK)
        status = bl_sequence_generate(
            &t->blocks.sample, &t->blocks.reader, t->tokenizer,
            &(bl_prompt){.text = t->o.sample_prompt, .bytes = strlen(t->o.sample_prompt)}, &options,
            append_text, &text, NULL, &why);
    if (status == BL_OK)
        status = bl_buf_status(&text, &why);
    if (status == BL_OK) {
        bl_train_event event = {.kind = BL_TRAIN_SAMPLE, .text = text.data};
        bl_outputs_report(&t->outputs, &event);
    } else {
        bl_outputs_say(&t->outputs, BL_TRAIN_WARNING, "no sample was written: %s", why.message);
    }
    bl_buf_release(&text);
}
