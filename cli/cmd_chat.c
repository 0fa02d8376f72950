/* bitllama chat: a conversation with a model, line by line, in constant memory. */
#include "chat.h"
#include "chat_complete.h"
#include "chat_line.h"
#include "figures.h"
#include "grammar_flags.h"
#include "model_flags.h"
#include "progress.h"
#include "signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static bl_status take_line(bl_chat *chat, const bl_text *line, bl_error *err)
{
    const char *text = line->data;
    size_t bytes = line->bytes;
    if (text[0] == '/' && text[1] != '/')
        return bl_chat_command(chat, text, err);
    size_t escaped = text[0] == '/';
    return bl_chat_say(chat, text + escaped, bytes - escaped, err);
}

/* ---- the conversation ---- */

/* Failures of lines are reported at once.  Where nobody reads them, the exit code reports them
 * too. */
typedef struct failures {
    size_t count;
    bl_error first;
} failures;

static void tell(failures *failed, const bl_error *err)
{
    if (!failed->count++)
        failed->first = *err;
    bl_progress_print_text(BL_RED, "error:", err->message);
}

static bl_status converse(bl_chat *chat, bl_chat_line *lines, bl_error *err)
{
    failures failed = {0};
    int interrupts = 0;
    while (!chat->leaving) {
        bl_text line;
        bl_line_event event = bl_chat_line_read(lines, &line, err);
        bl_status status = BL_OK;
        if (event == BL_LINE_TEXT)
            status = take_line(chat, &line, err);
        bl_text_release(&line);
        if (bl_signals_caught())
            return bl_cli_fail(err, BL_EINTERRUPTED, "stopped");
        if (event == BL_LINE_FAILED || chat->broken || status == BL_EDEVICE)
            return err->code;
        if (event == BL_LINE_END)
            break;
        interrupts = event == BL_LINE_INTERRUPT ? interrupts + 1 : 0;
        if (interrupts == 2)
            bl_progress_print("Ctrl-D or /quit leaves");
        if (status != BL_OK)
            tell(&failed, err);
    }
    if (!failed.count || chat->typed)
        return BL_OK;
    return bl_cli_fail(err, failed.first.code, "%zu of the lines failed, the first: %.400s",
                       failed.count, failed.first.message);
}

/* The model's chat template, if it has one and it is wanted. */
static bl_status open_template(bl_chat *chat, const bl_args *args, bl_error *err)
{
    const char *system = bl_flags_text(args, "system");
    bl_status status = BL_OK;
    if (bl_flags_on(args, "template"))
        status = bl_template_open(&chat->template, bl_flags_text(args, "model"), NULL, err);
    if (status == BL_ENOENT)
        status = BL_OK;
    if (status != BL_OK) {
        bl_error why = *err;
        return bl_cli_fail(err, status, "%.400s; --no-template goes without it", why.message);
    }
    if (system && !chat->template)
        return bl_cli_fail(err, BL_EINVAL,
                           "--system is for a model with a chat template, and this one has none or "
                           "goes without");
    if (system)
        status = bl_text_copy(&chat->system, system, err);
    return status == BL_OK ? bl_chat_find_ends(chat, err) : status;
}

/* --load or --memory. */
static bl_status open_memory(bl_chat *chat, const bl_args *args, bl_error *err)
{
    const char *load = bl_flags_text(args, "load"), *kept = bl_flags_text(args, "memory");
    int loaded = 0;
    if (load && kept)
        return bl_cli_fail(err, BL_EINVAL,
                           "--load goes on from a file, and --memory from the one that it keeps: "
                           "give one of them");
    if (load)
        return bl_session_load(chat->now.session, load, err);
    if (!kept)
        return BL_OK;
    bl_status status = bl_chat_memory_open(&chat->memory, chat->now.session, kept, &loaded, err);
    if (status == BL_OK && loaded)
        bl_progress_print("going on from %s: %s tokens read", kept,
                          bl_format_count(bl_session_position(chat->now.session)).text);
    return status;
}

static bl_status begin(bl_chat *chat, const bl_args *args, bl_error *err)
{
    bl_status status = bl_flags_options(args, BL_OPTIONS_GENERATE, &chat->options, err);
    if (status == BL_OK && (bl_options_is_set(chat->options, "log_probability") ||
                            bl_options_is_set(chat->options, "logprobs")))
        return bl_cli_fail(err, BL_EINVAL,
                           "--log-probability and --logprobs make a list: see bitllama generate");
    if (status == BL_OK)
        status = bl_cli_model_open(&chat->model, args, err);
    if (status == BL_OK && !bl_model_tokenizer(chat->model))
        return bl_cli_fail(err, BL_EUNSUPPORTED, "%s: no tokenizer.json, so no text",
                           bl_model_path(chat->model));
    if (status == BL_OK)
        status = bl_cli_grammar_open(&chat->grammar, args, chat->model, err);
    if (status == BL_OK)
        status = open_template(chat, args, err);
    if (status == BL_OK)
        status = bl_session_open(&chat->now.session, chat->model, NULL, err);
    if (status == BL_OK)
        status = open_memory(chat, args, err);
    if (status == BL_OK)
        status = bl_options_get(chat->options, "seed", chat->wish, sizeof chat->wish, NULL, err);
    if (status == BL_OK)
        chat->now.begun = bl_chat_has_begun(chat);
    return status;
}

/* What could not be kept when it was said, or was cut short by a signal. */
static bl_status keep_at_the_end(bl_chat *chat, bl_status status, bl_error *err)
{
    bl_error why = {BL_OK, ""};
    bl_status kept = chat->unsaved ? bl_chat_keep(chat, &why) : BL_OK;
    if (kept == BL_OK || (status != BL_OK && status != BL_EINTERRUPTED))
        return status;
    *err = why;
    return kept;
}

