/* TensorBoard event files: the checksum by published vectors, the framing, every value. */
#include "scratch.h"

#include "core/crc32c.h"
#include "core/clock.h"
#include "core/file.h"
#include "train/tensorboard.h"

#include <math.h>

/* RFC 3720, appendix B.4, and the check value of the catalogues of checksums. */
static void checksum(void **state)
{
    (void)state;
    static const unsigned char read_command[48] = "\x01\xC0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0"
                                                  "\0\0\x04\0\0\0\0\x14\0\0\0\x18\x28\0\0\0"
                                                  "\0\0\0\0\x02\0\0\0\0\0\0\0";
    unsigned char bytes[32] = {0};
    assert_int_equal(bl_crc32c(bytes, 32), 0x8A9136AAu);
    memset(bytes, 0xFF, 32);
    assert_int_equal(bl_crc32c(bytes, 32), 0x62A8AB43u);
    for (size_t i = 0; i < 32; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(bl_crc32c(bytes, 32), 0x46DD794Eu);
    for (size_t i = 0; i < 32; i++)
        bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(bl_crc32c(bytes, 32), 0x113FDB5Cu);
    assert_int_equal(bl_crc32c(read_command, 48), 0xD9963A56u);
    assert_int_equal(bl_crc32c("123456789", 9), 0xE3069283u);
    assert_int_equal(bl_crc32c("", 0), 0);
}

/* ---- a reader ---- */

typedef struct reader {
    const unsigned char *at, *end;
} reader;

static uint64_t little_endian(reader *r, size_t bytes)
{
    uint64_t value = 0;
    assert_true((size_t)(r->end - r->at) >= bytes);
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)*r->at++ << 8 * i;
    return value;
}

static uint64_t varint(reader *r)
{
    uint64_t value = 0, byte;
    for (unsigned shift = 0;; shift += 7) {
        byte = little_endian(r, 1);
        value |= (byte & 127) << shift;
        if (byte < 128)
            return value;
    }
}

static reader piece(reader *r, uint64_t bytes)
{
    assert_true((uint64_t)(r->end - r->at) >= bytes);
    reader inner = {r->at, r->at + bytes};
    r->at += bytes;
    return inner;
}

static void assert_masked(const unsigned char *bytes, size_t n, uint64_t stored)
{
    uint32_t turned = (uint32_t)stored - 0xA282EAD8u;
    assert_int_equal(turned << 15 | turned >> 17, bl_crc32c(bytes, n));
}

/* The next record's message; both checksums are right. */
static reader record(reader *file)
{
    const unsigned char *head = file->at;
    uint64_t length = little_endian(file, 8);
    assert_masked(head, 8, little_endian(file, 4));
    reader message = piece(file, length);
    assert_masked(message.at, length, little_endian(file, 4));
    return message;
}

typedef struct event {
    double wall;
    uint64_t step, session;
    char version[32];
    unsigned scalars;
    char tag[8][32];
    float value[8];
} event;

static void read_value(event *e, reader r)
{
    assert_true(e->scalars < 8);
    while (r.at < r.end) {
        uint64_t key = varint(&r);
        if (key == (1 << 3 | 2)) { /* tag */
            reader text = piece(&r, varint(&r));
            (void)snprintf(e->tag[e->scalars], 32, "%.*s", (int)(text.end - text.at), text.at);
        } else {
            assert_int_equal(key, 2 << 3 | 5); /* simple_value */
            uint32_t bits = (uint32_t)little_endian(&r, 4);
            memcpy(&e->value[e->scalars], &bits, 4);
        }
    }
    e->scalars++;
}

static event read_event(reader *file)
{
    event e = {0};
    reader r = record(file), inner;
    while (r.at < r.end) {
        uint64_t key = varint(&r), bits;
        switch (key) {
        case 1 << 3 | 1:
            bits = little_endian(&r, 8);
            memcpy(&e.wall, &bits, 8);
            break;
        case 2 << 3 | 0:
            e.step = varint(&r);
            break;
        case 3 << 3 | 2:
            inner = piece(&r, varint(&r));
            (void)snprintf(e.version, sizeof e.version, "%.*s", (int)(inner.end - inner.at),
                           inner.at);
            break;
        case 5 << 3 | 2:
            inner = piece(&r, varint(&r));
            while (inner.at < inner.end) {
                assert_int_equal(varint(&inner), 1 << 3 | 2);
                read_value(&e, piece(&inner, varint(&inner)));
            }
            break;
        default:
            assert_int_equal(key, 7 << 3 | 2);
            inner = piece(&r, varint(&r));
            assert_int_equal(varint(&inner), 1 << 3 | 0);
            e.session = varint(&inner);
        }
    }
    return e;
}

