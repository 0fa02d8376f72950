/* Documents out of a stream: a window over the text slides on, line by line. */
#include "data/cutter.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "text/text.h"
#include "core/utf8.h"

#include <jansson.h>
#include <string.h>

enum { PIECE = 1 << 20 };
#define JSON_LINE_MOST ((size_t)1 << 30)

struct bl_cutter {
    bl_cutter_options o;
    bl_cutter_counts counts;
    bl_stream *stream;
    const char *name;
    bl_cut rule;
    int begun, ended;
    char *text; /* the window */
    size_t cap, filled;
    size_t first;    /* where the document at hand begins */
    size_t line;     /* where the line at hand begins */
    size_t look;     /* no newline between line and here */
    uint64_t before; /* bytes of the text before the window */
    uint64_t lines;  /* of JSON taken */
    bl_buf clean, json;
    bl_span rest; /* of a JSON string that was too long for one document */
};

bl_status bl_cutter_open(bl_cutter **c, const bl_cutter_options *options, bl_error *err)
{
    *c = bl_calloc(1, sizeof **c);
    if (!*c)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (*c)->o = *options;
    if ((*c)->o.most > SIZE_MAX / 4)
        (*c)->o.most = SIZE_MAX / 4;
    return BL_OK;
}

void bl_cutter_close(bl_cutter *c)
{
    if (!c)
        return;
    bl_free(c->text);
    bl_buf_release(&c->clean);
    bl_buf_release(&c->json);
    bl_free(c);
}

void bl_cutter_begin(bl_cutter *c, bl_stream *stream, const char *name, bl_cut rule)
{
    c->stream = stream;
    c->name = name;
    c->rule = rule;
    c->begun = c->ended = 0;
    c->filled = c->first = c->line = c->look = 0;
    c->before = c->lines = 0;
    c->rest = (bl_span){0};
}

bl_cutter_counts bl_cutter_counted(const bl_cutter *c)
{
    return c->counts;
}

/* ---- the window ---- */

/* Some more text behind what is there, or the end. */
static bl_status fill(bl_cutter *c, bl_error *err)
{
    if (c->first) {
        memmove(c->text, c->text + c->first, c->filled - c->first);
        c->filled -= c->first;
        c->line -= c->first;
        c->look -= c->first;
        c->before += c->first;
        c->first = 0;
    }
    BL_TRY(bl_grow(&c->text, &c->cap, c->filled + PIECE, 1, err));
    size_t n;
    do {
        BL_TRY(
            bl_stream_read(c->stream, c->text + c->filled, c->cap - c->filled, &n, &c->ended, err));
        if (n == 0 && !c->ended && c->o.idle && c->o.idle(c->o.user) != 0)
            return bl_fail(err, BL_EINTERRUPTED, "interrupted while reading %s", c->name);
    } while (n == 0 && !c->ended);
    c->filled += n;
    return BL_OK;
}

static bl_status begin(bl_cutter *c, bl_error *err)
{
    while (c->filled < 3 && !c->ended)
        BL_TRY(fill(c, err));
    if (c->filled >= 3 && memcmp(c->text, "\xEF\xBB\xBF", 3) == 0)
        c->first = c->line = c->look = 3;
    c->begun = 1;
    return BL_OK;
}

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- where documents end ---- */

static int is_separator(bl_cut rule, const char *line, size_t bytes)
{
    static const char mark[] = "<|endoftext|>";
    if (rule == BL_CUT_BLANK_LINE) {
        while (bytes && is_space(line[bytes - 1]))
            bytes--;
        return bytes == 0;
    }
    if (bytes == sizeof mark && line[bytes - 1] == '\r')
        bytes--;
    return rule == BL_CUT_END_OF_TEXT && bytes == sizeof mark - 1 && memcmp(line, mark, bytes) == 0;
}

/* Where a text that is too long is cut: behind the last newline, space or character that fits. */
static size_t place_to_cut(const char *text, size_t most)
{
    for (size_t i = most; i > 0; i--)
        if (text[i - 1] == '\n')
            return i;
    for (size_t i = most; i > 0; i--)
        if (is_space(text[i - 1]))
            return i;
    size_t i = most;
    while (i > most - 4 && (text[i] & 0xC0) == 0x80)
        i--;
    return i > most - 4 ? i : most;
}

/* The bytes [first, *stop) are the next piece, what comes behind it begins at *next.
 * At the end of the text *next is first. */
static bl_status find_piece(bl_cutter *c, size_t *stop, size_t *next, bl_error *err)
{
    for (;;) {
        const char *newline = c->rule == BL_CUT_FILE || c->look == c->filled
                                  ? NULL
                                  : memchr(c->text + c->look, '\n', c->filled - c->look);
        size_t end = newline ? (size_t)(newline - c->text) : c->filled;
        int complete = 0; /* the document ends here */
        *stop = *next = end;
        if (newline) {
            *next = end + 1;
            complete = c->rule == BL_CUT_LINE || c->rule == BL_CUT_JSONL;
        } else {
            complete = c->ended;
        }
        if ((newline || c->ended) && is_separator(c->rule, c->text + c->line, end - c->line)) {
            complete = 1;
            *stop = c->line;
        }
        if (c->rule == BL_CUT_JSONL) {
            if (*stop - c->first > JSON_LINE_MOST)
                return bl_fail(err, BL_EFORMAT, "%s: line %llu is longer than 1 GiB", c->name,
                               (unsigned long long)c->lines + 1);
        } else if (*stop - c->first > c->o.most) {
            *next = *stop = c->first + place_to_cut(c->text + c->first, (size_t)c->o.most);
            c->counts.cut++;
            return BL_OK;
        }
        if (complete)
            return BL_OK;
        if (newline) {
            c->line = c->look = *next;
        } else {
            c->look = c->filled;
            BL_TRY(fill(c, err));
        }
    }
}

