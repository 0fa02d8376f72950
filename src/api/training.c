/* Opening a training run: options, data, device and checkpoint brought together. */
#include "api/training.h"
#include "api/device.h"
#include "api/runs.h"
#include "core/alloc.h"
#include "core/buf.h"
#include "core/call.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/path.h"
#include "core/watch.h"
#include "cpu/cpu_dev.h"
#include "format/fields.h"
#include "text/roles.h"
#include "train/describing.h"
#include "train/schedule.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of this invocation that a checkpoint does not bring back. */
static int is_of_this_invocation(const char *name)
{
    static const char *const names[] = {"resume",  "stop_after", "device",
                                        "threads", "prefetch",   "recompute"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

/* The options of a resumed run: the checkpoint's, overridden by what the caller sets now. */
static void merge_options(bl_train_options *merged, const bl_train_options *saved,
                          const bl_options *given)
{
    *merged = *bl_options_train(given);
#define X(kind, field, fallback, min, max, choices, help)                                          \
    if (!bl_options_is_set(given, #field) && !is_of_this_invocation(#field))                       \
        memcpy(&merged->field, &saved->field, sizeof merged->field);
    BL_TRAIN_FIELDS(X)
#undef X
    if (bl_options_is_set(given, "tokens") && !bl_options_is_set(given, "steps"))
        merged->steps = 0; /* the caller said the same thing in tokens */
}

/* Half-lives are resolved when a model is made: 0 asks for nothing, and so do both for a model that
 * does not forget. */
static int asks_nothing(const char *name, const char *now, const bl_config *saved)
{
    return strncmp(name, "ttt_half_life_", 14) == 0 &&
           (!saved->ttt_forget || strtod(now, NULL) == 0);
}

/* A resumed run keeps the model it began with, and a run from another model's weights keeps that
 * model; a flag that says otherwise is an error.  `what` begins the message. */
static bl_status check_same_model(const bl_options *given, const bl_config *saved, const char *what,
                                  bl_error *err)
{
    bl_options *old;
    BL_TRY(bl_options_from_config(&old, saved, err));
    bl_status status = BL_OK;
    for (size_t i = 0; status == BL_OK && i < bl_options_count(BL_OPTIONS_CONFIG); i++) {
        const char *name = bl_options_field(BL_OPTIONS_CONFIG, i)->name;
        char was[64], now[64];
        if (!bl_options_is_set(given, name) || strcmp(name, "vocab_size") == 0)
            continue;
        status = bl_options_get(old, name, was, sizeof was, NULL, err);
        if (status == BL_OK)
            status = bl_options_get(given, name, now, sizeof now, NULL, err);
        if (status == BL_OK && strcmp(was, now) != 0 && !asks_nothing(name, now, saved))
            status = bl_fail(err, BL_EINVAL, "%s with `%s` %s, not %s", what, name, was, now);
    }
    bl_options_close(old);
    return status;
}

/* A training option as text, short enough for a message. */
static const char *value_of(const bl_field *field, const bl_train_options *o, char text[48])
{
    return bl_field_write(field, o, text, 48) ? text : "\"\"";
}

/* Nor can a run that has begun be given another preset or other first weights. */
static bl_status check_same_begin(const bl_options *given, const bl_train_options *saved,
                                  bl_error *err)
{
    static const char *const names[] = {"preset", "init"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const bl_field *field = bl_field_find(bl_fields(BL_OPTIONS_TRAIN), names[i]);
        bl_opt_text was, now;
        (void)bl_field_write(field, saved, was, sizeof was);
        (void)bl_field_write(field, bl_options_train(given), now, sizeof now);
        if (bl_options_is_set(given, names[i]) && strcmp(was, now) != 0)
            return bl_fail(err, BL_EINVAL, "the run was begun with `%s` %.200s, not %.200s",
                           names[i], *was ? was : "\"\"", *now ? now : "\"\"");
    }
    return BL_OK;
}

/* Reports what differs from the options that the checkpoint was made with: "lr 0.004 -> 0.001". */
static void tell_changes(const bl_train_options *saved, const bl_train_options *now)
{
    const bl_field_table *table = bl_fields(BL_OPTIONS_TRAIN);
    bl_buf text;
    bl_buf_init(&text);
    for (size_t i = 0; i < table->count; i++) {
        const bl_field *field = &table->fields[i];
        char was[48], is[48];
        if (is_of_this_invocation(field->info.name) ||
            strcmp(value_of(field, saved, was), value_of(field, now, is)) == 0)
            continue;
        bl_buf_printf(&text, "%s%s %s -> %s", text.len ? ", " : "", field->info.name, was, is);
    }
    if (text.len && bl_buf_status(&text, NULL) == BL_OK)
        bl_log(BL_LOG_INFO, "changed: %s", text.data);
    bl_buf_release(&text);
}

/* What the run folder holds decides: config and options of a run to resume, or those given. */
typedef struct run_plan {
    bl_config config;
    bl_train_options options;
    char *checkpoint;       /* NULL: from the start */
    bl_train_options saved; /* with it */
    bl_parent parent;       /* of a run that begins with its weights */
} run_plan;

void bl_trainer_take_data(bl_config *c, const bl_options *given, const bl_data_meta *meta)
{
    const struct {
        const char *name;
        size_t *field, value;
    } ids[] = {{"bos_token_id", &c->bos_token_id, meta->roles.eos},
               {"eos_token_id", &c->eos_token_id, meta->roles.eos},
               {"pad_token_id", &c->pad_token_id, meta->roles.pad}};
    c->vocab_size = (size_t)meta->vocab_size;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (!given || !bl_options_is_set(given, ids[i].name))
            *ids[i].field = ids[i].value;
}

static bl_status choose_parent(bl_config *chosen, bl_parent *parent, const char *model,
                               const bl_options *config, bl_error *err)
{
    BL_TRY(bl_parent_open(parent, model, err));
    *chosen = parent->config;
    if (!config)
        return BL_OK;
    bl_buf what;
    bl_buf_init(&what);
    bl_buf_printf(&what, "%s was trained", model);
    bl_status status = bl_buf_status(&what, err);
    if (status == BL_OK)
        status = check_same_model(config, chosen, what.data, err);
    bl_buf_release(&what);
    return status;
}

bl_status bl_trainer_choose(bl_config *chosen, bl_train_options *o, bl_parent *parent,
                            const bl_options *train, const bl_options *config, bl_error *err)
{
    *o = *bl_options_train(train);
    if (*o->init)
        return choose_parent(chosen, parent, o->init, config, err);
    if (config) {
        *chosen = *bl_options_config_const(config);
        return BL_OK;
    }
    bl_options *preset;
    char name[32];
    BL_TRY(bl_options_open(&preset, BL_OPTIONS_CONFIG, err));
    bl_status status = bl_options_get(train, "preset", name, sizeof name, NULL, err);
    if (status == BL_OK)
        status = bl_options_preset(preset, name, err);
    *chosen = *bl_options_config(preset);
    bl_options_close(preset);
    return status;
}

/* A typing error in the name of a run, or a run that did not get far, must not begin another. */
static bl_status nothing_to_resume(const char *run_dir, const char *what, bl_error *err)
{
    return bl_fail(err, BL_ENOENT,
                   "%s holds no %s to continue; `resume=auto` begins one there, with the options "
                   "given now",
                   run_dir, what);
}

/* A run that has never saved may start over, which cuts its records; one that has lost what it
 * saved may not. */
static bl_status check_never_saved(const char *run_dir, bl_error *err)
{
    char *latest = bl_path_join(run_dir, "LATEST");
    if (!latest)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    int saved = bl_path_what(latest) != BL_PATH_NONE;
    bl_free(latest);
    if (!saved)
        return BL_OK;
    return bl_fail(err, BL_EFORMAT,
                   "%s: LATEST names a checkpoint and ckpt holds none: bring it back, or train in "
                   "another folder",
                   run_dir);
}

static bl_status plan_resumed(run_plan *plan, const char *run_dir, const bl_options *train,
                              const bl_options *config, bl_error *err)
{
    char *config_path = bl_path_join(run_dir, "config.json");
    bl_status status = config_path ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    BL_TRY_GOTO(status, status, done);
    BL_TRY_GOTO(status, bl_config_load(&plan->config, config_path, err), done);
    if (config)
        BL_TRY_GOTO(status, check_same_model(config, &plan->config, "the run was begun", err),
                    done);
    plan->options = *bl_options_train(train);
    BL_TRY_GOTO(status, bl_checkpoint_recover(run_dir, err), done);
    BL_TRY_GOTO(status, bl_checkpoint_newest(&plan->checkpoint, NULL, run_dir, UINT64_MAX, err),
                done);
    if (!plan->checkpoint)
        BL_TRY_GOTO(status, check_never_saved(run_dir, err), done);
    if (plan->checkpoint) {
        bl_train_state state;
        BL_TRY_GOTO(status, bl_checkpoint_state(&state, plan->checkpoint, err), done);
        BL_TRY_GOTO(status, check_same_begin(train, &state.options, err), done);
        merge_options(&plan->options, &state.options, train);
        plan->saved = state.options;
    } else if (plan->options.resume == BL_RESUME_YES) {
        status = nothing_to_resume(run_dir, "checkpoint", err);
    } else {
        bl_log(BL_LOG_INFO, "%s holds no checkpoint yet: beginning anew", run_dir);
        if (*plan->options.init)
            status = choose_parent(&plan->config, &plan->parent, plan->options.init, config, err);
    }
done:
    bl_free(config_path);
    return status;
}

static bl_status plan_run(run_plan *plan, const char *run_dir, const bl_options *train,
                          const bl_options *config, bl_error *err)
{
    int resume = bl_options_train(train)->resume;
    if (!bl_path_has(run_dir, "config.json")) {
        if (resume)
            bl_log(BL_LOG_INFO, "%s holds no run yet: beginning one", run_dir);
        return bl_trainer_choose(&plan->config, &plan->options, &plan->parent, train, config, err);
    }
    if (resume == BL_RESUME_NO)
        return bl_fail(err, BL_EINVAL,
                       "%s holds a run already: `resume` continues it, or choose another folder",
                       run_dir);
    return plan_resumed(plan, run_dir, train, config, err);
}

/* `precision` auto is settled when a run begins.  Runs of before that was so are in float32 where
 * the CPU computes. */
static void keep_precision(run_plan *plan)
{
    bl_train_options *o = &plan->options;
    if (!plan->checkpoint)
        return;
    if (plan->saved.precision == BL_PRECISION_AUTO && bl_device_is_cpu(o->device))
        plan->saved.precision = BL_PRECISION_F32;
    if (o->precision == BL_PRECISION_AUTO)
        o->precision = plan->saved.precision;
}

/* A run that was begun elsewhere keeps its precision, and so its curve, but not its speed. */
static void tell_slow(const bl_train_options *o)
{
    const char *by;
    if (o->precision != BL_PRECISION_BF16 || !bl_device_is_cpu(o->device))
        return;
    double gain = bl_cpu_bf16_gain(&by);
    if (gain == 0)
        bl_log(BL_LOG_WARNING, "this processor has no products of bfloat16: `precision` bf16 makes "
                               "them of rounded float32, slower than f32");
    else if (gain < 1)
        bl_log(BL_LOG_WARNING,
               "products of bfloat16 (%s) are %.1f times as fast as those of float32 "
               "on this processor: `precision` bf16 is slower than f32",
               by, gain);
}

/* *made: the folder was not there before. */
static bl_status lock_run(bl_lock **lock, int *made, const char *run_dir, bl_error *err)
{
    *lock = NULL;
    if (!*run_dir)
        return bl_fail(err, BL_EINVAL, "a run needs a folder");
    *made = bl_path_what(run_dir) == BL_PATH_NONE;
    BL_TRY(bl_dir_make(run_dir, err));
    char *path = bl_path_join(run_dir, ".lock");
    bl_status status =
        path ? bl_lock_open(lock, path, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_EBUSY)
        (void)bl_fail(err, status,
                      "%s: another process is training this run; wait or stop it first", run_dir);
    bl_free(path);
    return status;
}

/* A folder made for a run that was refused goes again, if nobody has put anything into it. */
static void unmake_run(bl_lock *lock, const char *run_dir)
{
    char *path = lock ? bl_path_join(run_dir, ".lock") : NULL;
    bl_error why;
    bl_status gone = path ? bl_file_remove(path, &why) : BL_OK; /* while it is ours */
    if (gone == BL_OK)
        gone = bl_dir_remove_empty(run_dir, &why);
    (void)gone; /* what is left is not ours, or harmless */
    bl_free(path);
}

/* What a run is opened over: data folders, or batches of a program in the ids of a tokenizer. */
typedef struct run_source {
    const bl_corpus *corpora;
    size_t count;
    int given;                 /* the second */
    const char *tokenizer_dir; /* NULL: that of the run or the model it begins with, or none */
    char *found;               /* the same when it is one of these; freed with this */
} run_source;

/* A run goes on with the tokenizer that it has, and with that of its model. */
static bl_status find_tokenizer(run_source *from, const run_plan *plan, const char *run_dir,
                                bl_error *err)
{
    const bl_parent *parent = &plan->parent;
    char hash[BL_HASH_TEXT];
    if (!from->tokenizer_dir) {
        const char *dir = plan->checkpoint && bl_path_has(run_dir, "tokenizer.json")
                              ? run_dir
                              : parent->tokenizer_dir;
        from->found = dir ? bl_strdup(dir) : NULL;
        from->tokenizer_dir = from->found;
        return dir && !from->found ? bl_fail(err, BL_ENOMEM, "out of memory") : BL_OK;
    }
    if (!parent->tokenizer_dir)
        return BL_OK;
    char *path = bl_path_join(from->tokenizer_dir, "tokenizer.json");
    bl_status status =
        path ? bl_file_hash(path, hash, err) : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && strcmp(hash, parent->tokenizer_hash) != 0)
        status = bl_fail(err, BL_EINVAL, "%s was trained with another tokenizer than %s",
                         parent->path, path);
    bl_free(path);
    return status;
}

/* Its vocabulary and its special tokens. */
static bl_status take_tokenizer(bl_config *c, const bl_options *given, const char *dir,
                                bl_error *err)
{
    bl_tokenizer *t;
    bl_data_meta meta = {0};
    BL_TRY(bl_tokenizer_open(&t, dir, err));
    meta.vocab_size = bl_tokenizer_vocab_size(t);
    bl_status status = bl_token_roles_find(&meta.roles, t, dir, "", err);
    bl_tokenizer_close(t);
    BL_TRY(status);
    bl_trainer_take_data(c, given, &meta);
    return BL_OK;
}

/* The vocabulary of the run is that of its data or tokenizer. */
static bl_status settle_vocabulary(run_plan *plan, run_source *from, const bl_corpora *data,
                                   const char *run_dir, const bl_options *config, bl_error *err)
{
    if (from->given) {
        BL_TRY(find_tokenizer(from, plan, run_dir, err));
        if (from->tokenizer_dir && !plan->checkpoint && !plan->parent.weights)
            BL_TRY(take_tokenizer(&plan->config, config, from->tokenizer_dir, err));
        return BL_OK;
    }
    const bl_data_meta *meta = &data->data[0]->meta;
    if (plan->parent.weights)
        BL_TRY(bl_parent_check_data(&plan->parent, data->dir[0], meta, err));
    if (!plan->checkpoint)
        bl_trainer_take_data(&plan->config, config, meta);
    if (plan->config.vocab_size != meta->vocab_size)
        return bl_fail(err, BL_EINVAL, "%s: vocabulary of %zu, but the run has %zu", data->dir[0],
                       (size_t)meta->vocab_size, plan->config.vocab_size);
    return BL_OK;
}

/* Config and options that can be computed, and where. */
static bl_status settle_options(run_plan *plan, bl_dev **dev, bl_error *err)
{
    BL_TRY(bl_config_check(&plan->config, NULL, err));
    if (!plan->checkpoint)
        bl_config_half_lives(&plan->config, plan->options.context);
    BL_TRY(bl_train_resolve(&plan->options, &plan->config, err));
    keep_precision(plan);
    if (plan->checkpoint)
        tell_changes(&plan->saved, &plan->options);
    const bl_device_request request =
        bl_device_of_training(&plan->options, plan->config.quantization == BL_QUANT_TERNARY);
    BL_TRY(bl_device_open(dev, &request, err));
    plan->options.precision = bl_device_precision(*dev, &request);
    tell_slow(&plan->options);
    return BL_OK;
}

static bl_status open_run(bl_trainer **t, run_source *from, const char *run_dir,
                          const bl_options *train, const bl_options *config, run_plan *plan,
                          bl_error *err)
{
    bl_corpora *data = NULL;
    bl_lock *lock = NULL;
    bl_dev *dev = NULL;
    const char *describing;
    int made = 0;
    bl_status status = BL_OK;
    if (bl_options_train(train)->resume == BL_RESUME_YES &&
        (!run_dir || !bl_path_has(run_dir, "config.json"))) /* before a folder is made */
        return nothing_to_resume(run_dir ? run_dir : "memory", "run", err);
    BL_TRY_GOTO(status,
                from->given ? bl_corpora_none(&data, err)
                            : bl_corpora_open(&data, from->corpora, from->count, err),
                fail);
    BL_TRY_GOTO(status, bl_describing_folder(&describing, data, err), fail); /* they go together */
    if (run_dir)
        BL_TRY_GOTO(status, lock_run(&lock, &made, run_dir, err), fail);
    BL_TRY_GOTO(status,
                run_dir ? plan_run(plan, run_dir, train, config, err)
                        : bl_trainer_choose(&plan->config, &plan->options, &plan->parent, train,
                                            config, err),
                fail);
    BL_TRY_GOTO(status, settle_vocabulary(plan, from, data, run_dir, config, err), fail);
    BL_TRY_GOTO(status, settle_options(plan, &dev, err), fail);
    const bl_train_begin begin = {.checkpoint = plan->checkpoint,
                                  .weights = plan->parent.weights,
                                  .path = plan->parent.path,
                                  .tokenizer_dir = from->tokenizer_dir};
    BL_TRY(bl_trainer_open_on(t, dev, data, run_dir ? run_dir : "", lock, &plan->config,
                              &plan->options, &begin, err));
    for (size_t i = 0; i < from->count; i++)
        bl_runs_note(from->corpora[i].dir, run_dir);
    return BL_OK;
fail:
    if (made)
        unmake_run(lock, run_dir);
    bl_lock_close(lock);
    bl_corpora_close(data);
    return status;
}

static bl_status open_from(bl_trainer **t, run_source *from, const char *run_dir,
                           const bl_options *train, const bl_options *config, bl_error *err)
{
    bl_call call;
    bl_watch watch;
    run_plan plan = {.checkpoint = NULL};
    bl_options *defaults = NULL;
    bl_call_begin(&call, err);
    bl_watch_begin(&watch, "checking", "%", 100);
    bl_status status = train ? BL_OK : bl_options_open(&defaults, BL_OPTIONS_TRAIN, err);
    if (status == BL_OK)
        status = open_run(t, from, run_dir, train ? train : defaults, config, &plan, err);
    bl_watch_end(&watch);
    bl_options_close(defaults);
    bl_free(plan.checkpoint);
    bl_free(from->found);
    bl_parent_close(&plan.parent);
    return bl_call_end(&call, status, err);
}

bl_status bl_trainer_open_corpora(bl_trainer **t, const bl_corpus *corpora, size_t count,
                                  const char *run_dir, const bl_options *train,
                                  const bl_options *config, bl_error *err)
{
    run_source from = {.corpora = corpora, .count = count};
    BL_NOT_NULL(err, t);
    *t = NULL;
    BL_NOT_NULL_IF(err, count, corpora);
    for (size_t i = 0; i < count; i++)
        BL_NOT_NULL(err, corpora[i].dir);
    BL_NOT_NULL(err, run_dir);
    BL_TRY(bl_options_expect(train, BL_OPTIONS_TRAIN, __func__, err));
    BL_TRY(bl_options_expect(config, BL_OPTIONS_CONFIG, __func__, err));
    return open_from(t, &from, run_dir, train, config, err);
}

bl_status bl_trainer_open_given(bl_trainer **t, const char *tokenizer_dir, const char *run_dir,
                                const bl_options *train, const bl_options *config, bl_error *err)
{
    run_source from = {.given = 1, .tokenizer_dir = tokenizer_dir};
    BL_NOT_NULL(err, t);
    *t = NULL;
    BL_TRY(bl_options_expect(train, BL_OPTIONS_TRAIN, __func__, err));
    BL_TRY(bl_options_expect(config, BL_OPTIONS_CONFIG, __func__, err));
    return open_from(t, &from, run_dir, train, config, err);
}

bl_status bl_trainer_open(bl_trainer **t, const char *data_dir, const char *run_dir,
                          const bl_options *train, const bl_options *config, bl_error *err)
{
    const bl_corpus corpus = {.dir = data_dir};
    if (t)
        *t = NULL;
    BL_NOT_NULL(err, data_dir);
    return bl_trainer_open_corpora(t, &corpus, 1, run_dir, train, config, err);
}
