/* The TTT layer with forgetting over long rows: the CPU backend in float against the reference in
 * double, forward, decoded and backward, at short half-lives and at long ones; and variants that
 * are wrong on purpose, which must be found. */
#include "numbers.h"
#include "core/alloc.h"
#include "core/rng.h"
#include "cpu/cpu_dev.h"
#include "cpu/cpu_impl.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { T = 4096, F = 16, C = 16, M_MOST = 4 * F, TENSORS = 48 };

/* Sums of squares against the reference's, and the largest difference by its root mean square. */
static const double NMSE[] = {2e-11, 1e-9}, MOST[] = {5e-5, 5e-4}; /* linear, mlp */

/* The arrays of one run on one device; what it is asked for is compared. */
typedef struct tensor {
    const char *name; /* of an output, else NULL */
    void *at;
    size_t n, bytes; /* of an element */
} tensor;

typedef struct run {
    bl_dev *d;
    tensor tensors[TENSORS];
    size_t count;
    uint64_t draws;
} run;

static bl_error failure;

static void must(bl_status status)
{
    if (status != BL_OK)
        fail_msg("%s", failure.message);
}

static void *add(run *r, const char *name, size_t n, size_t bytes)
{
    assert_true(r->count < TENSORS);
    tensor *t = &r->tensors[r->count++];
    *t = (tensor){.name = name, .n = n, .bytes = bytes};
    must(BL_OP(r->d, alloc, &t->at, n * bytes, &failure));
    BL_OP(r->d, zero, t->at, n * bytes);
    return t->at;
}

/* n floats, the same on every device: mean + spread Normal(0, 1), or (lambda) within (0, mean). */
static void *input(run *r, size_t n, size_t bytes, float mean, float spread)
{
    void *at = add(r, NULL, n, bytes);
    float *host = bl_calloc(n, sizeof *host);
    assert_non_null(host);
    uint64_t stream = r->draws++;
    for (size_t i = 0; i < n; i++)
        host[i] = spread > 0 ? mean + spread * bl_rng_normal(3, stream, i)
                             : mean * bl_rng_uniform(3, stream, i);
    must(bl_dev_put(r->d, BL_KIND_real, at, host, n, &failure));
    bl_free(host);
    return at;
}

static void *number(run *r, double x)
{
    void *at = add(r, NULL, 1, r->d->param_bytes);
    float host = (float)x;
    must(bl_dev_put(r->d, BL_KIND_param, at, &host, 1, &failure));
    return at;
}

static bl_ttt_params make_params(run *r, size_t M, double half_life)
{
    size_t p = r->d->param_bytes;
    int mlp = M > F;
    return (bl_ttt_params){.W0 = input(r, F * M, p, 0, 0.1f),
                           .b0 = input(r, M, p, 0, 0.1f),
                           .W2 = mlp ? input(r, M * F, p, 0, 0.1f) : NULL,
                           .b2 = mlp ? input(r, F, p, 0, 0.1f) : NULL,
                           .gamma = input(r, F, p, 1, 0.2f),
                           .beta = input(r, F, p, 0, 0.1f),
                           .delta = input(r, C, p, 0, 0.03f),
                           .half_life = number(r, log(half_life / C))};
}

static bl_ttt_params make_grads(run *r, size_t M)
{
    size_t p = r->d->param_bytes;
    int mlp = M > F;
    return (bl_ttt_params){.W0 = add(r, "dW0", F * M, p),
                           .b0 = add(r, "db0", M, p),
                           .W2 = mlp ? add(r, "dW2", M * F, p) : NULL,
                           .b2 = mlp ? add(r, "db2", F, p) : NULL,
                           .gamma = add(r, "dgamma", F, p),
                           .beta = add(r, "dbeta", F, p),
                           .delta = add(r, "ddelta", C, p),
                           .half_life = add(r, "dhalf_life", 1, p)};
}

/* The state at the end of the row, W - W0. */
static bl_ttt_carry make_carry(run *r, size_t M)
{
    size_t p = r->d->real_bytes;
    int mlp = M > F;
    int32_t fresh[] = {1};
    bl_ttt_carry carry = {.from = {.W = add(r, NULL, F * M, p),
                                   .b = add(r, NULL, M, p),
                                   .W2 = mlp ? add(r, NULL, M * F, p) : NULL,
                                   .b2 = mlp ? add(r, NULL, F, p) : NULL},
                          .to = {.W = add(r, "W - W0", F * M, p),
                                 .b = add(r, "b - b0", M, p),
                                 .W2 = mlp ? add(r, "W2 - W0", M * F, p) : NULL,
                                 .b2 = mlp ? add(r, "b2 - b0", F, p) : NULL},
                          .fresh = add(r, NULL, 1, sizeof *fresh)};
    must(bl_dev_put(r->d, BL_KIND_flag, (void *)(uintptr_t)carry.fresh, fresh, 1, &failure));
    return carry;
}

