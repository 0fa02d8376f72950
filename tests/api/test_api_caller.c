/* How the caller has set its thread changes nothing that is computed, printed or read, and is
 * unchanged after every call and inside every callback. */
#include "api.h"

#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* ---- ways to set a thread ---- */

typedef struct manner {
    const char *name;
    int rounding;
    unsigned csr; /* bits of MXCSR besides */
} manner;

static const manner manners[] = {
    {"upward", FE_UPWARD, 0},
    {"downward", FE_DOWNWARD, 0},
    {"toward zero", FE_TOWARDZERO, 0},
#if defined(__x86_64__)
    {"flush to zero, denormals are zero", FE_TONEAREST, 0x8040},
#endif
};
enum { MANNERS = sizeof manners / sizeof *manners };

static void set_thread(const manner *how)
{
    (void)fesetround(how->rounding);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | how->csr);
#endif
}

static void check_thread(const manner *how)
{
    assert_int_equal(fegetround(), how->rounding);
#if defined(__x86_64__)
    assert_int_equal(_mm_getcsr() & how->csr, how->csr);
#endif
}

static void plain_thread(void)
{
    (void)fesetenv(FE_DFL_ENV);
}

/* ---- a run, a reply, an evaluation, texts: all as bytes ---- */

typedef struct story {
    float logits[API_V], fed[API_V];
    char text[2000], info[8000], value[64], fingerprint[33];
    double loss, perplexity, stream_loss, train_loss, plan;
    unsigned char weights[200000];
    size_t weight_bytes, length;
} story;

typedef struct listener {
    story *story;
    const manner *how; /* that the callback must find; NULL: not looked at */
    unsigned calls;
} listener;

static int on_text(void *user, const bl_token_event *token)
{
    listener *l = user;
    l->calls++;
    if (l->how)
        check_thread(l->how);
    assert_true(l->story->length + token->bytes < sizeof l->story->text);
    memcpy(l->story->text + l->story->length, token->text, token->bytes);
    l->story->length += token->bytes;
    return 0;
}

static void on_train(void *user, const bl_train_event *event)
{
    listener *l = user;
    l->calls++;
    if (l->how)
        check_thread(l->how);
    if (event->kind == BL_TRAIN_STEP)
        l->story->train_loss = event->loss;
}

static int on_progress(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit)
{
    listener *l = user;
    (void)stage, (void)done, (void)total, (void)unit;
    l->calls++;
    if (l->how)
        check_thread(l->how);
    return 0;
}

static void on_point(void *user, const bl_eval_point *point)
{
    listener *l = user;
    (void)point;
    l->calls++;
    if (l->how)
        check_thread(l->how);
}

static void on_octave(void *user, const bl_stream_point *point)
{
    (void)point;
    on_point(user, NULL);
}

static size_t read_file(const char *path, unsigned char *to, size_t cap)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(to, 1, cap, file);
    assert_true(n > 0 && n < cap);
    (void)fclose(file);
    return n;
}

static void train_and_open(story *out, const char *folder, listener *l, bl_model **m)
{
    char path[64];
    bl_trainer *t;
    bl_options *train = api_small_training("3"), *config = api_small_config();
    bl_plan_result plan = {.size = sizeof plan};
    assert_ok(bl_options_set(train, "lr", "0.0031", &api_error));
    assert_ok(bl_options_get(train, "lr", out->value, sizeof out->value, NULL, &api_error));
    assert_ok(bl_plan(api_path("data"), train, config, &plan, &api_error));
    out->plan = (double)plan.total;
    assert_ok(bl_trainer_open(&t, api_path("data"), api_path(folder), train, config, &api_error));
    assert_ok(bl_trainer_run(t, on_train, l, &api_error));
    bl_trainer_close(t);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    out->weight_bytes = read_file(api_path(path), out->weights, sizeof out->weights);
    assert_ok(bl_model_open(m, api_path(folder), NULL, &api_error));
    assert_ok(bl_model_fingerprint(*m, out->fingerprint, &api_error));
    bl_options_close(train);
    bl_options_close(config);
}

/* Everything that computes, in a thread that is set in some way. */
static void tell(story *out, const char *folder, const manner *how)
{
    listener l = {.story = out, .how = how};
    bl_model *m;
    bl_session *s;
    bl_eval_result r = {.size = sizeof r};
    bl_generate_result made = {.size = sizeof made};
    int32_t ids[64];
    size_t n;
    *out = (story){0};
    if (how)
        set_thread(how);
    train_and_open(out, folder, &l, &m);
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_tokenizer_encode(bl_model_tokenizer(m), "Once upon a time there was a fox.", 33, 0,
                                  ids, 64, &n, &api_error));
    assert_ok(bl_session_feed(s, ids, n, out->fed, &api_error));
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "max_tokens", "30", "seed", "5", "temperature",
                                "0.9", (char *)NULL);
    assert_ok(bl_generate(s, "The", 3, o, on_text, &l, &made, &api_error));
    assert_ok(bl_session_feed(s, NULL, 0, out->logits, &api_error));
    assert_ok(bl_eval_by_position(m, api_path("data/val.bin"), 16, on_progress, on_point, &l, &r,
                                  &api_error));
    out->loss = r.loss;
    out->perplexity = r.perplexity;
    assert_ok(bl_eval_stream(m, api_path("data/val.bin"), NULL, 16, 50, on_progress, on_octave, &l,
                             &r, &api_error));
    out->stream_loss = r.loss;
    size_t bytes;
    assert_ok(bl_info(api_path("run"), out->info, sizeof out->info, &bytes, &api_error));
    assert_true(bytes < sizeof out->info);
    assert_true(l.calls > 10);
    if (how)
        check_thread(how);
    plain_thread();
    bl_options_close(o);
    bl_session_close(s);
    bl_model_close(m);
}

