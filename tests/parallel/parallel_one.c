/* Whatever only one of several trainers sees, fails at or is asked for is known to all before any
 * acts on it. */
#include "ranks.h"

/* ---- what only one sees ---- */

static const bl_ops *sound; /* of the device that was spoilt */
static unsigned calls, spoilt_from, spoilt_to;
static int only_loss;

/* Of these calls, counted from 1, the first loss, or also its gradient, is not a number. */
static void spoilt_head_loss(bl_dev *d, bl_real *loss, bl_act *dx, bl_param *dE, const bl_act *x,
                             const bl_param *E, const bl_dev_id *targets, const bl_dev_step *step,
                             size_t N, size_t D, size_t V)
{
    sound->head_loss(d, loss, dx, dE, x, E, targets, step, N, D, V);
    if (!dx || ++calls < spoilt_from || calls > spoilt_to)
        return;
    *(float *)(void *)loss = NAN;
    if (!only_loss)
        *(float *)(void *)dx = NAN;
}

static void spoil_loss_of_one(rank *r, bl_dev *d)
{
    if (!r->comm || r->comm->rank != 1)
        return;
    sound = d->ops;
    r->ops = *sound;
    r->ops.head_loss = spoilt_head_loss;
    d->ops = &r->ops;
}

static job spoilt_run(const char *run, unsigned from, unsigned to, int loss)
{
    static const pair set[] = {{"accum", "2"},      {"carry", "0.3"},     {"steps", "12"},
                               {"save_every", "3"}, {"eval_every", "50"}, {NULL}};
    job j = {.run = run, .size = 2, .set = set, .spoil = spoil_loss_of_one};
    calls = 0, spoilt_from = from, spoilt_to = to, only_loss = loss;
    run_job(&j);
    return j;
}

/* A step that rank 1 alone sees go wrong is skipped by both; after five both go back to the
 * leader's checkpoint, and if that does not help both end. */
static void one_sees_nan(void **state)
{
    (void)state;
    for (int loss = 0; loss < 2; loss++) {
        job j = spoilt_run(loss ? "nan-loss" : "nan", 4, 4, loss);
        assert_all(&j, BL_OK);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(j.rank[i].warnings, 1);
            assert_non_null(strstr(j.rank[i].warning, "step 4 skipped: loss nan"));
            assert_true(isnan(j.rank[i].loss[3]) && isfinite(j.rank[i].loss[4]));
            assert_int_equal(isnan(j.rank[i].grad_norm[3]), !loss);
        }
    }
    job back = spoilt_run("nan-back", 5, 9, 0);
    assert_all(&back, BL_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(back.rank[i].steps, 9 + 9); /* 5 to 9 are bad; on from 3 */
        assert_int_equal(back.rank[i].warnings, 5 + 1);
        assert_non_null(strstr(back.rank[i].warning, "step-00000003 at half the learning rate"));
    }
    bl_train_state after;
    assert_ok(bl_checkpoint_state(&after, scratch("nan-back/ckpt/step-00000012"), &failure));
    assert_true(after.lr_scale == 0.5);
    job ended = spoilt_run("nan-end", 5, UINT_MAX, 0);
    assert_all(&ended, BL_EDIVERGED);
}

/* ---- what only one is asked for ---- */

static size_t who;

static void stop_one(rank *r, const bl_train_event *e)
{
    if (e->step == 3 && r->comm->rank == who)
        bl_trainer_stop(r->trainer);
}

static void save_one(rank *r, const bl_train_event *e)
{
    if (e->step == 2 && r->comm->rank == who)
        bl_trainer_save(r->trainer);
}

static const pair quiet[] = {
    {"accum", "2"}, {"carry", "0.3"}, {"save_every", "100"}, {"eval_every", "100"}, {NULL}};

static void one_is_asked_to_stop(void **state)
{
    (void)state;
    for (who = 0; who < 2; who++) {
        const char *run = who ? "stop-1" : "stop-0";
        job j = {.run = run, .size = 2, .set = quiet, .on_step = stop_one};
        run_job(&j);
        assert_all(&j, BL_EINTERRUPTED);
        assert_int_equal(j.rank[1].last, 3);
        assert_non_null(strstr(j.rank[1].why.message, "stopped after step 3"));
        assert_int_equal(bl_path_what(file_of(run, 3, "MANIFEST")), BL_PATH_FILE);
    }
}

static void one_is_asked_to_save(void **state)
{
    (void)state;
    for (who = 0; who < 2; who++) {
        const char *run = who ? "save-1" : "save-0";
        job j = {.run = run, .size = 2, .set = quiet, .on_step = save_one};
        run_job(&j);
        assert_all(&j, BL_OK);
        assert_int_equal(bl_path_what(file_of(run, 2, "MANIFEST")), BL_PATH_FILE);
        assert_int_equal(j.rank[0].checkpoints, 2); /* and the last */
        assert_int_equal(j.rank[1].checkpoints, 0);
    }
}

/* ---- what only one is slow at ---- */

