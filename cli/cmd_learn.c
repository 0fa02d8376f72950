/* bitllama learn: reads texts and conversations into a memory. */
#include "cli.h"
#include "figures.h"
#include "input.h"
#include "lesson.h"
#include "model_flags.h"
#include "progress.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* What is read, and what --consolidate, --every and --save-seconds ask for. */
typedef struct lesson {
    const char **sources;
    size_t count;
    bl_lesson_wish wish;
    double save_seconds;
} lesson;

/* Operands, then those of -f. */
static bl_status read_sources(lesson *l, const bl_args *args, bl_error *err)
{
    size_t operands = args->operand_count;
    l->sources = calloc(operands + args->count + 1, sizeof *l->sources);
    if (!l->sources)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    for (size_t i = 0; i < operands; i++)
        l->sources[i] = args->operands[i];
    l->count = operands + bl_flags_all(args, "file", l->sources + operands, args->count);
    return l->count ? BL_OK
                    : bl_cli_fail(err, BL_EINVAL,
                                  "nothing to learn is named: a text, a folder, or - for standard "
                                  "input; usage: bitllama learn %s",
                                  args->command->usage);
}

static bl_status read_seconds(lesson *l, const bl_args *args, bl_error *err)
{
    const char *text = bl_flags_text(args, "save-seconds");
    char *end;
    l->save_seconds = strtod(text, &end);
    if (end == text || *end || !(l->save_seconds >= 0))
        return bl_cli_fail(err, BL_EINVAL, "--save-seconds is a number from 0 on, not '%s'", text);
    return BL_OK;
}

static bl_status read_lesson(lesson *l, const bl_args *args, bl_error *err)
{
    const char *every = bl_flags_given(args, "every") ? bl_flags_text(args, "every") : NULL;
    bl_status status = read_sources(l, args, err);
    if (status == BL_OK)
        status = read_seconds(l, args, err);
    return status == BL_OK
               ? bl_lesson_wish_read(&l->wish, bl_flags_text(args, "consolidate"), every, err)
               : status;
}

/* The largest distances over the heads. */
typedef struct reach {
    double state, base, most;
} reach;

static void add_head(void *user, const bl_head_info *head)
{
    reach *r = user;
    r->state = head->distance > r->state ? head->distance : r->state;
    r->base = head->base > r->base ? head->base : r->base;
    r->most = head->base_most;
}

/* What of the sources was not read as it stands, as prepare says it. */
static void report_left_out(const bl_learn_result *r)
{
    if (r->characters_replaced)
        bl_progress_print("replaced         %s invalid sequences by U+FFFD",
                          bl_format_count(r->characters_replaced).text);
    if (r->bad_dropped)
        bl_progress_print("bad lines        %s dropped", bl_format_count(r->bad_dropped).text);
    if (r->files_passed || r->ours_passed)
        bl_progress_print("passed over      %s files that are no text, %s files and folders that "
                          "bitllama wrote",
                          bl_format_count(r->files_passed).text,
                          bl_format_count(r->ours_passed).text);
}

static bl_status report(const bl_session *s, const bl_learn_result *r, bl_error *err)
{
    reach far = {0};
    bl_status status = bl_session_heads(s, add_head, &far, err);
    if (status != BL_OK)
        return status;
    printf("learned         %s tokens, %s documents\n", bl_format_count(r->tokens).text,
           bl_format_count(r->documents).text);
    printf("loss            %.4f nats a token\n", r->loss);
    printf("position        %s tokens read in all\n", bl_format_count(bl_session_position(s)).text);
    printf("distance        %.4f at most, of what a head knows from where it began\n", far.state);
    if (r->consolidations || far.base > 0)
        printf("base            %.4f at most, of %.4f allowed; %s consolidations\n", far.base,
               far.most, bl_format_count(r->consolidations).text);
    report_left_out(r);
    bl_progress_print("%.1f s, %s tok/s", r->seconds,
                      bl_format_rate((double)r->tokens, r->seconds).text);
    return BL_OK;
}

