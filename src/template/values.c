/* The values of a template: memory, strings, lists, dicts, and what Python says of two of them. */
#include "template/values.h"
#include "core/alloc.h"
#include "core/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST = 1 << 13, BLOCK = 1 << 16, NUMBER_STEP = 64 };

typedef struct bl_pool_block {
    struct bl_pool_block *next;
    size_t used, bytes;
    max_align_t data[];
} bl_pool_block;

void *bl_pool_take(bl_pool *p, size_t bytes)
{
    size_t want = (bytes + 15) & ~(size_t)15;
    if (bytes > p->limit || p->used + want > p->limit) {
        p->used = p->limit + 1;
        return NULL;
    }
    if (!p->block || p->block->bytes - p->block->used < want) {
        size_t step = p->used < FIRST ? FIRST : p->used < BLOCK ? p->used & ~(size_t)15 : BLOCK;
        size_t room = want > step ? want : step; /* most renderings are small */
        bl_pool_block *b = bl_calloc(1, sizeof *b + room);
        if (!b)
            return NULL;
        b->bytes = room;
        /* A large piece goes behind the block in use, which still has room. */
        if (p->block && want > BLOCK / 4) {
            b->used = room;
            b->next = p->block->next;
            p->block->next = b;
            p->used += room;
            return b->data;
        }
        b->next = p->block;
        p->block = b;
    }
    void *at = (char *)p->block->data + p->block->used;
    p->block->used += want;
    p->used += want;
    return at;
}

void bl_pool_release(bl_pool *p)
{
    for (bl_pool_block *b = p->block, *next; b; b = next) {
        next = b->next;
        bl_free(b);
    }
    p->block = NULL;
}

void bl_run_fail(bl_run *r, bl_status status, const char *format, ...)
{
    char words[400];
    if (r->status != BL_OK)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    r->status = bl_fail(r->err, status, "%s: line %zu: %s", r->what, r->line, words);
}

int bl_run_step(bl_run *r, size_t steps)
{
    if (r->status != BL_OK)
        return 0;
    r->steps += 1 + steps;
    if (r->steps > BL_RUN_STEPS)
        bl_run_fail(r, BL_EFORMAT, "the template takes more than %d steps", BL_RUN_STEPS);
    return r->status == BL_OK;
}

void *bl_run_take(bl_run *r, size_t count, size_t size)
{
    if (r->status != BL_OK || !bl_run_step(r, count / NUMBER_STEP))
        return NULL;
    void *p = count <= SIZE_MAX / size ? bl_pool_take(&r->pool, count * size) : NULL;
    if (!p && (r->pool.used > r->pool.limit || count > SIZE_MAX / size))
        bl_run_fail(r, BL_EFORMAT, "the template takes more than %zu bytes of memory",
                    r->pool.limit);
    else if (!p)
        bl_run_fail(r, BL_ENOMEM, "out of memory");
    return p;
}

/* ---- simple values ---- */

bl_value bl_undefined(const char *name)
{
    return (bl_value){.kind = BL_VALUE_UNDEFINED, .u.name = name};
}

bl_value bl_none(void)
{
    return (bl_value){.kind = BL_VALUE_NONE};
}

bl_value bl_bool(int truth)
{
    return (bl_value){.kind = BL_VALUE_BOOL, .u.truth = truth != 0};
}

bl_value bl_whole(int64_t n)
{
    return (bl_value){.kind = BL_VALUE_INT, .u.whole = n};
}

bl_value bl_fraction(double x)
{
    return (bl_value){.kind = BL_VALUE_FLOAT, .u.real = x};
}

int bl_is_whole(bl_value v)
{
    return v.kind == BL_VALUE_INT || v.kind == BL_VALUE_BOOL;
}

int bl_is_number(bl_value v)
{
    return bl_is_whole(v) || v.kind == BL_VALUE_FLOAT;
}

