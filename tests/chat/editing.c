/* What is typed and pasted at the prompt of chat, and how the line looks on a screen. */
#include "screen.h"
#include "talk.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CLEAN "/reset\r"

static void forget(pty *p)
{
    pty_type(p, CLEAN);
    pty_expect(p, "forgotten");
    pty_expect(p, "> ");
}

/* Pastes a text, and after Enter sees the reply that `lines` get from a pipe. */
static void expect_pasted(pty *p, const char *text, const char *lines)
{
    pty_paste(p, text);
    expect_same(p, "\r", lines);
    forget(p);
}

/* All that is on a screen of so many columns. */
static char *screen_of(const pty *p, size_t columns)
{
    screen *s = screen_open(columns);
    screen_show(s, p->text, p->bytes);
    char *copy = screen_copy(s);
    free(s);
    return copy;
}

/* ---- pastes ---- */

static void a_paste_is_one_message(void **unused)
{
    (void)unused;
    static const char block[] = "\"\"\"\nthe dog\n/quit\n\n\"\"\"\n";
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> \033[?2004h");
    pty_paste(&p, "the dog\r/quit\r\r"); /* as xterm sends line ends, and one at the end */
    pty_expect(&p, "the dog\r\n/quit\r\n");
    assert_false(pty_has(&p, "\033[?2004l")); /* nothing is sent before Enter */
    expect_same(&p, "\r", block);
    assert_true(pty_has(&p, "\033[?2004l"));
    forget(&p);
    expect_pasted(&p, "the dog\n/quit\n\n", block);
    expect_pasted(&p, "the dog\r\n/quit\r\n\r\n", block);
    expect_pasted(&p, "Once", "Once\n");
    expect_pasted(&p, "Once\r", "Once\n");
    expect_pasted(&p, "a\tb", "a\tb\n");
    expect_pasted(&p, "/quit\rthe dog", "\"\"\"\n/quit\nthe dog\n\"\"\"\n"); /* no command */
    expect_pasted(&p, "\"\"\"a\rb", "\"\"\"\n\"\"\"a\nb\n\"\"\"\n");         /* no block */
    expect_pasted(&p, "// a\rb\\", "\"\"\"\n// a\nb\\\n\"\"\"\n");
    /* It is edited before it is sent, and two of them are one. */
    pty_paste(&p, "b\rc");
    pty_type(&p, "\001a \005 d");
    pty_paste(&p, "e\rf");
    expect_same(&p, "\r", "\"\"\"\na b\nc de\nf\n\"\"\"\n");
    forget(&p);
    /* A paste of one line is as typed. */
    pty_paste(&p, "/temp 0.25\r");
    pty_type(&p, "\r");
    pty_expect(&p, "> ");
    pty_paste(&p, "/stats");
    pty_type(&p, "\r");
    pty_expect(&p, "temperature  0.25");
    pty_expect(&p, "> ");
    leave(&p);
}

static void a_paste_in_a_block(void **unused)
{
    (void)unused;
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "\"\"\"\r");
    pty_expect(&p, "... ");
    pty_paste(&p, "the dog\rran");
    pty_type(&p, "\r");
    pty_expect(&p, "ran");
    pty_expect(&p, "... ");
    expect_same(&p, "\"\"\"\r", "\"\"\"\nthe dog\nran\n\"\"\"\n");
    /* The history has what one would type for it. */
    pty_type(&p, "/reset\r");
    pty_expect(&p, "> ");
    expect_same(&p, "\020\020\r", "\"\"\"\nthe dog\nran\n\"\"\"\n");
    pty_paste(&p, "/x\ry");
    pty_type(&p, "\r");
    pty_expect(&p, "> ");
    forget(&p);
    expect_same(&p, "\020\020\r", "\"\"\"\n/x\ny\n\"\"\"\n");
    leave(&p);
}

/* ---- what was made to hurt ---- */

