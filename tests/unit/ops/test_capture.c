/* A device that captures: when the recorder asks it to, what runs, and when captures are dropped. */
#include "option_pairs.h"

#include "ops/graph.h"

/* What the hooks were asked; the device is the reference, which runs ops also between begin and
 * end, so they are ones that may run twice. */
static struct {
    int enters, begins, ends, runs, releases;
    int refuse, never; /* end() gives nothing; begin() does not */
} asked;

static void enter(bl_dev *d)
{
    (void)d;
    asked.enters++;
}

static int begin(bl_dev *d)
{
    (void)d;
    asked.begins++;
    return !asked.never;
}

static void *end(bl_dev *d)
{
    (void)d;
    asked.ends++;
    return asked.refuse ? NULL : &asked;
}

static void run(bl_dev *d, void *captured)
{
    (void)d;
    assert_ptr_equal(captured, &asked);
    asked.runs++;
}

static void release(bl_dev *d, void *captured)
{
    (void)d;
    assert_ptr_equal(captured, &asked);
    asked.releases++;
}

static const bl_capture hooks = {enter, begin, end, run, release};
static const bl_limits small = {1, 1, 16, 1, 16, 1, 2, 1, 2, 16};

static bl_dev *open_capturing(void)
{
    bl_dev *inner, *d;
    memset(&asked, 0, sizeof asked);
    assert_ok(bl_ref32_open(&inner, &(bl_device_request){.name = "ref"}, &failure));
    assert_ok(bl_graph_open_capturing(&d, inner, &hooks, &failure));
    assert_string_equal(d->name, inner->name);
    return d;
}

/* One piece between two waits: zeros of `bytes`. */
static void piece(bl_dev *d, void *p, size_t bytes)
{
    BL_OP(d, zero, p, bytes);
    assert_ok(BL_OP(d, sync, &failure));
}

static void second_time(void **state)
{
    void *p;
    bl_dev *d = open_capturing();
    (void)state;
    assert_ok(BL_OP(d, alloc, &p, 64, &failure));
    piece(d, p, 64);
    assert_int_equal(asked.begins, 0); /* as it comes */
    piece(d, p, 64);
    assert_int_equal(asked.begins, 1);
    assert_int_equal(asked.ends, 1);
    assert_int_equal(asked.runs, 1);
    piece(d, p, 64);
    piece(d, p, 32); /* another piece */
    assert_int_equal(asked.begins, 1);
    assert_int_equal(asked.runs, 2);
    assert_true(asked.enters >= 4);
    BL_OP(d, free, p);
    bl_dev_close(d);
    assert_int_equal(asked.releases, 1);
}

/* Scratch may move: nothing captured before may run after. */
static void reserve(void **state)
{
    void *p;
    bl_dev *d = open_capturing();
    (void)state;
    assert_ok(BL_OP(d, alloc, &p, 64, &failure));
    piece(d, p, 64);
    piece(d, p, 64);
    assert_int_equal(asked.releases, 0);
    assert_ok(BL_OP(d, reserve, &small, &failure));
    assert_int_equal(asked.releases, 1);
    piece(d, p, 64);
    assert_int_equal(asked.begins, 2);
    assert_int_equal(asked.runs, 2);
    BL_OP(d, free, p);
    bl_dev_close(d);
    assert_int_equal(asked.releases, 2);
}

/* A device that cannot capture a piece runs its ops, and is not asked again. */
static void refused(void **state)
{
    unsigned char *p, host[64];
    bl_dev *d = open_capturing();
    (void)state;
    asked.refuse = 1;
    assert_ok(BL_OP(d, alloc, (void **)&p, sizeof host, &failure));
    for (int i = 0; i < 4; i++) {
        memset(host, 1, sizeof host);
        assert_ok(BL_OP(d, put, p, host, sizeof host, &failure));
        BL_OP(d, zero, p, sizeof host);
        assert_ok(BL_OP(d, get, host, p, sizeof host, &failure));
        assert_int_equal(host[0] + host[63], 0);
    }
    assert_int_equal(asked.begins, 1);
    assert_int_equal(asked.runs, 0);
    BL_OP(d, free, p);
    bl_dev_close(d);
    assert_int_equal(asked.releases, 0);
}

/* One that cannot begin runs its ops once. */
static void not_begun(void **state)
{
    void *p;
    bl_dev *d = open_capturing();
    (void)state;
    asked.never = 1;
    assert_ok(BL_OP(d, alloc, &p, 64, &failure));
    for (int i = 0; i < 4; i++)
        piece(d, p, 64);
    assert_int_equal(asked.begins, 1);
    assert_int_equal(asked.ends, 0);
    assert_int_equal(asked.runs, 0);
    BL_OP(d, free, p);
    bl_dev_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_time),
        cmocka_unit_test(reserve),
        cmocka_unit_test(refused),
        cmocka_unit_test(not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
