/* bitllama template: a conversation as the model wants it written. */
#include "cli.h"
#include "model_flags.h"
#include "input.h"
#include "output.h"
#include "terminal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is rendered, and what came of it. */
typedef struct conversation {
    bl_template *t;
    bl_tokenizer *tokenizer;
    bl_text json;
    int64_t now;
    char *text;
    size_t bytes;
    bl_ids ids;
    unsigned char *answers; /* [ids.count] */
} conversation;

static bl_status no_memory(bl_error *err)
{
    return bl_cli_fail(err, BL_ENOMEM, "out of memory");
}

/* A list of messages with the prompt for an answer behind it, as an object. */
static bl_status add_prompt(bl_text *json, bl_error *err)
{
    static const char before[] = "{\"messages\": ", after[] = ", \"add_generation_prompt\": true}";
    const char *first = json->data;
    while (isspace((unsigned char)*first))
        first++;
    if (*first != '[')
        return bl_cli_fail(err, BL_EINVAL,
                           "--prompt is for a list of messages; in an object write "
                           "\"add_generation_prompt\": true");
    size_t room = json->bytes + sizeof before + sizeof after;
    char *all = malloc(room);
    if (!all)
        return no_memory(err);
    memcpy(all, before, sizeof before - 1);
    memcpy(all + sizeof before - 1, json->data, json->bytes);
    memcpy(all + sizeof before - 1 + json->bytes, after, sizeof after);
    json->bytes += sizeof before - 1 + sizeof after - 1;
    free(json->data);
    json->data = all;
    return BL_OK;
}

static bl_status open_all(conversation *c, const bl_args *args, bl_error *err)
{
    const char *file = bl_flags_text(args, "template"), *model = bl_flags_text(args, "model");
    const char *messages = bl_flags_text(args, "file"), *now = bl_flags_text(args, "now");
    uint64_t seconds = 0;
    int ids = bl_flags_on(args, "tokens") || bl_flags_on(args, "json");
    if (!file && !model)
        return bl_cli_fail(err, BL_EINVAL, "give -m MODEL, or --template FILE");
    if (bl_flags_on(args, "tokens") && !model)
        return bl_cli_fail(err, BL_EINVAL, "--tokens needs the tokenizer of -m MODEL");
    bl_status status =
        bl_template_open(&c->t, file ? file : model, bl_flags_text(args, "name"), err);
    if (status == BL_OK && now)
        status = bl_flags_whole(args, "now", 0, 253402300799, &seconds, err);
    c->now = now ? (int64_t)seconds : -1;
    if (status == BL_OK && ids && model)
        status = bl_tokenizer_open(&c->tokenizer, model, err);
    if (status == BL_OK)
        status = bl_text_read(&c->json, messages ? messages : "-", err);
    if (status == BL_OK && bl_flags_on(args, "prompt"))
        status = add_prompt(&c->json, err);
    return status;
}

static bl_status render(conversation *c, bl_error *err)
{
    bl_status status =
        bl_template_render(c->t, c->json.data, c->json.bytes, c->now, NULL, 0, &c->bytes, err);
    if (status == BL_OK && !(c->text = malloc(c->bytes + 1)))
        status = no_memory(err);
    if (status == BL_OK)
        status = bl_template_render(c->t, c->json.data, c->json.bytes, c->now, c->text, c->bytes,
                                    &c->bytes, err);
    return status;
}

static bl_status encode(conversation *c, unsigned flags, bl_error *err)
{
    size_t n = 0;
    bl_status status = bl_template_encode(c->t, c->tokenizer, c->json.data, c->json.bytes, c->now,
                                          flags, NULL, NULL, 0, &n, err);
    if (status != BL_OK)
        return status;
    c->ids.id = malloc((n + 1) * sizeof *c->ids.id);
    c->answers = malloc(n + 1);
    if (!c->ids.id || !c->answers)
        return no_memory(err);
    return bl_template_encode(c->t, c->tokenizer, c->json.data, c->json.bytes, c->now, flags,
                              c->ids.id, c->answers, n, &c->ids.count, err);
}

static void print_json(const conversation *c)
{
    fputs("{\"text\": ", stdout);
    bl_output_json_text(stdout, c->text, c->bytes);
    if (c->tokenizer) {
        fputs(", \"ids\": [", stdout);
        for (size_t i = 0; i < c->ids.count; i++)
            printf("%s%" PRId32, i ? ", " : "", c->ids.id[i]);
        fputs("], \"answers\": [", stdout);
        for (size_t i = 0; i < c->ids.count; i++)
            printf("%s%d", i ? ", " : "", c->answers[i]);
        fputs("]", stdout);
    }
    fputs("}\n", stdout);
}

static bl_status print(const conversation *c, const bl_args *args, bl_error *err)
{
    if (bl_flags_on(args, "json")) {
        print_json(c);
        return BL_OK;
    }
    if (bl_flags_on(args, "tokens")) {
        for (size_t i = 0; i < c->ids.count; i++)
            printf("%s%" PRId32, i ? " " : "", c->ids.id[i]);
        fputs("\n", stdout);
        return BL_OK;
    }
    bl_status status = bl_output_text(c->text, c->bytes, err);
    if (status == BL_OK && bl_terminal_is(stdout) && c->bytes && c->text[c->bytes - 1] != '\n')
        status = bl_output_write("\n", 1, err);
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    conversation c = {0};
    unsigned flags = bl_flags_on(args, "special") ? BL_ENCODE_SPECIAL : 0;
    bl_status status = open_all(&c, args, err);
    if (status == BL_OK)
        status = render(&c, err);
    if (status == BL_OK && c.tokenizer)
        status = encode(&c, flags, err);
    if (status == BL_OK)
        status = print(&c, args, err);
    bl_ids_release(&c.ids);
    bl_text_release(&c.json);
    bl_tokenizer_close(c.tokenizer);
    bl_template_close(c.t);
    free(c.answers);
    free(c.text);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL_TEXT,
    {.name = "template",
     .value = "FILE",
     .help = "a template, or a tokenizer_config.json, instead of the model's"},
    {.name = "name", .value = "NAME", .help = "of several templates this one"},
    {.name = "file",
     .letter = 'f',
     .value = "FILE",
     .help = "the messages, JSON (default standard input)"},
    {.name = "prompt", .help = "with what begins an answer at the end"},
    {.name = "tokens", .help = "the token ids instead of the text"},
    {.name = "special",
     .help = "<|im_end|> and the like in a message are special tokens too; otherwise letters"},
    {.name = "now", .value = "SECONDS", .help = "the time since 1970 that the template sees"},
    {.name = "json", .help = "as {\"text\": \"...\"}, with -m also \"ids\" and \"answers\""},
    {0},
};

const bl_command bl_command_template = {
    .name = "template",
    .summary = "Writes a conversation as the model's chat template has it.",
    .usage = "(-m MODEL | --template FILE) [-f FILE] [--prompt] [--tokens | --json]",
    .details =
        "The messages are a JSON list, [{\"role\": \"user\", \"content\": \"Hi\"}], or an object "
        "of "
        "all that the template may ask for: \"messages\", \"tools\", \"documents\", "
        "\"add_generation_prompt\", \"enable_thinking\" and the like."
        "\n\n"
        "The template is chat_template.jinja of the model, or chat_template of its "
        "tokenizer_config.json. What of Jinja is not supported, and what a template refuses or "
        "takes too much of, ends with exit code 3 and the line of the template. In \"answers\" a 1 "
        "stands for each token that the template has in a {% generation %} block.",
    .example = "bitllama template -m chat-model -f messages.json --prompt",
    .flags = flags,
    .run = run,
};
