/* bitllama logits: the model's raw output as a NumPy file, for comparing implementations. */
#include "cli.h"
#include "figures.h"
#include "input.h"
#include "model_flags.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_TOKENS = 1024, NPY_ALIGN = 64, NPY_PREFIX = 10 };

/* The ids to feed: --ids exactly, or -p with the model's bos in front. */
static bl_status read_ids(bl_ids *ids, const bl_args *args, const bl_model *model, bl_error *err)
{
    const char *list = bl_flags_text(args, "ids"), *prompt = bl_flags_text(args, "prompt");
    if (list)
        return bl_ids_parse(ids, list, strlen(list), "--ids", err);
    if (!bl_model_tokenizer(model))
        return bl_cli_fail(err, BL_EUNSUPPORTED, "%s has no tokenizer.json; give --ids",
                           bl_model_path(model));
    char bos[32] = "0";
    bl_text text = {0};
    size_t first = bl_flags_on(args, "bos") ? 1 : 0;
    bl_status status = bl_text_copy(&text, prompt, err);
    if (status == BL_OK)
        status = bl_options_get(bl_model_config(model), "bos_token_id", bos, sizeof bos, NULL, err);
    if (status == BL_OK)
        status = bl_ids_encode(ids, first, bl_model_tokenizer(model), &text, 0, err);
    if (status == BL_OK && first)
        ids->id[0] = (int32_t)strtol(bos, NULL, 10);
    bl_text_release(&text);
    return status;
}

/* NPY version 1.0: magic, version, u16 length of the header, a Python literal padded with spaces
 * so that the data begins at a multiple of 64. */
