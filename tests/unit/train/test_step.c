/* What a training step asks of a device, and that it can be replayed. */
#include "option_pairs.h"

#include "api/device.h"
#include "ops/graph.h"
#include "ops/trace.h"
#include "train/trainer.h"

#include <math.h>

static int make_data(void **state)
{
    static const pair set[] = {{"tales_bytes", "60000"}, {"vocab_size", "400"}, {NULL}};
    assert_int_equal(scratch_make(state), 0);
    prepare_tales(set);
    return 0;
}

/* Options of training, and after a NULL those of the model. */
typedef struct variant {
    pair train[6], model[6];
} variant;

static const variant variants[] = {
    {{{"accum", "1"}, {NULL}}, {{NULL}}},
    {{{"accum", "3"}, {"dropout", "0.1"}, {"carry", "0.5"}, {"embedding_rate", "0.3"}, {NULL}},
     {{"ttt_layer_type", "mlp"}, {"pre_conv", "true"}, {"share_qk", "false"}, {NULL}}},
    {{{"accum", "2"}, {"carry", "0.5"}, {"recompute", "true"}, {NULL}},
     {{"quantization", "none"}, {NULL}}},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static bl_trainer *open_run(const char *run, const char *device, const variant *v)
{
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "32"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"},
                                 {NULL}};
    static const pair usual[] = {
        {"preset", "tiny"}, {"batch", "2"}, {"context", "32"}, {"threads", "2"}, {NULL}};
    bl_options *o, *config;
    bl_trainer *t;
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    set_all(config, shape);
    set_all(o, usual);
    set_all(config, v->model);
    set_all(o, v->train);
    assert_ok(bl_options_set(o, "device", device, &failure));
    assert_ok(bl_trainer_open(&t, scratch("data"), scratch(run), o, config, &failure));
    bl_options_close(config);
    bl_options_close(o);
    return t;
}

static bl_train_event step(bl_trainer *t)
{
    bl_train_event e;
    assert_ok(bl_trainer_draw(t, &failure));
    assert_ok(bl_trainer_begin(t, &failure));
    assert_ok(bl_trainer_end(t, &e, &failure));
    return e;
}

/* ---- one put and one wait a step ---- */

static size_t calls_of(const bl_dev *d, const char *op)
{
    bl_trace_row row[BL_OPS_COUNT];
    size_t rows = bl_trace_rows(d, row);
    for (size_t i = 0; i < rows; i++)
        if (strcmp(row[i].op, op) == 0)
            return row[i].calls;
    return 0;
}

static void calls(void **state)
{
    static const char *const waiting[] = {"alloc",    "get",     "tern_put",
                                          "tern_get", "reserve", "sync"};
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        bl_trainer *t = open_run("calls", "trace:cpu", &variants[v]);
        size_t micros = t->o.accum;
        (void)step(t);
        bl_trace_reset(t->dev);
        (void)step(t);
        assert_int_equal(calls_of(t->dev, "put"), 1);
        assert_int_equal(calls_of(t->dev, "get_begin"), 1);
        assert_int_equal(calls_of(t->dev, "get_end"), 1);
        for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++)
            assert_int_equal(calls_of(t->dev, waiting[i]), 0);
        assert_int_equal(calls_of(t->dev, "embed_fwd"), micros);
        assert_int_equal(calls_of(t->dev, "head_loss_sum"), micros);
        assert_int_equal(calls_of(t->dev, "grad_norm"), 1);
        assert_int_equal(calls_of(t->dev, "adamw"), 3);
        assert_int_equal(calls_of(t->dev, "ternarise"), 1);
        bl_trainer_close(t);
        assert_ok(bl_dir_remove(scratch("calls"), &failure));
    }
}

/* ---- a step replayed ---- */

static void same_block(const bl_trainer *a, const bl_trainer *b, const void *x, const void *y,
                       size_t bytes)
{
    size_t n = bytes / sizeof(float);
    float *host[2] = {calloc(n, sizeof(float)), calloc(n, sizeof(float))};
    assert_non_null(host[0]);
    assert_non_null(host[1]);
    assert_ok(bl_dev_get(a->dev, BL_KIND_param, host[0], x, n, &failure));
    assert_ok(bl_dev_get(b->dev, BL_KIND_param, host[1], y, n, &failure));
    assert_memory_equal(host[0], host[1], n * sizeof(float));
    free(host[0]);
    free(host[1]);
}

