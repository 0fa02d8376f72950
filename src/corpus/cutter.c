/* Documents out of a stream: a window slides over the text, line by line. */
#include "corpus/cutter.h"
#include "core/alloc.h"
#include "core/team.h"
#include "core/utf8.h"
#include "core/watch.h"
#include "corpus/json_text.h"
#include "corpus/json_values.h"
#include "corpus/talks.h"
#include "corpus/tidy.h"
#include "text/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 20 };
#define JSON_MOST ((size_t)1 << 30)

struct bl_cutter {
    bl_cutter_options o;
    uint64_t cut, bad; /* places, values */
    bl_stream *stream;
    const char *name;
    bl_cut rule;
    int begun, ended;
    char *text; /* the window */
    size_t cap, filled;
    size_t first;    /* where the current document begins */
    size_t line;     /* where the current line, or value of JSON, begins */
    size_t look;     /* no newline between line and here */
    uint64_t before; /* bytes of the text before the window */
    uint64_t lines;  /* the number of the line of JSON, from 1 */
    bl_tidy tidy;
    bl_json_text json;
    bl_talks talks;      /* conversations that were found together */
    const bl_talk *talk; /* the one that was given last */
    bl_span held;        /* found, but of the next */
    int gathering, over; /* they are being found; there are no more */
    bl_status late;      /* why no more were found, told when those before were given */
    bl_error late_words;
    uint64_t rewritten;  /* answers, of those that were given */
    bl_template *chatml; /* where no other form was given */
    bl_talk_form usual;
    bl_json_values values;
    uint64_t odd; /* of values, counted */
    bl_span rest; /* of a JSON string that was too long for one document */
    char first_bad[320];
};

bl_status bl_cutter_open(bl_cutter **c, const bl_cutter_options *options, bl_error *err)
{
    *c = bl_calloc(1, sizeof **c);
    if (!*c)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (*c)->o = *options;
    if ((*c)->o.most > SIZE_MAX / 4)
        (*c)->o.most = SIZE_MAX / 4;
    (*c)->talks.threads = bl_threads(options->threads);
    if (!options->conversations || options->form)
        return BL_OK;
    bl_status status = bl_template_of_text(&(*c)->chatml, "ChatML", bl_chatml, err);
    (*c)->usual = (bl_talk_form){.template = (*c)->chatml, .end = -1};
    (*c)->o.form = &(*c)->usual;
    return status;
}

void bl_cutter_close(bl_cutter *c)
{
    if (!c)
        return;
    bl_free(c->text);
    bl_buf_release(&c->tidy.clean);
    bl_json_text_release(&c->json);
    bl_talks_release(&c->talks);
    bl_template_close(c->chatml);
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
    c->values = (bl_json_values){.lax = c->o.skip_bad};
    c->odd = 0;
    c->rest = c->held = (bl_span){0};
    c->talk = NULL;
    c->over = 0;
    c->late = BL_OK;
    bl_talks_begin(&c->talks);
}

/* Where the text was found that was found last. */
static bl_talk_place place_of(const bl_cutter *c)
{
    return (bl_talk_place){.line = c->lines,
                           .replaced = c->tidy.replaced,
                           .returns = c->tidy.returns,
                           .marks = c->tidy.marks};
}

/* What was found ahead of what was given does not count yet. */
bl_cutter_counts bl_cutter_counted(const bl_cutter *c)
{
    int ahead = c->talk && (c->talks.given < c->talks.count || c->held.text);
    bl_talk_place now = ahead ? c->talk->place : place_of(c);
    return (bl_cutter_counts){.replaced = now.replaced,
                              .cut = c->cut,
                              .bad = c->bad,
                              .returns = now.returns,
                              .marks = now.marks,
                              .rewritten = c->rewritten};
}

const char *bl_cutter_first_bad(const bl_cutter *c)
{
    return c->first_bad;
}

static int is_json(const bl_cutter *c)
{
    return c->rule == BL_CUT_JSONL || c->rule == BL_CUT_JSON;
}

/* ---- the window ---- */

/* Appends some more text, or notes the end. */
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
    return bl_watch_poll(bl_stream_done(c->stream), bl_stream_size(c->stream), err);
}

static bl_status begin(bl_cutter *c, bl_error *err)
{
    while (c->filled < BL_MARK_BYTES && !c->ended)
        BL_TRY(fill(c, err));
    if (c->filled >= BL_MARK_BYTES && memcmp(c->text, BL_MARK, BL_MARK_BYTES) == 0)
        c->first = c->line = c->look = BL_MARK_BYTES;
    c->begun = 1;
    return BL_OK;
}

/* ---- where documents end ---- */