static bl_status write_header(bl_output_file *f, size_t rows, size_t columns, bl_error *err)
{
    char header[4 * NPY_ALIGN];
    int used =
        snprintf(header + NPY_PREFIX, sizeof header - NPY_PREFIX,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    size_t length = NPY_PREFIX + (size_t)used + 1;
    size_t padded = (length + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN;
    memset(header + length - 1, ' ', padded - length);
    header[padded - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((padded - NPY_PREFIX) & 0xff);
    header[9] = (char)((padded - NPY_PREFIX) >> 8);
    return bl_output_append(f, header, padded, err);
}

/* <f4 is little-endian whatever this machine is. */
static void to_little_endian(float *x, size_t count)
{
    const uint16_t probe = 1;
    unsigned char first;
    memcpy(&first, &probe, 1);
    if (first == 1)
        return;
    for (size_t i = 0; i < count; i++) {
        unsigned char b[4], r[4];
        memcpy(b, &x[i], 4);
        for (size_t j = 0; j < 4; j++)
            r[j] = b[3 - j];
        memcpy(&x[i], r, 4);
    }
}

/* Feeds the ids in pieces and writes a row for each token. */
static bl_status write_rows(bl_output_file *f, bl_session *session, const bl_ids *ids,
                            const bl_ids *split, size_t columns, bl_error *err)
{
    bl_status status = BL_OK;
    size_t largest = 0;
    for (size_t i = 0; i < split->count; i++)
        if ((size_t)split->id[i] > largest)
            largest = (size_t)split->id[i];
    if (largest > ids->count)
        largest = ids->count;
    float *logits = calloc(largest * columns, sizeof *logits);
    if (!logits)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory: %zu rows of %zu logits", largest,
                           columns);
    bl_progress_begin("logits", "tok", 0);
    for (size_t at = 0, piece = 0; status == BL_OK && at < ids->count; piece++) {
        size_t n = (size_t)split->id[piece < split->count ? piece : split->count - 1];
        if (n > ids->count - at)
            n = ids->count - at;
        status = bl_session_feed_each(session, ids->id + at, n, logits, err);
        if (status == BL_OK) {
            to_little_endian(logits, n * columns);
            status = bl_output_append(f, logits, n * columns * sizeof *logits, err);
        }
        if (status == BL_OK && bl_signals_caught())
            status = BL_EINTERRUPTED;
        at += n;
        bl_progress_set(at, ids->count, NULL);
    }
    free(logits);
    return status;
}

static bl_status read_split(bl_ids *split, const bl_args *args, bl_error *err)
{
    const char *text = bl_flags_text(args, "split");
    bl_status status = bl_ids_parse(split, text, strlen(text), "--split", err);
    if (status != BL_OK)
        return err->code = BL_EINVAL;
    for (size_t i = 0; i < split->count; i++)
        if (split->id[i] == 0)
            return bl_cli_fail(err, BL_EINVAL, "--split: a piece of 0 tokens");
    return split->count ? BL_OK : bl_cli_fail(err, BL_EINVAL, "--split needs sizes, as in 1,7,16");
}

/* All ids are looked at before the first is fed, so that nothing is made from a bad list. */
static bl_status check_ids(const bl_ids *ids, size_t vocabulary, bl_error *err)
{
    if (ids->count == 0)
        return bl_cli_fail(err, BL_EINVAL, "there are no tokens to feed");
    for (size_t i = 0; i < ids->count; i++)
        if ((size_t)ids->id[i] >= vocabulary)
            return bl_cli_fail(err, BL_EFORMAT, "id %ld (number %zu) is past the vocabulary of %zu",
                               (long)ids->id[i], i, vocabulary);
    return BL_OK;
}

static bl_status make_file(const bl_args *args, bl_model *model, const bl_ids *ids,
                           const bl_ids *split, bl_error *err)
{
    char vocabulary[32] = "0";
    bl_session *session = NULL;
    bl_output_file f = {0};
    bl_status status = bl_options_get(bl_model_config(model), "vocab_size", vocabulary,
                                      sizeof vocabulary, NULL, err);
    size_t columns = (size_t)strtoull(vocabulary, NULL, 10);
    if (status == BL_OK)
        status = check_ids(ids, columns, err);
    if (status == BL_OK && strcmp(bl_flags_text(args, "out"), "-") == 0 && isatty(STDOUT_FILENO))
        status =
            bl_cli_fail(err, BL_EINVAL, "the file is no text for a terminal; name it: -o OUT.npy");
    if (status == BL_OK)
        status = bl_session_open(&session, model, NULL, err);
    if (status == BL_OK)
        status = bl_output_open(&f, bl_flags_text(args, "out"), err);
    if (status == BL_OK) {
        bl_signals_catch();
        status = write_header(&f, ids->count, columns, err);
    }
    if (status == BL_OK)
        status = write_rows(&f, session, ids, split, columns, err);
    if (status == BL_OK)
        status = bl_output_finish(&f, err);
    bl_progress_end();
    if (status == BL_OK)
        bl_progress_print("%s: float32 [%zu, %zu]", f.path, ids->count, columns);
    bl_output_abandon(&f);
    bl_session_close(session);
    return status;
}

static bl_status run(const bl_args *args, bl_error *err)
{
    bl_ids ids = {0}, split = {0};
    bl_model *model = NULL;
    if (!bl_flags_given(args, "ids") == !bl_flags_given(args, "prompt"))
        return bl_cli_fail(err, BL_EINVAL, "give either --ids 5,17,... or -p TEXT");
    bl_status status = read_split(&split, args, err);
    if (status == BL_OK)
        status = bl_cli_model_open(&model, args, err);
    if (status == BL_OK)
        status = read_ids(&ids, args, model, err);
    if (status == BL_OK)
        status = make_file(args, model, &ids, &split, err);
    bl_model_close(model);
    bl_ids_release(&split);
    bl_ids_release(&ids);
    return status;
}

static const bl_flag flags[] = {
    BL_FLAG_MODEL,
    {.name = "ids", .value = "5,17,...", .help = "feed exactly these token ids"},
    {.name = "prompt", .letter = 'p', .value = "TEXT", .help = "feed the ids of a text"},
    {.name = "bos",
     .fallback = "true",
     .help = "feed the end-of-text token before -p; --no-bos: do not"},
    {.name = "out",
     .letter = 'o',
     .value = "OUT.npy",
     .required = 1,
     .help = "the file to make: row t holds the logits after token t"},
    {.name = "split",
     .value = "1,7,16",
     .fallback = "1024",
     .help = "feed in pieces of these sizes, the last one repeated"},
    {0},
};

const bl_command bl_command_logits = {
    .name = "logits",
    .summary = "Writes the logits after every token as a NumPy file, float32 [T,V].",
    .usage = "-m MODEL (--ids 5,17,... | -p TEXT) -o OUT.npy [--split 1,7,16]",
    .example = "bitllama logits -m run --ids 5,17,42 -o logits.npy",
    .flags = flags,
    .groups = {{"device", BL_OPTIONS_DEVICE}},
    .run = run,
};
