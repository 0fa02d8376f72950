/* bitllama prepare: text to a data folder. */
#include "cli.h"
#include "format.h"
#include "progress.h"
#include "signals.h"

#include <stdio.h>
#include <stdlib.h>

static void report(const bl_prepare_result *r, const bl_options *options, const char *out,
                   bl_error *err)
{
    char asked[32] = "0";
    bl_progress_print("%s: %s documents, %s bytes, %s tokens for training; %s documents, %s bytes, "
                      "%s tokens for validation",
                      out, bl_format_count(r->documents - r->val_documents).text,
                      bl_format_count(r->bytes - r->val_bytes).text,
                      bl_format_count(r->tokens - r->val_tokens).text,
                      bl_format_count(r->val_documents).text, bl_format_count(r->val_bytes).text,
                      bl_format_count(r->val_tokens).text);
    bl_progress_print("vocabulary %s, longest document %s tokens",
                      bl_format_count(r->vocab_size).text,
                      bl_format_count(r->longest_document).text);
    (void)bl_options_get(options, "vocab_size", asked, sizeof asked, err);
    unsigned long long wanted = strtoull(asked, NULL, 10);
    if (bl_options_is_set(options, "tokenizer") == 0 && r->vocab_size < wanted)
        bl_progress_print("(%s were asked for: the text has no more pairs to merge)",
                          bl_format_count(wanted).text);
    bl_progress_print("next: bitllama train --data %s --out RUN", out);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    const char *out = bl_flags_text(args, "out");
    bl_options *options = NULL;
    bl_prepare_result result = {0};
    bl_status status = bl_flags_options(args, BL_OPTIONS_PREPARE, &options, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = bl_prepare(args->operands, args->operand_count, out, options, bl_progress_report,
                            NULL, &result, err);
        bl_progress_end();
    }
    if (status == BL_OK)
        report(&result, options, out, err);
    bl_options_close(options);
    return status;
}

static const bl_flag flags[] = {
    {.name = "out", .value = "DIR", .required = 1, .help = "the data folder to make"},
    {0},
};

const bl_command bl_command_prepare = {
    .name = "prepare",
    .summary = "Turns text into a data folder: tokenizer, training and validation tokens.",
    .usage = "SOURCE... --out DIR [flags]",
    .example = "bitllama prepare tales --out data --vocab-size 2048",
    .operand = "SOURCE (tales, a file, a folder, or - for standard input)",
    .least = 1,
    .most = SIZE_MAX,
    .flags = flags,
    .groups = {{"text to tokens", BL_OPTIONS_PREPARE}},
    .run = run,
};
