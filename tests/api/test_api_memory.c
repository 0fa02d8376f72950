/* Every allocation that fails: the k-th of each story alone, or it and all after it.  The outcome
 * is BL_ENOMEM or the right result; nothing leaks, and files are the old ones or whole new ones.
 *
 *   test_api_memory [STRIDE [STORY [K]]]     (stride 1: every allocation; K: only that one) */
#define _GNU_SOURCE /* dladdr */
#include "api.h"

#include <math.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>

/* ---- the heap, in the place of the C library's for the whole process ---- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if !defined(__GLIBC__) || defined(SANITIZED) || defined(__SANITIZE_ADDRESS__) ||                  \
    defined(__SANITIZE_THREAD__)
#define SWEEPS 0 /* a sanitizer's allocator is in this place already */
#else
#define SWEEPS 1
#endif

static atomic_size_t asked, live; /* allocations since the story began; blocks not freed */
static size_t fail_from, fail_to; /* those that fail, from 1; 0: none */
static int show_where;
static size_t by_jansson; /* that would have failed, and were spared */

#if SWEEPS
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

/* A buffer of Jansson's (2.13, 2.14) that cannot grow loses bytes, and the string that it was for
 * is then read wrong: a letter is missing, an assertion of its own fails, or it writes past a
 * block.  Nothing tells us, so these, whose sizes are powers of two, do not fail here. */
static int is_jansson_buffer(const void *caller, size_t size)
{
    Dl_info where;
    return size >= 32 && (size & (size - 1)) == 0 && dladdr(caller, &where) && where.dli_fname &&
           strstr(where.dli_fname, "libjansson");
}

static int fails(const void *caller, size_t size)
{
    size_t n = atomic_fetch_add(&asked, 1) + 1;
    if (!fail_from || n < fail_from || n > fail_to)
        return 0;
    if (is_jansson_buffer(caller, size)) {
        by_jansson++;
        return 0;
    }
    if (show_where) {
        void *frames[40];
        fail_from = 0;
        backtrace_symbols_fd(frames, backtrace(frames, 40), 2);
        fail_from = n;
    }
    errno = ENOMEM;
    return 1;
}

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add(&live, 1);
    return block;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0), size) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0), count * size) ? NULL
                                                            : counted(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    return fails(__builtin_return_address(0), size) ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0), size) ? NULL
                                                    : counted(__libc_memalign(alignment, size));
}

void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = aligned_alloc(alignment, size);
    return *block ? 0 : ENOMEM;
}

void free(void *block)
{
    if (block)
        atomic_fetch_sub(&live, 1);
    __libc_free(block);
}
#endif

/* ---- stories: each from nothing to nothing, with one number for all its results ---- */

static uint64_t mix(uint64_t sum, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ p[i]) * 1099511628211u;
    return sum;
}

static char story_text[4000]; /* no allocation while a story runs */
static bl_error failed;
static char data[300], run[300], out[300], memory[300], memory_template[300];
static bl_options *o_prepare, *o_train, *o_config, *o_generate;

#define TRY(expr)                                                                                  \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != BL_OK)                                                                       \
            goto done;                                                                             \
    } while (0)

static bl_status tell_tokenizer(uint64_t *sum)
{
    bl_status status;
    bl_tokenizer *t = NULL;
    bl_encoder *e = NULL;
    int32_t ids[200];
    char text[800];
    size_t n;
    const bl_span texts[] = {{"Once upon a time", 16}, {story_text, 600}};
    TRY(bl_tokenizer_open(&t, data, &failed));
    TRY(bl_tokenizer_encode(t, story_text, 300, 0, ids, 200, &n, &failed));
    *sum = mix(*sum, ids, (n < 200 ? n : 200) * sizeof *ids);
    TRY(bl_tokenizer_decode(t, ids, n < 200 ? n : 200, 0, text, sizeof text, &n, &failed));
    *sum = mix(*sum, text, n);
    TRY(bl_encoder_open(&e, t, 1, &failed));
    TRY(bl_encoder_run(e, texts, 2, BL_ENCODE_OFFSETS, &failed));
    for (size_t i = 0; i < 2; i++) {
        const int32_t *found = bl_encoder_ids(e, i, &n);
        *sum = mix(*sum, found, n * sizeof *found);
    }
done:
    bl_encoder_close(e);
    bl_tokenizer_close(t);
    return status;
}