/* What was read until a Ctrl-C is kept too. */
static bl_status learn(bl_session *session, const char *memory, const bl_args *args,
                       const lesson *l, bl_error *err)
{
    struct stat info;
    bl_options *reading = NULL;
    bl_learn_result result = {.size = sizeof result};
    bl_status status = BL_OK;
    if (stat(memory, &info) == 0 || errno != ENOENT)
        status = bl_session_load(session, memory, err);
    if (status == BL_OK)
        status = bl_cli_reading(&reading, args, err);
    if (status == BL_OK)
        status = bl_session_learn_all(session, l->sources, l->count, reading, l->wish.share,
                                      l->wish.every, memory, l->save_seconds, bl_progress_report,
                                      NULL, &result, err);
    bl_progress_end();
    bl_options_close(reading);
    if (status != BL_OK && (status != BL_EINTERRUPTED || !result.tokens))
        return status;
    bl_error save_err = {BL_OK, ""};
    bl_status saved = bl_cli_session_save(session, memory, &save_err);
    if (saved == BL_OK)
        saved = report(session, &result, &save_err);
    if (saved == BL_OK)
        return status;
    *err = save_err;
    return saved;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    lesson l = {.sources = NULL};
    bl_model *model = NULL;
    bl_session *session = NULL;
    bl_status status = read_lesson(&l, args, err);
    if (status == BL_OK)
        status = bl_cli_reading_check(args, err);
    if (status == BL_OK)
        status = bl_cli_model_open(&model, args, err);
    if (status == BL_OK)
        status = bl_session_open(&session, model, NULL, err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = learn(session, bl_flags_text(args, "memory"), args, &l, err);
    }
    bl_session_close(session);
    bl_model_close(model);
    free((void *)l.sources);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    {.name = "file",
     .letter = 'f',
     .value = "SOURCE",
     .help = "another source, after those without a flag; may be given several times"},
    {.name = "memory",
     .value = "FILE",
     .required = 1,
     .help = "the memory that learns it; begins where there is no such file"},
    {.name = "consolidate",
     .value = "S",
     .help =
         "what each head forgets towards moves by this share, above 0 to 1, to what it learned; "
         "0.05 is good"},
    {.name = "every",
     .value = "N",
     .fallback = BL_LESSON_EVERY,
     .help = "consolidate after every N tokens, and at the end; 0: only then"},
    {.name = "save-seconds",
     .value = "S",
     .fallback = "60",
     .help = "the memory is also written in between, after so many seconds each"},
    BL_FLAG_GLOB,
    {.name = "documents",
     .value = "HOW",
     .help = "where documents end: auto, blank-line, line, file, jsonl, or messages, conversations "
             "(as of prepare)"},
    BL_FLAG_CHAT_TEMPLATE,
    BL_FLAG_ENCODING,
    BL_FLAG_FIELD,
    BL_FLAG_REPLACE,
    BL_FLAG_SKIP_BAD,
    {0},
};

const bl_command bl_command_learn = {
    .name = "learn",
    .summary = "Reads texts and conversations into a memory.",
    .usage = "-m MODEL SOURCE... --memory FILE [--consolidate S [--every N]]",
    .details =
        "Sources are read in their order, and as prepare reads them: a folder's files in order of "
        "their paths, without what is no text; .jsonl and .json by their form.  Each document ends "
        "with the end-of-text token, as in training.  A model for conversations reads texts so "
        "too, "
        "outside any turn: a chat that loads the memory begins behind them.  --documents messages "
        "reads conversations as its chat template writes them, so that a chat knows what they "
        "told; the loss is that of their answers.\n\n"
        "What is read is forgotten by half in a head's half-life (memory show).  --consolidate "
        "makes a lesson last: what a head forgets towards, its base, moves to what the head has "
        "learned beyond any text; for that the model first writes 2,048 tokens to itself.  Many "
        "small shares on the way do better than a large one at the end.  The base keeps within a "
        "bound of where the model begins, which memory show tells.\n\n"
        "The memory is written when all is read, after a Ctrl-C with what was read until then, and "
        "every minute meanwhile: when the program is killed, or a second Ctrl-C ends it at once, "
        "that is kept.",
    .example = "bitllama learn -m run book.txt --memory me.mem --consolidate 0.05",
    .operand = "SOURCE (a file, plain or .gz .zst .xz, a folder, or - for standard input)",
    .most = SIZE_MAX,
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
