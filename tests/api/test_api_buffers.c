/* Models, tokenizers, templates and memories out of memory: the bits that they have as files, and
 * refused in the words that refuse the same files. */
#include "api.h"

enum { FILES = 4, MOST = 1 << 22 };

static const char *const names[FILES] = {"config.json", "model.safetensors", "tokenizer.json",
                                         "tokenizer_config.json"};
static unsigned char room[FILES][MOST];

static size_t read_file(const char *path, unsigned char *to)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(to, 1, MOST, file);
    assert_true(n < MOST);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* The files of a folder, as they are on disk. */
static void take_folder(const char *folder, bl_buffer files[FILES])
{
    char path[600];
    for (size_t i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        files[i] = (bl_buffer){names[i], room[i], read_file(path, room[i])};
    }
}

static const char template_config[] =
    "{\"eos_token\": \"<|endoftext|>\", \"chat_template\": \"{% for m in messages %}{{ m.content "
    "}}{{ eos_token }}{% endfor %}\"}";

static int make(void **state)
{
    bl_model *m;
    if (api_make(state) != 0)
        return -1;
    assert_ok(bl_model_open(&m, api_path("run"), NULL, &api_error));
    assert_ok(bl_export(m, api_path("packed"), "f32", 0, &api_error));
    bl_model_close(m);
    write_file(api_path("packed/tokenizer_config.json"), template_config,
               sizeof template_config - 1);
    return 0;
}

static int add_text(void *user, const bl_token_event *token)
{
    char *text = user;
    memcpy(text + strlen(text), token->text, token->bytes);
    return 0;
}

/* What a model says, and what it remembers then. */
static size_t try_model(bl_model *m, char text[2000], unsigned char *memory)
{
    bl_options *o = api_options(BL_OPTIONS_GENERATE, "seed", "5", "max_tokens", "40", (char *)NULL);
    bl_session *s;
    size_t bytes;
    memset(text, 0, 2000);
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_generate(s, "Once upon", 9, o, add_text, text, NULL, &api_error));
    assert_ok(bl_session_save_buffer(s, memory, MOST, &bytes, &api_error));
    bl_session_close(s);
    bl_options_close(o);
    return bytes;
}

static void models_are_those_of_files(const char *folder)
{
    static unsigned char memory[2][MOST];
    char text[2][2000], hex[2][33];
    size_t bytes[2];
    bl_buffer files[FILES];
    bl_files *f;
    bl_model *m[2];
    take_folder(api_path("packed"), files);
    if (strcmp(folder, "run") == 0) { /* its files are in two folders */
        files[0].size = read_file(api_path("run/config.json"), room[0]);
        files[1].size = read_file(api_path("run/ckpt/step-00000004/model.safetensors"), room[1]);
    }
    assert_ok(bl_files_open(&f, files, FILES, &api_error));
    assert_ok(bl_model_open(&m[0], api_path(folder), NULL, &api_error));
    assert_ok(bl_model_open(&m[1], bl_files_path(f), NULL, &api_error));
    assert_string_equal(bl_model_path(m[1]), bl_files_path(f));
    for (int i = 0; i < 2; i++) {
        bytes[i] = try_model(m[i], text[i], memory[i]);
        assert_ok(bl_model_fingerprint(m[i], hex[i], &api_error));
    }
    assert_true(strlen(text[0]) > 20);
    assert_string_equal(text[0], text[1]);
    assert_string_equal(hex[0], hex[1]);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(memory[0], memory[1], bytes[0]);
    for (size_t i = 0; i < FILES; i++) /* nothing of them is needed any more */
        memset(room[i], 0xAB, files[i].size);
    bl_files_close(f);
    assert_int_equal(try_model(m[1], text[1], memory[1]), bytes[0]);
    assert_string_equal(text[0], text[1]);
    bl_model_close(m[0]);
    bl_model_close(m[1]);
}

/* Conversations by the template of its folder, in documents and in a stream; without one and without
 * the marks of ChatML refused. */
