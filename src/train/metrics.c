/* RUN/metrics.jsonl: one JSON object a line. */
#include "train/metrics.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/path.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const event_names[] = {
    [BL_TRAIN_START] = "start",     [BL_TRAIN_RESUME] = "resume",
    [BL_TRAIN_STEP] = "train",      [BL_TRAIN_EVAL] = "eval",
    [BL_TRAIN_SAMPLE] = "sample",   [BL_TRAIN_CHECKPOINT] = "checkpoint",
    [BL_TRAIN_WARNING] = "warning", [BL_TRAIN_END] = "end"};

static bl_status add_point(bl_curve *c, uint64_t step, double loss, bl_error *err)
{
    BL_TRY(bl_grow(&c->at, &c->cap, c->count + 1, sizeof *c->at, err));
    c->at[c->count++] = (bl_curve_point){step, loss};
    return BL_OK;
}

/* One line of an older file into the curves; lines that are not records are skipped. */
static bl_status read_line(bl_metrics *m, const char *line, size_t n, bl_error *err)
{
    json_t *record = json_loadb(line, n, 0, NULL);
    const char *type = json_string_value(json_object_get(record, "type"));
    const json_t *step = json_object_get(record, "step"), *loss = json_object_get(record, "loss");
    bl_status status = BL_OK;
    if (type && json_is_integer(step) && json_integer_value(step) >= 0 && json_is_number(loss)) {
        bl_curve *curve = strcmp(type, event_names[BL_TRAIN_STEP]) == 0   ? &m->train
                          : strcmp(type, event_names[BL_TRAIN_EVAL]) == 0 ? &m->val
                                                                          : NULL;
        if (curve)
            status =
                add_point(curve, (uint64_t)json_integer_value(step), json_number_value(loss), err);
    }
    json_decref(record);
    return status;
}

/* What is left of a line, over the pieces of the file. */
typedef struct old_lines {
    bl_metrics *m;
    bl_buf line;
    uint64_t left;  /* bytes of the file that may be kept */
    uint64_t whole; /* of the lines that were whole; half a record was written without its end */
    uint64_t seen;
} old_lines;

/* A record is short: of a longer line only enough is kept to show that it is not one. */
enum { LINE_MOST = 1 << 20 };

static bl_status read_piece(void *user, const void *bytes, size_t n, bl_error *err)
{
    old_lines *o = user;
    const char *at = bytes;
    n = n < o->left ? n : (size_t)o->left;
    o->left -= n;
    while (n) {
        const char *end = memchr(at, '\n', n);
        size_t part = end ? (size_t)(end - at) : n;
        if (o->line.len <= LINE_MOST)
            bl_buf_append(&o->line, at, part < LINE_MOST ? part : LINE_MOST + 1);
        BL_TRY(bl_buf_status(&o->line, err));
        if (end && o->line.len && o->line.len <= LINE_MOST)
            BL_TRY(read_line(o->m, o->line.data, o->line.len, err));
        if (end)
            bl_buf_clear(&o->line);
        part += end != NULL;
        o->seen += part;
        if (end)
            o->whole = o->seen;
        at += part;
        n -= part;
    }
    return BL_OK;
}

static bl_status read_old(bl_metrics *m, uint64_t keep_bytes, bl_error *err)
{
    old_lines o = {.m = m, .left = keep_bytes};
    bl_buf_init(&o.line);
    bl_status status = bl_file_pieces(m->path, read_piece, &o, err);
    bl_buf_release(&o.line);
    BL_TRY(status);
    m->bytes = o.whole;
    return bl_file_truncate(m->path, m->bytes, err);
}

static bl_status append(bl_metrics *m, json_t *record, bl_error *err)
{
    char *line = record ? json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(record);
    if (!line)
        return bl_fail(err, BL_ENOMEM, "out of memory while writing %s", m->path);
    size_t n = strlen(line);
    line[n++] = '\n'; /* in the place of the 0: the line is written by its length */
    bl_status status = bl_file_append(m->path, &m->bytes, line, n, err);
    free(line); /* jansson's own malloc */
    return status;
}

