/* Man pages in roff: bitllama(1) and bitllama-COMMAND(1), from the tables that make the help. */
#include "cli.h"
#include "describe.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1024, PATH_BYTES = 4096, FILL_COLUMNS = 72 };

/* Text that roff prints as it stands.  A line may not begin with a control character, and a plain
 * hyphen, quote or accent would come out as typography. */
static void put_text(FILE *to, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        int begins = i == 0 || text[i - 1] == '\n';
        if (begins && (c == '.' || c == '\''))
            fputs("\\&", to);
        switch (c) {
        case '\\':
            fputs("\\e", to);
            break;
        case '-':
            fputs("\\-", to);
            break;
        case '\'':
            fputs("\\(aq", to);
            break;
        case '`':
            fputs("\\(ga", to);
            break;
        case '^':
            fputs("\\(ha", to);
            break;
        case '~':
            fputs("\\(ti", to);
            break;
        default:
            fputc(c, to);
        }
    }
}

/* The same in lines of up to 80 characters; two spaces and line breaks stay. */
static void put(FILE *to, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " \n"), gap = strspn(text + word, " \n");
        put_text(to, text, word);
        column += word;
        text += word;
        size_t next = strcspn(text + gap, " \n");
        int begins = text[gap] == '.' || text[gap] == '\'';
        if (gap == 1 && *text == ' ' && text[1] && !begins && column + 1 + next > FILL_COLUMNS) {
            fputc('\n', to);
            column = 0;
        } else {
            put_text(to, text, gap);
            column = memchr(text, '\n', gap) ? 0 : column + gap;
        }
        text += gap;
    }
}

static void put_font(FILE *to, char font, const char *text, size_t bytes)
{
    fprintf(to, "\\f%c", font);
    put_text(to, text, bytes);
    fputs("\\fR", to);
}

static int is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '/';
}

/* A usage line: flags and choices bold, NAMES OF VALUES italic. */
static void put_usage(FILE *to, const char *text)
{
    while (*text) {
        size_t n = 0;
        while (is_word(text[n]))
            n++;
        if (n == 0) {
            put_text(to, text++, 1);
            continue;
        }
        int capital = text[0] >= 'A' && text[0] <= 'Z';
        int generic = n == 5 && strncmp(text, "flags", n) == 0;
        put_font(to, capital || generic ? 'I' : 'B', text, n);
        text += n;
    }
}

/* Paragraphs: an empty line in the text begins a new one. */
static void put_paragraphs(FILE *to, const char *text)
{
    char paragraph[4 * TEXT_BYTES];
    while (*text) {
        const char *gap = strstr(text, "\n\n");
        size_t bytes = gap ? (size_t)(gap - text) : strlen(text);
        (void)snprintf(paragraph, sizeof paragraph, "%.*s", (int)bytes, text);
        fputs(".PP\n", to);
        put(to, paragraph);
        fputc('\n', to);
        text += gap ? bytes + 2 : bytes;
    }
}

static void put_term(FILE *to, const char *word, const char *meaning)
{
    fputs(".TP\n", to);
    put_font(to, 'B', word, strlen(word));
    fputc('\n', to);
    put(to, meaning);
    fputc('\n', to);
}

static void put_flag(FILE *to, const bl_flag_words *w)
{
    const char *notes[4] = {0};
    char fallback[sizeof w->fallback + 16], off[sizeof w->off + 24];
    size_t count = 0;
    if (w->required)
        notes[count++] = "required";
    if (*w->bounds)
        notes[count++] = w->bounds;
    if (*w->fallback) {
        (void)snprintf(fallback, sizeof fallback, "default %s", w->fallback);
        notes[count++] = fallback;
    }
    if (*w->off) {
        (void)snprintf(off, sizeof off, "%s turns it off", w->off);
        notes[count++] = off;
    }
    fputs(".TP\n", to);
    put_font(to, 'B', w->name, strlen(w->name));
    if (*w->value) {
        fputc(' ', to);
        put_usage(to, w->value);
    }
    fputc('\n', to);
    put(to, w->help);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "; " : "\n(", to);
        put(to, notes[i]);
    }
    fputs(count ? ")\n" : "\n", to);
}

static void put_options(FILE *to, const bl_command *command)
{
    bl_flag_words words;
    fputs(".SH OPTIONS\n", to);
    for (const bl_flag *f = command->flags; f && f->name; f++) {
        bl_describe_flag(&words, f);
        put_flag(to, &words);
    }
    put_term(to, "-h, --help", "the same in short, on standard output");
    for (size_t g = 0; g < BL_GROUPS_MAX && command->groups[g].title; g++) {
        bl_options_kind kind = command->groups[g].kind;
        fprintf(to, ".SS \"Options of %s\"\n", command->groups[g].title);
        for (size_t i = 0; i < bl_options_count(kind); i++) {
            bl_describe_field(&words, bl_options_field(kind, i));
            put_flag(to, &words);
        }
    }
}

static void put_exit_status(FILE *to)
{
    char text[TEXT_BYTES], number[16];
    fputs(".SH EXIT STATUS\n", to);
    for (int code = 0; code < BL_EXIT_CODES; code++) {
        bl_describe_exit(code, text, sizeof text);
        (void)snprintf(number, sizeof number, "%d", code);
        if (*text)
            put_term(to, number, text);
    }
    put_term(to, "128+n", "stopped by signal n");
}

static void put_environment(FILE *to)
{
    fputs(".SH ENVIRONMENT\n", to);
#define X(variable, meaning) put_term(to, variable, meaning);
    BL_ENVIRONMENT_LIST(X)
#undef X
}