static story *plain, *other;

static int make(void **state)
{
    if (api_make(state) != 0)
        return -1;
    plain = calloc(1, sizeof *plain);
    other = calloc(1, sizeof *other);
    tell(plain, "plain", NULL);
    return 0;
}

static int end(void **state)
{
    free(plain);
    free(other);
    return api_remove(state);
}

static void rounding_modes_change_no_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANNERS; i++) {
        char folder[32];
        (void)snprintf(folder, sizeof folder, "manner%zu", i);
        tell(other, folder, &manners[i]);
        if (memcmp(plain, other, sizeof *plain) != 0)
            fail_msg("%s: %s", manners[i].name,
                     memcmp(plain->weights, other->weights, sizeof plain->weights) ? "other weights"
                     : memcmp(plain->fed, other->fed, sizeof plain->fed)           ? "other logits"
                     : strcmp(plain->text, other->text)                            ? "another text"
                                                        : "another number");
    }
}

/* A program that wants a signal from 0 / 0 of its own gets none from ours, and finds its flags as
 * they were. */
static void traps_and_flags_are_the_callers(void **state)
{
    (void)state;
#if defined(__x86_64__)
    bl_model *m;
    bl_eval_result r = {.size = sizeof r};
    assert_ok(bl_model_open(&m, api_path("plain"), NULL, &api_error));
    _mm_setcsr(0x1f80 & ~0x0e80u); /* invalid, zero divide, overflow trap */
    bl_status status = bl_eval(m, api_path("data/val.bin"), 16, NULL, NULL, &r, &api_error);
    unsigned after = _mm_getcsr();
    plain_thread();
    assert_int_equal(status, BL_OK);
    assert_int_equal(after, 0x1f80 & ~0x0e80u);
    assert_true(r.loss == plain->loss);
    bl_model_close(m);
#else
    print_message("skipped: no MXCSR on this machine\n");
#endif
}

/* Numbers in files, options and messages have a point in a program that writes commas. */
static void a_decimal_comma_stays_outside(void **state)
{
    (void)state;
    /* comma.sh makes the first, where the system can. */
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_ALL, names[i]);
    if (!found) {
        print_message("skipped: no locale with a decimal comma here\n");
        skip();
    }
    char shown[16];
    (void)snprintf(shown, sizeof shown, "%.1f", 1.5);
    assert_string_equal(shown, "1,5");
    tell(other, "comma", NULL);
    (void)snprintf(shown, sizeof shown, "%.1f", 1.5);
    (void)setlocale(LC_ALL, "C");
    assert_string_equal(shown, "1,5");
    assert_memory_equal(plain, other, sizeof *plain);
    char curve[20000] = "", before[20000] = "";
    (void)read_file(api_path("comma/loss.svg"), (unsigned char *)curve, sizeof curve);
    (void)read_file(api_path("plain/loss.svg"), (unsigned char *)before, sizeof before);
    assert_string_equal(curve, before);
}

/* The rest of what a process has: not touched. */
static void errno_mask_and_handlers_stay(void **state)
{
    (void)state;
    struct sigaction before[32], after[32];
    sigset_t mask, now;
    bl_model *m;
    bl_session *s;
    mode_t file_mask = umask(027);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
    for (int i = 1; i < 32; i++)
        (void)sigaction(i, NULL, &before[i]);
    errno = EDOM;
    assert_ok(bl_model_open(&m, api_path("plain"), NULL, &api_error));
    assert_int_equal(errno, EDOM);
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_session_save(s, api_path("memory"), &api_error));
    assert_int_equal(bl_session_load(s, api_path("none"), &api_error), BL_ENOENT);
    assert_int_equal(errno, EDOM);
    bl_session_close(s);
    bl_model_close(m);
    assert_int_equal(umask(file_mask), 027);
    for (int i = 1; i < 32; i++) {
        (void)sigaction(i, NULL, &after[i]);
        assert_true(before[i].sa_handler == after[i].sa_handler);
    }
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &now), 0);
    assert_int_equal(sigismember(&now, SIGUSR1), 1);
    assert_int_equal(sigismember(&now, SIGTERM), 0);
    struct stat info;
    assert_int_equal(stat(api_path("memory"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640); /* by the caller's mask */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_modes_change_no_bit),
        cmocka_unit_test(traps_and_flags_are_the_callers),
        cmocka_unit_test(a_decimal_comma_stays_outside),
        cmocka_unit_test(errno_mask_and_handlers_stay),
    };
    return cmocka_run_group_tests(tests, make, end);
}
