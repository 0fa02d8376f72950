/* Completion scripts for bash, zsh and fish, from the tables that make the help. */
#include "completion.h"

#include <string.h>

enum { NAME_BYTES = 80, HELP_MOST = 76 };

/* What may be written after a flag, or without one. */
typedef enum wanted { NO_VALUE, A_TEXT, A_FILE, A_FOLDER, A_WORD } wanted;

/* One spelling of a flag. */
typedef struct spelling {
    const char *dashes; /* "-" or "--" */
    char name[NAME_BYTES];
    wanted what;
    const char *value; /* what the help calls it; of A_WORD a|b|c */
    const char *help;
} spelling;

typedef void put_fn(FILE *to, const spelling *e);

/* ---- what the tables say ---- */

static int begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static wanted what_of(const char *value)
{
    static const char *const folders[] = {"MODEL", "RUN", "DIR"}, *const files[] = {"FILE",
                                                                                    "SOURCE",
                                                                                    "PATH", "OUT."};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (begins(value, folders[i]))
            return A_FOLDER;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (begins(value, files[i]))
            return A_FILE;
    return strchr(value, '|') ? A_WORD : A_TEXT;
}

/* The choices of an option of any kind that has this name, or NULL. */
static const char *choices_of(const char *name)
{
    static const bl_options_kind kinds[] = {BL_OPTIONS_CONFIG, BL_OPTIONS_DEVICE, BL_OPTIONS_TRAIN,
                                            BL_OPTIONS_PREPARE, BL_OPTIONS_GENERATE};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < bl_options_count(kinds[k]); i++)
            if (strcmp(bl_options_field(kinds[k], i)->name, name) == 0)
                return bl_options_field(kinds[k], i)->choices;
    return NULL;
}

static void put_own_flag(FILE *to, const bl_flag *f, put_fn *put)
{
    spelling e = {.dashes = "--", .value = f->value, .help = f->help};
    const char *choices = f->value ? choices_of(f->name) : NULL;
    e.what = f->value ? what_of(f->value) : NO_VALUE;
    if (choices) {
        e.what = A_WORD;
        e.value = choices;
    }
    (void)snprintf(e.name, sizeof e.name, "%s", f->name);
    put(to, &e);
    if (!f->letter)
        return;
    e.dashes = "-";
    (void)snprintf(e.name, sizeof e.name, "%c", f->letter);
    put(to, &e);
}

/* Texts that are paths; the tables know them as texts. */
static wanted what_of_text(const char *name)
{
    return strcmp(name, "tokenizer") == 0 ? A_FILE : strcmp(name, "init") == 0 ? A_FOLDER : A_TEXT;
}

static void put_field(FILE *to, const bl_field_info *field, put_fn *put)
{
    char letter = bl_flags_letter(&(bl_setting){.field = field});
    spelling e = {.dashes = "--", .help = field->help, .value = "VALUE"};
    (void)snprintf(e.name, sizeof e.name, "%s", field->name);
    for (char *c = e.name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    if (bl_flags_is_switch(field)) {
        put(to, &e);
        size_t n = strlen(e.name);
        if (field->choices)
            (void)snprintf(e.name + n, sizeof e.name - n, "=%s", field->choices + 11);
        else if (strcmp(field->fallback, "true") == 0)
            (void)snprintf(e.name, sizeof e.name, "no-%.*s", (int)n, field->name);
        else
            return;
        for (char *c = e.name; *c; c++)
            *c = *c == '_' ? '-' : *c;
        put(to, &e);
        return;
    }
    e.what = field->choices ? A_WORD : what_of_text(field->name);
    e.value = field->choices                        ? field->choices
              : strcmp(field->type, "integer") == 0 ? "N"
              : strcmp(field->type, "number") == 0  ? "X"
                                                    : "TEXT";
    put(to, &e);
    if (!letter)
        return;
    e.dashes = "-";
    (void)snprintf(e.name, sizeof e.name, "%c", letter);
    put(to, &e);
}

static void put_flags(FILE *to, const bl_command *c, put_fn *put)
{
    for (const bl_flag *f = c->flags; f && f->name; f++)
        put_own_flag(to, f, put);
    for (size_t g = 0; g < BL_GROUPS_MAX && c->groups[g].title; g++)
        for (size_t i = 0; i < bl_options_count(c->groups[g].kind); i++)
            put_field(to, bl_options_field(c->groups[g].kind, i), put);
    put(to, &(spelling){.dashes = "--", .name = "help", .help = "what this command does"});
}

/* What the arguments without a flag are. */
static wanted operand_of(const bl_command *c)
{
    static const char *const files[] = {"FILE", "SOURCE", "PATH"};
    for (size_t i = 0; c->operand && i < sizeof files / sizeof *files; i++)
        if (strstr(c->operand, files[i]))
            return A_FILE;
    return NO_VALUE;
}

static size_t word_at(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz");
}

/* The words that an argument may be: of a usage line those that begin it or an alternative (show of
 * "(show FILE | diff FILE FILE) [-m MODEL]"), and in what is said of operands those of a list by
 * themselves.  Of help, the commands. */
static void put_words(FILE *to, const bl_command *const *commands, const bl_command *c,
                      void (*put)(FILE *to, const char *word, size_t bytes))
{
    int within = 0, may_begin = 1;
    for (const char *at = c->usage; *at; at++) {
        size_t n = may_begin && !within ? word_at(at) : 0;
        if (n && (!at[n] || strchr(" |)", at[n])))
            put(to, at, n);
        within += (*at == '[') - (*at == ']');
        may_begin = *at == '(' || *at == '|' || (may_begin && *at == ' ');
    }
    const char *list = c->operand ? strchr(c->operand, '(') : NULL;
    for (const char *at = list; at && *at && *at != ')'; at++) {
        const char *word = at + 1 + (at[1] == ' ');
        size_t n = *at == '(' || *at == ',' ? word_at(word) : 0;
        if (n && (word[n] == ',' || word[n] == ')'))
            put(to, word, n);
    }
    for (; c->operand && strcmp(c->operand, "COMMAND") == 0 && *commands; commands++)
        put(to, (*commands)->name, strlen((*commands)->name));
}

/* ---- texts in quotes ---- */

/* a|b|c as a list of words, with spaces between them. */
static void put_choices(FILE *to, const char *choices)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, to);
}

