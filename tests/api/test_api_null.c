/* Every pointer of every public function as NULL, and option sets of another kind: refused by name,
 * or fine where the header says so.  null.sh checks that no pointer of the header is left out. */
#include "null.h"

#include <math.h>

static void options_and_log(void **state)
{
    (void)state;
    char value[64];
    size_t n = 9;
    NOTHING(bl_log_to, fn, NULL, NULL);
    NOTHING(bl_log_thread_to, fn, NULL, NULL);
    REFUSED(bl_options_open, o, NULL, BL_OPTIONS_TRAIN, e);
    NOTHING(bl_options_close, o, NULL);
    REFUSED(bl_options_set, o, NULL, "lr", "1e-3", e);
    REFUSED(bl_options_set, name, sets[BL_OPTIONS_TRAIN], NULL, "1e-3", e);
    REFUSED(bl_options_set, value, sets[BL_OPTIONS_TRAIN], "lr", NULL, e);
    REFUSED(bl_options_get, o, NULL, "lr", value, sizeof value, &n, e);
    REFUSED(bl_options_get, name, sets[BL_OPTIONS_TRAIN], NULL, value, sizeof value, &n, e);
    REFUSED(bl_options_get, buffer, sets[BL_OPTIONS_TRAIN], "lr", NULL, 10, &n, e);
    FINE(bl_options_get, buffer, sets[BL_OPTIONS_TRAIN], "lr", NULL, 0, &n, e);
    assert_int_equal(n, strlen("0"));
    FINE(bl_options_get, bytes, sets[BL_OPTIONS_TRAIN], "lr", value, sizeof value, NULL, e);
    GIVES(bl_options_is_set, o, bl_options_is_set(NULL, "lr") == 0);
    GIVES(bl_options_is_set, name, bl_options_is_set(sets[BL_OPTIONS_TRAIN], NULL) == 0);
    REFUSED(bl_options_preset, config, NULL, "tiny", e);
    REFUSED(bl_options_preset, preset, sets[BL_OPTIONS_CONFIG], NULL, e);
    REFUSED(bl_options_load, config, NULL, "config.json", e);
    REFUSED(bl_options_load, path, sets[BL_OPTIONS_CONFIG], NULL, e);
    size_t taken = 9;
    GIVES(bl_text_shown, text, bl_text_shown(NULL, 3, 0, value, sizeof value, &taken) == 0);
    assert_int_equal(taken, 0);
    GIVES(bl_text_shown, shown, bl_text_shown("abc", 3, 0, NULL, sizeof value, &taken) == 0);
    GIVES(bl_text_shown, taken, bl_text_shown("abc", 3, 0, value, sizeof value, NULL) == 3);
    NOTHING(bl_progress_to, fn, NULL, NULL);
    assert_null(bl_options_field((bl_options_kind)77, 0));
    assert_int_equal(bl_options_count((bl_options_kind)77), 0);
    assert_string_equal(bl_status_name((bl_status)12345), "unknown status");
    assert_int_equal(bl_status_exit_code((bl_status)12345), 1);
    assert_non_null(bl_version());
}

static void files_and_advice(void **state)
{
    (void)state;
    bl_out *o = (bl_out *)1;
    bl_advice advice = {.size = sizeof advice, .tokens = 9};
    REFUSED(bl_out_open, out, NULL, none, e);
    REFUSED(bl_out_open, path, &o, NULL, e);
    assert_null(o);
    NOTHING(bl_out_write, out, NULL, "a", 1);
    REFUSED(bl_out_check, out, NULL, e);
    REFUSED(bl_out_commit, out, NULL, e);
    NOTHING(bl_out_abandon, out, NULL);
    assert_ok(bl_out_open(&o, api_path("given"), &api_error));
    NOTHING(bl_out_write, bytes, o, NULL, 0);
    FINE(bl_out_check, err, o, e);
    NOTHING(bl_out_write, bytes, o, NULL, 1);
    assert_int_equal(bl_out_commit(o, &api_error), BL_EIO);
    assert_int_equal(access(api_path("given"), F_OK), -1);
    bl_files *files = (bl_files *)1;
    const bl_buffer one = {"config.json", "{}", 2};
    REFUSED(bl_files_open, f, NULL, &one, 1, e);
    REFUSED(bl_files_open, files, &files, NULL, 1, e);
    assert_null(files);
    GIVES(bl_files_open, files, bl_files_open(&files, NULL, 0, NULL) == BL_OK);
    GIVES(bl_files_path, f, bl_files_path(NULL) == NULL);
    NOTHING(bl_files_close, f, NULL);
    bl_buffer file;
    GIVES(bl_files_at, f, bl_files_at(NULL, 0, &file) == 0 && !file.name);
    GIVES(bl_files_at, file, bl_files_at(files, 0, NULL) == 0);
    bl_files_close(files);
    REFUSED(bl_advise, data_dir, NULL, &advice, e);
    assert_int_equal(advice.tokens, 0);
    REFUSED(bl_advise, advice, data, NULL, e);
    FINE(bl_advise, err, data, &advice, e);
}

