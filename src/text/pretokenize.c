/* The pre-tokenizer: text into words, by scanners for the published patterns and PCRE2 for others.
 *
 * PCRE2 is not shown the text but the kinds of its characters, a byte for each: so a set of
 * thousands of characters is a bitmap, and nothing has to be decoded twice.
 *
 * PCRE2 runs interpreted, because only then does its limit count every step: few patterns from a
 * stranger's file make the time grow faster than the text. */
#include "text/pretokenize.h"
#include "core/utf8.h"
#include "text/pattern.h"
#include "text/splitter.h"

#include <string.h>

enum {
    STEPS = 1000,  /* that any match may take, */
    WINDOW = 1024, /* and characters that it may look at; more is paid out of a budget */
    GROWTH = 4,
    BUDGET_A_BYTE = 200,
    BUDGET = 1000000,
    HEAP_KIB = 256 * 1024, /* of one match */
};

/* A place in a text; the characters count only if there are kinds. */
typedef struct place {
    size_t byte, character;
} place;

/* A text as a rule sees it: the segment, or what an earlier rule has made of a piece. */
typedef struct view {
    const char *text;
    const unsigned char *kinds;
    int bytes;     /* every byte is a character */
    size_t source; /* where it begins in the segment, */
    int prefixed;  /* but for a space in front that the segment does not have */
} view;

/* One run over a segment. */
typedef struct splitting {
    const bl_splitter *s;
    bl_split_work *work;
    bl_word_fn *fn;
    void *user;
    uint64_t budget;
    uint64_t passed; /* characters that repeats of this match have passed over, if counted */
    size_t callout;  /* the place of the last callout */
} splitting;

/* The pieces of one rule: the last one is held back while the next may join it. */
typedef struct pieces {
    const bl_stage *stage;
    size_t number;
    const view *v;
    place start, end;
    int held, match; /* one is held back; it ends with a match */
} pieces;

static bl_status run_stage(splitting *r, size_t number, const view *v, place start, place stop,
                           bl_error *err);

bl_status bl_split_work_init(bl_split_work *w, bl_error *err)
{
    *w = (bl_split_work){0};
    w->match = pcre2_match_data_create(1, NULL);
    w->context = pcre2_match_context_create(NULL);
    if (!w->match || !w->context)
        return bl_fail(err, BL_ENOMEM, "out of memory for the pre-tokenizer");
    pcre2_set_heap_limit(w->context, HEAP_KIB);
    return BL_OK;
}

void bl_split_work_release(bl_split_work *w)
{
    pcre2_match_data_free(w->match);
    pcre2_match_context_free(w->context);
    bl_buf_release(&w->kinds);
    bl_buf_release(&w->prefixed);
    bl_buf_release(&w->prefixed_kinds);
    bl_buf_release(&w->byte_kinds);
    w->match = w->context = NULL;
}

static size_t source_of(const view *v, size_t byte)
{
    return v->source + byte - (size_t)(v->prefixed && byte > 0);
}

/* The place after `from` that is at a byte or at a character. */
static place ahead(const view *v, place from, size_t byte, size_t character)
{
    for (; from.byte < byte && from.character < character; from.character++)
        from.byte += v->bytes ? 1 : bl_utf8_length((unsigned char)v->text[from.byte]);
    return from;
}

/* ---- the matches of one rule ---- */

/* Around a repeated set: its characters are counted where PCRE2 does not count them itself.  A
 * match may pass over WINDOW of them, more is paid out of the budget. */
static int count_passed(pcre2_callout_block *block, void *run)
{
    splitting *r = run;
    size_t at = block->current_position;
    if (block->callout_number == BL_CALLOUT_BEHIND && at > r->callout)
        r->passed += at - r->callout;
    r->callout = at;
    return r->passed > WINDOW && r->passed - WINDOW > r->budget ? PCRE2_ERROR_CALLOUT : 0;
}

