/* TensorBoard event files: protobuf messages in TFRecord framing (docs/FORMATS.md, section 3.4).
 *
 * Only the part of protobuf that six messages of numbers need is here: a field is its number and
 * wire type, 8 number + type, as a varint, and then its value.  Messages inside messages are
 * composed first, since their length comes before them. */
#include "train/tensorboard.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/crc32c.h"
#include "core/clock.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_PREFIX  "events.out.tfevents." /* by which TensorBoard knows them; a time follows */
#define FILE_VERSION "brain.Event:2"        /* from 2 on, a session's start is honoured */

/* Wire types, and the numbers of the fields used, by message. */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum {
    EVENT_WALL_TIME = 1,
    EVENT_STEP = 2,
    EVENT_FILE_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION_LOG = 7,
    SUMMARY_VALUE = 1,
    VALUE_TAG = 1,
    VALUE_SIMPLE_VALUE = 2,
    SESSION_LOG_STATUS = 1,
    SESSION_START = 1
};

/* Which numbers of which event are shown under which name; 0 may stand for unknown. */
static const struct {
    bl_train_event_kind kind;
    int zero_is_unknown;
    const char *tag;
    size_t member;
} scalars[] = {
    {BL_TRAIN_STEP, 0, "train/loss", offsetof(bl_train_event, loss)},
    {BL_TRAIN_STEP, 0, "train/lr", offsetof(bl_train_event, lr)},
    {BL_TRAIN_STEP, 0, "train/grad_norm", offsetof(bl_train_event, grad_norm)},
    {BL_TRAIN_STEP, 0, "train/tokens_per_s", offsetof(bl_train_event, tokens_per_s)},
    {BL_TRAIN_EVAL, 0, "eval/loss", offsetof(bl_train_event, loss)},
    {BL_TRAIN_EVAL, 1, "eval/bits_per_byte", offsetof(bl_train_event, bits_per_byte)},
};

/* The same of each layer of an event: "layer0/distance". */
static const struct {
    int zero_is_unknown;
    const char *tag;
    size_t member;
} layer_scalars[] = {
    {0, "distance", offsetof(bl_train_layer, distance)},
    {1, "half_life_min", offsetof(bl_train_layer, half_life_min)},
    {1, "half_life_max", offsetof(bl_train_layer, half_life_max)},
};

/* ---- protobuf ---- */

static void put_little_endian(bl_buf *b, uint64_t value, size_t bytes)
{
    unsigned char out[8];
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> 8 * i);
    bl_buf_append(b, out, bytes);
}

/* Seven bits a byte, lowest first; the high bit says that more follow. */
static void put_varint(bl_buf *b, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        put_little_endian(b, (value & 127) | 128, 1);
    put_little_endian(b, value, 1);
}

static void put_number(bl_buf *b, unsigned field, uint64_t value)
{
    put_varint(b, 8 * field + VARINT);
    put_varint(b, value);
}

static void put_double(bl_buf *b, unsigned field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_varint(b, 8 * field + FIXED64);
    put_little_endian(b, bits, 8);
}

static void put_float(bl_buf *b, unsigned field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_varint(b, 8 * field + FIXED32);
    put_little_endian(b, bits, 4);
}

static void put_bytes(bl_buf *b, unsigned field, const void *bytes, size_t n)
{
    put_varint(b, 8 * field + BYTES);
    put_varint(b, n);
    bl_buf_append(b, bytes, n);
}

/* A text or, composed in `message`, which is released, a message. */
static void put_text(bl_buf *b, unsigned field, const char *text)
{
    put_bytes(b, field, text, strlen(text));
}

static void put_message(bl_buf *b, unsigned field, bl_buf *message)
{
    put_bytes(b, field, message->data, message->len);
    b->failed |= message->failed;
    bl_buf_release(message);
}

/* ---- records ---- */

