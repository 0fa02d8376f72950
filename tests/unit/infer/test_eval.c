/* Evaluation against losses computed here from the logits of a session: the mean over all tokens,
 * by position, and of one state through a whole text beside fresh states. */
#include "option_pairs.h"

#include "api/model_open.h"
#include "core/file.h"
#include "core/rng.h"
#include "infer/stream_loss.h"

#include <math.h>

enum { V = 300, WINDOW = 40, FULL = 4096 / WINDOW, PARTIAL = 7, WINDOWS = FULL + PARTIAL };

static bl_model *model;
static bl_session *session;

static double worst; /* relative difference so far */

static void near(double found, double expected)
{
    double difference = fabs(found - expected) / fabs(expected);
    if (!(difference <= 1e-6))
        fail_msg("%.9f, expected %.9f", found, expected);
    worst = fmax(worst, difference);
}

/* A model that has learned a little, so that losses differ from place to place. */
static int make_model(void **state)
{
    static const pair text[] = {{"tales_bytes", "40000"}, {"vocab_size", "300"}, {NULL}};
    static const pair shape[] = {{"hidden_size", "32"},
                                 {"intermediate_size", "48"},
                                 {"num_hidden_layers", "2"},
                                 {"num_attention_heads", "2"},
                                 {NULL}};
    static const pair usual[] = {{"preset", "tiny"}, {"batch", "8"}, {"context", "32"},
                                 {"steps", "30"},    {"lr", "1e-2"}, {NULL}};
    bl_options *o, *config;
    bl_trainer *t;
    assert_int_equal(scratch_make(state), 0);
    prepare_tales(text);
    assert_ok(bl_options_open(&o, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_open(&config, BL_OPTIONS_CONFIG, &failure));
    set_all(o, usual);
    set_all(config, shape);
    assert_ok(bl_trainer_open(&t, scratch("data"), scratch("run"), o, config, &failure));
    assert_ok(bl_trainer_run(t, NULL, NULL, &failure));
    bl_trainer_close(t);
    bl_options_close(config);
    bl_options_close(o);
    assert_ok(bl_model_open(&model, scratch("run"), NULL, &failure));
    assert_ok(bl_session_open(&session, model, NULL, &failure));
    return 0;
}

static int close_model(void **state)
{
    printf("largest relative difference %.1e\n", worst);
    bl_session_close(session);
    bl_model_close(model);
    return scratch_remove(state);
}

/* loss[t] = -log softmax(logits after ids[0..t])[ids[t + 1]], t < count. */
static void losses_of(const int32_t *ids, size_t count, double *loss)
{
    float *logits = calloc(count * V, sizeof *logits);
    assert_non_null(logits);
    assert_ok(bl_session_reset(session, &failure));
    assert_ok(bl_session_feed_each(session, ids, count, logits, &failure));
    for (size_t t = 0; t < count; t++) {
        double sum = 0;
        for (size_t i = 0; i < V; i++)
            sum += exp((double)logits[t * V + i]);
        loss[t] = log(sum) - (double)logits[t * V + (size_t)ids[t + 1]];
    }
    free(logits);
}

typedef struct curve {
    bl_eval_point at[WINDOW + 64];
    size_t count;
} curve;

static void add_point(void *user, const bl_eval_point *point)
{
    curve *c = user;
    assert_true(c->count < WINDOW + 64);
    c->at[c->count++] = *point;
}

/* Windows of which the last batch is not full, and unlike the others: random ids, that cost more.
 * A mean of the batches' means would weigh them as much as all others. */
static void windows(void **state)
{
    (void)state;
    static int32_t ids[WINDOWS * WINDOW + 4];
    static uint16_t file[WINDOWS * WINDOW + 4];
    static double loss[WINDOWS][WINDOW];
    size_t count = sizeof ids / sizeof *ids; /* one for the last target, three that are dropped */
    bl_map text;
    assert_ok(bl_map_open(&text, scratch("data/train.bin"), &failure));
    assert_true(text.size / 2 > FULL * WINDOW);
    for (size_t i = 0; i < count; i++) {
        ids[i] = i < FULL * WINDOW ? text.data[2 * i] + 256 * text.data[2 * i + 1]
                                   : (int32_t)bl_rng_below(1, 2, i, V);
        file[i] = (uint16_t)ids[i];
    }
    bl_map_close(&text);
    scratch_write(scratch("some.bin"), file, sizeof file);

    double sum[2] = {0}, by_position[WINDOW] = {0};
    for (size_t w = 0; w < WINDOWS; w++) {
        losses_of(ids + w * WINDOW, WINDOW, loss[w]);
        for (size_t t = 0; t < WINDOW; t++) {
            sum[w >= FULL] += loss[w][t];
            by_position[t] += loss[w][t] / WINDOWS;
        }
    }
    double mean = (sum[0] + sum[1]) / (WINDOWS * WINDOW);
    double of_means = (sum[0] / (FULL * WINDOW) + sum[1] / (PARTIAL * WINDOW)) / 2;
    assert_true(of_means > 1.05 * mean);

    bl_eval_result plain = {.size = sizeof plain}, r = {.size = sizeof r};
    curve c = {.count = 0};
    assert_ok(bl_eval(model, scratch("some.bin"), WINDOW, NULL, NULL, &plain, &failure));
    assert_ok(
        bl_eval_by_position(model, scratch("some.bin"), WINDOW, NULL, add_point, &c, &r, &failure));
    assert_true(r.loss == plain.loss);
    assert_int_equal(r.tokens, WINDOWS * WINDOW);
    near(r.loss, mean);
    near(r.perplexity, exp(mean));
    assert_int_equal(c.count, WINDOW);
    for (size_t t = 0; t < WINDOW; t++) {
        assert_int_equal(c.at[t].first, t);
        assert_int_equal(c.at[t].last, t);
        assert_int_equal(c.at[t].tokens, WINDOWS);
        near(c.at[t].loss, by_position[t]);
    }
}

/* Two documents, streamed: bins 0, 1, 2-3, 4-7, ... of the position in the document. */
static void documents(void **state)
{
    (void)state;
    static const char *const text[] = {
        "The fox went home.",
        "It was late, and the river was high, and nobody came to the bridge all night. So the fox "
        "went back to the hill where the owl lived, and asked her how she would cross the river "
        "without getting wet, and the owl said that she would fly."};
    char joined[600];
    int bytes = snprintf(joined, sizeof joined, "%s\n<|endoftext|>\n%s\n", text[0], text[1]);
    scratch_write(scratch("two.txt"), joined, (size_t)bytes);

    double nats[16] = {0}, all = 0;
    uint64_t tokens[16] = {0}, total = 0;
    size_t bins = 0;
    for (size_t d = 0; d < 2; d++) {
        int32_t ids[400] = {0}; /* <|endoftext|>, the document, <|endoftext|> */
        double loss[400];
        size_t count;
        assert_ok(bl_tokenizer_encode(bl_model_tokenizer(model), text[d], strlen(text[d]), 0,
                                      ids + 1, 398, &count, &failure));
        assert_true(count > 4 && count < 398);
        losses_of(ids, count + 1, loss);
        for (size_t t = 0, bin = 0; t <= count; t++) {
            if (t >= (size_t)1 << bin)
                bin++;
            nats[bin] += loss[t];
            tokens[bin]++;
            all += loss[t];
            total++;
            bins = bin + 1 > bins ? bin + 1 : bins;
        }
    }
    assert_true(bins >= 7); /* more than one piece of 64 is read */

    bl_eval_result r = {.size = sizeof r};
    curve c = {.count = 0};
    assert_ok(bl_eval_by_position(model, scratch("two.txt"), 0, NULL, add_point, &c, &r, &failure));
    assert_int_equal(r.tokens, total);
    assert_int_equal(r.documents, 2);
    assert_int_equal(r.bytes, strlen(text[0]) + strlen(text[1]));
    near(r.loss, all / (double)total);
    near(r.bits_per_byte, all / log(2.0) / (double)r.bytes);
    assert_int_equal(c.count, bins);
    for (size_t i = 0; i < bins; i++) {
        assert_int_equal(c.at[i].first, i ? 1 << (i - 1) : 0);
        assert_int_equal(c.at[i].last, i ? (1 << i) - 1 : 0);
        assert_int_equal(c.at[i].tokens, tokens[i]);
        near(c.at[i].loss, nats[i] / (double)tokens[i]);
    }
}

static int stop(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)stage, (void)done, (void)total, (void)unit;
    return 1;
}

