/* Regular expressions of schemas: what they find in a string, as GBNF of the string's JSON. */
#include "core/utf8.h"
#include "constrain/schema_parts.h"

#include <string.h>

enum { NESTED_MOST = 50, RANGES_MOST = 200 };

typedef struct pattern {
    bl_schema_writer *w;
    bl_buf *to;
    const char *at;
    size_t nested;
} pattern;

/* Characters, of which those that JSON writes with a backslash are apart. */
typedef struct char_set {
    bl_char_range range[RANGES_MOST];
    size_t count;
    int negated, ascii; /* of those that are not in it only those of ASCII, that can be seen */
} char_set;

static bl_status refuse(const pattern *p, const char *what)
{
    return bl_schema_refuse(p->w, BL_EUNSUPPORTED, "pattern, at '%.40s': %s", p->at, what);
}

/* ---- sets ---- */

static bl_status add(const pattern *p, char_set *s, uint32_t low, uint32_t high)
{
    if (s->count == RANGES_MOST)
        return refuse(p, "more than 200 ranges in a class");
    if (high < low)
        return refuse(p, "a range that ends before it begins");
    s->range[s->count++] = (bl_char_range){low, high};
    return BL_OK;
}

static int holds(const char_set *s, uint32_t code)
{
    for (size_t i = 0; i < s->count; i++)
        if (code >= s->range[i].low && code <= s->range[i].high)
            return !s->negated;
    return s->negated;
}

static void put_code(bl_buf *to, uint32_t code)
{
    bl_buf_printf(to, code > 0xFFFF ? "\\U%08X" : "\\u%04X", (unsigned)code);
}

/* Ranges without what is never plain in a JSON string: controls, quote, backslash, DEL. */
static size_t put_plain(bl_buf *to, const char_set *s)
{
    static const bl_char_range plain[] = {
        {0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7E}, {0x80, 0xD7FF}, {0xE000, BL_GRAPH_CODE_MOST}};
    size_t put = 0;
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < sizeof plain / sizeof *plain; k++) {
            uint32_t low = s->range[i].low, high = s->range[i].high;
            low = low > plain[k].low ? low : plain[k].low;
            high = high < plain[k].high ? high : plain[k].high;
            if (low > high)
                continue;
            put_code(to, low);
            bl_buf_puts(to, "-");
            put_code(to, high);
            put++;
        }
    return put;
}

static void put_set(bl_buf *to, const char_set *s)
{
    static const char spelled[] = "\"\\\n\t\r\b\f", letters[] = "\"\\ntrbf";
    char_set seen = {.count = 0};
    bl_buf_puts(to, "([");
    if (s->negated && s->ascii) { /* the gaps between them */
        for (uint32_t c = 0x20; c < 0x7F && seen.count < RANGES_MOST; c++)
            if (holds(s, c))
                seen.range[seen.count++] = (bl_char_range){c, c};
        (void)put_plain(to, &seen);
    } else if (s->negated) {
        bl_buf_puts(to, "^\"\\\\\\x7F\\x00-\\x1F");
        (void)put_plain(to, s);
    } else {
        (void)put_plain(to, s);
    }
    bl_buf_puts(to, "]");
    for (size_t i = 0; spelled[i]; i++)
        if (holds(s, (unsigned char)spelled[i]) && !(s->ascii && i > 1))
            bl_buf_printf(to, " | \"\\\\%s%c\"", i < 2 ? "\\" : "", letters[i]);
    bl_buf_puts(to, ")");
}

/* ---- characters ---- */

static bl_status take_hex(pattern *p, size_t digits, uint32_t *code)
{
    static const char hex[] = "0123456789abcdef0123456789ABCDEF";
    *code = 0;
    for (size_t i = 0; i < digits; i++, p->at++) {
        const char *digit = *p->at ? strchr(hex, *p->at) : NULL;
        if (!digit)
            return refuse(p, "hexadecimal digits expected");
        *code = *code << 4 | (uint32_t)((digit - hex) % 16);
    }
    return *code >= 0xD800 && *code <= 0xDFFF ? refuse(p, "half a character") : BL_OK;
}

/* Behind a backslash: a class into the set (*code is then UINT32_MAX), or a character. */
static bl_status take_escape(pattern *p, char_set *s, uint32_t *code)
{
    static const char letters[] = "nrtfv", means[] = "\n\r\t\f\v";
    char c = *p->at;
    const char *found = c ? strchr(letters, c) : NULL;
    *code = found ? (uint32_t)means[found - letters] : UINT32_MAX;
    p->at += c != 0;
    if (found)
        return BL_OK;
    if (c == 'x' || c == 'u')
        return take_hex(p, c == 'x' ? 2 : 4, code);
    if (c == 'd' || c == 'w' || c == 's')
        s->ascii = 1; /* beyond ASCII it depends on who reads the pattern */
    if (c == 'd' || c == 'w')
        BL_TRY(add(p, s, '0', '9'));
    if (c == 'w') {
        BL_TRY(add(p, s, 'a', 'z'));
        BL_TRY(add(p, s, 'A', 'Z'));
        return add(p, s, '_', '_');
    }
    if (c == 's') {
        BL_TRY(add(p, s, ' ', ' '));
        return add(p, s, '\t', '\r');
    }
    if (c == 'd')
        return BL_OK;
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c <= ' ' ||
        c == 0x7F)
        return refuse(p, "this escape is not supported");
    *code = (unsigned char)c;
    return BL_OK;
}

static uint32_t take_plain(pattern *p)
{
    size_t used;
    uint32_t code = bl_utf8_get(p->at, &used);
    p->at += used;
    return code;
}