bl_status bl_metrics_open(bl_metrics *m, const char *run_dir, int resume, uint64_t keep_bytes,
                          bl_error *err)
{
    *m = (bl_metrics){.path = bl_path_join(run_dir, "metrics.jsonl")};
    bl_status status = BL_OK;
    if (!m->path)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    if (resume && bl_path_what(m->path) == BL_PATH_FILE) {
        status = read_old(m, keep_bytes, err);
    } else {
        status = bl_file_replace(m->path, "", 0, err);
        if (status == BL_OK)
            status =
                append(m,
                       json_pack("{s:s, s:i, s:s, s:I}", "type", "header", "version", 1, "bitllama",
                                 bl_version(), "time", (json_int_t)bl_clock_wall()),
                       err);
    }
    if (status != BL_OK)
        bl_metrics_release(m);
    return status;
}

bl_status bl_metrics_sync(const bl_metrics *m, bl_error *err)
{
    return bl_file_sync(m->path, err);
}

void bl_metrics_release(bl_metrics *m)
{
    bl_free(m->path);
    bl_free(m->train.at);
    bl_free(m->val.at);
    *m = (bl_metrics){0};
}

/* JSON has no infinities and no NaN: they become null. */
static void set_number(json_t *record, const char *key, double value)
{
    (void)json_object_set_new(record, key, isfinite(value) ? json_real(value) : json_null());
}

/* An event has 0 for what it does not know. */
static double known(double value)
{
    return value > 0 ? value : (double)NAN;
}

/* What an event says about several data folders. */
static json_t *corpora_of(const bl_train_event *e)
{
    json_t *array = json_array();
    for (size_t i = 0; i < e->corpus_count; i++) {
        const bl_train_corpus *c = &e->corpora[i];
        json_t *object = json_object();
        (void)json_object_set_new(object, "data", json_string(c->dir));
        set_number(object, "weight", c->weight);
        (void)json_object_set_new(object, "tokens", json_integer((json_int_t)c->tokens));
        set_number(object, "epochs", c->epochs);
        if (e->kind == BL_TRAIN_EVAL)
            set_number(object, "loss", c->loss);
        (void)json_array_append_new(array, object);
    }
    return array;
}

/* What an evaluation says about the layers. */
static json_t *layers_of(const bl_train_event *e)
{
    json_t *array = json_array();
    for (size_t i = 0; i < e->layer_count; i++) {
        json_t *object = json_object();
        const bl_train_layer *layer = &e->layers[i];
        set_number(object, "distance", layer->distance);
        if (layer->half_life_max > 0) {
            set_number(object, "half_life_min", layer->half_life_min);
            set_number(object, "half_life_max", layer->half_life_max);
        }
        (void)json_array_append_new(array, object);
    }
    return array;
}

bl_status bl_metrics_record(bl_metrics *m, const bl_train_event *e, bl_error *err)
{
    errno = 0; /* a member that finds no room would be left out silently */
    json_t *record = json_object();
    (void)json_object_set_new(record, "type", json_string(event_names[e->kind]));
    (void)json_object_set_new(record, "step", json_integer((json_int_t)e->step));
    if (e->kind == BL_TRAIN_STEP || e->kind == BL_TRAIN_EVAL)
        set_number(record, "loss", e->loss);
    if (e->kind == BL_TRAIN_STEP) {
        set_number(record, "lr", e->lr);
        set_number(record, "grad_norm", e->grad_norm);
        (void)json_object_set_new(record, "tokens", json_integer((json_int_t)e->tokens));
        set_number(record, "tokens_per_s", known(e->tokens_per_s));
    }
    if (e->kind == BL_TRAIN_EVAL)
        set_number(record, "bits_per_byte", known(e->bits_per_byte));
    if (e->corpus_count)
        (void)json_object_set_new(record, "corpora", corpora_of(e));
    if (e->layer_count)
        (void)json_object_set_new(record, "layers", layers_of(e));
    if (e->text)
        (void)json_object_set_new(record, "text", json_string(e->text));
    if (errno == ENOMEM) {
        json_decref(record);
        record = NULL;
    }
    BL_TRY(append(m, record, err));
    if (e->kind == BL_TRAIN_STEP)
        return add_point(&m->train, e->step, e->loss, err);
    if (e->kind == BL_TRAIN_EVAL)
        return add_point(&m->val, e->step, e->loss, err);
    return BL_OK;
}

bl_status bl_metrics_draw(const bl_metrics *m, const char *run_dir, bl_error *err)
{
    const bl_chart chart = {.title = "loss (nats a token) over steps",
                            .first = {"training", &m->train},
                            .second = {"validation", &m->val}};
    char *path = bl_path_join(run_dir, "loss.svg");
    bl_status status =
        path ? bl_chart_write(&chart, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    bl_free(path);
    return status;
}