/* ---- the writer ---- */

static void assert_scalar(const event *e, unsigned i, const char *tag, double value)
{
    assert_string_equal(e->tag[i], tag);
    assert_true(e->value[i] == (float)value || (isnan(e->value[i]) && isnan(value)));
}

static void events(void **state)
{
    (void)state;
    bl_tensorboard b;
    bl_map map;
    double before = bl_clock_wall();
    bl_train_event step = {.kind = BL_TRAIN_STEP,
                           .step = 300, /* two bytes as a varint */
                           .loss = 2.5,
                           .lr = 1e-3,
                           .grad_norm = NAN,
                           .tokens_per_s = 1e30};
    const bl_train_layer layers[] = {{.distance = 0.5, .half_life_min = 64, .half_life_max = 512},
                                     {.distance = 0.75}}; /* which never forgets */
    bl_train_event eval = {.kind = BL_TRAIN_EVAL,
                           .step = (uint64_t)1 << 40,
                           .loss = 0,
                           .bits_per_byte = 1.25,
                           .layers = layers,
                           .layer_count = 2};
    bl_train_event silent = {.kind = BL_TRAIN_WARNING, .step = 301, .text = "a warning"};
    assert_ok(bl_tensorboard_open(&b, scratch_folder, 17, &failure));
    assert_ok(bl_tensorboard_record(&b, &step, &failure));
    assert_ok(bl_tensorboard_record(&b, &silent, &failure));
    assert_ok(bl_tensorboard_record(&b, &eval, &failure));
    eval.bits_per_byte = 0; /* unknown */
    eval.layer_count = 0;
    assert_ok(bl_tensorboard_record(&b, &eval, &failure));
    assert_ok(bl_tensorboard_restart(&b, 200, &failure));

    assert_ok(bl_map_open(&map, b.path, &failure));
    /* What every event file begins with: a record of 24 bytes, and the checksum of that number. */
    assert_memory_equal(map.data, "\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22\x09", 13);
    reader file = {map.data, map.data + map.size};
    event e = read_event(&file);
    assert_string_equal(e.version, "brain.Event:2");
    assert_true(e.wall >= before && e.wall <= bl_clock_wall());
    e = read_event(&file);
    assert_int_equal(e.step, 17);
    assert_int_equal(e.session, 1);
    e = read_event(&file);
    assert_int_equal(e.step, 300);
    assert_int_equal(e.scalars, 4);
    assert_scalar(&e, 0, "train/loss", 2.5);
    assert_scalar(&e, 1, "train/lr", 1e-3);
    assert_scalar(&e, 2, "train/grad_norm", NAN);
    assert_scalar(&e, 3, "train/tokens_per_s", 1e30);
    e = read_event(&file);
    assert_int_equal(e.step, (uint64_t)1 << 40);
    assert_int_equal(e.scalars, 6);
    assert_scalar(&e, 0, "eval/loss", 0);
    assert_scalar(&e, 1, "eval/bits_per_byte", 1.25);
    assert_scalar(&e, 2, "layer0/distance", 0.5);
    assert_scalar(&e, 3, "layer0/half_life_min", 64);
    assert_scalar(&e, 4, "layer0/half_life_max", 512);
    assert_scalar(&e, 5, "layer1/distance", 0.75);
    e = read_event(&file);
    assert_int_equal(e.scalars, 1);
    e = read_event(&file);
    assert_int_equal(e.step, 200);
    assert_int_equal(e.session, 1);
    assert_ptr_equal(file.at, file.end);
    bl_map_close(&map);
    bl_tensorboard_release(&b);
}

/* Files sort in the order they were begun in, within one second and when the clock went back. */
static void order_of_names(void **state)
{
    (void)state;
    char last[700];
    bl_tensorboard b;
    assert_ok(bl_dir_make(scratch("order"), &failure));
    (void)snprintf(last, sizeof last, "%s", scratch("order/events.out.tfevents.4000000000.host"));
    scratch_write(last, "", 0);
    scratch_write(scratch("order/events.out.tfevents.x"), "", 0);
    for (int i = 0; i < 3; i++) {
        assert_ok(bl_tensorboard_open(&b, scratch("order"), 1, &failure));
        assert_true(strcmp(b.path, last) > 0);
        (void)snprintf(last, sizeof last, "%s", b.path);
        bl_tensorboard_release(&b);
    }
    assert_int_equal(bl_tensorboard_open(&b, scratch("nowhere"), 1, &failure), BL_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum),
        cmocka_unit_test(events),
        cmocka_unit_test(order_of_names),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