/* Behind the opening bracket. */
static bl_status take_class(pattern *p)
{
    char_set s = {.negated = *p->at == '^'};
    p->at += s.negated;
    for (int first = 1; *p->at != ']' || first; first = 0) {
        uint32_t low, high;
        if (!*p->at)
            return refuse(p, "] at the end of a class expected");
        if (*p->at == '[' || (*p->at == '&' && p->at[1] == '&'))
            return refuse(p, "write \\[ and \\& in a class");
        int escaped = *p->at == '\\';
        p->at += escaped;
        if (escaped)
            BL_TRY(take_escape(p, &s, &low));
        else
            low = take_plain(p);
        if (low == UINT32_MAX)
            continue;
        high = low;
        if (*p->at == '-' && p->at[1] && p->at[1] != ']') {
            escaped = *++p->at == '\\';
            p->at += escaped;
            if (escaped)
                BL_TRY(take_escape(p, &s, &high));
            else
                high = take_plain(p);
            if (high == UINT32_MAX)
                return refuse(p, "a range up to a class");
        }
        BL_TRY(add(p, &s, low, high));
    }
    p->at++;
    put_set(p->to, &s);
    return BL_OK;
}

static bl_status put_char(const pattern *p, uint32_t code)
{
    char_set s = {.count = 0};
    BL_TRY(add(p, &s, code, code));
    put_set(p->to, &s);
    return BL_OK;
}

/* Behind a backslash outside a class. */
static bl_status take_escaped(pattern *p)
{
    char_set s = {.count = 0};
    uint32_t code;
    char c = *p->at;
    if (c == 'D' || c == 'W' || c == 'S') { /* of ASCII, for the same reason */
        char lower[] = {(char)(c - 'A' + 'a'), 0};
        pattern one = *p;
        one.at = lower;
        BL_TRY(take_escape(&one, &s, &code));
        s.negated = 1;
        p->at++;
        put_set(p->to, &s);
        return BL_OK;
    }
    BL_TRY(take_escape(p, &s, &code));
    if (code != UINT32_MAX)
        return put_char(p, code);
    put_set(p->to, &s);
    return BL_OK;
}

/* ---- the whole ---- */

static bl_status take_alternatives(pattern *p);

static bl_status take_group(pattern *p)
{
    if (*p->at == '?') {
        if (p->at[1] != ':')
            return refuse(p, "only (...) and (?:...) are supported");
        p->at += 2;
    }
    if (++p->nested > NESTED_MOST)
        return refuse(p, "more than 50 groups in one another");
    BL_TRY(take_alternatives(p));
    p->nested--;
    if (*p->at != ')')
        return refuse(p, ") at the end of a group expected");
    p->at++;
    return BL_OK;
}

static bl_status take_repeats(pattern *p)
{
    char c = *p->at;
    if (c == '{') {
        size_t n = strspn(p->at + 1, "0123456789,");
        const char *comma = memchr(p->at + 1, ',', n);
        if (!n || p->at[1] == ',' || p->at[1 + n] != '}' ||
            (comma && memchr(comma + 1, ',', n - (size_t)(comma - p->at))))
            return refuse(p, "repetitions are {n}, {n,} or {n,m}");
        bl_buf_append(p->to, p->at, n + 2);
        p->at += n + 2;
    } else if (c == '*' || c == '+' || c == '?') {
        bl_buf_append(p->to, p->at++, 1);
    } else {
        return BL_OK;
    }
    if (*p->at == '?') /* as few as may be: the same strings */
        p->at++;
    if (*p->at == '+' || *p->at == '*' || *p->at == '{' || *p->at == '?')
        return refuse(p, "repetitions of repetitions are not supported");
    return BL_OK;
}

static bl_status take_atom(pattern *p)
{
    char c = *p->at;
    if (strchr("*+?{", c))
        return refuse(p, "nothing to repeat");
    if (c == '^' || c == '$')
        return refuse(p, "^ and $ stand at the ends of the pattern or of its alternatives");
    if ((unsigned char)c >= 0x80 || !strchr("([\\.", c))
        return put_char(p, take_plain(p));
    p->at++;
    if (c == '(')
        return take_group(p);
    if (c == '[')
        return take_class(p);
    if (c == '\\')
        return take_escaped(p);
    bl_buf_puts(p->to, "(plain | \"\\\\\" [\"\\\\/])"); /* any character but the end of a line */
    return BL_OK;
}

/* An alternative; on the outermost level it stands anywhere in the string unless it is tied. */
static bl_status take_alternative(pattern *p)
{
    int outer = !p->nested, tied = outer && *p->at == '^';
    p->at += tied;
    bl_buf_puts(p->to, outer && !tied ? "char* (" : "(");
    while (*p->at && *p->at != '|' && *p->at != ')' &&
           !(outer && *p->at == '$' && (!p->at[1] || p->at[1] == '|'))) {
        BL_TRY(take_atom(p));
        BL_TRY(take_repeats(p));
        bl_buf_puts(p->to, " ");
    }
    tied = outer && *p->at == '$';
    p->at += tied;
    bl_buf_puts(p->to, outer && !tied ? ") char*" : ")");
    return BL_OK;
}

static bl_status take_alternatives(pattern *p)
{
    bl_buf_puts(p->to, "(");
    BL_TRY(take_alternative(p));
    while (*p->at == '|') {
        p->at++;
        bl_buf_puts(p->to, " | ");
        BL_TRY(take_alternative(p));
    }
    bl_buf_puts(p->to, ")");
    return BL_OK;
}

bl_status bl_schema_pattern(bl_schema_writer *w, bl_buf *to, const char *text)
{
    pattern p = {.w = w, .to = to, .at = text};
    BL_TRY(take_alternatives(&p));
    return *p.at ? refuse(&p, "a ) that closes nothing") : BL_OK;
}