static void same_run(const bl_trainer *a, const bl_trainer *b)
{
    const bl_blocks *x = &a->blocks, *y = &b->blocks;
    same_block(a, b, x->net.block, y->net.block, x->block_bytes);
    same_block(a, b, x->moments.m, y->moments.m, x->block_bytes);
    same_block(a, b, x->moments.v, y->moments.v, x->block_bytes);
    if (x->carried.row)
        same_block(a, b, x->carried.states.block, y->carried.states.block, x->carried.states.bytes);
}

/* Step after step: every one but the first is found to consist of the calls of the first. */
static void found_again(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        bl_trainer *bare = open_run("bare", "cpu", &variants[v]);
        bl_trainer *t = open_run("graph", "graph:cpu", &variants[v]);
        bl_train_event one = step(bare), other = step(t);
        bl_graph_counts first = bl_graph_counted(t->dev);
        for (size_t i = 0; i < 6; i++) {
            assert_true(one.loss == other.loss && one.grad_norm == other.grad_norm);
            same_run(bare, t);
            one = step(bare);
            other = step(t);
        }
        bl_graph_counts last = bl_graph_counted(t->dev);
        assert_int_equal(last.recorded, first.recorded);
        assert_int_equal(last.replayed, first.replayed + 6);
        bl_trainer_close(bare);
        bl_trainer_close(t);
        assert_ok(bl_dir_remove(scratch("bare"), &failure));
        assert_ok(bl_dir_remove(scratch("graph"), &failure));
    }
}

/* Nobody calls an op: the inputs of another run's step, and the record of one's own first. */
static void replayed(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        bl_trainer *bare = open_run("bare", "cpu", &variants[v]);
        bl_trainer *t = open_run("graph", "graph:cpu", &variants[v]);
        const bl_inputs *from = &bare->blocks.inputs, *in = &t->blocks.inputs;
        (void)step(bare);
        (void)step(t);
        for (size_t i = 0; i < 5; i++) {
            bl_step done;
            bl_train_event e = step(bare);
            assert_int_equal(in->bytes, from->bytes);
            memcpy(in->host, from->host, in->bytes);
            assert_ok(bl_inputs_put(in, &t->blocks.net, &failure));
            bl_graph_replay(t->dev);
            assert_ok(bl_get_step(t->dev, &done, in->there[0].step, 1, &failure));
            assert_true((double)done.grad_norm == e.grad_norm);
            assert_true(done.nats / (double)(from->N * from->slots) == e.loss);
            same_run(bare, t);
        }
        bl_trainer_close(bare);
        bl_trainer_close(t);
        assert_ok(bl_dir_remove(scratch("bare"), &failure));
        assert_ok(bl_dir_remove(scratch("graph"), &failure));
    }
}

/* ---- the embedding's own rate ---- */

/* How far a step moves tables, and how far latent matrices. */
static void moved(double how_far[2], const char *rate)
{
    const variant v = {{{"embedding_rate", rate}, {"weight_decay", "0"}, {NULL}}, {{NULL}}};
    bl_trainer *t = open_run("rate", "cpu", &v);
    const bl_tensor_list *list = &t->blocks.net.tensors;
    size_t n = list->elements, from[] = {list->undecayed, list->tables}, to[] = {list->tables, n};
    float *before = calloc(n, sizeof *before), *after = calloc(n, sizeof *after);
    assert_non_null(before);
    assert_non_null(after);
    assert_true(list->undecayed < list->tables && list->tables < n);
    assert_ok(bl_dev_get(t->dev, BL_KIND_param, before, t->blocks.net.block, n, &failure));
    (void)step(t);
    assert_ok(bl_dev_get(t->dev, BL_KIND_param, after, t->blocks.net.block, n, &failure));
    for (size_t part = 0; part < 2; part++) {
        how_far[part] = 0;
        for (size_t i = from[part]; i < to[part]; i++)
            how_far[part] += fabs((double)after[i] - (double)before[i]);
    }
    free(before);
    free(after);
    bl_trainer_close(t);
    assert_ok(bl_dir_remove(scratch("rate"), &failure));
}

static void own_rate(void **state)
{
    double one[2], none[2], twice[2];
    (void)state;
    moved(one, "1");
    moved(none, "0");
    moved(twice, "2");
    assert_true(one[0] > 0 && one[1] > 0);
    assert_true(none[0] == 0 && none[1] == one[1]);
    assert_true(fabs(twice[0] - 2 * one[0]) < 1e-4 * one[0] && twice[1] == one[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls),
        cmocka_unit_test(found_again),
        cmocka_unit_test(replayed),
        cmocka_unit_test(own_rate),
    };
    return cmocka_run_group_tests_name("steps", tests, make_data, scratch_remove);
}