static void a_paste_commands_nothing(void **unused)
{
    (void)unused;
    /* Every control character, the keys that send signals and stop the display among them, the end
     * and the beginning of a paste without their ESC, a window title, C1 in UTF-8 and raw, a
     * right-to-left override, what is not UTF-8. */
    static const char controls[] =
        "\001\002\003\004\005\006\007\010\013\014\016\017\020\021\022\023"
        "\024\025\026\027\030\031\032\034\035\036\037\177";
    static const char others[] = "\033]0;pwned\007\302\233 2J\233 \342\200\256\377\300\200[201~";
    char text[200], lines[600], *to = lines;
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    (void)snprintf(text, sizeof text, "a%sb%s\rc", controls, others);
    to += sprintf(to, "\"\"\"\na");
    for (const char *c = controls; *c; c++)
        to += sprintf(to, "\357\277\275");
    (void)sprintf(to, "b\357\277\275]0;pwned\357\277\275\357\277\275 2J\357\277\275 "
                      "\357\277\275\357\277\275\357\277\275\357\277\275[201~\nc\n\"\"\"\n");
    expect_pasted(&p, text, lines);
    static const char nul[] = "\033[200~a\000b\033[201~\r";
    pty_send(&p, nul, sizeof nul - 1);
    expect_same(&p, "", "a\357\277\275b\n");
    free(screen_of(&p, WIDE)); /* fails at a sequence that libedit does not send */
    leave(&p);
}

static void a_paste_of_megabytes_is_refused(void **unused)
{
    (void)unused;
    enum { MANY = 10 << 20 };
    pty p;
    char *text = malloc(MANY + 1);
    assert_non_null(text);
    for (size_t i = 0; i < MANY; i++)
        text[i] = i % 32 == 31 ? '\r' : (char)('a' + i % 26);
    text[MANY] = 0;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "Once");
    pty_paste(&p, text);
    pty_expect(&p, "what was pasted is dropped: it has more than 1048576 bytes");
    pty_expect(&p, "Once"); /* what was typed is there */
    size_t after_refusal = pty_resident_pages(&p);
    expect_same(&p, "\r", "Once\n");
    forget(&p);
    /* What was shown of it goes, too. */
    pty_type(&p, "Once\002\002\033[200~cut off");
    pty_expect(&p, "ut off");
    pty_send(&p, text, MANY);
    pty_send(&p, "\033[201~", 6);
    pty_expect(&p, "what was pasted is dropped: it has more than 1048576 bytes");
    expect_same(&p, "\r", "Once\n");
    forget(&p);
    text[1000000] = 0; /* this is taken */
    pty_paste(&p, text);
    pty_type(&p, "\003");
    pty_expect(&p, "> ");
    print_message("resident pages: %zu after 10 MiB, %zu after 1 MB\n", after_refusal,
                  pty_resident_pages(&p));
    expect_same(&p, "Once\r", "Once\n");
    leave(&p);
    free(text);
}

/* The end of a paste does not come, or late, or in pieces. */
static void a_paste_is_cut_off(void **unused)
{
    (void)unused;
    static const char pieces[] = "\033[200~the dog\r\nran\033[201~";
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "\033[200~cut off\rin the middle");
    pty_expect(&p, "in the middle"); /* shown after a moment, Enter does not send it */
    pty_type(&p, "\r/quit\r");
    pty_expect(&p, "/quit");
    pty_type(&p, "\003"); /* a key of its own: the editor is free again */
    pty_expect(&p, "> ");
    expect_same(&p, "Once\r", "Once\n");
    forget(&p);
    for (size_t i = 0; i + 1 < sizeof pieces; i++) {
        pty_send(&p, pieces + i, 1);
        pty_wait_taken(&p);
        if (i == 8 || i == 15) /* what has come is shown after a moment */
            pty_expect(&p, i == 8 ? "the" : "dog\r\nr");
    }
    expect_same(&p, "\r", "\"\"\"\nthe dog\nran\n\"\"\"\n");
    forget(&p);
    /* Interrupted from outside: what still comes of it is not typed. */
    pty_type(&p, "\033[200~one\rtwo");
    pty_expect(&p, "two"); /* it has come, before the signal does */
    /* Stopped, so that the rest is there in time. */
    assert_int_equal(kill(p.program, SIGSTOP), 0);
    pty_expect_stopped(&p);
    assert_int_equal(kill(p.program, SIGINT), 0);
    pty_send(&p, "three\r/quit\r\033[201~", 18);
    pty_continue(&p);
    pty_expect(&p, "> ");
    expect_same(&p, "Once\r", "Once\n");
    leave(&p);
}

