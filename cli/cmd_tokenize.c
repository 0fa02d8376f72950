/* bitllama tokenize and detokenize: text to ids and back. */
#include "cli.h"
#include "input.h"
#include "model_flags.h"
#include "output.h"
#include "terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A tokenizer from a file or folder, or the one of a model or run; close both. */
typedef struct source {
    bl_tokenizer *opened;
    bl_model *model;
    const bl_tokenizer *tokenizer;
} source;

/* The folder of a file of a model, in fresh memory; NULL: no memory. */
static char *folder_of(const char *model)
{
    const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model;
    int inside = strcmp(name, "model.safetensors") == 0 || strcmp(name, "config.json") == 0 ||
                 strcmp(name, "model.safetensors.index.json") == 0;
    size_t n = inside ? (size_t)(name - model) : strlen(model), room = n + 2;
    char *folder = malloc(room);
    if (folder)
        (void)snprintf(folder, room, "%.*s%s", (int)n, model, n ? "" : ".");
    return folder;
}

static bl_status open_source(source *s, const bl_args *args, bl_error *err)
{
    const char *file = bl_flags_text(args, "tokenizer"), *model = bl_flags_text(args, "model");
    if (!file == !model)
        return bl_cli_fail(err, BL_EINVAL, "give either --tokenizer FILE or -m MODEL");
    char *folder = file ? NULL : folder_of(model);
    if (!file && !folder)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = bl_tokenizer_open(&s->opened, file ? file : folder, err);
    free(folder);
    if (status == BL_OK) {
        s->tokenizer = s->opened;
        return BL_OK;
    }
    if (status != BL_ENOENT || file)
        return status;
    /* A training run keeps its tokenizer with its checkpoints. */
    status = bl_model_open(&s->model, model, NULL, err);
    if (status != BL_OK)
        return status;
    s->tokenizer = bl_model_tokenizer(s->model);
    if (!s->tokenizer)
        return bl_cli_fail(err, BL_EUNSUPPORTED, "%s has no tokenizer.json",
                           bl_model_path(s->model));
    return BL_OK;
}

static void close_source(source *s)
{
    bl_tokenizer_close(s->opened);
    bl_model_close(s->model);
}

static bl_status read_text(bl_text *text, const bl_args *args, bl_error *err)
{
    const char *given = bl_flags_text(args, "prompt"), *file = bl_flags_text(args, "file");
    if (given && file)
        return bl_cli_fail(err, BL_EINVAL, "give either -p TEXT or -f FILE, not both");
    if (given)
        return bl_text_copy(text, given, err);
    return bl_text_read(text, file ? file : "-", err);
}

static void print_ids(const bl_ids *ids, int json)
{
    fputs(json ? "{\"ids\": [" : "", stdout);
    for (size_t i = 0; i < ids->count; i++)
        printf("%s%" PRId32, i == 0 ? "" : json ? ", " : " ", ids->id[i]);
    if (json && ids->offset) {
        fputs("], \"offsets\": [", stdout);
        for (size_t i = 0; i < ids->count; i++)
            printf("%s[%zu, %zu]", i == 0 ? "" : ", ", ids->offset[i].start, ids->offset[i].end);
    }
    fputs(json ? "]}\n" : "\n", stdout);
}

/* A line for each token: id, start, end. */
static void print_offsets(const bl_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++)
        printf("%" PRId32 " %zu %zu\n", ids->id[i], ids->offset[i].start, ids->offset[i].end);
}

static bl_status run_tokenize(const bl_args *args, bl_error *err)
{
    source from = {0};
    bl_text text = {0};
    bl_ids ids = {0};
    int offsets = bl_flags_on(args, "offsets");
    unsigned flags = (bl_flags_on(args, "special") ? BL_ENCODE_SPECIAL : 0) |
                     (bl_flags_on(args, "template") ? BL_ENCODE_TEMPLATE : 0) |
                     (offsets ? BL_ENCODE_OFFSETS : 0);
    bl_status status = open_source(&from, args, err);
    if (status == BL_OK)
        status = read_text(&text, args, err);
    if (status == BL_OK)
        status = bl_ids_encode(&ids, 0, from.tokenizer, &text, flags, err);
    if (status == BL_OK && offsets && !bl_flags_on(args, "json"))
        print_offsets(&ids);
    else if (status == BL_OK)
        print_ids(&ids, bl_flags_on(args, "json"));
    bl_ids_release(&ids);
    bl_text_release(&text);
    close_source(&from);
    return status;
}