/* Whether a usage line has the word. */
static int names(const char *usage, const char *word)
{
    for (const char *at = usage; (at = strstr(at, word)) != NULL; at++) {
        char end = at[strlen(word)];
        if ((at == usage || !is_word(at[-1])) && !is_word(end))
            return 1;
    }
    return 0;
}

static void put_files(FILE *to, const bl_command *command_or_null)
{
    const bl_command *c = command_or_null;
    static const struct {
        const char *kind, *path, *meaning;
    } files[] = {
#define X(kind, path, meaning) {kind, path, meaning},
        BL_FILE_LIST(X)
#undef X
    };
    int begun = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (c && !names(c->usage, files[i].kind) && strcmp(c->name, files[i].kind) != 0)
            continue;
        fputs(begun ? "" : ".SH FILES\n", to);
        put_term(to, files[i].path, files[i].meaning);
        begun = 1;
    }
}

static void put_example(FILE *to, const char *text)
{
    fputs(".EX\n", to);
    put(to, text);
    fputs("\n.EE\n", to);
}

/* Small letters of ASCII as capitals. */
static void put_capitals(FILE *to, const char *text)
{
    for (; *text; text++)
        fputc(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text, to);
}

static void put_title(FILE *to, const char *name)
{
    fputs(".TH ", to);
    put_capitals(to, name);
    /* No date: the same sources make the same page. */
    fprintf(to, " 1 \"\" \"bitllama %s\" \"Bit-Llama\"\n.nh\n", bl_version());
}

static void print_overview(FILE *to, const bl_command *const *commands)
{
    put_title(to, "bitllama");
    fputs(".SH NAME\nbitllama \\- small ternary language models with constant memory\n"
          ".SH SYNOPSIS\n\\fBbitllama\\fR \\fICOMMAND\\fR [\\fIflags\\fR]\n"
          ".SH DESCRIPTION\n"
          "Makes and runs small language models of ternary weights whose memory\n"
          "of a text has constant size: from raw text to a tokenizer, a trained\n"
          "model and its replies.\n"
          "Each command has a page of its own, and\n"
          "\\fBbitllama\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR\nsays the same in short.\n"
          "Products go to standard output, everything else to standard error.\n"
          ".SH COMMANDS\n",
          to);
    for (const bl_command *const *c = commands; *c; c++)
        put_term(to, (*c)->name, (*c)->summary);
    fputs(".SH EXAMPLES\n", to);
    put_example(to, "bitllama prepare tales --out data --vocab-size 2048\n"
                    "bitllama train --data data --out run --preset tiny\n"
                    "bitllama generate -m run -p \"Once upon a time\"");
    put_exit_status(to);
    put_environment(to);
    put_files(to, NULL);
    fputs(".SH SEE ALSO\n", to);
    for (const bl_command *const *c = commands; *c; c++)
        fprintf(to, "\\fBbitllama\\-%s\\fR(1)%s\n", (*c)->name, c[1] ? "," : "");
}

static void print_command(FILE *to, const bl_command *command)
{
    char name[64], line[TEXT_BYTES];
    (void)snprintf(name, sizeof name, "bitllama-%s", command->name);
    /* The first sentence, and as a part of one. */
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(command->summary, "."),
                   command->summary);
    line[0] = (char)(line[0] - 'A' + 'a');
    put_title(to, name);
    fprintf(to, ".SH NAME\nbitllama\\-%s \\- ", command->name);
    put(to, line);
    fprintf(to, "\n.SH SYNOPSIS\n\\fBbitllama %s\\fR%s", command->name, *command->usage ? " " : "");
    put_usage(to, command->usage);
    fputs("\n.SH DESCRIPTION\n", to);
    put(to, command->summary);
    fputc('\n', to);
    if (command->details)
        put_paragraphs(to, command->details);
    if (command->terms) {
        fputs(".SH ", to);
        put_capitals(to, command->terms_title);
        fputc('\n', to);
        for (const bl_term *t = command->terms; t->word; t++)
            put_term(to, t->word, t->meaning);
    }
    put_options(to, command);
    fputs(".SH EXAMPLES\n", to);
    put_example(to, command->example);
    put_exit_status(to);
    put_environment(to);
    put_files(to, command);
    fputs(".SH SEE ALSO\n\\fBbitllama\\fR(1)\n", to);
}

void bl_man_print(FILE *to, const bl_command *const *commands, const bl_command *command_or_null)
{
    if (command_or_null)
        print_command(to, command_or_null);
    else
        print_overview(to, commands);
}

static bl_status write_page(const char *folder, const bl_command *const *commands,
                            const bl_command *command, bl_error *err)
{
    char path[PATH_BYTES];
    bl_output_file file = {0};
    char *page = NULL;
    size_t bytes = 0;
    int n = snprintf(path, sizeof path, "%s/bitllama%s%s.1", folder, command ? "-" : "",
                     command ? command->name : "");
    if (n < 0 || (size_t)n >= sizeof path)
        return bl_cli_fail(err, BL_EINVAL, "%s: the path is too long", folder);
    FILE *text = open_memstream(&page, &bytes);
    if (!text)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    bl_man_print(text, commands, command);
    bl_status status = fclose(text) == 0 ? bl_output_open(&file, path, err)
                                         : bl_cli_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK)
        status = bl_output_append(&file, page, bytes, err);
    if (status == BL_OK)
        status = bl_output_finish(&file, err);
    bl_output_abandon(&file);
    free(page);
    return status;
}

bl_status bl_man_write_all(const char *folder, const bl_command *const *commands, bl_error *err)
{
    bl_status status = write_page(folder, commands, NULL, err);
    for (const bl_command *const *c = commands; *c && status == BL_OK; c++)
        status = write_page(folder, commands, *c, err);
    return status;
}
