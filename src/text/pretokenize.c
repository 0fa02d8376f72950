/* The pre-tokenizer: text into words, by scanners for the published patterns and PCRE2 for others.
 *
 * PCRE2 is not shown the text but the kinds of its characters, a byte for each: so a set of
 * thousands of characters is a bitmap, and nothing has to be decoded twice.
 *
 * PCRE2 runs interpreted, for only then its limit of steps counts all of them: with few patterns
 * from a file of a stranger does the time grow faster than the text. */
#include "text/pretokenize.h"
#include "core/alloc.h"
#include "text/pattern.h"
#include "core/utf8.h"
#include "text/wordscan.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

enum {
    STEPS = 1000, /* that any match may take, */
    WINDOW = 256, /* and characters that it may look at; more is paid out of a budget */
    BUDGET_A_BYTE = 100,
    BUDGET = 100000,
    HEAP_KIB = 256 * 1024, /* of one match */
};

typedef enum scanner { BY_REGEX, BY_GPT2, BY_LLAMA3, BY_QWEN2 } scanner;

typedef struct stage {
    scanner scanner;
    pcre2_code *code;               /* BY_REGEX */
    unsigned char begins[BL_KINDS]; /* 1 for kinds that a match may begin with */
} stage;

struct bl_splitter {
    bl_wordscan *scan;
    bl_kinds *kinds; /* NULL: no stage is BY_REGEX */
    char *what;
    stage *stage;
    size_t count;
};

/* A place in a segment; the characters count only if there are kinds. */
typedef struct place {
    size_t byte, character;
} place;

/* One run over a segment. */
typedef struct splitting {
    const bl_splitter *s;
    const char *text;
    const unsigned char *kinds;
    bl_split_work *work;
    bl_word_fn *fn;
    void *user;
    uint64_t budget;
} splitting;

const char bl_pattern_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static scanner scanner_of(const char *pattern)
{
#define LINES(numbers)                                                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers                          \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    if (strcmp(pattern, bl_pattern_gpt2) == 0)
        return BY_GPT2;
    if (strcmp(pattern, LINES("\\p{N}{1,3}")) == 0)
        return BY_LLAMA3;
    return strcmp(pattern, LINES("\\p{N}")) == 0 ? BY_QWEN2 : BY_REGEX;
#undef LINES
}

/* The kinds that a match may begin with, as PCRE2 found them. */
static void find_beginnings(stage *g)
{
    const uint8_t *map = NULL;
    uint32_t known = 0, kind = 0;
    (void)pcre2_pattern_info(g->code, PCRE2_INFO_FIRSTCODETYPE, &known);
    (void)pcre2_pattern_info(g->code, PCRE2_INFO_FIRSTCODEUNIT, &kind);
    (void)pcre2_pattern_info(g->code, PCRE2_INFO_FIRSTBITMAP, &map);
    for (size_t i = 0; i < BL_KINDS; i++)
        g->begins[i] = known == 1 ? i == kind : !map || map[i / 8] >> i % 8 & 1;
}

static bl_status compile(stage *to, const bl_buf *text, const char *what, bl_error *err)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    uint32_t empty = 0;
    to->code = pcre2_compile((PCRE2_SPTR)text->data, text->len, PCRE2_NO_AUTO_POSSESS, &code,
                             &offset, NULL);
    if (!to->code)
        return bl_fail(err, code == PCRE2_ERROR_HEAP_FAILED ? BL_ENOMEM : BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: PCRE2 does not compile the pattern (error %d)", what,
                       code);
    if (pcre2_pattern_info(to->code, PCRE2_INFO_MATCHEMPTY, &empty) != 0 || empty)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: a pattern that matches an empty text is not supported",
                       what);
    find_beginnings(to);
    return BL_OK;
}

/* All patterns part the kinds before any is compiled. */
static bl_status compile_all(bl_splitter *s, const char *const *patterns, bl_error *err)
{
    bl_buf text;
    bl_buf_init(&text);
    bl_status status = bl_kinds_open(&s->kinds, patterns, s->count, err);
    for (size_t i = 0; i < 2 * s->count && status == BL_OK; i++) {
        size_t n = i % s->count;
        if (s->stage[n].scanner != BY_REGEX)
            continue;
        bl_buf_clear(&text);
        status = bl_pattern_translate(patterns[n], s->what, s->kinds, &text, err);
        if (status == BL_OK && i >= s->count)
            status = compile(&s->stage[n], &text, s->what, err);
    }
    if (status == BL_OK)
        bl_kinds_settle(s->kinds);
    bl_buf_release(&text);
    return status;
}

bl_status bl_splitter_open(bl_splitter **s, const char *const *patterns, size_t count, int regex,
                           const char *what, bl_error *err)
{
    *s = NULL;
    bl_splitter *made = bl_calloc(1, sizeof *made);
    if (made) {
        made->what = bl_strdup(what);
        made->stage = bl_calloc(count, sizeof *made->stage);
    }
    bl_status status = BL_OK;
    int some = 0; /* BY_REGEX */
    if (!made || !made->what || !made->stage)
        status = bl_fail(err, BL_ENOMEM, "%s: out of memory for the pre-tokenizer", what);
    else
        status = bl_wordscan_open(&made->scan, err);
    for (size_t i = 0; i < count && status == BL_OK; i++) {
        made->stage[i].scanner = regex ? BY_REGEX : scanner_of(patterns[i]);
        some |= made->stage[i].scanner == BY_REGEX;
        made->count = i + 1;
    }
    if (some && status == BL_OK)
        status = compile_all(made, patterns, err);
    if (status != BL_OK) {
        bl_splitter_close(made);
        return status;
    }
    *s = made;
    return BL_OK;
}

