/* The tests of templates: `x is defined`. */
#include "template/checks.h"
#include "template/arguments.h"
#include "template/cases.h"
#include "template/builtins.h"
#include "template/spelled.h"

#include <math.h>
#include <string.h>

/* Tests of the value alone. */
static int is_kind(unsigned number, bl_value v)
{
    switch (number) {
    case BL_TEST_boolean:
        return v.kind == BL_VALUE_BOOL;
    case BL_TEST_callable:
        return v.kind == BL_VALUE_MACRO || v.kind == BL_VALUE_METHOD ||
               v.kind == BL_VALUE_FUNCTION || v.kind == BL_VALUE_LOOP ||
               v.kind == BL_VALUE_UNDEFINED;
    case BL_TEST_defined:
        return v.kind != BL_VALUE_UNDEFINED;
    case BL_TEST_undefined:
        return v.kind == BL_VALUE_UNDEFINED;
    case BL_TEST_escaped:
        return v.kind == BL_VALUE_STRING && v.u.chars->safe;
    case BL_TEST_false:
        return v.kind == BL_VALUE_BOOL && !v.u.truth;
    case BL_TEST_true:
        return v.kind == BL_VALUE_BOOL && v.u.truth;
    case BL_TEST_float:
        return v.kind == BL_VALUE_FLOAT;
    case BL_TEST_integer:
        return v.kind == BL_VALUE_INT;
    case BL_TEST_number:
        return bl_is_number(v);
    case BL_TEST_iterable:
        return bl_is_iterable(v);
    case BL_TEST_mapping:
        return v.kind == BL_VALUE_DICT;
    case BL_TEST_none:
        return v.kind == BL_VALUE_NONE;
    case BL_TEST_sequence:
        return v.kind == BL_VALUE_STRING || v.kind == BL_VALUE_DICT ||
               v.kind == BL_VALUE_UNDEFINED ||
               (v.kind == BL_VALUE_LIST && v.u.list->kind <= BL_LIST_RANGE);
    case BL_TEST_string:
        return v.kind == BL_VALUE_STRING;
    default:
        return -1;
    }
}

/* Is the text of a value in one case? */
static int is_case(bl_run *r, bl_value v, bl_class which)
{
    return bl_chars_class(r, bl_spelled(r, v).u.chars, which);
}

static int is_divisible(bl_run *r, bl_value v, int64_t by, int64_t rest)
{
    if (v.kind == BL_VALUE_FLOAT)
        return isfinite(v.u.real) && by &&
               !islessgreater(fabs(fmod(v.u.real, (double)by)), (double)rest);
    int64_t n = bl_want_whole(r, v, "what is tested");
    if (!by)
        bl_run_fail(r, BL_EFORMAT, "a division by zero");
    if (r->status != BL_OK || by == -1)
        return rest == 0;
    return n % by == rest || n % by == -rest;
}

static int is_named(bl_value v, int (*number)(const char *))
{
    char name[64];
    if (v.kind != BL_VALUE_STRING || v.u.chars->bytes >= sizeof name)
        return 0;
    memcpy(name, v.u.chars->text, v.u.chars->bytes);
    name[v.u.chars->bytes] = 0;
    return number(name) >= 0;
}

static int is_related(bl_run *r, unsigned number, bl_value v, bl_value other)
{
    switch (number) {
    case BL_TEST_eq:
    case BL_TEST_eq_sign:
    case BL_TEST_equalto:
        return bl_equal(r, v, other);
    case BL_TEST_ne:
    case BL_TEST_ne_sign:
        return !bl_equal(r, v, other);
    case BL_TEST_lt:
    case BL_TEST_lt_sign:
    case BL_TEST_lessthan:
        return bl_compare(r, v, other) < 0;
    case BL_TEST_le:
    case BL_TEST_le_sign:
        return bl_compare(r, v, other) <= 0;
    case BL_TEST_gt:
    case BL_TEST_gt_sign:
    case BL_TEST_greaterthan:
        return bl_compare(r, v, other) > 0;
    case BL_TEST_ge:
    case BL_TEST_ge_sign:
        return bl_compare(r, v, other) >= 0;
    case BL_TEST_in:
        return bl_contains(r, other, v);
    case BL_TEST_divisibleby:
        return is_divisible(r, v, bl_want_whole(r, other, "what divides"), 0);
    default: /* sameas */
        if (bl_is_number(v) || v.kind == BL_VALUE_STRING)
            return v.kind == other.kind && v.kind == BL_VALUE_BOOL && bl_equal(r, v, other);
        return v.kind == other.kind && (v.kind == BL_VALUE_NONE || v.u.list == other.u.list);
    }
}

int bl_check(bl_run *r, unsigned number, bl_value v, const bl_call_list *l)
{
    bl_arguments a;
    int kind = is_kind(number, v);
    int alone = kind >= 0 || number == BL_TEST_lower || number == BL_TEST_upper ||
                number == BL_TEST_odd || number == BL_TEST_even || number == BL_TEST_filter ||
                number == BL_TEST_test;
    if (!bl_bind(r, &a, l, "this test", alone ? "" : "other", alone ? 0 : 1))
        return 0;
    if (kind >= 0)
        return kind;
    if (number == BL_TEST_lower || number == BL_TEST_upper)
        return is_case(r, v, number == BL_TEST_lower ? BL_CLASS_LOWER : BL_CLASS_UPPER);
    if (number == BL_TEST_odd || number == BL_TEST_even)
        return is_divisible(r, v, 2, number == BL_TEST_odd);
    if (number == BL_TEST_filter || number == BL_TEST_test)
        return is_named(v, number == BL_TEST_filter ? bl_filter_number : bl_test_number);
    return is_related(r, number, v, a.v[0]);
}
