/* The help of a command: usage, an example, and its flags grouped, from the tables. */
#include "cli.h"
#include "describe.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 30, FLAG_BYTES = 192, TEXT_BYTES = 512 };

/* A space at which no line is broken. */
#define TIED "\037"

static size_t width_of_text(void)
{
    size_t width = bl_terminal_width(stdout);
    return width < HELP_COLUMN + 30 ? HELP_COLUMN + 30 : width;
}

/* Words of `text` in lines from column `left` to the width of the terminal; \n begins
 * a new line. */
static void print_wrapped(const char *text, size_t left)
{
    size_t column = left, width = width_of_text();
    while (*text) {
        size_t word = strcspn(text, " \n");
        if ((column + 1 + word > width && column > left) || *text == '\n') {
            printf("\n%*s", *text == '\n' ? 0 : (int)left, "");
            column = left;
        }
        if (*text == '\n') {
            text++;
            continue;
        }
        fputs(column > left ? " " : "", stdout);
        for (size_t i = 0; i < word; i++)
            putchar(text[i] == *TIED ? ' ' : text[i]);
        column += word + (column > left);
        text += word;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_term(const char *word, const char *text)
{
    int used = printf("  %s", word);
    if (used > HELP_COLUMN - 2)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - used, "");
    print_wrapped(text, HELP_COLUMN);
}

static void print_flag(const bl_flag_words *w)
{
    char flag[FLAG_BYTES], text[TEXT_BYTES], notes[FLAG_BYTES] = "";
    (void)snprintf(flag, sizeof flag, "%s%s%s", w->name, *w->value ? " " : "", w->value);
    if (*w->off)
        (void)snprintf(notes, sizeof notes, " (default" TIED "%s; %s turns it off)", w->fallback,
                       w->off);
    else if (*w->fallback)
        (void)snprintf(notes, sizeof notes, " (default" TIED "%s)", w->fallback);
    (void)snprintf(text, sizeof text, "%s%s%s", w->help, w->required ? " (required)" : "", notes);
    print_term(flag, text);
}

void bl_help_command(const bl_command *command)
{
    bl_flag_words words;
    printf("usage: bitllama %s%s%s\n\n%s\n", command->name, *command->usage ? " " : "",
           command->usage, command->summary);
    if (command->details) {
        putchar('\n');
        print_wrapped(command->details, 0);
    }
    printf("\nexample:\n  %s\n", command->example);
    if (command->terms) {
        printf("\n%s:\n", command->terms_title);
        for (const bl_term *t = command->terms; t->word; t++)
            print_term(t->word, t->meaning);
    }
    printf("\nflags:\n");
    for (const bl_flag *f = command->flags; f && f->name; f++) {
        bl_describe_flag(&words, f);
        print_flag(&words);
    }
    print_term("-h, --help", "this help");
    for (size_t g = 0; g < BL_GROUPS_MAX && command->groups[g].title; g++) {
        bl_options_kind kind = command->groups[g].kind;
        printf("\n%s:\n", command->groups[g].title);
        for (size_t i = 0; i < bl_options_count(kind); i++) {
            bl_describe_field(&words, bl_options_field(kind, i));
            print_flag(&words);
        }
    }
}

static void print_exit_codes(void)
{
    char text[TEXT_BYTES];
    printf("\nexit codes:\n");
    for (int code = 0; code < BL_EXIT_CODES; code++) {
        bl_describe_exit(code, text, sizeof text);
        if (*text)
            printf("  %-12d %s\n", code, text);
    }
    printf("  %-12s stopped by signal n\n", "128+n");
}

void bl_help_overview(const bl_command *const *commands)
{
    printf("usage: bitllama COMMAND [flags]\n\n"
           "Bit-Llama %s makes and runs small ternary language models with constant memory.\n\n"
           "commands:\n",
           bl_version());
    for (const bl_command *const *c = commands; *c; c++)
        printf("  %-12s %s\n", (*c)->name, (*c)->summary);
    printf("\nexample:\n"
           "  bitllama prepare tales --out data --vocab-size 2048\n"
           "  bitllama train --data data --out run --preset tiny\n"
           "  bitllama generate -m run -p \"Once upon a time\"\n\n"
           "bitllama COMMAND --help says more about one of them.\n");
    print_exit_codes();
}
