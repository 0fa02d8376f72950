/* A grammar in GBNF from a stranger: it is refused in a line, or what is written by it is UTF-8, and
 * its mask is what single tokens say. */
#include "constrained.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[FUZZ_TEXT];
    size_t bytes;
    bl_grammar *g;
    bl_error err = {BL_OK, ""};
    if (size > 1 << 12)
        return 0;
    bl_status status = bl_grammar_open(&g, fuzz_tokenizer(), (const char *)data, size, &err);
    FUZZ_CHECK((status == BL_OK) == (g != NULL));
    if (status != BL_OK)
        fuzz_refused(status, &err);
    for (uint64_t k = 0; g && k < 2; k++)
        (void)fuzz_write_text(g, fuzz_seed(data, size) + k, text, &bytes);
    bl_grammar_close(g);
    return 0;
}
