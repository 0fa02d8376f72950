/* Our tokenizer behind a pipe: what tokenizer_diff.py compares with Hugging Face's.
 *
 *     tokenizer_probe train RECORDS OUT.json [SETTING=VALUE ...]
 *     tokenizer_probe encode|encode-text|template TOKENIZER.json < texts > ids
 *     tokenizer_probe offsets TOKENIZER.json < texts > starts and ends, two 32-bit numbers a token
 *     tokenizer_probe decode|decode-all|stream TOKENIZER.json < ids > texts
 *     tokenizer_probe save TOKENIZER.json OUT.json
 *
 * A record is a 32-bit count in the machine's byte order and as many bytes (texts) or 32-bit ids.
 * Seconds go to standard error. */
#include "core/alloc.h"
#include "core/buf.h"
#include "core/clock.h"
#include "text/bpe/bpe.h"
#include "text/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bl_error error;

static int failed(void)
{
    fprintf(stderr, "tokenizer_probe: %s\n", error.message);
    return 1;
}

/* The next record of elements of `size` bytes; 0 at the end of the input. */
static int read_record(FILE *in, bl_buf *record, size_t size, size_t *count)
{
    uint32_t n;
    if (fread(&n, sizeof n, 1, in) != 1)
        return 0;
    bl_buf_clear(record);
    char *to = bl_buf_reserve(record, n * size);
    if (!to || fread(to, size, n, in) != n) {
        fprintf(stderr, "tokenizer_probe: a record is cut off\n");
        exit(1);
    }
    *count = n;
    return 1;
}

static void write_record(const void *data, size_t count, size_t size)
{
    uint32_t n = (uint32_t)count;
    if (fwrite(&n, sizeof n, 1, stdout) != 1 || fwrite(data, size, count, stdout) != count)
        exit(1);
}

/* The settings of a training as name=value; special=TEXT may be repeated, special= means none. */
static int set_option(bl_bpe_options *o, size_t *batch, char *text)
{
    static const char *special[64];
    char *value = strchr(text, '=');
    if (!value)
        return 0;
    *value++ = 0;
    size_t n = strtoull(value, NULL, 10);
    if (strcmp(text, "vocab_size") == 0)
        o->vocab_size = n;
    else if (strcmp(text, "min_frequency") == 0)
        o->min_frequency = n;
    else if (strcmp(text, "max_token_length") == 0)
        o->max_token_length = n;
    else if (strcmp(text, "limit_alphabet") == 0)
        o->limit_alphabet = n;
    else if (strcmp(text, "no_initial_alphabet") == 0)
        o->no_initial_alphabet = n != 0;
    else if (strcmp(text, "no_prefix_space") == 0)
        o->no_prefix_space = n != 0;
    else if (strcmp(text, "threads") == 0)
        o->threads = n;
    else if (strcmp(text, "batch") == 0)
        *batch = n;
    else if (strcmp(text, "special") == 0 && o->specials_count < 64) {
        o->specials = special;
        if (value[0])
            special[o->specials_count++] = value;
    } else {
        return 0;
    }
    return 1;
}

/* The records of a file as documents, `batch` to a call, or 4 MiB of them. */
static bl_status feed_file(bl_bpe_trainer *t, const char *path, size_t batch)
{
    enum { BATCH_BYTES = 4 << 20 };
    FILE *in = fopen(path, "rb");
    bl_buf text;
    bl_span *span = NULL;
    size_t count = 0, cap = 0;
    uint32_t n;
    bl_status status = in ? BL_OK : bl_fail(&error, BL_ENOENT, "%s: cannot be read", path);
    bl_buf_init(&text);
    while (status == BL_OK) {
        char *to = fread(&n, sizeof n, 1, in) == 1 ? bl_buf_reserve(&text, n) : NULL;
        if (to && fread(to, 1, n, in) == n) {
            text.len += n;
            status = bl_grow(&span, &cap, count + 1, sizeof *span, &error);
            if (status == BL_OK)
                span[count++].bytes = n;
        }
        if (to && (batch ? count < batch : text.len < BATCH_BYTES))
            continue;
        const char *from = text.data;
        for (size_t i = 0; i < count; from += span[i++].bytes)
            span[i].text = from;
        if (status == BL_OK)
            status = bl_bpe_trainer_feed(t, span, count, NULL, NULL, &error);
        count = 0;
        bl_buf_clear(&text);
        if (!to)
            break;
    }
    bl_buf_release(&text);
    bl_free(span);
    if (in)
        fclose(in);
    return status;
}

static int train(const char *path, const char *out, char **settings, int count)
{
    bl_bpe_options options = {.vocab_size = 300};
    bl_bpe_trainer *trainer = NULL;
    bl_tokenizer *tokenizer = NULL;
    size_t batch = 0;
    for (int i = 0; i < count; i++)
        if (!set_option(&options, &batch, settings[i])) {
            fprintf(stderr, "tokenizer_probe: %s is no setting\n", settings[i]);
            return 2;
        }
    bl_status status = bl_bpe_trainer_open(&trainer, &options, &error);
    double start = bl_clock_seconds();
    if (status == BL_OK)
        status = feed_file(trainer, path, batch);
    double fed = bl_clock_seconds();
    if (status == BL_OK)
        status = bl_bpe_trainer_finish(trainer, NULL, NULL, &tokenizer, &error);
    double learnt = bl_clock_seconds();
    if (status == BL_OK)
        status = bl_tokenizer_save(tokenizer, out, &error);
    fprintf(stderr, "words %.3f s, merges %.3f s\n", fed - start, learnt - fed);
    bl_tokenizer_close(tokenizer);
    bl_bpe_trainer_close(trainer);
    return status == BL_OK ? 0 : failed();
}