int64_t bl_whole_of(bl_value v)
{
    return v.kind == BL_VALUE_BOOL ? v.u.truth : v.u.whole;
}

double bl_number_of(bl_value v)
{
    return v.kind == BL_VALUE_FLOAT ? v.u.real : (double)bl_whole_of(v);
}

/* ---- strings ---- */

static const bl_chars no_chars = {.text = "", .count = 0};

bl_value bl_string_of(bl_run *r, const bl_chars *c)
{
    bl_chars *copy = bl_run_take(r, 1, sizeof *copy);
    if (copy)
        *copy = *c;
    return (bl_value){.kind = BL_VALUE_STRING, .u.chars = copy ? copy : (bl_chars *)&no_chars};
}

bl_value bl_string(bl_run *r, const char *text, size_t bytes)
{
    char *copy = bl_run_take(r, bytes + 1, 1);
    if (copy && bytes)
        memcpy(copy, text, bytes);
    return bl_string_of(r, copy ? &(bl_chars){.text = copy, .bytes = bytes, .count = SIZE_MAX}
                                : &no_chars);
}

bl_value bl_text(bl_run *r, const char *text)
{
    return bl_string_of(r, &(bl_chars){.text = text, .bytes = strlen(text), .count = SIZE_MAX});
}

bl_value bl_part(bl_run *r, const bl_chars *c, size_t from, size_t to)
{
    bl_chars part = *c;
    part.text += from;
    if (part.marks)
        part.marks += from;
    part.bytes = to - from;
    part.count = from == 0 && to == c->bytes ? c->count : SIZE_MAX;
    return bl_string_of(r, &part);
}

size_t bl_chars_count(bl_chars *c)
{
    if (c->count == SIZE_MAX) {
        size_t n = 0;
        for (size_t i = 0; i < c->bytes; i++)
            n += ((unsigned char)c->text[i] & 0xC0) != 0x80;
        c->count = n;
    }
    return c->count;
}

size_t bl_chars_offset(const bl_chars *c, size_t number)
{
    if (c->count == c->bytes)
        return number;
    size_t at = 0;
    while (number-- && at < c->bytes)
        at += bl_utf8_length((unsigned char)c->text[at]);
    return at;
}

int bl_chars_are(const bl_chars *c, const char *text)
{
    return c->bytes == strlen(text) && memcmp(c->text, text, c->bytes) == 0;
}

/* ---- lists and dicts ---- */

static bl_list no_list;
static bl_dict no_dict;

/* Room for one more of `count` values. */
static int room(bl_run *r, bl_value **items, size_t count, size_t cap, size_t *more)
{
    if (count < cap)
        return r->status == BL_OK;
    *more = cap ? 2 * cap : 4;
    bl_value *grown = bl_run_take(r, *more, sizeof *grown);
    if (!grown)
        return 0;
    if (count)
        memcpy(grown, *items, count * sizeof *grown);
    *items = grown;
    return 1;
}

bl_value bl_list_new(bl_run *r, bl_list_kind kind)
{
    bl_list *l = bl_run_take(r, 1, sizeof *l);
    if (l)
        l->kind = kind;
    return (bl_value){.kind = BL_VALUE_LIST, .u.list = l ? l : &no_list};
}

void bl_list_add(bl_run *r, bl_value list, bl_value item)
{
    bl_list *l = list.u.list;
    size_t cap = l->cap;
    if (l == &no_list || !bl_run_step(r, 0) || !room(r, &l->item, l->count, l->cap, &cap))
        return;
    l->cap = cap;
    l->item[l->count++] = item;
}

bl_value bl_pair(bl_run *r, bl_value a, bl_value b)
{
    bl_value pair = bl_list_new(r, BL_LIST_TUPLE);
    bl_list_add(r, pair, a);
    bl_list_add(r, pair, b);
    return pair;
}