static void tokenizers(void **state)
{
    (void)state;
    bl_tokenizer *opened = (bl_tokenizer *)1;
    bl_encoder *encoder = (bl_encoder *)1;
    int32_t ids[8] = {5, 6, 7};
    bl_offset offsets[8];
    size_t n = 99;
    char text[64];
    const bl_span texts[] = {{"a", 1}, {NULL, 0}, {NULL, 3}};
    REFUSED(bl_tokenizer_open, t, NULL, data, e);
    REFUSED(bl_tokenizer_open, path, &opened, NULL, e);
    assert_null(opened);
    NOTHING(bl_tokenizer_close, t, NULL);
    GIVES(bl_tokenizer_prefix_space, t, bl_tokenizer_prefix_space(NULL) == 0);
    GIVES(bl_tokenizer_vocab_size, t, bl_tokenizer_vocab_size(NULL) == 0);
    REFUSED(bl_tokenizer_encode, t, NULL, "ab", 2, 0, ids, 8, &n, e);
    assert_int_equal(n, 0);
    REFUSED(bl_tokenizer_encode, text, tok, NULL, 2, 0, ids, 8, &n, e);
    REFUSED(bl_tokenizer_encode, ids, tok, "ab", 2, 0, NULL, 8, &n, e);
    REFUSED(bl_tokenizer_encode, count, tok, "ab", 2, 0, ids, 8, NULL, e);
    FINE(bl_tokenizer_encode, text, tok, NULL, 0, 0, ids, 8, &n, e);
    FINE(bl_tokenizer_encode, ids, tok, "ab", 2, 0, NULL, 0, &n, e);
    assert_true(n > 0);
    REFUSED(bl_tokenizer_encode_offsets, t, NULL, "ab", 2, 0, ids, offsets, 8, &n, e);
    REFUSED(bl_tokenizer_encode_offsets, text, tok, NULL, 2, 0, ids, offsets, 8, &n, e);
    REFUSED(bl_tokenizer_encode_offsets, ids, tok, "ab", 2, 0, NULL, offsets, 8, &n, e);
    REFUSED(bl_tokenizer_encode_offsets, count, tok, "ab", 2, 0, ids, offsets, 8, NULL, e);
    FINE(bl_tokenizer_encode_offsets, offsets, tok, "ab", 2, 0, ids, NULL, 8, &n, e);
    REFUSED(bl_encoder_open, e, NULL, tok, 1, e);
    REFUSED(bl_encoder_open, t, &encoder, NULL, 1, e);
    assert_null(encoder);
    NOTHING(bl_encoder_close, e, NULL);
    REFUSED(bl_encoder_run, e, NULL, texts, 2, 0, e);
    FINE(bl_encoder_run, texts, enc, NULL, 0, 0, e);
    REFUSED(bl_encoder_run, texts, enc, NULL, 1, 0, e);
    FINE(bl_encoder_run, texts, enc, texts, 2, BL_ENCODE_OFFSETS, e);
    REFUSED(bl_encoder_run, texts[i].text, enc, texts, 3, 0, e);
    n = 99;
    GIVES(bl_encoder_ids, e, bl_encoder_ids(NULL, 0, &n) == NULL && n == 0);
    GIVES(bl_encoder_ids, count, bl_encoder_ids(enc, 0, NULL) != NULL);
    n = 99;
    GIVES(bl_encoder_offsets, e, bl_encoder_offsets(NULL, 0, &n) == NULL && n == 0);
    GIVES(bl_encoder_offsets, count, bl_encoder_offsets(enc, 0, NULL) != NULL);
    REFUSED(bl_tokenizer_decode, t, NULL, ids, 3, 0, text, sizeof text, &n, e);
    REFUSED(bl_tokenizer_decode, ids, tok, NULL, 3, 0, text, sizeof text, &n, e);
    REFUSED(bl_tokenizer_decode, text, tok, ids, 3, 0, NULL, sizeof text, &n, e);
    REFUSED(bl_tokenizer_decode, bytes, tok, ids, 3, 0, text, sizeof text, NULL, e);
    FINE(bl_tokenizer_decode, text, tok, ids, 3, 0, NULL, 0, &n, e);
    FINE(bl_tokenizer_decode, ids, tok, NULL, 0, 0, text, sizeof text, &n, e);
    GIVES(bl_tokenizer_id, t, bl_tokenizer_id(NULL, "a") == -1);
    GIVES(bl_tokenizer_id, token, bl_tokenizer_id(tok, NULL) == -1);
    n = 99;
    GIVES(bl_tokenizer_bytes, t, bl_tokenizer_bytes(NULL, 3, &n) == NULL && n == 0);
    GIVES(bl_tokenizer_bytes, bytes, bl_tokenizer_bytes(tok, 3, NULL) != NULL);
    GIVES(bl_tokenizer_find, t, bl_tokenizer_find(NULL, "a", 1) == -1);
    GIVES(bl_tokenizer_find, text, bl_tokenizer_find(tok, NULL, 1) == -1);
    GIVES(bl_tokenizer_is_special, t, bl_tokenizer_is_special(NULL, 0) == 0);
}

static void templates(void **state)
{
    (void)state;
    static const char hi[] = "[{\"role\": \"user\", \"content\": \"Hi\"}]";
    char folder[300], text[64];
    bl_template *t;
    int32_t ids[64];
    unsigned char answers[64];
    size_t n;
    (void)snprintf(folder, sizeof folder, "%s", api_path("template.jinja"));
    FILE *f = fopen(folder, "w");
    assert_non_null(f);
    assert_true(fputs("{% for m in messages %}[{{ m.content }}]{% endfor %}", f) >= 0);
    assert_int_equal(fclose(f), 0);
    REFUSED(bl_template_open, t, NULL, folder, NULL, e);
    REFUSED(bl_template_open, path, &t, NULL, NULL, e);
    assert_null(t);
    NOTHING(bl_template_close, t, NULL);
    GIVES(bl_template_open, name, bl_template_open(&t, folder, NULL, NULL) == BL_OK);
    REFUSED(bl_template_render, t, NULL, hi, sizeof hi - 1, 0, text, sizeof text, &n, e);
    REFUSED(bl_template_render, json, t, NULL, 1, 0, text, sizeof text, &n, e);
    REFUSED(bl_template_render, text, t, hi, sizeof hi - 1, 0, NULL, 1, &n, e);
    FINE(bl_template_render, text, t, hi, sizeof hi - 1, 0, NULL, 0, &n, e);
    REFUSED(bl_template_render, bytes, t, hi, sizeof hi - 1, 0, text, sizeof text, NULL, e);
    REFUSED(bl_template_encode, t, NULL, tok, hi, sizeof hi - 1, 0, 0, ids, answers, 64, &n, e);
    REFUSED(bl_template_encode, tokenizer, t, NULL, hi, sizeof hi - 1, 0, 0, ids, answers, 64, &n,
            e);
    REFUSED(bl_template_encode, json, t, tok, NULL, 1, 0, 0, ids, answers, 64, &n, e);
    REFUSED(bl_template_encode, ids, t, tok, hi, sizeof hi - 1, 0, 0, NULL, answers, 1, &n, e);
    FINE(bl_template_encode, answers, t, tok, hi, sizeof hi - 1, 0, 0, ids, NULL, 64, &n, e);
    REFUSED(bl_template_encode, count, t, tok, hi, sizeof hi - 1, 0, 0, ids, answers, 64, NULL, e);
    REFUSED(bl_template_turn, t, NULL, tok, NULL, "a", 1, 1, ids, 64, &n, e);
    REFUSED(bl_template_turn, tokenizer, t, NULL, NULL, "a", 1, 1, ids, 64, &n, e);
    FINE(bl_template_turn, system, t, tok, NULL, "a", 1, 1, ids, 64, &n, e);
    REFUSED(bl_template_turn, user, t, tok, NULL, NULL, 1, 1, ids, 64, &n, e);
    REFUSED(bl_template_turn, ids, t, tok, NULL, "a", 1, 1, NULL, 1, &n, e);
    REFUSED(bl_template_turn, count, t, tok, NULL, "a", 1, 1, ids, 64, NULL, e);
    REFUSED(bl_template_ends, t, NULL, tok, ids, 64, &n, e);
    REFUSED(bl_template_ends, tokenizer, t, NULL, ids, 64, &n, e);
    REFUSED(bl_template_ends, ids, t, tok, NULL, 1, &n, e);
    REFUSED(bl_template_ends, count, t, tok, ids, 64, NULL, e);
    bl_template_close(t);
}

