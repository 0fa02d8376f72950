/* A JSON schema from a stranger: it is refused in a line, or what is written by it is JSON. */
#include "constrained.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[FUZZ_TEXT];
    size_t bytes;
    bl_grammar *g;
    bl_error err = {BL_OK, ""};
    if (size > 1 << 12)
        return 0;
    bl_status status = bl_grammar_open_schema(&g, fuzz_tokenizer(), (const char *)data, size, &err);
    FUZZ_CHECK((status == BL_OK) == (g != NULL));
    if (status != BL_OK)
        fuzz_refused(status, &err);
    for (uint64_t k = 0; g && k < 2; k++) {
        json_error_t why;
        if (!fuzz_write_text(g, fuzz_seed(data, size) + k, text, &bytes))
            continue;
        json_t *value = json_loadb(text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
        /* 1e999 is JSON, and not for Jansson */
        FUZZ_CHECK(value || json_error_code(&why) == json_error_numeric_overflow);
        json_decref(value);
    }
    bl_grammar_close(g);
    return 0;
}
