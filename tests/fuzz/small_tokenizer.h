/* A small tokenizer that the fuzz targets learn themselves, so that they need no file. */
#ifndef BL_TESTS_SMALL_TOKENIZER_H
#define BL_TESTS_SMALL_TOKENIZER_H

#include "fuzz.h"

#include "text/bpe/bpe.h"
#include "text/text.h"

static inline bl_tokenizer *fuzz_tokenizer(void)
{
    static const char lesson[] =
        "Once upon a time there was a cat. The cat's name was Tom, and Tom saw 1234 birds. "
        "\"Hello,\" said the birds. They're all the same to the cat, the cat said.\n\n"
        "na\xC3\xAFve caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 \xE4\xB8\xAD "
        "\xF0\x9F\x90\xBB\xF0\x9F\x90\xBB";
    static bl_tokenizer *t;
    if (t)
        return t;
    const bl_bpe_options options = {.vocab_size = 320, .min_frequency = 2, .threads = 1};
    const bl_span document = {lesson, sizeof lesson - 1};
    bl_bpe_trainer *trainer;
    FUZZ_CHECK(bl_bpe_trainer_open(&trainer, &options, NULL) == BL_OK);
    FUZZ_CHECK(bl_bpe_trainer_feed(trainer, &document, 1, NULL, NULL, NULL) == BL_OK);
    FUZZ_CHECK(bl_bpe_trainer_finish(trainer, NULL, NULL, &t, NULL) == BL_OK);
    bl_bpe_trainer_close(trainer);
    return t;
}

#endif