static void conversations(void **state)
{
    (void)state;
    static const char talk[] =
        "{\"prompt\": \"Who?\", \"completion\": \"The owl.\"}\n"
        "{\"messages\": [{\"role\": \"user\", \"content\": \"And who?\"}, {\"role\": "
        "\"assistant\", \"content\": \"Nobody.\"}]}\n";
    bl_buffer files[FILES];
    bl_eval_result r[2] = {{.size = sizeof r[0]}, {.size = sizeof r[0]}};
    bl_options *reading = api_options(BL_OPTIONS_PREPARE, "documents", "messages", (char *)NULL);
    bl_files *f;
    bl_model *m[2];
    write_file(api_path("talk.jsonl"), talk, sizeof talk - 1);
    take_folder(api_path("packed"), files);
    assert_ok(bl_files_open(&f, files, FILES, &api_error));
    assert_ok(bl_model_open(&m[0], api_path("packed"), NULL, &api_error));
    assert_ok(bl_model_open(&m[1], bl_files_path(f), NULL, &api_error));
    for (int i = 0; i < 2; i++)
        assert_ok(bl_eval_text(m[i], api_path("talk.jsonl"), reading, 0, NULL, NULL, NULL, &r[i],
                               &api_error));
    assert_int_equal(r[0].documents, 2);
    assert_in_range(r[0].tokens, 4, 8 + 7 + 2); /* the end of each answer, and of no document */
    assert_int_equal(r[0].bytes, 0);
    assert_true(r[0].loss > 0 && r[0].bits_per_byte == 0);
    assert_int_equal(r[1].tokens, r[0].tokens);
    assert_true(r[1].loss == r[0].loss);
    bl_model_close(m[1]);
    bl_files_close(f);
    files[3] = (bl_buffer){names[3], (const unsigned char *)"{}", 2};
    assert_ok(bl_files_open(&f, files, FILES, &api_error));
    assert_ok(bl_model_open(&m[1], bl_files_path(f), NULL, &api_error));
    assert_int_equal(
        bl_eval_text(m[1], api_path("talk.jsonl"), reading, 0, NULL, NULL, NULL, &r[1], &api_error),
        BL_EINVAL);
    assert_non_null(strstr(api_error.message, "<|im_start|>, which ChatML writes"));
    for (int i = 0; i < 2; i++)
        bl_model_close(m[i]);
    bl_files_close(f);
    bl_options_close(reading);
}

static int take_text(void *user, const char *text, size_t bytes)
{
    (void)snprintf(user, 200, "%.*s", (int)bytes, text);
    return 0;
}

static const char *talk_as_text(const char *name, const char *value)
{
    static char text[200];
    bl_options *o =
        api_options(BL_OPTIONS_PREPARE, "documents", "messages", name, value, (char *)NULL);
    assert_ok(bl_read_text(api_path("one.jsonl"), o, NULL, take_text, text, &api_error));
    bl_options_close(o);
    return text;
}

/* One conversation as the text that its model reads; with a tokenizer that has not the tokens of its
 * template refused. */
static void conversation_as_text(void **state)
{
    (void)state;
    static const char one[] = "{\"prompt\": \"Who?\", \"completion\": \"The owl.\"}\n";
    static const char other[] =
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}";
    write_file(api_path("one.jsonl"), one, sizeof one - 1);
    write_file(api_path("other.jinja"), other, sizeof other - 1);
    assert_string_equal(talk_as_text("tokenizer", api_path("packed")),
                        "Who?<|endoftext|>The owl.<|endoftext|>");
    assert_string_equal(talk_as_text("tokenizer", api_path("packed/tokenizer.json")),
                        "Who?<|endoftext|>The owl.<|endoftext|>");
    assert_string_equal(talk_as_text("chat_template", api_path("other.jinja")),
                        "[user] Who?\n[assistant] The owl.\n");
    assert_string_equal(talk_as_text(NULL, NULL), "<|im_start|>user\nWho?<|im_end|>\n"
                                                  "<|im_start|>assistant\nThe owl.<|im_end|>\n");
    bl_options *o = api_options(BL_OPTIONS_PREPARE, "documents", "messages", "tokenizer",
                                api_path("run"), (char *)NULL); /* which has no template */
    char text[200] = "";
    assert_int_equal(bl_read_text(api_path("one.jsonl"), o, NULL, take_text, text, &api_error),
                     BL_EINVAL);
    assert_non_null(strstr(api_error.message, "<|im_start|>, which ChatML writes"));
    assert_string_equal(text, "");
    bl_options_close(o);
}