/* ---- streams ---- */

enum { STREAM = 1003 }; /* predicted tokens: 16 full batches of windows, and a part */

typedef struct octaves {
    bl_stream_point at[16];
    size_t count;
} octaves;

static void add_octave(void *user, const bl_stream_point *point)
{
    octaves *o = user;
    assert_true(o->count < 16);
    o->at[o->count++] = *point;
}

/* The first ids of the data's training tokens, also as a file. */
static void stream_file(const char *name, int32_t *ids, size_t count)
{
    bl_map text;
    assert_ok(bl_map_open(&text, scratch("data/train.bin"), &failure));
    assert_true(text.size / 2 >= count);
    for (size_t i = 0; i < count; i++)
        ids[i] = text.data[2 * i] + 256 * text.data[2 * i + 1];
    scratch_write(scratch(name), text.data, 2 * count);
    bl_map_close(&text);
}

static octaves run_stream(const char *name, uint64_t tokens, bl_eval_result *r)
{
    octaves o = {.count = 0};
    assert_ok(bl_eval_stream(model, scratch(name), NULL, WINDOW, tokens, NULL, add_octave, &o, r,
                             &failure));
    return o;
}

/* Both losses of every octave, from those of each position. */
static void check_octaves(const octaves *o, const double *stream, const double *fresh, size_t count)
{
    for (size_t i = 0, first = 0; i < o->count; i++) {
        size_t end = 2 * first > 1 ? 2 * first : first + 1;
        double sum[2] = {0};
        end = end < count ? end : count;
        for (size_t t = first; t < end; t++) {
            sum[0] += stream[t];
            sum[1] += fresh[t];
        }
        assert_int_equal(o->at[i].first, first);
        assert_int_equal(o->at[i].tokens, end - first);
        near(o->at[i].loss, sum[0] / (double)(end - first));
        near(o->at[i].fresh, sum[1] / (double)(end - first));
        first = end;
        assert_int_equal(i + 1 == o->count, first == count);
    }
}