static int is_separator(bl_cut rule, const char *line, size_t bytes)
{
    static const char end[] = "<|endoftext|>";
    while (bytes >= BL_MARK_BYTES && memcmp(line, BL_MARK, BL_MARK_BYTES) == 0) {
        line += BL_MARK_BYTES;
        bytes -= BL_MARK_BYTES;
    }
    if (rule == BL_CUT_BLANK_LINE) {
        while (bytes && bl_is_space(line[bytes - 1]))
            bytes--;
        return bytes == 0;
    }
    if (bytes == sizeof end && line[bytes - 1] == '\r')
        bytes--;
    return rule == BL_CUT_END_OF_TEXT && bytes == sizeof end - 1 && memcmp(line, end, bytes) == 0;
}

/* Where a text that is too long is cut: after the last newline, space or character that fits. */
static size_t place_to_cut(const char *text, size_t most)
{
    for (size_t i = most; i > 0; i--)
        if (text[i - 1] == '\n')
            return i;
    for (size_t i = most; i > 0; i--)
        if (bl_is_space(text[i - 1]))
            return i;
    size_t i = most;
    while (i > most - 4 && (text[i] & 0xC0) == 0x80)
        i--;
    return i > most - 4 ? i : most;
}

/* The bytes [first, *stop) are the next piece, and what follows begins at *next.  At the end of the
 * text, *next is first. */
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
            if (*stop - c->first > JSON_MOST)
                return bl_fail(err, BL_EFORMAT, "%s: line %llu is longer than 1 GiB", c->name,
                               (unsigned long long)c->lines + 1);
        } else if (*stop - c->first > c->o.most) {
            *next = *stop = c->first + place_to_cut(c->text + c->first, (size_t)c->o.most);
            c->cut++;
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

static void count_lines(bl_cutter *c, size_t from, size_t to)
{
    for (const char *at = c->text + from; (at = memchr(at, '\n', (size_t)(c->text + to - at)));
         at++)
        c->lines++;
}

static bl_status bad_json(bl_cutter *c, bl_span *d, bl_error *err, const char *format, ...)
    BL_PRINTF(4, 5);

/* What was skipped between values is reported at the line where the next value begins; an array
 * that never closes, at the end of the text. */
static bl_status count_odd(bl_cutter *c, bl_error *err)
{
    bl_span none;
    for (; c->odd < c->values.odd; c->odd++)
        BL_TRY(bad_json(c, &none, err, "not JSON: what cannot stand between two values"));
    if (c->ended && c->look == c->filled && c->values.array && !c->values.over &&
        !c->values.in_value) {
        c->values.over = 1;
        return bad_json(c, &none, err, "not JSON: it ends too early");
    }
    return BL_OK;
}

/* The next value of JSON as find_piece() gives a piece; c->lines is then the line it begins in. */
static bl_status find_value(bl_cutter *c, size_t *stop, size_t *next, bl_error *err)
{
    if (c->lines == 0)
        c->lines = 1;
    count_lines(c, c->line, c->first); /* of the value before */
    c->line = c->first;
    for (;;) {
        size_t from = c->line;
        int had_begun = c->values.in_value;
        bl_json_step step = bl_json_values_next(&c->values, c->text, c->filled, &c->look, &c->line);
        if (step != BL_JSON_VALUE && !c->values.in_value)
            c->line = c->look;
        if (!had_begun)
            count_lines(c, from, c->line);
        c->first = c->line;
        *stop = *next = c->look;
        if (c->o.skip_bad && step != BL_JSON_WRONG)
            BL_TRY(count_odd(c, err));
        if (step == BL_JSON_VALUE)
            return BL_OK;
        if (c->look - c->first > JSON_MOST)
            return bl_fail(err, BL_EFORMAT, "%s: line %llu: a value longer than 1 GiB", c->name,
                           (unsigned long long)c->lines);
        if (step == BL_JSON_WRONG || (c->ended && !bl_json_values_complete(&c->values)))
            return bl_fail(
                err, BL_EFORMAT,
                "%s: line %llu: not JSON: %s; `documents=jsonl` if every line is an object",
                c->name, (unsigned long long)c->lines,
                step == BL_JSON_WRONG ? "what cannot stand between two values"
                                      : "it ends too early");
        if (c->ended)
            return BL_OK;
        BL_TRY(fill(c, err));
    }
}

/* ---- what a document is ---- */

static void strip(bl_span *d)
{
    *d = bl_span_strip(*d);
}

/* The JSON of this line gives no document: that ends the reading, or is counted. */
static bl_status bad_line(bl_cutter *c, uint64_t line, const char *why, bl_error *err)
{
    if (!c->o.skip_bad)
        return bl_fail(err, BL_EFORMAT, "%s: line %llu: %s", c->name, (unsigned long long)line,
                       why);
    if (!*c->first_bad)
        (void)snprintf(c->first_bad, sizeof c->first_bad, "%.100s: line %llu: %s", c->name,
                       (unsigned long long)line, why);
    c->bad++;
    return BL_OK;
}

/* A line or value of JSON that gives no document for this reason.  Among conversations it waits for
 * its turn. */
static bl_status bad_json(bl_cutter *c, bl_span *d, bl_error *err, const char *format, ...)
{
    char why[BL_CONVERSATION_WHY];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    *d = (bl_span){0};
    if (!c->gathering)
        return bad_line(c, c->lines, why, err);
    const bl_talk_place place = place_of(c);
    return bl_talks_add_bad(&c->talks, why, &place, err);
}

static bl_status check_text(bl_cutter *c, bl_span *d, uint64_t place, bl_error *err)
{
    size_t bad = bl_utf8_invalid(d->text, d->bytes);
    if (bad < d->bytes && !c->o.replace_invalid) {
        unsigned long long at = (unsigned long long)(place + bad);
        unsigned byte = (unsigned char)d->text[bad];
        if (is_json(c) && c->o.skip_bad)
            return bad_json(c, d, err, "not UTF-8 at byte %llu (0x%02X)", at, byte);
        return bl_fail(err, BL_EFORMAT,
                       "%s: not UTF-8 at byte %llu (0x%02X); `encoding` says what it is "
                       "(windows-1252, latin-1, ...), `replace_invalid` writes U+FFFD",
                       c->name, at, byte);
    }
    if (bad < d->bytes || (!is_json(c) && bl_tidy_wanted(d)))
        return bl_tidy_up(&c->tidy, d, is_json(c), err);
    return BL_OK;
}

/* An object that has something else than text there. */
static bl_status lacks_field(bl_cutter *c, bl_span *d, int member, bl_error *err)
{
    int talk =
        bl_json_text_find(&c->json, d->text, d->bytes, "messages", member) == BL_JSON_NOT_TEXT;
    return bad_json(c, d, err, "no field \"%.64s\"%s", c->o.field,
                    talk ? "; `documents` messages reads conversations" : "");
}

/* The string of a JSON object's field. */
static bl_status read_json(bl_cutter *c, bl_span *d, bl_error *err)
{
    bl_json_text *j = &c->json;
    int member = c->rule == BL_CUT_JSON && c->values.array;
    switch (bl_json_text_find(j, d->text, d->bytes, c->o.field, member)) {
    case BL_JSON_BAD:
        return bad_json(c, d, err, "not JSON: %s, %zu bytes into it", j->why, j->at);
    case BL_JSON_NO_OBJECT:
        return bad_json(c, d, err, "not a JSON object");
    case BL_JSON_NO_FIELD:
        return lacks_field(c, d, member, err);
    case BL_JSON_NOT_TEXT:
        return bad_json(c, d, err, "\"%.64s\" is not text", c->o.field);
    case BL_JSON_NO_MEMORY:
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", c->name);
    case BL_JSON_NULL:
        break;
    case BL_JSON_TEXT:
        if (j->lone && !c->o.replace_invalid)
            return bad_json(
                c, d, err, "half of a surrogate pair in \"%.64s\"; `replace_invalid` writes U+FFFD",
                c->o.field);
        c->tidy.replaced += j->lone;
        break;
    }
    *d = (bl_span){j->text.data, j->text.len};
    return BL_OK;
}

const unsigned char *bl_cutter_said(const bl_cutter *c)
{
    return c->talk ? (const unsigned char *)c->talk->made.said.data : NULL;
}

/* A JSON string in documents of at most `most` bytes. */
static void take_rest(bl_cutter *c, bl_span *d)
{
    *d = c->rest;
    if (d->bytes > c->o.most) {
        d->bytes = place_to_cut(d->text, (size_t)c->o.most);
        c->cut++;
    }
    c->rest.text += d->bytes;
    c->rest.bytes -= d->bytes;
    if (!c->o.keep_space)
        strip(d);
}

/* The bytes of the next piece and its place in the text; *more is 0 after the last. */
static bl_status next_piece(bl_cutter *c, bl_span *piece, uint64_t *place, int *more, bl_error *err)
{
    size_t stop, next;
    if (c->rule == BL_CUT_JSON)
        BL_TRY(find_value(c, &stop, &next, err));
    else
        BL_TRY(find_piece(c, &stop, &next, err));
    size_t first = c->first;
    *more = next > first;
    *piece = (bl_span){c->text + first, stop - first};
    if (c->rule == BL_CUT_JSONL)
        c->lines++;
    c->first = c->look = next;
    if (c->rule != BL_CUT_JSON) /* where a value begins is still wanted, to count its lines */
        c->line = next;
    const char *start = piece->text;
    if (is_json(c) || !c->o.keep_space)
        strip(piece);
    while (is_json(c) && piece->bytes >= BL_MARK_BYTES &&
           memcmp(piece->text, BL_MARK, BL_MARK_BYTES) == 0) {
        *piece = (bl_span){piece->text + BL_MARK_BYTES, piece->bytes - BL_MARK_BYTES};
        c->tidy.marks++;
        strip(piece);
    }
    *place = c->before + first + (uint64_t)(piece->text - start);
    return BL_OK;
}

/* The next piece that holds anything; *more is 0 after the last. */
static bl_status next_good(bl_cutter *c, bl_span *piece, int *more, bl_error *err)
{
    uint64_t place;
    do {
        BL_TRY(next_piece(c, piece, &place, more, err));
        if (*more && piece->bytes)
            BL_TRY(check_text(c, piece, place, err));
        if (*more && !c->o.keep_space)
            strip(piece);
    } while (*more && piece->bytes == 0 && (!c->gathering || bl_talks_has_room(&c->talks, 0)));
    return BL_OK;
}

/* ---- conversations ---- */

/* As many as are read together. */
static bl_status gather(bl_cutter *c, bl_error *err)
{
    int more = 1;
    bl_talks_begin(&c->talks);
    c->talk = NULL;
    while (c->held.text || bl_talks_has_room(&c->talks, 0)) {
        bl_span found = c->held;
        if (!found.text)
            BL_TRY(next_good(c, &found, &more, err));
        if (!more) {
            c->over = 1;
            return BL_OK;
        }
        c->held = found.bytes ? found : (bl_span){0};
        if (!bl_talks_has_room(&c->talks, found.bytes))
            return BL_OK;
        if (found.bytes) {
            const bl_talk_place place = place_of(c);
            BL_TRY(bl_talks_add(&c->talks, found, &place, err));
        }
        c->held = (bl_span){0};
    }
    return BL_OK;
}

/* The next ones, read. */
static bl_status read_talks(bl_cutter *c, bl_error *err)
{
    bl_error words = {BL_OK, ""};
    c->gathering = 1;
    bl_status status = gather(c, &words);
    c->gathering = 0;
    if (status == BL_EFORMAT) { /* those before come first */
        c->late = status;
        c->late_words = words;
    } else if (status != BL_OK) {
        if (err)
            *err = words;
        return status;
    }
    return bl_talks_read(&c->talks, c->o.form, c->o.field, c->o.idle, c->o.user, c->name, err);
}

static bl_status take_talk(bl_cutter *c, bl_span *d, bl_error *err)
{
    const bl_talk *talk = c->talk;
    char why[BL_CONVERSATION_WHY];
    if (talk->found == BL_CONVERSATION_NO_MEMORY)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", c->name);
    if (talk->found == BL_CONVERSATION_BAD)
        return bad_line(c, talk->place.line, talk->why, err);
    c->rewritten += talk->made.rewritten;
    *d = (bl_span){talk->made.text.data, talk->made.text.len};
    if (d->bytes <= c->o.most)
        return BL_OK;
    (void)snprintf(why, sizeof why, "a conversation of %zu bytes, more than `max_document`",
                   d->bytes);
    *d = (bl_span){0};
    return bad_line(c, talk->place.line, why, err);
}

static bl_status next_talk(bl_cutter *c, bl_span *d, bl_error *err)
{
    *d = (bl_span){0};
    while (d->bytes == 0) {
        const bl_talk *next = bl_talks_next(&c->talks);
        if (next) {
            c->talk = next;
            BL_TRY(take_talk(c, d, err));
        } else if (c->late != BL_OK) {
            return bl_fail(err, c->late, "%s", c->late_words.message);
        } else if (c->over) {
            break;
        } else {
            BL_TRY(read_talks(c, err));
        }
    }
    if (d->bytes == 0)
        *d = (bl_span){0};
    return BL_OK;
}

/* ---- all ---- */

bl_status bl_cutter_next(bl_cutter *c, bl_span *d, bl_error *err)
{
    *d = (bl_span){NULL, 0};
    if (!c->begun)
        BL_TRY(begin(c, err));
    if (is_json(c) && c->o.conversations)
        return next_talk(c, d, err);
    for (;;) {
        while (c->rest.bytes) {
            take_rest(c, d);
            if (d->bytes)
                return BL_OK;
        }
        bl_span piece;
        int more;
        BL_TRY(next_good(c, &piece, &more, err));
        *d = more && !is_json(c) ? piece : (bl_span){NULL, 0};
        if (!more || d->text)
            return BL_OK;
        BL_TRY(read_json(c, &piece, err));
        if (!c->o.keep_space)
            strip(&piece);
        c->rest = piece;
    }
}
