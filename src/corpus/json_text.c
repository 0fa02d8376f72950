/* Scanning JSON for one string: a loop over tokens and a stack of bits, no tree. */
#include "corpus/json_text.h"
#include "core/utf8.h"

#include <string.h>

typedef struct scan {
    bl_json_text *j;
    const char *text;
    size_t bytes, at;
    const char *why;
    uint64_t depth;
} scan;

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(scan *s)
{
    while (s->at < s->bytes && bl_json_is_space(s->text[s->at]))
        s->at++;
}

/* The next character that is not white space; 0 at the end. */
static char peek(scan *s)
{
    skip_space(s);
    return s->at < s->bytes ? s->text[s->at] : 0;
}

static int fail(scan *s, const char *why)
{
    s->why = why;
    return 0;
}

/* ---- brackets: 1 an object, 0 an array ---- */

static int push(scan *s, int object)
{
    bl_buf *nest = &s->j->nest;
    if (s->depth / 8 >= nest->len) {
        bl_buf_append(nest, "", 1);
        if (nest->failed)
            return fail(s, "");
    }
    unsigned char *byte = (unsigned char *)nest->data + s->depth / 8;
    unsigned bit = 1u << s->depth % 8;
    *byte = (unsigned char)(object ? *byte | bit : *byte & ~bit);
    s->depth++;
    return 1;
}

static int in_object(const scan *s)
{
    uint64_t top = s->depth - 1;
    return (unsigned char)s->j->nest.data[top / 8] >> top % 8 & 1;
}

/* ---- strings ---- */

static int hex4(scan *s, uint32_t *code)
{
    if (s->bytes - s->at < 4)
        return fail(s, "an escape without its four digits");
    *code = 0;
    for (int i = 0; i < 4; i++) {
        char c = s->text[s->at++];
        uint32_t digit = is_digit(c)                          ? (uint32_t)(c - '0')
                         : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10)
                                                              : 16;
        if (digit == 16)
            return fail(s, "an escape without its four digits");
        *code = *code * 16 + digit;
    }
    return 1;
}

static void put_code(bl_buf *out, uint32_t code)
{
    char utf8[4];
    size_t n = 1;
    if (code < 0x80) {
        utf8[0] = (char)code;
    } else if (code < 0x800) {
        utf8[0] = (char)(0xC0 | code >> 6);
        n = 2;
    } else if (code < 0x10000) {
        utf8[0] = (char)(0xE0 | code >> 12);
        n = 3;
    } else {
        utf8[0] = (char)(0xF0 | code >> 18);
        n = 4;
    }
    for (size_t i = 1; i < n; i++)
        utf8[i] = (char)(0x80 | (code >> 6 * (n - 1 - i) & 0x3F));
    bl_buf_append(out, utf8, n);
}

/* The escape after a backslash; `lone` counts halves of surrogate pairs. */
static int read_escape(scan *s, bl_buf *out, size_t *lone)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint32_t code, low;
    char c = s->at < s->bytes ? s->text[s->at] : 0;
    const char *name = c ? strchr(names, c) : NULL;
    if (!name && c != 'u')
        return fail(s, "an escape that JSON does not know");
    s->at++;
    if (name) {
        if (out)
            bl_buf_append(out, &values[name - names], 1);
        return 1;
    }
    if (!hex4(s, &code))
        return 0;
    if (code >= 0xD800 && code < 0xDC00 && s->bytes - s->at >= 6 && s->text[s->at] == '\\' &&
        s->text[s->at + 1] == 'u') {
        size_t before = s->at;
        s->at += 2;
        if (!hex4(s, &low))
            return 0;
        if (low >= 0xDC00 && low < 0xE000)
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        else
            s->at = before; /* an escape of its own */
    }
    if (code >= 0xD800 && code < 0xE000) {
        *lone += 1;
        code = 0xFFFD;
    }
    if (out)
        put_code(out, code);
    return 1;
}

/* A string, from its first quote to past its last; into out unless that is NULL. */
static int read_string(scan *s, bl_buf *out, size_t *lone)
{
    size_t start = ++s->at;
    for (;;) {
        while (s->at < s->bytes && s->text[s->at] != '"' && s->text[s->at] != '\\' &&
               (unsigned char)s->text[s->at] >= 0x20)
            s->at++;
        if (out)
            bl_buf_append(out, s->text + start, s->at - start);
        if (s->at == s->bytes)
            return fail(s, "a string without an end");
        char c = s->text[s->at];
        if (c != '"' && c != '\\')
            return fail(s, "a control character in a string");
        s->at++;
        if (c == '"')
            return 1;
        if (!read_escape(s, out, lone))
            return 0;
        start = s->at;
    }
}

/* ---- numbers and names ---- */