bl_value bl_dict_new(bl_run *r)
{
    bl_dict *d = bl_run_take(r, 1, sizeof *d);
    return (bl_value){.kind = BL_VALUE_DICT, .u.dict = d ? d : &no_dict};
}

static int is_hashable(bl_run *r, bl_value v)
{
    int ok =
        v.kind != BL_VALUE_DICT && (v.kind != BL_VALUE_LIST || v.u.list->kind == BL_LIST_TUPLE);
    if (ok && v.kind == BL_VALUE_LIST && bl_run_enter(r)) {
        for (size_t i = 0; ok && i < v.u.list->count; i++)
            ok = is_hashable(r, v.u.list->item[i]);
        bl_run_leave(r);
    }
    return ok;
}

bl_value *bl_dict_find(bl_run *r, const bl_dict *d, bl_value key)
{
    if (!is_hashable(r, key)) {
        bl_run_fail(r, BL_EFORMAT, "a %s cannot be the key of a dict", bl_kind_name(key));
        return NULL;
    }
    if (!bl_run_step(r, d->count / 8))
        return NULL;
    for (size_t i = 0; i < d->count; i++)
        if (bl_equal(r, d->key[i], key))
            return &d->value[i];
    return NULL;
}

bl_value *bl_dict_named(bl_run *r, const bl_dict *d, const char *name)
{
    bl_chars c = {.text = name, .bytes = strlen(name), .count = SIZE_MAX};
    return bl_dict_find(r, d, (bl_value){.kind = BL_VALUE_STRING, .u.chars = &c});
}

void bl_dict_set(bl_run *r, bl_value dict, bl_value key, bl_value value)
{
    bl_dict *d = dict.u.dict;
    bl_value *there = d == &no_dict ? NULL : bl_dict_find(r, d, key);
    if (there)
        *there = value;
    size_t cap = d->cap;
    if (there || d == &no_dict || !room(r, &d->key, d->count, d->cap, &cap) ||
        !room(r, &d->value, d->count, d->cap, &cap))
        return;
    d->cap = cap;
    d->key[d->count] = key;
    d->value[d->count++] = value;
}

/* ---- what Python says of values ---- */

const char *bl_kind_name(bl_value v)
{
    static const char *const names[] = {"Undefined", "NoneType", "bool",       "int",       "float",
                                        "str",       "list",     "dict",       "Namespace", "Macro",
                                        "method",    "function", "LoopContext"};
    static const char *const lists[] = {"list", "tuple", "range", "dict_items", "generator"};
    return v.kind == BL_VALUE_LIST ? lists[v.u.list->kind] : names[v.kind];
}

int bl_truth(bl_value v)
{
    switch ((bl_value_kind)v.kind) {
    case BL_VALUE_UNDEFINED:
    case BL_VALUE_NONE:
        return 0;
    case BL_VALUE_BOOL:
        return v.u.truth;
    case BL_VALUE_INT:
        return v.u.whole != 0;
    case BL_VALUE_FLOAT:
        return v.u.real < 0 || v.u.real > 0 || isnan(v.u.real);
    case BL_VALUE_STRING:
        return v.u.chars->bytes > 0;
    case BL_VALUE_LIST:
        return v.u.list->count > 0 || v.u.list->kind == BL_LIST_GENERATOR;
    case BL_VALUE_DICT:
        return v.u.dict->count > 0;
    default:
        return 1;
    }
}

int bl_run_enter(bl_run *r)
{
    if (r->nesting >= BL_RUN_NESTING)
        bl_run_fail(r, BL_EFORMAT, "lists or dicts inside each other more than %d deep",
                    BL_RUN_NESTING);
    if (!bl_run_step(r, 0))
        return 0;
    r->nesting++;
    return 1;
}

void bl_run_leave(bl_run *r)
{
    r->nesting--;
}