/* States come and go with the turns, and the lines of the history stay: on one heap these would
 * settle in the room that a state leaves, and the next one would need new room.  So states, and all
 * that is larger than a page, have pages of their own. */
static void keep_states_apart(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 4096);
#endif
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_chat chat = {.branch = "main"};
    bl_chat_line *lines = NULL;
    keep_states_apart();
    bl_status status = begin(&chat, args, err);
    if (status == BL_OK) {
        bl_signals_catch_at_prompt(isatty(STDIN_FILENO));
        status = bl_chat_line_open(&lines, bl_flags_on(args, "history"), err);
    }
    if (status == BL_OK) {
        chat.lines = lines;
        bl_chat_line_complete_with(lines, bl_chat_complete);
        chat.typed = bl_chat_line_is_typed(lines);
        if (chat.typed)
            bl_progress_print("%s, %s parameters; /help lists the commands",
                              bl_model_path(chat.model),
                              bl_format_scaled((double)bl_model_parameters(chat.model)).text);
        status = converse(&chat, lines, err);
        status = keep_at_the_end(&chat, status, err);
    }
    bl_chat_line_close(lines);
    bl_chat_memory_close(chat.memory);
    bl_chat_states_clear(&chat.before);
    bl_chat_branches_clear(&chat.others);
    bl_text_release(&chat.system);
    bl_session_close(chat.now.session);
    bl_grammar_close(chat.grammar);
    bl_template_close(chat.template);
    bl_model_close(chat.model);
    bl_options_close(chat.options);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    BL_FLAGS_GRAMMAR,
    {.name = "template",
     .fallback = "true",
     .help = "turns are written by the model's chat template, if it has one; --no-template: lines "
             "continue a text"},
    {.name = "system", .value = "TEXT", .help = "system prompt, where there is a chat template"},
    {.name = "load", .value = "FILE", .help = "go on from a memory that /save wrote"},
    {.name = "memory",
     .value = "FILE",
     .help = "go on from this memory, if there is one, and keep the conversation in it, turn by "
             "turn"},
    {.name = "history",
     .fallback = "true",
     .help = "keep the lines typed, for the arrow keys; --no-history: neither read nor write them"},
    {0},
};

const bl_command bl_command_chat = {
    .name = "chat",
    .summary = "Talks with a model, line by line; its memory has constant size.",
    .usage = "-m MODEL [--system TEXT] [--memory FILE | --load FILE] [flags]",
    .details =
        "A model with a chat template (chat_template.jinja, or in tokenizer_config.json) answers: "
        "each line is what the user says, written as the template has it, with <|im_end|> and the "
        "like in it as letters, and the answer ends at the token that the template or "
        "generation_config.json ends answers with. After an answer that was cut short an empty "
        "line "
        "goes on with it. bitllama template shows what is read."
        "\n\n"
        "Without one, or with --no-template, a text is continued. Each line is read into the text "
        "so far, and what the model writes after it is the reply. "
        "Nothing is put between the two: the line goes on "
        "with the text, with one space in front unless it begins with one, without a line break, "
        "and <|endoftext|> in it is letters (--special: the token). An empty line adds nothing: "
        "the model goes on. A line "
        "that begins with a slash is a command, with two slashes text that begins with one."
        "\n\n"
        "Three double quotes begin a message of several lines, which ends with a line that they "
        "end; alone on a line they are no line of it. Nothing between them is a command. What no "
        "quotes close is not said. At a terminal a line that ends with a backslash goes on with "
        "the next one, too, and what is pasted is one message however many lines it has, without "
        "the last line break; Enter sends it."
        "\n\n"
        "The reply ends after --max-tokens, and an empty line then goes on as if it had not; or "
        "where the model ends its text, and what comes next begins a new text. Ctrl-C stops "
        "a reply, and what was written counts as said; at the prompt it clears the line. Ctrl-D "
        "leaves. The bytes of a key come within 50 ms of each other; on a slow line the variable "
        "ESCDELAY says more."
        "\n\n"
        "A conversation loaded from a file goes on as the saved one would have, its random "
        "numbers too, unless --seed names another seed. With --memory it is written to the file "
        "whenever it has changed, and on the disk before the line break at the end of a reply: "
        "however the program ends, no turn that was shown whole is lost. A second chat with that "
        "file is "
        "refused. When the file cannot be written the conversation goes on, and the file stays as "
        "it was."
        "\n\n"
        "What the conversation was before a turn is kept, for the last 32 turns and up to 64 MB: "
        "/undo "
        "goes back by one, /retry writes the answer anew (with the seed after the one in use, or "
        "with that of a /seed typed since), and /edit says something else instead of what was said "
        "last, in which a terminal lets you change the old text. An answer that goes on after an "
        "empty line "
        "is a turn of its own. Settings are not taken back. /reset, /load and /learn can be "
        "undone as well. What was taken back is gone."
        "\n\n"
        "/branch NAME keeps the conversation under the name that it has, main at first, and goes "
        "on in a "
        "copy called NAME; /switch NAME goes on in another. Each has its own "
        "turns to take back. There are up to 16, and they end with the program: /save writes the "
        "one that you are on, and "
        "so does --memory."
        "\n\n"
        "Replies go to standard output, on a terminal with words kept whole at its edge, "
        "everything "
        "else to standard error. When lines do not come "
        "from a terminal there is no prompt, Ctrl-C ends the program, and the exit code is that of "
        "the first line that failed.",
    .example = "bitllama chat -m run --temperature 0.7",
    .terms_title = "at the prompt",
    .terms = bl_chat_terms,
    .flags = flags,
    .groups = {{"sampling", BL_OPTIONS_GENERATE}, {"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
