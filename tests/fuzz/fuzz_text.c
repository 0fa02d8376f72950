/* Any bytes as text: checked, cut into documents, composed, encoded, decoded at once and as a
 * stream, and in a batch. */
#include "small_tokenizer.h"

#include "corpus/source.h"
#include "text/unicode/nfc.h"

/* The text with the space in front that encoding puts there; *bytes is its length. */
static char *with_prefix(const char *text, size_t *bytes)
{
    size_t more = *bytes && *text != ' ';
    char *whole = malloc(*bytes + 2);
    FUZZ_CHECK(whole);
    *whole = ' ';
    memcpy(whole + more, text, *bytes);
    *bytes += more;
    return whole;
}

static void decode(const bl_tokenizer *t, const int32_t *ids, size_t count, const char *want,
                   size_t want_bytes)
{
    size_t bytes, streamed = 0, most = 0;
    char *text = malloc(want_bytes + 1);
    FUZZ_CHECK(text);
    FUZZ_CHECK(bl_tokenizer_decode(t, ids, count, 0, text, want_bytes, &bytes, NULL) == BL_OK);
    FUZZ_CHECK(bytes == want_bytes && memcmp(text, want, bytes) == 0);
    for (size_t i = 0; i < count; i++) {
        size_t n;
        (void)bl_tokenizer_bytes(t, ids[i], &n);
        most = n > most ? n : most;
    }
    bl_decoder d = {.waiting = 0};
    char *piece = malloc(3 * (most + 4));
    FUZZ_CHECK(piece);
    for (size_t i = 0; i <= count; i++) {
        size_t n =
            i < count ? bl_decoder_feed(&d, t, ids[i], 0, piece) : bl_decoder_finish(&d, piece);
        FUZZ_CHECK(n <= want_bytes - streamed && memcmp(piece, want + streamed, n) == 0);
        FUZZ_CHECK(bl_utf8_invalid(piece, n) == n); /* no character is cut */
        streamed += n;
    }
    FUZZ_CHECK(streamed == want_bytes);
    free(piece);
    free(text);
}

/* The tokens stand for stretches of the text that follow each other. */
static void check_offsets(const bl_tokenizer *t, const char *text, const int32_t *ids,
                          const bl_offset *offsets, size_t count, size_t bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n;
        const char *token = bl_tokenizer_bytes(t, ids[i], &n);
        FUZZ_CHECK(offsets[i].start == at && offsets[i].end >= at && offsets[i].end <= bytes);
        at = offsets[i].end;
        size_t put = n - (at - offsets[i].start);
        FUZZ_CHECK(put == 0 || (put == 1 && i == 0 && *token == ' '));
        FUZZ_CHECK(memcmp(token + put, text + offsets[i].start, n - put) == 0);
    }
    FUZZ_CHECK(at == bytes);
}

/* The text as a batch of pieces against each piece alone. */
static void batch(const bl_tokenizer *t, const char *text, size_t bytes)
{
    enum { PIECES = 3 };
    bl_span piece[PIECES];
    size_t from = 0;
    for (size_t i = 0; i < PIECES; i++) {
        size_t to = i + 1 == PIECES ? bytes : bytes * (i + 1) / PIECES;
        while (to < bytes && ((unsigned char)text[to] & 0xC0) == 0x80)
            to++;
        piece[i] = (bl_span){text + from, to - from};
        from = to;
    }
    static bl_encoder *e; /* one for all inputs: its caches are large, and must not matter */
    FUZZ_CHECK(e || bl_encoder_open(&e, t, 1, NULL) == BL_OK);
    for (unsigned flags = 0; flags <= BL_ENCODE_SPECIAL; flags++) {
        FUZZ_CHECK(bl_encoder_run(e, piece, PIECES, flags, NULL) == BL_OK);
        for (size_t i = 0; i < PIECES; i++) {
            size_t count, single;
            const int32_t *ids = bl_encoder_ids(e, i, &count);
            int32_t *alone = calloc(piece[i].bytes + 2, sizeof *alone);
            FUZZ_CHECK(alone);
            FUZZ_CHECK(bl_tokenizer_encode(t, piece[i].text, piece[i].bytes, flags, alone,
                                           piece[i].bytes + 2, &single, NULL) == BL_OK);
            FUZZ_CHECK(single == count && (!count || !memcmp(ids, alone, count * sizeof *ids)));
            free(alone);
        }
    }
}