/* Reports of a mouse, the focus and other things that a program before had asked for. */
static void reports_are_no_keys(void **unused)
{
    (void)unused;
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "On\033[Ic\033[O\033[M !!e\033[<0;10;20M\033[<0;10;20m\033[12;40R\033[?62;c");
    expect_same(&p, "\033[201~\r", "Once\n");
    forget(&p);
    expect_same(&p, "Xnce\033[H\033[3~O\r", "Once\n"); /* keys still are */
    leave(&p);
}

/* ---- the terminal's mode ---- */

static void the_mode_is_off_elsewhere(void **unused)
{
    (void)unused;
    pty p;
    START(&p, ENDLESS);
    pty_expect(&p, "> \033[?2004h");
    pty_type(&p, "hello\r");
    pty_expect(&p, "hello\r\n\033[?2004l"); /* while the reply is written */
    pty_expect(&p, "e");
    pty_type(&p, "\003");
    pty_expect(&p, "> \033[?2004h");
    pty_type(&p, "x\003");
    pty_expect(&p, "\033[?2004l");
    pty_expect(&p, "> \033[?2004h");
    pty_type(&p, "\032");
    pty_expect_stopped(&p);
    pty_expect(&p, "\033[?2004l"); /* for the shell */
    pty_continue(&p);
    pty_expect(&p, "\033[?2004h");
    assert_int_equal(kill(p.program, SIGSTOP), 0);
    pty_expect_stopped(&p);
    pty_continue(&p);
    pty_expect(&p, "\033[?2004h"); /* whatever the shell has done */
    assert_int_equal(kill(p.program, SIGTERM), 0);
    pty_expect(&p, "\033[?2004l");
    assert_int_equal(pty_end(&p), 128 + SIGTERM);
    start_as(&p, WIDE, (const char *const[]){"TERM=dumb", state_home, NULL},
             (const char *const[]){SHORT, NULL});
    pty_expect(&p, "/help lists the commands");
    leave(&p);
}

/* ---- Tab, rows, the history ---- */

static void make_file(const char *name)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

static void tab_completes(void **unused)
{
    (void)unused;
    char home[700];
    pty p;
    (void)mkdir("tabs", 0777);
    (void)mkdir("tabs/a folder", 0777);
    make_file("tabs/one.mem");
    make_file("tabs/one more.mem");
    make_file("tabs/.hidden");
    make_file("tabs/pwned\033[2J");
    make_file("tabs/\346\227\245.mem");
    (void)snprintf(home, sizeof home, "HOME=%s", scratch);
    start_as(&p, WIDE, (const char *const[]){"NO_COLOR=1", "TERM=xterm", state_home, home, NULL},
             (const char *const[]){SHORT, NULL});
    pty_expect(&p, "> ");
    pty_type(&p, "/he\t\r"); /* one: with a blank behind it */
    pty_expect(&p, "/reset");
    pty_expect(&p, "> ");
    pty_type(&p, "/s\t");
    pty_expect(&p, "/s\a"); /* several: a bell, and at once again the list */
    pty_type(&p, "\t");
    pty_expect(&p, "\nsave ");
    pty_expect(&p, "stats");
    pty_expect(&p, "\r\n> /s");
    pty_type(&p, "ta\t\r");
    pty_expect(&p, "temperature");
    pty_expect(&p, "> ");
    pty_type(&p, "/load tabs/\t\t");
    pty_expect(&p, "\na folder/     one more.mem  one.mem       \346\227\245.mem\r\n> /load tabs/");
    pty_type(&p, "o\t");
    pty_expect(&p, "ne");
    pty_type(&p, "\t\t");
    pty_expect(&p, "one more.mem  one.mem\r\n> /load tabs/one");
    pty_type(&p, " \t\r"); /* a name with a blank in it */
    pty_expect(&p, "error: tabs/one more.mem");
    pty_expect(&p, "> ");
    pty_type(&p, "/load tabs/a\t");
    pty_expect(&p, "folder/"); /* no blank behind a folder */
    pty_type(&p, "\t\003");
    pty_expect(&p, "> ");
    pty_type(&p, "/load ~/tabs/.h\t\r");
    pty_expect(&p, "/tabs/.hidden");
    pty_expect(&p, "> ");
    pty_type(&p, "/load pw\t/load tabs/pw\t\003"); /* what is no plain text is not offered */
    pty_expect(&p, "> ");
    pty_type(&p, "/frob \t\003");
    pty_expect(&p, "> ");
    assert_false(pty_has(&p, "[2J"));
    expect_same(&p, "a\tb\r", "a\tb\n"); /* in a text it is a character */
    leave(&p);
}