/* Checksums of what itself holds checksums are weak; TFRecord turns and shifts them. */
static uint32_t masked_crc(const void *bytes, size_t n)
{
    uint32_t crc = bl_crc32c(bytes, n);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

/* Length, checksum of the length, message, checksum of the message. */
static void put_record(bl_buf *file, const bl_buf *message)
{
    size_t at = file->len;
    put_little_endian(file, message->len, 8);
    if (!file->failed)
        put_little_endian(file, masked_crc(file->data + at, 8), 4);
    bl_buf_append(file, message->data, message->len);
    put_little_endian(file, masked_crc(message->data, message->len), 4);
}

/* Step 0 is left out, as protobuf's writers leave out whatever has its default. */
static void begin_event(bl_buf *event, uint64_t step)
{
    bl_buf_init(event);
    put_double(event, EVENT_WALL_TIME, bl_clock_wall());
    if (step)
        put_number(event, EVENT_STEP, step);
}

/* Appends the finished event to the records and releases it. */
static void end_event(bl_buf *records, bl_buf *event)
{
    records->failed |= event->failed;
    if (!records->failed)
        put_record(records, event);
    bl_buf_release(event);
}

static void put_start(bl_buf *records, uint64_t next)
{
    bl_buf event, log;
    begin_event(&event, next);
    bl_buf_init(&log);
    put_number(&log, SESSION_LOG_STATUS, SESSION_START);
    put_message(&event, EVENT_SESSION_LOG, &log);
    end_event(records, &event);
}

/* Writes the records in one piece and releases them. */
static bl_status flush(bl_tensorboard *b, bl_buf *records, bl_error *err)
{
    bl_status status = bl_buf_status(records, err);
    if (status == BL_OK)
        status = bl_file_append(b->path, &b->bytes, records->data, records->len, err);
    bl_buf_release(records);
    return status;
}

/* ---- the file ---- */

/* The name holds the time, in seconds, but later than any name that is there: readers take the
 * files in the order of their names, whatever the clock did. */
static bl_status choose_name(char **path, const char *run_dir, bl_error *err)
{
    bl_names names;
    char name[64];
    unsigned long long time = (unsigned long long)bl_clock_wall(), other;
    BL_TRY(bl_dir_list(&names, run_dir, err));
    for (size_t i = 0; i < names.count; i++)
        if (sscanf(names.name[i], FILE_PREFIX "%10llu.", &other) == 1 && other >= time)
            time = other + 1;
    bl_names_release(&names);
    (void)snprintf(name, sizeof name, FILE_PREFIX "%010llu.bitllama", time);
    *path = bl_path_join(run_dir, name);
    return *path ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
}

bl_status bl_tensorboard_open(bl_tensorboard *b, const char *run_dir, uint64_t next, bl_error *err)
{
    *b = (bl_tensorboard){0};
    BL_TRY(choose_name(&b->path, run_dir, err));
    bl_buf records, event;
    bl_buf_init(&records);
    begin_event(&event, 0);
    put_text(&event, EVENT_FILE_VERSION, FILE_VERSION);
    end_event(&records, &event);
    put_start(&records, next);
    bl_status status = flush(b, &records, err);
    if (status != BL_OK) {
        (void)!bl_file_remove(b->path, NULL);
        bl_tensorboard_release(b);
    }
    return status;
}

bl_status bl_tensorboard_sync(const bl_tensorboard *b, bl_error *err)
{
    return bl_file_sync(b->path, err);
}

void bl_tensorboard_release(bl_tensorboard *b)
{
    bl_free(b->path);
    *b = (bl_tensorboard){0};
}

bl_status bl_tensorboard_restart(bl_tensorboard *b, uint64_t next, bl_error *err)
{
    bl_buf records;
    bl_buf_init(&records);
    put_start(&records, next);
    return flush(b, &records, err);
}

static void put_scalar(bl_buf *summary, const char *tag, double number)
{
    bl_buf value;
    bl_buf_init(&value);
    put_text(&value, VALUE_TAG, tag);
    put_float(&value, VALUE_SIMPLE_VALUE, (float)number);
    put_message(summary, SUMMARY_VALUE, &value);
}

static void put_layers(bl_buf *summary, const bl_train_event *e)
{
    for (size_t l = 0; l < e->layer_count; l++) {
        for (size_t i = 0; i < sizeof layer_scalars / sizeof *layer_scalars; i++) {
            char tag[64];
            double number;
            memcpy(&number, (const char *)&e->layers[l] + layer_scalars[i].member, sizeof number);
            (void)snprintf(tag, sizeof tag, "layer%zu/%s", l, layer_scalars[i].tag);
            if (!(layer_scalars[i].zero_is_unknown && number == 0))
                put_scalar(summary, tag, number);
        }
    }
}

bl_status bl_tensorboard_record(bl_tensorboard *b, const bl_train_event *e, bl_error *err)
{
    bl_buf records, event, summary;
    bl_buf_init(&summary);
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        double number;
        memcpy(&number, (const char *)e + scalars[i].member, sizeof number);
        if (scalars[i].kind == e->kind && !(scalars[i].zero_is_unknown && number == 0))
            put_scalar(&summary, scalars[i].tag, number);
    }
    put_layers(&summary, e);
    if (!summary.len && !summary.failed)
        return BL_OK;
    bl_buf_init(&records);
    begin_event(&event, e->step);
    put_message(&event, EVENT_SUMMARY, &summary);
    end_event(&records, &event);
    return flush(b, &records, err);
}
