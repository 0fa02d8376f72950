/* Arithmetic as Python's; whole numbers that leave 63 bits are refused. */
#include "template/numbers.h"
#include "template/arguments.h"
#include "template/spelled.h"
#include "template/strings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bl_value beyond(bl_run *r)
{
    bl_run_fail(r, BL_EUNSUPPORTED, "a whole number beyond 63 bits");
    return bl_whole(0);
}

static bl_value by_zero(bl_run *r)
{
    bl_run_fail(r, BL_EFORMAT, "a division by zero");
    return bl_whole(0);
}

/* INT64_MIN never arises: it would be the one number without its negative. */
static bl_value add(bl_run *r, int64_t a, int64_t b)
{
    if (b > 0 ? a > INT64_MAX - b : a < -INT64_MAX - b)
        return beyond(r);
    return bl_whole(a + b);
}

static bl_value multiply(bl_run *r, int64_t a, int64_t b)
{
    if (a && b && llabs(a) > INT64_MAX / llabs(b))
        return beyond(r);
    return bl_whole(a * b);
}

/* Python rounds towards minus infinity. */
static bl_value divide(bl_run *r, int64_t a, int64_t b, int rest)
{
    if (!b)
        return by_zero(r);
    int64_t q = a / b, m = a % b;
    if (m && (m < 0) != (b < 0)) {
        q--;
        m += b;
    }
    return bl_whole(rest ? m : q);
}

static bl_value power(bl_run *r, int64_t a, int64_t b)
{
    bl_value v = bl_whole(1);
    if (b < 0)
        return a ? bl_fraction(pow((double)a, (double)b)) : by_zero(r);
    if (a == 0 || a == 1 || a == -1)
        return bl_whole(b == 0 || a == 1 ? 1 : a == 0 ? 0 : b % 2 ? -1 : 1);
    for (int64_t i = 0; i < b && r->status == BL_OK; i++)
        v = multiply(r, v.u.whole, a);
    return v;
}

static bl_value of_wholes(bl_run *r, unsigned op, int64_t a, int64_t b)
{
    switch (op) {
    case '+':
        return add(r, a, b);
    case '-':
        return add(r, a, -b);
    case '*':
        return multiply(r, a, b);
    case '/':
        return b ? bl_fraction((double)a / (double)b) : by_zero(r);
    case 'p':
        return power(r, a, b);
    default:
        return divide(r, a, b, op == '%');
    }
}

static bl_value of_reals(bl_run *r, unsigned op, double a, double b)
{
    double rest;
    if ((op == '/' || op == 'f' || op == '%') && !(b < 0 || b > 0 || isnan(b)))
        return by_zero(r);
    switch (op) {
    case '+':
        return bl_fraction(a + b);
    case '-':
        return bl_fraction(a - b);
    case '*':
        return bl_fraction(a * b);
    case '/':
        return bl_fraction(a / b);
    case 'p':
        if (a < 0 && floor(b) < b)
            bl_run_fail(r, BL_EUNSUPPORTED, "a root of a negative number");
        if (isinf(pow(a, b)) && !isinf(a) && !isinf(b))
            bl_run_fail(r, BL_EFORMAT, "a number out of range");
        return bl_fraction(pow(a, b));
    default:
        rest = fmod(a, b);
        if ((rest < 0 || rest > 0) && (rest < 0) != (b < 0))
            rest += b;
        else if (!(rest < 0 || rest > 0))
            rest = copysign(0, b);
        if (op == '%')
            return bl_fraction(rest);
        return bl_fraction(floor((a - rest) / b + 0.5));
    }
}

static int is_list(bl_value v)
{
    return v.kind == BL_VALUE_LIST && v.u.list->kind <= BL_LIST_TUPLE;
}

static bl_value join_lists(bl_run *r, bl_value a, bl_value b)
{
    bl_value out = bl_list_new(r, a.u.list->kind);
    for (size_t i = 0; i < a.u.list->count && r->status == BL_OK; i++)
        bl_list_add(r, out, a.u.list->item[i]);
    for (size_t i = 0; i < b.u.list->count && r->status == BL_OK; i++)
        bl_list_add(r, out, b.u.list->item[i]);
    return out;
}