static void write_tokens(const bl_id_list *tokens, int offsets)
{
    uint32_t n = (uint32_t)tokens->count * 2;
    if (!offsets) {
        write_record(tokens->ids, tokens->count, sizeof *tokens->ids);
        return;
    }
    if (fwrite(&n, sizeof n, 1, stdout) != 1)
        exit(1);
    for (size_t i = 0; i < tokens->count; i++) {
        uint32_t at[] = {(uint32_t)tokens->offsets[i].start, (uint32_t)tokens->offsets[i].end};
        if (fwrite(at, sizeof at, 1, stdout) != 1)
            exit(1);
    }
}

static int encode(const bl_tokenizer *t, unsigned flags)
{
    bl_word_cache *cache;
    bl_buf record;
    bl_id_list tokens = {0};
    size_t bytes;
    double seconds = 0;
    if (bl_word_cache_open(&cache, &error) != BL_OK)
        return failed();
    bl_buf_init(&record);
    while (read_record(stdin, &record, 1, &bytes)) {
        double start = bl_clock_seconds();
        tokens.count = 0;
        if (bl_tokenizer_append(t, cache, record.data, bytes, flags, &tokens, &error) != BL_OK)
            return failed();
        seconds += bl_clock_seconds() - start;
        write_tokens(&tokens, (flags & BL_ENCODE_OFFSETS) != 0);
    }
    fprintf(stderr, "encode %.3f s\n", seconds);
    bl_word_cache_close(cache);
    bl_buf_release(&record);
    bl_id_list_release(&tokens);
    return 0;
}

static int decode(const bl_tokenizer *t, int stream, unsigned flags)
{
    bl_buf record, text;
    bl_buf_init(&record);
    bl_buf_init(&text);
    size_t count, bytes;
    while (read_record(stdin, &record, sizeof(int32_t), &count)) {
        int32_t *ids = bl_calloc(count, sizeof *ids);
        if (!ids)
            return 1;
        if (count)
            memcpy(ids, record.data, count * sizeof *ids);
        bl_buf_clear(&text);
        if (stream) {
            bl_decoder d = {0};
            for (size_t i = 0; i < count; i++) {
                size_t n;
                (void)bl_tokenizer_bytes(t, ids[i], &n);
                char *to = bl_buf_reserve(&text, 3 * (n + 1));
                if (!to)
                    return 1;
                text.len += bl_decoder_feed(&d, t, ids[i], 0, to);
            }
            char *to = bl_buf_reserve(&text, 3);
            if (!to)
                return 1;
            text.len += bl_decoder_finish(&d, to);
        } else {
            if (bl_tokenizer_decode(t, ids, count, flags, NULL, 0, &bytes, &error) != BL_OK)
                return failed();
            char *to = bl_buf_reserve(&text, bytes);
            if (!to ||
                bl_tokenizer_decode(t, ids, count, flags, to, bytes, &bytes, &error) != BL_OK)
                return failed();
            text.len = bytes;
        }
        write_record(text.data ? text.data : "", text.len, 1);
        bl_free(ids);
    }
    bl_buf_release(&record);
    bl_buf_release(&text);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "train") == 0)
        return train(argv[2], argv[3], argv + 4, argc - 4);
    bl_tokenizer *t = NULL;
    int saves = argc == 4 && strcmp(argv[1], "save") == 0;
    if (argc != 3 && !saves) {
        fprintf(
            stderr,
            "usage: tokenizer_probe train RECORDS OUT.json [SETTING=VALUE ...]\n"
            "       tokenizer_probe encode|encode-text|template|offsets|decode|decode-all|stream "
            "TOKENIZER.json\n"
            "       tokenizer_probe save TOKENIZER.json OUT.json\n");
        return 2;
    }
    if (bl_tokenizer_open(&t, argv[2], &error) != BL_OK)
        return failed();
    int status = 2;
    if (saves)
        status = bl_tokenizer_save(t, argv[3], &error) == BL_OK ? 0 : failed();
    else if (strcmp(argv[1], "encode") == 0)
        status = encode(t, BL_ENCODE_SPECIAL);
    else if (strcmp(argv[1], "encode-text") == 0)
        status = encode(t, 0);
    else if (strcmp(argv[1], "template") == 0)
        status = encode(t, BL_ENCODE_TEMPLATE | BL_ENCODE_SPECIAL);
    else if (strcmp(argv[1], "offsets") == 0)
        status = encode(t, BL_ENCODE_TEMPLATE | BL_ENCODE_SPECIAL | BL_ENCODE_OFFSETS);
    else if (strcmp(argv[1], "decode") == 0)
        status = decode(t, 0, 0);
    else if (strcmp(argv[1], "decode-all") == 0)
        status = decode(t, 0, BL_DECODE_SPECIAL);
    else if (strcmp(argv[1], "stream") == 0)
        status = decode(t, 1, 0);
    bl_tokenizer_close(t);
    return status;
}