/* Python compares an int with a float exactly. */
static int order_of_numbers(bl_value a, bl_value b)
{
    if (bl_is_whole(a) && bl_is_whole(b))
        return (bl_whole_of(a) > bl_whole_of(b)) - (bl_whole_of(a) < bl_whole_of(b));
    if (bl_is_whole(b))
        return -order_of_numbers(b, a);
    double x = bl_number_of(a), y = bl_number_of(b);
    if (bl_is_whole(a) && y >= -0x1p63 && y < 0x1p63) {
        int64_t n = bl_whole_of(a), whole = (int64_t)y;
        double rest = y - (double)whole;
        if (n != whole)
            return n > whole ? 1 : -1;
        return (rest < 0) - (rest > 0);
    }
    return (x > y) - (x < y);
}

static int is_nan(bl_value v)
{
    return v.kind == BL_VALUE_FLOAT && isnan(v.u.real);
}

static int equal_lists(bl_run *r, const bl_list *a, const bl_list *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return 0;
    for (size_t i = 0; i < a->count; i++)
        if (!bl_equal(r, a->item[i], b->item[i]))
            return 0;
    return 1;
}

static int equal_dicts(bl_run *r, const bl_dict *a, const bl_dict *b)
{
    if (a->count != b->count)
        return 0;
    for (size_t i = 0; i < a->count; i++) {
        const bl_value *other = bl_dict_find(r, b, a->key[i]);
        if (!other || !bl_equal(r, a->value[i], *other))
            return 0;
    }
    return 1;
}

static int equal_deep(bl_run *r, bl_value a, bl_value b)
{
    if (!bl_run_enter(r))
        return 0;
    int equal = a.kind == BL_VALUE_LIST ? equal_lists(r, a.u.list, b.u.list)
                                        : equal_dicts(r, a.u.dict, b.u.dict);
    bl_run_leave(r);
    return equal;
}

int bl_equal(bl_run *r, bl_value a, bl_value b)
{
    if (bl_is_number(a) && bl_is_number(b))
        return !is_nan(a) && !is_nan(b) && order_of_numbers(a, b) == 0;
    if (a.kind != b.kind)
        return 0;
    switch ((bl_value_kind)a.kind) {
    case BL_VALUE_UNDEFINED:
    case BL_VALUE_NONE:
        return 1;
    case BL_VALUE_STRING:
        return a.u.chars->bytes == b.u.chars->bytes &&
               bl_run_step(r, a.u.chars->bytes / NUMBER_STEP) &&
               (!a.u.chars->bytes ||
                memcmp(a.u.chars->text, b.u.chars->text, a.u.chars->bytes) == 0);
    case BL_VALUE_LIST:
        return a.u.list == b.u.list || (a.u.list->kind != BL_LIST_GENERATOR && equal_deep(r, a, b));
    case BL_VALUE_DICT:
        return a.u.dict == b.u.dict || equal_deep(r, a, b);
    case BL_VALUE_METHOD:
    case BL_VALUE_FUNCTION:
        return a.number == b.number && a.u.owner == b.u.owner;
    default:
        return a.u.dict == b.u.dict;
    }
}

static int compare_lists(bl_run *r, const bl_list *a, const bl_list *b)
{
    size_t i = 0, n = a->count < b->count ? a->count : b->count;
    while (i < n && bl_equal(r, a->item[i], b->item[i]))
        i++;
    if (i < n)
        return bl_compare(r, a->item[i], b->item[i]);
    return (a->count > b->count) - (a->count < b->count);
}

