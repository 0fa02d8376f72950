/* Tensors that come from a file in pieces, latent, packed and as rows of int8: all of them, what is
 * bad in a later piece, and a file cut short while it is open. */
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
    assert_ok(packed ? bl_net_open_packed(net, &c, dev, BL_TABLE_PARAMS, &failure)
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

/* Overwrites n bytes of a tensor in a file, from byte `at` on. */
static void poison(const char *path, const char *tensor, size_t at, const void *bytes, size_t n)
{
    uint64_t length = 0;
    unsigned char prefix[8];
    bl_st *st;
    assert_ok(bl_st_open(&st, path, &failure));
    size_t place = bl_st_find(st, tensor)->place;
    bl_st_close(st);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fread(prefix, 1, sizeof prefix, file), sizeof prefix);
    for (size_t i = sizeof prefix; i-- > 0;)
        length = length << 8 | prefix[i];
    assert_int_equal(fseek(file, (long)(sizeof prefix + length + place + at), SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static const char *const embed = "model.embed_tokens.weight";

static void bad_pieces(void **state)
{
    static const float odd = NAN, one = 1.0f;
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
        poison(path, embed, 70000 * sizeof odd, &odd, sizeof odd);
        assert_ok(bl_st_open(&st, path, &failure));
        assert_int_equal(load(&to, st, packed, &err), BL_EFORMAT);
        assert_non_null(
            strstr(err.message, "model.embed_tokens.weight: element 70000 is not finite"));
        bl_st_close(st);
        poison(path, embed, 70000 * sizeof one, &one, sizeof one);
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

/* The embedding of a net against the rows of a file: E = s q. */
static void check_rows(const bl_net *net, const bl_st *st)
{
    float *E = bl_calloc(V * (D + 1), sizeof *E), *s = E + V * D;
    int8_t *q = bl_calloc(V, D);
    const bl_st_tensor *t = bl_st_find(st, embed);
    assert_int_equal(t->dtype, BL_I8);
    assert_ok(bl_net_tensor_get(net, tensor_of(net, embed), E, &failure));
    assert_ok(bl_st_read(t, 0, V * D, q, &failure));
    assert_ok(bl_st_get_f32(st, "model.embed_tokens.weight_scale", 1, t->shape, s, &failure));
    for (size_t i = 0; i < V * D; i++) {
        float want = s[i / D] * q[i];
        assert_memory_equal(&E[i], &want, sizeof want);
    }
    bl_free(E);
    bl_free(q);
}

static void load_bad(bl_net *net, const char *path, bl_status wanted, const char *why)
{
    bl_error err;
    bl_st *st;
    assert_ok(bl_st_open(&st, path, &failure));
    assert_int_equal(load(net, st, 1, &err), wanted);
    if (!strstr(err.message, why))
        fail_msg("\"%s\" does not say %s", err.message, why);
    bl_st_close(st);
}

/* Rows of int8: all of them, and what is bad in a row of the second piece. */
static void rows_of_int8(void **state)
{
    enum { ROW = 1100 };
    static const int8_t least = -128, zero = 0;
    static const float negative = -1;
    bl_dev *dev;
    bl_net from, to;
    bl_st *st;
    uint64_t bytes;
    (void)state;
    assert_ok(bl_device_open(&dev, &on_cpu, &failure));
    open_net(&from, dev, 0);
    assert_ok(bl_net_init(&from, 5, &failure));
    assert_ok(bl_net_save_packed(&from, BL_I8, NULL, scratch("rows"), &failure));
    open_net(&to, dev, 1);
    assert_ok(bl_st_open(&st, scratch("rows"), &failure));
    assert_ok(load(&to, st, 1, &failure));
    check_rows(&to, st);
    assert_ok(bl_file_bytes(scratch("rows"), &bytes, &failure));
    poison(scratch("rows"), embed, ROW * D + 3, &least, 1);
    load_bad(&to, scratch("rows"), BL_EFORMAT, "weight: element 70403 is -128");
    poison(scratch("rows"), embed, ROW * D + 3, &zero, 1);
    poison(scratch("rows"), "model.embed_tokens.weight_scale", ROW * sizeof negative, &negative,
           sizeof negative);
    load_bad(&to, scratch("rows"), BL_EFORMAT, "weight_scale: element 1100 is -1");
    assert_ok(bl_file_truncate(scratch("rows"), bytes / 2, &failure));
    assert_int_equal(load(&to, st, 1, &failure), BL_EIO);
    bl_st_close(st);
    bl_net_release(&from);
    bl_net_release(&to);
    bl_dev_close(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_pieces), cmocka_unit_test(bad_pieces),
                                       cmocka_unit_test(rows_of_int8)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