static void arrows_move_in_rows(void **unused)
{
    (void)unused;
    pty p;
    (void)unlink(history_path);
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "/stats\r");
    pty_expect(&p, "> ");
    pty_paste(&p, "one\rtwenty\rthree");
    /* Up to the first row, and to its end; down again, not into the history. */
    expect_same(&p, "\033[AX\033[AY\020\016\033[BZ\033[B\016\r",
                "\"\"\"\noneY\ntwentXy\nthreeZ\n\"\"\"\n");
    forget(&p);
    /* Through its rows, and those of the quotes, to what was before. */
    pty_type(&p, "\033[A\033[A\033[A\033[A\033[A\033[A\033[A\r");
    pty_expect(&p, "temperature");
    pty_expect(&p, "> ");
    leave(&p);
}

/* libedit keeps 1,024 characters of a line that is left for the history. */
static void long_lines_come_back(void **unused)
{
    (void)unused;
    char text[3000], line[sizeof text + 1];
    pty p;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i % 7 ? 'a' + i % 26 : ' ');
    text[sizeof text - 2] = 0;
    (void)snprintf(line, sizeof line, "%s\n", text);
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "/stats\r");
    pty_expect(&p, "> ");
    pty_send(&p, text, strlen(text));
    expect_same(&p, "\020\020\016\016\r", line);
    leave(&p);
}

/* The keys of vi, in which ESC is one. */
static void knows_vi(void **unused)
{
    (void)unused;
    char home[700];
    pty p;
    FILE *f = fopen(".editrc", "w");
    assert_non_null(f);
    fputs("bind -v\nhistory size 500\n", f);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(home, sizeof home, "HOME=%s", scratch);
    start_as(&p, WIDE, (const char *const[]){"NO_COLOR=1", "TERM=xterm", state_home, home, NULL},
             (const char *const[]){SHORT, NULL});
    pty_expect(&p, "> ");
    pty_type(&p, "bc\033");
    pty_expect(&p, "bc");
    pty_expect(&p, "\b"); /* ESC alone: commands from here on */
    pty_type(&p, "0iX\033");
    pty_type(&p, "A");
    pty_paste(&p, "d\re");
    expect_same(&p, "\r", "\"\"\"\nXbcd\ne\n\"\"\"\n");
    pty_type(&p, "/sta\t\r");
    pty_expect(&p, "temperature");
    pty_expect(&p, "> ");
    leave(&p);
    assert_int_equal(unlink(".editrc"), 0);
}

/* A line, several rows and a reply where nothing has room. */
static void fits_no_width(void **unused)
{
    (void)unused;
    pty p;
    for (size_t columns = 1; columns <= 2; columns++) {
        START_WIDE(&p, columns, SHORT);
        pty_expect(&p, ">");
        pty_paste(&p, "i\rthe dog");
        pty_type(&p, "\003/quit\r");
        assert_int_equal(pty_end(&p), 0);
    }
    for (size_t columns = 3; columns <= 6; columns++) {
        START_WIDE(&p, columns, SHORT);
        pty_expect(&p, "> ");
        pty_type(&p, "abcdefgh");
        pty_paste(&p, "i\rthe dog");
        pty_resize(&p, 9 - columns);
        pty_type(&p, "\001x\005y");
        expect_same(&p, "\r", "\"\"\"\nxabcdefghi\nthe dogy\n\"\"\"\n");
        leave(&p);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paste_is_one_message),
        cmocka_unit_test(a_paste_in_a_block),
        cmocka_unit_test(a_paste_commands_nothing),
        cmocka_unit_test(a_paste_of_megabytes_is_refused),
        cmocka_unit_test(a_paste_is_cut_off),
        cmocka_unit_test(reports_are_no_keys),
        cmocka_unit_test(the_mode_is_off_elsewhere),
        cmocka_unit_test(tab_completes),
        cmocka_unit_test(arrows_move_in_rows),
        cmocka_unit_test(long_lines_come_back),
        cmocka_unit_test(knows_vi),
        cmocka_unit_test(fits_no_width),
    };
    if (!talk_begin(argc, argv))
        return 2;
    return cmocka_run_group_tests_name("editing", tests, NULL, NULL) != 0;
}
