/* Devices by name: what is listed, and what of a device a session may have of its own. */
#include "../unit/small_run.h"

#include "core/hash.h"
#include "ops/plugin.h"

typedef struct seen {
    unsigned devices, unusable;
    char text[16][160];
    char name[16][64];
    int usable[16];
    uint64_t memory[16];
} seen;

static void note(void *user, const bl_device_info *d)
{
    seen *s = user;
    assert_true(s->devices < 16);
    (void)snprintf(s->name[s->devices], sizeof s->name[0], "%s", d->name);
    (void)snprintf(s->text[s->devices], sizeof s->text[0], "%s", d->text);
    s->usable[s->devices] = d->usable;
    s->memory[s->devices++] = d->memory_bytes;
}

static size_t place_of(const seen *s, const char *name)
{
    size_t i = 0;
    while (i < s->devices && strcmp(s->name[i], name) != 0)
        i++;
    if (i == s->devices)
        fail_msg("%s is not listed", name);
    return i;
}

static void listing(void **state)
{
    (void)state;
    static const char *const usable[] = {"cpu", "ref", "ref64", "plain", "wide", "small", "tight"};
    seen s = {0};
    assert_ok(bl_devices(note, &s, &failure));
    assert_int_equal(s.devices, 9);
    for (size_t i = 0; i < sizeof usable / sizeof *usable; i++) {
        size_t at = place_of(&s, usable[i]);
        assert_int_equal(s.usable[at], 1);
        assert_true(s.memory[at] > 0 && *s.text[at]);
    }
    size_t strange = place_of(&s, "strange");
    assert_int_equal(s.usable[strange], 0);
    assert_int_equal(s.memory[strange], 0);
    assert_non_null(strstr(s.text[strange], "another version"));
    size_t none = place_of(&s, "none");
    assert_int_equal(s.usable[none], 0);
    assert_string_equal(s.text[none], "no such device: its driver is not installed");
    assert_string_equal(s.name[0], "cpu");
}

static void signature(void **state)
{
    (void)state;
    char a[BL_HASH_TEXT], b[BL_HASH_TEXT];
    assert_ok(bl_plugin_signature(a, &failure));
    assert_ok(bl_plugin_signature(b, &failure));
    assert_int_equal(strlen(a), 32);
    assert_string_equal(a, b);
}

static void threads_of_a_session(void **state)
{
    (void)state;
    watch w = {0};
    bl_model *m;
    bl_session *s, *fork;
    bl_options *own;
    const int32_t ids[] = {5, 6, 7};
    static float logits[2][400];
    assert_ok(train("run", (pair[]){{"steps", "1"}, {NULL}}, &w));
    assert_ok(bl_options_open(&own, BL_OPTIONS_DEVICE, &failure));
    assert_ok(bl_options_set(own, "threads", "1", &failure));
    assert_ok(bl_model_open(&m, scratch("run"), own, &failure));
    assert_ok(bl_options_set(own, "threads", "3", &failure));
    assert_ok(bl_session_open(&s, m, own, &failure));
    assert_ok(bl_session_fork(&fork, s, &failure));
    assert_ok(bl_session_feed(s, ids, 3, logits[0], &failure));
    assert_ok(bl_session_feed(fork, ids, 3, logits[1], &failure));
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    bl_session_close(fork);
    bl_session_close(s);
    assert_ok(bl_options_set(own, "device", "cpu", &failure));
    assert_int_equal(bl_session_open(&s, m, own, &failure), BL_EINVAL);
    assert_string_equal(failure.message,
                        "`device` is the model's: of a session's own are `threads`");
    bl_options_close(own);
    assert_ok(bl_options_open(&own, BL_OPTIONS_TRAIN, &failure));
    assert_int_equal(bl_session_open(&s, m, own, &failure), BL_EINVAL);
    bl_model_close(m);
    assert_int_equal(bl_model_open(&m, scratch("run"), own, &failure), BL_EINVAL);
    assert_null(m);
    bl_options_close(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing),
        cmocka_unit_test(signature),
        cmocka_unit_test(threads_of_a_session),
    };
    return cmocka_run_group_tests_name("plug-ins", tests, make_data, scratch_remove);
}
