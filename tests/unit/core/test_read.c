/* Reading: paths that are not files, files that change meanwhile, files that claim more than there
 * is. */
#include "small_run.h"

#include "core/in.h"
#include "core/machine.h"
#include "data/tokens.h"
#include "format/safetensors.h"
#include "train/manifest.h"
#include "train/metrics.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
    scratch_write(path, text, strlen(text));
}

/* ---- not a file ---- */

static void make_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%.100s", path);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)(void *)&at, sizeof at) == 0);
    (void)close(fd);
}

/* Refused at once by what it is; nobody ever writes into the pipe. */
static void what_is_no_file(void **state)
{
    (void)state;
    bl_file *f;
    bl_map map;
    bl_st *st;
    const struct {
        const char *path, *words;
    } cases[] = {{scratch("pipe"), "pipe: a pipe, not a file"},
                 {scratch("socket"), "socket: a socket, not a file"},
                 {scratch_folder, ": a folder, not a file"},
                 {"/dev/zero", "/dev/zero: a device, not a file"}};
    assert_int_equal(mkfifo(cases[0].path, 0600), 0);
    make_socket(cases[1].path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(bl_file_open(&f, cases[i].path, &failure), BL_EIO);
        assert_null(f);
        assert_non_null(strstr(failure.message, cases[i].words));
        assert_int_equal(bl_map_open(&map, cases[i].path, &failure), BL_EIO);
        assert_int_equal(bl_st_open(&st, cases[i].path, &failure), BL_EIO);
    }
    bl_in *in;
    assert_int_equal(bl_in_open(&in, "/dev/zero", NULL, &failure), BL_EIO);
}

/* A text may come from a pipe that somebody writes into: the writer is awaited, but not forever. */
static void pipes_without_a_writer(void **state)
{
    (void)state;
    bl_in *in;
    size_t n;
    int end, fd[2];
    char byte, path[32];
    assert_int_equal(mkfifo(scratch("lonely"), 0600), 0);
    assert_ok(bl_in_open(&in, scratch("lonely"), NULL, &failure));
    bl_in_patience(in, 400);
    assert_ok(bl_in_read(in, &byte, 1, &n, &end, &failure));
    assert_true(n == 0 && !end);
    assert_int_equal(bl_in_read(in, &byte, 1, &n, &end, &failure), BL_EIO);
    assert_non_null(strstr(failure.message, "lonely: a pipe that nobody opened for writing"));
    bl_in_close(in);

    assert_ok(bl_in_open(&in, scratch("lonely"), NULL, &failure));
    bl_in_patience(in, 0);
    int writer = open(scratch("lonely"), O_WRONLY);
    for (int i = 0; i < 2; i++) { /* a silent writer is one */
        assert_ok(bl_in_read(in, &byte, 1, &n, &end, &failure));
        assert_true(n == 0 && !end);
    }
    assert_int_equal(write(writer, "x", 1), 1);
    assert_ok(bl_in_read(in, &byte, 1, &n, &end, &failure));
    assert_true(n == 1 && byte == 'x');
    (void)close(writer);
    assert_ok(bl_in_read(in, &byte, 1, &n, &end, &failure));
    assert_true(n == 0 && end);
    bl_in_close(in);

    assert_int_equal(pipe(fd), 0); /* as <(true) of a shell: nobody can come */
    (void)close(fd[1]);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", fd[0]);
    assert_ok(bl_in_open(&in, path, NULL, &failure));
    assert_ok(bl_in_read(in, &byte, 1, &n, &end, &failure));
    assert_true(n == 0 && end);
    bl_in_close(in);
    (void)close(fd[0]);
}

/* What grows while it is read ends where it ended before, also the second time. */
static void files_that_grow(void **state)
{
    (void)state;
    bl_in *in;
    char bytes[64];
    write_text(scratch("log"), "0123456789");
    FILE *file = fopen(scratch("log"), "ab");
    assert_non_null(file);
    assert_ok(bl_in_open(&in, scratch("log"), NULL, &failure));
    for (int pass = 0; pass < 2; pass++) {
        size_t n, total = 0;
        for (int end = 0; !end; total += n) {
            assert_ok(bl_in_read(in, bytes, 4, &n, &end, &failure));
            assert_true(fputs("more", file) >= 0 && fflush(file) == 0);
        }
        assert_int_equal(total, 10);
        assert_ok(bl_in_rewind(in, &failure));
    }
    bl_in_close(in);
    assert_int_equal(fclose(file), 0);
}