static void hub_prepare_and_plans(void **state)
{
    (void)state;
    char path[512] = "x";
    size_t n = 9;
    const char *const sources[] = {"tales", NULL};
    bl_prepare_result prepared = {.size = sizeof prepared, .tokens = 9};
    bl_plan_result plan = {.size = sizeof plan, .total = 9};
    REFUSED(bl_hub_fetch, repo, BL_HUB_MODEL, NULL, NULL, "f", path, sizeof path, &n, NULL, NULL,
            e);
    assert_string_equal(path, "");
    REFUSED(bl_hub_fetch, file, BL_HUB_MODEL, "a/b", NULL, NULL, path, sizeof path, &n, NULL, NULL,
            e);
    REFUSED(bl_hub_fetch, path, BL_HUB_MODEL, "a/b", NULL, "f", NULL, sizeof path, &n, NULL, NULL,
            e);
    REFUSED(bl_hub_fetch, kind, (bl_hub_kind)7, "a/b", NULL, "f", path, sizeof path, &n, NULL, NULL,
            e);
    GIVES(bl_hub_fetch, revision,
          bl_hub_fetch(BL_HUB_MODEL, "a/b", NULL, "f", path, sizeof path, &n, NULL, NULL, &err) !=
              BL_EINVAL);
    GIVES(bl_hub_fetch, bytes,
          bl_hub_fetch(BL_HUB_MODEL, "a/b", NULL, "f", path, sizeof path, NULL, NULL, NULL, &err) !=
              BL_EINVAL);
    GIVES(bl_hub_fetch, progress, err.code != BL_EINVAL && err.message[0]);
    bl_pull_result pulled = {.size = sizeof pulled, .files = 9};
    REFUSED(bl_hub_pull, name, NULL, NULL, path, sizeof path, &n, NULL, NULL, &pulled, e);
    REFUSED(bl_hub_pull, path, data, NULL, NULL, sizeof path, &n, NULL, NULL, &pulled, e);
    FINE(bl_hub_pull, options, data, NULL, path, sizeof path, &n, NULL, NULL, &pulled, e);
    assert_string_equal(path, data);
    assert_int_equal(n, strlen(data));
    assert_int_equal(pulled.files, 0);
    FINE(bl_hub_pull, bytes, data, NULL, path, sizeof path, NULL, NULL, NULL, &pulled, e);
    FINE(bl_hub_pull, progress, data, NULL, path, sizeof path, &n, NULL, NULL, &pulled, e);
    FINE(bl_hub_pull, result, data, NULL, path, sizeof path, &n, NULL, NULL, NULL, e);
    bl_push_result pushed = {.size = sizeof pushed, .files = 9};
    REFUSED(bl_hub_push, folder, NULL, "a/b", NULL, NULL, NULL, NULL, NULL, &pushed, e);
    REFUSED(bl_hub_push, repo, data, NULL, NULL, NULL, NULL, NULL, NULL, &pushed, e);
    GIVES(bl_hub_push, options, /* it is not a model's folder */
          bl_hub_push(data, "a/b", NULL, NULL, NULL, NULL, NULL, &pushed, &err) == BL_EFORMAT);
    GIVES(bl_hub_push, fn, err.code == BL_EFORMAT);
    GIVES(bl_hub_push, fn_user, err.code == BL_EFORMAT);
    GIVES(bl_hub_push, progress, err.code == BL_EFORMAT);
    GIVES(bl_hub_push, result,
          bl_hub_push(data, "a/b", NULL, NULL, NULL, NULL, NULL, NULL, &err) == BL_EFORMAT);
    assert_int_equal(pushed.files, 0);
    REFUSED(bl_prepare, sources, NULL, 1, none, NULL, NULL, NULL, &prepared, e);
    assert_int_equal(prepared.tokens, 0);
    REFUSED(bl_prepare, sources, sources, 2, none, NULL, NULL, NULL, &prepared, e);
    REFUSED(bl_prepare, out_dir, sources, 1, NULL, NULL, NULL, NULL, &prepared, e);
    bl_options *o = sets[BL_OPTIONS_PREPARE];
    assert_ok(bl_options_set(o, "tales_bytes", "3000", &api_error));
    assert_ok(bl_options_set(o, "tokenizer", data, &api_error));
    FINE(bl_prepare, progress, sources, 1, api_path("more"), o, NULL, NULL, &prepared, e);
    FINE(bl_prepare, result, sources, 1, api_path("more"), o, NULL, NULL, NULL, e);
    FILE *text = fopen(api_path("text.txt"), "w"); /* without options: all of it */
    assert_non_null(text);
    for (int i = 0; i < 400; i++)
        (void)fprintf(text, "The cat number %d sat on the mat.\n\n", i);
    assert_int_equal(fclose(text), 0);
    const char *one = api_path("text.txt");
    FINE(bl_prepare, options, &one, 1, api_path("plain_data"), NULL, NULL, NULL, &prepared, e);
    FINE(bl_plan, data_dir, NULL, sets[BL_OPTIONS_TRAIN], sets[BL_OPTIONS_CONFIG], &plan, e);
    FINE(bl_plan, train, data, NULL, sets[BL_OPTIONS_CONFIG], &plan, e);
    FINE(bl_plan, config, data, sets[BL_OPTIONS_TRAIN], NULL, &plan, e);
    REFUSED(bl_plan, result, data, NULL, NULL, NULL, e);
    assert_int_equal(bl_plan(none, NULL, NULL, &plan, NULL), BL_ENOENT);
    assert_int_equal(plan.total, 0);
    plan.total = 9;
    REFUSED(bl_plan_model, path, NULL, NULL, &plan, e);
    assert_int_equal(plan.total, 0);
    FINE(bl_plan_model, device, run, NULL, &plan, e);
    REFUSED(bl_plan_model, result, run, NULL, NULL, e);
    REFUSED(bl_devices, fn, NULL, NULL, e);
    REFUSED(bl_machine, fn, NULL, NULL, e);
}

