/* Reading through zlib, libzstd and liblzma. */
#include "corpus/stream.h"
#include "core/alloc.h"
#include "core/convert.h"
#include "core/in.h"
#include "core/utf8.h"

#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT = 1 << 17, XZ_MEMORY = 1 << 30 };

typedef enum coding { UNKNOWN, PLAIN, GZIP, ZSTD, XZ } coding;

static const struct {
    const char *name, *ending;
    unsigned char magic[6];
    size_t magic_bytes;
} codings[] = {
    [GZIP] = {"gzip", ".gz", {0x1F, 0x8B, 0x08}, 3},
    [ZSTD] = {"zstd", ".zst", {0x28, 0xB5, 0x2F, 0xFD}, 4},
    [XZ] = {"xz", ".xz", {0xFD, '7', 'z', 'X', 'Z', 0}, 6},
};
enum { CODINGS = sizeof codings / sizeof codings[0] };

struct bl_stream {
    bl_in *in;
    char *path;
    coding coding;
    int ended;      /* the file is read to its end */
    int whole;      /* no compressed piece is open */
    uint64_t taken; /* bytes of the file read */
    z_stream gzip;
    ZSTD_DStream *zstd;
    lzma_stream xz;
    size_t at, filled; /* of the input */
    unsigned char input[INPUT];
    /* text that was looked at, or waits to be converted */
    char *head;
    size_t head_at, head_filled;
    int head_whole;  /* nothing comes after it */
    uint64_t before; /* bytes of text before head[0] */
    bl_convert *convert;
    int replace, returns;
    uint64_t replaced;
};

bl_status bl_stream_open(bl_stream **result, const char *path, const char *keep, bl_error *err)
{
    *result = NULL;
    bl_stream *s = bl_calloc(1, sizeof *s);
    if (!s || (s->path = bl_strdup(path ? path : "standard input")) == NULL) {
        bl_free(s);
        return bl_fail(err, BL_ENOMEM, "out of memory");
    }
    s->whole = 1;
    bl_status status = bl_in_open(&s->in, path, keep, err);
    if (status != BL_OK) {
        bl_stream_close(s);
        return status;
    }
    *result = s;
    return BL_OK;
}

static void stop_coding(bl_stream *s)
{
    if (s->coding == GZIP)
        (void)inflateEnd(&s->gzip);
    if (s->coding == ZSTD)
        (void)ZSTD_freeDStream(s->zstd);
    if (s->coding == XZ)
        lzma_end(&s->xz);
    s->coding = UNKNOWN;
}

void bl_stream_close(bl_stream *s)
{
    if (!s)
        return;
    stop_coding(s);
    bl_convert_close(s->convert);
    bl_in_close(s->in);
    bl_free(s->head);
    bl_free(s->path);
    bl_free(s);
}

bl_status bl_stream_rewind(bl_stream *s, bl_error *err)
{
    stop_coding(s);
    bl_convert_close(s->convert);
    s->convert = NULL;
    s->returns = 0;
    s->head_at = s->head_filled = 0;
    s->head_whole = 0;
    s->before = 0;
    s->ended = 0;
    s->whole = 1;
    s->taken = 0;
    s->at = s->filled = 0;
    return bl_in_rewind(s->in, err);
}

/* Appends more input; when there is none, the file ended or a pipe is idle. */
static bl_status refill(bl_stream *s, bl_error *err)
{
    if (s->at) {
        memmove(s->input, s->input + s->at, s->filled - s->at);
        s->filled -= s->at;
        s->at = 0;
    }
    size_t n;
    BL_TRY(bl_in_read(s->in, s->input + s->filled, INPUT - s->filled, &n, &s->ended, err));
    s->filled += n;
    s->taken += n;
    return BL_OK;
}

static int begins_with(const bl_stream *s, size_t i)
{
    size_t n = codings[i].magic_bytes;
    return n && s->filled - s->at >= n && memcmp(s->input + s->at, codings[i].magic, n) == 0;
}

