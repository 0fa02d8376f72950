/* The flags by which commands take a grammar. */
#include "grammar_flags.h"
#include "cli.h"
#include "input.h"
#include "progress.h"

#include <string.h>

static const struct {
    const char *flag;
    int is_file, is_schema;
} kinds[] = {
    {"grammar", 0, 0}, {"grammar-file", 1, 0}, {"json-schema", 0, 1}, {"json-schema-file", 1, 1}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bl_status read_text(bl_text *text, const char *value, int is_file, bl_error *err)
{
    return is_file ? bl_text_read(text, value, err) : bl_text_copy(text, value, err);
}

bl_status bl_cli_grammar_open(bl_grammar **grammar, const bl_args *args, const bl_model *model,
                              bl_error *err)
{
    size_t given = KINDS;
    bl_text text = {0};
    *grammar = NULL;
    for (size_t i = 0; i < KINDS; i++) {
        if (!bl_flags_given(args, kinds[i].flag))
            continue;
        if (given != KINDS)
            return bl_cli_fail(err, BL_EINVAL, "give only one of --%s and --%s", kinds[given].flag,
                               kinds[i].flag);
        given = i;
    }
    if (given == KINDS)
        return BL_OK;
    const bl_tokenizer *t = bl_model_tokenizer(model);
    if (!t)
        return bl_cli_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text",
                           bl_model_path(model));
    const char *value = bl_flags_text(args, kinds[given].flag);
    int at_file = !kinds[given].is_file && kinds[given].is_schema && *value == '@';
    bl_status status = read_text(&text, value + at_file, kinds[given].is_file || at_file, err);
    if (status == BL_OK)
        status = kinds[given].is_schema
                     ? bl_grammar_open_schema(grammar, t, text.data, text.bytes, err)
                     : bl_grammar_open(grammar, t, text.data, text.bytes, err);
    bl_text_release(&text);
    return status;
}
