/* A chat with a model, over bitllama.h alone.
 *
 *   chat MODEL [MEMORY]
 *
 * Reads lines, writes replies.  A model with a chat template answers; another one continues the
 * text.  MEMORY is a file that holds the conversation from one start to the next.  Ctrl-C ends a
 * reply, also while a long line is still being read; the end of input ends the chat. */
#include "bitllama.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal_number)
{
    (void)signal(signal_number, note_interrupt); /* which some systems take away */
    interrupted = 1;
}

static int fail(const bl_error *err)
{
    (void)fprintf(stderr, "chat: %s\n", err->message);
    return bl_status_exit_code(err->code);
}

/* What the library wants said: a memory of a slightly other model, for example. */
static void log_line(void *user, bl_log_level level, const char *line)
{
    (void)user;
    if (level == BL_LOG_WARNING)
        (void)fprintf(stderr, "chat: warning: %s\n", line);
}

/* Called every 256 tokens of a long prompt; a second or two of reading can be stopped here. */
static int still_wanted(void *user, const char *stage, uint64_t done, uint64_t total,
                        const char *unit)
{
    (void)user, (void)stage, (void)done, (void)total, (void)unit;
    return interrupted;
}

/* A conversation: a session, and how its model wants one written. */
typedef struct chat {
    const bl_model *model;
    bl_session *session;
    bl_template *template; /* NULL: the model continues texts */
    int32_t ends[16];      /* tokens that end an answer of the template */
    size_t end_count;
    bl_options *options;
    int ended; /* one of them was drawn */
} chat;

static int is_end(const chat *c, int32_t id)
{
    for (size_t i = 0; i < c->end_count; i++)
        if (c->ends[i] == id)
            return 1;
    return 0;
}

/* A token of a reply.  A model may write any control character, so a terminal gets what
 * bl_text_shown() makes of them. */
static int show(void *user, const bl_token_event *token)
{
    chat *c = user;
    char shown[4096];
    c->ended = is_end(c, token->id);
    for (size_t at = 0, taken = 1; at < token->bytes && taken && !c->ended; at += taken) {
        size_t n =
            bl_text_shown(token->text + at, token->bytes - at, 0, shown, sizeof shown, &taken);
        (void)fwrite(shown, 1, n, stdout);
    }
    (void)fflush(stdout);
    return interrupted || c->ended;
}

/* What the user said, as ids of the chat template, and the reply to it.  Before an answer that is
 * not the first these begin with the token that ends the last one, which the model may have
 * written: it is pending then, and not said twice. */
static bl_status answer(chat *c, const char *line, size_t bytes, bl_error *err)
{
    const bl_tokenizer *tokenizer = bl_model_tokenizer(c->model);
    int32_t ids[16384], pending = bl_session_pending(c->session);
    int first = bl_session_position(c->session) == 0 && pending < 0;
    size_t count, skip = 0;
    bl_status status = bl_template_turn(c->template, tokenizer, NULL, line, bytes, first, ids,
                                        sizeof ids / sizeof *ids, &count, err);
    if (status != BL_OK)
        return status;
    if (count > sizeof ids / sizeof *ids) { /* the room was too small for `count` ids */
        *err = (bl_error){BL_EINVAL, "this is too long for one line"};
        return BL_EINVAL;
    }
    for (size_t i = 0; i < count && i < 4 && !skip; i++)
        if (ids[i] == pending && (i == 0 || is_end(c, pending)))
            skip = i + 1;
    return bl_generate_ids(c->session, ids + skip, count - skip, c->options, show, c, NULL, err);
}

static bl_status talk(chat *c, bl_error *err)
{
    char line[8192];
    bl_status status = bl_options_set(c->options, "max_tokens", "200", err);
    while (status == BL_OK && fgets(line, sizeof line, stdin)) {
        size_t bytes = strcspn(line, "\n");
        interrupted = c->ended = 0;
        status = c->template ? answer(c, line, bytes, err)
                             : bl_generate(c->session, line, bytes, c->options, show, c, NULL, err);
        (void)puts("");
        if (status == BL_EINTERRUPTED) /* what was read stays read: the chat goes on */
            status = BL_OK;
    }
    return status;
}

static bl_status open_template(chat *c, const char *path, bl_error *err)
{
    bl_status status = bl_template_open(&c->template, path, NULL, err);
    if (status == BL_ENOENT)
        return BL_OK;
    if (status == BL_OK)
        status = bl_template_ends(c->template, bl_model_tokenizer(c->model), c->ends,
                                  sizeof c->ends / sizeof *c->ends, &c->end_count, err);
    if (c->end_count > sizeof c->ends / sizeof *c->ends)
        c->end_count = sizeof c->ends / sizeof *c->ends;
    return status;
}

static bl_status run(const char *path, const char *memory, bl_error *err)
{
    bl_model *m = NULL;
    chat c = {0};
    bl_status status = bl_model_open(&m, path, NULL, err);
    c.model = m;
    if (status == BL_OK)
        status = open_template(&c, path, err);
    if (status == BL_OK)
        status = bl_options_open(&c.options, BL_OPTIONS_GENERATE, err);
    if (status == BL_OK)
        status = bl_session_open(&c.session, m, NULL, err);
    if (status == BL_OK && memory) {
        status = bl_session_load(c.session, memory, err);
        if (status == BL_ENOENT) /* its first conversation */
            status = BL_OK;
    }
    if (status == BL_OK)
        status = talk(&c, err);
    bl_progress_to(NULL, NULL); /* the Ctrl-C that ended a reply does not end the saving */
    if (status == BL_OK && memory)
        status = bl_session_save(c.session, memory, err);
    bl_session_close(c.session);
    bl_options_close(c.options);
    bl_template_close(c.template);
    bl_model_close(m);
    return status;
}

int main(int argc, char **argv)
{
    bl_error err = {BL_OK, ""};
    if (argc < 2 || argc > 3) {
        (void)fputs("usage: chat MODEL [MEMORY]\n", stderr);
        return 2;
    }
    if (bl_abi() != BL_ABI) {
        (void)fprintf(stderr, "chat: the library is %s, of another binary interface\n",
                      bl_version());
        return 1;
    }
    (void)signal(SIGINT, note_interrupt);
    bl_log_to(log_line, NULL);
    bl_progress_to(still_wanted, NULL);
    return run(argv[1], argc > 2 ? argv[2] : NULL, &err) == BL_OK ? 0 : fail(&err);
}