static int enough_steps(void *user, double seconds)
{
    (void)user;
    return seconds >= 0;
}

static bl_options *small_options(bl_options_kind kind, const char *const pairs[][2], size_t count)
{
    bl_options *o;
    assert_ok(bl_options_open(&o, kind, &api_error));
    for (size_t i = 0; i < count; i++)
        assert_ok(bl_options_set(o, pairs[i][0], pairs[i][1], &api_error));
    return o;
}

static void measuring(void **state)
{
    (void)state;
    static const char *const shape[][2] = {{"vocab_size", "64"},
                                           {"hidden_size", "32"},
                                           {"intermediate_size", "40"},
                                           {"num_hidden_layers", "1"},
                                           {"num_attention_heads", "2"}};
    static const char *const steps[][2] = {{"preset", "tiny"}, {"batch", "1"}, {"context", "16"}};
    bl_options *config = small_options(BL_OPTIONS_CONFIG, shape, sizeof shape / sizeof *shape);
    bl_options *train = small_options(BL_OPTIONS_TRAIN, steps, sizeof steps / sizeof *steps);
    bl_model *made = (bl_model *)1;
    REFUSED(bl_machine_limits, fn, 0, NULL, NULL, e);
    REFUSED(bl_time_steps, fn, train, config, NULL, NULL, e);
    FINE(bl_time_steps, train, NULL, config, enough_steps, NULL, e);
    FINE(bl_time_steps, config, train, NULL, enough_steps, NULL, e);
    FINE(bl_ops_counted, fn, NULL, NULL, e);
    REFUSED(bl_model_random, m, NULL, config, NULL, e);
    REFUSED(bl_model_random, config, &made, NULL, NULL, e);
    assert_null(made);
    GIVES(bl_model_random, device, bl_model_random(&made, config, NULL, NULL) == BL_OK);
    assert_int_equal(bl_export(made, none, "f32", 0, NULL), BL_EUNSUPPORTED);
    bl_model_close(made);
    bl_options_close(config);
    bl_options_close(train);
}

static void trainer_steps(bl_trainer *t)
{
    char path[300];
    size_t n = 9;
    bl_step_result made = {.size = sizeof made};
    bl_eval_result found = {.size = sizeof found};
    REFUSED(bl_trainer_step, t, NULL, 1, &made, e);
    REFUSED(bl_trainer_step, result, t, 1, NULL, e);
    const int32_t ids[] = {1, 2, 3};
    unsigned char mask[] = {1, 1};
    REFUSED(bl_trainer_step_on, t, NULL, ids, mask, 1, 2, &made, e);
    REFUSED(bl_trainer_step_on, ids, t, NULL, mask, 1, 2, &made, e);
    REFUSED(bl_trainer_step_on, result, t, ids, mask, 1, 2, NULL, e);
    bl_trainer *own;
    bl_options *some = api_small_training("9"), *config = api_small_config();
    REFUSED(bl_trainer_open_given, t, NULL, data, NULL, some, config, e);
    GIVES(bl_trainer_open_given, run_dir,
          bl_trainer_open_given(&own, data, NULL, some, config, NULL) == BL_OK);
    FINE(bl_trainer_step_on, mask, own, ids, NULL, 1, 2, &made, e);
    bl_trainer_close(own);
    GIVES(bl_trainer_open_given, tokenizer_dir,
          bl_trainer_open_given(&own, NULL, NULL, some, config, NULL) == BL_OK);
    bl_trainer_close(own);
    GIVES(bl_trainer_open_given, config,
          bl_trainer_open_given(&own, data, NULL, some, NULL, NULL) == BL_OK);
    bl_trainer_close(own);
    GIVES(bl_trainer_open_given, train,
          bl_trainer_open_given(&own, data, NULL, NULL, config, NULL) == BL_OK);
    bl_trainer_close(own);
    bl_options_close(some);
    bl_options_close(config);
    REFUSED(bl_trainer_eval, t, NULL, &found, e);
    REFUSED(bl_trainer_eval, result, t, NULL, e);
    REFUSED(bl_trainer_checkpoint, t, NULL, path, sizeof path, &n, e);
    assert_int_equal(n, 0);
    assert_string_equal(path, "");
    REFUSED(bl_trainer_checkpoint, path, t, NULL, 1, &n, e);
    FINE(bl_trainer_checkpoint, path, t, NULL, 0, &n, e);
    assert_true(n > 0);
    FINE(bl_trainer_checkpoint, bytes, t, path, sizeof path, NULL, e);
    assert_int_equal(strlen(path), n);
    bl_model *live = (bl_model *)1;
    REFUSED(bl_trainer_model, m, NULL, t, NULL, e);
    REFUSED(bl_trainer_model, t, &live, NULL, NULL, e);
    assert_null(live);
    GIVES(bl_trainer_model, device, bl_trainer_model(&live, t, NULL, NULL) == BL_OK);
    bl_model_close(live);
    NOTHING(bl_trainer_events_to, t, NULL, NULL, NULL);
    NOTHING(bl_trainer_events_to, fn, t, NULL, NULL);
}

/* Through one function or the other. */
static int opens(const bl_corpus *corpus, int as_list, const char *folder, const bl_options *train,
                 const bl_options *config)
{
    bl_trainer *t;
    bl_status status =
        as_list ? bl_trainer_open_corpora(&t, corpus, 1, api_path(folder), train, config, NULL)
                : bl_trainer_open(&t, corpus->dir, api_path(folder), train, config, NULL);
    bl_trainer_close(t);
    return status == BL_OK;
}

