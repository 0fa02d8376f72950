/* What a terminal may be given: the one filter of names, messages and models' text. */
#include "core/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, unsigned flags, const char *wanted)
{
    char shown[400];
    size_t bytes = strlen(text), taken;
    size_t made = bl_text_shown(text, bytes, flags, shown, sizeof shown - 1, &taken);
    shown[made] = 0;
    assert_string_equal(shown, wanted);
    assert_int_equal(taken, bytes);
    assert_true(made <= 8 * bytes);
}

static void plain_text_stays(void **state)
{
    (void)state;
    expect("", 0, "");
    expect("two\tlines\nof <text>", 0, "two\tlines\nof <text>");
    expect("Gr\303\274\303\237e \346\234\254 \360\237\246\231", BL_SHOWN_LINE,
           "Gr\303\274\303\237e \346\234\254 \360\237\246\231");
    expect("\302\240\342\200\215\342\200\250", 0, "\302\240\342\200\215<U+2028>"); /* NBSP, ZWJ */
}

static void controls_are_spelled_out(void **state)
{
    (void)state;
    expect("\033]0;x\007", 0, "<U+001B>]0;x<U+0007>");
    expect("a\r\nb\tc", BL_SHOWN_LINE, "a<U+000D><U+000A>b<U+0009>c");
    expect("\177\302\200\302\233\302\237", 0, "<U+007F><U+0080><U+009B><U+009F>");
    expect("\330\234\342\200\216\342\200\217\342\200\256\342\201\246\342\201\251", 0,
           "<U+061C><U+200E><U+200F><U+202E><U+2066><U+2069>");
    expect("\342\200\251\302\205", 0, "<U+2029><U+0085>");
    expect("{\"a\\n\302\233\":\n\"\033\342\200\256\"}", BL_SHOWN_JSON,
           "{\"a\\n\\u009b\":\n\"\\u001b\\u202e\"}");
}

/* No code point but these is touched, and none of these gets through. */
static void every_code_point(void **state)
{
    (void)state;
    for (unsigned c = 1; c <= 0x10ffff; c++) {
        char text[8] = "", shown[16];
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        if (c < 0x80)
            (void)snprintf(text, sizeof text, "%c", (int)c);
        else if (c < 0x800)
            (void)snprintf(text, sizeof text, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 63));
        else if (c < 0x10000)
            (void)snprintf(text, sizeof text, "%c%c%c", 0xe0 | c >> 12, 0x80 | (c >> 6 & 63),
                           0x80 | (c & 63));
        else
            (void)snprintf(text, sizeof text, "%c%c%c%c", 0xf0 | c >> 18, 0x80 | (c >> 12 & 63),
                           0x80 | (c >> 6 & 63), 0x80 | (c & 63));
        int control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) ||
                      c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
                      (c >= 0x2066 && c <= 0x2069);
        size_t made = bl_text_shown(text, strlen(text), 0, shown, sizeof shown, NULL);
        int same = made == strlen(text) && memcmp(text, shown, made) == 0;
        assert_int_equal(same, !control);
    }
}

static void broken_utf8_is_told_byte_by_byte(void **state)
{
    (void)state;
    expect("a\233b\377", 0, "a<9B>b<FF>");
    expect("\355\240\200", 0, "<ED><A0><80>"); /* a surrogate */
    expect("\300\200\364\220\200\200", 0, "<C0><80><F4><90><80><80>");
    expect("x\342\200", 0, "x<E2><80>"); /* cut off */
    expect("x\342\200", BL_SHOWN_JSON, "x\357\277\275");
}

/* Every way to cut a text in two gives the same as the whole, with any room. */
static void pieces_give_the_same(void **state)
{
    (void)state;
    static const char text[] = "a\302\233b\342\200\256\360\237\246\231\033[31m\377\342\200";
    char whole[200], both[200];
    size_t bytes = sizeof text - 1, taken, more;
    size_t length = bl_text_shown(text, bytes, 0, whole, sizeof whole, NULL);
    for (size_t cut = 0; cut <= bytes; cut++) {
        size_t made = bl_text_shown(text, cut, BL_SHOWN_PART, both, sizeof both, &taken);
        assert_in_range(cut - taken, 0, 3);
        made +=
            bl_text_shown(text + taken, bytes - taken, 0, both + made, sizeof both - made, &more);
        assert_int_equal(taken + more, bytes);
        assert_int_equal(made, length);
        assert_memory_equal(both, whole, length);
    }
    for (size_t room = 8; room < 20; room++) {
        size_t made = 0;
        for (size_t at = 0; at < bytes; at += taken) {
            char piece[20];
            size_t n = bl_text_shown(text + at, bytes - at, 0, piece, room, &taken);
            assert_true(taken && n <= room);
            memcpy(both + made, piece, n);
            made += n;
        }
        assert_int_equal(made, length);
        assert_memory_equal(both, whole, length);
    }
}

/* A message and a line of the log are one line, cut at a character. */
static void messages_are_one_line(void **state)
{
    (void)state;
    bl_error err;
    char name[600] = "";
    (void)bl_fail(&err, BL_EIO, "%s: gone", "a\033[2J\nb\342\200\256.txt\302\233");
    assert_string_equal(err.message, "a<U+001B>[2J<U+000A>b<U+202E>.txt<U+009B>: gone");
    for (size_t i = 0; i + 3 < sizeof name; i += 3)
        memcpy(name + i, "\346\234\254", 4);
    (void)bl_fail(&err, BL_EIO, "x%s", name);
    assert_int_equal(strlen(err.message), 499);
    assert_memory_equal(err.message + 496, "\346\234\254", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),     cmocka_unit_test(controls_are_spelled_out),
        cmocka_unit_test(every_code_point),     cmocka_unit_test(broken_utf8_is_told_byte_by_byte),
        cmocka_unit_test(pieces_give_the_same), cmocka_unit_test(messages_are_one_line),
    };
    return cmocka_run_group_tests_name("shown", tests, NULL, NULL) != 0;
}
