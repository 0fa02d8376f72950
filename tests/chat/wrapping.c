/* Replies on a screen: words kept whole at its edge.  A grammar makes the model write the text. */
#include "screen.h"
#include "talk.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BEGINS "hi\r\n\033[?2004l"
#define ENDS   "\r\n(here the text ends"

static void write_grammar(const char *text)
{
    FILE *f = fopen("text.gbnf", "w");
    assert_non_null(f);
    fputs("root ::= \"", f);
    for (; *text; text++) {
        if (*text == '\n' || *text == '\t')
            fputs(*text == '\n' ? "\\n" : "\\t", f);
        else
            fprintf(f, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    fputs("\"\n", f);
    assert_int_equal(fclose(f), 0);
}

/* The screen after a reply of this text, as one would copy it. */
static char *reply_on_screen(const char *text, size_t columns)
{
    pty p;
    write_grammar(text);
    START_WIDE(&p, columns, "--grammar-file", "text.gbnf", "--max-tokens", "20000");
    pty_expect(&p, "> ");
    pty_type(&p, "hi\r");
    pty_expect(&p, BEGINS);
    size_t from = p.seen;
    pty_expect(&p, ENDS);
    screen *s = screen_open(columns);
    screen_show(s, p.text + from, p.seen - strlen(ENDS) - from);
    char *copy = screen_copy(s);
    free(s);
    leave(&p);
    return copy;
}

static void expect_rows(const char *text, size_t columns, const char *rows)
{
    char *copy = reply_on_screen(text, columns);
    assert_string_equal(copy, rows);
    free(copy);
}

/* ---- cases ---- */

static void words_are_whole(void **unused)
{
    (void)unused;
    static const char text[] =
        "The quick brown fox jumps over the lazy dog, and then it walks home; nobody has seen it.\n"
        "A second paragraph has a longword-that-has-to-go-somewhere and https://example.org/a/b/c/d"
        " in it.  Two blanks.\n\n- one\n- two, which is longer than most of these lines are";
    char wanted[sizeof text];
    (void)snprintf(wanted, sizeof wanted, "%s", text);
    screen_join_words(wanted);
    for (size_t columns = 8; columns <= 120; columns += columns < 24 ? 1 : 16) {
        char *copy = reply_on_screen(text, columns);
        for (const char *row = copy; columns >= 40 && *row; row += *row == '\n') {
            size_t width = strcspn(row, "\n");
            assert_in_range(width, 0, columns - 1);
            row += width;
        }
        /* Below ten columns the terminal wraps, in the middle of words. */
        screen_join_words(copy);
        assert_string_equal(copy, wanted);
        free(copy);
    }
}

static void rows_are_as_expected(void **unused)
{
    (void)unused;
    /* A word is moved, a blank at the edge goes; text that fits stays. */
    expect_rows("The quick brown fox jumps", 20, "The quick brown fox\njumps");
    expect_rows("The quick brown foxes  jump", 20, "The quick brown\nfoxes  jump");
    expect_rows("exactly nineteen ch", 20, "exactly nineteen ch");
    expect_rows("The quick brown fox \njumps", 20, "The quick brown fox\njumps");
    /* What is longer than a row begins one, and is wrapped by the terminal: copied, it is whole. */
    expect_rows("see https://example.org/a/b/c/d ok", 20, "see\nhttps://example.org/a/b/c/d ok");
    /* Wide characters break anywhere, but not before a full stop. */
    expect_rows(
        "abc "
        "\346\227\245\346\234\254\350\252\236\346\227\245\346\234\254\350\252\236\343\200\202"
        "ok",
        17,
        "abc "
        "\346\227\245\346\234\254\350\252\236\346\227\245\346\234\254\n\350\252\236\343\200"
        "\202ok");
    expect_rows("a b c d \346\227\245\346\234\254 e", 12, "a b c d \346\227\245\346\234\254\ne");
    /* A letter with a mark takes one column and is moved with it; an emoji takes two. */
    expect_rows("the quick caf\303\251s are e\314\201te\314\201", 12,
                "the quick\ncaf\303\251s are\nete");
    expect_rows("quick \360\237\230\200\360\237\230\200\360\237\230\200 x", 12,
                "quick \360\237\230\200\360\237\230\200\360\237\230\200\nx");
    expect_rows("a\tb\tc\tdef", 20, "a       b       c\ndef");
    expect_rows("    indented text here", 16, "    indented\ntext here");
}

/* No row breaks a word after the width has changed, but for the one in which it did. */
static void a_reply_is_resized(void **unused)
{
    (void)unused;
    pty p;
    START_WIDE(&p, 70, ENDLESS, "--seed", "3");
    pty_expect(&p, "> ");
    pty_type(&p, "hi\r");
    pty_expect(&p, BEGINS);
    pty_take(&p, p.seen + 2000);
    pty_resize(&p, 40);
    size_t resized = p.bytes;
    pty_take(&p, resized + 90000); /* much may be on its way in the old width */
    char *from = strchr(p.text + resized + 70000, '\n') + 1, *to = strrchr(from, '\n');
    screen *s = screen_open(40);
    screen_show(s, from, (size_t)(to - from));
    for (size_t r = 0; r < s->row; r++)
        if (s->wrapped[r])
            for (size_t c = 0; c < 40; c++)
                assert_int_not_equal(s->cells[r][c], ' ');
    assert_in_range(s->row, 100, SCREEN_LINES);
    free(s);
    pty_type(&p, "\003"); /* with which the system drops what is on its way */
    pty_expect(&p, "(stopped");
    pty_expect(&p, "> ");
    leave(&p);
}

static void a_reply_is_stopped_and_goes_on(void **unused)
{
    (void)unused;
    pty p;
    START_WIDE(&p, 40, ENDLESS, "--seed", "3");
    pty_expect(&p, "> ");
    pty_type(&p, "hi\r");
    pty_expect(&p, BEGINS);
    pty_expect(&p, "e");
    for (size_t i = 0; i < 3; i++) {
        pty_type(&p, "\032");
        pty_expect_stopped(&p);
        size_t before = p.bytes;
        pty_continue(&p);
        pty_take(&p, before + 200);
        /* The shell has written, so nothing goes back in the row that the reply had begun. */
        size_t row = strcspn(p.text + before, "\n");
        assert_null(memchr(p.text + before, 27, row));
    }
    pty_type(&p, "\003");
    pty_expect(&p, "(stopped");
    pty_expect(&p, "> ");
    leave(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_whole),
        cmocka_unit_test(rows_are_as_expected),
        cmocka_unit_test(a_reply_is_resized),
        cmocka_unit_test(a_reply_is_stopped_and_goes_on),
    };
    if (!talk_begin(argc, argv))
        return 2;
    return cmocka_run_group_tests_name("wrapping", tests, NULL, NULL) != 0;
}
