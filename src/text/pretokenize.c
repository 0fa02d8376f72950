/* The pre-tokenizer: GPT-2's pattern on PCRE2, with its character classes spelled out.
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * A regex library's own \p{L} follows its Unicode version, and with it the ids of a text would
 * change from one system to the next; so the classes are explicit ranges (unicode_classes.c).
 * Every character is in exactly one class, hence the words cover the text without gaps. */
#include "text/pretokenize.h"
#include "core/alloc.h"
#include "text/unicode_classes.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

struct bl_splitter {
    pcre2_code *code;
    int jit; /* compiled to machine code; otherwise interpreted, with the same result */
};

/* A class as the inside of a [...]. */
static void put_class(bl_buf *out, int name)
{
    const bl_code_class *c = &bl_code_classes[name];
    for (size_t i = 0; i < c->count; i++)
        bl_buf_printf(out, "\\x{%X}-\\x{%X}", (unsigned)c->ranges[i].first,
                      (unsigned)c->ranges[i].last);
}

/* The pattern, where L, N and S stand for the insides of the three classes.  The negated class of
 * the lookahead is \S. */
static void put_pattern(bl_buf *out)
{
    static const char pattern[] =
        "'s|'t|'re|'ve|'m|'ll|'d| ?[L]+| ?[N]+| ?[^SLN]+|[S]+(?![^S])|[S]+";
    for (const char *p = pattern; *p; p++) {
        if (*p == 'L')
            put_class(out, BL_CODE_LETTER);
        else if (*p == 'N')
            put_class(out, BL_CODE_NUMBER);
        else if (*p == 'S')
            put_class(out, BL_CODE_SPACE);
        else
            bl_buf_append(out, p, 1);
    }
}

bl_status bl_splitter_open(bl_splitter **s, bl_error *err)
{
    bl_buf pattern;
    bl_buf_init(&pattern);
    put_pattern(&pattern);
    bl_splitter *made = bl_calloc(1, sizeof *made);
    bl_status status = bl_buf_status(&pattern, err);
    if (status == BL_OK && !made)
        status = bl_fail(err, BL_ENOMEM, "out of memory for the pre-tokenizer");
    if (status == BL_OK) {
        int code;
        PCRE2_SIZE offset;
        made->code =
            pcre2_compile((PCRE2_SPTR)pattern.data, pattern.len, PCRE2_UTF, &code, &offset, NULL);
        if (!made->code)
            status = bl_fail(err, code == PCRE2_ERROR_HEAP_FAILED ? BL_ENOMEM : BL_EUNSUPPORTED,
                             "PCRE2 does not compile the pre-tokenizer's pattern (error %d at "
                             "%zu); is it built with Unicode support?",
                             code, (size_t)offset);
        else
            made->jit = pcre2_jit_compile(made->code, PCRE2_JIT_COMPLETE) == 0;
    }
    bl_buf_release(&pattern);
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
    pcre2_code_free(s->code);
    bl_free(s);
}

bl_status bl_split_work_init(bl_split_work *w, bl_error *err)
{
    bl_buf_init(&w->prefixed);
    w->match = pcre2_match_data_create(1, NULL);
    return w->match ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for the pre-tokenizer");
}

void bl_split_work_release(bl_split_work *w)
{
    pcre2_match_data_free(w->match);
    bl_buf_release(&w->prefixed);
    w->match = NULL;
}

bl_status bl_splitter_run(const bl_splitter *s, bl_split_work *w, const char *text, size_t bytes,
                          int prefix_space, bl_word_fn *fn, void *user, bl_error *err)
{
    if (bytes == 0)
        return BL_OK;
    if (prefix_space && text[0] != ' ') {
        bl_buf_clear(&w->prefixed);
        bl_buf_append(&w->prefixed, " ", 1);
        bl_buf_append(&w->prefixed, text, bytes);
        BL_TRY(bl_buf_status(&w->prefixed, err));
        text = w->prefixed.data;
        bytes++;
    }
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(w->match);
    for (size_t at = 0; at < bytes; at = span[1]) {
        PCRE2_SPTR subject = (PCRE2_SPTR)text;
        int matched =
            s->jit
                ? pcre2_jit_match(s->code, subject, bytes, at, PCRE2_NO_UTF_CHECK, w->match, NULL)
                : pcre2_match(s->code, subject, bytes, at, PCRE2_NO_UTF_CHECK, w->match, NULL);
        if (matched < 0 || span[0] != at || span[1] <= at)
            return bl_fail(err, matched == PCRE2_ERROR_NOMEMORY ? BL_ENOMEM : BL_EUNSUPPORTED,
                           "PCRE2 fails on the text at byte %zu (error %d)", at, matched);
        BL_TRY(fn(user, text + at, span[1] - at, err));
    }
    return BL_OK;
}
