/* integers: are BitLinear's integers on a device those of the CPU, on the weights of a trained model?
 *
 * usage: integers MODEL [DEVICE [f32|bf16 [TOKENS]]]
 *
 * The CPU reads TOKENS tokens with the weights of the folder.  The rows that it normalises before every
 * BitLinear then go, as they are, through the quantiser and the product of the CPU and of the device: one
 * row, a few, all.  Every bit is compared: scale g and codes of each matrix, xi / s of each row (on the CPU
 * also with the equation), and the outputs, which are integers times g / s.  Where the device has
 * activations of bfloat16, rows are rounded to it first for both, and outputs of the CPU afterwards. */
#include "rows.h"

#include <stddef.h>

/* What enters the BitLinears of a layer, as in BL_LAYER_Q8S, and each matrix by what enters it. */
enum { XQ, YQ, X2Q, HQ, INPUTS };

static int input_of(const bl_tensor *t)
{
    return t->member == offsetof(bl_layer_params, o_proj)      ? YQ
           : t->member == offsetof(bl_layer_params, gate_proj) ? X2Q
           : t->member == offsetof(bl_layer_params, up_proj)   ? X2Q
           : t->member == offsetof(bl_layer_params, down_proj) ? HQ
                                                               : XQ;
}

typedef struct side {
    bl_dev *d;
    bl_net net;
} side;

typedef struct counts {
    size_t matrices, weights, rows, numbers, wrong;
    size_t told; /* lines about numbers that differ */
} counts;

static void side_open(side *s, const char *folder, const char *device, int precision, int ternary)
{
    const bl_device_request request = {
        .name = device, .precision = precision, .ternary = ternary, .threads = 2};
    char path[1024];
    bl_config c;
    bl_st *st;
    bl_error err;
    (void)snprintf(path, sizeof path, "%s/config.json", folder);
    whole_must(bl_config_load(&c, path, &err), &err);
    c.quantization = ternary ? BL_QUANT_TERNARY : BL_QUANT_NONE;
    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    whole_must(bl_st_open(&st, path, &err), &err);
    whole_must(bl_device_open(&s->d, &request, &err), &err);
    whole_must(bl_net_open(&s->net, &c, s->d, &err), &err);
    whole_must(bl_net_load(&s->net, st, path, &err), &err);
    bl_net_ternarise(&s->net);
    bl_st_close(st);
}

static void side_close(side *s)
{
    bl_net_release(&s->net);
    bl_dev_close(s->d);
}

/* Up to width K in and out, for the unit matrix. */
static void side_reserve(const side *s, size_t N)
{
    bl_limits most = bl_net_limits(&s->net, 1, N);
    bl_error err;
    most.D = most.D > most.I ? most.D : most.I;
    whole_must(BL_OP(s->d, reserve, &most, &err), &err);
}

/* ---- bits ---- */

static float *floats_of(bl_dev *d, const bl_act *x, size_t n)
{
    bl_error err;
    float *here = bl_calloc(n, sizeof *here);
    whole_must(bl_get_act(d, here, x, n, &err), &err);
    return here;
}

/* x as the device's activations hold it. */
static void round_as(bl_dev *d, float *x, size_t n)
{
    bl_error err;
    bl_act *there = rows_room(d, BL_KIND_act, n);
    whole_must(bl_put_act(d, there, x, n, &err), &err);
    whole_must(bl_get_act(d, x, there, n, &err), &err);
    BL_OP(d, free, there);
}

static void compare(counts *c, const char *what, const bl_tensor *t, size_t N, const float *x,
                    const float *r, size_t n)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += memcmp(&x[i], &r[i], sizeof *x) != 0;
    c->numbers += n;
    c->wrong += wrong;
    if (wrong && c->told++ < 10)
        printf("%s of %s, %zu rows: %zu of %zu numbers differ\n", what, t->name, N, wrong, n);
}

/* xi / s by the equations of MODEL 2, a row. */
static void by_equation(float *y, const float *x, size_t K)
{
    float most = 1e-5f;
    for (size_t i = 0; i < K; i++)
        most = fmaxf(most, fabsf(x[i]));
    float s = 127.0f / most, each = 1.0f / s;
    for (size_t i = 0; i < K; i++)
        y[i] = (float)(int)rintf(x[i] * s) * each;
}

/* ---- the comparisons ---- */

/* Rows that were quantised on a device, times the unit matrix and times w. */
typedef struct products {
    float *unit, *y;
} products;

