/* A template cut into tokens: text between tags with white space control, and what is in tags. */
#include "template/lexer.h"
#include "core/alloc.h"
#include "core/utf8.h"
#include "format/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BRACKETS = 200, NUMBER = 60 };

typedef struct lexer {
    bl_program *p;
    bl_error *err;
    const char *text; /* with \n as the only line end */
    size_t bytes, at, line;
    int line_starting; /* what was taken last ends a line, or nothing was */
    bl_lexeme *out;
    size_t count, cap;
    char open[BRACKETS]; /* brackets that wait for their ends */
    size_t opened;
} lexer;

bl_status bl_template_fail(const bl_program *p, bl_status status, size_t line, bl_error *err,
                           const char *format, ...)
{
    char words[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return bl_fail(err, status, "%s: line %zu: %s", p->what, line, words);
}

void *bl_program_take(bl_program *p, size_t count, size_t size)
{
    return count <= SIZE_MAX / size ? bl_pool_take(&p->pool, count * size) : NULL;
}

bl_status bl_program_full(const bl_program *p, size_t line, bl_error *err)
{
    if (p->pool.used > p->pool.limit)
        return bl_template_fail(p, BL_EFORMAT, line, err,
                                "the template takes more than %zu bytes to compile", p->pool.limit);
    return bl_template_fail(p, BL_ENOMEM, line, err, "out of memory");
}

/* ---- white space as Python sees it ---- */

static int is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t bl_space_at(const char *text, size_t bytes)
{
    size_t used = 0;
    return bytes && is_space(bl_utf8_get(text, &used)) ? used : 0;
}

size_t bl_space_before(const char *text, size_t bytes)
{
    size_t n = 0, used;
    while (n < bytes && n < 4 && ((unsigned char)text[bytes - 1 - n] & 0xC0) == 0x80)
        n++;
    if (n == bytes)
        return 0;
    n++;
    return is_space(bl_utf8_get(text + bytes - n, &used)) ? n : 0;
}

/* ---- tokens ---- */

static bl_status fail(const lexer *x, bl_status status, const char *words)
{
    return bl_template_fail(x->p, status, x->line, x->err, "%s", words);
}

static bl_status add(lexer *x, bl_lexeme t)
{
    if (x->count == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 256;
        bl_lexeme *grown = bl_program_take(x->p, cap, sizeof *grown);
        if (!grown)
            return bl_program_full(x->p, x->line, x->err);
        if (x->count)
            memcpy(grown, x->out, x->count * sizeof *grown);
        x->out = grown;
        x->cap = cap;
    }
    t.line = x->line;
    x->out[x->count++] = t;
    return BL_OK;
}

static int ahead(const lexer *x, const char *text)
{
    size_t n = strlen(text);
    return x->bytes - x->at >= n && memcmp(x->text + x->at, text, n) == 0;
}

/* Goes on by n bytes, counting lines. */
static void take(lexer *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x->line += x->text[x->at + i] == '\n';
    if (n)
        x->line_starting = x->text[x->at + n - 1] == '\n';
    x->at += n;
}

static size_t spaces(const lexer *x, size_t from)
{
    size_t at = from;
    for (size_t n; (n = bl_space_at(x->text + at, x->bytes - at)) > 0; at += n)
        ;
    return at - from;
}

/* The end of a tag, with the white space that it takes: "%}", "-%}", "+%}"; 0: not here. */
static size_t tag_end(const lexer *x, size_t at, char first, int block)
{
    char sign = at < x->bytes ? x->text[at] : 0;
    size_t n = sign == '-' || (sign == '+' && block) ? 1 : 0;
    if (x->bytes - at < n + 2 || x->text[at + n] != first || x->text[at + n + 1] != '}')
        return 0;
    n += 2;
    if (sign == '-')
        n += spaces(x, at + n);
    else if (block && sign != '+' && at + n < x->bytes && x->text[at + n] == '\n')
        n++;
    return n;
}

/* Text before a tag that begins with `sign`, cut as the tag wants it. */
static bl_status add_data(lexer *x, size_t from, size_t to, char sign, int output)
{
    size_t end = to;
    if (sign == '-') {
        for (size_t n; (n = bl_space_before(x->text + from, end - from)) > 0;)
            end -= n;
    } else if (sign != '+' && !output) {
        size_t start = to;
        while (start > from && x->text[start - 1] != '\n')
            start--;
        if (start > from || x->line_starting) {
            size_t at = start;
            for (size_t n; at < to && (n = bl_space_at(x->text + at, to - at)) > 0; at += n)
                ;
            if (at == to)
                end = start;
        }
    }
    return end > from ? add(x, (bl_lexeme){BL_LEX_DATA, 0, x->text + from, end - from, 0, 0})
                      : BL_OK;
}

/* "{% raw %}" at a place, with its signs: its length, or 0; likewise endraw, whose end takes what
 * that of a block takes. */
static size_t raw_tag(const lexer *x, size_t at, const char *word, int ends)
{
    size_t from = at, n = strlen(word);
    if (x->bytes - at < 2 || x->text[at] != '{' || x->text[at + 1] != '%')
        return 0;
    at += 2;
    at += at < x->bytes && (x->text[at] == '-' || x->text[at] == '+');
    at += spaces(x, at);
    if (x->bytes - at < n || memcmp(x->text + at, word, n) != 0)
        return 0;
    at += n;
    at += spaces(x, at);
    size_t end = 0;
    if (ends)
        end = tag_end(x, at, '%', 1);
    else if (at < x->bytes && x->text[at] == '-')
        end = tag_end(x, at, '%', 1);
    else if (x->bytes - at >= 2 && x->text[at] == '%' && x->text[at + 1] == '}')
        end = 2;
    return end ? at + end - from : 0;
}

static char sign_at(const lexer *x, size_t at)
{
    char c = at < x->bytes ? x->text[at] : 0;
    return c == '-' || c == '+' ? c : 0;
}

static bl_status lex_raw(lexer *x, size_t length)
{
    take(x, length);
    size_t from = x->at, at = from, end = 0;
    while (at < x->bytes && !(end = raw_tag(x, at, "endraw", 1)))
        at++;
    if (!end)
        return fail(x, BL_EFORMAT, "a raw block without an end");
    BL_TRY(add_data(x, from, at, sign_at(x, at + 2), 0));
    take(x, at + end - from);
    return BL_OK;
}

static bl_status lex_comment(lexer *x)
{
    size_t from = x->at, at = from + 2, end = 0;
    at += sign_at(x, at) != 0;
    while (at < x->bytes && !(end = tag_end(x, at, '#', 1)))
        at++;
    if (!end)
        return fail(x, BL_EFORMAT, "a comment without an end");
    take(x, at + end - from);
    return BL_OK;
}

/* ---- inside tags ---- */

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bl_status lex_name(lexer *x)
{
    size_t from = x->at, n = 0;
    while (from + n < x->bytes && (is_letter(x->text[from + n]) || is_digit(x->text[from + n])))
        n++;
    char *name = bl_program_take(x->p, n + 1, 1);
    if (!name)
        return bl_program_full(x->p, x->line, x->err);
    memcpy(name, x->text + from, n);
    BL_TRY(add(x, (bl_lexeme){BL_LEX_NAME, 0, name, n, 0, 0}));
    take(x, n);
    return BL_OK;
}

/* Digits with single underscores between them, into copy without these. */
static size_t digits(const lexer *x, size_t at, char *copy, size_t *used, int (*is)(char))
{
    size_t from = at;
    while (at < x->bytes && *used < NUMBER) {
        if (is(x->text[at]))
            copy[(*used)++] = x->text[at++];
        else if (at > from && x->text[at] == '_' && at + 1 < x->bytes && is(x->text[at + 1]))
            at++;
        else
            break;
    }
    return at - from;
}

static int is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int is_octal(char c)
{
    return c >= '0' && c <= '7';
}

static int is_bit(char c)
{
    return c == '0' || c == '1';
}

/* 0x1F, 0o17, 0b11; 0: none of them is here, SIZE_MAX: too large. */
static size_t other_base(const lexer *x, int64_t *value)
{
    char copy[NUMBER + 1], kind = x->bytes - x->at > 2 ? (char)(x->text[x->at + 1] | 0x20) : 0;
    size_t used = 0, base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (!base || x->text[x->at] != '0')
        return 0;
    size_t under = x->text[x->at + 2] == '_';
    size_t n = digits(x, x->at + 2 + under, copy, &used,
                      base == 16  ? is_hex
                      : base == 8 ? is_octal
                                  : is_bit);
    if (!n)
        return 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < used; i++) {
        unsigned digit =
            is_digit(copy[i]) ? (unsigned)(copy[i] - '0') : (unsigned)((copy[i] | 0x20) - 'a' + 10);
        if (sum > (INT64_MAX - digit) / base)
            return SIZE_MAX;
        sum = sum * base + digit;
    }
    *value = (int64_t)sum;
    return used == NUMBER ? SIZE_MAX : 2 + under + n;
}