/* Two texts; what is added to one that is safe is escaped, as in MarkupSafe. */
static bl_value join_texts(bl_run *r, const bl_chars *a, const bl_chars *b)
{
    bl_writer w = {.most = r->most};
    int safe = a->safe || b->safe;
    for (int i = 0; i < 2; i++) {
        const bl_chars *c = i ? b : a;
        if (safe && !c->safe)
            bl_spell_html(r, &w, c);
        else
            bl_write_chars(r, &w, c);
    }
    bl_value v = bl_written(r, &w);
    if (r->status == BL_OK)
        v.u.chars->safe = safe;
    return v;
}

static bl_value repeat(bl_run *r, bl_value v, int64_t times)
{
    if (v.kind == BL_VALUE_STRING) {
        bl_writer w = {.most = r->most};
        for (int64_t i = 0; i < times && v.u.chars->bytes && bl_run_step(r, 0); i++)
            bl_write_chars(r, &w, v.u.chars);
        bl_value made = bl_written(r, &w);
        if (r->status == BL_OK)
            made.u.chars->safe = v.u.chars->safe;
        return made;
    }
    bl_value out = bl_list_new(r, v.u.list->kind);
    for (int64_t i = 0; i < times && v.u.list->count && r->status == BL_OK; i++)
        for (size_t k = 0; k < v.u.list->count && r->status == BL_OK; k++)
            bl_list_add(r, out, v.u.list->item[k]);
    return out;
}

static const char *undefined_name(bl_value a, bl_value b)
{
    bl_value u = a.kind == BL_VALUE_UNDEFINED ? a : b;
    return u.kind != BL_VALUE_UNDEFINED ? NULL : u.u.name ? u.u.name : "?";
}

bl_value bl_binary(bl_run *r, unsigned op, bl_value a, bl_value b)
{
    if (bl_is_whole(a) && bl_is_whole(b))
        return of_wholes(r, op, bl_whole_of(a), bl_whole_of(b));
    if (bl_is_number(a) && bl_is_number(b))
        return of_reals(r, op, bl_number_of(a), bl_number_of(b));
    if (op == '+' && a.kind == BL_VALUE_STRING && b.kind == BL_VALUE_STRING)
        return join_texts(r, a.u.chars, b.u.chars);
    if (op == '+' && is_list(a) && is_list(b) && a.u.list->kind == b.u.list->kind)
        return join_lists(r, a, b);
    if (op == '*' && (a.kind == BL_VALUE_STRING || is_list(a)) && bl_is_whole(b))
        return repeat(r, a, bl_whole_of(b));
    if (op == '*' && (b.kind == BL_VALUE_STRING || is_list(b)) && bl_is_whole(a))
        return repeat(r, b, bl_whole_of(a));
    const char *undefined = undefined_name(a, b);
    if (undefined)
        bl_run_fail(r, BL_EFORMAT, "'%.100s' is undefined", undefined);
    else if (op == '%' && a.kind == BL_VALUE_STRING)
        bl_run_fail(r, BL_EUNSUPPORTED, "formatting a text with %% is not supported");
    else
        bl_run_fail(r, BL_EFORMAT, "the operator %c does not take a %s and a %s",
                    op == 'f'   ? '/'
                    : op == 'p' ? '*'
                                : (char)op,
                    bl_kind_name(a), bl_kind_name(b));
    return bl_none();
}

bl_value bl_signed(bl_run *r, int minus, bl_value v)
{
    if (bl_is_whole(v))
        return bl_whole(minus ? -bl_whole_of(v) : bl_whole_of(v));
    if (v.kind == BL_VALUE_FLOAT)
        return bl_fraction(minus ? -v.u.real : v.u.real);
    bl_run_fail(r, BL_EFORMAT, "a %s has no sign", bl_kind_name(v));
    return v;
}

bl_value bl_absolute(bl_run *r, bl_value v)
{
    return bl_signed(r, bl_is_number(v) && bl_number_of(v) < 0, v);
}

/* ---- numbers out of texts ---- */

/* Digits of a text with white space around them and single underscores between, as int() and
 * float() take them, copied; 0: no number, or a long one. */
static int plain_number(bl_run *r, const bl_chars *c, char copy[64])
{
    const bl_chars *s = bl_strip(r, c, NULL, BL_STRIP_LEFT | BL_STRIP_RIGHT).u.chars;
    size_t used = 0;
    for (size_t i = 0; i < s->bytes; i++) {
        char b = s->text[i];
        if ((unsigned char)b >= 0x80)
            bl_run_fail(r, BL_EUNSUPPORTED, "a number with characters beyond ASCII");
        if (used == 63 || !b)
            return 0;
        int between = b == '_' && i && i + 1 < s->bytes && s->text[i - 1] >= '0' &&
                      s->text[i - 1] <= '9' && s->text[i + 1] >= '0' && s->text[i + 1] <= '9';
        if (!between)
            copy[used++] = b;
    }
    copy[used] = 0;
    return used > 0;
}

