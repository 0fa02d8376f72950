/* Chat on a pseudo-terminal: editing, streaming, Ctrl-C, history, signals, terminal settings. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- cases ---- */

static void says_and_leaves(void **unused)
{
    (void)unused;
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "parameters; /help lists the commands");
    pty_expect(&p, "> ");
    expect_same(&p, "Once upon a time\r", "Once upon a time\n");
    pty_type(&p, "/stats\r");
    pty_expect(&p, "position ");
    pty_expect(&p, "tok/s");
    pty_expect(&p, "temperature  1.5");
    pty_expect(&p, "> ");
    pty_type(&p, "/hepl\r");
    pty_expect(&p, "unknown command /hepl; did you mean /help?");
    pty_expect(&p, "> ");
    pty_type(&p, "/quit\r");
    assert_int_equal(pty_end(&p), 0);
}

/* A reply is stopped in the middle; what was written is part of the conversation. */
static void stops_a_reply(void **unused)
{
    (void)unused;
    char path[700], save[800], load[800];
    pty p, q;
    (void)snprintf(path, sizeof path, "%s/stopped.mem", scratch);
    (void)snprintf(save, sizeof save, "/save %s\r", path);
    (void)snprintf(load, sizeof load, "/load %s\r", path);
    START(&p, ENDLESS, "--seed", "3");
    pty_expect(&p, "> ");
    pty_type(&p, "hello\r");
    pty_expect(&p, "hello\r\n");
    size_t begun = p.bytes;
    while (p.bytes < begun + 2000) /* it streams, and would forever */
        pty_expect(&p, "e");
    pty_type(&p, "\003");
    pty_expect(&p, "(stopped; what was written counts as said)");
    pty_expect(&p, "> ");
    pty_type(&p, save);
    pty_expect(&p, "saved to ");
    pty_expect(&p, "tokens read");
    pty_expect(&p, "> ");
    /* The next reply here and in a program that loads the file: the same, again and again. */
    pty_type(&p, "and\r");
    pty_expect(&p, "and\r\n");
    size_t from = p.seen;
    while (p.bytes < from + 1000)
        pty_expect(&p, "e");
    pty_type(&p, "\003");
    pty_expect(&p, "(stopped");
    START(&q, ENDLESS, "--seed", "3");
    pty_expect(&q, "> ");
    pty_type(&q, load);
    pty_expect(&q, "going on from");
    pty_expect(&q, "> ");
    pty_type(&q, "and\r");
    pty_expect(&q, "and\r\n");
    size_t again = q.seen;
    while (q.bytes < again + 1000)
        pty_expect(&q, "e");
    pty_type(&q, "\003");
    pty_expect(&q, "(stopped");
    assert_memory_equal(p.text + from, q.text + again, 900);
    pty_expect(&p, "> ");
    pty_expect(&q, "> ");
    leave(&p);
    leave(&q);
}

/* Keys typed while a reply is written: a line, and the end. */
static void takes_keys_ahead(void **unused)
{
    (void)unused;
    pty p;
    START(&p, "--max-tokens", "40000", "--ignore-eos"); /* a second or so */
    pty_expect(&p, "> ");
    pty_type(&p, "hello\r");
    pty_expect(&p, "hello\r\n");
    pty_type(&p, "/stats\n\004");
    pty_expect(&p, "/stats"); /* the terminal's own echo, in the middle of the reply */
    pty_expect(&p, "temperature");
    assert_int_equal(pty_end(&p), 0);
}

static void clears_the_line(void **unused)
{
    (void)unused;
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "abc");
    pty_expect(&p, "abc");
    pty_type(&p, "\003");
    pty_expect(&p, "> ");
    assert_false(pty_has(&p, "leaves"));
    pty_type(&p, "\003");
    pty_expect(&p, "Ctrl-D or /quit leaves");
    pty_expect(&p, "> ");
    expect_same(&p, "hello\r", "hello\n"); /* and not abchello */
    pty_type(&p, "\003");
    pty_expect(&p, "> ");
    leave(&p);
}