static int take_digits(scan *s)
{
    size_t start = s->at;
    while (s->at < s->bytes && is_digit(s->text[s->at]))
        s->at++;
    return s->at > start;
}

static int take_word(scan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->bytes - s->at < n || memcmp(s->text + s->at, word, n) != 0)
        return 0;
    s->at += n;
    return 1;
}

static int next_is(const scan *s, char c)
{
    return s->at < s->bytes && s->text[s->at] == c;
}

static int read_number(scan *s)
{
    static const char why[] = "a number that is none";
    if (next_is(s, '-'))
        s->at++;
    if (take_word(s, "Infinity"))
        return 1;
    if (next_is(s, '0'))
        s->at++;
    else if (!take_digits(s))
        return fail(s, why);
    if (next_is(s, '.')) {
        s->at++;
        if (!take_digits(s))
            return fail(s, why);
    }
    if (next_is(s, 'e') || next_is(s, 'E')) {
        s->at++;
        if (next_is(s, '+') || next_is(s, '-'))
            s->at++;
        if (!take_digits(s))
            return fail(s, why);
    }
    return 1;
}

static int read_scalar(scan *s)
{
    char c = s->text[s->at];
    if (c == '-' || is_digit(c) || c == 'I')
        return read_number(s);
    if (take_word(s, "true") || take_word(s, "false") || take_word(s, "null") ||
        take_word(s, "NaN"))
        return 1;
    return fail(s, "what begins no value");
}

/* ---- values ---- */

/* One value, or the bracket that begins one; sets *found to its kind when it is the wanted one. */
static int begin_value(scan *s, int wanted, bl_json_found *found)
{
    bl_json_text *j = s->j;
    char c = peek(s);
    size_t ignored = 0;
    if (wanted) {
        bl_buf_clear(&j->text);
        j->lone = 0;
        *found = c == '"' ? BL_JSON_TEXT : c == 'n' ? BL_JSON_NULL : BL_JSON_NOT_TEXT;
    }
    if (c == '"')
        return read_string(s, wanted ? &j->text : NULL, wanted ? &j->lone : &ignored);
    if (c == '{' || c == '[') {
        s->at++;
        return push(s, c == '{');
    }
    return s->at < s->bytes ? read_scalar(s) : fail(s, "an end where a value should be");
}

/* A key and its colon; *wanted: it is the field. */
static int read_key(scan *s, const char *field, int *wanted)
{
    bl_buf *key = &s->j->key;
    size_t lone = 0, length = strlen(field);
    if (peek(s) != '"')
        return fail(s, "no key where one should be");
    bl_buf_clear(key);
    if (!read_string(s, s->depth == 1 ? key : NULL, &lone))
        return 0;
    *wanted = s->depth == 1 && !lone && key->len == length &&
              (!length || memcmp(key->data, field, length) == 0);
    if (peek(s) != ':')
        return fail(s, "a key without a colon");
    s->at++;
    return 1;
}

/* From after the first value of the text to its end, or into the first bracket of the next. */
static int read_rest(scan *s, const char *field, bl_json_found *found)
{
    int fresh = 1; /* directly after an opening bracket */
    while (s->depth) {
        int object = in_object(s), wanted = 0;
        char c = peek(s);
        if (c == (object ? '}' : ']')) {
            s->at++;
            s->depth--;
            fresh = 0;
            continue;
        }
        if (!fresh) {
            if (c != ',')
                return fail(s, s->at == s->bytes ? "a bracket without an end"
                                                 : "neither a comma nor the bracket's end");
            s->at++;
        }
        if (object && !read_key(s, field, &wanted))
            return 0;
        uint64_t depth = s->depth;
        if (!begin_value(s, wanted, found))
            return 0;
        fresh = s->depth > depth;
    }
    skip_space(s);
    return s->at == s->bytes || fail(s, "more behind the value");
}

bl_json_found bl_json_text_find(bl_json_text *j, const char *text, size_t bytes, const char *field,
                                int or_string)
{
    scan s = {.j = j, .text = text, .bytes = bytes};
    bl_buf_clear(&j->text);
    bl_buf_clear(&j->nest);
    j->lone = 0;
    j->why = NULL;
    bl_json_found found = BL_JSON_NO_OBJECT;
    char c = peek(&s);
    if (c == '{')
        found = BL_JSON_NO_FIELD;
    int whole = or_string && (c == '"' || c == 'n');
    int good = begin_value(&s, whole, &found) && read_rest(&s, field, &found);
    j->at = s.at;
    j->why = s.why;
    if (j->text.failed || j->key.failed || j->nest.failed)
        return BL_JSON_NO_MEMORY;
    return good ? found : BL_JSON_BAD;
}

void bl_json_text_release(bl_json_text *j)
{
    bl_buf_release(&j->text);
    bl_buf_release(&j->key);
    bl_buf_release(&j->nest);
}
