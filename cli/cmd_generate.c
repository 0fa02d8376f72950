/* bitllama generate: one continuation to stdout, streamed. */
#include "cli.h"
#include "figures.h"
#include "grammar_flags.h"
#include "input.h"
#include "model_flags.h"
#include "output.h"
#include "progress.h"
#include "replies.h"
#include "signals.h"
#include "token_list.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BL_STOPS = 64 };

typedef struct stream {
    bl_status status; /* of writing */
    bl_error *err;
    char last;       /* character written */
    int listed;      /* --log-probability, --logprobs: a line for each token */
    bl_reply *reply; /* --json: not written before it is whole; or NULL */
    const bl_tokenizer *tokenizer;
} stream;

static int on_token(void *user, const bl_token_event *token)
{
    stream *s = user;
    bl_progress_end(); /* of the prompt */
    if (s->reply)
        s->status = bl_reply_add(s->reply, token, s->err);
    else if (s->listed)
        s->status = bl_token_list_print(s->tokenizer, token, s->err);
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

/* The end of a prompt is as it stands, which is seldom what a person means. */
static void hint(const bl_text *prompt)
{
    char last = prompt->bytes ? prompt->data[prompt->bytes - 1] : 0;
    if (last == ' ' || last == '\n' || last == '\t')
        bl_progress_print("the prompt ends in a %s, which a model knows in one token with what "
                          "follows: --heal",
                          last == '\n' ? "line end" : "space");
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

/* What a call of this command is about. */
typedef struct writing_task {
    const bl_args *args;
    bl_model *model;
    bl_session *session;
    bl_text prompt;
    bl_options *options;
} task;

static int heals(const task *t)
{
    char value[8] = "";
    (void)bl_options_get(t->options, "heal", value, sizeof value, NULL, NULL);
    return strcmp(value, "true") == 0;
}

/* The prompt before what follows it as text, on a terminal or by --echo; empty: it is not shown. */
static bl_span echoed(const task *t)
{
    int given = bl_flags_given(t->args, "echo");
    int shown = given ? bl_flags_on(t->args, "echo") : isatty(STDOUT_FILENO);
    return (bl_span){t->prompt.data, shown ? t->prompt.bytes : 0};
}

static bl_status echo(const task *t, stream *out)
{
    bl_span prompt = echoed(t);
    if (out->reply || out->listed || !prompt.bytes)
        return BL_OK;
    out->last = prompt.text[prompt.bytes - 1];
    return bl_output_text(prompt.text, prompt.bytes, out->err);
}

/* The last line of a text ends. */
static bl_status end_line(bl_status status, bl_error *err)
{
    bl_error write_err = {BL_OK, ""};
    bl_status ended = bl_output_write("\n", 1, &write_err);
    if (status != BL_OK || ended == BL_OK)
        return status;
    *err = write_err;
    return ended;
}

/* *begun: the prompt was read to its end, and something was drawn. */
static bl_status write_continuation(const task *t, int *begun, bl_error *err)
{
    bl_error write_err = {BL_OK, ""};
    bl_generate_result result = {.size = sizeof result};
    const bl_tokenizer *tokenizer = bl_model_tokenizer(t->model);
    int constrained = bl_session_constrained(t->session) != 0;
    bl_reply reply = {.constrained = constrained};
    stream out = {BL_OK,
                  &write_err,
                  '\n',
                  bl_token_list_wanted(t->options),
                  bl_flags_on(t->args, "json") ? &reply : NULL,
                  tokenizer};
    bl_status status = BL_OK;
    out.status = echo(t, &out);
    if (out.status == BL_OK)
        status = bl_generate(t->session, t->prompt.data, t->prompt.bytes, t->options, on_token,
                             &out, &result, err);
    bl_progress_end();
    *begun = result.tokens > 0;
    if (status == BL_OK && out.status == BL_OK && out.reply) {
        reply.seed = result.seed;
        reply.whole = result.whole;
        out.status = bl_reply_print_json(&reply, tokenizer, SIZE_MAX, &write_err);
    }
    bl_reply_release(&reply);
    if (out.status != BL_OK) {
        *err = write_err;
        return out.status;
    }
    if (!out.reply && (out.last != '\n' || (status == BL_EINTERRUPTED && *begun)))
        status = end_line(status, err);
    if (status == BL_OK && !heals(t) && !constrained && result.tokens)
        hint(&t->prompt);
    if (status == BL_OK)
        report(&result, constrained);
    return status;
}

/* Several at once: the prompt is read, and each goes on from there. */
static bl_status write_samples(const task *t, uint64_t count, bl_error *err)
{
    bl_generate_result result = {.size = sizeof result};
    bl_options *read = NULL;
    bl_status status = bl_flags_options(t->args, BL_OPTIONS_GENERATE, &read, err);
    if (status == BL_OK)
        status = bl_options_set(read, "max_tokens", "0", err);
    if (status == BL_OK)
        status = bl_generate(t->session, t->prompt.data, t->prompt.bytes, read, NULL, NULL, &result,
                             err);
    bl_options_close(read);
    bl_progress_end();
    const bl_many many = {.count = (size_t)count,
                          .options = t->options,
                          .before = echoed(t),
                          .json = bl_flags_on(t->args, "json")};
    if (status == BL_OK)
        status = bl_replies_write(t->session, t->model, &many, result.seed, err);
    if (status == BL_OK)
        bl_progress_print("%" PRIu64 " samples of the seeds from %" PRIu64 " on", count,
                          result.seed);
    return status;
}

/* Grammar and texts to stop at. */
static bl_status restrict_text(const task *t, bl_error *err)
{
    const char *texts[BL_STOPS];
    bl_span stops[BL_STOPS];
    bl_grammar *grammar = NULL;
    size_t count = bl_flags_all(t->args, "stop", texts, BL_STOPS);
    if (count > BL_STOPS)
        return bl_cli_fail(err, BL_EINVAL, "--stop at most %d times", BL_STOPS);
    for (size_t i = 0; i < count; i++)
        stops[i] = (bl_span){texts[i], strlen(texts[i])};
    bl_status status = bl_session_stop(t->session, stops, count, err);
    if (status == BL_OK)
        status = bl_cli_grammar_open(&grammar, t->args, t->model, err);
    if (status == BL_OK)
        status = bl_session_constrain(t->session, grammar, err);
    bl_grammar_close(grammar);
    return status;
}

/* --load before, --save after; what was written until Ctrl-C, or until the reader went, is saved
 * too. */
static bl_status continue_memory(task *t, bl_error *err)
{
    const char *load = bl_flags_text(t->args, "load"), *save = bl_flags_text(t->args, "save");
    uint64_t samples = 1;
    int begun = 0;
    bl_status status = bl_flags_whole(t->args, "samples", 1, 1000000, &samples, err);
    if (status == BL_OK && samples > 1 && save)
        status =
            bl_cli_fail(err, BL_EINVAL, "--save keeps one memory, and --samples makes several");
    if (status == BL_OK && samples > 1 && heals(t))
        status = bl_cli_fail(err, BL_EINVAL, "--heal is for one text, and --samples makes several");
    if (status == BL_OK && load)
        status = bl_session_load(t->session, load, err);
    if (status == BL_OK)
        status = restrict_text(t, err);
    if (status == BL_OK && samples > 1)
        return write_samples(t, samples, err);
    if (status == BL_OK)
        status = write_continuation(t, &begun, err);
    int stopped = status == BL_EINTERRUPTED || bl_output_closed();
    if (save && (status == BL_OK || (stopped && begun))) {
        bl_error save_err = {BL_OK, ""};
        bl_status saved = bl_cli_session_save(t->session, save, &save_err);
        if (saved != BL_OK) {
            *err = save_err;
            status = saved;
        }
    }
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    task t = {.args = args};
    bl_status status = bl_flags_options(args, BL_OPTIONS_GENERATE, &t.options, err);
    if (status == BL_OK)
        status = read_prompt(&t.prompt, args, err);
    if (status == BL_OK)
        status = bl_cli_model_open(&t.model, args, err);
    if (status == BL_OK)
        status = bl_session_open(&t.session, t.model, NULL, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = continue_memory(&t, err);
    }
    bl_session_close(t.session);
    bl_model_close(t.model);
    bl_options_close(t.options);
    bl_text_release(&t.prompt);
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
    {.name = "stop",
     .value = "TEXT",
     .help = "end before this text, which is not written; may be given several times"},
    {.name = "samples",
     .value = "N",
     .fallback = "1",
     .help = "write so many continuations, computed together: of the seed and those after it, each "
             "what its seed alone gives"},
    {.name = "json", .help = "a line of JSON for each continuation: text, seed, how it ended, ids"},
    {.name = "echo",
     .help = "write the prompt, too, before what follows it; a terminal shows it anyway, but with "
             "--no-echo"},
    {.name = "load", .value = "FILE", .help = "go on from a memory file; -p \"\" adds no text"},
    {.name = "save", .value = "FILE", .help = "write the memory to a file when done"},
    {0},
};

const bl_command bl_command_generate = {
    .name = "generate",
    .summary = "Continues a text.",
    .usage = "-m MODEL (-p TEXT | -f FILE) [flags]",
    .details =
        "For hands that know llama-cli: -n, --predict and --n-predict are --max-tokens, -s "
        "is --seed, --temp is --temperature, --repeat-last-n is --repeat-last.\n\n"
        "With --logprobs N, as with --log-probability, the text is a list: of each token its "
        "place, its id, the natural logarithm of its probability and what it adds to the "
        "text, and below it, without a place, the N likeliest tokens there. With --samples an "
        "empty line stands between two lists. With --json they are the lists log_probabilities "
        "and likeliest. They are of the model's own distribution: biases, grammar, penalty, "
        "temperature and what else chooses among tokens come after it.",
    .example = "bitllama generate -m run -p \"Once upon a time\" --temperature 0.7",
    .flags = flags,
    .groups = {{"sampling", BL_OPTIONS_GENERATE}, {"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