static int add_text(void *user, const bl_token_event *token)
{
    uint64_t *sum = user;
    *sum = mix(*sum, token->text, token->bytes);
    return 0;
}

static bl_status tell_session(uint64_t *sum)
{
    bl_status status;
    bl_model *m = NULL;
    bl_session *s = NULL, *fork = NULL;
    static float logits[API_V];
    char hex[33];
    TRY(bl_model_open(&m, run, NULL, &failed));
    TRY(bl_model_fingerprint(m, hex, &failed));
    *sum = mix(*sum, hex, 32);
    TRY(bl_session_open(&s, m, NULL, &failed));
    TRY(bl_generate(s, "Once upon", 9, o_generate, add_text, sum, NULL, &failed));
    TRY(bl_session_save(s, memory, &failed));
    TRY(bl_session_fork(&fork, s, &failed));
    TRY(bl_session_reset(s, &failed));
    TRY(bl_session_load(s, memory, &failed));
    TRY(bl_session_feed(s, NULL, 0, logits, &failed));
    *sum = mix(*sum, logits, sizeof logits);
    bl_score_result score = {.size = sizeof score};
    TRY(bl_score(s, (const int32_t[]){7, 3, 99}, 3, NULL, NULL, &score, &failed));
    *sum = mix(*sum, &score.log_probability, sizeof score.log_probability);
    TRY(bl_generate(fork, "", 0, o_generate, add_text, sum, NULL, &failed));
done:
    bl_session_close(fork);
    bl_session_close(s);
    bl_model_close(m);
    return status;
}

/* A folder in memory, and a memory in a buffer. */
static bl_buffer held[2];
static bl_status tell_buffers(uint64_t *sum)
{
    static unsigned char bytes[1 << 20];
    bl_status status;
    bl_files *f = NULL, *made = NULL;
    bl_model *m = NULL;
    bl_session *s = NULL;
    bl_model_info info = {.size = sizeof info};
    size_t n;
    TRY(bl_files_open(&f, held, 2, &failed));
    TRY(bl_model_open(&m, bl_files_path(f), NULL, &failed));
    TRY(bl_model_describe(m, &info, &failed));
    *sum = mix(*sum, &info, sizeof info);
    TRY(bl_session_open(&s, m, NULL, &failed));
    TRY(bl_session_feed(s, (const int32_t[]){7, 3, 99}, 3, NULL, &failed));
    TRY(bl_session_save_buffer(s, bytes, sizeof bytes, &n, &failed));
    *sum = mix(*sum, bytes, n);
    TRY(bl_session_load_buffer(s, bytes, n, &failed));
    bl_buffer file;
    TRY(bl_export_files(&made, m, "f16", &failed));
    for (size_t i = 0; bl_files_at(made, i, &file); i++)
        *sum = mix(*sum, file.bytes, file.size);
done:
    bl_files_close(made);
    bl_session_close(s);
    bl_model_close(m);
    bl_files_close(f);
    return status;
}

/* The same weights as a shard, with an index that names every tensor of its header. */
static char index_text[1 << 16];
static void make_index(const char *shard, size_t size)
{
    static const char behind[] = "\":{\"dtype\"", head[] = "{\"weight_map\": {";
    size_t used = (size_t)snprintf(index_text, sizeof index_text, "%s", head);
    for (size_t i = 8; i + sizeof behind < size && shard[i] != '\n'; i++) {
        if (memcmp(shard + i, behind, sizeof behind - 1) != 0)
            continue;
        size_t begin = i;
        while (shard[begin - 1] != '"')
            begin--;
        used += (size_t)snprintf(index_text + used, sizeof index_text - used,
                                 "%s\"%.*s\": \"a.safetensors\"", used > sizeof head ? "," : "",
                                 (int)(i - begin), shard + begin);
        assert_true(used < sizeof index_text);
    }
    (void)snprintf(index_text + used, sizeof index_text - used, "}}");
}