void bl_splitter_close(bl_splitter *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        pcre2_code_free(s->stage[i].code);
    bl_kinds_close(s->kinds);
    bl_wordscan_close(s->scan);
    bl_free(s->stage);
    bl_free(s->what);
    bl_free(s);
}

bl_status bl_split_work_init(bl_split_work *w, bl_error *err)
{
    bl_buf_init(&w->prefixed);
    bl_buf_init(&w->kinds);
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
    bl_buf_release(&w->prefixed);
    bl_buf_release(&w->kinds);
    w->match = w->context = NULL;
}

/* The place behind `from` that is at a byte or at a character. */
static place ahead(const char *text, place from, size_t byte, size_t character)
{
    for (; from.byte < byte && from.character < character; from.character++)
        from.byte += bl_utf8_length((unsigned char)text[from.byte]);
    return from;
}

/* The end of a match that begins at `at`; `at` itself when there is none. */
static bl_status match_at(splitting *r, const stage *g, place start, place stop, place at,
                          place *end, bl_error *err)
{
    const unsigned char *kinds = r->kinds + start.character;
    size_t first = at.character - start.character, count = stop.character - start.character;
    uint64_t steps = STEPS, window = WINDOW, cost = 0;
    int matched;
    do { /* PCRE2 counts steps back, but not the length of a repeat: so it is shown few at first */
        size_t until = count - first > window ? first + window : count;
        r->budget -= cost;
        pcre2_set_match_limit(r->work->context, (uint32_t)steps);
        matched = pcre2_match(g->code, kinds, until, first,
                              PCRE2_ANCHORED | (until < count ? PCRE2_PARTIAL_HARD : 0),
                              r->work->match, r->work->context);
        if (matched == PCRE2_ERROR_PARTIAL)
            cost = window *= 8;
        else if (matched == PCRE2_ERROR_MATCHLIMIT)
            cost = steps *= 8;
        else
            break;
    } while (cost <= r->budget && steps <= UINT32_MAX);
    *end = at;
    if (matched == PCRE2_ERROR_NOMATCH)
        return BL_OK;
    if (matched < 0)
        return bl_fail(err, matched == PCRE2_ERROR_NOMEMORY ? BL_ENOMEM : BL_EUNSUPPORTED,
                       "%s: pre_tokenizer: the pattern takes too long on the text at byte %zu "
                       "(PCRE2's error %d)",
                       r->s->what, at.byte, matched);
    *end = ahead(r->text, at, SIZE_MAX,
                 start.character + pcre2_get_ovector_pointer(r->work->match)[1]);
    return BL_OK;
}

/* The end of the word that a scanner finds at `at`. */
static place scan_at(const splitting *r, scanner by, place start, place stop, place at)
{
    const char *text = r->text + start.byte;
    size_t bytes = stop.byte - start.byte, first = at.byte - start.byte, end;
    if (by == BY_GPT2)
        end = bl_wordscan_next(r->s->scan, text, bytes, first);
    else
        end = bl_wordscan_lines(r->s->scan, text, bytes, first, by == BY_LLAMA3 ? 3 : 1);
    end += start.byte;
    return r->kinds ? ahead(r->text, at, end, SIZE_MAX) : (place){end, 0};
}

/* The next place, from `at` on, where a match may begin. */
static place next_beginning(const splitting *r, const stage *g, place at, place stop)
{
    size_t character = at.character;
    while (character < stop.character && !g->begins[r->kinds[character]])
        character++;
    return ahead(r->text, at, SIZE_MAX, character);
}

static bl_status split(splitting *r, size_t number, place start, place stop, bl_error *err)
{
    if (number == r->s->count)
        return r->fn(r->user, r->text + start.byte, stop.byte - start.byte, err);
    const stage *g = &r->s->stage[number];
    place from = start, end; /* of what no match has taken */
    for (place at = start; at.byte < stop.byte;) {
        if (g->scanner == BY_REGEX) {
            at = next_beginning(r, g, at, stop);
            if (at.byte == stop.byte)
                break;
            BL_TRY(match_at(r, g, start, stop, at, &end, err));
        } else {
            end = scan_at(r, g->scanner, start, stop, at);
        }
        if (end.byte == at.byte) {
            at = ahead(r->text, at, SIZE_MAX, at.character + 1);
            continue;
        }
        if (from.byte < at.byte)
            BL_TRY(split(r, number + 1, from, at, err));
        BL_TRY(split(r, number + 1, at, end, err));
        from = at = end;
    }
    return from.byte < stop.byte ? split(r, number + 1, from, stop, err) : BL_OK;
}

bl_status bl_splitter_run(const bl_splitter *s, bl_split_work *w, const char *text, size_t bytes,
                          int prefix_space, bl_word_fn *fn, void *user, bl_error *err)
{
    if (bytes == 0)
        return BL_OK;
    if (prefix_space) {
        bl_buf_clear(&w->prefixed);
        bl_buf_append(&w->prefixed, " ", 1);
        bl_buf_append(&w->prefixed, text, bytes);
        BL_TRY(bl_buf_status(&w->prefixed, err));
        text = w->prefixed.data;
        bytes++;
    }
    place stop = {bytes, 0};
    unsigned char *kinds = NULL;
    if (s->kinds) {
        bl_buf_clear(&w->kinds);
        kinds = (unsigned char *)bl_buf_reserve(&w->kinds, bytes);
        BL_TRY(bl_buf_status(&w->kinds, err));
        stop.character = bl_kinds_map(s->kinds, text, bytes, kinds);
    }
    splitting r = {s, text, kinds, w, fn, user, (uint64_t)BUDGET_A_BYTE * bytes + BUDGET};
    return split(&r, 0, (place){0, 0}, stop, err);
}