static products multiply(bl_dev *d, const bl_tern *w, const float *x, size_t N, size_t out,
                         size_t K)
{
    bl_error err;
    bl_q8 *xq;
    bl_act *rows = rows_room(d, BL_KIND_act, N * K), *y = rows_room(d, BL_KIND_act, N * out);
    whole_must(bl_put_act(d, rows, x, N * K, &err), &err);
    whole_must(BL_OP(d, alloc, (void **)&xq, BL_OP(d, q8_bytes, N, K), &err), &err);
    rows_quantise(d, xq, rows, N, K);
    bl_act *unit = rows_of(d, xq, N, K);
    BL_OP(d, bitlinear_fwd, y, xq, w, N, out, K);
    products p = {floats_of(d, unit, N * K), floats_of(d, y, N * out)};
    BL_OP(d, free, xq);
    BL_OP(d, free, rows);
    BL_OP(d, free, unit);
    BL_OP(d, free, y);
    return p;
}

static void check_rows(counts *c, const side *cpu, const side *x, const bl_tensor *t,
                       const float *rows, size_t N)
{
    size_t out = t->shape[0], K = t->shape[1];
    products a = multiply(cpu->d, bl_net_tern(&cpu->net, t), rows, N, out, K);
    products b = multiply(x->d, bl_net_tern(&x->net, t), rows, N, out, K);
    float *want = bl_calloc(N * K, sizeof *want);
    for (size_t n = 0; n < N; n++)
        by_equation(want + n * K, rows + n * K, K);
    compare(c, "xi / s on the CPU", t, N, a.unit, want, N * K);
    round_as(x->d, a.unit, N * K);
    round_as(x->d, a.y, N * out);
    compare(c, "xi / s", t, N, b.unit, a.unit, N * K);
    compare(c, "the product", t, N, b.y, a.y, N * out);
    c->rows += N;
    float *of[] = {a.unit, a.y, b.unit, b.y, want};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        bl_free(of[i]);
}

static void check_matrix(counts *c, const side *cpu, const side *x, const bl_tensor *t)
{
    bl_error err;
    int8_t *codes[2] = {bl_calloc(t->count, 1), bl_calloc(t->count, 1)};
    float g[2];
    const side *sides[] = {cpu, x};
    for (size_t i = 0; i < 2; i++)
        whole_must(BL_OP(sides[i]->d, tern_get, codes[i], &g[i], bl_net_tern(&sides[i]->net, t),
                         t->shape[0], t->shape[1], &err),
                   &err);
    compare(c, "g", t, 0, &g[1], &g[0], 1);
    size_t wrong = 0;
    for (size_t i = 0; i < t->count; i++)
        wrong += codes[0][i] != codes[1][i];
    if (wrong)
        printf("codes of %s: %zu of %zu differ\n", t->name, wrong, t->count);
    c->matrices++;
    c->weights += t->count;
    c->wrong += wrong;
    bl_free(codes[0]);
    bl_free(codes[1]);
}

/* The normalised rows of each input of a layer [N,K], which the device `plain` (the CPU's, with quantization
 * none) leaves unrounded; and that they are those which the CPU has quantised in its own pass. */
static void layer_rows(float *rows[INPUTS], const bl_net *net, const bl_pass *p, const side *plain,
                       size_t l)
{
    const bl_layer_params *w = &net->w.layer[l];
    const bl_layer_acts *a = &p->layer[l];
    bl_dev *d = plain->d;
    bl_error err;
    size_t N = p->N, D = net->m.D, I = net->m.I;
    float eps = (float)net->config.rms_norm_eps;
    bl_real *stats = rows_room(d, BL_KIND_real, 3 * N);
    bl_q8 *q[INPUTS];
    for (size_t i = 0; i < INPUTS; i++)
        whole_must(BL_OP(d, alloc, (void **)&q[i], BL_OP(d, q8_bytes, N, i == HQ ? I : D), &err),
                   &err);
    BL_OP(d, rmsnorm_fwd, NULL, q[XQ], stats, a->x, w->seq_norm, eps, N, D);
    BL_OP(d, gate_norm_fwd, q[YQ], stats, a->o, a->z, w->post_w, w->post_b, w->attn_sub, eps, N, D);
    BL_OP(d, rmsnorm_fwd, NULL, q[X2Q], stats, a->x2, w->ffn_norm, eps, N, D);
    BL_OP(d, swiglu_norm_fwd, q[HQ], stats, a->gate, a->up, w->ffn_sub, eps, N, I);
    for (size_t i = 0; i < INPUTS; i++) {
        size_t K = i == HQ ? I : D;
        bl_act *x = rows_of(d, q[i], N, K);
        rows[i] = floats_of(d, x, N * K);
        BL_OP(d, free, x);
        BL_OP(d, free, q[i]);
    }
    BL_OP(d, free, stats);
}