/* The end of a match that begins at `at`; `at` itself when there is none. */
static bl_status match_at(splitting *r, const bl_stage *g, const view *v, place start, place stop,
                          place at, place *end, bl_error *err)
{
    const unsigned char *kinds = v->kinds + start.character;
    size_t first = at.character - start.character, count = stop.character - start.character;
    uint64_t steps = STEPS, window = WINDOW, cost = 0;
    int matched;
    r->passed = 0;
    do { /* PCRE2 counts steps back, but not the length of a repeat: so it is shown few at first */
        size_t until = count - first > window ? first + window : count;
        r->budget -= cost;
        pcre2_set_match_limit(r->work->context, (uint32_t)steps);
        matched = pcre2_match(g->code, kinds, until, first,
                              PCRE2_ANCHORED | (until < count ? PCRE2_PARTIAL_HARD : 0),
                              r->work->match, r->work->context);
        if (matched == PCRE2_ERROR_PARTIAL)
            cost = window *= GROWTH;
        else if (matched == PCRE2_ERROR_MATCHLIMIT)
            cost = steps *= GROWTH;
        else
            break;
    } while (cost <= r->budget && steps <= UINT32_MAX);
    *end = at;
    if (r->passed > WINDOW)
        r->budget -= r->passed - WINDOW < r->budget ? r->passed - WINDOW : r->budget;
    if (matched == PCRE2_ERROR_NOMATCH)
        return BL_OK;
    if (matched < 0)
        return bl_fail(err, matched == PCRE2_ERROR_NOMEMORY ? BL_ENOMEM : BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: the pattern takes too long on the text at byte %zu "
                       "(PCRE2's error %d)",
                       r->s->what, source_of(v, at.byte), matched);
    *end = ahead(v, at, SIZE_MAX, start.character + pcre2_get_ovector_pointer(r->work->match)[1]);
    return BL_OK;
}

/* The end of the characters that may begin a match: one, or all that follow one another. */
static place set_at(const bl_stage *g, const view *v, int all, place at, place stop)
{
    size_t end = at.character + 1;
    while (all && end < stop.character && g->begins[v->kinds[end]])
        end++;
    return ahead(v, at, SIZE_MAX, end);
}

/* The end of the word that a scanner finds at `at`. */
static place scan_at(const splitting *r, bl_scanner by, const view *v, place start, place stop,
                     place at)
{
    const char *text = v->text + start.byte;
    size_t bytes = stop.byte - start.byte, first = at.byte - start.byte, end;
    if (by == BL_BY_GPT2)
        end = bl_wordscan_next(r->s->scan, text, bytes, first);
    else
        end = bl_wordscan_lines(r->s->scan, text, bytes, first, by == BL_BY_LLAMA3 ? 3 : 1);
    end += start.byte;
    return v->kinds ? ahead(v, at, end, SIZE_MAX) : (place){end, 0};
}

/* The next place, from `at` on, where a match may begin. */
static place next_beginning(const bl_stage *g, const view *v, place at, place stop)
{
    size_t character = at.character;
    while (character < stop.character && !g->begins[v->kinds[character]])
        character++;
    return ahead(v, at, SIZE_MAX, character);
}

/* ---- what becomes of them ---- */

static inline bl_status tell(const splitting *r, const view *v, place start, place end,
                             bl_error *err)
{
    const bl_split_word word = {v->text + start.byte, end.byte - start.byte,
                                source_of(v, start.byte), v->prefixed && start.byte == 0};
    return r->fn(r->user, &word, err);
}

static bl_status hand_on(splitting *r, const pieces *p, place start, place end, bl_error *err)
{
    return run_stage(r, p->number + 1, p->v, start, end, err);
}

static bl_status hand_on_held(splitting *r, pieces *p, bl_error *err)
{
    int held = p->held;
    p->held = 0;
    return held ? hand_on(r, p, p->start, p->end, err) : BL_OK;
}

/* A match, or what lies between two. */
static bl_status add_piece(splitting *r, pieces *p, place start, place end, int match,
                           bl_error *err)
{
    int joins = 0;
    match ^= p->stage->invert;
    switch (p->stage->behavior) {
    case BL_ISOLATED:
        return hand_on(r, p, start, end, err);
    case BL_REMOVED:
        return match ? BL_OK : hand_on(r, p, start, end, err);
    case BL_MERGED_WITH_PREVIOUS:
        joins = match && !p->match;
        break;
    case BL_MERGED_WITH_NEXT:
        joins = !match && p->match;
        break;
    case BL_CONTIGUOUS:
        joins = match == p->match;
        break;
    }
    if (!p->held || !joins) {
        BL_TRY(hand_on_held(r, p, err));
        p->start = start;
    }
    p->end = end;
    p->held = 1;
    p->match = match;
    return BL_OK;
}

