/* Sets of named values: the public handle over the structs of the option tables. */
#include "core/alloc.h"
#include "core/call.h"
#include "format/config.h"
#include "format/fields.h"

#include <assert.h>
#include <string.h>

struct bl_options {
    bl_options_kind kind;
    union {
        bl_config config;
        bl_train_options train;
        bl_prepare_options prepare;
        bl_generate_options generate;
        bl_device_options device;
        bl_pull_options pull;
        bl_push_options push;
    } fields;
    unsigned char is_set[]; /* a field each: the caller gave the value */
};

static int kind_exists(bl_options_kind kind)
{
    return (unsigned)kind < BL_OPTIONS_KINDS;
}

size_t bl_options_count(bl_options_kind kind)
{
    return kind_exists(kind) ? bl_fields(kind)->count : 0;
}

const bl_field_info *bl_options_field(bl_options_kind kind, size_t i)
{
    return i < bl_options_count(kind) ? &bl_fields(kind)->fields[i].info : NULL;
}

bl_status bl_options_open(bl_options **o, bl_options_kind kind, bl_error *err)
{
    BL_NOT_NULL(err, o);
    *o = NULL;
    if (!kind_exists(kind))
        return bl_fail(err, BL_EINVAL, "there is no set of options number %d", (int)kind);
    bl_call call;
    bl_call_begin(&call, err);
    bl_options *made = bl_calloc(1, sizeof *made + bl_fields(kind)->count);
    if (!made)
        return bl_call_end(&call, bl_fail(err, BL_ENOMEM, "out of memory"), err);
    made->kind = kind;
    bl_options_defaults(kind, &made->fields);
    *o = made;
    return bl_call_end(&call, BL_OK, err);
}

bl_status bl_options_copy(bl_options **copy, bl_options_kind kind, const bl_options *o,
                          bl_error *err)
{
    BL_TRY(bl_options_open(copy, kind, err));
    if (o)
        memcpy(*copy, o, sizeof *o + bl_fields(kind)->count);
    return BL_OK;
}

void bl_options_close(bl_options *o)
{
    bl_free(o);
}

/* Defaults that depend on other fields of a set. */
static void settle(bl_options *o)
{
    if (o->kind == BL_OPTIONS_CONFIG)
        bl_config_settle(&o->fields.config, o->is_set[BL_CONFIG_ttt_base_lr]);
}

static bl_status set(bl_options *o, const char *name, const char *value, bl_error *err)
{
    const bl_field_table *table = bl_fields(o->kind);
    const bl_field *field = bl_field_find(table, name);
    if (!field)
        return bl_field_unknown(table, name, err);
    BL_TRY(bl_field_read(field, &o->fields, value, NULL, BL_EINVAL, err));
    o->is_set[field - table->fields] = 1;
    settle(o);
    return BL_OK;
}

bl_status bl_options_set(bl_options *o, const char *name, const char *value, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, o);
    BL_NOT_NULL(err, name);
    BL_NOT_NULL(err, value);
    bl_call_begin(&call, err);
    return bl_call_end(&call, set(o, name, value, err), err);
}

static bl_status get(const bl_options *o, const char *name, char *buffer, size_t cap, size_t *bytes,
                     bl_error *err)
{
    const bl_field_table *table = bl_fields(o->kind);
    const bl_field *field = bl_field_find(table, name);
    if (!field)
        return bl_field_unknown(table, name, err);
    size_t whole = bl_field_write(field, &o->fields, buffer, cap);
    if (bytes)
        *bytes = whole;
    return BL_OK;
}

bl_status bl_options_get(const bl_options *o, const char *name, char *buffer, size_t cap,
                         size_t *bytes, bl_error *err)
{
    bl_call call;
    if (bytes)
        *bytes = 0;
    if (buffer && cap)
        *buffer = 0;
    BL_NOT_NULL(err, o);
    BL_NOT_NULL(err, name);
    BL_NOT_NULL_IF(err, cap, buffer);
    bl_call_begin(&call, err);
    return bl_call_end(&call, get(o, name, buffer, cap, bytes, err), err);
}

int bl_options_is_set(const bl_options *o, const char *name)
{
    if (!o || !name)
        return 0;
    const bl_field_table *table = bl_fields(o->kind);
    const bl_field *field = bl_field_find(table, name);
    return field && o->is_set[field - table->fields];
}

bl_status bl_options_expect(const bl_options *o, bl_options_kind kind, const char *where,
                            bl_error *err)
{
    if (!o || o->kind == kind)
        return BL_OK;
    return bl_fail(err, BL_EINVAL, "%s: a set of %s options, in the place of %s options", where,
                   bl_fields(o->kind)->noun, bl_fields(kind)->noun);
}

static bl_status preset_over(bl_options *o, const char *preset, bl_error *err)
{
    bl_config config = o->fields.config;
    BL_TRY(bl_config_preset(&config, preset, err));
    o->fields.config = config;
    settle(o);
    return BL_OK;
}

bl_status bl_options_preset(bl_options *config, const char *preset, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, config);
    BL_NOT_NULL(err, preset);
    BL_TRY(bl_options_expect(config, BL_OPTIONS_CONFIG, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call, preset_over(config, preset, err), err);
}

static bl_status load_over(bl_options *o, const char *path, bl_error *err)
{
    bl_config config = o->fields.config;
    unsigned char present[BL_CONFIG_COUNT] = {0};
    BL_TRY(bl_config_overlay(&config, present, path, err));
    o->fields.config = config;
    for (size_t i = 0; i < BL_CONFIG_COUNT; i++)
        o->is_set[i] |= present[i];
    settle(o);
    return BL_OK;
}

bl_status bl_options_load(bl_options *config, const char *path, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, config);
    BL_NOT_NULL(err, path);
    BL_TRY(bl_options_expect(config, BL_OPTIONS_CONFIG, __func__, err));
    bl_call_begin(&call, err);
    return bl_call_end(&call, load_over(config, path, err), err);
}

/* ---- inside the library ---- */

bl_config *bl_options_config(bl_options *o)
{
    assert(o->kind == BL_OPTIONS_CONFIG);
    return &o->fields.config;
}

const bl_config *bl_options_config_const(const bl_options *o)
{
    assert(o->kind == BL_OPTIONS_CONFIG);
    return &o->fields.config;
}

const bl_train_options *bl_options_train(const bl_options *o)
{
    assert(o->kind == BL_OPTIONS_TRAIN);
    return &o->fields.train;
}

const bl_prepare_options *bl_options_prepare(const bl_options *o)
{
    assert(o->kind == BL_OPTIONS_PREPARE);
    return &o->fields.prepare;
}

const bl_generate_options *bl_options_generate(const bl_options *o)
{
    assert(o->kind == BL_OPTIONS_GENERATE);
    return &o->fields.generate;
}

const bl_device_options *bl_options_device(const bl_options *o)
{
    assert(o->kind == BL_OPTIONS_DEVICE);
    return &o->fields.device;
}

const bl_pull_options *bl_options_pull(const bl_options *o)
{
    assert(o->kind == BL_OPTIONS_PULL);
    return &o->fields.pull;
}

const bl_push_options *bl_options_push(const bl_options *o)
{
    assert(o->kind == BL_OPTIONS_PUSH);
    return &o->fields.push;
}

bl_status bl_options_from_config(bl_options **o, const bl_config *c, bl_error *err)
{
    BL_TRY(bl_options_open(o, BL_OPTIONS_CONFIG, err));
    (*o)->fields.config = *c;
    return BL_OK;
}