static void trainers(void **state)
{
    (void)state;
    bl_trainer *t = (bl_trainer *)1;
    const bl_corpus here = {.dir = data}, nowhere = {.dir = NULL};
    bl_options *train = api_small_training("4"), *config = api_small_config();
    REFUSED(bl_trainer_open, t, NULL, data, none, train, config, e);
    REFUSED(bl_trainer_open, data_dir, &t, NULL, none, train, config, e);
    assert_null(t);
    REFUSED(bl_trainer_open, run_dir, &t, data, NULL, train, config, e);
    REFUSED(bl_trainer_open_corpora, t, NULL, &here, 1, none, train, config, e);
    REFUSED(bl_trainer_open_corpora, corpora, &t, NULL, 1, none, train, config, e);
    REFUSED(bl_trainer_open_corpora, corpora[i].dir, &t, &nowhere, 1, none, train, config, e);
    REFUSED(bl_trainer_open_corpora, run_dir, &t, &here, 1, NULL, train, config, e);
    assert_int_equal(bl_trainer_open_corpora(&t, NULL, 0, none, train, config, NULL), BL_EINVAL);

    /* Without options: the preset's, which the open run then has. */
    GIVES(bl_trainer_open, train, opens(&here, 0, "plain", NULL, config));
    GIVES(bl_trainer_open_corpora, train, opens(&here, 1, "plain2", NULL, config));
    assert_ok(bl_options_set(train, "resume", "true", &api_error));
    GIVES(bl_trainer_open, config, opens(&here, 0, "run", train, NULL));
    GIVES(bl_trainer_open_corpora, config, opens(&here, 1, "run", train, NULL));
    REFUSED(bl_trainer_run, t, NULL, NULL, NULL, e);
    NOTHING(bl_trainer_stop, t, NULL);
    NOTHING(bl_trainer_save, t, NULL);
    NOTHING(bl_trainer_close, t, NULL);
    assert_ok(bl_trainer_open(&t, data, run, train, config, &api_error));
    FINE(bl_trainer_run, fn, t, NULL, NULL, e);
    trainer_steps(t);
    bl_trainer_close(t);
    bl_options_close(train);
    bl_options_close(config);
}

static int opens_model(void)
{
    bl_model *model;
    bl_session *session;
    int opened = bl_model_open(&model, run, NULL, NULL) == BL_OK;
    GIVES(bl_session_open, device, bl_session_open(&session, model, NULL, NULL) == BL_OK);
    bl_session_close(session);
    bl_model_close(model);
    return opened;
}

static void models(void **state)
{
    (void)state;
    bl_model *opened = (bl_model *)1;
    char hex[33] = "x";
    REFUSED(bl_model_open, m, NULL, run, NULL, e);
    REFUSED(bl_model_open, path, &opened, NULL, NULL, e);
    assert_null(opened);
    GIVES(bl_model_open, device, opens_model());
    NOTHING(bl_model_close, m, NULL);
    GIVES(bl_model_path, m, bl_model_path(NULL) == NULL);
    GIVES(bl_model_config, m, bl_model_config(NULL) == NULL);
    GIVES(bl_model_tokenizer, m, bl_model_tokenizer(NULL) == NULL);
    GIVES(bl_model_parameters, m, bl_model_parameters(NULL) == 0);
    bl_model_info info = {.size = sizeof info, .layers = 9};
    REFUSED(bl_model_describe, m, NULL, &info, e);
    assert_int_equal(info.layers, 0);
    REFUSED(bl_model_describe, info, m, NULL, e);
    FINE(bl_model_describe, err, m, &info, e);
    REFUSED(bl_model_fingerprint, m, NULL, hex, e);
    assert_string_equal(hex, "");
    REFUSED(bl_model_fingerprint, hex, m, NULL, e);
    FINE(bl_model_fingerprint, err, m, hex, e);
    assert_int_equal(strlen(hex), 32);
    bl_files *exported = (bl_files *)1;
    REFUSED(bl_export_files, f, NULL, m, "f32", e);
    REFUSED(bl_export_files, m, &exported, NULL, "f32", e);
    assert_null(exported);
    REFUSED(bl_export_files, dtype, &exported, m, NULL, e);
    REFUSED(bl_export, m, NULL, none, "f32", 0, e);
    REFUSED(bl_export, out, m, NULL, "f32", 0, e);
    REFUSED(bl_export, dtype, m, none, NULL, 0, e);
}

static void ignore_head(void *user, const bl_head_info *head)
{
    (void)user, (void)head;
}

static int ignore_text(void *user, const char *text, size_t bytes)
{
    (void)user, (void)text, (void)bytes;
    return 0;
}

