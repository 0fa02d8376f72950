/* Kinds of characters: code points partitioned into classes that no pattern distinguishes. */
#include "text/unicode/kinds.h"
#include "core/alloc.h"
#include "core/utf8.h"

#include <string.h>

enum { LONG_S = 0x17F, KELVIN = 0x212A };

/* The classes that are properties, in their order. */
static const int class_of_property[] = {BL_CODE_SPACE, BL_CODE_WORD_ESCAPE, BL_CODE_WORD_IN_SET,
                                        BL_CODE_PUNCTUATION};
enum { CLASSES = BL_PROPERTIES - BL_CATEGORIES };

/* While runs are sought, `of` is 1 where one begins. */
static void begin_run(bl_kinds *k, uint32_t code)
{
    if (code < BL_CODES && !k->of[code]) {
        k->of[code] = 1;
        k->runs++;
    }
}

static void set_apart(bl_kinds *k, uint32_t first, uint32_t last)
{
    begin_run(k, first);
    begin_run(k, last + 1);
}

/* Runs begin wherever a set that the rules can say begins or ends. */
static void find_runs(bl_kinds *k, const bl_split_rule *rules, size_t count)
{
    size_t used;
    for (uint32_t code = 0; code <= 0x80; code++)
        begin_run(k, code);
    set_apart(k, LONG_S, LONG_S);
    set_apart(k, KELVIN, KELVIN);
    for (size_t i = 0; i < count; i++)
        for (const char *p = rules[i].pattern; p && *p; p += used) {
            uint32_t code = bl_utf8_get(p, &used);
            set_apart(k, code, code);
        }
    for (size_t i = 0; i < bl_category_run_count; i++)
        begin_run(k, bl_category_runs[i].first);
    for (size_t n = 0; n < CLASSES; n++) {
        const bl_code_class *c = &bl_code_classes[class_of_property[n]];
        for (size_t i = 0; i < c->count; i++)
            set_apart(k, c->ranges[i].first, c->ranges[i].last);
    }
}

/* The category of a run is that of the category's run that it lies in. */
static void set_properties(bl_kinds *k)
{
    const bl_category_run *c = bl_category_runs;
    for (size_t i = 0; i < k->runs; i++) {
        bl_code_run *r = &k->run[i];
        while (c[1].first <= r->first)
            c++;
        r->properties = UINT64_C(1) << c->category;
        for (size_t n = 0; n < CLASSES; n++)
            r->properties |= (uint64_t)bl_code_is(class_of_property[n], r->first)
                             << (BL_CATEGORIES + n);
    }
}

bl_status bl_kinds_open(bl_kinds **k, const bl_split_rule *rules, size_t count, bl_error *err)
{
    bl_kinds *made = *k = bl_calloc(1, sizeof *made);
    if (made && (made->of = bl_calloc(BL_CODES, 1)) != NULL) {
        find_runs(made, rules, count);
        made->run = bl_calloc(made->runs + 1, sizeof *made->run);
        made->sets = made->member = bl_calloc(made->runs, BL_SETS);
    }
    if (!made || !made->run || !made->sets) {
        bl_kinds_close(made);
        *k = NULL;
        return bl_fail(err, BL_ENOMEM, "out of memory for the kinds of characters");
    }
    const unsigned char *at = made->of;
    for (size_t i = 0; i < made->runs; i++, at++) {
        at = memchr(at, 1, (size_t)(made->of + BL_CODES - at));
        made->run[i].first = (uint32_t)(at - made->of);
    }
    made->run[made->runs].first = BL_CODES;
    made->count = 1;
    set_properties(made);
    return BL_OK;
}

void bl_kinds_close(bl_kinds *k)
{
    if (!k)
        return;
    bl_free(k->run);
    bl_free(k->sets);
    bl_free(k->of);
    bl_free(k);
}

void bl_kinds_clear(bl_kinds *k)
{
    memset(k->member, 0, k->runs);
}

void bl_kinds_add(bl_kinds *k, uint32_t first, uint32_t last)
{
    size_t low = 0, high = k->runs;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (k->run[middle].first < first)
            low = middle + 1;
        else
            high = middle;
    }
    for (; k->run[low].first <= last; low++)
        k->member[low] = 1;
}

void bl_kinds_add_having(bl_kinds *k, uint64_t properties, int none)
{
    for (size_t i = 0; i < k->runs; i++)
        k->member[i] |= ((k->run[i].properties & properties) == 0) == none;
}

int bl_kinds_begin_set(bl_kinds *k)
{
    if (k->member == k->sets + (BL_SETS - 1) * k->runs)
        return 0;
    k->member += k->runs;
    bl_kinds_clear(k);
    return 1;
}

void bl_kinds_end_set(bl_kinds *k, int negated)
{
    const unsigned char *inner = k->member;
    k->member -= k->runs;
    for (size_t i = 0; i < k->runs; i++)
        k->member[i] |= inner[i] != negated;
}

/* The half of a kind that comes first keeps its number. */
int bl_kinds_part(bl_kinds *k)
{
    int half[BL_KINDS][2];
    memset(half, 0xFF, sizeof half);
    for (size_t i = 0; i < k->runs; i++) {
        uint32_t kind = k->run[i].kind;
        int *to = &half[kind][k->member[i]];
        if (*to < 0 && half[kind][!k->member[i]] < 0)
            *to = (int)kind;
        else if (*to < 0 && k->count == BL_KINDS)
            return 0;
        else if (*to < 0)
            *to = (int)k->count++;
        k->run[i].kind = (uint32_t)*to;
    }
    return 1;
}

void bl_kinds_members(const bl_kinds *k, unsigned char in[BL_KINDS])
{
    memset(in, 0, BL_KINDS);
    for (size_t i = 0; i < k->runs; i++)
        in[k->run[i].kind] |= k->member[i];
}

void bl_kinds_put_set(const bl_kinds *k, int negated, bl_buf *out)
{
    unsigned char in[BL_KINDS] = {0};
    size_t last = k->count;
    for (size_t i = 0; i < k->runs; i++)
        in[k->run[i].kind] = k->member[i] != negated;
    if (!memchr(in, 1, k->count)) {
        bl_buf_puts(out, "[^\\x00-\\xFF]");
        return;
    }
    bl_buf_puts(out, "[");
    for (size_t first = 0; first < k->count; first = last + 1) {
        last = first;
        if (!in[first])
            continue;
        while (last + 1 < k->count && in[last + 1])
            last++;
        bl_buf_printf(out, first < last ? "\\x%02X-\\x%02X" : "\\x%02X", (unsigned)first,
                      (unsigned)last);
    }
    bl_buf_puts(out, "]");
}

void bl_kinds_settle(bl_kinds *k)
{
    for (size_t i = 0; i < k->runs; i++) {
        const bl_code_run *r = &k->run[i];
        memset(k->of + r->first, (int)r->kind, r[1].first - r->first);
    }
}

size_t bl_kinds_map(const bl_kinds *k, const char *text, size_t bytes, unsigned char *out)
{
    size_t count = 0;
    for (size_t at = 0, used = 1; at < bytes; at += used, used = 1) {
        unsigned char byte = (unsigned char)text[at];
        out[count++] = k->of[byte < 0x80 ? byte : bl_utf8_get(text + at, &used)];
    }
    return count;
}