/* ---- what a document is ---- */

static void strip(bl_span *d)
{
    while (d->bytes && is_space(d->text[0])) {
        d->text++;
        d->bytes--;
    }
    while (d->bytes && is_space(d->text[d->bytes - 1]))
        d->bytes--;
}

/* Every longest part of an invalid sequence becomes U+FFFD. */
static bl_status replace_invalid(bl_cutter *c, bl_span *d, bl_error *err)
{
    size_t at = 0;
    bl_buf_clear(&c->clean);
    while (at < d->bytes) {
        size_t good = bl_utf8_invalid(d->text + at, d->bytes - at), used = 0;
        bl_buf_append(&c->clean, d->text + at, good);
        at += good;
        if (at < d->bytes) {
            (void)bl_utf8_look(d->text + at, d->bytes - at, &used);
            bl_buf_puts(&c->clean, BL_UTF8_REPLACEMENT);
            c->counts.replaced++;
            at += used;
        }
    }
    *d = (bl_span){c->clean.data, c->clean.len};
    return bl_buf_status(&c->clean, err);
}

static bl_status check_utf8(bl_cutter *c, bl_span *d, uint64_t place, bl_error *err)
{
    size_t bad = bl_utf8_invalid(d->text, d->bytes);
    if (bad == d->bytes)
        return BL_OK;
    if (c->o.replace_invalid)
        return replace_invalid(c, d, err);
    return bl_fail(err, BL_EFORMAT, "%s: not UTF-8 at byte %llu", c->name,
                   (unsigned long long)(place + bad));
}

/* The string of a JSON object's field. */
static bl_status read_json(bl_cutter *c, bl_span *d, bl_error *err)
{
    json_error_t why;
    unsigned long long line = (unsigned long long)c->lines;
    json_t *root = json_loadb(d->text, d->bytes, JSON_ALLOW_NUL, &why);
    const json_t *field = json_object_get(root, c->o.field);
    bl_status status = BL_OK;
    if (!root)
        status =
            bl_fail(err, json_error_code(&why) == json_error_out_of_memory ? BL_ENOMEM : BL_EFORMAT,
                    "%s: line %llu: not JSON: %s", c->name, line, why.text);
    else if (!json_is_object(root))
        status = bl_fail(err, BL_EFORMAT, "%s: line %llu: not a JSON object", c->name, line);
    else if (!field)
        status =
            bl_fail(err, BL_EFORMAT, "%s: line %llu: no field \"%s\"", c->name, line, c->o.field);
    else if (!json_is_string(field) && !json_is_null(field))
        status = bl_fail(err, BL_EFORMAT, "%s: line %llu: \"%s\" is not text", c->name, line,
                         c->o.field);
    bl_buf_clear(&c->json);
    if (status == BL_OK && json_is_string(field)) {
        bl_buf_append(&c->json, json_string_value(field), json_string_length(field));
        status = bl_buf_status(&c->json, err);
    }
    *d = (bl_span){c->json.data, c->json.len};
    json_decref(root);
    return status;
}

/* A JSON string in documents of at most `most` bytes. */
static void take_rest(bl_cutter *c, bl_span *d)
{
    *d = c->rest;
    if (d->bytes > c->o.most) {
        d->bytes = place_to_cut(d->text, (size_t)c->o.most);
        c->counts.cut++;
    }
    c->rest.text += d->bytes;
    c->rest.bytes -= d->bytes;
    strip(d);
}

bl_status bl_cutter_next(bl_cutter *c, bl_span *d, bl_error *err)
{
    *d = (bl_span){NULL, 0};
    if (!c->begun)
        BL_TRY(begin(c, err));
    for (;;) {
        while (c->rest.bytes) {
            take_rest(c, d);
            if (d->bytes)
                return BL_OK;
        }
        size_t stop, next;
        BL_TRY(find_piece(c, &stop, &next, err));
        if (next == c->first) {
            *d = (bl_span){NULL, 0};
            return BL_OK;
        }
        bl_span piece = {c->text + c->first, stop - c->first};
        uint64_t place = c->before + c->first;
        c->lines++;
        c->first = c->line = c->look = next;
        const char *start = piece.text;
        strip(&piece);
        if (piece.bytes == 0)
            continue;
        BL_TRY(check_utf8(c, &piece, place + (uint64_t)(piece.text - start), err));
        if (c->rule == BL_CUT_JSONL) {
            BL_TRY(read_json(c, &piece, err));
            strip(&piece);
            c->rest = piece;
            continue;
        }
        *d = piece;
        return BL_OK;
    }
}
