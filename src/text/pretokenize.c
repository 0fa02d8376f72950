/* The pre-tokenizer: text into words, by scanners for the published patterns and PCRE2 for others.
 *
 * PCRE2 runs interpreted, for only then its limit of steps counts all of them: a pattern from a
 * file of a stranger must not take time that is more than linear in the text. */
#include "text/pretokenize.h"
#include "core/alloc.h"
#include "text/pattern.h"
#include "text/utf8.h"
#include "text/wordscan.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

enum {
    STEPS = 1000, /* that any match may take, */
    WINDOW = 256, /* and bytes that it may look at; more is paid out of a budget */
    BUDGET_A_BYTE = 100,
    BUDGET = 100000,
    HEAP_KIB = 256 * 1024, /* of one match */
};

typedef enum scanner { BY_REGEX, BY_GPT2, BY_LLAMA3, BY_QWEN2 } scanner;

typedef struct stage {
    scanner scanner;
    pcre2_code *code; /* BY_REGEX */
} stage;

struct bl_splitter {
    bl_wordscan *scan;
    char *what;
    stage *stage;
    size_t count;
};

/* One run over a segment. */
typedef struct splitting {
    const bl_splitter *s;
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

static bl_status compile(stage *to, const char *pattern, const char *what, bl_error *err)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    uint32_t empty = 0;
    bl_buf text;
    bl_buf_init(&text);
    bl_status status = bl_pattern_translate(pattern, what, &text, err);
    if (status == BL_OK) {
        to->code = pcre2_compile((PCRE2_SPTR)text.data, text.len, PCRE2_UTF, &code, &offset, NULL);
        if (!to->code)
            status = bl_fail(err, code == PCRE2_ERROR_HEAP_FAILED ? BL_ENOMEM : BL_EUNSUPPORTED,
                             "%s: pre_tokenizer: PCRE2 does not compile the pattern (error %d)",
                             what, code);
    }
    bl_buf_release(&text);
    if (status == BL_OK &&
        (pcre2_pattern_info(to->code, PCRE2_INFO_MATCHEMPTY, &empty) != 0 || empty))
        status = bl_fail(err, BL_EUNSUPPORTED,
                         "%s: pre_tokenizer: a pattern that matches an empty text is not supported",
                         what);
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
    if (!made || !made->what || !made->stage)
        status = bl_fail(err, BL_ENOMEM, "%s: out of memory for the pre-tokenizer", what);
    else
        status = bl_wordscan_open(&made->scan, err);
    for (size_t i = 0; i < count && status == BL_OK; i++) {
        made->count = i + 1;
        made->stage[i].scanner = regex ? BY_REGEX : scanner_of(patterns[i]);
        if (made->stage[i].scanner == BY_REGEX)
            status = compile(&made->stage[i], patterns[i], what, err);
    }
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
    bl_wordscan_close(s->scan);
    bl_free(s->stage);
    bl_free(s->what);
    bl_free(s);
}

bl_status bl_split_work_init(bl_split_work *w, bl_error *err)
{
    bl_buf_init(&w->prefixed);
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
    w->match = w->context = NULL;
}

/* The end of a match that begins at `at`; `at` itself when there is none. */
static bl_status match_at(splitting *r, const stage *g, const char *text, size_t bytes, size_t at,
                          size_t *end, bl_error *err)
{
    uint64_t steps = STEPS, window = WINDOW, cost = 0;
    int matched;
    do { /* PCRE2 counts steps back, but not the bytes of a repeat: so it is shown few at first */
        size_t until = bytes;
        r->budget -= cost;
        if (bytes - at > window)
            for (until = at + window; ((unsigned char)text[until] & 0xC0) == 0x80;)
                until--;
        pcre2_set_match_limit(r->work->context, (uint32_t)steps);
        matched = pcre2_match(g->code, (PCRE2_SPTR)text, until, at,
                              PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED |
                                  (until < bytes ? PCRE2_PARTIAL_HARD : 0),
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
                       r->s->what, at, matched);
    *end = pcre2_get_ovector_pointer(r->work->match)[1];
    return BL_OK;
}

static bl_status next_end(splitting *r, const stage *g, const char *text, size_t bytes, size_t at,
                          size_t *end, bl_error *err)
{
    switch (g->scanner) {
    case BY_GPT2:
        *end = bl_wordscan_next(r->s->scan, text, bytes, at);
        return BL_OK;
    case BY_LLAMA3:
        *end = bl_wordscan_lines(r->s->scan, text, bytes, at, 3);
        return BL_OK;
    case BY_QWEN2:
        *end = bl_wordscan_lines(r->s->scan, text, bytes, at, 1);
        return BL_OK;
    case BY_REGEX:
        break;
    }
    return match_at(r, g, text, bytes, at, end, err);
}

static bl_status split(splitting *r, size_t number, const char *text, size_t bytes, bl_error *err)
{
    if (number == r->s->count)
        return r->fn(r->user, text, bytes, err);
    size_t from = 0; /* of what no match has taken */
    for (size_t at = 0, end; at < bytes;) {
        BL_TRY(next_end(r, &r->s->stage[number], text, bytes, at, &end, err));
        if (end == at) {
            size_t used;
            (void)bl_utf8_get(text + at, &used);
            at += used;
            continue;
        }
        if (from < at)
            BL_TRY(split(r, number + 1, text + from, at - from, err));
        BL_TRY(split(r, number + 1, text + at, end - at, err));
        from = at = end;
    }
    return from < bytes ? split(r, number + 1, text + from, bytes - from, err) : BL_OK;
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
    splitting r = {s, w, fn, user, (uint64_t)BUDGET_A_BYTE * bytes + BUDGET};
    return split(&r, 0, text, bytes, err);
}
