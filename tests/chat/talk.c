/* Conversations with bitllama chat on a pseudo-terminal. */
#include "talk.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_ARGUMENTS = 20 };

const char *program, *model, *scratch;
char state_home[600], history_path[700];

int talk_begin(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s PROGRAM MODEL SCRATCH\n", argv[0]);
        return 0;
    }
    program = argv[1];
    model = argv[2];
    scratch = argv[3];
    (void)mkdir(scratch, 0777);
    (void)snprintf(state_home, sizeof state_home, "XDG_STATE_HOME=%s/state", scratch);
    (void)snprintf(history_path, sizeof history_path, "%s/state/bitllama/history", scratch);
    /* Paths reach a shell as variables: they may have any character. */
    return setlocale(LC_CTYPE, "C.UTF-8") && chdir(scratch) == 0 &&
           setenv("LC_ALL", "C.UTF-8", 1) == 0 && setenv("program", program, 1) == 0 &&
           setenv("model", model, 1) == 0;
}

void start_as(pty *p, size_t columns, const char *const *environment, const char *const *more)
{
    const char *argv[MOST_ARGUMENTS] = {program, "chat", "-m", model};
    for (size_t i = 0; more[i]; i++)
        argv[i + 4] = more[i];
    pty_start(p, argv, environment, columns);
}

void reply_to(const char *lines, char *reply, size_t cap)
{
    char raw[2000];
    FILE *f = fopen("lines", "w");
    assert_non_null(f);
    assert_int_equal(fputs(lines, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
    f = popen(
        "\"$program\" chat -m \"$model\" --max-tokens 24 --ignore-eos --temperature 1.5 --seed 7"
        " <lines",
        "r");
    assert_non_null(f);
    size_t bytes = fread(raw, 1, sizeof raw, f), made = 0;
    assert_int_equal(pclose(f), 0);
    assert_in_range(bytes, 2, sizeof raw - 1);
    for (size_t i = 0; i < bytes && made + 3 < cap; i++) {
        if (raw[i] == '\n')
            reply[made++] = '\r';
        reply[made++] = raw[i];
    }
    reply[made] = 0;
}

void leave(pty *p)
{
    pty_type(p, "\004");
    assert_int_equal(pty_end(p), 0);
}

void expect_same(pty *p, const char *keys, const char *line)
{
    char reply[4000];
    reply_to(line, reply, sizeof reply);
    pty_type(p, keys);
    pty_expect(p, reply);
    pty_expect(p, "> ");
}