int bl_compare(bl_run *r, bl_value a, bl_value b)
{
    if (bl_is_number(a) && bl_is_number(b))
        return order_of_numbers(a, b);
    if (a.kind == BL_VALUE_STRING && b.kind == BL_VALUE_STRING) {
        size_t x = a.u.chars->bytes, y = b.u.chars->bytes, n = x < y ? x : y;
        int order =
            n && bl_run_step(r, n / NUMBER_STEP) ? memcmp(a.u.chars->text, b.u.chars->text, n) : 0;
        return order ? (order > 0 ? 1 : -1) : (x > y) - (x < y);
    }
    if (a.kind == BL_VALUE_LIST && b.kind == BL_VALUE_LIST && a.u.list->kind == b.u.list->kind &&
        a.u.list->kind <= BL_LIST_TUPLE && bl_run_enter(r)) {
        int order = compare_lists(r, a.u.list, b.u.list);
        bl_run_leave(r);
        return order;
    }
    bl_run_fail(r, BL_EFORMAT, "%s and %s have no order", bl_kind_name(a), bl_kind_name(b));
    return 0;
}

size_t bl_chars_find(bl_run *r, const bl_chars *in, const bl_chars *what, size_t at)
{
    if (!what->bytes)
        return at <= in->bytes ? at : SIZE_MAX;
    for (; at <= in->bytes && what->bytes <= in->bytes - at; at++) {
        const char *p = memchr(in->text + at, what->text[0], in->bytes - at - what->bytes + 1);
        if (!p || !bl_run_step(r, ((size_t)(p - in->text) - at + what->bytes) / NUMBER_STEP))
            return SIZE_MAX;
        at = (size_t)(p - in->text);
        if (memcmp(p, what->text, what->bytes) == 0)
            return at;
    }
    return SIZE_MAX;
}

int bl_contains(bl_run *r, bl_value in, bl_value what)
{
    if (in.kind == BL_VALUE_STRING) {
        if (what.kind != BL_VALUE_STRING) {
            bl_run_fail(r, BL_EFORMAT, "whether a %s is in a text has no answer",
                        bl_kind_name(what));
            return 0;
        }
        return bl_chars_find(r, in.u.chars, what.u.chars, 0) != SIZE_MAX;
    }
    if (in.kind == BL_VALUE_DICT)
        return bl_dict_find(r, in.u.dict, what) != NULL;
    const bl_list *l = bl_items(r, in);
    for (size_t i = 0; i < l->count && bl_run_step(r, 0); i++)
        if (bl_equal(r, l->item[i], what))
            return 1;
    return 0;
}

int bl_is_iterable(bl_value v)
{
    return v.kind == BL_VALUE_UNDEFINED || v.kind == BL_VALUE_STRING || v.kind == BL_VALUE_LIST ||
           v.kind == BL_VALUE_DICT || v.kind == BL_VALUE_LOOP;
}

static bl_list *characters(bl_run *r, const bl_chars *c)
{
    bl_value l = bl_list_new(r, BL_LIST_PLAIN);
    for (size_t at = 0, n; at < c->bytes && r->status == BL_OK; at += n) {
        n = bl_utf8_length((unsigned char)c->text[at]);
        bl_list_add(r, l, bl_part(r, c, at, at + n));
    }
    return l.u.list;
}

bl_list *bl_items(bl_run *r, bl_value v)
{
    if (v.kind == BL_VALUE_STRING)
        return characters(r, v.u.chars);
    if (v.kind == BL_VALUE_LIST && v.u.list->kind != BL_LIST_GENERATOR)
        return v.u.list;
    bl_list *l = bl_list_new(r, BL_LIST_PLAIN).u.list;
    if (v.kind == BL_VALUE_LIST && l != &no_list) {
        bl_list *from = v.u.list;
        *l = (bl_list){.item = from->count ? from->item + from->at : NULL,
                       .count = from->count - from->at};
        l->cap = l->count;
        from->at = from->count;
    } else if (v.kind == BL_VALUE_DICT && l != &no_list) {
        *l = (bl_list){.item = v.u.dict->key, .count = v.u.dict->count};
        l->cap = l->count;
    } else if (v.kind != BL_VALUE_UNDEFINED) {
        bl_run_fail(r, BL_EFORMAT, "a %s cannot be gone through", bl_kind_name(v));
    }
    return l;
}
