/* state.json of a checkpoint: one table of members, and the options of the run. */
#include "train/state_json.h"
#include "format/json.h"

#include <math.h>
#include <stdio.h>

/* X(kind, member, need): a member that MAY be there is 0 or "" in a file from before it existed. */
#define STATE_MEMBERS(X)                                                                           \
    X(count, step, MUST)                                                                           \
    X(count, tokens, MUST)                                                                         \
    X(count, epoch, MUST)                                                                          \
    X(count, position, MUST)                                                                       \
    X(count, best_step, MUST)                                                                      \
    X(loss, best_loss, MUST)                                                                       \
    X(number, lr_scale, MUST)                                                                      \
    X(count, bad_steps, MAY)                                                                       \
    X(count, metrics_bytes, MUST)                                                                  \
    X(text, data_id, MUST)                                                                         \
    X(text, train_hash, MAY)                                                                       \
    X(text, mask_hash, MAY)                                                                        \
    X(text, parent, MAY)

/* The same for one of several data folders. */
#define PART_MEMBERS(X)                                                                            \
    X(count, tokens, MUST)                                                                         \
    X(text, train_hash, MUST)                                                                      \
    X(text, mask_hash, MAY)                                                                        \
    X(number, weight, MUST)                                                                        \
    X(count, epoch, MUST)                                                                          \
    X(count, position, MUST)                                                                       \
    X(count, windows, MUST)                                                                        \
    X(count, tokens_read, MUST)

enum { MAY, MUST };

enum { STATE_VERSION = 1 };

static json_t *put_count(const uint64_t *value)
{
    return json_integer((json_int_t)*value);
}

static json_t *put_number(const double *value)
{
    return json_real(*value);
}

static json_t *put_text(const char (*value)[64])
{
    return json_string(*value);
}

static int take_count(uint64_t *value, const json_t *json)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return 0;
    *value = (uint64_t)json_integer_value(json);
    return 1;
}

static int take_number(double *value, const json_t *json)
{
    if (!json_is_number(json) || !isfinite(json_number_value(json)))
        return 0;
    *value = json_number_value(json);
    return 1;
}

/* null while there is none. */
static json_t *put_loss(const double *value)
{
    return put_number(value);
}

static int take_loss(double *value, const json_t *json)
{
    *value = 0;
    return json_is_null(json) || take_number(value, json);
}

static int take_text(char (*value)[64], const json_t *json)
{
    if (!json_is_string(json) || json_string_length(json) >= sizeof *value)
        return 0;
    (void)snprintf(*value, sizeof *value, "%s", json_string_value(json));
    return 1;
}

static json_t *put_parts(const bl_train_state *state)
{
    json_t *array = json_array();
    int bad = !array;
    for (size_t i = 0; i < state->part_count; i++) {
        const bl_train_part *part = &state->part[i];
        json_t *object = json_object();
#define X(kind, member, need)                                                                      \
    bad |= json_object_set_new(object, #member, put_##kind(&part->member));
        PART_MEMBERS(X)
#undef X
        bad |= json_array_append_new(array, object);
    }
    if (!bad)
        return array;
    json_decref(array);
    return NULL;
}

static bl_status take_parts(bl_train_state *state, const json_t *array, const char *path,
                            bl_error *err)
{
    size_t count = json_array_size(array); /* 0 for what is not an array */
    if (count < 2 || count > BL_MIX_MOST)
        return bl_fail(err, BL_EFORMAT, "%s: \"corpora\" is no array of 2 to %d", path,
                       BL_MIX_MOST);
    for (size_t i = 0; i < count; i++) {
        bl_train_part *part = &state->part[i];
        const json_t *object = json_array_get(array, i);
#define X(kind, member, need)                                                                      \
    if ((need == MUST || json_object_get(object, #member)) &&                                      \
        !take_##kind(&part->member, json_object_get(object, #member)))                             \
        return bl_fail(err, BL_EFORMAT, "%s: \"%s\" of data folder %zu is missing or wrong", path, \
                       #member, i + 1);
        PART_MEMBERS(X)
#undef X
    }
    state->part_count = count;
    return BL_OK;
}

bl_status bl_train_state_save(const bl_train_state *state, const char *path, bl_error *err)
{
    json_t *root = json_object();
    int bad = !root || json_object_set_new(root, "version", json_integer(STATE_VERSION));
#define X(kind, member, need) bad |= json_object_set_new(root, #member, put_##kind(&state->member));
    STATE_MEMBERS(X)
#undef X
    if (!state->best_step)
        bad |= json_object_set_new(root, "best_loss", json_null());
    if (state->part_count)
        bad |= json_object_set_new(root, "corpora", put_parts(state));
    bad |=
        json_object_set_new(root, "options", bl_options_to_json(BL_OPTIONS_TRAIN, &state->options));
    bl_status status = bad ? bl_fail(err, BL_ENOMEM, "out of memory while writing %s", path)
                           : bl_json_save(root, path, err);
    json_decref(root);
    return status;
}

bl_status bl_train_state_load(bl_train_state *state, const char *path, bl_error *err)
{
    *state = (bl_train_state){0};
    json_t *root;
    BL_TRY(bl_json_load(&root, path, err));
    bl_status status = BL_OK;
    const json_t *version = json_object_get(root, "version");
    if (!json_is_integer(version) || json_integer_value(version) != STATE_VERSION)
        status =
            bl_fail(err, BL_EFORMAT, "%s: not a training state of version %d", path, STATE_VERSION);
#define X(kind, member, need)                                                                      \
    if (status == BL_OK && (need == MUST || json_object_get(root, #member)) &&                     \
        !take_##kind(&state->member, json_object_get(root, #member)))                              \
        status = bl_fail(err, BL_EFORMAT, "%s: \"%s\" is missing or wrong", path, #member);
    STATE_MEMBERS(X)
#undef X
    if (status == BL_OK && json_object_get(root, "corpora"))
        status = take_parts(state, json_object_get(root, "corpora"), path, err);
    if (status == BL_OK && !(state->lr_scale > 0 && state->lr_scale <= 1))
        status = bl_fail(err, BL_EFORMAT, "%s: \"lr_scale\" is not in (0, 1]", path);
    if (status == BL_OK)
        status = bl_options_from_json(BL_OPTIONS_TRAIN, &state->options,
                                      json_object_get(root, "options"), path, err);
    json_decref(root);
    return status;
}