/* Against a session that reads all, and sessions that read a window each. */
static void streams(void **state)
{
    (void)state;
    static int32_t ids[STREAM + 1];
    static double loss[STREAM], window[STREAM], fresh[STREAM];
    stream_file("stream.bin", ids, STREAM + 1);
    losses_of(ids, STREAM, loss);
    for (size_t begin = 0; begin < STREAM; begin += WINDOW / 2) {
        size_t n = STREAM - begin < WINDOW ? STREAM - begin : WINDOW;
        losses_of(ids + begin, n, window);
        for (size_t t = begin ? WINDOW / 2 : 0; t < n; t++)
            fresh[begin + t] = window[t];
    }
    bl_eval_result r = {.size = sizeof r};
    octaves o = run_stream("stream.bin", 0, &r);
    double all = 0;
    for (size_t t = 0; t < STREAM; t++)
        all += loss[t];
    assert_int_equal(r.tokens, STREAM);
    near(r.loss, all / STREAM);
    assert_int_equal(o.count, 11);
    check_octaves(&o, loss, fresh, STREAM);

    o = run_stream("stream.bin", 70, &r); /* no more of it is read */
    assert_int_equal(r.tokens, 70);
    check_octaves(&o, loss, fresh, 70);
    o = run_stream("stream.bin", STREAM, &r);
    assert_int_equal(r.tokens, STREAM);
    o = run_stream("stream.bin", UINT64_MAX, &r);
    assert_int_equal(r.tokens, STREAM);
}

/* To the bit: the stream is the state that a session has after the same tokens, however they come,
 * and a window is what bl_eval() makes of it. */
static void stream_bits(void **state)
{
    (void)state;
    enum { COUNT = 60 }; /* two windows */
    static int32_t ids[COUNT + 1];
    static uint16_t second[WINDOW + 1];
    bl_pass pass = {0};
    bl_reader reader;
    bl_state one_state;
    bl_stream_loss e;
    bl_positions one = {0};
    bl_eval_result r = {.size = sizeof r};
    stream_file("short.bin", ids, COUNT + 1);
    octaves o = run_stream("short.bin", 0, &r), pieces = {.count = 0};

    assert_ok(bl_pass_open(&pass, &model->net, 2, WINDOW, 0, &failure));
    assert_ok(bl_reader_open(&reader, &model->net, BL_READER_ROWS, 1, &failure));
    assert_ok(bl_state_open(&one_state, &model->net, &failure));
    assert_ok(bl_stream_loss_open(&e, &reader, &one_state, &pass, 0, &failure));
    for (size_t at = 0; at < COUNT + 1; at += 7)
        assert_ok(bl_stream_loss_read(&e, ids + at, NULL, COUNT + 1 - at < 7 ? COUNT + 1 - at : 7,
                                      &failure));
    assert_ok(bl_stream_loss_end(&e, &failure));
    bl_stream_loss_tell(&e, add_octave, &pieces);
    bl_stream_loss_release(&e);

    assert_ok(bl_positions_open_doubling(&one, &failure));
    assert_ok(bl_state_start(&one_state, &model->net, &failure));
    for (size_t t = 0; t < COUNT; t++) {
        float loss;
        const bl_piece piece = {.state = &one_state, .ids = ids + t, .T = 1};
        assert_ok(bl_reader_feed(&reader, &piece, 1, &failure));
        assert_ok(bl_reader_loss(&reader, &pass, ids + t + 1, &loss, &failure));
        bl_positions_add(&one, t, (double)loss);
    }
    bl_state_release(&one_state, &model->net);
    bl_reader_release(&reader);
    bl_pass_release(&pass, &model->net);

    curve windows[2] = {{.count = 0}, {.count = 0}};
    for (size_t i = 0; i <= WINDOW; i++)
        second[i] = (uint16_t)ids[WINDOW / 2 + i];
    scratch_write(scratch("second.bin"), second, sizeof second);
    assert_ok(bl_eval_by_position(model, scratch("short.bin"), WINDOW, NULL, add_point, &windows[0],
                                  &r, &failure));
    assert_ok(bl_eval_by_position(model, scratch("second.bin"), WINDOW, NULL, add_point,
                                  &windows[1], &r, &failure));

    assert_int_equal(o.count, 7);
    assert_int_equal(pieces.count, 7);
    for (size_t i = 0, t = 0; i < o.count; i++) {
        double fresh = 0;
        for (size_t n = 0; n < o.at[i].tokens; n++, t++)
            fresh += t < WINDOW ? windows[0].at[t].loss : windows[1].at[t - WINDOW / 2].loss;
        assert_true(o.at[i].fresh == fresh / (double)o.at[i].tokens);
        assert_true(o.at[i].loss == one.nats[i] / (double)one.tokens[i]);
        assert_true(o.at[i].loss == pieces.at[i].loss && o.at[i].fresh == pieces.at[i].fresh);
    }
    bl_positions_release(&one);
}