static void edits_whole_characters(void **unused)
{
    (void)unused;
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    expect_same(&p, "caf\303\251 \346\227\245\346\234\254\r",
                "caf\303\251 \346\227\245\346\234\254\n");
    pty_type(&p, "/reset\r");
    pty_expect(&p, "forgotten");
    pty_expect(&p, "> ");
    /* Backspace takes both bytes of a letter; Home and End go over letters of three. */
    expect_same(&p, "n\303\251\177e \346\227\245\001x\005y\r", "xne \346\227\245y\n");
    pty_type(&p, "/reset\r");
    pty_expect(&p, "> ");
    expect_same(&p, "a\377b\r", "a\357\277\275b\n"); /* not UTF-8 */
    pty_type(&p, "/reset\r");
    pty_expect(&p, "> ");
    /* What would turn or clear the display: CSI in one character, a right-to-left override. */
    expect_same(&p, "a\302\2332Jb \342\200\256c\r", "a\357\277\2752Jb \357\277\275c\n");
    leave(&p);
}

/* """ to """, with another prompt; Ctrl-C and Ctrl-D inside; a backslash. */
static void takes_several_lines(void **unused)
{
    (void)unused;
    static const char block[] = "\"\"\"\nthe dog\n/quit\n\"\"\"\n";
    pty p;
    (void)unlink(history_path);
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "\"\"\"the dog\r");
    pty_expect(&p, "... ");
    expect_same(&p, "/quit\"\"\"\r", block);
    pty_type(&p, "/reset\r");
    pty_expect(&p, "forgotten");
    pty_expect(&p, "> ");
    expect_same(&p, "the dog\\\r/quit\r", block);
    pty_type(&p, "/reset\r");
    pty_expect(&p, "forgotten");
    pty_expect(&p, "> ");
    pty_type(&p, "\"\"\"\r");
    pty_expect(&p, "... ");
    pty_type(&p, "noise\r");
    pty_expect(&p, "... ");
    pty_type(&p, "more\003");
    pty_expect(&p, "> ");
    /* The block, whole, from the history, over two rows of the line that went on. */
    expect_same(&p, "\020\020\020\020\020\r", block);
    pty_type(&p, "\"\"\"never said\r");
    pty_expect(&p, "... ");
    pty_type(&p, "\004");
    pty_expect(&p, "what came after it was not said");
    assert_int_equal(pty_end(&p), 0);
    START(&p, SHORT);
    pty_expect(&p, "> ");
    /* Over the four rows of the block and /reset to the line that went on. */
    expect_same(&p, "\020\020\020\020\020\020\r", block);
    leave(&p);
}

static void keeps_the_history(void **unused)
{
    (void)unused;
    pty p;
    struct stat info;
    (void)unlink(history_path);
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "/temp 0.25\r");
    pty_expect(&p, "> ");
    pty_type(&p, "/stats\r");
    pty_expect(&p, "temperature  0.25");
    pty_expect(&p, "> ");
    pty_type(&p, "\033[A\r"); /* up */
    pty_expect(&p, "temperature  0.25");
    pty_expect(&p, "> ");
    leave(&p);
    assert_int_equal(stat(history_path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);

    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "\020\020\r"); /* Ctrl-P twice: the last but one of the run before */
    pty_expect(&p, "/temp 0.25");
    pty_expect(&p, "> ");
    pty_type(&p, "/stats\r");
    pty_expect(&p, "temperature  0.25");
    pty_expect(&p, "> ");
    leave(&p);

    (void)unlink(history_path);
    START(&p, SHORT, "--no-history");
    pty_expect(&p, "> ");
    pty_type(&p, "/stats\r");
    pty_expect(&p, "temperature");
    pty_expect(&p, "> ");
    leave(&p);
    assert_int_equal(stat(history_path, &info), -1);
}

