/* What crosses the border between host and device: every kind in every width. */
#include "option_pairs.h"

#include "ops/ops.h"

#include <math.h>

typedef struct half_case {
    uint32_t bits; /* of a float32 */
    uint16_t half; /* the bfloat16 nearest to it */
} half_case;

static const half_case halves[] = {
    {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x3F800000, 0x3F80}, /* 0, -0, 1 */
    {0x3F807FFF, 0x3F80}, {0x3F808000, 0x3F80}, {0x3F808001, 0x3F81}, /* below, at, above half */
    {0x3F818000, 0x3F82}, {0xBF818000, 0xBF82},                       /* half, to even */
    {0x7F7FFFFF, 0x7F80}, {0x7F800000, 0x7F80}, {0xFF800000, 0xFF80}, /* infinities */
    {0x00000001, 0x0000}, {0x00018000, 0x0002},                       /* denormal */
};
enum { HALVES = sizeof halves / sizeof *halves };

/* The reference in double, as if its numbers were of other widths: only put and get are called. */
static bl_dev *open_as(bl_dev *d, size_t act, size_t param, size_t real)
{
    bl_dev *inner;
    assert_ok(bl_ref64_open(&inner, &(bl_device_request){.name = "ref64"}, &failure));
    *d = *inner;
    d->act_bytes = act;
    d->param_bytes = param;
    d->real_bytes = real;
    return inner;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void activations_of_2_bytes(void **state)
{
    (void)state;
    bl_dev d, *inner = open_as(&d, 2, 4, 4);
    float x[HALVES + 1], back[HALVES + 1];
    uint16_t there[HALVES + 1];
    for (size_t i = 0; i < HALVES; i++)
        x[i] = float_of(halves[i].bits);
    x[HALVES] = float_of(0x7F800001); /* a NaN whose upper half would be an infinity */
    assert_ok(bl_put_act(&d, (bl_act *)there, x, HALVES + 1, &failure));
    for (size_t i = 0; i < HALVES; i++)
        assert_int_equal(there[i], halves[i].half);
    assert_ok(bl_get_act(&d, back, (const bl_act *)there, HALVES + 1, &failure));
    for (size_t i = 0; i < HALVES; i++) {
        uint32_t bits;
        memcpy(&bits, &back[i], sizeof bits);
        assert_int_equal(bits, (uint32_t)halves[i].half << 16);
    }
    assert_true(isnan(back[HALVES]));
    bl_dev_close(inner);
}

static void widths_of_kinds(void **state)
{
    (void)state;
    bl_dev d, *inner = open_as(&d, 2, 4, 8);
    assert_int_equal(bl_kind_bytes(&d, BL_KIND_act), 2);
    assert_int_equal(bl_kind_bytes(&d, BL_KIND_param), 4);
    assert_int_equal(bl_kind_bytes(&d, BL_KIND_real), 8);
    assert_int_equal(bl_kind_bytes(&d, BL_KIND_id), 4);
    assert_int_equal(bl_kind_bytes(&d, BL_KIND_flag), 4);
    assert_int_equal(bl_kind_bytes(&d, BL_KIND_step), sizeof(bl_step));
    bl_dev_close(inner);
}

static void what_is_put_is_got(void **state)
{
    (void)state;
    bl_dev d, *inner = open_as(&d, 4, 4, 8);
    const float x[] = {1.5f, -0.1f, 3e38f};
    const int32_t ids[] = {7, INT32_MAX, 0};
    const bl_step step = {.seed = 3, .position = 1ull << 40, .lr = 0.5f};
    float y[3], params[3];
    double reals[3];
    int32_t there[3], back[3];
    bl_step step_there, step_back;
    assert_ok(bl_put_real(&d, (bl_real *)reals, x, 3, &failure));
    for (size_t i = 0; i < 3; i++)
        assert_true(reals[i] == (double)x[i]);
    assert_ok(bl_get_real(&d, y, (const bl_real *)reals, 3, &failure));
    assert_memory_equal(y, x, sizeof x);
    assert_ok(bl_put_param(&d, (bl_param *)params, x, 3, &failure));
    assert_memory_equal(params, x, sizeof x);
    assert_ok(bl_put_id(&d, (bl_dev_id *)there, ids, 3, &failure));
    assert_ok(bl_get_id(&d, back, (const bl_dev_id *)there, 3, &failure));
    assert_memory_equal(back, ids, sizeof ids);
    assert_ok(bl_put_step(&d, (bl_dev_step *)&step_there, &step, 1, &failure));
    assert_ok(bl_get_step(&d, &step_back, (const bl_dev_step *)&step_there, 1, &failure));
    assert_memory_equal(&step_back, &step, sizeof step);
    bl_dev_close(inner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_of_2_bytes),
        cmocka_unit_test(widths_of_kinds),
        cmocka_unit_test(what_is_put_is_got),
    };
    return cmocka_run_group_tests_name("the border", tests, NULL, NULL);
}
