/* The help of a command: usage, an example, and its flags grouped, from the tables. */
#include "cli.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 30, FLAG_BYTES = 128, TEXT_BYTES = 512 };

/* A space at which no line is broken. */
#define TIED "\037"

/* Words of `text` in lines from column HELP_COLUMN to the width of the terminal. */
static void print_wrapped(const char *text, size_t column, size_t width)
{
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column + 1 + word > width && column > HELP_COLUMN) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        fputs(column > HELP_COLUMN ? " " : "", stdout);
        for (size_t i = 0; i < word; i++)
            putchar(text[i] == *TIED ? ' ' : text[i]);
        column += word + (column > HELP_COLUMN);
        text += word;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_flag(const char *flag, const char *text)
{
    size_t width = bl_terminal_width(stdout);
    int used = printf("  %s", flag);
    if (used > HELP_COLUMN - 2)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - used, "");
    print_wrapped(text, HELP_COLUMN, width < HELP_COLUMN + 30 ? HELP_COLUMN + 30 : width);
}

static void print_own(const bl_flag *f)
{
    char flag[FLAG_BYTES], text[TEXT_BYTES], letter[5] = "";
    if (f->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", f->letter);
    (void)snprintf(flag, sizeof flag, "%s--%s%s%s", letter, f->name, f->value ? " " : "",
                   f->value ? f->value : "");
    int shows = f->fallback && *f->fallback;
    (void)snprintf(text, sizeof text, "%s%s%s%s%s", f->help, f->required ? " (required)" : "",
                   shows ? " (default" TIED : "", shows ? f->fallback : "", shows ? ")" : "");
    print_flag(flag, text);
}

static const char *value_name(const bl_field_info *field)
{
    if (field->choices)
        return field->choices;
    if (strcmp(field->type, "integer") == 0)
        return "N";
    return strcmp(field->type, "number") == 0 ? "X" : "TEXT";
}

static void print_field(const bl_field_info *field)
{
    char name[FLAG_BYTES / 2], flag[FLAG_BYTES], text[TEXT_BYTES];
    (void)snprintf(name, sizeof name, "%s", field->name);
    for (char *c = name; *c; c++)
        if (*c == '_')
            *c = '-';
    int is_switch = strcmp(field->type, "boolean") == 0;
    int on = is_switch && strcmp(field->fallback, "true") == 0;
    (void)snprintf(flag, sizeof flag, "--%s%s%s", name, is_switch ? "" : " ",
                   is_switch ? "" : value_name(field));
    if (on)
        (void)snprintf(text, sizeof text, "%s (default" TIED "true; --no-%s turns it off)",
                       field->help, name);
    else if (*field->fallback)
        (void)snprintf(text, sizeof text, "%s (default" TIED "%s)", field->help, field->fallback);
    else
        (void)snprintf(text, sizeof text, "%s", field->help);
    print_flag(flag, text);
}

void bl_help_command(const bl_command *command)
{
    printf("usage: bitllama %s%s%s\n\n%s\n\nexample:\n  %s\n\nflags:\n", command->name,
           *command->usage ? " " : "", command->usage, command->summary, command->example);
    for (const bl_flag *f = command->flags; f && f->name; f++)
        print_own(f);
    print_flag("-h, --help", "this help");
    for (size_t g = 0; g < BL_GROUPS_MAX && command->groups[g].title; g++) {
        bl_options_kind kind = command->groups[g].kind;
        printf("\n%s:\n", command->groups[g].title);
        for (size_t i = 0; i < bl_options_count(kind); i++)
            print_field(bl_options_field(kind, i));
    }
}

void bl_help_overview(void)
{
    printf("usage: bitllama COMMAND [flags]\n\n"
           "Bit-Llama %s makes and runs small ternary language models with constant memory.\n\n"
           "commands:\n",
           bl_version());
    for (const bl_command *const *c = bl_commands; *c; c++)
        printf("  %-12s %s\n", (*c)->name, (*c)->summary);
    printf("\nexample:\n"
           "  bitllama prepare tales --out data --vocab-size 2048\n"
           "  bitllama train --data data --out run --preset tiny\n"
           "  bitllama generate -m run -p \"Once upon a time\"\n\n"
           "bitllama COMMAND --help says more about one of them.\n"
           "Exit codes: 0 ok, 1 failure, 2 usage, 3 bad input data, 4 memory or disk, 5 network,\n"
           "6 training diverged, 7 device, 128+n stopped by signal n.\n");
}