static void needs_no_home(void **unused)
{
    (void)unused;
    pty p;
    static const char *const environments[][6] = {
        {"XDG_STATE_HOME", "HOME", "TERM=xterm", "NO_COLOR=1", PATIENT, NULL},
        {"XDG_STATE_HOME", "HOME=/nowhere/at/all", "TERM=xterm", "NO_COLOR=1", PATIENT, NULL},
        {"XDG_STATE_HOME=relative", "HOME=", "TERM=xterm", "NO_COLOR=1", PATIENT, NULL},
    };
    for (size_t i = 0; i < sizeof environments / sizeof *environments; i++) {
        struct stat info;
        start_as(&p, WIDE, environments[i], (const char *const[]){SHORT, NULL});
        pty_expect(&p, "> ");
        pty_type(&p, "/stats\r");
        pty_expect(&p, "temperature");
        pty_expect(&p, "> ");
        pty_type(&p, "\033[A\r"); /* the lines of this run are there all the same */
        pty_expect(&p, "temperature");
        pty_expect(&p, "> ");
        assert_false(pty_has(&p, "history"));
        leave(&p);
        assert_int_equal(stat("/nowhere", &info), -1);
        assert_int_equal(stat("relative", &info), -1);
    }
}

static void fits_any_width(void **unused)
{
    (void)unused;
    static const char line[] = "Once upon a time there was a dog who ran and ran and ran\n";
    char keys[sizeof line + 16], reply[4000];
    pty p;
    reply_to(line, reply, sizeof reply);
    screen_join_words(reply);
    for (size_t columns = 10; columns <= 40; columns += 15) {
        START_WIDE(&p, columns, SHORT);
        pty_expect(&p, "> ");
        (void)snprintf(keys, sizeof keys, "%.20s", line);
        pty_type(&p, keys);
        pty_resize(&p, 60 - columns); /* in the middle of the line */
        (void)snprintf(keys, sizeof keys, "%.*s\r", (int)strlen(line + 20) - 1, line + 20);
        pty_type(&p, keys);
        pty_expect(&p, "\r\n\033[?2004l");
        size_t from = p.seen;
        pty_expect(&p, "> ");
        screen *s = screen_open(60 - columns);
        screen_show(s, p.text + from, p.seen - 2 - from);
        char *copy = screen_copy(s);
        screen_join_words(copy);
        assert_string_equal(copy, reply);
        free(copy);
        free(s);
        leave(&p);
    }
}

static void obeys_no_color(void **unused)
{
    (void)unused;
    pty p;
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "/frobnicate\r");
    pty_expect(&p, "error: unknown command");
    pty_expect(&p, "> ");
    assert_false(pty_has(&p, "\033[3"));
    leave(&p);
    start_as(&p, WIDE, (const char *const[]){"NO_COLOR", "TERM=xterm", state_home, NULL},
             (const char *const[]){SHORT, NULL});
    pty_expect(&p, "\033[32m>\033[0m ");
    pty_type(&p, "/frobnicate\r");
    pty_expect(&p, "\033[31merror:\033[0m unknown command");
    leave(&p);
}

/* TERM=dumb: no editing, but a conversation, and Ctrl-C stops a reply only. */
static void works_on_a_dumb_terminal(void **unused)
{
    (void)unused;
    pty p;
    start_as(&p, WIDE, (const char *const[]){"TERM=dumb", state_home, NULL},
             (const char *const[]){ENDLESS, NULL});
    pty_expect(&p, "/help lists the commands");
    pty_type(&p, "hello\n");
    pty_expect(&p, "hello\r\n");
    pty_expect(&p, "e");
    pty_type(&p, "\003");
    pty_expect(&p, "(stopped");
    pty_type(&p, "/stats\n");
    pty_expect(&p, "position");
    assert_false(pty_has(&p, "\033"));
    leave(&p);
}

