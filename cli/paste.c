/* Commands shown for pasting into a shell: the program as it was called, words quoted. */
#include "paste.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 8192 };

static const char *program = "bitllama";

void bl_paste_program(const char *argv0)
{
    if (argv0 && *argv0)
        program = argv0;
}

static int is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_@%+:,./-=";
    return *word && *word != '=' && !word[strspn(word, plain)];
}

/* Whether the word is shown as it is. */
static int is_text(const char *word)
{
    char shown[64];
    for (size_t bytes = strlen(word), taken; bytes; word += taken, bytes -= taken) {
        size_t made = bl_text_shown(word, bytes, BL_SHOWN_LINE, shown, sizeof shown, &taken);
        if (made != taken || memcmp(shown, word, made) != 0)
            return 0;
    }
    return 1;
}

/* A byte inside '...' or, `escaped`, inside $'...'. */
static void spell(char c, int escaped, char out[8])
{
    unsigned char byte = (unsigned char)c;
    if (!escaped && c == '\'')
        (void)snprintf(out, 8, "'\\''");
    else if (escaped && (c == '\'' || c == '\\'))
        (void)snprintf(out, 8, "\\%c", c);
    else if (escaped && (byte < 32 || byte > 126))
        (void)snprintf(out, 8, "\\%03o", byte);
    else
        (void)snprintf(out, 8, "%c", c);
}

size_t bl_paste_quote(const char *word, char *to, size_t cap)
{
    int plain = is_plain(word), escaped = !plain && !is_text(word);
    size_t n = 0;
    const char *open = plain ? "" : escaped ? "$'" : "'";
    for (const char *c = open; *c && n + 1 < cap; c++)
        to[n++] = *c;
    for (; *word; word++) {
        char out[8];
        spell(*word, escaped, out);
        size_t bytes = plain ? 1 : strlen(out);
        if (n + bytes + 2 > cap)
            break;
        memcpy(to + n, plain ? word : out, bytes);
        n += bytes;
    }
    if (!plain && n + 1 < cap)
        to[n++] = '\'';
    to[n] = 0;
    return n;
}

void bl_paste_print(const char *lead, const char *const *words)
{
    char line[LINE_BYTES];
    size_t n = bl_paste_quote(program, line, sizeof line);
    for (; *words && n + 2 < sizeof line; words++) {
        line[n++] = ' ';
        n += bl_paste_quote(*words, line + n, sizeof line - n);
    }
    bl_progress_print("%s%s", lead, line);
}