static void models(void **state)
{
    (void)state;
    models_are_those_of_files("packed");
    models_are_those_of_files("run");
}

/* Everything that the header names can be given the path. */
static void what_reads_them(void **state)
{
    (void)state;
    char path[200], text[300];
    int32_t ids[20], ends[20];
    size_t count, bytes;
    bl_buffer files[FILES];
    bl_files *f, *other;
    bl_tokenizer *t;
    bl_template *template;
    bl_options *config;
    bl_model *m;
    take_folder(api_path("packed"), files);
    assert_ok(bl_files_open(&f, files, FILES, &api_error));
    assert_ok(bl_files_open(&other, NULL, 0, &api_error));
    assert_ok(bl_tokenizer_open(&t, bl_files_path(f), &api_error));
    assert_ok(bl_tokenizer_encode(t, "Once upon", 9, 0, ids, 20, &count, &api_error));
    assert_true(count > 0 && count < 20);
    assert_ok(bl_template_open(&template, bl_files_path(f), NULL, &api_error));
    assert_ok(bl_template_render(template, "[{\"role\": \"user\", \"content\": \"Hi\"}]", 35, 0,
                                 text, sizeof text, &bytes, &api_error));
    assert_int_equal(bytes, 15);
    assert_memory_equal(text, "Hi<|endoftext|>", 15);
    assert_ok(bl_template_ends(template, t, ends, 20, &count, &api_error));
    assert_int_equal(count, 1);
    assert_int_equal(ends[0], bl_tokenizer_id(t, "<|endoftext|>"));
    config = api_options(BL_OPTIONS_CONFIG, (char *)NULL);
    (void)snprintf(path, sizeof path, "%s/config.json", bl_files_path(f));
    assert_ok(bl_options_load(config, path, &api_error));
    assert_ok(bl_options_get(config, "hidden_size", text, sizeof text, NULL, &api_error));
    assert_string_equal(text, "32");
    assert_ok(bl_model_open(&m, bl_files_path(f), NULL, &api_error));
    assert_ok(bl_export(m, api_path("again"), "f32", 0, &api_error)); /* takes tokenizer.json */
    assert_int_equal(read_file(api_path("again/tokenizer.json"), room[3]), files[2].size);
    assert_memory_equal(room[3], files[2].bytes, files[2].size);

    (void)snprintf(path, sizeof path, "%s/../config.json", bl_files_path(f));
    assert_int_equal(bl_options_load(config, path, &api_error), BL_ENOENT);
    assert_int_equal(bl_options_load(config, bl_files_path(f), &api_error), BL_EIO);
    bl_model *none;
    assert_int_equal(bl_model_open(&none, bl_files_path(other), NULL, &api_error), BL_EFORMAT);
    bl_files_close(f);
    assert_int_equal(bl_options_load(config, path, &api_error), BL_ENOENT);
    assert_int_equal(bl_export(m, api_path("later"), "f32", 0, &api_error), BL_ENOENT);
    bl_files_close(other);
    bl_model_close(m);
    bl_options_close(config);
    bl_template_close(template);
    bl_tokenizer_close(t);
}

