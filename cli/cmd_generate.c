/* bitllama generate: one continuation to stdout, streamed. */
#include "cli.h"
#include "figures.h"
#include "grammar_flags.h"
#include "input.h"
#include "model_flags.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <string.h>

typedef struct stream {
    bl_status status; /* of writing */
    bl_error *err;
    char last;  /* character written */
    int listed; /* --log-probability: a line for each token */
} stream;

/* "      12    345   -1.2345  text", control characters spelled out. */
static bl_status list_token(const bl_token_event *token, bl_error *err)
{
    char line[2048];
    int n = snprintf(line, 64, "%8" PRIu64 " %6" PRId32 " %9.4f  ", token->position, token->id,
                     token->log_probability);
    size_t at = (size_t)n, taken = 0, shown = 1;
    for (size_t from = 0; from < token->bytes && shown; from += taken) {
        shown = bl_text_shown(token->text + from, token->bytes - from, BL_SHOWN_LINE, line + at,
                              sizeof line - at, &taken);
        bl_status status = bl_output_write(line, at + shown, err);
        if (status != BL_OK)
            return status;
        at = 0;
    }
    return at ? bl_output_write(strcat(line, "\n"), at + 1, err) : bl_output_write("\n", 1, err);
}

static int on_token(void *user, const bl_token_event *token)
{
    stream *s = user;
    bl_progress_end(); /* of the prompt */
    if (s->listed)
        s->status = list_token(token, s->err);
    else if (token->bytes) {
        s->status = bl_output_text(token->text, token->bytes, s->err);
        s->last = token->text[token->bytes - 1];
    }
    return s->status != BL_OK || bl_signals_caught();
}

/* -p TEXT, -p - and -f FILE; of a file or stdin the final newline ends the last line and is not
 * part of the prompt. */
static bl_status read_prompt(bl_text *prompt, const bl_args *args, bl_error *err)
{
    const char *text = bl_flags_text(args, "prompt"), *file = bl_flags_text(args, "file");
    if (!text == !file)
        return bl_cli_fail(err, BL_EINVAL,
                           "give either -p TEXT (-p - reads standard input) or "
                           "-f FILE");
    if (text && strcmp(text, "-") != 0)
        return bl_text_copy(prompt, text, err);
    bl_options *reading = NULL;
    bl_status status = bl_cli_reading(&reading, args, err);
    if (status == BL_OK)
        status = bl_text_read_as(prompt, text ? "-" : file, reading, err);
    bl_options_close(reading);
    if (status == BL_OK && prompt->bytes && prompt->data[prompt->bytes - 1] == '\n')
        prompt->data[--prompt->bytes] = 0;
    return status;
}

static void report(const bl_generate_result *r, int constrained)
{
    if (constrained && !r->whole)
        bl_progress_print("the text is not whole by the grammar: it needs more --max-tokens");
    bl_short speed = bl_format_rate((double)r->tokens, r->seconds);
    bl_short prefill = bl_format_rate((double)r->prompt_tokens, r->prompt_seconds);
    bl_progress_print(
        "seed %" PRIu64 ", prompt %s tokens (%s tok/s), written %s tokens (%s tok/s)%s", r->seed,
        bl_format_count(r->prompt_tokens).text, prefill.text, bl_format_count(r->tokens).text,
        speed.text, r->ended ? ", ended by the model" : "");
}

/* *begun: the prompt was read to its end, and something was drawn. */
static bl_status write_continuation(bl_session *session, const bl_text *prompt,
                                    const bl_options *options, int *begun, bl_error *err)
{
    bl_error write_err = {BL_OK, ""};
    bl_generate_result result = {.size = sizeof result};
    char listed[8] = "";
    (void)bl_options_get(options, "log_probability", listed, sizeof listed, NULL, NULL);
    int constrained = bl_session_constrained(session);
    stream out = {BL_OK, &write_err, '\n', strcmp(listed, "true") == 0};
    bl_status status =
        bl_generate(session, prompt->data, prompt->bytes, options, on_token, &out, &result, err);
    bl_progress_end();
    *begun = result.tokens > 0;
    if (out.status != BL_OK) {
        *err = write_err;
        return out.status;
    }
    if (out.last != '\n' || (status == BL_EINTERRUPTED && *begun)) {
        bl_status ended = bl_output_write("\n", 1, &write_err);
        if (status == BL_OK && ended != BL_OK) {
            *err = write_err;
            status = ended;
        }
    }
    if (status == BL_OK)
        report(&result, constrained);
    return status;
}

/* --load before, --save after; what was written until Ctrl-C, or until the reader went, is saved
 * too. */
static bl_status continue_memory(bl_session *session, const bl_model *model, const bl_args *args,
                                 const bl_text *prompt, const bl_options *options, bl_error *err)
{
    const char *load = bl_flags_text(args, "load"), *save = bl_flags_text(args, "save");
    bl_grammar *grammar = NULL;
    bl_status status = bl_cli_grammar_open(&grammar, args, model, err);
    int begun = 0;
    if (status == BL_OK && load)
        status = bl_session_load(session, load, err);
    if (status == BL_OK)
        status = bl_session_constrain(session, grammar, err);
    bl_grammar_close(grammar);
    if (status == BL_OK)
        status = write_continuation(session, prompt, options, &begun, err);
    int stopped = status == BL_EINTERRUPTED || bl_output_closed();
    if (save && (status == BL_OK || (stopped && begun))) {
        bl_error save_err = {BL_OK, ""};
        bl_status saved = bl_cli_session_save(session, save, &save_err);
        if (saved != BL_OK) {
            *err = save_err;
            status = saved;
        }
    }
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_text prompt = {0};
    bl_options *options = NULL;
    bl_model *model = NULL;
    bl_session *session = NULL;
    bl_status status = bl_flags_options(args, BL_OPTIONS_GENERATE, &options, err);
    if (status == BL_OK)
        status = read_prompt(&prompt, args, err);
    if (status == BL_OK)
        status = bl_cli_model_open(&model, args, err);
    if (status == BL_OK)
        status = bl_session_open(&session, model, NULL, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = continue_memory(session, model, args, &prompt, options, err);
    }
    bl_session_close(session);
    bl_model_close(model);
    bl_options_close(options);
    bl_text_release(&prompt);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    {.name = "prompt",
     .letter = 'p',
     .value = "TEXT",
     .help = "how the text begins; - reads standard input"},
    {.name = "file",
     .letter = 'f',
     .value = "FILE",
     .help = "read the prompt from a file (as from standard input, its final newline is dropped); "
             "files are read as prepare reads them"},
    BL_FLAG_ENCODING,
    BL_FLAG_FIELD,
    BL_FLAG_REPLACE,
    BL_FLAGS_GRAMMAR,
    {.name = "load", .value = "FILE", .help = "go on from a memory file; -p \"\" adds no text"},
    {.name = "save", .value = "FILE", .help = "write the memory to a file when done"},
    {0},
};

const bl_command bl_command_generate = {
    .name = "generate",
    .summary = "Continues a text.",
    .usage = "-m MODEL (-p TEXT | -f FILE) [flags]",
    .example = "bitllama generate -m run -p \"Once upon a time\" --temperature 0.7",
    .flags = flags,
    .groups = {{"sampling", BL_OPTIONS_GENERATE}, {"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
