/* Schemas of arrays, strings and numbers. */
#include "constrain/schema_parts.h"

#include <math.h>
#include <string.h>

/* ---- arrays ---- */

/* The schemas of the first elements, and that of the others or NULL. */
static bl_status find_items(bl_schema_writer *w, const json_t *schema, json_t **first,
                            json_t **others)
{
    *first = json_object_get(schema, "prefixItems");
    *others = json_object_get(schema, "items");
    if (json_is_array(*others) && !*first) { /* as it was before prefixItems */
        *first = *others;
        *others = NULL;
    }
    if (*first && !json_is_array(*first))
        return bl_schema_refuse(w, BL_EFORMAT, "prefixItems is a list of schemas");
    if (json_is_true(json_object_get(schema, "uniqueItems")))
        return bl_schema_refuse(w, BL_EUNSUPPORTED, "the keyword uniqueItems is not supported");
    return BL_OK;
}

/* `least` to `most` (UINT64_MAX: any number) elements of one rule behind those that are there. */
static void put_others(bl_buf *to, const char *rule, uint64_t least, uint64_t most, int any)
{
    char bounds[48];
    if (!most)
        return;
    if (!any) { /* the first one comes without a comma */
        bl_buf_printf(to, "(%s ws ", rule);
        put_others(to, rule, least ? least - 1 : 0, most == UINT64_MAX ? most : most - 1, 1);
        bl_buf_puts(to, least ? ")" : ")?");
        return;
    }
    if (most == UINT64_MAX)
        (void)snprintf(bounds, sizeof bounds, "{%llu,}", (unsigned long long)least);
    else
        (void)snprintf(bounds, sizeof bounds, "{%llu,%llu}", (unsigned long long)least,
                       (unsigned long long)most);
    bl_buf_printf(to, "(\",\" ws %s ws)%s", rule, bounds);
}

bl_status bl_schema_array(bl_schema_writer *w, bl_buf *to, json_t *schema)
{
    json_t *first, *others;
    uint64_t least, most;
    BL_TRY(find_items(w, schema, &first, &others));
    BL_TRY(bl_schema_whole(w, schema, "minItems", 0, &least));
    BL_TRY(bl_schema_whole(w, schema, "maxItems", UINT64_MAX, &most));
    if (most < least)
        return bl_schema_refuse(w, BL_EFORMAT, "maxItems is less than minItems");
    size_t given = json_array_size(first) < most ? json_array_size(first) : (size_t)most;
    bl_buf_puts(to, "\"[\" ws ");
    for (size_t i = 0; i < given; i++) {
        char index[24];
        (void)snprintf(index, sizeof index, "%zu", i);
        size_t back = bl_schema_down(w, "prefixItems", index);
        bl_buf_puts(to, i ? " \",\" ws " : "");
        BL_TRY(w->put(w, to, json_array_get(first, i)));
        bl_buf_puts(to, " ws");
        bl_schema_up(w, back);
    }
    if (first && !others) /* what nobody asks for is not written */
        most = least > given ? least : given;
    bl_buf rule;
    bl_buf_init(&rule);
    size_t back = bl_schema_down(w, "items", NULL);
    bl_status status = BL_OK;
    if (others)
        status = w->put(w, &rule, others);
    else
        bl_buf_puts(&rule, "value");
    bl_schema_up(w, back);
    if (status == BL_OK)
        status = bl_buf_status(&rule, w->err);
    bl_buf_puts(to, " ");
    if (status == BL_OK)
        put_others(to, rule.data, least > given ? least - given : 0,
                   most == UINT64_MAX ? most : most - given, given > 0);
    bl_buf_puts(to, " \"]\"");
    bl_buf_release(&rule);
    return status;
}

/* ---- strings ---- */

static bl_status put_format(bl_schema_writer *w, bl_buf *to, const char *format)
{
    static const char *const known[] = {"date", "time", "uuid", "ipv4"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(format, known[i]) == 0) {
            bl_buf_puts(to, format);
            return BL_OK;
        }
    if (strcmp(format, "date-time") != 0)
        return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                "the format %.60s is not one of date, time, date-time, uuid, ipv4",
                                format);
    bl_buf_puts(to, "date \"T\" time");
    return BL_OK;
}

bl_status bl_schema_string(bl_schema_writer *w, bl_buf *to, const json_t *schema)
{
    const json_t *pattern = json_object_get(schema, "pattern");
    const json_t *format = json_object_get(schema, "format");
    uint64_t least, most;
    BL_TRY(bl_schema_whole(w, schema, "minLength", 0, &least));
    BL_TRY(bl_schema_whole(w, schema, "maxLength", UINT64_MAX, &most));
    int counted = least || most != UINT64_MAX;
    if ((pattern && !json_is_string(pattern)) || (format && !json_is_string(format)))
        return bl_schema_refuse(w, BL_EFORMAT, "pattern and format are texts");
    if ((pattern != NULL) + (format != NULL) + counted > 1)
        return bl_schema_refuse(w, BL_EUNSUPPORTED,
                                "only one of pattern, format and minLength with maxLength at once");
    if (most < least)
        return bl_schema_refuse(w, BL_EFORMAT, "maxLength is less than minLength");
    bl_buf_puts(to, "\"\\\"\" (");
    if (pattern)
        BL_TRY(bl_schema_pattern(w, to, json_string_value(pattern)));
    else if (format)
        BL_TRY(put_format(w, to, json_string_value(format)));
    else if (most == UINT64_MAX)
        bl_buf_printf(to, "char{%llu,}", (unsigned long long)least);
    else
        bl_buf_printf(to, "char{%llu,%llu}", (unsigned long long)least, (unsigned long long)most);
    bl_buf_puts(to, ") \"\\\"\"");
    return BL_OK;
}