/* Exported into memory: the files of the export on disk, which open as a model. */
static void exports(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"f32", "bf16", "int8"};
    bl_model *m, *again;
    bl_files *f;
    bl_buffer file;
    assert_ok(bl_model_open(&m, api_path("run"), NULL, &api_error));
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        char folder[400], path[600], hex[2][33];
        size_t count = 0;
        (void)snprintf(folder, sizeof folder, "%s", api_path(dtypes[i]));
        assert_ok(bl_export(m, folder, dtypes[i], 0, &api_error));
        assert_ok(bl_export_files(&f, m, dtypes[i], &api_error));
        for (; bl_files_at(f, count, &file); count++) {
            (void)snprintf(path, sizeof path, "%s/%s", folder, file.name);
            assert_int_equal(read_file(path, room[0]), file.size);
            assert_memory_equal(room[0], file.bytes, file.size);
        }
        assert_int_equal(count, 8); /* with generation_config.json and README.md */
        assert_null(file.name);
        for (int held = 0; held < 2; held++) {
            assert_ok(bl_model_open(&again, held ? bl_files_path(f) : folder, NULL, &api_error));
            assert_ok(bl_model_fingerprint(again, hex[held], &api_error));
            bl_model_close(again);
        }
        assert_string_equal(hex[0], hex[1]);
        bl_files_close(f);
    }
    assert_int_equal(bl_export_files(&f, m, "f64", &api_error), BL_EINVAL);
    assert_null(f);
    bl_model_close(m);
    bl_options *config = api_small_config();
    assert_ok(bl_model_random(&m, config, NULL, &api_error));
    assert_int_equal(bl_export_files(&f, m, "f32", &api_error), BL_EUNSUPPORTED);
    bl_model_close(m);
    bl_options_close(config);
}

/* Files that somebody writes into one. */
static void written(void **state)
{
    (void)state;
    char path[100], taken[100];
    const bl_buffer first = {"first", "1", 1};
    bl_buffer file;
    bl_files *f;
    bl_out *out, *late, *gone;
    assert_ok(bl_files_open(&f, &first, 1, &api_error));
    (void)snprintf(path, sizeof path, "%s/second", bl_files_path(f));
    (void)snprintf(taken, sizeof taken, "%s/first", bl_files_path(f));
    assert_int_equal(bl_out_open(&out, taken, &api_error), BL_EIO);
    assert_int_equal(bl_out_open(&out, bl_files_path(f), &api_error), BL_EIO);
    assert_ok(bl_out_open(&gone, path, &api_error));
    bl_out_write(gone, "x", 1);
    bl_out_abandon(gone);
    assert_int_equal(bl_files_at(f, 1, &file), 0);
    assert_ok(bl_out_open(&out, path, &api_error));
    for (size_t i = 0; i < 200; i++)
        bl_out_write(out, room[1], i * 997);
    assert_ok(bl_out_check(out, &api_error));
    assert_int_equal(bl_files_at(f, 1, &file), 0); /* not before it is whole */
    assert_ok(bl_out_commit(out, &api_error));
    assert_int_equal(bl_files_at(f, 1, &file), 1);
    assert_string_equal(file.name, "second");
    assert_int_equal(file.size, 199 * 200 / 2 * 997);
    assert_int_equal(bl_files_at(f, 2, &file), 0);
    (void)snprintf(path, sizeof path, "%s/third", bl_files_path(f));
    assert_ok(bl_out_open(&late, path, &api_error));
    bl_files_close(f);
    assert_int_equal(bl_out_commit(late, &api_error), BL_ENOENT);
}

static void names_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a/b", ".", "..", "/", "\xff"};
    bl_files *f;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const bl_buffer one = {bad[i], "x", 1};
        assert_int_equal(bl_files_open(&f, &one, 1, &api_error), BL_EINVAL);
        assert_null(f);
    }
    const bl_buffer twice[] = {{"a", "x", 1}, {"b", NULL, 0}, {"a", "y", 1}};
    assert_int_equal(bl_files_open(&f, twice, 3, &api_error), BL_EINVAL);
    assert_non_null(strstr(api_error.message, "files[0] and files[2]"));
    const bl_buffer no_name = {NULL, "x", 1}, no_bytes = {"a", NULL, 1};
    assert_int_equal(bl_files_open(&f, &no_name, 1, &api_error), BL_EINVAL);
    assert_int_equal(bl_files_open(&f, &no_bytes, 1, &api_error), BL_EINVAL);
}

/* ---- memories ---- */