static bl_status lex_number(lexer *x)
{
    char copy[3 * NUMBER + 8];
    size_t used = 0, n, whole;
    int64_t value = 0;
    size_t other = other_base(x, &value);
    if (other == SIZE_MAX)
        return fail(x, BL_EUNSUPPORTED, "a whole number beyond 63 bits");
    if (other) {
        BL_TRY(add(x, (bl_lexeme){BL_LEX_INT, 0, NULL, 0, value, 0}));
        take(x, other);
        return BL_OK;
    }
    whole = n = digits(x, x->at, copy, &used, is_digit);
    size_t whole_used = used, at = x->at;
    int after_dot = at > 0 && x->text[at - 1] == '.';
    if (!after_dot && at + n + 1 < x->bytes && x->text[at + n] == '.' &&
        is_digit(x->text[at + n + 1])) {
        size_t part = 0;
        copy[used++] = '.';
        n += 1 + digits(x, at + n + 1, copy + used, &part, is_digit);
        used += part;
    }
    size_t e = at + n;
    if (!after_dot && e + 1 < x->bytes && (x->text[e] | 0x20) == 'e') {
        size_t sign = x->text[e + 1] == '+' || x->text[e + 1] == '-', part = 0;
        copy[used] = 'e';
        copy[used + 1] = x->text[e + 1];
        size_t more = digits(x, e + 1 + sign, copy + used + 1 + sign, &part, is_digit);
        if (more) {
            used += 1 + sign + part;
            n += 1 + sign + more;
        }
    }
    copy[used] = 0;
    bl_lexeme t = {.kind = n > whole ? BL_LEX_FLOAT : BL_LEX_INT};
    uint64_t parsed = 0;
    if (t.kind == BL_LEX_FLOAT && !bl_number_read_real(copy, &t.real))
        return fail(x, BL_EUNSUPPORTED, "a number out of range");
    if (t.kind == BL_LEX_INT && copy[0] == '0' && whole_used > 1) /* Jinja: 0, then the rest */
        whole = n = 1;
    copy[t.kind == BL_LEX_INT ? (n == 1 ? 1 : whole_used) : used] = 0;
    if (t.kind == BL_LEX_INT && (!bl_number_read_u64(copy, &parsed) || parsed > INT64_MAX))
        return fail(x, BL_EUNSUPPORTED, "a whole number beyond 63 bits");
    t.number = (int64_t)parsed;
    BL_TRY(add(x, t));
    take(x, n);
    return BL_OK;
}