/* The beginning of a help, up to a semicolon, in a line of a list: between the shell's '', where
 * `escaped` have a backslash before them. */
static void put_help(FILE *to, const char *help, const char *escaped, int fish)
{
    size_t n = strcspn(help, ";"), cut = n;
    if (n > HELP_MOST)
        for (cut = HELP_MOST; cut && help[cut] != ' ';)
            cut--;
    for (size_t i = 0; i < cut; i++) {
        if (help[i] == '\'')
            fputs(fish ? "\\'" : "'\\''", to);
        else
            fprintf(to, strchr(escaped, help[i]) ? "\\%c" : "%c", help[i]);
    }
    fputs(cut < n ? " ..." : "", to);
}

static void put_word(FILE *to, const char *word, size_t bytes)
{
    fprintf(to, "%.*s ", (int)bytes, word);
}

static const char first_line[] =
    "%s bitllama %s: completion for %s; made by bitllama completion %s\n";

/* ---- bash ---- */

static void put_bash_name(FILE *to, const spelling *e)
{
    fprintf(to, "%s%s ", e->dashes, e->name);
}

static void put_bash_value(FILE *to, const spelling *e)
{
    static const char *const names[] = {NULL, "text", "file", "folder", "word"};
    if (e->what == NO_VALUE)
        return;
    fprintf(to, "        %s%s) what=%s", e->dashes, e->name, names[e->what]);
    if (e->what == A_WORD) {
        fputs(" words='", to);
        put_choices(to, e->value);
        fputc('\'', to);
    }
    fputs(" ;;\n", to);
}

/* Names are not split at =, nor read as patterns; readline quotes what it inserts. */
static const char bash_end[] =
    "    esac\n"
    "    case $what$also in\n"
    "    file | folder)\n"
    "        cur=${cur#[\\'\\\"]}\n"
    "        cur=${cur//\\\\/}\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        ;;\n"
    "    esac\n"
    "    case $what in\n"
    "    text) return ;;\n"
    "    file) found=$(compgen -f -- \"$cur\") ;;\n"
    "    folder) found=$(compgen -d -- \"$cur\") ;;\n"
    "    *) found=$(compgen -W \"$words\" -- \"$cur\"; [[ -z $also ]] || compgen -f -- \"$cur\") "
    ";;\n"
    "    esac\n"
    "    if [[ -n $found ]]; then\n"
    "        while IFS= read -r word; do COMPREPLY+=(\"$word\"); done <<<\"$found\"\n"
    "    fi\n"
    "}\n"
    "complete -F _bitllama bitllama\n";

static void print_bash(FILE *to, const bl_command *const *commands)
{
    fprintf(to, first_line, "#", bl_version(), "bash", "bash");
    fputs("_bitllama()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} flag= what= also= words= found= word\n"
          "    COMPREPLY=()\n"
          "    ((COMP_CWORD > 1)) && flag=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    if [[ $cur == = ]]; then\n"
          "        cur=\n"
          "    elif [[ $flag == = ]]; then\n"
          "        flag=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case $((COMP_CWORD > 1)):${COMP_WORDS[1]} in\n"
          "    0:*) words='",
          to);
    for (const bl_command *const *c = commands; *c; c++)
        put_word(to, (*c)->name, strlen((*c)->name));
    fputs("--help --version' ;;\n", to);
    for (const bl_command *const *c = commands; *c; c++) {
        fprintf(to, "    1:%s)\n        case $flag in\n", (*c)->name);
        put_flags(to, *c, put_bash_value);
        fputs("        *)\n            if [[ $cur == -* ]]; then\n                words='", to);
        put_flags(to, *c, put_bash_name);
        fputs("'\n            else\n                words='", to);
        put_words(to, commands, *c, put_word);
        fprintf(to, "'%s\n            fi\n            ;;\n        esac\n        ;;\n",
                operand_of(*c) == A_FILE ? " also=file" : "");
    }
    fputs(bash_end, to);
}