static bl_status start_coding(bl_stream *s, bl_error *err)
{
    int ok = 1;
    coding found = PLAIN;
    for (size_t i = 0; i < CODINGS; i++)
        if (begins_with(s, i))
            found = (coding)i;
    if (found == GZIP) {
        memset(&s->gzip, 0, sizeof s->gzip);
        ok = inflateInit2(&s->gzip, 15 + 16) == Z_OK;
    } else if (found == ZSTD) {
        s->zstd = ZSTD_createDStream();
        ok = s->zstd != NULL;
    } else if (found == XZ) {
        s->xz = (lzma_stream)LZMA_STREAM_INIT;
        ok = lzma_stream_decoder(&s->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
    }
    if (!ok)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory for %s", s->path, codings[found].name);
    s->coding = found;
    return BL_OK;
}

static bl_status damaged(const bl_stream *s, const char *why, bl_error *err)
{
    return bl_fail(err, BL_EFORMAT, "%s: damaged %s data near byte %llu (%s)", s->path,
                   codings[s->coding].name, (unsigned long long)(s->taken - (s->filled - s->at)),
                   why);
}

/* Each of these turns some of the input into at most `cap` bytes of text. */

static bl_status run_gzip(bl_stream *s, char *to, size_t cap, size_t *n, bl_error *err)
{
    if (s->whole) { /* between two members; zeros fill up tape blocks */
        while (s->at < s->filled && s->input[s->at] == 0)
            s->at++;
        if (s->at == s->filled)
            return BL_OK;
        if (s->taken > s->filled - s->at && inflateReset(&s->gzip) != Z_OK)
            return damaged(s, "reset", err);
        s->whole = 0;
    }
    s->gzip.next_in = s->input + s->at;
    s->gzip.avail_in = (uInt)(s->filled - s->at);
    s->gzip.next_out = (unsigned char *)to;
    s->gzip.avail_out = (uInt)cap;
    int code = inflate(&s->gzip, Z_NO_FLUSH);
    s->at = s->filled - s->gzip.avail_in;
    *n = cap - s->gzip.avail_out;
    s->whole = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory for gzip", s->path);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return damaged(s, s->gzip.msg ? s->gzip.msg : "no valid stream", err);
    return BL_OK;
}

static bl_status run_zstd(bl_stream *s, char *to, size_t cap, size_t *n, bl_error *err)
{
    ZSTD_inBuffer in = {s->input, s->filled, s->at};
    ZSTD_outBuffer out = {to, cap, 0};
    size_t code = ZSTD_decompressStream(s->zstd, &out, &in);
    int moved = in.pos > s->at || out.pos > 0;
    s->at = in.pos;
    *n = out.pos;
    if (ZSTD_isError(code))
        return damaged(s, ZSTD_getErrorName(code), err);
    if (moved)
        s->whole = code == 0;
    return BL_OK;
}

static bl_status run_xz(bl_stream *s, char *to, size_t cap, size_t *n, bl_error *err)
{
    s->xz.next_in = s->input + s->at;
    s->xz.avail_in = s->filled - s->at;
    s->xz.next_out = (unsigned char *)to;
    s->xz.avail_out = cap;
    lzma_ret code = lzma_code(&s->xz, s->ended ? LZMA_FINISH : LZMA_RUN);
    s->at = s->filled - s->xz.avail_in;
    *n = cap - s->xz.avail_out;
    s->whole = code == LZMA_STREAM_END;
    switch (code) {
    case LZMA_OK:
    case LZMA_STREAM_END:
    case LZMA_BUF_ERROR:
        return BL_OK;
    case LZMA_MEM_ERROR:
        return bl_fail(err, BL_ENOMEM, "%s: out of memory for xz", s->path);
    case LZMA_MEMLIMIT_ERROR:
        return bl_fail(err, BL_EUNSUPPORTED, "%s: xz data that needs more than 1 GiB to unpack",
                       s->path);
    default:
        return damaged(s, "xz finds no valid stream", err);
    }
}

static bl_status run_plain(bl_stream *s, char *to, size_t cap, size_t *n)
{
    *n = s->filled - s->at < cap ? s->filled - s->at : cap;
    memcpy(to, s->input + s->at, *n);
    s->at += *n;
    return BL_OK;
}

/* The text as it is. */
static bl_status read_plain(bl_stream *s, char *to, size_t cap, size_t *n, int *end, bl_error *err)
{
    *n = 0;
    *end = 0;
    while (!*n) {
        size_t had = s->filled - s->at;
        if (!s->ended && (had == 0 || s->coding == UNKNOWN)) {
            BL_TRY(refill(s, err));
            if (s->filled - s->at == had && !s->ended)
                return BL_OK; /* idle */
        }
        if (s->coding == UNKNOWN) {
            if (!s->ended && s->filled < sizeof codings[0].magic)
                continue;
            BL_TRY(start_coding(s, err));
        }
        size_t before = s->at;
        switch (s->coding) {
        case GZIP:
            BL_TRY(run_gzip(s, to, cap, n, err));
            break;
        case ZSTD:
            BL_TRY(run_zstd(s, to, cap, n, err));
            break;
        case XZ:
            BL_TRY(run_xz(s, to, cap, n, err));
            break;
        default:
            BL_TRY(run_plain(s, to, cap, n));
        }
        if (*n == 0 && s->ended && s->at == before) {
            if (!s->whole || (s->at < s->filled && s->coding != PLAIN))
                return damaged(s, "cut off", err);
            *end = 1;
            return BL_OK;
        }
    }
    return BL_OK;
}

/* ---- the text that waits ---- */

/* Appends more of it, in one read. */
static bl_status fill_head(bl_stream *s, bl_error *err)
{
    if (!s->head && !(s->head = bl_calloc(BL_STREAM_HEAD, 1)))
        return bl_fail(err, BL_ENOMEM, "out of memory");
    if (s->head_at) {
        memmove(s->head, s->head + s->head_at, s->head_filled - s->head_at);
        s->before += s->head_at;
        s->head_filled -= s->head_at;
        s->head_at = 0;
    }
    size_t n;
    BL_TRY(read_plain(s, s->head + s->head_filled, BL_STREAM_HEAD - s->head_filled, &n,
                      &s->head_whole, err));
    s->head_filled += n;
    return BL_OK;
}

bl_status bl_stream_look(bl_stream *s, const char **head, size_t *bytes, int *whole, bl_error *err)
{
    size_t had;
    do {
        had = s->head_filled;
        if (s->head_filled < BL_STREAM_HEAD && !s->head_whole)
            BL_TRY(fill_head(s, err));
    } while (s->head_filled > had);
    *head = s->head;
    *bytes = s->head_filled;
    *whole = s->head_whole;
    return BL_OK;
}

bl_status bl_stream_convert(bl_stream *s, const char *encoding, size_t unit, int replace,
                            int returns, bl_error *err)
{
    if (encoding)
        BL_TRY(bl_convert_open(&s->convert, encoding, unit, err));
    s->replace = replace;
    s->returns = returns;
    return BL_OK;
}

uint64_t bl_stream_replaced(const bl_stream *s)
{
    return s->replaced;
}

/* What is at the front is not a character of the encoding. */
static bl_status pass_over(bl_stream *s, char *to, size_t *n, bl_error *err)
{
    size_t unit = bl_convert_unit(s->convert), left = s->head_filled - s->head_at;
    if (!s->replace)
        return bl_fail(err, BL_EFORMAT, "%s: not %s at byte %llu (0x%02X)", s->path,
                       bl_convert_name(s->convert), (unsigned long long)(s->before + s->head_at),
                       (unsigned)(unsigned char)s->head[s->head_at]);
    *n = sizeof BL_UTF8_REPLACEMENT - 1;
    memcpy(to, BL_UTF8_REPLACEMENT, *n);
    s->head_at += unit < left ? unit : left;
    s->replaced++;
    return BL_OK;
}

static bl_status read_converted(bl_stream *s, char *to, size_t cap, size_t *n, int *end,
                                bl_error *err)
{
    *n = 0;
    *end = 0;
    for (;;) {
        bl_status status = BL_OK;
        if (s->head_at < s->head_filled)
            status = bl_convert_run(s->convert, s->head, s->head_filled, &s->head_at, s->head_whole,
                                    to, cap, n);
        if (status == BL_EFORMAT)
            return pass_over(s, to, n, err);
        if (*n)
            return BL_OK;
        if (s->head_whole) {
            *end = s->head_at == s->head_filled;
            return BL_OK;
        }
        size_t had = s->head_filled - s->head_at;
        BL_TRY(fill_head(s, err));
        if (s->head_filled == had && !s->head_whole)
            return BL_OK; /* idle */
    }
}

bl_status bl_stream_read(bl_stream *s, char *to, size_t cap, size_t *n, int *end, bl_error *err)
{
    if (s->convert) {
        BL_TRY(read_converted(s, to, cap, n, end, err));
    } else if (s->head_at < s->head_filled) {
        size_t left = s->head_filled - s->head_at;
        *n = left < cap ? left : cap;
        *end = 0;
        memcpy(to, s->head + s->head_at, *n);
        s->head_at += *n;
    } else {
        BL_TRY(read_plain(s, to, cap, n, end, err));
    }
    for (size_t i = 0; i < *n && s->returns; i++)
        if (to[i] == '\r')
            to[i] = '\n';
    return BL_OK;
}

uint64_t bl_stream_done(const bl_stream *s)
{
    return s->taken - (s->filled - s->at);
}

uint64_t bl_stream_size(const bl_stream *s)
{
    return bl_in_size(s->in);
}

size_t bl_stream_stem(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < CODINGS; i++) {
        size_t ending = codings[i].ending ? strlen(codings[i].ending) : 0;
        if (ending && n > ending && strcmp(name + n - ending, codings[i].ending) == 0)
            return n - ending;
    }
    return n;
}
