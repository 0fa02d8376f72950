/* Parsing of flags from the option tables and a command's own table. */
#include "flags.h"
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

size_t bl_flags_distance(const char *a, const char *b)
{
    /* Optimal string alignment over three rows of the table d[i][j]. */
    size_t rows[3][NAME_MAX_BYTES + 1];
    size_t m = strlen(a), n = strlen(b);
    if (m > NAME_MAX_BYTES || n > NAME_MAX_BYTES)
        return SIZE_MAX;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= n; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= m; i++) {
        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *turn = before;
        before = last;
        last = now;
        now = turn;
    }
    return last[n];
}

int bl_flags_near(const char *word, size_t distance)
{
    return distance <= 1 + strlen(word) / 4;
}

/* Field names and flags as one spelling: vocab_size and vocab-size are the same. */
static void spell(char *to, const char *from, size_t bytes)
{
    if (bytes > NAME_MAX_BYTES)
        bytes = NAME_MAX_BYTES;
    for (size_t i = 0; i < bytes; i++)
        to[i] = from[i] == '_' ? '-' : from[i];
    to[bytes] = 0;
}

int bl_flags_is_switch(const bl_field_info *field)
{
    return strcmp(field->type, "boolean") == 0 ||
           (field->choices && strncmp(field->choices, "false|true|", 11) == 0);
}

static int takes_value(const bl_setting *s)
{
    return s->flag ? s->flag->value != NULL : !bl_flags_is_switch(s->field);
}

char bl_flags_letter(const bl_setting *s)
{
    static const struct {
        const char *name;
        char letter;
    } letters[] = {{"threads", 't'}, {"max_tokens", 'n'}, {"seed", 's'}};
    if (s->flag)
        return s->flag->letter;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (strcmp(s->field->name, letters[i].name) == 0)
            return letters[i].letter;
    return 0;
}

/* Calls `visit` for each flag of a command until it returns non-zero. */
typedef int visit_fn(void *user, const char *name, const bl_setting *setting);

static int visit_flags(const bl_command *command, visit_fn *visit, void *user)
{
    for (const bl_flag *f = command->flags; f && f->name; f++)
        if (visit(user, f->name, &(bl_setting){.flag = f}))
            return 1;
    for (size_t g = 0; g < BL_GROUPS_MAX && command->groups[g].title; g++) {
        bl_options_kind kind = command->groups[g].kind;
        for (size_t i = 0; i < bl_options_count(kind); i++) {
            const bl_field_info *field = bl_options_field(kind, i);
            char name[NAME_MAX_BYTES + 1];
            spell(name, field->name, strlen(field->name));
            if (visit(user, name, &(bl_setting){.kind = kind, .field = field}))
                return 1;
        }
    }
    return 0;
}

typedef struct search {
    const char *name;
    char letter;
    bl_setting found;
    size_t distance;
    char nearest[NAME_MAX_BYTES + 4];
} search;

static int is_wanted(void *user, const char *name, const bl_setting *setting)
{
    search *s = user;
    if (strcmp(name, s->name) != 0)
        return 0;
    s->found = *setting;
    return 1;
}

static int has_letter(void *user, const char *name, const bl_setting *setting)
{
    search *s = user;
    (void)name;
    if (bl_flags_letter(setting) != s->letter)
        return 0;
    s->found = *setting;
    return 1;
}

static void consider(search *s, const char *prefix, const char *name)
{
    char whole[NAME_MAX_BYTES + 4];
    size_t length = strlen(prefix);
    memcpy(whole, prefix, length);
    spell(whole + length, name, strlen(name));
    size_t distance = bl_flags_distance(s->name, whole);
    if (distance < s->distance) {
        s->distance = distance;
        memcpy(s->nearest, whole, sizeof whole);
    }
}

static int measure(void *user, const char *name, const bl_setting *setting)
{
    consider(user, "", name);
    if (!takes_value(setting))
        consider(user, "no-", name);
    return 0;
}

static bl_status unknown_flag(const bl_command *command, const char *name, bl_error *err)
{
    search s = {.name = name, .distance = SIZE_MAX};
    (void)visit_flags(command, measure, &s);
    consider(&s, "", "help");
    if (bl_flags_near(name, s.distance))
        return bl_cli_fail(err, BL_EINVAL, "unknown flag --%s; did you mean --%s?", name,
                           s.nearest);
    return bl_cli_fail(err, BL_EINVAL, "unknown flag --%s; bitllama %s --help lists them", name,
                       command->name);
}

const char *bl_flags_name_now(const char *name)
{
    static const char *const names[][2] = {{"init-from", "init"},
                                           {"temp", "temperature"},
                                           {"predict", "max-tokens"},
                                           {"n-predict", "max-tokens"},
                                           {"repeat-last-n", "repeat-last"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i][0]) == 0)
            return names[i][1];
    return name;
}