static void sessions(void **state)
{
    (void)state;
    bl_session *other = (bl_session *)1;
    const int32_t ids[] = {3};
    bl_generate_result made = {.size = sizeof made, .tokens = 9};
    bl_options *o = sets[BL_OPTIONS_GENERATE];
    REFUSED(bl_session_open, s, NULL, m, NULL, e);
    REFUSED(bl_session_open, m, &other, NULL, NULL, e);
    assert_null(other);
    NOTHING(bl_session_close, s, NULL);
    other = (bl_session *)1;
    REFUSED(bl_session_fork, fork, NULL, s, e);
    REFUSED(bl_session_fork, s, &other, NULL, e);
    assert_null(other);
    REFUSED(bl_session_save, s, NULL, none, e);
    REFUSED(bl_session_save, path, s, NULL, e);
    FINE(bl_session_save, err, s, api_path("memory"), e);
    REFUSED(bl_session_load, s, NULL, api_path("memory"), e);
    REFUSED(bl_session_load, path, s, NULL, e);
    FINE(bl_session_load, err, s, api_path("memory"), e);
    static unsigned char memory[1 << 20];
    size_t bytes = 9;
    REFUSED(bl_session_save_buffer, s, NULL, memory, sizeof memory, &bytes, e);
    assert_int_equal(bytes, 0);
    REFUSED(bl_session_save_buffer, buffer, s, NULL, 1, &bytes, e);
    FINE(bl_session_save_buffer, bytes, s, memory, sizeof memory, NULL, e);
    FINE(bl_session_save_buffer, buffer, s, NULL, 0, &bytes, e);
    REFUSED(bl_session_load_buffer, s, NULL, memory, bytes, e);
    REFUSED(bl_session_load_buffer, buffer, s, NULL, 1, e);
    FINE(bl_session_load_buffer, err, s, memory, bytes, e);
    assert_int_equal(bl_session_load_buffer(s, NULL, 0, NULL), BL_EFORMAT);
    NOTHING(bl_session_seed, s, NULL, 3);
    REFUSED(bl_session_reset, s, NULL, e);
    FINE(bl_session_reset, err, s, e);
    REFUSED(bl_session_restart, s, NULL, e);
    FINE(bl_session_restart, err, s, e);
    bl_memory_difference difference = {.size = sizeof difference};
    REFUSED(bl_memory_diff, a, NULL, api_path("memory"), &difference, e);
    REFUSED(bl_memory_diff, b, api_path("memory"), NULL, &difference, e);
    REFUSED(bl_memory_diff, difference, api_path("memory"), api_path("memory"), NULL, e);
    REFUSED(bl_session_feed_each, s, NULL, ids, 1, NULL, e);
    REFUSED(bl_session_feed_each, ids, s, NULL, 1, NULL, e);
    FINE(bl_session_feed_each, ids, s, NULL, 0, NULL, e);
    FINE(bl_session_feed_each, logits, s, ids, 1, NULL, e);
    REFUSED(bl_session_feed, s, NULL, ids, 1, NULL, e);
    REFUSED(bl_session_feed, ids, s, NULL, 1, NULL, e);
    FINE(bl_session_feed, ids, s, NULL, 0, NULL, e);
    FINE(bl_session_feed, logits, s, ids, 1, NULL, e);
    bl_batch *batch = (bl_batch *)1;
    bl_batch_turn turn = {s, ids, 1, NULL};
    REFUSED(bl_batch_open, b, NULL, m, 1, NULL, e);
    REFUSED(bl_batch_open, m, &batch, NULL, 1, NULL, e);
    assert_null(batch);
    NOTHING(bl_batch_close, b, NULL);
    GIVES(bl_batch_open, device, bl_batch_open(&batch, m, 1, NULL, NULL) == BL_OK);
    REFUSED(bl_batch_join, b, NULL, s, e);
    REFUSED(bl_batch_join, s, batch, NULL, e);
    assert_ok(bl_batch_join(batch, s, &api_error));
    REFUSED(bl_batch_feed, b, NULL, &turn, 1, e);
    REFUSED(bl_batch_feed, turns, batch, NULL, 1, e);
    FINE(bl_batch_feed, turns, batch, NULL, 0, e);
    turn = (bl_batch_turn){NULL, ids, 1, NULL};
    REFUSED(bl_batch_feed, session, batch, &turn, 1, e);
    turn = (bl_batch_turn){s, NULL, 1, NULL};
    REFUSED(bl_batch_feed, ids, batch, &turn, 1, e);
    turn = (bl_batch_turn){s, NULL, 0, NULL};
    FINE(bl_batch_feed, err, batch, &turn, 1, e);
    int32_t next[1];
    REFUSED(bl_batch_next, b, NULL, &turn, 1, NULL, next, e);
    REFUSED(bl_batch_next, turns, batch, NULL, 1, NULL, next, e);
    REFUSED(bl_batch_next, ids, batch, &turn, 1, NULL, NULL, e);
    FINE(bl_batch_next, turns, batch, NULL, 0, NULL, NULL, e);
    FINE(bl_batch_next, options, batch, &turn, 1, NULL, next, e);
    FINE(bl_batch_next, options, batch, &turn, 1, (const bl_options *[]){NULL}, next, e);
    GIVES(bl_batch_event, b, bl_batch_event(NULL, 0) == NULL && bl_batch_event(batch, 0));
    REFUSED(bl_batch_leave, b, NULL, s, e);
    REFUSED(bl_batch_leave, s, batch, NULL, e);
    assert_ok(bl_batch_leave(batch, s, &api_error));
    bl_batch_close(batch);
    GIVES(bl_session_position, s, bl_session_position(NULL) == 0 && bl_session_position(s) == 7);
    GIVES(bl_session_learned, s, bl_session_learned(NULL) == 0 && bl_session_learned(s) == 0);
    GIVES(bl_session_bytes, s, bl_session_bytes(NULL) == 0);
    GIVES(bl_session_has_base, s, bl_session_has_base(NULL) == 0 && bl_session_has_base(s) == 0);
    REFUSED(bl_session_consolidate, s, NULL, 0.5, e);
    REFUSED(bl_session_constrain, s, NULL, NULL, e);
    FINE(bl_session_constrain, g, s, NULL, e);
    GIVES(bl_session_constrained, s, bl_session_constrained(NULL) == 0);
    REFUSED(bl_session_bias, s, NULL, &(int32_t){3}, &(float){1}, 1, e);
    REFUSED(bl_session_bias, ids, s, NULL, &(float){1}, 1, e);
    REFUSED(bl_session_bias, bias, s, &(int32_t){3}, NULL, 1, e);
    FINE(bl_session_bias, ids, s, NULL, NULL, 0, e);
    REFUSED(bl_session_stop, s, NULL, &(bl_span){"a", 1}, 1, e);
    REFUSED(bl_session_stop, texts, s, NULL, 1, e);
    FINE(bl_session_stop, texts, s, NULL, 0, e);
    bl_score_result score = {.size = sizeof score};
    REFUSED(bl_score, s, NULL, ids, 1, NULL, NULL, &score, e);
    REFUSED(bl_score, ids, s, NULL, 1, NULL, NULL, &score, e);
    REFUSED(bl_score, result, s, ids, 1, NULL, NULL, NULL, e);
    FINE(bl_score, ids, s, NULL, 0, NULL, NULL, &score, e);
    FINE(bl_score, each, s, ids, 1, NULL, &(int){0}, &score, e);
    FINE(bl_score, greedy, s, ids, 1, &(double){0}, NULL, &score, e);
    REFUSED(bl_session_heads, s, NULL, ignore_head, NULL, e);
    REFUSED(bl_session_heads, fn, s, NULL, NULL, e);
    FINE(bl_session_heads, err, s, ignore_head, NULL, e);
    REFUSED(bl_session_merge, s, NULL, s, 1, e);
    REFUSED(bl_session_merge, other, s, NULL, 1, e);
    REFUSED(bl_session_diff, s, NULL, s, ignore_head, NULL, e);
    REFUSED(bl_session_diff, other, s, NULL, ignore_head, NULL, e);
    REFUSED(bl_session_diff, fn, s, s, NULL, NULL, e);
    FINE(bl_session_diff, err, s, s, ignore_head, NULL, e);
    assert_ok(bl_options_set(o, "max_tokens", "2", &api_error));
    REFUSED(bl_generate, s, NULL, "a", 1, o, NULL, NULL, &made, e);
    assert_int_equal(made.tokens, 0);
    REFUSED(bl_generate, prompt, s, NULL, 1, o, NULL, NULL, &made, e);
    FINE(bl_generate, fn, s, "a", 1, o, NULL, NULL, &made, e);
    FINE(bl_generate, prompt, s, NULL, 0, o, NULL, NULL, &made, e);
    FINE(bl_generate, result, s, "a", 1, o, NULL, NULL, NULL, e);
    FINE(bl_generate, options, s, "a", 1, NULL, NULL, NULL, &made, e);
    REFUSED(bl_generate_ids, s, NULL, ids, 1, o, NULL, NULL, &made, e);
    REFUSED(bl_generate_ids, ids, s, NULL, 1, o, NULL, NULL, &made, e);
    FINE(bl_generate_ids, ids, s, NULL, 0, o, NULL, NULL, &made, e);
    FINE(bl_generate_ids, fn, s, ids, 1, o, NULL, NULL, &made, e);
    FINE(bl_generate_ids, result, s, ids, 1, o, NULL, NULL, NULL, e);
    FINE(bl_generate_ids, options, s, ids, 1, NULL, NULL, NULL, &made, e);
    REFUSED(bl_generate_text, s, NULL, "a", 1, NULL, 0, o, 0, ignore_text, NULL, &made, e);
    REFUSED(bl_generate_text, fn, s, "a", 1, NULL, 0, o, 0, NULL, NULL, &made, e);
    REFUSED(bl_generate_text, prompt, s, NULL, 1, NULL, 0, o, 0, ignore_text, NULL, &made, e);
    FINE(bl_generate_text, ids, s, "a", 1, NULL, 1, o, 0, ignore_text, NULL, &made, e);
    FINE(bl_generate_text, result, s, "a", 1, NULL, 0, o, 0, ignore_text, NULL, NULL, e);
    FINE(bl_generate_text, options, s, "a", 1, NULL, 0, NULL, 0, ignore_text, NULL, &made, e);
    GIVES(bl_session_pending, s, bl_session_pending(NULL) == -1);
    assert_true(made.tokens > 0 || made.ended); /* its seed is a random one */
}