/* What has no size may have text. */
static void files_without_a_size(void **state)
{
    (void)state;
    bl_in *in;
    size_t n;
    int end;
    char byte;
    if (bl_in_open(&in, "/proc/self/status", NULL, &failure) != BL_OK)
        skip(); /* not Linux */
    assert_int_equal(bl_in_size(in), 0);
    assert_ok(bl_in_read(in, &byte, 1, &n, &end, &failure));
    assert_true(n == 1 && !end);
    bl_in_close(in);
}

/* A record of 2^40 bytes is refused by its size. */
static void endless_files(void **state)
{
    (void)state;
    bl_map map;
    write_text(scratch("sparse"), "{}");
    if (truncate(scratch("sparse"), (off_t)1 << 40) != 0)
        skip(); /* the file system has no files of that size */
    assert_int_equal(bl_map_open(&map, scratch("sparse"), &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "sparse: 1099511627776 bytes"));
}

/* ---- changed meanwhile ---- */

static void files_cut_short(void **state)
{
    (void)state;
    bl_file *f;
    char room[9];
    write_text(scratch("cut"), "123456789");
    assert_ok(bl_file_open(&f, scratch("cut"), &failure));
    assert_ok(bl_file_still(f, &failure));
    assert_ok(bl_file_truncate(scratch("cut"), 4, &failure));
    assert_int_equal(bl_file_size(f), 9);
    assert_ok(bl_file_read(f, 0, room, 4, &failure));
    assert_int_equal(bl_file_read(f, 0, room, 9, &failure), BL_EIO);
    assert_non_null(strstr(failure.message, "cut: cut short from 9 to 4 bytes while in use"));
    assert_int_equal(bl_file_still(f, &failure), BL_EIO);
    bl_file_close(f);
}

static void tokens_changed(void **state)
{
    (void)state;
    const unsigned char before[8] = {1, 0, 2, 0, 3, 0, 4, 0}, after[8] = {1, 0, 2, 0, 9, 0, 4, 0};
    int32_t ids[4];
    bl_token_file *t;
    scratch_write(scratch("t.bin"), before, sizeof before);
    assert_ok(bl_token_file_open(&t, scratch("t.bin"), 2, 5, &failure));
    assert_ok(bl_token_file_get(t, 0, 4, ids, &failure));
    assert_int_equal(ids[3], 4);
    scratch_write(scratch("t.bin"), after, sizeof after); /* the same file, written over */
    assert_ok(bl_token_file_get(t, 0, 2, ids, &failure));
    assert_int_equal(bl_token_file_get(t, 1, 3, ids, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "t.bin: token 2 is id 9, past the vocabulary of 5"));
    assert_ok(bl_file_truncate(scratch("t.bin"), 2, &failure));
    assert_int_equal(bl_token_file_get(t, 0, 4, ids, &failure), BL_EIO);
    bl_token_file_close(t);
}

static void weights_cut_short(void **state)
{
    (void)state;
    bl_st *st;
    const size_t shape[] = {32};
    float x[32];
    copy_file(scratch("run/model.safetensors"), scratch("w"));
    assert_ok(bl_st_open(&st, scratch("w"), &failure));
    assert_ok(bl_st_get_f32(st, "model.norm.weight", 1, shape, x, &failure));
    assert_ok(bl_file_truncate(scratch("w"), 4096, &failure));
    assert_int_equal(bl_st_get_f32(st, "model.norm.weight", 1, shape, x, &failure), BL_EIO);
    assert_non_null(strstr(failure.message, "w: cut short from "));
    bl_st_close(st);
}

/* ---- config.json claims more than there is ---- */