static unsigned hex_value(const char *text, size_t n, int *good)
{
    unsigned value = 0;
    for (size_t i = 0; i < n; i++) {
        *good = *good && is_hex(text[i]);
        if (*good)
            value = value * 16 +
                    (unsigned)(is_digit(text[i]) ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t put_code(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800)
        return bl_utf8_put(code, to);
    size_t n = code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)((n == 3 ? 0xE0 : 0xF0) | code);
    return n;
}

/* An escape of a string behind its backslash, as Python's: what it stands for, to `to`; the bytes
 * that it takes, or 0: not known here. */
static size_t escape(const char *text, size_t bytes, char *to, size_t *made)
{
    static const char from[] = "abfnrtv\\'\"", into[] = "\a\b\f\n\r\t\v\\'\"";
    const char *simple = *text ? strchr(from, *text) : NULL;
    *made = 1;
    if (simple) {
        *to = into[simple - from];
        return 1;
    }
    if (*text == '\n') {
        *made = 0;
        return 1;
    }
    if (is_octal(*text)) {
        size_t n = 1;
        unsigned code = (unsigned)(*text - '0');
        while (n < 3 && n < bytes && is_octal(text[n]))
            code = code * 8 + (unsigned)(text[n++] - '0');
        *made = put_code(code, to);
        return n;
    }
    size_t wide = *text == 'x' ? 2 : *text == 'u' ? 4 : *text == 'U' ? 8 : 0;
    if (wide) {
        int good = bytes > wide;
        unsigned code = good ? hex_value(text + 1, wide, &good) : 0;
        if (!good || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
            return 0;
        *made = put_code(code, to);
        return 1 + wide;
    }
    if (*text == 'N' || (unsigned char)*text >= 0x80)
        return 0;
    to[0] = '\\'; /* no escape: both stay */
    to[1] = *text;
    *made = 2;
    return 1;
}

static bl_status lex_string(lexer *x)
{
    char quote = x->text[x->at];
    size_t from = x->at + 1, end = from, used = 0;
    while (end < x->bytes && x->text[end] != quote)
        end += x->text[end] == '\\' ? 2 : 1;
    if (end >= x->bytes)
        return fail(x, BL_EFORMAT, "a text in quotes without an end");
    char *copy = bl_program_take(x->p, end - from + 1, 1);
    if (!copy)
        return bl_program_full(x->p, x->line, x->err);
    for (size_t i = from; i < end;) {
        if (x->text[i] != '\\') {
            copy[used++] = x->text[i++];
            continue;
        }
        char made[4];
        size_t n = 0, taken = escape(x->text + i + 1, end - i - 1, made, &n);
        if (!taken)
            return fail(x, BL_EUNSUPPORTED, "an escape in a text that is not supported");
        memcpy(copy + used, made, n);
        used += n;
        i += 1 + taken;
    }
    BL_TRY(add(x, (bl_lexeme){BL_LEX_STRING, 0, copy, used, 0, 0}));
    take(x, end + 1 - x->at);
    return BL_OK;
}

static bl_status bracket(lexer *x, char c)
{
    static const char open[] = "([{", close[] = ")]}";
    const char *o = strchr(open, c), *e = strchr(close, c);
    if (o && x->opened == BRACKETS)
        return fail(x, BL_EFORMAT, "brackets inside each other more than 200 deep");
    if (o)
        x->open[x->opened++] = close[o - open];
    else if (e && (!x->opened || x->open[--x->opened] != c))
        return fail(x, BL_EFORMAT, "a closing bracket that nothing opened");
    return BL_OK;
}

static bl_status lex_operator(lexer *x)
{
    static const char singles[] = "+-/*%~[](){}><=.:|,;";
    static const char *const doubles[] = {"//", "**", "==", "!=", ">=", "<="};
    char c = x->text[x->at];
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        if (!ahead(x, doubles[i]))
            continue;
        BL_TRY(add(x, (bl_lexeme){.kind = BL_LEX_OPERATOR,
                                  .number = BL_OPERATOR(doubles[i][0], doubles[i][1])}));
        take(x, 2);
        return BL_OK;
    }
    if (!c || !strchr(singles, c))
        return bl_template_fail(
            x->p, (unsigned char)c < 0x80 ? BL_EFORMAT : BL_EUNSUPPORTED, x->line, x->err,
            "a character that has no place in a tag (byte 0x%02X)", (unsigned)(unsigned char)c);
    BL_TRY(bracket(x, c));
    BL_TRY(add(x, (bl_lexeme){.kind = BL_LEX_OPERATOR, .number = c}));
    take(x, 1);
    return BL_OK;
}

/* From "{{" or "{%" to its end. */
static bl_status lex_tag(lexer *x, int block)
{
    BL_TRY(add(x, (bl_lexeme){.kind = block ? BL_LEX_BLOCK_OPEN : BL_LEX_OPEN}));
    take(x, sign_at(x, x->at + 2) ? 3 : 2);
    x->opened = 0;
    for (;;) {
        take(x, spaces(x, x->at));
        if (x->at >= x->bytes)
            return fail(x, BL_EFORMAT, "a tag without an end");
        size_t end = x->opened ? 0 : tag_end(x, x->at, block ? '%' : '}', block);
        if (end) {
            BL_TRY(add(x, (bl_lexeme){.kind = block ? BL_LEX_BLOCK_CLOSE : BL_LEX_CLOSE}));
            take(x, end);
            return BL_OK;
        }
        char c = x->text[x->at];
        if (is_letter(c))
            BL_TRY(lex_name(x));
        else if (is_digit(c))
            BL_TRY(lex_number(x));
        else if (c == '\'' || c == '"')
            BL_TRY(lex_string(x));
        else
            BL_TRY(lex_operator(x));
    }
}

static bl_status lex_all(lexer *x)
{
    while (x->at < x->bytes) {
        size_t at = x->at, raw = 0;
        while (at + 1 < x->bytes &&
               !(x->text[at] == '{' && strchr("{%#", x->text[at + 1]) && x->text[at + 1]))
            at++;
        if (at + 1 >= x->bytes) {
            BL_TRY(add(x, (bl_lexeme){BL_LEX_DATA, 0, x->text + x->at, x->bytes - x->at, 0, 0}));
            break;
        }
        int output = x->text[at + 1] == '{';
        raw = raw_tag(x, at, "raw", 0);
        BL_TRY(add_data(x, x->at, at, sign_at(x, at + 2), output));
        take(x, at - x->at);
        if (raw)
            BL_TRY(lex_raw(x, raw));
        else if (x->text[at + 1] == '#')
            BL_TRY(lex_comment(x));
        else
            BL_TRY(lex_tag(x, !output));
    }
    return add(x, (bl_lexeme){.kind = BL_LEX_END});
}

bl_status bl_lex(bl_lexeme **tokens, bl_program *p, const char *text, size_t bytes, bl_error *err)
{
    char *copy = bl_program_take(p, bytes + 1, 1);
    if (!copy)
        return bl_program_full(p, 1, err);
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\r' && i + 1 < bytes && text[i + 1] == '\n')
            continue;
        copy[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    n -= n && copy[n - 1] == '\n'; /* one final newline is not part of it */
    lexer x = {.p = p, .err = err, .text = copy, .bytes = n, .line = 1, .line_starting = 1};
    BL_TRY(lex_all(&x));
    *tokens = x.out;
    return BL_OK;
}