static void memories(void **state)
{
    (void)state;
    static unsigned char buffer[MOST], file[MOST], part[MOST];
    static float a[API_V], b[API_V];
    static const int32_t ids[] = {7, 3, 99, 12, 5, 60, 2, 2, 31};
    bl_model *m;
    bl_session *s, *t;
    size_t bytes, asked;
    assert_ok(bl_model_open(&m, api_path("run"), NULL, &api_error));
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_session_open(&t, m, NULL, &api_error));
    for (size_t n = 0; n <= 9; n += 3) {
        assert_ok(bl_session_feed(s, ids, n, NULL, &api_error));
        assert_ok(bl_session_save(s, api_path("it.mem"), &api_error));
        size_t size = read_file(api_path("it.mem"), file);
        assert_ok(bl_session_save_buffer(s, NULL, 0, &asked, &api_error));
        assert_int_equal(asked, size);
        assert_ok(bl_session_save_buffer(s, buffer, size, &bytes, &api_error));
        assert_int_equal(bytes, size);
        assert_memory_equal(buffer, file, size);
        for (size_t cap = 1; cap < size; cap = 3 * cap + 1) {
            memset(part, 0xCD, MOST);
            assert_ok(bl_session_save_buffer(s, part, cap, &bytes, &api_error));
            assert_int_equal(bytes, size);
            assert_memory_equal(part, file, cap);
            assert_int_equal(part[cap], 0xCD);
        }
        assert_ok(bl_session_load_buffer(t, buffer, size, &api_error));
        memset(buffer, 0, size);
        assert_int_equal(bl_session_position(t), bl_session_position(s));
        assert_ok(bl_session_feed(s, ids, 9, a, &api_error));
        assert_ok(bl_session_feed(t, ids, 9, b, &api_error));
        assert_memory_equal(a, b, sizeof a);
    }
    bl_session_close(s);
    bl_session_close(t);
    bl_model_close(m);
}

/* ---- what is not as it should be ---- */

static uint64_t draws;
static size_t below(size_t n)
{
    draws = draws * 6364136223846793005u + 1442695040888963407u;
    return n ? (size_t)(draws >> 33) % n : 0;
}

/* A cut, some bits, some bytes, or a piece of it elsewhere; mostly near the beginning. */
static size_t damage(unsigned char *bytes, size_t n)
{
    size_t at = below(2) ? below(n < 700 ? n : 700) : below(n), some = 1 + below(8);
    switch (below(4)) {
    case 0:
        return below(3) ? at : n - below(n < 9 ? n : 9);
    case 1:
        bytes[at] = (unsigned char)(bytes[at] ^ 1u << below(8));
        return n;
    case 2:
        for (size_t i = at; i < n && i < at + some; i++)
            bytes[i] = (unsigned char)below(256);
        return n;
    default:
        some = at + 40 < n ? 40 : n - at;
        memmove(bytes + below(n - some + 1), bytes + at, some);
        return n;
    }
}

/* The two messages, but for where it is. */
static void assert_same_words(const char *a, const char *folder_a, const char *b,
                              const char *folder_b)
{
    char x[1200] = "", y[1200] = "";
    for (const char *at = a, *found; *at; at = found ? found + strlen(folder_a) : at + strlen(at)) {
        found = strstr(at, folder_a);
        (void)snprintf(x + strlen(x), sizeof x - strlen(x), "%.*s%s",
                       (int)(found ? (size_t)(found - at) : strlen(at)), at, found ? "*" : "");
    }
    for (const char *at = b, *found; *at; at = found ? found + strlen(folder_b) : at + strlen(at)) {
        found = strstr(at, folder_b);
        (void)snprintf(y + strlen(y), sizeof y - strlen(y), "%.*s%s",
                       (int)(found ? (size_t)(found - at) : strlen(at)), at, found ? "*" : "");
    }
    assert_string_equal(x, y);
}