static void check_own(counts *c, bl_dev *d, const bl_tensor *t, const bl_q8 *xq, const float *rows,
                      size_t N, size_t K)
{
    float *want = bl_calloc(N * K, sizeof *want);
    for (size_t n = 0; n < N; n++)
        by_equation(want + n * K, rows + n * K, K);
    bl_act *x = rows_of(d, xq, N, K);
    float *found = floats_of(d, x, N * K);
    compare(c, "xi / s of the CPU's own pass", t, N, found, want, N * K);
    BL_OP(d, free, x);
    bl_free(found);
    bl_free(want);
}

static void check_layer(counts *c, const side *cpu, const side *plain, const side *x,
                        const bl_pass *p, size_t l)
{
    const bl_layer_acts *a = &p->layer[l];
    const bl_q8 *own[INPUTS] = {a->xq, a->yq, a->x2q, a->hq};
    float *rows[INPUTS];
    layer_rows(rows, &cpu->net, p, plain, l);
    for (size_t i = 0; i < cpu->net.tensors.count; i++) {
        const bl_tensor *t = &cpu->net.tensors.at[i];
        if (t->role != BL_ROLE_LATENT || t->layer != l)
            continue;
        size_t K = t->shape[1], few[] = {1, 7, p->N};
        float *in = rows[input_of(t)];
        check_matrix(c, cpu, x, t);
        check_own(c, cpu->d, t, own[input_of(t)], in, p->N, K);
        float *rounded = bl_calloc(p->N * K, sizeof *rounded);
        memcpy(rounded, in, p->N * K * sizeof *rounded);
        round_as(x->d, rounded, p->N * K);
        for (size_t n = 0; n < sizeof few / sizeof *few; n++)
            check_rows(c, cpu, x, t, rounded, few[n]);
        bl_free(rounded);
    }
    for (size_t i = 0; i < INPUTS; i++)
        bl_free(rows[i]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: integers MODEL [DEVICE [f32|bf16 [TOKENS]]]\n");
        return 2;
    }
    size_t N = argc > 4 ? strtoul(argv[4], NULL, 10) : 75;
    int precision = argc > 3 && strcmp(argv[3], "bf16") == 0 ? BL_PRECISION_BF16 : BL_PRECISION_F32;
    side cpu, plain, x;
    bl_pass p;
    bl_error err;
    counts c = {0};
    N = N > 7 ? N : 8;
    side_open(&cpu, argv[1], "cpu", BL_PRECISION_AUTO, 1);
    side_open(&plain, argv[1], "cpu", BL_PRECISION_AUTO, 0);
    side_open(&x, argv[1], argc > 2 ? argv[2] : "ref", precision, 1);
    whole_must(bl_pass_open(&p, &cpu.net, 1, N, BL_PASS_GRADIENTS, &err), &err);
    side_reserve(&cpu, N);
    side_reserve(&plain, N);
    side_reserve(&x, N);
    int32_t *ids = bl_calloc(N, sizeof *ids);
    for (size_t i = 0; i < N; i++)
        ids[i] = (int32_t)bl_rng_below(1, 1, i, cpu.net.m.V);
    whole_must(bl_put_id(cpu.d, p.in.ids, ids, N, &err), &err);
    bl_net_fwd(&cpu.net, &p);
    whole_must(BL_OP(cpu.d, sync, &err), &err);
    for (size_t l = 0; l < cpu.net.m.L; l++)
        check_layer(&c, &cpu, &plain, &x, &p, l);
    printf("%s: %zu matrices of %zu weights, %zu rows, %zu numbers compared: %zu differ\n",
           x.d->name, c.matrices, c.weights, c.rows, c.numbers, c.wrong);
    bl_free(ids);
    bl_pass_release(&p, &cpu.net);
    side_close(&x);
    side_close(&plain);
    side_close(&cpu);
    return c.wrong || !c.matrices ? 1 : 0;
}
