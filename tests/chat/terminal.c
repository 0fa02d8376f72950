/* Commands other than chat on a pseudo-terminal: what they may show there, and how they stop. */
#include "talk.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_ARGUMENTS = 24 };

/* bitllama COMMAND FLAGS... on a terminal without colours. */
static void start_command(pty *p, const char *const *arguments)
{
    const char *argv[MOST_ARGUMENTS] = {program};
    for (size_t i = 0; arguments[i]; i++)
        argv[i + 1] = arguments[i];
    pty_start(p, argv, (const char *const[]){"NO_COLOR=1", "TERM=xterm", "COLUMNS", NULL}, WIDE);
}

#define COMMAND(p, ...) start_command((p), (const char *const[]){__VA_ARGS__, NULL})

/* Nothing that was shown moves a cursor, but for the progress line's own return and erasure. */
static void expect_plain(const pty *p)
{
    for (size_t i = 0; i < p->bytes; i++) {
        unsigned char c = (unsigned char)p->text[i];
        if (strncmp(p->text + i, "\r\033[K", 4) == 0 || strncmp(p->text + i, "\033[K\r", 4) == 0)
            i += 3;
        else if ((c < 0x20 && !strchr("\r\n\t", c)) || c == 0x7f)
            fail_msg("byte %02x was shown:\n%.60s", c, p->text + (i > 20 ? i - 20 : 0));
        if (c == 0xc2)
            assert_false((unsigned char)p->text[i + 1] < 0xa0);
    }
}

