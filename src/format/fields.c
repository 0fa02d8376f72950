/* The option tables as arrays of generic fields, and values in and out of their structs. */
#include "format/fields.h"
#include "core/give.h"
#include "core/utf8.h"
#include "format/number.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TYPE_size   "integer"
#define TYPE_real   "number"
#define TYPE_flag   "boolean"
#define TYPE_choice "choice"
#define TYPE_text   "text"

/* X(kind value, noun, struct, table) */
#define TABLES(X)                                                                                  \
    X(BL_OPTIONS_CONFIG, "config", bl_config, BL_CONFIG_FIELDS)                                    \
    X(BL_OPTIONS_TRAIN, "training", bl_train_options, BL_TRAIN_FIELDS)                             \
    X(BL_OPTIONS_PREPARE, "preparing", bl_prepare_options, BL_PREPARE_FIELDS)                      \
    X(BL_OPTIONS_GENERATE, "generating", bl_generate_options, BL_GENERATE_FIELDS)                  \
    X(BL_OPTIONS_DEVICE, "device", bl_device_options, BL_DEVICE_FIELDS)                            \
    X(BL_OPTIONS_PULL, "pulling", bl_pull_options, BL_PULL_FIELDS)                                 \
    X(BL_OPTIONS_PUSH, "pushing", bl_push_options, BL_PUSH_FIELDS)

