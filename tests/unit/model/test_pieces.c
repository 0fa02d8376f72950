/* Tensors that come from a file in pieces, latent and packed: all of them, what is bad in a later
 * piece, and a file cut short while it is open. */
#include "scratch.h"

#include "api/device.h"
#include "core/alloc.h"
#include "core/file.h"
#include "model/net.h"
#include "model/packed.h"

#include <math.h>

enum { V = 1111, D = 64, I = 76 }; /* the embedding has more than a piece, I fills no tile */

static const bl_device_request on_cpu = {.name = "cpu", .ternary = 1, .threads = 1};

static void open_net(bl_net *net, bl_dev *dev, int packed)
{
    bl_config c;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = V;
    c.hidden_size = D;
    c.intermediate_size = I;
    c.num_hidden_layers = 1;
    c.num_attention_heads = 2;
    assert_ok(packed ? bl_net_open_packed(net, &c, dev, &failure)
                     : bl_net_open(net, &c, dev, &failure));
}

/* A net of random weights in the files "latent" and "packed". */
static void write_files(bl_net *net, bl_dev *dev)
{
    open_net(net, dev, 0);
    assert_ok(bl_net_init(net, 5, &failure));
    assert_ok(bl_net_save(net, scratch("latent"), &failure));
    assert_ok(bl_net_save_packed(net, BL_F32, NULL, scratch("packed"), &failure));
}

static const bl_tensor *tensor_of(const bl_net *net, const char *name)
{
    for (size_t i = 0; i < net->tensors.count; i++)
        if (strcmp(net->tensors.at[i].name, name) == 0)
            return &net->tensors.at[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static bl_status load(bl_net *net, const bl_st *st, int packed, bl_error *err)
{
    return packed ? bl_net_load_packed(net, BL_WEIGHTS_PACKED, st, "file", err)
                  : bl_net_load(net, st, "file", err);
}

/* Floats and codes of b are those of a. */
static void same_net(const bl_net *a, const bl_net *b, bl_dev *dev)
{
    for (size_t i = 0; i < b->tensors.count; i++) {
        const bl_tensor *t = &b->tensors.at[i], *from = tensor_of(a, t->name);
        float *x = bl_calloc(2 * t->count, sizeof *x), *y = x + t->count, g[2];
        int8_t *c = (int8_t *)x, *e = (int8_t *)y;
        if (t->role != BL_ROLE_LATENT || !b->packed) {
            assert_ok(bl_net_tensor_get(a, from, x, &failure));
            assert_ok(bl_net_tensor_get(b, t, y, &failure));
            assert_memory_equal(x, y, t->count * sizeof *x);
        }
        if (t->role == BL_ROLE_LATENT) {
            assert_ok(BL_OP(dev, tern_get, c, &g[0], bl_net_tern(a, from), t->shape[0], t->shape[1],
                            &failure));
            assert_ok(BL_OP(dev, tern_get, e, &g[1], bl_net_tern(b, t), t->shape[0], t->shape[1],
                            &failure));
            assert_memory_equal(c, e, t->count);
            assert_memory_equal(&g[0], &g[1], sizeof g[0]);
        }
        bl_free(x);
    }
}

static void all_pieces(void **state)
{
    bl_dev *dev;
    bl_net from;
    (void)state;
    assert_ok(bl_device_open(&dev, &on_cpu, &failure));
    write_files(&from, dev);
    assert_true(tensor_of(&from, "model.embed_tokens.weight")->count > BL_NET_PIECE);
    for (int packed = 0; packed < 2; packed++) {
        bl_net to;
        bl_st *st;
        open_net(&to, dev, packed);
        assert_ok(bl_st_open(&st, scratch(packed ? "packed" : "latent"), &failure));
        assert_ok(load(&to, st, packed, &failure));
        same_net(&from, &to, dev);
        bl_st_close(st);
        bl_net_release(&to);
    }
    bl_net_release(&from);
    bl_dev_close(dev);
}

/* Overwrites element `at` of the embedding in a file. */
static void poison(const char *path, size_t at, float value)
{
    uint64_t length = 0;
    unsigned char prefix[8];
    bl_st *st;
    assert_ok(bl_st_open(&st, path, &failure));
    size_t place = bl_st_find(st, "model.embed_tokens.weight")->place;
    bl_st_close(st);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fread(prefix, 1, sizeof prefix, file), sizeof prefix);
    for (size_t i = sizeof prefix; i-- > 0;)
        length = length << 8 | prefix[i];
    assert_int_equal(
        fseek(file, (long)(sizeof prefix + length + place + at * sizeof value), SEEK_SET), 0);
    assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

static void bad_pieces(void **state)
{
    static const char *const names[] = {"latent", "packed"};
    bl_dev *dev;
    bl_net from, to;
    bl_st *st;
    bl_error err;
    uint64_t bytes;
    (void)state;
    assert_ok(bl_device_open(&dev, &on_cpu, &failure));
    write_files(&from, dev);
    for (int packed = 0; packed < 2; packed++) {
        const char *path = scratch(names[packed]);
        open_net(&to, dev, packed);
        poison(path, 70000, NAN);
        assert_ok(bl_st_open(&st, path, &failure));
        assert_int_equal(load(&to, st, packed, &err), BL_EFORMAT);
        assert_non_null(
            strstr(err.message, "model.embed_tokens.weight: element 70000 is not finite"));
        bl_st_close(st);
        poison(path, 70000, 1.0f);
        assert_ok(bl_st_open(&st, path, &failure));
        assert_ok(load(&to, st, packed, &failure));
        assert_ok(bl_file_bytes(path, &bytes, &failure));
        assert_ok(bl_file_truncate(path, bytes / 2, &failure));
        assert_int_equal(load(&to, st, packed, &err), BL_EIO);
        bl_st_close(st);
        bl_net_release(&to);
    }
    bl_net_release(&from);
    bl_dev_close(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_pieces), cmocka_unit_test(bad_pieces)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