static bl_status tell_shards(uint64_t *sum)
{
    bl_status status;
    bl_files *f = NULL;
    bl_model *m = NULL;
    char hex[33];
    const bl_buffer files[] = {
        held[0],
        {"a.safetensors", held[1].bytes, held[1].size},
        {"model.safetensors.index.json", index_text, strlen(index_text)},
    };
    TRY(bl_files_open(&f, files, 3, &failed));
    TRY(bl_model_open(&m, bl_files_path(f), NULL, &failed));
    TRY(bl_model_fingerprint(m, hex, &failed));
    *sum = mix(*sum, hex, sizeof hex);
done:
    bl_model_close(m);
    bl_files_close(f);
    return status;
}

/* A sampler with all that it can have, and its fork. */
static bl_status tell_sampler(uint64_t *sum)
{
    static float logits[API_V];
    static const char gbnf[] = "root ::= [a-z ]+ \".\"";
    static const int32_t ids[] = {7, 3, 99};
    static const float bias[] = {1, -2, 0.5f};
    bl_status status;
    bl_model *m = NULL;
    bl_grammar *g = NULL;
    bl_sampler *s = NULL, *fork = NULL;
    for (int32_t v = 0; v < API_V; v++)
        logits[v] = (float)(v * 37 % 101) / 9;
    TRY(bl_model_open(&m, run, NULL, &failed));
    TRY(bl_grammar_open(&g, bl_model_tokenizer(m), gbnf, sizeof gbnf - 1, &failed));
    TRY(bl_sampler_open(&s, m, &failed));
    TRY(bl_sampler_bias(s, ids, bias, 3, &failed));
    TRY(bl_sampler_constrain(s, g, &failed));
    TRY(bl_sampler_accept(s, ids, 3, o_generate, &failed));
    for (int i = 0; i < 3; i++) {
        int32_t id;
        TRY(bl_sampler_draw(s, logits, NULL, o_generate, &id, NULL, &failed));
        *sum = mix(*sum, &id, sizeof id);
        bl_sampler_close(fork);
        fork = NULL;
        TRY(bl_sampler_fork(&fork, s, &failed));
        TRY(bl_sampler_draw(fork, logits, NULL, o_generate, &id, NULL, &failed));
        *sum = mix(*sum, &id, sizeof id);
    }
done:
    bl_sampler_close(fork);
    bl_sampler_close(s);
    bl_grammar_close(g);
    bl_model_close(m);
    return status;
}