static bl_status cut(splitting *r, size_t number, const view *v, place start, place stop,
                     bl_error *err)
{
    const bl_stage *g = &r->s->stage[number];
    pieces p = {.stage = g, .number = number, .v = v};
    int words = g->behavior == BL_ISOLATED && number + 1 == r->s->count; /* are the pieces */
    place from = start, end; /* of what no match has taken */
    for (place at = start; at.byte < stop.byte;) {
        if (g->scanner <= BL_BY_RUN) {
            at = next_beginning(g, v, at, stop);
            if (at.byte == stop.byte)
                break;
        }
        if (g->scanner == BL_BY_REGEX)
            BL_TRY(match_at(r, g, v, start, stop, at, &end, err));
        else if (g->scanner <= BL_BY_RUN)
            end = set_at(g, v, g->scanner == BL_BY_RUN, at, stop);
        else
            end = scan_at(r, g->scanner, v, start, stop, at);
        if (end.byte == at.byte) { /* only a regex takes nothing */
            at = set_at(g, v, g->in_vain, at, stop);
            continue;
        }
        if (from.byte < at.byte)
            BL_TRY(words ? tell(r, v, from, at, err) : add_piece(r, &p, from, at, 0, err));
        BL_TRY(words ? tell(r, v, at, end, err) : add_piece(r, &p, at, end, 1, err));
        from = at = end;
    }
    if (from.byte < stop.byte)
        BL_TRY(add_piece(r, &p, from, stop, 0, err));
    return hand_on_held(r, &p, err);
}

/* ---- rules that change the text ---- */

static bl_status map_kinds(const splitting *r, bl_buf *kinds, view *v, place *stop, bl_error *err)
{
    bl_buf_clear(kinds);
    unsigned char *to = (unsigned char *)bl_buf_reserve(kinds, stop->byte);
    BL_TRY(bl_buf_status(kinds, err));
    stop->character = bl_kinds_map(r->s->kinds, v->text, stop->byte, to);
    v->kinds = to;
    return BL_OK;
}

static bl_status add_space(splitting *r, size_t number, const view *v, place start, place stop,
                           bl_error *err)
{
    bl_split_work *w = r->work;
    if (v->text[start.byte] == ' ')
        return run_stage(r, number + 1, v, start, stop, err);
    bl_buf_clear(&w->prefixed);
    bl_buf_append(&w->prefixed, " ", 1);
    bl_buf_append(&w->prefixed, v->text + start.byte, stop.byte - start.byte);
    BL_TRY(bl_buf_status(&w->prefixed, err));
    view with = {.text = w->prefixed.data, .source = source_of(v, start.byte), .prefixed = 1};
    place end = {w->prefixed.len, 0};
    if (r->s->kinds)
        BL_TRY(map_kinds(r, &w->prefixed_kinds, &with, &end, err));
    return run_stage(r, number + 1, &with, (place){0, 0}, end, err);
}

static bl_status to_bytes(splitting *r, size_t number, const view *v, place start, place stop,
                          bl_error *err)
{
    bl_split_work *w = r->work;
    size_t bytes = stop.byte - start.byte;
    bl_buf_clear(&w->byte_kinds);
    unsigned char *kinds = (unsigned char *)bl_buf_reserve(&w->byte_kinds, bytes);
    BL_TRY(bl_buf_status(&w->byte_kinds, err));
    view as = {.text = v->text + start.byte,
               .kinds = kinds,
               .bytes = 1,
               .source = source_of(v, start.byte),
               .prefixed = v->prefixed && start.byte == 0};
    for (size_t i = 0; i < bytes; i++)
        kinds[i] = r->s->byte_kind[(unsigned char)as.text[i]];
    return run_stage(r, number + 1, &as, (place){0, 0}, (place){bytes, bytes}, err);
}

static bl_status run_stage(splitting *r, size_t number, const view *v, place start, place stop,
                           bl_error *err)
{
    if (number == r->s->count)
        return tell(r, v, start, stop, err);
    bl_scanner scanner = r->s->stage[number].scanner;
    if (scanner == BL_ADDS_SPACE)
        return add_space(r, number, v, start, stop, err);
    return scanner == BL_TO_BYTES ? to_bytes(r, number, v, start, stop, err)
                                  : cut(r, number, v, start, stop, err);
}

bl_status bl_splitter_run(const bl_splitter *s, bl_split_work *w, const char *text, size_t bytes,
                          bl_word_fn *fn, void *user, bl_error *err)
{
    if (bytes == 0)
        return BL_OK;
    splitting r = {s, w, fn, user, (uint64_t)BUDGET_A_BYTE * bytes + BUDGET, 0, 0};
    pcre2_set_callout(w->context, count_passed, &r);
    view v = {.text = text};
    place stop = {bytes, 0};
    int copied = s->count && s->stage[0].scanner == BL_ADDS_SPACE && text[0] != ' ';
    if (s->kinds && !copied)
        BL_TRY(map_kinds(&r, &w->kinds, &v, &stop, err));
    return run_stage(&r, 0, &v, (place){0, 0}, stop, err);
}
