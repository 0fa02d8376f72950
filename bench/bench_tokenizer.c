/* bench_tokenizer: encoding or decoding of the records of a file; tokenizer.py runs it.
 *
 * usage: bench_tokenizer encode|decode TOKENIZER.json RECORDS OUT THREADS PASSES
 *
 * A record is a 32-bit count in the machine's byte order and as many bytes (texts) or 32-bit ids.
 * They are read a batch at a time, worked on, and written to OUT; prints the seconds of the work
 * alone, by the clock and of processor time, pass by pass, and the peak of memory in KiB.  One
 * encoder serves all passes, so the second finds its words known. */
#include "bitllama.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/team.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 1000 };

typedef struct bench {
    const bl_tokenizer *t;
    bl_encoder *encoder; /* NULL: decode */
    size_t threads;
    bl_buf input;
    size_t given[BATCH], count; /* elements of each record of the batch */
    struct {
        char *data;
        size_t cap, bytes;
    } text[BATCH]; /* decoded */
} bench;

static void must(bl_status status, const bl_error *err)
{
    if (status == BL_OK)
        return;
    fprintf(stderr, "bench_tokenizer: %s\n", err->message);
    exit(1);
}

static void expect(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench_tokenizer: %s\n", what);
    exit(1);
}

static size_t element(const bench *b)
{
    return b->encoder ? 1 : sizeof(int32_t);
}

static int read_batch(bench *b, FILE *in)
{
    uint32_t n;
    bl_buf_clear(&b->input);
    for (b->count = 0; b->count < BATCH && fread(&n, sizeof n, 1, in) == 1; b->count++) {
        char *to = bl_buf_reserve(&b->input, n * element(b));
        expect(to && fread(to, element(b), n, in) == n, "a record is cut off");
        b->input.len += n * element(b);
        b->given[b->count] = n;
    }
    return b->count > 0;
}

/* Seconds of one pass. */
typedef struct spent {
    double clock, processor;
} spent;

static spent now(void)
{
    return (spent){bl_clock_seconds(), (double)clock() / CLOCKS_PER_SEC};
}

static void add_since(spent *s, spent start)
{
    spent end = now();
    s->clock += end.clock - start.clock;
    s->processor += end.processor - start.processor;
}

static void encode(bench *b, spent *s)
{
    bl_span texts[BATCH];
    bl_error err;
    const char *from = b->input.data;
    for (size_t i = 0; i < b->count; from += b->given[i++])
        texts[i] = (bl_span){from, b->given[i]};
    spent start = now();
    must(bl_encoder_run(b->encoder, texts, b->count, BL_ENCODE_TEMPLATE | BL_ENCODE_SPECIAL, &err),
         &err);
    add_since(s, start);
}

/* Text i, into the memory of the batch before, or into more. */
static void decode_one(bench *b, size_t i, const int32_t *ids)
{
    bl_error err;
    size_t n = b->given[i];
    for (size_t cap = 8 * n + 1;; cap = b->text[i].bytes) {
        if (b->text[i].cap < cap) {
            bl_free(b->text[i].data);
            b->text[i].data = bl_realloc(NULL, cap, 1);
            b->text[i].cap = cap;
            expect(b->text[i].data != NULL, "out of memory");
        }
        must(bl_tokenizer_decode(b->t, ids, n, 0, b->text[i].data, b->text[i].cap,
                                 &b->text[i].bytes, &err),
             &err);
        if (b->text[i].bytes <= b->text[i].cap)
            return;
    }
}

typedef struct decoding {
    bench *b;
    const int32_t *const *ids;
} decoding;

static void decode_some(void *user, size_t first, size_t last, size_t member)
{
    const decoding *d = user;
    (void)member;
    for (size_t i = first; i < last; i++)
        decode_one(d->b, i, d->ids[i]);
}

static void decode(bench *b, spent *s)
{
    const int32_t *ids[BATCH], *from = (const int32_t *)(const void *)b->input.data;
    for (size_t i = 0; i < b->count; from += b->given[i++])
        ids[i] = from;
    spent start = now();
    bl_team_deal(b->threads, b->count, decode_some, &(decoding){b, ids});
    add_since(s, start);
}

static void write_batch(const bench *b, FILE *out)
{
    for (size_t i = 0; i < b->count; i++) {
        size_t n = b->text[i].bytes;
        const void *data = b->text[i].data;
        if (b->encoder)
            data = bl_encoder_ids(b->encoder, i, &n);
        size_t size = b->encoder ? sizeof(int32_t) : 1;
        uint32_t count = (uint32_t)n;
        expect(fwrite(&count, sizeof count, 1, out) == 1 && fwrite(data, size, n, out) == n,
               "the output cannot be written");
    }
}

/* getrusage() would count the process that started this one too. */
static long peak_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && !kib && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    expect(f && kib, "/proc/self/status names no peak of memory");
    fclose(f);
    return kib;
}

int main(int argc, char **argv)
{
    static bench b;
    bl_error err;
    bl_tokenizer *t;
    expect(argc == 7, "encode|decode TOKENIZER.json RECORDS OUT THREADS PASSES");
    b.threads = strtoul(argv[5], NULL, 10);
    bl_buf_init(&b.input);
    must(bl_tokenizer_open(&t, argv[2], &err), &err);
    b.t = t;
    if (strcmp(argv[1], "encode") == 0)
        must(bl_encoder_open(&b.encoder, t, b.threads, &err), &err);
    FILE *in = fopen(argv[3], "rb"), *out = fopen(argv[4], "wb");
    expect(in && out, "a file cannot be opened");
    for (long pass = strtol(argv[6], NULL, 10); pass > 0; pass--, rewind(in)) {
        spent all = {0};
        while (read_batch(&b, in)) {
            (b.encoder ? encode : decode)(&b, &all);
            write_batch(&b, out);
        }
        printf("%.4f %.4f\n", all.clock, all.processor);
    }
    printf("%ld\n", peak_kib());
    fclose(in);
    expect(fclose(out) == 0, "the output cannot be written");
    for (size_t i = 0; i < BATCH; i++)
        bl_free(b.text[i].data);
    bl_buf_release(&b.input);
    bl_encoder_close(b.encoder);
    bl_tokenizer_close(t);
    return 0;
}