static void ignore_point(void *user, const bl_eval_point *point)
{
    (void)user, (void)point;
}

static void ignore_octave(void *user, const bl_stream_point *point)
{
    (void)user, (void)point;
}

static void evaluation_and_info(void **state)
{
    (void)state;
    const char *val = api_path("data/val.bin");
    bl_eval_result r = {.size = sizeof r, .tokens = 9};
    char text[64] = "x";
    size_t n = 9;
    REFUSED(bl_eval, m, NULL, val, 16, NULL, NULL, &r, e);
    assert_int_equal(r.tokens, 0);
    REFUSED(bl_eval, path, m, NULL, 16, NULL, NULL, &r, e);
    REFUSED(bl_eval, result, m, val, 16, NULL, NULL, NULL, e);
    FINE(bl_eval, progress, m, val, 16, NULL, NULL, &r, e);
    assert_true(r.tokens > 0 && isfinite(r.loss));
    REFUSED(bl_eval_by_position, m, NULL, val, 16, NULL, ignore_point, NULL, &r, e);
    REFUSED(bl_eval_by_position, path, m, NULL, 16, NULL, ignore_point, NULL, &r, e);
    REFUSED(bl_eval_by_position, point, m, val, 16, NULL, NULL, NULL, &r, e);
    REFUSED(bl_eval_by_position, result, m, val, 16, NULL, ignore_point, NULL, NULL, e);
    FINE(bl_eval_by_position, progress, m, val, 16, NULL, ignore_point, NULL, &r, e);
    REFUSED(bl_eval_stream, m, NULL, val, NULL, 16, 9, NULL, ignore_octave, NULL, &r, e);
    REFUSED(bl_eval_stream, path, m, NULL, NULL, 16, 9, NULL, ignore_octave, NULL, &r, e);
    REFUSED(bl_eval_stream, point, m, val, NULL, 16, 9, NULL, NULL, NULL, &r, e);
    REFUSED(bl_eval_stream, result, m, val, NULL, 16, 9, NULL, ignore_octave, NULL, NULL, e);
    FINE(bl_eval_stream, reading, m, val, NULL, 16, 9, NULL, ignore_octave, NULL, &r, e);
    FINE(bl_eval_stream, progress, m, val, NULL, 16, 9, NULL, ignore_octave, NULL, &r, e);
    bl_recall_result recalled = {.size = sizeof recalled};
    REFUSED(bl_eval_recall, m, NULL, 9, 5, NULL, NULL, &recalled, e);
    REFUSED(bl_eval_recall, result, m, 9, 5, NULL, NULL, NULL, e);
    GIVES(bl_eval_recall, progress,
          bl_eval_recall(m, 9, 5, NULL, NULL, &recalled, e) == BL_EUNSUPPORTED); /* 400 tokens */
    const bl_stream_point octave = {.tokens = 1, .loss = 1, .fresh = 1};
    REFUSED(bl_stream_draw, points, NULL, 1, api_path("x.svg"), e);
    REFUSED(bl_stream_draw, path, &octave, 1, NULL, e);
    const char *words = api_path("run/README.md");
    REFUSED(bl_eval_text, m, NULL, words, NULL, 16, NULL, ignore_point, NULL, &r, e);
    REFUSED(bl_eval_text, path, m, NULL, NULL, 16, NULL, ignore_point, NULL, &r, e);
    REFUSED(bl_eval_text, result, m, words, NULL, 16, NULL, ignore_point, NULL, NULL, e);
    FINE(bl_eval_text, reading, m, words, NULL, 16, NULL, ignore_point, NULL, &r, e);
    FINE(bl_eval_text, progress, m, words, NULL, 16, NULL, ignore_point, NULL, &r, e);
    FINE(bl_eval_text, point, m, words, NULL, 16, NULL, NULL, NULL, &r, e);
    bl_learn_result learned = {.size = sizeof learned};
    REFUSED(bl_eval_session, s, NULL, words, NULL, NULL, ignore_point, NULL, &r, e);
    REFUSED(bl_eval_session, path, s, NULL, NULL, NULL, ignore_point, NULL, &r, e);
    REFUSED(bl_eval_session, result, s, words, NULL, NULL, ignore_point, NULL, NULL, e);
    FINE(bl_eval_session, reading, s, words, NULL, NULL, ignore_point, NULL, &r, e);
    FINE(bl_eval_session, progress, s, words, NULL, NULL, ignore_point, NULL, &r, e);
    FINE(bl_eval_session, point, s, words, NULL, NULL, NULL, NULL, &r, e);
    REFUSED(bl_session_learn, s, NULL, words, NULL, 0, 0, NULL, NULL, &learned, e);
    REFUSED(bl_session_learn, path, s, NULL, NULL, 0, 0, NULL, NULL, &learned, e);
    REFUSED(bl_session_learn, result, s, words, NULL, 0, 0, NULL, NULL, NULL, e);
    FINE(bl_session_learn, reading, s, words, NULL, 0, 0, NULL, NULL, &learned, e);
    FINE(bl_session_learn, progress, s, words, NULL, 0, 0, NULL, NULL, &learned, e);
    const char *const broken[] = {words, NULL};
    REFUSED(bl_session_learn_all, s, NULL, &words, 1, NULL, 0, 0, NULL, 0, NULL, NULL, &learned, e);
    REFUSED(bl_session_learn_all, sources, s, NULL, 1, NULL, 0, 0, NULL, 0, NULL, NULL, &learned,
            e);
    REFUSED(bl_session_learn_all, sources, s, broken, 2, NULL, 0, 0, NULL, 0, NULL, NULL, &learned,
            e);
    REFUSED(bl_session_learn_all, result, s, &words, 1, NULL, 0, 0, NULL, 0, NULL, NULL, NULL, e);
    FINE(bl_session_learn_all, reading, s, &words, 1, NULL, 0, 0, NULL, 0, NULL, NULL, &learned, e);
    FINE(bl_session_learn_all, keep, s, &words, 1, NULL, 0, 0, NULL, 0, NULL, NULL, &learned, e);
    FINE(bl_session_learn_all, progress, s, &words, 1, NULL, 0, 0, NULL, 0, NULL, NULL, &learned,
         e);
    REFUSED(bl_read_text, path, NULL, NULL, NULL, ignore_text, NULL, e);
    REFUSED(bl_read_text, fn, words, NULL, NULL, NULL, NULL, e);
    FINE(bl_read_text, reading, words, NULL, NULL, ignore_text, NULL, e);
    FINE(bl_read_text, progress, words, NULL, NULL, ignore_text, NULL, e);
    REFUSED(bl_read_file, path, NULL, NULL, ignore_text, NULL, e);
    REFUSED(bl_read_file, fn, words, NULL, NULL, NULL, e);
    FINE(bl_read_file, progress, words, NULL, ignore_text, NULL, e);
    REFUSED(bl_info, path, NULL, text, sizeof text, &n, e);
    assert_int_equal(n, 0);
    assert_string_equal(text, "");
    REFUSED(bl_info, buffer, run, NULL, 5, &n, e);
    FINE(bl_info, bytes, run, text, sizeof text, NULL, e);
    FINE(bl_info, buffer, run, NULL, 0, &n, e);
    assert_true(n > sizeof text);
}

