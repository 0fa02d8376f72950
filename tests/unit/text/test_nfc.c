/* Canonical composition: known texts, where their parts come from, and one of many marks. */
#include "text/unicode/nfc.h"
#include "text/unicode/classes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bl_nfc *nfc;

static int open_nfc(void **state)
{
    (void)state;
    return bl_nfc_open(&nfc, NULL);
}

static int close_nfc(void **state)
{
    (void)state;
    bl_nfc_close(nfc);
    return 0;
}

/* The equivalences are those of Unicode Standard Annex 15, but for the marks of later versions. */
static void test_known(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* NULL: the same */
    } cases[] = {
        {"", NULL},
        {"plain text\n", NULL},
        {"\u00E9t\u00E9", NULL},
        {"e\u0301t", "\u00E9t"},
        {"e\u0301\u0316", "\u00E9\u0316"},
        {"e\u0316\u0301", "\u00E9\u0316"},
        {"\u212B", "\u00C5"},
        {"A\u030A", "\u00C5"},
        {"\u2126", "\u03A9"},
        {"\u1E0B\u0323", "\u1E0D\u0307"},
        {"d\u0323\u0307", "\u1E0D\u0307"},
        {"q\u0307\u0323", "q\u0323\u0307"},
        {"\u1E9B\u0323", NULL},
        {"\uFB01", NULL}, /* a ligature is not canonically equal to its letters */
        {"\u1100\u1161\u11A8", "\uAC01"},
        {"\uAC00\u11A8", "\uAC01"},
        {"\u0958", "\u0915\u093C"}, /* left out of composition */
        {"\u0344", "\u0308\u0301"},
        {"\u0301a", NULL},
        {"a\u0898\u0316", NULL},      /* a mark that is too new counts as a letter */
        {"\u0898\u0316\u0301", NULL}, /* the same at the head */
        {"\u0898\u0301\u0316", "\u0898\u0316\u0301"},
        {"\U0001D15E", "\U0001D157\U0001D165"},
        {"\U0002F800", "\u4E3D"},
    };
    bl_nfc_work w = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i].text;
        assert_int_equal(bl_nfc_run(nfc, &w, text, strlen(text), NULL), BL_OK);
        assert_int_equal(w.count > 0, cases[i].want != NULL);
        if (cases[i].want)
            assert_string_equal(w.text.data, cases[i].want);
    }
    bl_nfc_work_release(&w);
}

static void test_source(void **state)
{
    (void)state;
    /*                       0 1    3  4    6 7     9  10  12  */
    static const char text[] = "xe\u0301-\u00E9 \u212By\u0301";
    static const struct {
        size_t at, start, end;
    } cases[] = {{0, 0, 0}, {1, 1, 1}, {2, 1, 4},  {3, 4, 4},   {4, 5, 5},    {5, 6, 6},
                 {6, 7, 7}, {7, 8, 8}, {8, 8, 11}, {9, 11, 11}, {10, 11, 14}, {11, 14, 14}};
    bl_nfc_work w = {0};
    assert_int_equal(bl_nfc_run(nfc, &w, text, sizeof text - 1, NULL), BL_OK);
    assert_string_equal(w.text.data, "x\u00E9-\u00E9 \u00C5\u00FD");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(bl_nfc_source(&w, cases[i].at, 0), cases[i].start);
        assert_int_equal(bl_nfc_source(&w, cases[i].at, 1), cases[i].end);
    }
    bl_nfc_work_release(&w);
}

/* A letter under a million marks, of two classes by turns: sorting pair by pair
 * would take hours. */
static void test_marks_in_linear_time(void **state)
{
    (void)state;
    enum { PAIRS = 500000, BYTES = 1 + 4 * PAIRS };
    char *text = malloc(BYTES);
    assert_non_null(text);
    text[0] = 'q';
    for (size_t i = 0; i < PAIRS; i++)
        memcpy(text + 1 + 4 * i, "\u0301\u0316", 4);
    bl_nfc_work w = {0};
    assert_int_equal(bl_nfc_run(nfc, &w, text, BYTES, NULL), BL_OK);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.text.len, BYTES);
    size_t below = 0;
    while (below < PAIRS && memcmp(w.text.data + 1 + 2 * below, "\u0316", 2) == 0)
        below++;
    assert_int_equal(below, PAIRS);
    assert_memory_equal(w.text.data + BYTES - 2, "\u0301", 2);
    bl_nfc_work_release(&w);
    free(text);
}

/* No class is empty, and what joins is not a letter of the languages that have no marks. */
static void test_classes(void **state)
{
    (void)state;
    assert_true(bl_code_is(BL_CODE_JOINS, 0x301));
    assert_true(bl_code_is(BL_CODE_JOINS, 0x1161));
    assert_false(bl_code_is(BL_CODE_JOINS, 0x898));
    assert_false(bl_code_is(BL_CODE_JOINS, 0x4E00));
    assert_true(bl_code_is(BL_CODE_CHANGES, 0x212B));
    assert_false(bl_code_is(BL_CODE_CHANGES, 0xE9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_marks_in_linear_time),
        cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests(tests, open_nfc, close_nfc);
}