static int find(const bl_command *command, const char *name, bl_setting *found)
{
    search s = {.name = bl_flags_name_now(name)};
    if (!visit_flags(command, is_wanted, &s))
        return 0;
    *found = s.found;
    return 1;
}

static int names_flag(const bl_command *command, const char *word)
{
    char name[NAME_MAX_BYTES + 1];
    bl_setting ignored;
    if (strncmp(word, "--", 2) != 0 || !word[2])
        return 0;
    spell(name, word + 2, strcspn(word + 2, "="));
    return find(command, name, &ignored);
}

static const bl_command *reading; /* the command whose flags were read last */

/* What is left of the command line. */
typedef struct cursor {
    int argc, at;
    char *const *argv;
} cursor;

static bl_status take_value(bl_args *args, cursor *c, const char *word, const char **value,
                            bl_error *err)
{
    if (c->at >= c->argc)
        return bl_cli_fail(err, BL_EINVAL, "%s needs a value", word);
    if (names_flag(args->command, c->argv[c->at]))
        return bl_cli_fail(err, BL_EINVAL, "%s needs a value; write %s=%s if that is its value",
                           word, word, c->argv[c->at]);
    *value = c->argv[c->at++];
    return BL_OK;
}

/* --name value, --name=value, --switch, --no-switch, --switch=true. */
static bl_status parse_long(bl_args *args, cursor *c, const char *word, bl_error *err)
{
    char name[NAME_MAX_BYTES + 1];
    size_t bytes = strcspn(word + 2, "=");
    const char *value = word[2 + bytes] ? word + 3 + bytes : NULL;
    spell(name, word + 2, bytes);
    if (strcmp(name, "help") == 0 && !value) {
        args->help = 1;
        return BL_OK;
    }
    bl_setting *s = &args->settings[args->count];
    if (find(args->command, name, s)) {
        s->value = value;
        if (!value && !takes_value(s))
            s->value = "true";
        else if (!value && take_value(args, c, word, &s->value, err) != BL_OK)
            return BL_EINVAL;
        if (s->flag && !s->flag->value && strcmp(s->value, "true") != 0 &&
            strcmp(s->value, "false") != 0)
            return bl_cli_fail(err, BL_EINVAL, "--%s is true or false, not '%s'", name, s->value);
    } else if (strncmp(name, "no-", 3) == 0 && find(args->command, name + 3, s) &&
               !takes_value(s)) {
        if (value)
            return bl_cli_fail(err, BL_EINVAL, "--%s takes no value", name);
        s->value = "false";
    } else {
        return unknown_flag(args->command, name, err);
    }
    args->count++;
    return BL_OK;
}

/* -m value, -mvalue. */
static bl_status parse_letter(bl_args *args, cursor *c, const char *word, bl_error *err)
{
    if (strcmp(word, "-h") == 0) {
        args->help = 1;
        return BL_OK;
    }
    search wanted = {.letter = word[1]};
    if (!word[1] || !visit_flags(args->command, has_letter, &wanted))
        return bl_cli_fail(err, BL_EINVAL, "unknown flag %s; bitllama %s --help lists them", word,
                           args->command->name);
    bl_setting *s = &args->settings[args->count];
    *s = wanted.found;
    s->value = word + 2;
    if (!takes_value(s) && word[2])
        return bl_cli_fail(err, BL_EINVAL, "-%c takes no value", word[1]);
    if (!takes_value(s))
        s->value = "true";
    else if (!word[2] && take_value(args, c, word, &s->value, err) != BL_OK)
        return BL_EINVAL;
    args->count++;
    return BL_OK;
}

static bl_status check_complete(const bl_args *args, bl_error *err)
{
    const bl_command *command = args->command;
    if (args->operand_count > command->most)
        return bl_cli_fail(err, BL_EINVAL, "unexpected argument '%s'; usage: bitllama %s %s",
                           args->operands[command->most], command->name, command->usage);
    if (args->operand_count < command->least)
        return bl_cli_fail(err, BL_EINVAL, "%s is missing; usage: bitllama %s %s", command->operand,
                           command->name, command->usage);
    for (const bl_flag *f = command->flags; f && f->name; f++) {
        if (f->required && !bl_flags_given(args, f->name)) {
            char letter[] = {'-', f->letter, 0};
            return bl_cli_fail(err, BL_EINVAL, "%s%s %s is missing; usage: bitllama %s %s",
                               f->letter ? letter : "--", f->letter ? "" : f->name, f->value,
                               command->name, command->usage);
        }
    }
    return BL_OK;
}

bl_status bl_flags_parse(bl_args *args, const bl_command *command, int argc, char *const *argv,
                         bl_error *err)
{
    size_t most = (size_t)argc + 1;
    *args = (bl_args){.command = command};
    reading = command;
    args->settings = calloc(most, sizeof *args->settings);
    args->operands = calloc(most, sizeof *args->operands);
    if (!args->settings || !args->operands)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    cursor c = {argc, 0, argv};
    int only_operands = 0;
    while (c.at < argc) {
        const char *word = argv[c.at++];
        bl_status status = BL_OK;
        if (only_operands || word[0] != '-' || !word[1])
            args->operands[args->operand_count++] = word;
        else if (strcmp(word, "--") == 0)
            only_operands = 1;
        else if (word[1] == '-')
            status = parse_long(args, &c, word, err);
        else
            status = parse_letter(args, &c, word, err);
        if (status != BL_OK)
            return status;
    }
    return args->help ? BL_OK : check_complete(args, err);
}