#define FIELD(type, member, fallback, low, high, choices, help)                                    \
    {{sizeof(bl_field_info), #member, TYPE_##type, fallback, choices, help, low, high},            \
     BL_FIELD_##type,                                                                              \
     offsetof(OWNER, member)},

#define OWNER bl_config
static const bl_field fields_bl_config[] = {BL_CONFIG_FIELDS(FIELD)};
#undef OWNER
#define OWNER bl_train_options
static const bl_field fields_bl_train_options[] = {BL_TRAIN_FIELDS(FIELD)};
#undef OWNER
#define OWNER bl_prepare_options
static const bl_field fields_bl_prepare_options[] = {BL_PREPARE_FIELDS(FIELD)};
#undef OWNER
#define OWNER bl_generate_options
static const bl_field fields_bl_generate_options[] = {BL_GENERATE_FIELDS(FIELD)};
#undef OWNER
#define OWNER bl_device_options
static const bl_field fields_bl_device_options[] = {BL_DEVICE_FIELDS(FIELD)};
#undef OWNER
#define OWNER bl_pull_options
static const bl_field fields_bl_pull_options[] = {BL_PULL_FIELDS(FIELD)};
#undef OWNER
#define OWNER bl_push_options
static const bl_field fields_bl_push_options[] = {BL_PUSH_FIELDS(FIELD)};
#undef OWNER

#define X(kind, noun, owner, list)                                                                 \
    [kind] = {noun, fields_##owner, sizeof fields_##owner / sizeof *fields_##owner, sizeof(owner)},
static const bl_field_table tables[BL_OPTIONS_KINDS] = {TABLES(X)};
#undef X

const bl_field_table *bl_fields(bl_options_kind kind)
{
    return &tables[kind];
}

/* What fields were called by earlier versions, in files and programs that are still there. */
static const struct {
    const char *was, *is;
} renamed[] = {{"init_from", "init"}};

const char *bl_field_older_name(const bl_field *field)
{
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (strcmp(renamed[i].is, field->info.name) == 0)
            return renamed[i].was;
    return NULL;
}

const bl_field *bl_field_find(const bl_field_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *older = bl_field_older_name(&table->fields[i]);
        if (strcmp(table->fields[i].info.name, name) == 0 || (older && strcmp(older, name) == 0))
            return &table->fields[i];
    }
    return NULL;
}

enum { NAME_BYTES_MAX = 32 };

/* Levenshtein distance of two names, a row of the table at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES_MAX + 1];
    size_t n = strlen(b);
    if (n > NAME_BYTES_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

bl_status bl_field_unknown(const bl_field_table *table, const char *name, bl_error *err)
{
    size_t least = SIZE_MAX;
    const char *nearest = NULL;
    for (size_t i = 0; i < table->count; i++) {
        size_t steps = distance(name, table->fields[i].info.name);
        if (steps < least) {
            least = steps;
            nearest = table->fields[i].info.name;
        }
    }
    if (least <= 1 + strlen(name) / 4)
        return bl_fail(err, BL_EINVAL, "unknown %s option '%s'; did you mean %s?", table->noun,
                       name, nearest);
    return bl_fail(err, BL_EINVAL, "unknown %s option '%s'", table->noun, name);
}

/* ---- members by offset ---- */

static void *member(const bl_field *field, void *fields)
{
    return (char *)fields + field->offset;
}

static const void *member_const(const bl_field *field, const void *fields)
{
    return (const char *)fields + field->offset;
}

size_t bl_field_size(const bl_field *field, const void *fields)
{
    bl_opt_size value;
    memcpy(&value, member_const(field, fields), sizeof value);
    return value;
}

double bl_field_real(const bl_field *field, const void *fields)
{
    bl_opt_real value;
    memcpy(&value, member_const(field, fields), sizeof value);
    return value;
}

int bl_field_flag(const bl_field *field, const void *fields)
{
    bl_opt_flag value;
    memcpy(&value, member_const(field, fields), sizeof value);
    return value;
}

void bl_field_put_flag(const bl_field *field, void *fields, int value)
{
    bl_opt_flag flag = value;
    memcpy(member(field, fields), &flag, sizeof flag);
}

/* ---- values in ---- */

/* "config.json: lr" of a file, "`lr`" of an option. */
typedef struct words {
    char text[BL_TEXT_MAX + NAME_BYTES_MAX];
} words;

static words words_of(const bl_field *field, const char *name)
{
    words w;
    (void)snprintf(w.text, sizeof w.text, name ? "%s: %s" : "%s`%s`", name ? name : "",
                   field->info.name);
    return w;
}

static bl_status out_of_bounds(const bl_field *field, const char *text, const char *name,
                               bl_status code, bl_error *err)
{
    char low[BL_NUMBER_MAX], high[BL_NUMBER_MAX];
    int whole = field->kind == BL_FIELD_size;
    if (whole) {
        (void)snprintf(low, sizeof low, "%.0f", field->info.min);
        (void)snprintf(high, sizeof high, "%.0f", field->info.max);
    } else {
        bl_number_write_real(field->info.min, low);
        bl_number_write_real(field->info.max, high);
    }
    return bl_fail(err, code, "%s is a %s from %s to %s, not '%.40s'", words_of(field, name).text,
                   whole ? "whole number" : "number", low, high, text);
}

bl_status bl_field_put_size(const bl_field *field, void *fields, uint64_t value, const char *name,
                            bl_status code, bl_error *err)
{
    /* The bounds are whole and below 2^53, hence exact as integers. */
    if (value < (uint64_t)field->info.min || value > (uint64_t)field->info.max) {
        char text[BL_NUMBER_MAX];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
        return out_of_bounds(field, text, name, code, err);
    }
    bl_opt_size size = (bl_opt_size)value;
    memcpy(member(field, fields), &size, sizeof size);
    return BL_OK;
}

bl_status bl_field_put_real(const bl_field *field, void *fields, double value, const char *name,
                            bl_status code, bl_error *err)
{
    if (!(value >= field->info.min && value <= field->info.max)) {
        char text[BL_NUMBER_MAX];
        bl_number_write_real(value, text);
        return out_of_bounds(field, text, name, code, err);
    }
    bl_opt_real real = value;
    memcpy(member(field, fields), &real, sizeof real);
    return BL_OK;
}

/* 1 and 0 for the words of a switch, -1 for any other. */
static int switch_of(const char *text)
{
    static const char *const spelled[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++)
        if (strcmp(text, spelled[i]) == 0)
            return (int)(i & 1);
    return -1;
}

static bl_status read_flag(const bl_field *field, void *fields, const char *text, const char *name,
                           bl_status code, bl_error *err)
{
    int value = switch_of(text);
    if (value < 0)
        return bl_fail(err, code, "%s is true or false, not '%.40s'", words_of(field, name).text,
                       text);
    bl_field_put_flag(field, fields, value);
    return BL_OK;
}

int bl_field_is_switch(const bl_field_info *info)
{
    return info->choices && strncmp(info->choices, "false|true|", 11) == 0;
}

static bl_status read_choice(const bl_field *field, void *fields, const char *text,
                             const char *name, bl_status code, bl_error *err)
{
    size_t bytes = strlen(text);
    bl_opt_choice index = 0;
    for (const char *at = field->info.choices; at; index++) {
        size_t length = strcspn(at, "|");
        if (length == bytes && memcmp(at, text, bytes) == 0) {
            memcpy(member(field, fields), &index, sizeof index);
            return BL_OK;
        }
        at = at[length] ? at + length + 1 : NULL;
    }
    if (bl_field_is_switch(&field->info) && switch_of(text) >= 0) {
        bl_field_put_flag(field, fields, switch_of(text));
        return BL_OK;
    }
    return bl_fail(err, code, "%s is one of %s, not '%.40s'", words_of(field, name).text,
                   field->info.choices, text);
}

static bl_status read_text(const bl_field *field, void *fields, const char *text, const char *name,
                           bl_status code, bl_error *err)
{
    size_t bytes = strlen(text);
    if (bytes >= BL_TEXT_MAX)
        return bl_fail(err, code, "%s is longer than %d bytes", words_of(field, name).text,
                       BL_TEXT_MAX - 1);
    if (bl_utf8_invalid(text, bytes) < bytes) /* texts go into JSON files */
        return bl_fail(err, code, "%s is not UTF-8", words_of(field, name).text);
    memcpy(member(field, fields), text, bytes + 1);
    return BL_OK;
}

bl_status bl_field_read(const bl_field *field, void *fields, const char *text, const char *name,
                        bl_status code, bl_error *err)
{
    uint64_t whole;
    double real;
    switch (field->kind) {
    case BL_FIELD_size:
        if (bl_number_read_u64(text, &whole))
            return bl_field_put_size(field, fields, whole, name, code, err);
        return out_of_bounds(field, text, name, code, err);
    case BL_FIELD_real:
        if (bl_number_read_real(text, &real))
            return bl_field_put_real(field, fields, real, name, code, err);
        return out_of_bounds(field, text, name, code, err);
    case BL_FIELD_flag:
        return read_flag(field, fields, text, name, code, err);
    case BL_FIELD_choice:
        return read_choice(field, fields, text, name, code, err);
    case BL_FIELD_text:
        return read_text(field, fields, text, name, code, err);
    }
    return bl_fail(err, BL_EINVAL, "%s is of no kind", words_of(field, name).text);
}

/* ---- values out ---- */

/* The index-th of "a|b|c", which has that many. */
static const char *nth_choice(const char *choices, int index, size_t *bytes)
{
    for (; index > 0; index--)
        choices += strcspn(choices, "|") + 1;
    *bytes = strcspn(choices, "|");
    return choices;
}

size_t bl_field_write(const bl_field *field, const void *fields, char *text, size_t cap)
{
    char number[BL_NUMBER_MAX] = "";
    const char *from = number;
    size_t bytes = 0;
    switch (field->kind) {
    case BL_FIELD_size:
        (void)snprintf(number, sizeof number, "%zu", bl_field_size(field, fields));
        break;
    case BL_FIELD_real:
        bl_number_write_real(bl_field_real(field, fields), number);
        break;
    case BL_FIELD_flag:
        from = bl_field_flag(field, fields) ? "true" : "false";
        break;
    case BL_FIELD_choice:
        from = nth_choice(field->info.choices, bl_field_flag(field, fields), &bytes);
        break;
    case BL_FIELD_text:
        from = member_const(field, fields);
        break;
    }
    if (field->kind != BL_FIELD_choice)
        bytes = strlen(from);
    bl_give_text(from, bytes, text, cap, NULL);
    return bytes;
}

void bl_options_defaults(bl_options_kind kind, void *fields)
{
    const bl_field_table *table = bl_fields(kind);
    memset(fields, 0, table->bytes);
    for (size_t i = 0; i < table->count; i++) {
        const bl_field *field = &table->fields[i];
        bl_status status =
            bl_field_read(field, fields, field->info.fallback, NULL, BL_EINVAL, NULL);
        assert(status == BL_OK);
        (void)status;
    }
}
