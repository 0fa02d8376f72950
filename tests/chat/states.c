/* States of a chat on a pseudo-terminal: the old text comes back, and Ctrl-C in what takes long. */
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Types a line, and waits for the prompt after what it is answered with. */
static void type_line(pty *p, const char *line, const char *answer)
{
    pty_type(p, line);
    pty_type(p, "\r");
    pty_expect(p, answer);
    pty_expect(p, "\n> ");
}

/* The memory of a conversation of these lines from a pipe is that in typed.mem. */
static void expect_memory_of(const char *lines)
{
    FILE *f = fopen("lines", "w");
    assert_non_null(f);
    assert_int_equal(fprintf(f, "%s/save piped.mem\n", lines) > 0, 1);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(system("\"$program\" chat -m \"$model\" --max-tokens 24 --ignore-eos --seed 7"
                            " <lines >said 2>&1 && cmp piped.mem typed.mem"),
                     0);
}

static void edits_what_was_said(void **unused)
{
    (void)unused;
    pty p;
    START(&p, "--no-history", "--max-tokens", "24", "--ignore-eos", "--seed", "7");
    pty_expect(&p, "> ");
    type_line(&p, "Once", "Once\r\n");
    type_line(&p, "the cat", "the cat\r\n");
    type_line(&p, "", "\r\n");
    pty_type(&p, "/edit\r");
    pty_expect(&p, "took back what you said, \"the cat\": ");
    pty_expect(&p, "> the cat"); /* to be edited */
    type_line(&p, "\177\177\177dog", "dog\r\n");
    type_line(&p, "/save typed.mem", "saved to typed.mem");
    expect_memory_of("Once\nthe dog\n");
    type_line(&p, "/edit a bird", "\r\n");
    type_line(&p, "/undo", "took back what you said, \"a bird\": ");
    type_line(&p, "/save typed.mem", "saved to typed.mem");
    expect_memory_of("Once\n");
    leave(&p);
}

static void stops_another_answer(void **unused)
{
    (void)unused;
    pty p;
    START(&p, "--no-history", ENDLESS, "--seed", "7");
    pty_expect(&p, "> ");
    for (int again = 0; again < 3; again++) {
        pty_type(&p, again ? "/retry\r" : "hello\r");
        pty_expect(&p, again ? "/retry\r\n" : "hello\r\n");
        size_t begun = p.bytes;
        while (p.bytes < begun + 500)
            pty_expect(&p, "e");
        pty_type(&p, "\003");
        pty_expect(&p, "(stopped; what was written counts as said)");
        pty_expect(&p, "\n> ");
    }
    type_line(&p, "/undo", "took back what you said, \"hello\": 0 tokens read");
    type_line(&p, "/undo", "no turn to go back to");
    leave(&p);
}

static void stops_learning(void **unused)
{
    (void)unused;
    static char text[3000000]; /* for many seconds */
    pty p;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 6 == 5 ? ' ' : (char)('a' + i * 7 % 26);
    FILE *f = fopen("long.txt", "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, sizeof text, f), sizeof text);
    assert_int_equal(fclose(f), 0);
    START(&p, "--no-history", "--max-tokens", "24", "--ignore-eos", "--seed", "7");
    pty_expect(&p, "> ");
    type_line(&p, "Once", "Once\r\n");
    pty_type(&p, "/learn long.txt\r");
    pty_expect(&p, "learning: ");
    pty_type(&p, "\032"); /* in the middle of it */
    pty_expect_stopped(&p);
    pty_continue(&p);
    pty_type(&p, "\003");
    pty_expect(&p, "stopped in long.txt: ");
    pty_expect(&p, " nats a token");
    pty_expect(&p, "> ");
    type_line(&p, "/undo", "took back /learn of \"long.txt\": ");
    type_line(&p, "/save typed.mem", "saved to typed.mem");
    expect_memory_of("Once\n");
    leave(&p);
    assert_int_equal(unlink("long.txt"), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_what_was_said),
        cmocka_unit_test(stops_another_answer),
        cmocka_unit_test(stops_learning),
    };
    if (!talk_begin(argc, argv))
        return 2;
    return cmocka_run_group_tests_name("states", tests, NULL, NULL) != 0;
}