/* The run's weights as a model folder, a word of its config.json replaced. */
static void lie(const char *name, const char *was, const char *is)
{
    char path[800];
    assert_ok(bl_dir_make(scratch(name), &failure));
    (void)snprintf(path, sizeof path, "%s/model.safetensors", scratch(name));
    copy_file(scratch("run/model.safetensors"), path);
    (void)snprintf(path, sizeof path, "%s/config.json", scratch(name));
    replace_in(scratch("run/config.json"), path, was, is);
}

/* Bytes of this process that were ever resident. */
static uint64_t resident(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (uint64_t)usage.ru_maxrss * 1024;
}

static void configs_that_lie(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"\"vocab_size\": 400", "\"vocab_size\": 16777216",
         "tensor model.embed_tokens.weight has shape [400,32], expected [16777216,32]"},
        {"\"hidden_size\": 32", "\"hidden_size\": 8192",
         "tensor model.embed_tokens.weight has shape [400,32], expected [400,8192]"},
        {"\"intermediate_size\": 32", "\"intermediate_size\": 131072",
         "tensor model.layers.0.mlp.gate_proj.weight has shape [32,32], expected [131072,32]"},
        {"\"num_hidden_layers\": 1", "\"num_hidden_layers\": 1024",
         "tensor model.layers.1.conv.norm.weight is missing"},
        {"\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false",
         "tensor lm_head.weight is missing"},
        {"\"online\"", "\"offline\"",
         "tensor model.layers.0.seq_modeling_block.q_proj.weight is F32 of 32 x 32"}};
    uint64_t before = resident();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[16];
        bl_model *m;
        bl_plan_result plan = {.size = sizeof plan};
        (void)snprintf(name, sizeof name, "lie%zu", i);
        lie(name, cases[i][0], cases[i][1]);
        if (i == 1) /* so that a head is not too wide */
            replace_in(scratch("lie1/config.json"), scratch("lie1/config.json"),
                       "\"num_attention_heads\": 2", "\"num_attention_heads\": 64");
        assert_int_equal(bl_model_open(&m, scratch(name), NULL, &failure), BL_EFORMAT);
        assert_null(m);
        if (!strstr(failure.message, cases[i][2]))
            fail_msg("%s", failure.message);
        assert_int_equal(bl_plan_model(scratch(name), NULL, &plan, &failure), BL_EFORMAT);
        assert_non_null(strstr(failure.message, cases[i][2]));
    }
    assert_true(resident() - before < (uint64_t)64 << 20);
}

/* The run's checkpoint is held against its config too, optimizer and all. */
static void runs_that_lie(void **state)
{
    (void)state;
    bl_options *on;
    bl_trainer *t;
    uint64_t before = resident();
    assert_ok(bl_options_open(&on, BL_OPTIONS_TRAIN, &failure));
    assert_ok(bl_options_set(on, "resume", "true", &failure));
    replace_in(scratch("run/config.json"), scratch("run/config.json"), "\"num_hidden_layers\": 1",
               "\"num_hidden_layers\": 24");
    replace_in(scratch("run/config.json"), scratch("run/config.json"), "\"intermediate_size\": 32",
               "\"intermediate_size\": 131072");
    assert_int_equal(bl_trainer_open(&t, scratch("data"), scratch("run"), on, NULL, &failure),
                     BL_EFORMAT);
    bl_options_close(on);
    assert_non_null(strstr(failure.message, "step-00000002/model.safetensors: tensor "));
    assert_non_null(strstr(failure.message, "expected [131072,32]"));
    assert_true(resident() - before < (uint64_t)64 << 20);
    replace_in(scratch("run/config.json"), scratch("run/config.json"), "\"num_hidden_layers\": 24",
               "\"num_hidden_layers\": 1");
    replace_in(scratch("run/config.json"), scratch("run/config.json"),
               "\"intermediate_size\": 131072", "\"intermediate_size\": 32");
}

/* ---- results that are not numbers ---- */

