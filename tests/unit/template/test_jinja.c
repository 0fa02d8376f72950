/* Templates against what Jinja2 says (a fixture of tests/oracle/template_diff.py), where their bytes
 * come from, and templates that were made to hurt. */
#include "scratch.h"

#include "core/call.h"
#include "core/clock.h"
#include "template/jinja.h"

#include <stdlib.h>
#include <string.h>

#define FIXTURE BL_TEST_DATA "/fixtures/templates/jinja.json"

static json_t *fixture;

/* Compiles and renders; `made` is to be released. */
static bl_status render(const char *text, size_t bytes, const json_t *own, const json_t *input,
                        int64_t now, bl_rendering *made)
{
    bl_program *p;
    bl_call call;
    *made = (bl_rendering){.text = NULL};
    bl_call_begin(&call, &failure);
    bl_status status = bl_program_open(&p, "t", text, bytes, &failure);
    if (status == BL_OK)
        status = bl_program_render(p, own, input, bytes, now, made, &failure);
    bl_program_close(p);
    return bl_call_end(&call, status, &failure);
}

static void fixture_is_jinjas(void **state)
{
    (void)state;
    size_t i, wrong = 0, refused = 0;
    json_t *one;
    const json_t *variables = json_object_get(fixture, "variables");
    json_int_t now = json_integer_value(json_object_get(fixture, "now"));
    json_array_foreach (json_object_get(fixture, "cases"), i, one) {
        const json_t *text = json_array_get(one, 0), *wanted = json_array_get(one, 1);
        bl_rendering made;
        bl_status status =
            render(json_string_value(text), json_string_length(text), NULL, variables, now, &made);
        int right = json_is_null(wanted)
                        ? status != BL_OK
                        : status == BL_OK && made.bytes == json_string_length(wanted) &&
                              (!made.bytes ||
                               memcmp(made.text, json_string_value(wanted), made.bytes) == 0);
        refused += status != BL_OK;
        if (status != BL_OK)
            assert_non_null(strstr(failure.message, "t: line "));
        if (!right && wrong++ < 10)
            print_error("%s\n  wanted %s\n  made   %.*s%s\n", json_string_value(text),
                        json_is_null(wanted) ? "a refusal" : json_string_value(wanted),
                        (int)made.bytes, made.bytes ? made.text : "",
                        status != BL_OK ? failure.message : "");
        bl_rendering_release(&made);
    }
    print_message("%zu templates, %zu refused by both, %zu differences\n", i, refused, wrong);
    assert_true(i > 800 && refused > 150);
    assert_int_equal(wrong, 0);
}

static void unsupported_is_said(void **state)
{
    (void)state;
    size_t i;
    json_t *text;
    json_array_foreach (json_object_get(fixture, "unsupported"), i, text) {
        bl_rendering made;
        bl_status status = render(json_string_value(text), json_string_length(text), NULL,
                                  json_object_get(fixture, "variables"), 0, &made);
        if (status != BL_EUNSUPPORTED)
            print_error("%s: %d\n", json_string_value(text), (int)status);
        assert_int_equal(status, BL_EUNSUPPORTED);
        assert_non_null(strstr(failure.message, "t: line 1: "));
        bl_rendering_release(&made);
    }
    assert_true(i > 30);
}

/* ---- messages ---- */

static void lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a\n\n{% if x %}\n{{ nope.x }}{% endif %}", "t: line 4: 'nope' is undefined"},
        {"{# a\n\n #}\n{{ raise_exception('Only user') }}",
         "t: line 4: the template refuses these messages: Only user"},
        {"\n{% for x in y %}\nz", "t: line 3: a block that begins in line 2 has no endfor"},
        {"\r\n\r\n{{ x | nope }}", "t: line 3: no filter is called nope"},
        {"{% macro m() %}\n{{ 1 // 0 }}\n{% endmacro %}\n{{ m() }}",
         "t: line 2: a division by zero"},
        {"x\n{% include 'y' %}", "t: line 2: the statement include is not supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *x = json_pack("{s: b}", "x", 1);
        bl_rendering made;
        assert_int_not_equal(render(cases[i].text, strlen(cases[i].text), NULL, x, 0, &made),
                             BL_OK);
        if (!strstr(failure.message, cases[i].says))
            print_error("%s\n", failure.message);
        assert_non_null(strstr(failure.message, cases[i].says));
        json_decref(x);
    }
}

/* ---- where bytes come from ---- */

