/* bitllama prepare: text to a data folder. */
#include "cli.h"
#include "figures.h"
#include "paste.h"
#include "progress.h"
#include "signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A count for training, for validation, and for both. */
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

/* Which token was found to end a document. */
static void report_end(const bl_prepare_result *r, const char *out)
{
    char token[120];
    bl_tokenizer *t;
    if (bl_tokenizer_open(&t, out, NULL) != BL_OK)
        return;
    spell(t, r->eos, token, sizeof token);
    bl_tokenizer_close(t);
    bl_progress_print("documents end    with %s, id %ld", token, (long)r->eos);
}

static double share(uint64_t bytes, uint64_t tokens)
{
    return tokens ? (double)bytes / (double)tokens : 0;
}

/* Where the validation data comes from, when that is not obvious. */
static void report_validation(const bl_prepare_result *r, const bl_options *options)
{
    char part[32] = "0";
    (void)bl_options_get(options, "val_split", part, sizeof part, NULL, NULL);
    double percent = 100 * strtod(part, NULL);
    if (r->val_ends)
        bl_progress_print(
            "validation       the last %g%% of %s%s: documents are too few or too long to "
            "set whole ones aside",
            percent, bl_format_count(r->val_ends).text,
            r->val_ends == 1 ? " document" : " documents");
    else if (!r->val_tokens && percent > 0)
        bl_progress_print("validation       none: the text is too short to cut off %g%% of it",
                          percent);
}

/* The vocabulary, if another suits the text better, and how to train. */
static void propose(const bl_prepare_result *r, const bl_args *args, const bl_options *options,
                    const char *out)
{
    enum { WORDS = 64 };
    bl_advice a = {.size = sizeof a};
    char steps[24], batch[24], context[24], entries[24];
    const char *words[WORDS] = {"prepare"};
    size_t n = 1;
    if (bl_advise(out, &a, NULL) != BL_OK)
        return;
    (void)snprintf(entries, sizeof entries, "%llu", (unsigned long long)a.suits_vocab_size);
    if (r->vocab_size >= 4 * a.suits_vocab_size && !bl_options_is_set(options, "tokenizer")) {
        bl_progress_print("A vocabulary of %s is large for %sB of text: most entries occur a few "
                          "times, and little is learnt of them.",
                          bl_format_count(r->vocab_size).text,
                          bl_format_scaled((double)a.bytes).text);
        for (size_t i = 0; i < args->operand_count && n + 6 < WORDS; i++)
            words[n++] = args->operands[i];
        const char *const rest[] = {"--out", out, "--vocab-size", entries};
        for (size_t i = 0; i < 4; i++)
            words[n++] = rest[i];
        bl_paste_print("better: ", words);
    }
    n = 0;
    const char *const train[] = {"train", "--data", out, "--out", "RUN", "--preset", a.preset};
    const char *const tune[] = {"train", "--data", out, "--init", "BASE", "--out", "RUN"};
    memset(words, 0, sizeof words);
    for (size_t i = 0; i < sizeof train / sizeof *train; i++)
        words[n++] = r->counted ? tune[i] : train[i];
    (void)snprintf(batch, sizeof batch, "%llu", (unsigned long long)a.batch);
    (void)snprintf(context, sizeof context, "%llu", (unsigned long long)a.context);
    (void)snprintf(steps, sizeof steps, "%llu", (unsigned long long)a.steps);
    const char *const own[][2] = {{"--batch", batch}, {"--context", context}, {"--steps", steps}};
    const int given[] = {a.batch != 32, a.context != 128, a.steps != 0};
    for (size_t i = 0; i < 3; i++)
        if (given[i]) {
            words[n++] = own[i][0];
            words[n++] = own[i][1];
        }
    bl_paste_print("next: ", words);
}

static void report(const bl_prepare_result *r, const bl_args *args, const bl_options *options,
                   const char *out, bl_error *err)
{
    char asked[32] = "0";
    bl_progress_print("%-16s %15s %15s %15s", out, "training", "validation", "all");
    row("documents", r->documents, r->val_documents);
    row("bytes", r->bytes, r->val_bytes);
    row("tokens", r->tokens, r->val_tokens);
    if (r->counted)
        row("of answers", r->counted, r->val_counted);
    bl_progress_print("%-16s %15.3f %15.3f %15.3f", "bytes a token",
                      share(r->bytes - r->val_bytes, r->tokens - r->val_tokens),
                      share(r->val_bytes, r->val_tokens), share(r->bytes, r->tokens));
    bl_progress_print("longest document %s tokens; unknown tokens 0 (every byte has one)",
                      bl_format_count(r->longest_document).text);
    bl_progress_print("vocabulary %s, of which %s unused", bl_format_count(r->vocab_size).text,
                      bl_format_count(r->tokens_unused).text);
    report_top(r, out);
    if (bl_options_is_set(options, "tokenizer"))
        report_end(r, out);
    report_validation(r, options);
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
    if (r->bad_dropped) {
        char first[sizeof r->first_bad + 64];
        bl_flags_name(r->first_bad, first, sizeof first);
        bl_progress_print("bad lines        %s dropped, the first: %s",
                          bl_format_count(r->bad_dropped).text, first);
    }
    if (r->answers_rewritten)
        bl_progress_print(
            "answers          %s not learned: the template writes them otherwise than "
            "they would be said",
            bl_format_count(r->answers_rewritten).text);
    if (r->files_passed || r->ours_passed)
        bl_progress_print("passed over      %s files that are no text, %s files and folders that "
                          "bitllama wrote",
                          bl_format_count(r->files_passed).text,
                          bl_format_count(r->ours_passed).text);
    (void)bl_options_get(options, "vocab_size", asked, sizeof asked, NULL, err);
    unsigned long long wanted = strtoull(asked, NULL, 10);
    if (bl_options_is_set(options, "tokenizer") == 0 && r->vocab_size < wanted)
        bl_progress_print("(a vocabulary of %s was asked for: the text has no more pairs to merge)",
                          bl_format_count(wanted).text);
    propose(r, args, options, out);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    const char *out = bl_flags_text(args, "out");
    bl_options *options = NULL;
    bl_prepare_result result = {.size = sizeof result};
    bl_status status = bl_flags_options(args, BL_OPTIONS_PREPARE, &options, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = bl_prepare(args->operands, args->operand_count, out, options, bl_progress_report,
                            NULL, &result, err);
        bl_progress_end();
    }
    if (status == BL_OK)
        report(&result, args, options, out, err);
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