/* Two sessions and a copy read in a batch; one leaves it before its end, one is closed in it. */
static bl_status tell_batch(uint64_t *sum)
{
    bl_status status;
    bl_model *m = NULL;
    bl_batch *b = NULL;
    bl_options *o = NULL;
    bl_session *s[3] = {NULL};
    static float logits[3][API_V];
    static const int32_t ids[] = {7, 3, 99, 12, 5, 60, 2, 2, 31};
    TRY(bl_model_open(&m, run, NULL, &failed));
    TRY(bl_batch_open(&b, m, 4, NULL, &failed));
    TRY(bl_session_open(&s[0], m, NULL, &failed));
    TRY(bl_session_open(&s[1], m, NULL, &failed));
    TRY(bl_batch_join(b, s[0], &failed));
    TRY(bl_batch_join(b, s[1], &failed));
    const bl_batch_turn first[] = {{s[0], ids, 9, logits[0]}, {s[1], ids, 3, NULL}};
    TRY(bl_batch_feed(b, first, 2, &failed));
    TRY(bl_session_fork(&s[2], s[1], &failed));
    TRY(bl_batch_join(b, s[2], &failed));
    TRY(bl_batch_leave(b, s[0], &failed));
    const bl_batch_turn second[] = {{s[1], NULL, 0, logits[1]}, {s[2], ids + 3, 2, logits[2]}};
    TRY(bl_batch_feed(b, second, 2, &failed));
    int32_t drawn[2];
    TRY(bl_options_open(&o, BL_OPTIONS_GENERATE, &failed));
    TRY(bl_options_set(o, "seed", "3", &failed));
    TRY(bl_session_stop(s[2], &(bl_span){"e", 1}, 1, &failed));
    const bl_options *const options[] = {o, o};
    for (int i = 0; i < 2; i++) {
        TRY(bl_options_set(o, "logprobs", i ? "5" : "0", &failed));
        TRY(bl_batch_next(b, second, 2, options, drawn, &failed));
        *sum = mix(*sum, drawn, sizeof drawn);
        const bl_token_event *token = bl_batch_event(b, 0);
        *sum = mix(*sum, token->likeliest, token->likeliest_count * sizeof *token->likeliest);
    }
    bl_token_event next = {.size = sizeof next};
    bl_generate_result so_far = {.size = sizeof so_far};
    TRY(bl_generate_next(s[2], "a", 1, NULL, 0, o, &next, &so_far, &failed));
    *sum = mix(*sum, next.likeliest, next.likeliest_count * sizeof *next.likeliest);
    *sum = mix(*sum, logits, sizeof logits);
done:
    bl_options_close(o);
    bl_session_close(s[2]);
    bl_batch_close(b);
    bl_session_close(s[1]);
    bl_session_close(s[0]);
    bl_model_close(m);
    return status;
}

static uint64_t file_sum(uint64_t sum, const char *dir, const char *name)
{
    static unsigned char bytes[1 << 16];
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    size_t n = atomic_load(&asked), from = fail_from;
    fail_from = 0; /* the test's own */
    FILE *file = fopen(path, "rb");
    sum = file ? mix(sum, bytes, fread(bytes, 1, sizeof bytes, file)) : sum + 1;
    if (file)
        (void)fclose(file);
    fail_from = from;
    atomic_store(&asked, n);
    return sum;
}

static void remove_all(const char *path)
{
    size_t n = atomic_load(&asked), from = fail_from;
    fail_from = 0; /* the test's own */
    (void)nftw(path, api_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    fail_from = from;
    atomic_store(&asked, n);
}

static bl_status tell_evaluation(uint64_t *sum)
{
    bl_status status;
    bl_model *m = NULL;
    bl_eval_result r = {.size = sizeof r};
    bl_plan_result plan = {.size = sizeof plan};
    static char text[20000];
    size_t n;
    TRY(bl_model_open(&m, run, NULL, &failed));
    TRY(bl_eval(m, api_path("data/val.bin"), 64, NULL, NULL, &r, &failed));
    *sum = mix(*sum, &r.loss, sizeof r.loss);
    TRY(bl_eval(m, api_path("short.txt"), 64, NULL, NULL, &r, &failed));
    *sum = mix(*sum, &r.loss, sizeof r.loss);
    TRY(bl_plan_model(run, NULL, &plan, &failed));
    *sum = mix(*sum, &plan.total, sizeof plan.total);
    TRY(bl_plan(data, o_train, o_config, &plan, &failed));
    *sum = mix(*sum, &plan.total, sizeof plan.total);
    const char *const whats[] = {run,
                                 data,
                                 api_path("run/model.safetensors"),
                                 api_path("memory.ok"),
                                 api_path("data/tokenizer.json"),
                                 api_path("data/val.bin")};
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++) {
        TRY(bl_info(whats[i], text, sizeof text, &n, &failed));
        *sum = mix(*sum, text, n < sizeof text ? n : sizeof text);
    }
done:
    bl_model_close(m);
    return status;
}