/* 'i' input, 'a' answer, 'b' both, '.' neither. */
static void shape(const bl_rendering *r, char *to)
{
    for (size_t i = 0; i < r->bytes; i++)
        to[i] = ".iab"[r->marks ? r->marks[i] & 3 : 0];
    to[r->bytes] = 0;
}

static void input_stays_marked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *made, *marks;
    } cases[] = {
        {"<{{ u }}>", "<AbC dE>", ".iiiiii."},
        {"{{ u | upper }}{{ b }}", "ABC DE<s>", "iiiiii..."},
        {"{{ u.split(' ')[1] ~ '-' + u[0] }}", "dE-A", "ii.i"},
        {"{{ (' ' + u + ' ') | trim }}|{{ u.replace('C', '<>') }}", "AbC dE|Ab<> dE",
         "iiiiii.ii..iii"},
        {"{{ [u, 1] | tojson }}", "[\"AbC dE\", 1]", "..iiiiii....."},
        {"{{ [u] }}", "['AbC dE']", "..iiiiii.."},
        {"{% set x %}{{ u }}!{% endset %}{{ x | lower | reverse }}", "!ed cba", ".iiiiii"},
        {"{{ u | list | join('+') }}", "A+b+C+ +d+E", "i.i.i.i.i.i"},
        {"{% macro m(x) %}[{{ x | title }}]{% endmacro %}{{ m(u) }}", "[Abc De]", ".iiiiii."},
        {"{% for k in d %}{{ k }}{{ d[k] }}{% endfor %}", "key1", "iii."},
        {"a{% generation %}b{{ u[:1] }}{% endgeneration %}{{ u[:1] }}", "abAA", ".abi"},
        {"{% generation %}{% set x %}q{% endset %}{{ x }}{% endgeneration %}", "q", "a"},
    };
    json_t *own = json_pack("{s: s}", "b", "<s>");
    json_t *input = json_pack("{s: s, s: {s: i}}", "u", "AbC dE", "d", "key", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bl_rendering made;
        char marks[100];
        assert_int_equal(render(cases[i].text, strlen(cases[i].text), own, input, 0, &made), BL_OK);
        assert_int_equal(made.bytes, strlen(cases[i].made));
        assert_memory_equal(made.text, cases[i].made, made.bytes);
        shape(&made, marks);
        assert_string_equal(marks, cases[i].marks);
        bl_rendering_release(&made);
    }
    json_decref(own);
    json_decref(input);
}

/* ---- made to hurt ---- */

/* `times` copies of a text between two others, in fresh memory. */
static char *many(const char *before, const char *text, size_t times, const char *after)
{
    size_t n = strlen(text), at = strlen(before);
    char *all = test_malloc(at + n * times + strlen(after) + 1);
    memcpy(all, before, at);
    for (size_t i = 0; i < times; i++, at += n)
        memcpy(all + at, text, n);
    memcpy(all + at, after, strlen(after) + 1);
    return all;
}

static void is_refused(const char *text)
{
    bl_rendering made;
    double start = bl_clock_seconds();
    bl_status status = render(text, strlen(text), NULL, NULL, 0, &made);
    if (status == BL_OK)
        print_error("rendered to %zu bytes: %.80s\n", made.bytes, text);
    assert_true(status == BL_EFORMAT || status == BL_EUNSUPPORTED);
    if (bl_clock_seconds() - start > 2)
        print_message("%.1f s: %.80s\n", bl_clock_seconds() - start, text);
}