/* A set of another kind in every place that takes one. */
#define WRONG(function, kind, ...)                                                                 \
    for (int given = 0; given < BL_OPTIONS_KINDS; given++) {                                       \
        bl_options *o = sets[given];                                                               \
        if (given != (kind))                                                                       \
            REFUSED(function, options, __VA_ARGS__);                                               \
    }

static void sets_of_another_kind(void **state)
{
    (void)state;
    bl_trainer *t;
    bl_plan_result plan = {.size = sizeof plan};
    const char *source = "tales";
    const bl_corpus here = {.dir = data};
    WRONG(bl_options_preset, BL_OPTIONS_CONFIG, o, "tiny", e)
    WRONG(bl_options_load, BL_OPTIONS_CONFIG, o, api_path("run/config.json"), e)
    WRONG(bl_prepare, BL_OPTIONS_PREPARE, &source, 1, none, o, NULL, NULL, NULL, e)
    WRONG(bl_hub_pull, BL_OPTIONS_PULL, data, o, NULL, 0, NULL, NULL, NULL, NULL, e)
    WRONG(bl_hub_push, BL_OPTIONS_PUSH, data, "a/b", o, NULL, NULL, NULL, NULL, NULL, e)
    WRONG(bl_plan, BL_OPTIONS_TRAIN, data, o, NULL, &plan, e)
    WRONG(bl_plan, BL_OPTIONS_CONFIG, data, NULL, o, &plan, e)
    WRONG(bl_trainer_open, BL_OPTIONS_TRAIN, &t, data, none, o, NULL, e)
    WRONG(bl_trainer_open, BL_OPTIONS_CONFIG, &t, data, none, NULL, o, e)
    WRONG(bl_trainer_open_given, BL_OPTIONS_TRAIN, &t, data, none, o, NULL, e)
    WRONG(bl_trainer_open_given, BL_OPTIONS_CONFIG, &t, data, none, NULL, o, e)
    WRONG(bl_trainer_open_corpora, BL_OPTIONS_TRAIN, &t, &here, 1, none, o, NULL, e)
    WRONG(bl_trainer_open_corpora, BL_OPTIONS_CONFIG, &t, &here, 1, none, NULL, o, e)
    WRONG(bl_time_steps, BL_OPTIONS_TRAIN, o, NULL, enough_steps, NULL, e)
    WRONG(bl_time_steps, BL_OPTIONS_CONFIG, NULL, o, enough_steps, NULL, e)
    bl_model *made;
    WRONG(bl_model_random, BL_OPTIONS_CONFIG, &made, o, NULL, e)
    WRONG(bl_model_random, BL_OPTIONS_DEVICE, &made, sets[BL_OPTIONS_CONFIG], o, e)
    WRONG(bl_generate, BL_OPTIONS_GENERATE, s, "a", 1, o, NULL, NULL, NULL, e)
    WRONG(bl_generate_text, BL_OPTIONS_GENERATE, s, "a", 1, NULL, 0, o, 0, ignore_text, NULL, NULL,
          e)
    bl_batch *b;
    int32_t id;
    assert_ok(bl_batch_open(&b, m, 1, NULL, &api_error));
    assert_ok(bl_batch_join(b, s, &api_error));
    const bl_batch_turn turn = {s, NULL, 0, NULL};
    WRONG(bl_batch_next, BL_OPTIONS_GENERATE, b, &turn, 1, (const bl_options *[]){o}, &id, e)
    bl_batch_close(b);
    bl_eval_result r = {.size = sizeof r};
    WRONG(bl_eval_text, BL_OPTIONS_PREPARE, m, data, o, 16, NULL, NULL, NULL, &r, e)
    WRONG(bl_read_text, BL_OPTIONS_PREPARE, data, o, NULL, ignore_text, NULL, e)
    assert_int_equal(access(none, F_OK), -1); /* nothing was begun */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_log),
        cmocka_unit_test(files_and_advice),
        cmocka_unit_test(tokenizers),
        cmocka_unit_test(templates),
        cmocka_unit_test(hub_prepare_and_plans),
        cmocka_unit_test(measuring),
        cmocka_unit_test(trainers),
        cmocka_unit_test(models),
        cmocka_unit_test(sessions),
        cmocka_unit_test(evaluation_and_info),
        cmocka_unit_test(sets_of_another_kind),
    };
    return cmocka_run_group_tests(tests, make, end);
}
