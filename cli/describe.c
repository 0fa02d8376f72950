/* What help and man pages say: flags in words, and exit codes. */
#include "describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bl_describe_flag(bl_flag_words *w, const bl_flag *f)
{
    char letter[5] = "";
    if (f->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", f->letter);
    *w = (bl_flag_words){.help = f->help, .required = f->required};
    (void)snprintf(w->name, sizeof w->name, "%s--%s", letter, f->name);
    (void)snprintf(w->value, sizeof w->value, "%s", f->value ? f->value : "");
    (void)snprintf(w->fallback, sizeof w->fallback, "%s", f->fallback ? f->fallback : "");
}

static const char *value_name(const bl_field_info *field)
{
    if (field->choices)
        return field->choices;
    if (strcmp(field->type, "integer") == 0)
        return "N";
    return strcmp(field->type, "number") == 0 ? "X" : "TEXT";
}

/* The shortest of the usual spellings that is the number. */
static void write_number(char *text, size_t cap, double value)
{
    (void)snprintf(text, cap, "%g", value);
    double read = strtod(text, NULL);
    if (read < value || read > value)
        (void)snprintf(text, cap, "%.15g", value);
    char *plus = strchr(text, '+'); /* 1e+09 */
    if (plus)
        memmove(plus, plus + 1 + (plus[1] == '0'), strlen(plus) - (plus[1] == '0'));
}

void bl_describe_field(bl_flag_words *w, const bl_field_info *field)
{
    char name[64], least[28], most[28];
    (void)snprintf(name, sizeof name, "%s", field->name);
    for (char *c = name; *c; c++)
        if (*c == '_')
            *c = '-';
    *w = (bl_flag_words){.help = field->help};
    char letter = bl_flags_letter(&(bl_setting){.field = field});
    if (letter)
        (void)snprintf(w->name, sizeof w->name, "-%c, --%s", letter, name);
    else
        (void)snprintf(w->name, sizeof w->name, "--%s", name);
    if (field->choices && bl_flags_is_switch(field)) {
        (void)snprintf(w->name, sizeof w->name, "--%s[=%s]", name, field->choices + 11);
        return;
    }
    if (strcmp(field->type, "boolean") == 0) {
        if (strcmp(field->fallback, "true") == 0) {
            (void)snprintf(w->fallback, sizeof w->fallback, "true");
            (void)snprintf(w->off, sizeof w->off, "--no-%s", name);
        }
        return;
    }
    (void)snprintf(w->value, sizeof w->value, "%s", value_name(field));
    (void)snprintf(w->fallback, sizeof w->fallback, "%s", field->fallback);
    if (strcmp(field->type, "integer") == 0 || strcmp(field->type, "number") == 0) {
        write_number(least, sizeof least, field->min);
        write_number(most, sizeof most, field->max);
        (void)snprintf(w->bounds, sizeof w->bounds, "%s to %s", least, most);
    }
}

void bl_describe_exit(int code, char *text, size_t cap)
{
    static const struct {
        int code;
        const char *text;
    } statuses[] = {
#define X(name, value, exit_code, text) {exit_code, text},
        BL_STATUS_LIST(X)
#undef X
            {BL_EXIT_NO, "two memories differ (memory diff)"},
    };
    *text = 0;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        size_t used = strlen(text);
        if (statuses[i].code == code)
            (void)snprintf(text + used, cap - used, "%s%s", used ? "; " : "", statuses[i].text);
    }
}