/* At temperature 100 a model writes any byte; none reaches the terminal as a control character. */
static void shows_no_control_characters(void **unused)
{
    (void)unused;
    pty p;
    start_as(&p, WIDE, (const char *const[]){"TERM=dumb", state_home, NULL},
             (const char *const[]){"--max-tokens", "30000", "--ignore-eos", "--temperature", "100",
                                   "--top-k", "0", "--top-p", "1", "--min-p", "0", NULL});
    pty_expect(&p, "/help lists the commands");
    pty_type(&p, "hello\n/stats\n");
    pty_expect(&p, "replies      30,000 tokens");
    for (size_t i = 0; i < p.bytes; i++) {
        unsigned char c = (unsigned char)p.text[i];
        int second = i && (unsigned char)p.text[i - 1] == 0xc2;
        assert_false((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f);
        assert_false(second && c < 0xa0);
        assert_false(c == '\r' && p.text[i + 1] != '\n');
    }
    leave(&p);
}

/* Signals at the prompt and in a reply: the exit code tells, the terminal is as before. */
static void ends_by_signals(void **unused)
{
    (void)unused;
    static const int numbers[] = {SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < 2 * sizeof numbers / sizeof *numbers; i++) {
        pty p;
        int number = numbers[i / 2];
        START(&p, ENDLESS);
        pty_expect(&p, "> ");
        if (i % 2) {
            pty_type(&p, "hello\r");
            pty_expect(&p, "hello\r\n");
            pty_expect(&p, "e");
        } else {
            pty_type(&p, "half a line");
            pty_expect(&p, "line");
        }
        assert_int_equal(kill(p.program, number), 0);
        assert_int_equal(pty_end(&p), 128 + number);
    }
}

/* Ctrl-Z at the prompt and in a reply, as a shell's job. */
static void stops_as_a_job(void **unused)
{
    (void)unused;
    pty p;
    struct termios now;
    START(&p, ENDLESS);
    pty_expect(&p, "> ");
    pty_type(&p, "/sta");
    pty_expect(&p, "/sta");
    pty_type(&p, "\032");
    pty_expect_stopped(&p);
    assert_int_equal(tcgetattr(p.slave, &now), 0);
    assert_int_equal(now.c_lflag, p.before.c_lflag); /* the shell finds it as it was */
    pty_continue(&p);
    pty_expect(&p, "/sta"); /* shown again */
    pty_type(&p, "ts\r");
    pty_expect(&p, "temperature");
    pty_expect(&p, "> ");
    pty_type(&p, "hello\r");
    pty_expect(&p, "hello\r\n");
    pty_expect(&p, "e"); /* of the reply: keys are signals now */
    pty_type(&p, "\032");
    pty_expect_stopped(&p);
    pty_continue(&p);
    pty_type(&p, "\003");
    pty_expect(&p, "(stopped");
    pty_expect(&p, "> ");
    leave(&p);
}

/* Keys that send signals, typed before the terminal does: with the line, and behind a paste. */
static void heeds_keys_behind_the_line(void **unused)
{
    (void)unused;
    static const char *const lines[] = {"hello\r\003", "hello\r\003\003", "hello\rdropped\003",
                                        "\033[200~one\rtwo\033[201~\r\003",
                                        "hello\r\033[200~\003\033[201~"};
    pty p;
    START(&p, ENDLESS);
    pty_expect(&p, "> ");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        pty_type(&p, lines[i]);
        pty_expect(&p, "\r\n\033[?2004l");
        if (i == 4) { /* in a paste it is no key */
            pty_expect(&p, "e");
            pty_type(&p, "\003");
        }
        pty_expect(&p, "(stopped");
        pty_expect(&p, "> ");
    }
    pty_type(&p, "\003hello\r\032"); /* after what was pasted */
    pty_expect_stopped(&p);
    pty_continue(&p);
    pty_type(&p, "\003");
    pty_expect(&p, "(stopped");
    pty_expect(&p, "> ");
    assert_false(pty_has(&p, "leaves"));
    leave(&p);
}