/* Where encoding puts one space in front of a text, it is not part of the text. */
static bl_status print_text(const char *text, size_t bytes, int prefixed, int json, bl_error *err)
{
    if (prefixed && bytes && *text == ' ') {
        text++;
        bytes--;
    }
    if (json) {
        fputs("{\"text\": ", stdout);
        bl_output_json_text(stdout, text, bytes);
        fputs("}\n", stdout);
        return BL_OK;
    }
    bl_status status = bl_output_text(text, bytes, err);
    if (status == BL_OK && bl_terminal_is(stdout))
        status = bl_output_write("\n", 1, err);
    return status;
}

static bl_status run_detokenize(const bl_args *args, bl_error *err)
{
    source from = {0};
    bl_text text = {0};
    bl_ids ids = {0};
    char *made = NULL;
    size_t bytes = 0;
    unsigned flags = bl_flags_on(args, "special") ? BL_DECODE_SPECIAL : 0;
    const char *file = bl_flags_text(args, "file");
    const char *name = bl_flags_given(args, "prompt") ? "-p" : file ? file : "standard input";
    bl_status status = open_source(&from, args, err);
    if (status == BL_OK)
        status = read_text(&text, args, err);
    if (status == BL_OK)
        status = bl_ids_parse(&ids, text.data, text.bytes, name, err);
    if (status == BL_EINVAL && text.data) /* the ids are input, not usage */
        status = err->code = BL_EFORMAT;
    if (status == BL_OK)
        status =
            bl_tokenizer_decode(from.tokenizer, ids.id, ids.count, flags, NULL, 0, &bytes, err);
    if (status == BL_OK && !(made = malloc(bytes + 1)))
        status = bl_cli_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status =
            bl_tokenizer_decode(from.tokenizer, ids.id, ids.count, flags, made, bytes, &bytes, err);
    if (status == BL_OK)
        status = print_text(made, bytes, bl_tokenizer_prefix_space(from.tokenizer),
                            bl_flags_on(args, "json"), err);
    free(made);
    bl_ids_release(&ids);
    bl_text_release(&text);
    close_source(&from);
    return status;
}

#define FLAG_TOKENIZER                                                                             \
    {                                                                                              \
        .name = "tokenizer", .value = "FILE",                                                      \
        .help = "tokenizer.json, a folder that holds one, or its name on the Hub "                 \
                "(OWNER/NAME[@REVISION])",                                                         \
        .hub = "tokenizer"                                                                         \
    }

static const bl_flag tokenize_flags[] = {
    FLAG_TOKENIZER,
    BL_FLAG_MODEL_TEXT,
    {.name = "prompt", .letter = 'p', .value = "TEXT", .help = "the text"},
    {.name = "file",
     .letter = 'f',
     .value = "FILE",
     .help = "read the text from a file (default "
             "standard input)"},
    {.name = "special",
     .fallback = "true",
     .help = "<|endoftext|> and the like in the text are special tokens; --no-special: letters"},
    {.name = "template",
     .help = "with the special tokens that the file's post_processor puts around a text"},
    {.name = "offsets",
     .help = "a line for each token: its id, where in the text it starts and where it ends, in "
             "bytes"},
    BL_FLAG_THREADS,
    {.name = "json", .help = "as {\"ids\": [...]}, with --offsets also \"offsets\": [[0, 4], ...]"},
    {0},
};

static const bl_flag detokenize_flags[] = {
    FLAG_TOKENIZER,
    BL_FLAG_MODEL_TEXT,
    {.name = "prompt", .letter = 'p', .value = "IDS", .help = "the ids: \"5 17\", 5,17 or JSON"},
    {.name = "file",
     .letter = 'f',
     .value = "FILE",
     .help = "read the ids from a file (default "
             "standard input)"},
    {.name = "special", .help = "spell out special tokens, which are left out otherwise"},
    {.name = "json", .help = "as {\"text\": \"...\"}"},
    {0},
};

const bl_command bl_command_tokenize = {
    .name = "tokenize",
    .summary = "Turns text into token ids.",
    .usage = "(--tokenizer FILE | -m MODEL) [-p TEXT | -f FILE] [--offsets] [--json]",
    .example = "bitllama tokenize -m run -p \"Once upon a time\"",
    .flags = tokenize_flags,
    .run = run_tokenize,
};

const bl_command bl_command_detokenize = {
    .name = "detokenize",
    .summary = "Turns token ids into text; the space that encoding puts in front is dropped.",
    .usage = "(--tokenizer FILE | -m MODEL) [-p IDS | -f FILE] [--json]",
    .example = "bitllama tokenize -m run -p Hello | bitllama detokenize -m run",
    .flags = detokenize_flags,
    .run = run_detokenize,
};