/* Over an existing folder: it stays what it was until the new one is whole. */
static bl_status tell_prepare(uint64_t *sum)
{
    static const char *const names[] = {"meta.json", "train.bin", "val.bin", "tokenizer.json"};
    const char *const sources[] = {api_path("short.txt"), api_path("more.jsonl"),
                                   api_path("more.txt.gz")};
    bl_prepare_result r = {.size = sizeof r};
    bl_status status = bl_prepare(sources, 3, out, o_prepare, NULL, NULL, &r, &failed);
    if (status == BL_OK) {
        *sum = mix(*sum, &r.tokens, sizeof r.tokens);
        *sum = mix(*sum, &r.documents, sizeof r.documents);
    }
    for (size_t i = 0; status == BL_OK && i < 4; i++)
        *sum = file_sum(*sum, out, names[i]);
    return status;
}

static bl_status tell_training(uint64_t *sum)
{
    bl_status status;
    bl_trainer *t = NULL;
    remove_all(out);
    TRY(bl_trainer_open(&t, data, out, o_train, o_config, &failed));
    TRY(bl_trainer_run(t, NULL, NULL, &failed));
    bl_trainer_close(t);
    t = NULL;
    TRY(bl_options_set(o_train, "resume", "true", &failed));
    TRY(bl_trainer_open(&t, data, out, o_train, o_config, &failed));
    *sum = file_sum(*sum, out, "ckpt/step-00000002/model.safetensors");
done:
    bl_trainer_close(t);
    return status;
}

/* Step by step, and a model of what was learned by then. */
static bl_status tell_steps(uint64_t *sum)
{
    bl_status status;
    bl_trainer *t = NULL;
    bl_model *m = NULL;
    bl_step_result made = {.size = sizeof made};
    bl_eval_result found = {.size = sizeof found};
    char hex[33];
    remove_all(out);
    TRY(bl_trainer_open(&t, data, out, o_train, o_config, &failed));
    TRY(bl_trainer_step(t, 1, &made, &failed));
    TRY(bl_trainer_eval(t, &found, &failed));
    TRY(bl_trainer_model(&m, t, NULL, &failed));
    TRY(bl_trainer_step(t, 1, &made, &failed));
    TRY(bl_trainer_checkpoint(t, NULL, 0, NULL, &failed));
    *sum = mix(*sum, &made.loss, sizeof made.loss);
    *sum = mix(*sum, &found.loss, sizeof found.loss);
    *sum = file_sum(*sum, out, "ckpt/step-00000002/model.safetensors");
    bl_trainer_close(t);
    t = NULL;
    TRY(bl_model_fingerprint(m, hex, &failed));
    *sum = mix(*sum, hex, 32);
done:
    bl_model_close(m);
    bl_trainer_close(t);
    return status;
}

/* From a model, on batches of the program's, without a folder. */
static bl_status tell_given(uint64_t *sum)
{
    bl_status status;
    bl_trainer *t = NULL;
    bl_model *m = NULL;
    bl_step_result made = {.size = sizeof made};
    static const int32_t ids[] = {7, 3, 99, 12, 5, 60, 2, 2, 31, 8};
    char hex[33];
    TRY(bl_options_set(o_train, "init", run, &failed));
    TRY(bl_trainer_open_given(&t, NULL, NULL, o_train, NULL, &failed));
    TRY(bl_trainer_step_on(t, ids, NULL, 2, 4, &made, &failed));
    TRY(bl_trainer_model(&m, t, NULL, &failed));
    TRY(bl_model_fingerprint(m, hex, &failed));
    *sum = mix(*sum, hex, 32);
done:
    (void)bl_options_set(o_train, "init", "", NULL);
    bl_model_close(m);
    bl_trainer_close(t);
    return status;
}

static bl_status tell_export(uint64_t *sum)
{
    bl_status status;
    bl_model *m = NULL;
    TRY(bl_model_open(&m, run, NULL, &failed));
    TRY(bl_export(m, out, "f16", 1, &failed));
    *sum = file_sum(*sum, out, "model.safetensors");
    *sum = file_sum(*sum, out, "config.json");
    *sum = file_sum(*sum, out, "tokenizer.json");
done:
    bl_model_close(m);
    return status;
}