/* Lines typed before the reply to the first begins: each is said. */
static void takes_lines_ahead(void **unused)
{
    (void)unused;
    pty p;
    char both[4000];
    reply_to("Once\nthe dog\n", both, sizeof both);
    size_t first = strcspn(both, "\r");
    START(&p, SHORT, "--no-history");
    pty_expect(&p, "> ");
    pty_type(&p, "Once\rthe dog\r\004");
    pty_expect(&p, "Once\r\n");
    both[first] = 0;
    pty_expect(&p, both);
    pty_expect(&p, "the dog\r\n");
    pty_expect(&p, strrchr(both + first + 1, '\n') + 1);
    assert_int_equal(pty_end(&p), 0);
}

static void needs_constant_memory(void **unused)
{
    (void)unused;
    pty p;
    char keys[64];
    size_t early = 0;
    /* AddressSanitizer, where it is built in, keeps what was freed unless told not to. */
    start_as(&p, WIDE,
             (const char *const[]){"NO_COLOR=1", "TERM=xterm", state_home,
                                   "ASAN_OPTIONS=quarantine_size_mb=0:"
                                   "thread_local_quarantine_size_kb=0",
                                   NULL},
             (const char *const[]){"--max-tokens", "200", "--ignore-eos", NULL});
    pty_expect(&p, "> ");
    for (int turn = 1; turn <= 300; turn++) {
        (void)snprintf(keys, sizeof keys, "this is what I say in turn %d\r", turn);
        pty_type(&p, keys);
        pty_expect(&p, "\r\n");
        pty_expect(&p, "\n> ");
        if (turn == 100) /* long since a state has gone for each that is kept */
            early = pty_resident_pages(&p);
    }
    size_t late = pty_resident_pages(&p);
    print_message("resident pages: %zu after 100 turns, %zu after 300\n", early, late);
    assert_in_range(late, 1, early + 64); /* the heap settles; states alone would be 700 */
    leave(&p);
}

static void keeps_the_conversation(void **unused)
{
    (void)unused;
    pty p;
    char path[700], load[800];
    (void)snprintf(path, sizeof path, "%s/lines", scratch); /* a file, but no memory */
    (void)snprintf(load, sizeof load, "/load %s\r", path);
    START(&p, SHORT);
    pty_expect(&p, "> ");
    pty_type(&p, "Once\r");
    pty_expect(&p, "> ");
    pty_type(&p, load);
    pty_expect(&p, "error: ");
    pty_expect(&p, "\n> ");
    char both[4000];
    reply_to("Once\nthe dog\n", both, sizeof both);
    pty_type(&p, "the dog\r");
    pty_expect(&p, "the dog\r\n\033[?2004l");
    size_t from = p.seen;
    pty_expect(&p, "\n> ");
    /* What is shown now is the end of both replies. */
    size_t shown = 0;
    while (p.text[from + shown] != '>')
        shown++;
    size_t length = strlen(both);
    assert_in_range(shown, 1, length);
    assert_memory_equal(both + length - shown, p.text + from, shown);
    leave(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_and_leaves),
        cmocka_unit_test(stops_a_reply),
        cmocka_unit_test(takes_keys_ahead),
        cmocka_unit_test(clears_the_line),
        cmocka_unit_test(edits_whole_characters),
        cmocka_unit_test(takes_several_lines),
        cmocka_unit_test(keeps_the_history),
        cmocka_unit_test(needs_no_home),
        cmocka_unit_test(fits_any_width),
        cmocka_unit_test(obeys_no_color),
        cmocka_unit_test(works_on_a_dumb_terminal),
        cmocka_unit_test(shows_no_control_characters),
        cmocka_unit_test(ends_by_signals),
        cmocka_unit_test(stops_as_a_job),
        cmocka_unit_test(heeds_keys_behind_the_line),
        cmocka_unit_test(takes_lines_ahead),
        cmocka_unit_test(needs_constant_memory),
        cmocka_unit_test(keeps_the_conversation),
    };
    if (!talk_begin(argc, argv))
        return 2;
    return cmocka_run_group_tests_name("chat", tests, NULL, NULL) != 0;
}