/* A whole number in decimal; 0: it is none. */
static int read_whole(bl_run *r, const char *text, bl_value *v)
{
    int minus = *text == '-';
    int64_t n = 0;
    text += *text == '-' || *text == '+';
    if (!*text || text[strspn(text, "0123456789")])
        return 0;
    for (; *text; text++) {
        if (n > (INT64_MAX - (*text - '0')) / 10) {
            *v = beyond(r);
            return 1;
        }
        n = 10 * n + (*text - '0');
    }
    *v = bl_whole(minus ? -n : n);
    return 1;
}

static int read_real(const char *text, double *x)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end;
    int word = *digits && strchr("iInN", *digits) != NULL;
    if (!word && digits[strspn(digits, "0123456789.eE+-")])
        return 0;
    if (word && strchr(digits, '('))
        return 0;
    *x = strtod(text, &end);
    return end != text && !*end;
}

static bl_value truncated(bl_run *r, double x, bl_value otherwise)
{
    if (isnan(x) || isinf(x))
        return otherwise;
    return fabs(x) < 0x1p63 ? bl_whole((int64_t)x) : beyond(r);
}

bl_value bl_to_number(bl_run *r, bl_value v, const bl_call_list *l, int real)
{
    bl_arguments a;
    char copy[64];
    double x;
    if (!bl_bind(r, &a, l, real ? "float" : "int", real ? "default" : "default base", 0))
        return bl_none();
    if (bl_given(&a, 1) && bl_want_whole(r, a.v[1], "a base") != 10)
        bl_run_fail(r, BL_EUNSUPPORTED, "numbers of another base than 10 are not supported");
    bl_value none = bl_given(&a, 0) ? a.v[0] : real ? bl_fraction(0) : bl_whole(0);
    if (bl_is_number(v))
        return real             ? bl_fraction(bl_number_of(v))
               : bl_is_whole(v) ? bl_whole(bl_whole_of(v))
                                : truncated(r, v.u.real, none);
    if (v.kind == BL_VALUE_UNDEFINED)
        bl_run_fail(r, BL_EFORMAT, "'%.100s' is undefined", v.u.name ? v.u.name : "?");
    if (v.kind != BL_VALUE_STRING || !plain_number(r, v.u.chars, copy))
        return none;
    bl_value whole;
    if (!real && read_whole(r, copy, &whole))
        return whole;
    if (!read_real(copy, &x))
        return none;
    return real ? bl_fraction(x) : truncated(r, x, none);
}

bl_value bl_rounded(bl_run *r, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    if (!bl_bind(r, &a, l, "round", "precision method", 0))
        return bl_none();
    int64_t places = bl_given(&a, 0) ? bl_want_whole(r, a.v[0], "a precision") : 0;
    const bl_chars *how = bl_given(&a, 1) ? bl_want_chars(r, a.v[1], "a method") : NULL;
    if (!bl_is_number(v) || (bl_is_whole(v) && places < 0) || places > 15 || places < -15) {
        bl_run_fail(r, bl_is_number(v) ? BL_EUNSUPPORTED : BL_EFORMAT,
                    "rounding a %s to %lld places", bl_kind_name(v), (long long)places);
        return bl_none();
    }
    double x = bl_number_of(v), scale = pow(10, (double)places);
    if (how && bl_chars_are(how, "ceil"))
        return bl_fraction(ceil(x * scale) / scale);
    if (how && bl_chars_are(how, "floor"))
        return bl_fraction(floor(x * scale) / scale);
    if (how && !bl_chars_are(how, "common"))
        bl_run_fail(r, BL_EFORMAT, "the method of round is common, ceil or floor");
    if (bl_is_whole(v))
        return bl_whole(bl_whole_of(v));
    if (places > 0) { /* the decimal that is nearest, as printf finds it */
        char text[400];
        (void)snprintf(text, sizeof text, "%.*f", (int)places, x);
        return bl_fraction(strtod(text, NULL));
    }
    return bl_fraction(places ? nearbyint(x * scale) / scale : nearbyint(x));
}