static void put_file(const char *name, const void *data, size_t bytes)
{
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

/* ---- what may be shown ---- */

static const char hostile[] = "a\033]0;pwned\007\302\233 2J \342\200\256 b";
static const char as_shown[] = "a<U+001B>]0;pwned<U+0007><U+009B> 2J <U+202E> b";

/* A text of control characters, as ids and back. */
static void detokenize_shows_controls(void **unused)
{
    (void)unused;
    pty p;
    put_file("hostile.txt", hostile, sizeof hostile - 1);
    assert_int_equal(system("\"$program\" tokenize -m \"$model\" -f hostile.txt >ids"), 0);
    COMMAND(&p, "detokenize", "-m", model, "-f", "ids");
    pty_expect(&p, as_shown);
    assert_int_equal(pty_end(&p), 0);
    COMMAND(&p, "detokenize", "-m", model, "-f", "ids", "--json");
    pty_expect(&p, "{\"text\": \"a\\u001b]0;pwned\\u0007\\u009b 2J \\u202e b\"}");
    assert_int_equal(pty_end(&p), 0);
    /* What is not a terminal gets the bytes. */
    assert_int_equal(system("\"$program\" detokenize -m \"$model\" -f ids | cmp - hostile.txt"), 0);
}

/* At temperature 100 a model writes any byte. */
static void generate_shows_controls(void **unused)
{
    (void)unused;
    pty p;
    COMMAND(&p, "generate", "-m", model, "-p", "x", "--max-tokens", "5000", "--ignore-eos",
            "--seed", "1", "--temperature", "100", "--top-k", "0", "--top-p", "1", "--min-p", "0");
    pty_expect(&p, "seed 1, prompt");
    assert_true(pty_has(&p, "<U+001B>") && pty_has(&p, "<U+0007>"));
    expect_plain(&p);
    assert_int_equal(pty_end(&p), 0);
}

static void names_and_metadata_are_shown(void **unused)
{
    (void)unused;
    static const char header[] =
        "{\"__metadata__\":{\"a\302\233\":\"\342\200\256v\177\"},"
        "\"t\302\233 \":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    unsigned char file[8 + sizeof header - 1 + 4] = {sizeof header - 1};
    pty p;
    memcpy(file + 8, header, sizeof header - 1);
    put_file("hostile.safetensors", file, sizeof file);
    COMMAND(&p, "info", "hostile.safetensors");
    pty_expect(&p, "a\\u009b ");
    pty_expect(&p, "\\u202ev\\u007f");
    pty_expect(&p, "t\\u009b ");
    expect_plain(&p);
    assert_int_equal(pty_end(&p), 0);
    COMMAND(&p, "info", "hostile.safetensors", "--json");
    pty_expect(&p, "\"a\\u009b\": \"\\u202ev\\u007f\"");
    expect_plain(&p);
    assert_int_equal(pty_end(&p), 0);
}

static void messages_are_shown(void **unused)
{
    (void)unused;
    pty p;
    COMMAND(&p, "generate", "-m", model, "-f", hostile);
    pty_expect(&p, as_shown);
    expect_plain(&p);
    assert_int_equal(pty_end(&p), 3);
    COMMAND(&p, hostile);
    pty_expect(&p, as_shown);
    expect_plain(&p);
    assert_int_equal(pty_end(&p), 2);
}

static void bytes_are_not_shown(void **unused)
{
    (void)unused;
    pty p;
    COMMAND(&p, "logits", "-m", model, "--ids", "1,2", "-o", "-");
    pty_expect(&p, "no text for a terminal; name it: -o OUT.npy");
    assert_false(pty_has(&p, "NUMPY"));
    assert_int_equal(pty_end(&p), 2);
}

/* ---- how they stop ---- */

/* Text for a minute of the small model, in a file. */
static void put_long_text(const char *name)
{
    static char text[3000000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 6 == 5 ? ' ' : (char)('a' + i * 7 % 26);
    put_file(name, text, sizeof text);
}

static void reading_is_shown_and_stops(void **unused)
{
    (void)unused;
    struct stat info;
    pty p;
    put_long_text("long.txt");
    (void)unlink("half.mem");
    COMMAND(&p, "generate", "-m", model, "-f", "long.txt", "--max-tokens", "5", "--save",
            "half.mem");
    pty_expect(&p, "reading: ");
    pty_type(&p, "\003");
    assert_int_equal(pty_end(&p), 130);
    assert_int_equal(stat("half.mem", &info), -1); /* half a prompt is not a memory */
    COMMAND(&p, "eval", "-m", model, "--data", "long.txt");
    pty_expect(&p, "evaluating: ");
    pty_type(&p, "\003");
    assert_int_equal(pty_end(&p), 130);
    assert_int_equal(unlink("long.txt"), 0);
}

/* What takes less than a second shows no progress, and a passing line goes before the text
 * comes. */
static void short_work_is_silent(void **unused)
{
    (void)unused;
    /* A busy machine may make it longer than that. */
    for (int attempt = 0; attempt < 20; attempt++) {
        struct timespec from, to;
        pty p;
        (void)clock_gettime(CLOCK_MONOTONIC, &from);
        COMMAND(&p, "generate", "-m", model, "-p", "Once upon a time", "--max-tokens", "5");
        pty_expect(&p, "seed ");
        (void)clock_gettime(CLOCK_MONOTONIC, &to);
        int shown = pty_has(&p, "reading") || pty_has(&p, "loading") || pty_has(&p, "\033[K");
        assert_int_equal(pty_end(&p), 0);
        if ((double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec) < 1) {
            assert_false(shown);
            return;
        }
    }
    print_message("skipped: each of 20 runs of 5 tokens took a second or longer\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detokenize_shows_controls),
        cmocka_unit_test(generate_shows_controls),
        cmocka_unit_test(names_and_metadata_are_shown),
        cmocka_unit_test(messages_are_shown),
        cmocka_unit_test(bytes_are_not_shown),
        cmocka_unit_test(reading_is_shown_and_stops),
        cmocka_unit_test(short_work_is_silent),
    };
    if (!talk_begin(argc, argv))
        return 2;
    return cmocka_run_group_tests_name("terminal", tests, NULL, NULL) != 0;
}