static void damaged_models(void **state)
{
    (void)state;
    enum { TRIES = 240 };
    static unsigned char hurt[MOST];
    bl_buffer files[FILES];
    size_t refused = 0, messages = 0;
    assert_int_equal(mkdir(api_path("hurt"), 0777), 0);
    take_folder(api_path("packed"), files);
    draws = 11;
    for (int i = 0; i < TRIES; i++) {
        char folder[300], path[600];
        bl_error on_disk, held;
        bl_files *f;
        bl_model *a, *b;
        size_t which = below(3);
        bl_buffer given[FILES];
        memcpy(given, files, sizeof given);
        memcpy(hurt, files[which].bytes, files[which].size);
        given[which].bytes = hurt;
        given[which].size = damage(hurt, files[which].size);
        (void)snprintf(folder, sizeof folder, "%s", api_path("hurt"));
        for (size_t k = 0; k < FILES; k++) {
            (void)snprintf(path, sizeof path, "%s/%s", folder, names[k]);
            write_file(path, given[k].bytes, given[k].size);
        }
        assert_ok(bl_files_open(&f, given, FILES, &api_error));
        bl_status want = bl_model_open(&a, folder, NULL, &on_disk);
        assert_int_equal(bl_model_open(&b, bl_files_path(f), NULL, &held), want);
        assert_same_words(on_disk.message, folder, held.message, bl_files_path(f));
        refused += want != BL_OK;
        messages += strstr(held.message, bl_files_path(f)) != NULL;
        bl_model_close(a);
        bl_model_close(b);
        bl_files_close(f);
    }
    print_message("%d damaged models, %zu refused\n", TRIES, refused);
    assert_true(refused > TRIES / 3 && messages > TRIES / 3);
}

static void damaged_memories(void **state)
{
    (void)state;
    enum { TRIES = 400 };
    static unsigned char good[MOST], hurt[MOST], before[MOST], after[MOST];
    static const int32_t ids[] = {7, 3, 99, 12, 5};
    size_t n, size, bytes, refused = 0;
    bl_model *m;
    bl_session *s, *t;
    assert_ok(bl_model_open(&m, api_path("run"), NULL, &api_error));
    assert_ok(bl_session_open(&s, m, NULL, &api_error));
    assert_ok(bl_session_open(&t, m, NULL, &api_error));
    assert_ok(bl_session_feed(t, ids, 3, NULL, &api_error));
    assert_ok(bl_session_save_buffer(t, before, MOST, &size, &api_error));
    assert_ok(bl_session_feed(s, ids, 5, NULL, &api_error));
    assert_ok(bl_session_save_buffer(s, good, MOST, &n, &api_error));
    draws = 12;
    for (int i = 0; i < TRIES; i++) {
        bl_error on_disk, held;
        memcpy(hurt, good, n);
        bytes = i ? damage(hurt, n) : 0;
        write_file(api_path("hurt.mem"), hurt, bytes);
        bl_status want = bl_session_load(s, api_path("hurt.mem"), &on_disk);
        assert_int_equal(bl_session_load_buffer(t, hurt, bytes, &held), want);
        if (want != BL_OK) {
            const char *end = strchr(held.message, '/');
            char where[100];
            assert_non_null(end);
            (void)snprintf(where, sizeof where, "%.*s/memory", (int)(end - held.message),
                           held.message);
            assert_same_words(on_disk.message, api_path("hurt.mem"), held.message, where);
            refused++;
            assert_ok(bl_session_save_buffer(t, after, MOST, &bytes, &api_error));
            assert_int_equal(bytes, size);
            assert_memory_equal(before, after, size); /* as it was */
        } else {
            assert_ok(bl_session_load_buffer(t, before, size, &api_error));
        }
    }
    print_message("%d damaged memories, %zu refused\n", TRIES, refused);
    assert_true(refused > TRIES / 3);
    bl_session_close(s);
    bl_session_close(t);
    bl_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models),
        cmocka_unit_test(conversations),
        cmocka_unit_test(conversation_as_text),
        cmocka_unit_test(what_reads_them),
        cmocka_unit_test(exports),
        cmocka_unit_test(written),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(memories),
        cmocka_unit_test(damaged_models),
        cmocka_unit_test(damaged_memories),
    };
    return cmocka_run_group_tests(tests, make, api_remove);
}
