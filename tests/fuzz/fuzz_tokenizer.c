/* tokenizer.json from a stranger: opened, used, saved, and opened again as the same tokenizer. */
#include "fuzz.h"

#include "text/text.h"

enum { IDS = 512 };

static const char *const texts[] = {
    "",
    "Once upon a time, there was a cat.",
    "  two  spaces\n\n\ttab it's 12345 <|endoftext|> x<|padding|>",
    "na\xC3\xAFve \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 \xE4\xB8\xAD\xE6\x96\x87 \xD8\xB9",
};

static size_t encode(const bl_tokenizer *t, const char *text, unsigned flags, int32_t ids[IDS])
{
    size_t count = 0;
    FUZZ_CHECK(bl_tokenizer_encode(t, text, strlen(text), flags, ids, IDS, &count, NULL) == BL_OK);
    FUZZ_CHECK(count <= IDS);
    return count;
}

static void use(const bl_tokenizer *t, const bl_tokenizer *again)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (unsigned flags = 0; flags <= BL_ENCODE_SPECIAL; flags++) {
            int32_t ids[IDS], other[IDS];
            char text[4096];
            size_t bytes, count = encode(t, texts[i], flags, ids);
            for (size_t k = 0; k < count; k++)
                FUZZ_CHECK(ids[k] >= 0 && (size_t)ids[k] < bl_tokenizer_vocab_size(t));
            FUZZ_CHECK(bl_tokenizer_decode(t, ids, count, 0, text, sizeof text, &bytes, NULL) ==
                       BL_OK);
            FUZZ_CHECK(encode(again, texts[i], flags, other) == count);
            FUZZ_CHECK(memcmp(ids, other, count * sizeof *ids) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bl_tokenizer *t, *again;
    bl_error err = {0};
    bl_status status = bl_tokenizer_open(&t, fuzz_file(data, size), &err);
    if (status != BL_OK) {
        FUZZ_CHECK(!t && err.code == status && *err.message && !strchr(err.message, '\n'));
        return 0;
    }
    FUZZ_CHECK(bl_tokenizer_save(t, fuzz_in_folder("saved.json"), NULL) == BL_OK);
    FUZZ_CHECK(bl_tokenizer_open(&again, fuzz_in_folder("saved.json"), NULL) == BL_OK);
    FUZZ_CHECK(bl_tokenizer_vocab_size(t) == bl_tokenizer_vocab_size(again));
    use(t, again);
    bl_tokenizer_close(again);
    bl_tokenizer_close(t);
    return 0;
}