static bl_ttt_state make_state(run *r, size_t M)
{
    size_t p = r->d->real_bytes;
    int mlp = M > F;
    return (bl_ttt_state){.W = add(r, "decoded W", F * M, p),
                          .b = add(r, "decoded b", M, p),
                          .k = add(r, NULL, C * F, p),
                          .h = add(r, NULL, C * M, p),
                          .W2 = mlp ? add(r, "decoded W2", M * F, p) : NULL,
                          .b2 = mlp ? add(r, "decoded b2", F, p) : NULL,
                          .x2 = mlp ? add(r, NULL, C * M, p) : NULL,
                          .h2 = mlp ? add(r, NULL, C * F, p) : NULL};
}

#define TTT(verb, ...)                                                                             \
    (mlp ? BL_OP(d, ttt_mlp_##verb, __VA_ARGS__) : BL_OP(d, ttt_linear_##verb, __VA_ARGS__))

static void run_ttt(run *r, bl_dev *d, int mlp, double half_life)
{
    *r = (run){.d = d};
    size_t M = mlp ? M_MOST : F, n = (size_t)T * F, act = d->act_bytes, real = d->real_bytes;
    bl_ttt_shape s = {1, T, 1, F, C, 10000.0f};
    bl_act *q = input(r, n, act, 0, 0.8f), *k = input(r, n, act, 0, 0.8f);
    bl_act *v = input(r, n, act, 0, 0.8f), *dout = input(r, n, act, 0, 1);
    bl_real *lambda = input(r, T, real, (mlp ? 0.1f : 1.0f) / F, 0);
    bl_ttt_params p = make_params(r, M, half_life), dp = make_grads(r, M);
    bl_ttt_carry carry = make_carry(r, M);
    bl_ttt_state state = make_state(r, M);
    bl_dev_step *step = add(r, NULL, 1, sizeof(bl_step));
    void *saved = add(r, NULL, 1, TTT(saved_bytes, &s) + 1);
    TTT(start, &state, &p, &s);
    TTT(step, add(r, "decoded o", n, act), &state, q, k, v, lambda, &p, &s, step);
    p.carry = &carry;
    TTT(fwd, add(r, "o", n, act), saved, q, k, v, lambda, &p, &s);
    TTT(bwd, add(r, "dq", n, act), add(r, "dk", n, act), add(r, "dv", n, act),
        add(r, "dlambda", T, real), &dp, dout, q, k, v, lambda, saved, &p, &s);
    must(BL_OP(d, sync, &failure));
}

static void run_free(run *r)
{
    for (size_t i = 0; i < r->count; i++)
        BL_OP(r->d, free, r->tensors[i].at);
}

static double *get(const run *r, size_t i)
{
    const tensor *t = &r->tensors[i];
    double *x = bl_calloc(t->n, sizeof *x);
    float *host = bl_calloc(t->n, sizeof *host);
    assert_true(x && host);
    if (t->bytes == sizeof *x) {
        must(BL_OP(r->d, get, x, t->at, t->n * sizeof *x, &failure));
    } else {
        must(bl_dev_get(r->d, BL_KIND_real, host, t->at, t->n, &failure));
        for (size_t j = 0; j < t->n; j++)
            x[j] = (double)host[j];
    }
    bl_free(host);
    return x;
}

typedef struct worst {
    double nmse, most;
    const char *nmse_of, *most_of;
} worst;

static void compare(worst *w, const char *name, const double *x, const double *ref, size_t n)
{
    double error = 0, power = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        double away = x[i] - ref[i];
        error += away * away;
        power += ref[i] * ref[i];
        most = numbers_worst(most, fabs(away));
    }
    if (error == 0) /* that of a half-life held at one chunk is 0 */
        return;
    most /= sqrt(power / (double)n);
    error = numbers_worst(0, error / power);
    if (error > w->nmse) {
        w->nmse = error;
        w->nmse_of = name;
    }
    if (most > w->most) {
        w->most = most;
        w->most_of = name;
    }
}

static worst compare_runs(const run *r, const run *ref)
{
    worst w = {0};
    assert_int_equal(r->count, ref->count);
    for (size_t i = 0; i < r->count; i++) {
        if (!r->tensors[i].name)
            continue;
        double *x = get(r, i), *y = get(ref, i);
        compare(&w, r->tensors[i].name, x, y, r->tensors[i].n);
        bl_free(x);
        bl_free(y);
    }
    return w;
}

static int within(const worst *w, int mlp)
{
    return w->nmse <= NMSE[mlp] && w->most <= MOST[mlp];
}

static void print_row(const char *what, int mlp, double half_life, const worst *w)
{
    printf("%-34s %-6s %9.0f  %8.1e %6.0e  %-10s  %8.1e %6.0e  %s\n", what, mlp ? "mlp" : "linear",
           half_life, w->nmse, NMSE[mlp], w->nmse_of, w->most, MOST[mlp], w->most_of);
}

static bl_dev *open_device(int doubles)
{
    bl_dev *d;
    bl_limits most = {1, T, F, 1, F, F, F, C, 4, M_MOST};
    must((doubles ? bl_ref64_open : bl_cpu_open)(&d, &(bl_device_request){.threads = 1}, &failure));
    must(BL_OP(d, reserve, &most, &failure));
    return d;
}

/* ---- wrong on purpose ---- */

static bl_kern kern; /* as it is */

static void forget_in_half(float *w, const float *w0, float rho, size_t n)
{
    kern.forget(w, w0, rintf(rho * 2048) / 2048, n);
}

static float keep_gradient(float *dw, float *sum, const float *w, const float *w0, float rho,
                           size_t n)
{
    float dot = kern.forget_bwd(dw, sum, w, w0, rho, n);
    for (size_t i = 0; i < n; i++)
        dw[i] /= rho;
    return dot;
}

static float lose_start(float *dw, float *sum, const float *w, const float *w0, float rho, size_t n)
{
    float none[F * M_MOST] = {0};
    (void)sum;
    return kern.forget_bwd(dw, none, w, w0, rho, n);
}

/* W as it would be if a segment of 64 chunks were walked back from its end by division. */
static float walk_back(float *dw, float *sum, const float *w, const float *w0, float rho, size_t n)
{
    float back[F * M_MOST];
    for (size_t i = 0; i < n; i++) {
        float x = w[i];
        for (int chunk = 0; chunk < 64; chunk++)
            x = w0[i] + rho * (x - w0[i]) + 0.01f;
        for (int chunk = 0; chunk < 64; chunk++)
            x = w0[i] + (x - 0.01f - w0[i]) / rho;
        back[i] = x;
    }
    return kern.forget_bwd(dw, sum, back, w0, rho, n);
}

static void test_broken(bl_dev *cpu, const run *ref, int mlp, double half_life)
{
    static const struct {
        const char *what;
        void (*forget)(float *, const float *, float, size_t);
        float (*forget_bwd)(float *, float *, const float *, const float *, float, size_t);
    } broken[] = {{"broken: rho in half precision", forget_in_half, NULL},
                  {"broken: dW not decayed", NULL, keep_gradient},
                  {"broken: W0 without its share", NULL, lose_start},
                  {"broken: W walked back by division", NULL, walk_back}};
    bl_kern *k = &bl_cpu_of(cpu)->k;
    kern = *k;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        run r;
        if (broken[i].forget)
            k->forget = broken[i].forget;
        if (broken[i].forget_bwd)
            k->forget_bwd = broken[i].forget_bwd;
        run_ttt(&r, cpu, mlp, half_life);
        *k = kern;
        worst w = compare_runs(&r, ref);
        print_row(broken[i].what, mlp, half_life, &w);
        assert_false(within(&w, mlp));
        run_free(&r);
    }
}

static void long_rows(int mlp)
{
    static const double half_lives[] = {16, 44, 256};
    bl_dev *cpu = open_device(0), *ref64 = open_device(1);
    printf("%-34s %-6s %9s  %8s %6s  %-10s  %8s %6s  %s\n", "4,096 tokens, float against double",
           "inner", "half-life", "NMSE", "bound", "of", "largest", "bound", "of");
    for (size_t i = 0; i < sizeof half_lives / sizeof *half_lives; i++) {
        run r, ref;
        run_ttt(&r, cpu, mlp, half_lives[i]);
        run_ttt(&ref, ref64, mlp, half_lives[i]);
        worst w = compare_runs(&r, &ref);
        print_row("as it is", mlp, half_lives[i], &w);
        assert_true(within(&w, mlp));
        if (i == 1 && !mlp)
            test_broken(cpu, &ref, mlp, half_lives[i]);
        run_free(&r);
        run_free(&ref);
    }
    bl_dev_close(cpu);
    bl_dev_close(ref64);
}

static void linear(void **state)
{
    (void)state;
    long_rows(0);
}

static void mlp(void **state)
{
    (void)state;
    long_rows(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(linear), cmocka_unit_test(mlp)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