static void stop_at_4(rank *r, const bl_train_event *e)
{
    if (e->step == 4 && r->comm->rank == who)
        bl_trainer_stop(r->trainer);
}

/* A step is begun ahead when the devices of all compute in their own time, and what one is asked for
 * then comes a step later for all. */
static void one_is_late(void **state)
{
    (void)state;
    static const pair set[] = {
        {"accum", "2"}, {"save_every", "100"}, {"eval_every", "100"}, {NULL}};
    static const char *const runs[] = {"late-0", "late-1", "late-2", "late-3"};
    for (unsigned late = 0; late < 4; late++) {
        uint64_t last = late == 3 ? 5 : 4;
        job j = {.run = runs[late], .size = 2, .set = set, .late = late, .on_step = stop_at_4};
        who = late % 2;
        run_job(&j);
        assert_all(&j, BL_EINTERRUPTED);
        assert_int_equal(j.rank[0].last, last);
        job rest = {.run = runs[late], .size = 2, .resume = 1, .late = late};
        run_job(&rest);
        assert_all(&rest, BL_OK);
        assert_int_equal(rest.rank[0].steps, 6 - last);
        assert_true(same_file(runs[late], runs[0], 6, "model.safetensors"));
        assert_true(same_file(runs[late], runs[0], 6, "optimizer.safetensors"));
    }
}

/* ---- what only one fails at ---- */

static bl_status failing_get_end(bl_dev *d, void *to, bl_error *err)
{
    if (++calls == 3) /* in the third step */
        return bl_fail(err, BL_EDEVICE, "the device was unplugged");
    return sound->get_end(d, to, err);
}

static bl_status failing_alloc(bl_dev *d, void **block, size_t bytes, bl_error *err)
{
    (void)d, (void)block, (void)bytes;
    return bl_fail(err, BL_EDEVICE, "the device was unplugged");
}

static void spoil_get(rank *r, bl_dev *d)
{
    if (r->comm->rank != who)
        return;
    sound = d->ops;
    r->ops = *sound;
    r->ops.get_end = failing_get_end;
    d->ops = &r->ops;
}

static void spoil_alloc(rank *r, bl_dev *d)
{
    spoil_get(r, d);
    if (r->comm->rank == who)
        r->ops.alloc = failing_alloc;
}

/* Nobody waits for one who does not come, at the opening or in a step, and nothing is saved. */
static void one_fails(void **state)
{
    static void (*const ways[])(rank *, bl_dev *) = {spoil_get, spoil_alloc};
    static const pair set[] = {{"accum", "3"}, {NULL}};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char run[32];
        who = i % 2;
        calls = 0;
        (void)snprintf(run, sizeof run, "fail-%zu", i);
        job j = {.run = run, .size = 3, .set = set};
        j.spoil = ways[i / 2];
        run_job(&j);
        for (size_t r = 0; r < 3; r++) {
            assert_int_equal(j.rank[r].status, r == who ? BL_EDEVICE : BL_ENETWORK);
            assert_int_equal(j.rank[r].steps, i / 2 ? 0 : 2);
            if (r != who)
                assert_non_null(strstr(j.rank[r].why.message, "of 3 has ended"));
        }
        assert_int_equal(bl_path_what(file_of(run, 6, "MANIFEST")), BL_PATH_NONE);
    }
}

/* A checkpoint that cannot be written is the leader's trouble: the others continue with it. */
static void leader_cannot_save(void **state)
{
    (void)state;
    static const pair often[] = {
        {"accum", "2"}, {"carry", "0.3"}, {"save_every", "2"}, {"eval_every", "100"}, {NULL}};
    assert_ok(bl_dir_make(scratch("full"), &failure));
    scratch_write(scratch("full/ckpt"), "", 0);
    job j = {.run = "full", .size = 2, .set = often};
    run_job(&j);
    assert_int_equal(j.rank[0].steps, 6);
    assert_int_equal(j.rank[1].steps, 6);
    assert_true(j.rank[0].status != BL_OK);
    assert_int_equal(j.rank[1].status, BL_OK);
    assert_non_null(strstr(j.rank[0].warning, "a checkpoint: failed"));
    assert_string_equal(j.rank[0].fingerprint, j.rank[1].fingerprint);
}

static void too_few_micro_batches(void **state)
{
    static const pair set[] = {{"accum", "2"}, {NULL}};
    (void)state;
    job j = {.run = "few", .size = 3, .set = set};
    run_job(&j);
    for (size_t r = 0; r < 3; r++) {
        assert_int_equal(j.rank[r].status, BL_EINVAL);
        assert_non_null(strstr(j.rank[r].why.message, "`accum` 2 is too little for 3 processes"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sees_nan),
        cmocka_unit_test(one_is_asked_to_stop),
        cmocka_unit_test(one_is_asked_to_save),
        cmocka_unit_test(one_is_late),
        cmocka_unit_test(one_fails),
        cmocka_unit_test(leader_cannot_save),
        cmocka_unit_test(too_few_micro_batches),
    };
    return cmocka_run_group_tests(tests, make_data, scratch_remove);
}