static bl_status tell_options(uint64_t *sum)
{
    bl_status status;
    bl_options *o = NULL;
    char value[64];
    TRY(bl_options_open(&o, BL_OPTIONS_CONFIG, &failed));
    TRY(bl_options_load(o, api_path("run/config.json"), &failed));
    TRY(bl_options_preset(o, "tiny", &failed));
    TRY(bl_options_get(o, "hidden_size", value, sizeof value, NULL, &failed));
    *sum = mix(*sum, value, strlen(value));
    bl_options_close(o);
    o = NULL;
    TRY(bl_options_open(&o, BL_OPTIONS_TRAIN, &failed));
    TRY(bl_options_set(o, "sample_prompt", "Es war einmal", &failed));
done:
    bl_options_close(o);
    return status;
}

static bl_status tell_template(uint64_t *sum)
{
    static const char json[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi <|endoftext|>\"}], \"x\": [1, {}]}";
    bl_status status;
    bl_tokenizer *t = NULL;
    bl_template *template = NULL;
    int32_t ids[200];
    char text[800];
    size_t n;
    TRY(bl_template_open(&template, memory_template, NULL, &failed));
    TRY(bl_template_render(template, json, sizeof json - 1, 0, text, sizeof text, &n, &failed));
    *sum = mix(*sum, text, n < sizeof text ? n : sizeof text);
    TRY(bl_tokenizer_open(&t, data, &failed));
    TRY(bl_template_encode(template, t, json, sizeof json - 1, 0, 0, ids, NULL, 200, &n, &failed));
    *sum = mix(*sum, ids, (n < 200 ? n : 200) * sizeof *ids);
    TRY(bl_template_turn(template, t, "Be kind", "Hi", 2, 0, ids, 200, &n, &failed));
    *sum = mix(*sum, ids, (n < 200 ? n : 200) * sizeof *ids);
    TRY(bl_template_ends(template, t, ids, 200, &n, &failed));
    *sum = mix(*sum, ids, (n < 200 ? n : 200) * sizeof *ids);
done:
    bl_template_close(template);
    bl_tokenizer_close(t);
    return status;
}

/* Texts by a grammar and by a schema, a copy in the middle of one, biases and texts to stop at. */
static bl_status tell_grammar(uint64_t *sum)
{
    static const char gbnf[] = "root ::= [A-Z] ([a-z] | \" \"){3,9} end\nend ::= \".\" | \"!\"",
                      schema[] = "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": "
                                 "\"integer\", \"minimum\": -9, \"maximum\": 120}, \"t\": {"
                                 "\"enum\": [\"a\", 1]}}, \"required\": [\"n\", \"t\"]}";
    static const int32_t forbidden[] = {40, 9};
    static const float bias[] = {-INFINITY, 1};
    const bl_span stop = {"zz", 2};
    bl_status status;
    bl_model *m = NULL;
    bl_grammar *g = NULL, *json = NULL;
    bl_session *s = NULL, *fork = NULL;
    TRY(bl_model_open(&m, run, NULL, &failed));
    TRY(bl_grammar_open(&g, bl_model_tokenizer(m), gbnf, sizeof gbnf - 1, &failed));
    TRY(bl_grammar_open_schema(&json, bl_model_tokenizer(m), schema, sizeof schema - 1, &failed));
    TRY(bl_session_open(&s, m, NULL, &failed));
    TRY(bl_session_bias(s, forbidden, bias, 2, &failed));
    TRY(bl_session_stop(s, &stop, 1, &failed));
    TRY(bl_session_constrain(s, g, &failed));
    TRY(bl_generate(s, "Once upon", 9, o_generate, add_text, sum, NULL, &failed));
    TRY(bl_session_fork(&fork, s, &failed));
    TRY(bl_session_constrain(s, json, &failed));
    TRY(bl_generate(s, "", 0, o_generate, add_text, sum, NULL, &failed));
    TRY(bl_generate(fork, " a", 2, o_generate, add_text, sum, NULL, &failed));
done:
    bl_session_close(fork);
    bl_session_close(s);
    bl_grammar_close(json);
    bl_grammar_close(g);
    bl_model_close(m);
    return status;
}

/* ---- the sweep ---- */

typedef struct story {
    const char *name;
    bl_status (*tell)(uint64_t *sum);
    size_t stride; /* of the short sweep */
} story;

static const story stories[] = {
    {"buffers", tell_buffers, 31},        {"sampler", tell_sampler, 61},
    {"options", tell_options, 1},         {"tokenizer", tell_tokenizer, 97},
    {"session", tell_session, 61},        {"batch", tell_batch, 61},
    {"evaluation", tell_evaluation, 307}, {"prepare", tell_prepare, 43},
    {"export", tell_export, 307},         {"training", tell_training, 1009},
    {"steps", tell_steps, 1009},          {"given", tell_given, 401},
    {"template", tell_template, 31},      {"grammar", tell_grammar, 89},
    {"shards", tell_shards, 7},
};
enum { STORIES = sizeof stories / sizeof *stories };

static bl_status tell_with(const story *s, size_t from, size_t to, uint64_t *sum, size_t *made)
{
    *sum = 14695981039346656037u;
    failed = (bl_error){BL_OK, ""};
    (void)bl_options_set(o_train, "resume", "false", NULL);
    atomic_store(&asked, 0);
    by_jansson = 0;
    fail_from = from;
    fail_to = to;
    bl_status status = s->tell(sum);
    fail_from = 0;
    *made = atomic_load(&asked);
    return status;
}

static size_t stride_of_all, only_k;
static const char *only_story;

static unsigned sweep(const story *s)
{
    uint64_t wanted, got;
    size_t all, n, bad = 0, made_good = 0, refused = 0, spared = 0;
    for (int warm = 0; warm < 2; warm++) /* what is kept for the process exists now */
        if (tell_with(s, 0, 0, &wanted, &all) != BL_OK)
            fail_msg("%s: %s", s->name, failed.message);
    assert_true(all > 20); /* or else this is not the heap */
    size_t stride = stride_of_all ? stride_of_all : s->stride;
    for (int rest = 0; rest < 2; rest++)
        for (size_t k = only_k ? only_k : 1; k <= all; k += stride) {
            size_t before = atomic_load(&live);
            show_where = only_k != 0 && !rest;
            bl_status status = tell_with(s, k, rest ? SIZE_MAX : k, &got, &n);
            const char *wrong = NULL;
            spared += by_jansson;
            refused += status == BL_ENOMEM;
            made_good += status == BL_OK;
            if (status == BL_OK && got != wanted)
                wrong = "another result";
            else if (status != BL_OK && status != BL_ENOMEM)
                wrong = "another status";
            else if (failed.code != status)
                wrong = "another code";
            else if (atomic_load(&live) != before)
                wrong = "blocks left";
            if (wrong && bad++ < 12)
                print_error("%s, allocation %zu of %zu%s: %s (%s: %s; %zd blocks)\n", s->name, k,
                            all, rest ? " and all after it" : "", wrong, bl_status_name(status),
                            failed.message, (ssize_t)(atomic_load(&live) - before));
            if (only_k)
                break;
        }
    print_message(
        "%s: %zu allocations, every %zu-th: %zu refused, %zu made good, %zu wrong (%zu of "
        "Jansson's buffers were spared)\n",
        s->name, all, stride, refused, made_good, bad, spared);
    return (unsigned)bad;
}

static void write_text(const char *path, const char *format, int lines)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < lines; i++)
        (void)fprintf(file, format, i, i * 7 % 13);
    assert_int_equal(fclose(file), 0);
}