/* ---- zsh ---- */

static void put_zsh_flag(FILE *to, const spelling *e)
{
    static const char *const actions[] = {NULL, " ", "_files", "_files -/", NULL};
    int is_long = e->dashes[1] != 0;
    fprintf(to, " \\\n        '*%s%s%s[", e->dashes, e->name,
            e->what == NO_VALUE ? ""
            : is_long           ? "="
                                : "+");
    put_help(to, e->help, "[]:\\", 0);
    fputc(']', to);
    if (e->what == A_WORD) {
        fputs(":value:(", to);
        put_choices(to, e->value);
        fputc(')', to);
    } else if (e->what != NO_VALUE) {
        fprintf(to, ":%s:%s", e->what == A_TEXT ? "value" : "path", actions[e->what]);
    }
    fputc('\'', to);
}

static void print_zsh(FILE *to, const bl_command *const *commands)
{
    fputs("#compdef bitllama\n", to);
    fprintf(to, first_line, "#", bl_version(), "zsh", "zsh");
    fputs("_bitllama() {\n    local -a commands\n    commands=(\n", to);
    for (const bl_command *const *c = commands; *c; c++) {
        fprintf(to, "        '%s:", (*c)->name);
        put_help(to, (*c)->summary, ":\\", 0);
        fputs("'\n", to);
    }
    fputs("    )\n"
          "    if ((CURRENT == 2)); then\n"
          "        _describe -t commands command commands\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $words[1] in\n",
          to);
    for (const bl_command *const *c = commands; *c; c++) {
        fprintf(to, "    %s)\n        _arguments -s", (*c)->name);
        put_flags(to, *c, put_zsh_flag);
        if ((*c)->operand) {
            fputs(" \\\n        '*: :{_alternative \"words:word:(", to);
            put_words(to, commands, *c, put_word);
            fputs(operand_of(*c) == A_FILE ? ")\" \"files:file:_files\"}'" : ")\"}'", to);
        }
        fputs("\n        ;;\n", to);
    }
    fputs("    esac\n}\n"
          "if [[ $funcstack[1] == _bitllama ]]; then\n"
          "    _bitllama \"$@\"\n"
          "else\n"
          "    compdef _bitllama bitllama\n"
          "fi\n",
          to);
}

/* ---- fish ---- */

static const char *fish_command; /* whose flags are being written */

static void put_fish_condition(FILE *to)
{
    fprintf(to, "complete -c bitllama -n '__bitllama_is %s'", fish_command);
}

static void put_fish_flag(FILE *to, const spelling *e)
{
    static const char *const actions[] = {" -f", " -x", " -r -F",
                                          " -x -a '(__fish_complete_directories)'", NULL};
    const char *equals = strchr(e->name, '=');
    put_fish_condition(to);
    if (equals) /* a word of its own */
        fprintf(to, " -f -a '%s%s'", e->dashes, e->name);
    else
        fprintf(to, " -%c %s", e->dashes[1] ? 'l' : 's', e->name);
    if (e->what == A_WORD) {
        fputs(" -x -a '", to);
        put_choices(to, e->value);
        fputc('\'', to);
    } else if (!equals) {
        fputs(actions[e->what], to);
    }
    fputs(" -d '", to);
    put_help(to, e->help, "\\", 1);
    fputs("'\n", to);
}

static void print_fish(FILE *to, const bl_command *const *commands)
{
    fprintf(to, first_line, "#", bl_version(), "fish", "fish");
    fputs("function __bitllama_is\n"
          "    set -l words (commandline -opc)\n"
          "    test (count $words) -ge 2; and test $words[2] = $argv[1]\n"
          "end\n"
          "function __bitllama_begins\n"
          "    test (count (commandline -opc)) -eq 1\n"
          "end\n"
          "complete -c bitllama -f\n",
          to);
    for (const bl_command *const *c = commands; *c; c++) {
        fprintf(to, "complete -c bitllama -n __bitllama_begins -a %s -d '", (*c)->name);
        put_help(to, (*c)->summary, "\\", 1);
        fputs("'\n", to);
    }
    for (const bl_command *const *c = commands; *c; c++) {
        fish_command = (*c)->name;
        if ((*c)->operand) {
            put_fish_condition(to);
            fputs(operand_of(*c) == A_FILE ? " -F -a '" : " -a '", to);
            put_words(to, commands, *c, put_word);
            fputs("'\n", to);
        }
        put_flags(to, *c, put_fish_flag);
    }
}

int bl_completion_print(FILE *to, const char *shell, const bl_command *const *commands)
{
    static const struct {
        const char *name;
        void (*print)(FILE *to, const bl_command *const *commands);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(to, commands);
            return 1;
        }
    return 0;
}