/* The documents of a text are one stream, with <|endoftext|> between them. */
static void stream_of_a_text(void **state)
{
    (void)state;
    static const char *const text[] = {"The fox went home.", "The owl flew over the river."};
    char joined[200];
    int bytes = snprintf(joined, sizeof joined, "%s\n<|endoftext|>\n%s\n", text[0], text[1]);
    scratch_write(scratch("pair.txt"), joined, (size_t)bytes);
    int32_t ids[200] = {0};
    uint16_t file[200];
    size_t count = 1;
    for (size_t d = 0; d < 2; d++) {
        size_t n;
        assert_ok(bl_tokenizer_encode(bl_model_tokenizer(model), text[d], strlen(text[d]), 0,
                                      ids + count, 90, &n, &failure));
        count += n + 1; /* and <|endoftext|>, id 0 */
    }
    for (size_t i = 0; i < count; i++)
        file[i] = (uint16_t)ids[i];
    scratch_write(scratch("pair.bin"), file, count * sizeof *file);
    bl_eval_result of_text = {.size = sizeof of_text}, of_tokens = {.size = sizeof of_tokens};
    octaves a = run_stream("pair.txt", 0, &of_text), b = run_stream("pair.bin", 0, &of_tokens);
    assert_int_equal(of_text.tokens, count - 1);
    assert_int_equal(of_text.documents, 2);
    assert_int_equal(of_text.bytes, strlen(text[0]) + strlen(text[1]));
    assert_true(of_text.loss == of_tokens.loss);
    assert_int_equal(a.count, b.count);
    for (size_t i = 0; i < a.count; i++)
        assert_true(a.at[i].loss == b.at[i].loss && a.at[i].fresh == b.at[i].fresh);
    (void)run_stream("pair.txt", 5, &of_text);
    assert_int_equal(of_text.tokens, 5);
    assert_int_equal(of_text.bytes, 0); /* for that many tokens it is not known */
}

/* A failed evaluation has no curve. */
static void failures(void **state)
{
    (void)state;
    bl_eval_result r = {.size = sizeof r};
    curve c = {.count = 0};
    scratch_write(scratch("few.bin"), "\1\0\2\0", 4);
    assert_int_equal(
        bl_eval_by_position(model, scratch("few.bin"), 8, NULL, add_point, &c, &r, &failure),
        BL_EFORMAT);
    assert_int_equal(
        bl_eval_by_position(model, scratch("none.txt"), 0, NULL, add_point, &c, &r, &failure),
        BL_ENOENT);
    assert_int_equal(bl_eval_by_position(model, scratch("data/train.bin"), 16, stop, add_point, &c,
                                         &r, &failure),
                     BL_EINTERRUPTED);
    assert_int_equal(c.count, 0);

    octaves o = {.count = 0};
    scratch_write(scratch("one.bin"), "\1\0", 2);
    assert_int_equal(
        bl_eval_stream(model, scratch("one.bin"), NULL, 8, 0, NULL, add_octave, &o, &r, &failure),
        BL_EFORMAT);
    assert_int_equal(bl_eval_stream(model, scratch("data/train.bin"), NULL, 8, 0, stop, add_octave,
                                    &o, &r, &failure),
                     BL_EINTERRUPTED);
    assert_int_equal(o.count, 0);
    assert_int_equal(bl_stream_draw(NULL, 0, scratch("none.svg"), &failure), BL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),          cmocka_unit_test(documents),
        cmocka_unit_test(streams),          cmocka_unit_test(stream_bits),
        cmocka_unit_test(stream_of_a_text), cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, make_model, close_model);
}