/* Every weight is finite, and what is computed with them is not. */
static void results_that_are_no_numbers(void **state)
{
    (void)state;
    enum { D = 32, V = 400 };
    const int32_t ids[] = {1, 2, 3};
    static float logits[3 * V];
    bl_st *st;
    bl_map map;
    bl_model *m;
    bl_session *s;
    bl_eval_result result = {.size = sizeof result};
    lie("large", "\"model_type\"", "\"model_type\"");
    copy_file(scratch("run/tokenizer.json"), scratch("large/tokenizer.json"));
    char path[800];
    (void)snprintf(path, sizeof path, "%s", scratch("large/model.safetensors"));
    assert_ok(bl_st_open(&st, path, &failure));
    assert_ok(bl_map_open(&map, path, &failure));
    unsigned char *bytes = malloc(map.size);
    assert_non_null(bytes);
    memcpy(bytes, map.data, map.size);
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    for (size_t i = 0; i < D; i++)
        memcpy(bytes + 8 + header + bl_st_find(st, "model.norm.weight")->place + 4 * i,
               &(float){3e38f}, 4);
    scratch_write(path, bytes, map.size);
    free(bytes);
    bl_map_close(&map);
    bl_st_close(st);

    assert_ok(bl_model_open(&m, scratch("large"), NULL, &failure));
    assert_ok(bl_session_open(&s, m, NULL, &failure));
    assert_int_equal(bl_session_feed_each(s, ids, 3, logits, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "after token 0 is not a number"));
    assert_int_equal(bl_generate(s, "a", 1, NULL, NULL, NULL, NULL, &failure), BL_EFORMAT);
    assert_int_equal(bl_eval(m, scratch("data/val.bin"), 0, NULL, NULL, &result, &failure),
                     BL_EFORMAT);
    assert_non_null(strstr(failure.message, "val.bin: the loss of "));
    write_text(scratch("text"), "Once upon a time.");
    assert_int_equal(bl_eval(m, scratch("text"), 0, NULL, NULL, &result, &failure), BL_EFORMAT);
    bl_session_close(s);
    bl_model_close(m);
}