/* A file of the export, in memory. */
static void hold(const char *name, bl_buffer *held_file)
{
    static unsigned char bytes[2][1 << 20];
    static size_t used;
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", api_path("packed"), name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes[used], 1, sizeof bytes[0], file);
    assert_true(n < sizeof bytes[0]);
    assert_int_equal(fclose(file), 0);
    *held_file = (bl_buffer){name, bytes[used++], n};
}

static int make(void **state)
{
    char command[1200];
    if (api_make(state) != 0)
        return -1;
    (void)snprintf(data, sizeof data, "%s", api_path("data"));
    (void)snprintf(run, sizeof run, "%s", api_path("run"));
    (void)snprintf(memory, sizeof memory, "%s", api_path("memory.ok"));
    (void)snprintf(memory_template, sizeof memory_template, "%s", api_path("chat"));
    assert_int_equal(mkdir(memory_template, 0777), 0);
    FILE *chat = fopen(api_path("chat/tokenizer_config.json"), "w");
    assert_non_null(chat);
    assert_true(
        fputs("{\"eos_token\": \"<|endoftext|>\", \"chat_template\": \"{% macro f(x) %}{{ x | "
              "title | replace('H', 'J') }}{% endmacro %}{% for m in messages %}{% "
              "generation %}{{ [m.role, 1.5] | tojson(indent=2) }}{% endgeneration %}{{ "
              "f(m.content) ~ m.content.split(' ') }}{{ m.content }}{{ eos_token }}{% "
              "endfor %}\"}",
              chat) >= 0);
    assert_int_equal(fclose(chat), 0);
    bl_model *model;
    bl_session *session;
    assert_ok(bl_model_open(&model, run, NULL, &api_error));
    assert_ok(bl_session_open(&session, model, NULL, &api_error));
    assert_ok(bl_session_save(session, memory, &api_error));
    bl_session_close(session);
    assert_ok(bl_export(model, api_path("packed"), "f32", 0, &api_error));
    bl_model_close(model);
    hold("config.json", &held[0]);
    hold("model.safetensors", &held[1]);
    make_index(held[1].bytes, held[1].size);
    for (size_t i = 0; i + 60 < sizeof story_text;)
        i += (size_t)snprintf(story_text + i, 60, "The %zu-th fox told a tale of rain and snow. ",
                              i);
    write_text(api_path("short.txt"), "A cat (%d) saw %d birds.\n<|endoftext|>\n", 30);
    write_text(api_path("more.jsonl"), "{\"n\": %d, \"text\": \"line with caf\\u00e9 %d\"}\n", 30);
    write_text(api_path("more.txt"), "The dog %d barked %d times.\n<|endoftext|>\n", 30);
    (void)snprintf(command, sizeof command, "gzip -k '%s'", api_path("more.txt"));
    assert_int_equal(system(command), 0);
    o_prepare = api_options(BL_OPTIONS_PREPARE, "vocab_size", "280", "val_split", "0.2", "threads",
                            "1", "dedup", "near", (char *)NULL);
    o_train = api_small_training("2");
    o_config = api_small_config();
    o_generate = api_options(BL_OPTIONS_GENERATE, "max_tokens", "3", "seed", "3", (char *)NULL);
    return 0;
}

static int end(void **state)
{
    bl_options_close(o_prepare);
    bl_options_close(o_train);
    bl_options_close(o_config);
    bl_options_close(o_generate);
    return api_remove(state);
}

static void every_allocation(void **state)
{
    (void)state;
    unsigned bad = 0;
    if (!SWEEPS) {
        print_message("skipped: the heap is a sanitizer's, or not glibc's\n");
        skip();
    }
    for (size_t i = 0; i < STORIES; i++) {
        (void)snprintf(out, sizeof out, "%s", api_path(stories[i].name));
        if (!only_story || strcmp(only_story, stories[i].name) == 0)
            bad += sweep(&stories[i]);
    }
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    stride_of_all = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    only_story = argc > 2 ? argv[2] : NULL;
    only_k = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    setenv("BITLLAMA_ONEDNN", "off", 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    return cmocka_run_group_tests(tests, make, end);
}