/* ---- numbers between bounds, as decimals ---- */

enum { DIGITS = 15, DECIMALS = 6 };

static int64_t power(int n)
{
    int64_t p = 1;
    while (n-- > 0)
        p *= 10;
    return p;
}

/* All strings of n digits from low to high, with a point before the last `decimals`. */
static void put_span(bl_buf *to, const char *low, const char *high, size_t n, size_t decimals)
{
    static const char zeros[] = "0000000000000000000", nines[] = "9999999999999999999";
    if (n == decimals && n)
        bl_buf_puts(to, "\".\" ");
    if (!n)
        return;
    if (strncmp(low, zeros, n) == 0 && strncmp(high, nines, n) == 0) {
        if (decimals && n > decimals)
            bl_buf_printf(to, "[0-9]{%zu} \".\" [0-9]{%zu}", n - decimals, decimals);
        else
            bl_buf_printf(to, "[0-9]{%zu}", n);
        return;
    }
    if (*low == *high) {
        bl_buf_printf(to, "\"%c\" ", *low);
        put_span(to, low + 1, high + 1, n - 1, decimals);
        return;
    }
    bl_buf_printf(to, "(\"%c\" ", *low);
    put_span(to, low + 1, nines, n - 1, decimals);
    if (*high - *low > 1) {
        bl_buf_printf(to, " | [%c-%c] ", *low + 1, *high - 1);
        put_span(to, zeros, nines, n - 1, decimals);
    }
    bl_buf_printf(to, " | \"%c\" ", *high);
    put_span(to, zeros, high + 1, n - 1, decimals);
    bl_buf_puts(to, ")");
}

/* Numbers from low to high, both at least 0, in units of the last decimal. */
static void put_magnitudes(bl_buf *to, int64_t low, int64_t high, int decimals, const char *sign,
                           size_t *put)
{
    for (int width = decimals + 1; width <= DIGITS + 1; width++) {
        char a[24], b[24];
        int64_t least = width == decimals + 1 ? 0 : power(width - 1), most = power(width) - 1;
        least = least > low ? least : low;
        most = most < high ? most : high;
        if (least > most)
            continue;
        (void)snprintf(a, sizeof a, "%0*lld", width, (long long)least);
        (void)snprintf(b, sizeof b, "%0*lld", width, (long long)most);
        bl_buf_printf(to, "%s%s", (*put)++ ? " | " : "", sign);
        put_span(to, a, b, (size_t)width, (size_t)decimals);
    }
}

static void put_between(bl_buf *to, int64_t low, int64_t high, int decimals, size_t *put)
{
    if (low > high)
        return;
    if (low < 0)
        put_magnitudes(to, high < 0 ? -high : 1, -low, decimals, "\"-\" ", put);
    if (high >= 0)
        put_magnitudes(to, low > 0 ? low : 0, high, decimals, "", put);
}

/* A bound in units of 10^-decimals, as fine as a bound may be; a whole number is at most 1e15. */
static bl_status find_bound(bl_schema_writer *w, const json_t *schema, const char *keyword,
                            const char *beyond, int sign, int decimals, int64_t *bound)
{
    const int64_t most = power(DIGITS);
    *bound = sign * most;
    for (int strict = 0; strict < 2; strict++) {
        const char *name = strict ? beyond : keyword;
        const json_t *given = json_object_get(schema, name);
        double scaled = json_number_value(given) * (double)power(decimals);
        double near = sign < 0 ? ceil(scaled) : floor(scaled);
        if (!given)
            continue;
        if (!json_is_number(given) || !(fabs(scaled) < (double)most))
            return bl_schema_refuse(w, BL_EUNSUPPORTED, "%s is a number between -1e%d and 1e%d",
                                    name, DIGITS - decimals, DIGITS - decimals);
        if (decimals && fabs(scaled - nearbyint(scaled)) > 1e-3)
            return bl_schema_refuse(w, BL_EUNSUPPORTED, "%s has at most %d decimals", name,
                                    decimals);
        if (decimals)
            near = nearbyint(scaled);
        int on_it = decimals || !(near < scaled || near > scaled);
        int64_t n = (int64_t)near - (strict && on_it ? sign : 0);
        *bound = sign < 0 ? (n > *bound ? n : *bound) : (n < *bound ? n : *bound);
    }
    return BL_OK;
}

static int64_t floor_of(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

bl_status bl_schema_number(bl_schema_writer *w, bl_buf *to, const json_t *schema, int whole)
{
    int64_t low, high;
    size_t put = 0;
    int finest = whole ? 0 : DECIMALS;
    BL_TRY(find_bound(w, schema, "minimum", "exclusiveMinimum", -1, finest, &low));
    BL_TRY(find_bound(w, schema, "maximum", "exclusiveMaximum", 1, finest, &high));
    if (low == -power(DIGITS) && high == power(DIGITS)) {
        bl_buf_puts(to, whole ? "integer" : "number");
        return BL_OK;
    }
    for (int decimals = 0; decimals <= finest; decimals++) {
        int64_t unit = power(finest - decimals);
        put_between(to, -floor_of(-low, unit), floor_of(high, unit), decimals, &put);
    }
    bl_buf_puts(to, put ? "" : "[]");
    return BL_OK;
}