/* ---- limits of the process ---- */

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* What a child with this limit says: 0 as it should. */
static int with_limit(int resource, int (*look)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {(rlim_t)1 << 28, (rlim_t)1 << 28};
        _exit(setrlimit(resource, &limit) != 0 ? 9 : look());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int tells_limit(void)
{
    return bl_os_memory() <= (uint64_t)1 << 28 ? 0 : 1;
}

static int take_none(void *user, const char *text, size_t bytes)
{
    (void)user, (void)text, (void)bytes;
    return 0;
}

/* A text that would not fit with its ids is refused while it is read. */
static int refuses_long_texts(void)
{
    bl_error err;
    return bl_read_file(scratch("long"), NULL, take_none, NULL, &err) == BL_ENOMEM &&
                   strstr(err.message, "long: more than ") &&
                   bl_read_text(scratch("long"), NULL, NULL, take_none, NULL, &err) == BL_ENOMEM &&
                   strstr(err.message, "long: more than ")
               ? 0
               : 1;
}

static void limits_count(void **state)
{
    (void)state;
    static char line[1 << 16];
    memset(line, 'a', sizeof line);
    FILE *file = fopen(scratch("long"), "wb");
    assert_non_null(file);
    for (int i = 0; i < 33 << 4; i++) /* 33 MiB, and an eighth of the limit is 32 */
        assert_int_equal(fwrite(line, 1, sizeof line, file), sizeof line);
    assert_int_equal(fclose(file), 0);
    assert_ok(bl_read_file(scratch("long"), NULL, take_none, NULL, &failure));
    if (SANITIZED) {
        (void)puts("skipped: limits of memory (a sanitizer's own counts too)");
    } else {
        assert_int_equal(with_limit(RLIMIT_DATA, refuses_long_texts), 0);
        assert_int_equal(with_limit(RLIMIT_DATA, tells_limit), 0);
        assert_int_equal(with_limit(RLIMIT_AS, tells_limit), 0);
    }
    assert_int_equal(remove(scratch("long")), 0);
}

/* ---- records ---- */

/* Sizes are compared before the first hash, and the message names the file. */
static void manifests(void **state)
{
    (void)state;
    static const char *const files[] = {"a", "b"};
    char path[800];
    assert_ok(bl_dir_make(scratch("m"), &failure));
    write_text(scratch("m/a"), "first");
    write_text(scratch("m/b"), "second");
    assert_ok(bl_manifest_write(scratch("m"), files, 2, &failure));
    assert_ok(bl_manifest_verify(scratch("m"), files, 2, &failure));
    assert_int_equal(bl_manifest_verify(scratch("m"), files, 1, &failure), BL_EFORMAT);
    write_text(scratch("m/b"), "sEcond");
    assert_int_equal(bl_manifest_verify(scratch("m"), files, 2, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "m/b: not the contents whose hash"));
    if (truncate(scratch("m/b"), (off_t)1 << 40) == 0) {
        assert_int_equal(bl_manifest_verify(scratch("m"), files, 2, &failure), BL_EFORMAT);
        assert_non_null(strstr(failure.message, "m/b: 1099511627776 bytes, its MANIFEST says 6"));
    }
    write_text(scratch("m/b"), "second");
    (void)snprintf(path, sizeof path, "%s", scratch("m/MANIFEST"));
    replace_in(path, path, "  5  a", "  05  a");
    assert_int_equal(bl_manifest_verify(scratch("m"), files, 2, &failure), BL_EFORMAT);
    replace_in(path, path, "  05  a", "  5  a\n");
    assert_int_equal(bl_manifest_verify(scratch("m"), files, 2, &failure), BL_EFORMAT);
    write_text(path, "");
    assert_int_equal(bl_manifest_verify(scratch("m"), files, 2, &failure), BL_EFORMAT);
}

/* Records over the border of a piece, and a line that is too long for one. */
static void long_metrics(void **state)
{
    (void)state;
    enum { RECORDS = 9000, JUNK = 3 << 20 };
    bl_metrics m;
    assert_ok(bl_dir_make(scratch("metrics"), &failure));
    char path[800];
    (void)snprintf(path, sizeof path, "%s", scratch("metrics/metrics.jsonl"));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 1; i <= RECORDS; i++) {
        (void)fprintf(file, "{\"type\": \"train\", \"step\": %d, \"loss\": %d.5}\n", i, i);
        for (int k = 0; i == 5000 && k < JUNK; k++)
            (void)fputc('x', file);
        if (i == 5000)
            (void)fputc('\n', file);
    }
    long whole = ftell(file);
    assert_int_equal(fclose(file), 0);
    assert_ok(bl_metrics_open(&m, scratch("metrics"), 1, (uint64_t)whole - 1, &failure));
    assert_int_equal(m.train.count, RECORDS - 1); /* the last one's end is missing */
    assert_int_equal(m.train.at[5000].step, 5001);
    assert_true(m.train.at[RECORDS - 2].loss > 8999 && m.train.at[RECORDS - 2].loss < 9000);
    assert_int_equal(m.bytes,
                     (uint64_t)whole -
                         strlen("{\"type\": \"train\", \"step\": 9000, \"loss\": 9000.5}\n"));
    bl_metrics_release(&m);
}

static int make_run(void **state)
{
    watch w = {0};
    int failed = make_data(state);
    if (!failed)
        assert_ok(train("run", (pair[]){{"steps", "2"}, {NULL}}, &w));
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(pipes_without_a_writer),
        cmocka_unit_test(files_that_grow),
        cmocka_unit_test(files_without_a_size),
        cmocka_unit_test(endless_files),
        cmocka_unit_test(files_cut_short),
        cmocka_unit_test(tokens_changed),
        cmocka_unit_test(weights_cut_short),
        cmocka_unit_test(configs_that_lie),
        cmocka_unit_test(runs_that_lie),
        cmocka_unit_test(results_that_are_no_numbers),
        cmocka_unit_test(limits_count),
        cmocka_unit_test(manifests),
        cmocka_unit_test(long_metrics),
    };
    return cmocka_run_group_tests_name("read", tests, make_run, scratch_remove);
}