/* The flag that the library calls `option`, with its dashes. */
static int flag_of(const char *option, size_t bytes, char to[NAME_MAX_BYTES + 3])
{
    char name[NAME_MAX_BYTES + 1];
    bl_setting found;
    spell(name, option, bytes);
    for (const bl_flag *f = reading->flags; f && f->name; f++)
        if (f->option && strcmp(f->option, name) == 0)
            spell(name, f->name, strlen(f->name));
    if (!find(reading, name, &found))
        return 0;
    (void)snprintf(to, NAME_MAX_BYTES + 3, "--%s", name);
    return 1;
}

void bl_flags_name(const char *message, char *named, size_t cap)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t n = 0;
    while (*message && n + 1 < cap) {
        char flag[NAME_MAX_BYTES + 3];
        size_t bytes = *message == '`' ? strspn(message + 1, letters) : 0;
        size_t value = message[1 + bytes] == '=' ? 1 + strspn(message + 2 + bytes, letters) : 0;
        int is_option = bytes && message[1 + bytes + value] == '`' && reading &&
                        flag_of(message + 1, bytes, flag);
        if (!is_option) {
            named[n++] = *message++;
            continue;
        }
        int more = snprintf(named + n, cap - n, "%s%.*s", flag, (int)value, message + 1 + bytes);
        n += more < 0 ? 0 : (size_t)more < cap - n ? (size_t)more : cap - n - 1;
        message += bytes + value + 2;
    }
    named[n] = 0;
}

void bl_flags_release(bl_args *args)
{
    free(args->settings);
    free((void *)args->operands);
    while (args->found_count)
        free(args->found[--args->found_count]);
    args->settings = NULL;
    args->operands = NULL;
}

/* The last setting of an own flag counts, as for fields. */
static const bl_setting *setting_of(const bl_args *args, const char *name)
{
    for (size_t i = args->count; i-- > 0;)
        if (args->settings[i].flag && strcmp(args->settings[i].flag->name, name) == 0)
            return &args->settings[i];
    return NULL;
}

const char *bl_flags_text(const bl_args *args, const char *name)
{
    const bl_setting *s = setting_of(args, name);
    if (s)
        return s->value;
    for (const bl_flag *f = args->command->flags; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f->fallback;
    return NULL;
}

size_t bl_flags_all(const bl_args *args, const char *name, const char **values, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < args->count; i++) {
        const bl_setting *s = &args->settings[i];
        if (!s->flag || strcmp(s->flag->name, name) != 0)
            continue;
        if (count < cap)
            values[count] = s->value;
        count++;
    }
    return count;
}

int bl_flags_on(const bl_args *args, const char *name)
{
    const char *value = bl_flags_text(args, name);
    return value && strcmp(value, "true") == 0;
}

int bl_flags_given(const bl_args *args, const char *name)
{
    return setting_of(args, name) != NULL;
}

bl_status bl_flags_whole(const bl_args *args, const char *name, uint64_t lowest, uint64_t highest,
                         uint64_t *value, bl_error *err)
{
    return bl_flags_read_whole(name, bl_flags_text(args, name), lowest, highest, value, err);
}

bl_status bl_flags_read_whole(const char *name, const char *text, uint64_t lowest, uint64_t highest,
                              uint64_t *value, bl_error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end || errno || n < lowest || n > highest)
        return bl_cli_fail(err, BL_EINVAL, "--%s is a whole number from %llu to %llu, not '%s'",
                           name, (unsigned long long)lowest, (unsigned long long)highest, text);
    *value = n;
    return BL_OK;
}

int bl_flags_any(const bl_args *args, bl_options_kind kind)
{
    for (size_t i = 0; i < args->count; i++)
        if (!args->settings[i].flag && args->settings[i].kind == kind)
            return 1;
    return 0;
}

bl_status bl_flags_apply(const bl_args *args, bl_options_kind kind, bl_options *options,
                         bl_error *err)
{
    for (size_t i = 0; i < args->count; i++) {
        const bl_setting *s = &args->settings[i];
        if (s->flag || s->kind != kind)
            continue;
        bl_status status = bl_options_set(options, s->field->name, s->value, err);
        if (status != BL_OK)
            return status;
    }
    return BL_OK;
}

bl_status bl_flags_options(const bl_args *args, bl_options_kind kind, bl_options **options,
                           bl_error *err)
{
    bl_status status = bl_options_open(options, kind, err);
    if (status == BL_OK)
        status = bl_flags_apply(args, kind, *options, err);
    return status;
}
