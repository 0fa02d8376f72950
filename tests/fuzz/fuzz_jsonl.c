/* Any bytes as JSON Lines: the documents are those of a plain reading of each line, in pieces that
 * fit, and what is damaged is refused.  The first byte chooses the options. */
#include "fuzz.h"

#include "core/buf.h"
#include "corpus/cutter.h"
#include "text/text.h"

#include <jansson.h>

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the white space off both ends. */
static void trim(const char **text, size_t *n)
{
    while (*n && is_space(**text))
        ++*text, --*n;
    while (*n && is_space((*text)[*n - 1]))
        --*n;
}

/* Appends trimmed text and a 0, or nothing when that is empty. */
static void put(bl_buf *out, const char *text, size_t n)
{
    trim(&text, &n);
    bl_buf_append(out, text, n);
    if (n)
        bl_buf_append(out, "", 1);
}

/* What JSON allows and Jansson has no room for, and what we take beyond JSON: of such a line we
 * know only that it ends in a document or a refusal. */
static int is_beyond(const char *line, size_t n, const json_error_t *why)
{
    static const char *const words[] = {"NaN", "Infinity"};
    enum json_error_code code = json_error_code(why);
    if (code == json_error_numeric_overflow || code == json_error_stack_overflow ||
        code == json_error_null_byte_in_key || strstr(why->text, "invalid Unicode"))
        return 1;
    for (size_t w = 0; w < 2; w++)
        for (size_t i = 0; i + strlen(words[w]) <= n; i++)
            if (memcmp(line + i, words[w], strlen(words[w])) == 0)
                return 1;
    return 0;
}

/* The documents of one line; 0 when it has none because it is damaged, -1 when that
 * is not known. */
static int read_line(const char *line, size_t n, bl_buf *out)
{
    trim(&line, &n);
    if (n == 0)
        return 1;
    while (n >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
        line += 3, n -= 3;
        trim(&line, &n);
    }
    if (n == 0)
        return 1;
    json_error_t why = {0};
    int valid = bl_utf8_invalid(line, n) == n;
    json_t *root = valid ? json_loadb(line, n, JSON_ALLOW_NUL, &why) : NULL;
    if (valid && !root && is_beyond(line, n, &why))
        return -1;
    const json_t *field = json_object_get(root, "t");
    int good = json_is_string(field) || json_is_null(field);
    if (json_is_string(field))
        put(out, json_string_value(field), json_string_length(field));
    json_decref(root);
    return good;
}

/* All documents of the text, up to the first line that is damaged (0) or beyond this (-1). */
static int read_plainly(const char *text, size_t n, bl_buf *out)
{
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3, n -= 3;
    while (n) {
        const char *end = memchr(text, '\n', n);
        size_t length = end ? (size_t)(end - text) : n;
        int good = read_line(text, length, out);
        if (good != 1)
            return good;
        length += end != NULL;
        text += length, n -= length;
    }
    return 1;
}

/* Reads with the cutter; the documents to out. */
static bl_status cut(const uint8_t *data, size_t size, bl_cut rule,
                     const bl_cutter_options *options, bl_buf *out)
{
    bl_stream *stream;
    bl_cutter *c;
    FUZZ_CHECK(bl_stream_open(&stream, fuzz_file(data, size), NULL, NULL) == BL_OK);
    FUZZ_CHECK(bl_cutter_open(&c, options, NULL) == BL_OK);
    bl_cutter_begin(c, stream, "fuzz", rule);
    bl_status status;
    for (bl_span d;;) {
        status = bl_cutter_next(c, &d, NULL);
        if (status != BL_OK || !d.text)
            break;
        FUZZ_CHECK(d.bytes > 0 && d.bytes <= options->most);
        FUZZ_CHECK(bl_utf8_invalid(d.text, d.bytes) == d.bytes);
        FUZZ_CHECK(!is_space(d.text[0]) && !is_space(d.text[d.bytes - 1]));
        put(out, d.text, d.bytes);
    }
    bl_cutter_close(c);
    bl_stream_close(stream);
    return status;
}

/* Without white space and the zeros between documents: what no cut may change. */
static void squeeze(bl_buf *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->len; i++)
        if (!is_space(b->data[i]) && b->data[i])
            b->data[kept++] = b->data[i];
    b->len = kept;
}

static int starts_with(const bl_buf *text, const bl_buf *with)
{
    return text->len >= with->len && (!with->len || memcmp(text->data, with->data, with->len) == 0);
}

/* Bad lines dropped leave nothing that fails, in lines and in an array of values alike. */
static void skip_what_is_bad(const uint8_t *data, size_t size, bl_cutter_options options)
{
    bl_buf got = {0};
    options.skip_bad = 1;
    bl_status status = cut(data, size, BL_CUT_JSONL, &options, &got);
    FUZZ_CHECK(status == BL_OK || fuzz_is_compressed(data, size));
    bl_buf_clear(&got);
    status = cut(data, size, BL_CUT_JSON, &options, &got);
    FUZZ_CHECK(status == BL_OK || status == BL_EFORMAT);
    bl_buf_release(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned choice = *data++;
    size--;
    const bl_cutter_options options = {.field = "t",
                                       .replace_invalid = choice & 1,
                                       .most = choice & 2 ? 4 + (choice >> 2) : 1 << 20};
    bl_buf got = {0}, want = {0};
    bl_status status = cut(data, size, BL_CUT_JSONL, &options, &got);
    FUZZ_CHECK(status == BL_OK || status == BL_EFORMAT);
    if (!fuzz_is_compressed(data, size) && !options.replace_invalid) {
        int good = read_plainly((const char *)data, size, &want);
        if (good < 0) { /* what came before it must still be there */
            FUZZ_CHECK(options.most < 1 << 20 || starts_with(&got, &want));
            goto done;
        }
        FUZZ_CHECK(good == (status == BL_OK));
        if (options.most < 1 << 20) {
            squeeze(&got);
            squeeze(&want);
        }
        FUZZ_CHECK(got.len == want.len && (!got.len || !memcmp(got.data, want.data, got.len)));
    }
done:
    bl_buf_release(&got);
    bl_buf_release(&want);
    skip_what_is_bad(data, size, options);
    return 0;
}