/* What is composed stays so, and its parts come from stretches of the text that leave no gap. */
static void compose(const char *text, size_t bytes)
{
    static bl_nfc *nfc;
    bl_nfc_work once = {.count = 0}, twice = {.count = 0};
    FUZZ_CHECK(nfc || bl_nfc_open(&nfc, NULL) == BL_OK);
    FUZZ_CHECK(bl_nfc_run(nfc, &once, text, bytes, NULL) == BL_OK);
    if (once.count) {
        const char *composed = once.text.data;
        size_t n = once.text.len, at = 0;
        FUZZ_CHECK(bl_utf8_invalid(composed, n) == n);
        FUZZ_CHECK(bl_nfc_run(nfc, &twice, composed, n, NULL) == BL_OK && twice.count == 0);
        for (size_t i = 0; i < n; i++) {
            size_t start = bl_nfc_source(&once, i, 0), end = bl_nfc_source(&once, i + 1, 1);
            FUZZ_CHECK(start <= at && end >= at && end > start && end <= bytes);
            at = end;
        }
        FUZZ_CHECK(at == bytes);
    }
    bl_nfc_work_release(&once);
    bl_nfc_work_release(&twice);
}

/* Does a byte order mark say that this is UTF-16 or UTF-32? */
static int is_wide(const uint8_t *data, size_t size)
{
    return size >= 2 &&
           ((data[0] == 0xFF && data[1] == 0xFE) || (data[0] == 0xFE && data[1] == 0xFF) ||
            (size >= 4 && memcmp(data, "\0\0\xFE\xFF", 4) == 0));
}

static void cut(const uint8_t *data, size_t size, int valid, bl_encoding encoding)
{
    const char *path = fuzz_file(data, size);
    const bl_source_options options = {.encoding = encoding};
    bl_source *s;
    bl_status status;
    FUZZ_CHECK(bl_source_open(&s, &path, 1, &options, NULL) == BL_OK);
    for (bl_span d;;) {
        status = bl_source_next(s, &d, NULL);
        if (status != BL_OK || !d.text)
            break;
        FUZZ_CHECK(d.bytes > 0 && bl_utf8_invalid(d.text, d.bytes) == d.bytes);
    }
    FUZZ_CHECK(status == BL_OK || status == BL_EFORMAT || status == BL_EUNSUPPORTED);
    if (encoding == BL_ENCODING_UTF8 && status != BL_EUNSUPPORTED) /* what no magic number begins */
        FUZZ_CHECK((status == BL_OK) == valid || fuzz_is_compressed(data, size) ||
                   is_wide(data, size));
    bl_source_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bl_tokenizer *t = fuzz_tokenizer();
    const char *text = (const char *)data;
    size_t most = size + 2, count, want_bytes = size;
    int valid = bl_utf8_invalid(text, size) == size;
    int32_t *ids = calloc(most, sizeof *ids);
    bl_offset *offsets = calloc(most, sizeof *offsets);
    FUZZ_CHECK(ids && offsets);
    bl_status status =
        bl_tokenizer_encode_offsets(t, text, size, 0, ids, offsets, most, &count, NULL);
    FUZZ_CHECK(status == (valid ? BL_OK : BL_EFORMAT));
    if (valid) {
        char *want = with_prefix(text, &want_bytes);
        FUZZ_CHECK(count <= most);
        check_offsets(t, text, ids, offsets, count, size);
        decode(t, ids, count, want, want_bytes);
        batch(t, text, size);
        compose(text, size);
        free(want);
    }
    free(ids);
    free(offsets);
    for (int encoding = BL_ENCODING_AUTO; encoding <= BL_ENCODING_WINDOWS1252; encoding++)
        cut(data, size, valid, (bl_encoding)encoding);
    return 0;
}
