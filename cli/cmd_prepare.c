/* bitllama prepare: text to a data folder. */
#include "cli.h"
#include "format.h"
#include "paste.h"
#include "progress.h"
#include "signals.h"

#include <stdio.h>
#include <stdlib.h>

/* A count for training, for validation, and of both. */
static void row(const char *name, uint64_t all, uint64_t val)
{
    bl_progress_print("%-16s %15s %15s %15s", name, bl_format_count(all - val).text,
                      bl_format_count(val).text, bl_format_count(all).text);
}

/* A token as it could stand in C: " the", "\n", "\xE4". */
static void spell(const bl_tokenizer *t, int32_t id, char *text, size_t cap)
{
    size_t bytes, n = 0;
    const char *token = bl_tokenizer_bytes(t, id, &bytes);
    text[n++] = '"';
    for (size_t i = 0; i < bytes && n + 8 < cap; i++) {
        unsigned char c = (unsigned char)token[i];
        if (c == '\n' || c == '\t' || c == '"' || c == '\\') {
            text[n++] = '\\';
            text[n++] = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c);
        } else if (c < 32 || c > 126) {
            n += (size_t)snprintf(text + n, cap - n, "\\x%02X", c);
        } else {
            text[n++] = (char)c;
        }
    }
    text[n++] = '"';
    text[n] = 0;
}

/* The most frequent tokens on one line. */
static void report_top(const bl_prepare_result *r, const char *out)
{
    char line[600], token[48];
    size_t used = 0;
    bl_tokenizer *t;
    if (bl_tokenizer_open(&t, out, NULL) != BL_OK)
        return;
    for (size_t i = 0; i < BL_PREPARE_TOP && r->top[i] >= 0; i++) {
        spell(t, r->top[i], token, sizeof token);
        int n = snprintf(line + used, sizeof line - used, "%s%s %.1f%%", i ? ", " : "", token,
                         100.0 * (double)r->top_count[i] / (double)r->tokens);
        if (n < 0 || (size_t)n >= sizeof line - used)
            break;
        used += (size_t)n;
    }
    line[used] = 0;
    bl_tokenizer_close(t);
    bl_progress_print("most frequent    %s", line);
}

static double share(uint64_t bytes, uint64_t tokens)
{
    return tokens ? (double)bytes / (double)tokens : 0;
}

static void report(const bl_prepare_result *r, const bl_options *options, const char *out,
                   bl_error *err)
{
    char asked[32] = "0";
    bl_progress_print("%-16s %15s %15s %15s", out, "training", "validation", "all");
    row("documents", r->documents, r->val_documents);
    row("bytes", r->bytes, r->val_bytes);
    row("tokens", r->tokens, r->val_tokens);
    bl_progress_print("%-16s %15.3f %15.3f %15.3f", "bytes a token",
                      share(r->bytes - r->val_bytes, r->tokens - r->val_tokens),
                      share(r->val_bytes, r->val_tokens), share(r->bytes, r->tokens));
    bl_progress_print("longest document %s tokens; unknown tokens 0 (every byte has one)",
                      bl_format_count(r->longest_document).text);
    bl_progress_print("vocabulary %s, of which %s unused", bl_format_count(r->vocab_size).text,
                      bl_format_count(r->tokens_unused).text);
    report_top(r, out);
    if (r->exact_duplicates || r->near_duplicates)
        bl_progress_print("dropped          %s exact duplicates, %s near ones",
                          bl_format_count(r->exact_duplicates).text,
                          bl_format_count(r->near_duplicates).text);
    if (r->documents_cut)
        bl_progress_print("cut              %s times a document was longer than --max-document",
                          bl_format_count(r->documents_cut).text);
    if (r->characters_replaced)
        bl_progress_print("replaced         %s invalid sequences by U+FFFD",
                          bl_format_count(r->characters_replaced).text);
    if (r->returns_replaced || r->marks_dropped)
        bl_progress_print("line ends        %s carriage returns taken as line feeds, %s byte order "
                          "marks inside texts dropped",
                          bl_format_count(r->returns_replaced).text,
                          bl_format_count(r->marks_dropped).text);
    if (r->bad_dropped)
        bl_progress_print("bad lines        %s dropped, the first: %s",
                          bl_format_count(r->bad_dropped).text, r->first_bad);
    if (r->files_passed || r->ours_passed)
        bl_progress_print("passed over      %s files that are no text, %s files and folders that "
                          "bitllama wrote",
                          bl_format_count(r->files_passed).text,
                          bl_format_count(r->ours_passed).text);
    (void)bl_options_get(options, "vocab_size", asked, sizeof asked, err);
    unsigned long long wanted = strtoull(asked, NULL, 10);
    if (bl_options_is_set(options, "tokenizer") == 0 && r->vocab_size < wanted)
        bl_progress_print("(a vocabulary of %s was asked for: the text has no more pairs to merge)",
                          bl_format_count(wanted).text);
    bl_paste_print("next: ", (const char *const[]){"train", "--data", out, "--out", "RUN", NULL});
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
    .operand = "SOURCE (tinystories, tales, a file, plain or .gz .zst .xz, a folder, or - for "
               "standard input)",
    .least = 1,
    .most = SIZE_MAX,
    .flags = flags,
    .groups = {{"text to tokens", BL_OPTIONS_PREPARE}},
    .run = run,
};