static void hostile_templates_end(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor "
        "%}",
        "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor "
        "%}",
        "{% for i in range(99999) %}{{ 'x' * 10000 }}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m(x + [x]) }}{{ m(x) }}{% endmacro %}{{ m([]) }}",
        "{% set n = namespace() %}{% set n.a = n %}{{ n }}",
        "{% set n = namespace(l=[]) %}{% for i in range(9999) %}{% set n.l = [n.l] %}{% endfor "
        "%}{{ "
        "n.l }}",
        "{% set n = namespace(l=[]) %}{% for i in range(9999) %}{% set n.l = [n.l] %}{% endfor "
        "%}{{ "
        "n.l | tojson }}",
        "{% set n = namespace(l=[], m=[]) %}{% for i in range(9999) %}{% set n.l = [n.l] %}{% set "
        "n.m = [n.m] %}{% endfor %}{{ n.l == n.m }}",
        "{% set a = 'a' * 2000000 %}{{ a | replace('a' * 1000000 + 'b', '') }}{{ a in a + a }}{{ "
        "a.split('a' * 1000000 + 'b') | length }}{{ a.count('a' * 999999 + 'b') }}",
        "{{ range(100000) | map('string') | unique | list | length }}",
        "{{ ''.zfill(9000000000000000000) }}",
        "{{ 'a\nb' | indent(9000000000000000000) }}",
        "{{ [1] | tojson(indent=9000000000000000000) }}",
        "{{ range(-9223372036854775807, 9223372036854775807) | length }}",
        "{{ range(0, 9223372036854775807, 9223372036854775806) | length // 0 }}",
        "{{ 'abc'[::-9223372036854775807] // 1 }}",
        "{{ 9223372036854775807 ** 9223372036854775807 }}",
        "{% set n = namespace(x=none) %}{% for i in [1] %}{% set n.x = loop %}{% endfor %}{{ "
        "n.x.length }}{{ n.x.nextitem }}{{ n.x.last }}{{ n.x.cycle(1, 2) }}{{ 1 // 0 }}",
        "{{ '' * -9223372036854775807 }}{{ 'abc'.split('b', -5) }}{{ 1 // 0 }}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        is_refused(texts[i]);
}

static void deep_templates_end(void **state)
{
    (void)state;
    static const struct {
        const char *before, *text, *after;
    } cases[] = {
        {"{{ ", "(", ""},
        {"{{ ", "[", ""},
        {"{{ ", "{1:", ""},
        {"{{ ", "not ", "x }}"},
        {"{{ ", "-", "1 }}"},
        {"{{ 1", "+1", " }}"},
        {"{{ x", "|list", " }}"},
        {"{{ x", ".y", " }}"},
        {"{{ x", "[0]", " }}"},
        {"{{ x", "()", " }}"},
        {"{{ ", "1 if ", "1 }}"},
        {"{{ 1 ", "if 1 else 1 ", "// 0 }}"},
        {"{{ 1", " is odd()", ""},
        {"", "{% if 1 %}", ""},
        {"", "{% for i in x %}", ""},
        {"", "{% macro m() %}", ""},
        {"", "{% set x %}", ""},
        {"{% set ", "(", ""},
        {"{{ x", " is sameas x", " }}"},
        {"{{ 1", "<=1", "<= 1 // 0 }}"},
        {"", "{% generation %}", ""},
        {"{{ 1 // 0 }}", "{% if 0 %}{% elif 1 %}{% endif %}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text =
            many(cases[i].before, cases[i].text, 20000 / strlen(cases[i].text), cases[i].after);
        is_refused(text);
        test_free(text);
    }
    char *large = many("", "{{ x }}", 40000, "");
    is_refused(large);
    test_free(large);
}

/* Values that nest deep, and numbers that do not fit. */
static void hostile_values_end(void **state)
{
    (void)state;
    char *deep = many("", "[", 1000, "1");
    char *text = many(deep, "]", 1000, "");
    json_t *list = json_loads(text, 0, NULL), *input = json_pack("{s: o}", "x", list);
    bl_rendering made;
    assert_non_null(list);
    assert_int_equal(render("{{ x }}", 7, NULL, input, 0, &made), BL_EFORMAT);
    assert_int_equal(render("{{ y }}", 7, NULL, input, 0, &made), BL_OK);
    bl_rendering_release(&made);
    json_decref(input);
    input = json_pack("{s: I}", "x", (json_int_t)INT64_MIN);
    assert_int_equal(render("{{ -x }}", 8, NULL, input, 0, &made), BL_EUNSUPPORTED);
    json_decref(input);
    test_free(deep);
    test_free(text);
    assert_int_equal(render("{{ \xFF }}", 7, NULL, NULL, 0, &made), BL_EFORMAT);
    assert_int_equal(render("{{ strftime_now('%Y') }}", 24, NULL, NULL, INT64_MAX, &made),
                     BL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixture_is_jinjas),     cmocka_unit_test(unsupported_is_said),
        cmocka_unit_test(lines_are_named),       cmocka_unit_test(input_stays_marked),
        cmocka_unit_test(hostile_templates_end), cmocka_unit_test(deep_templates_end),
        cmocka_unit_test(hostile_values_end),
    };
    json_error_t why;
    setenv("TZ", "UTC", 1);
    fixture = json_load_file(FIXTURE, JSON_ALLOW_NUL, &why);
    if (!fixture) {
        print_error("%s: %s\n", FIXTURE, why.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(fixture);
    return failed;
}
