/* Continuations of a prompt that are told when they are whole: as JSON, and many at once. */
#include "replies.h"
#include "output.h"
#include "progress.h"
#include "signals.h"
#include "token_list.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 64 }; /* sessions of a batch */

static bl_status no_memory(bl_error *err)
{
    return bl_cli_fail(err, BL_ENOMEM, "out of memory");
}

/* Room for `want` things of a size. */
static int grow(void **block, size_t *cap, size_t want, size_t size)
{
    if (want <= *cap)
        return 1;
    size_t wide = *cap ? 2 * *cap : 64;
    while (wide < want)
        wide *= 2;
    void *larger = realloc(*block, wide * size);
    if (!larger)
        return 0;
    *block = larger;
    *cap = wide;
    return 1;
}

/* Room in the lists for one more token with so many beside it, and its text. */
static int make_room(bl_reply *r, size_t each, size_t bytes)
{
    void *tokens = r->tokens, *ids = r->likeliest, *logs = r->likeliest_log, *text = r->text;
    size_t want = (r->count + 1) * each;
    int fine = grow(&tokens, &r->cap, r->count + 1, sizeof *r->tokens) &&
               grow(&ids, &r->likeliest_cap, want, sizeof *r->likeliest) &&
               grow(&logs, &r->log_cap, want, sizeof *r->likeliest_log) &&
               grow(&text, &r->text_cap, r->bytes + bytes, 1);
    r->tokens = tokens;
    r->likeliest = ids;
    r->likeliest_log = logs;
    r->text = text;
    return fine;
}

bl_status bl_reply_add(bl_reply *r, const bl_token_event *token, bl_error *err)
{
    size_t each = token->likeliest_count, had = r->count * each;
    if (!make_room(r, each, token->bytes))
        return no_memory(err);
    if (!r->count)
        r->position = token->position;
    if (token->bytes)
        memcpy(r->text + r->bytes, token->text, token->bytes);
    r->bytes += token->bytes;
    r->tokens[r->count++] = (bl_reply_token){token->id, token->log_probability, token->bytes};
    for (size_t i = 0; i < each; i++) {
        r->likeliest[had + i] = token->likeliest[i];
        r->likeliest_log[had + i] = token->likeliest_log_probabilities[i];
    }
    r->each = each;
    r->ends = token->ends;
    r->ended = token->stopped ? "stop" : token->ends ? "end" : "length";
    return BL_OK;
}

void bl_reply_release(bl_reply *r)
{
    free(r->text);
    free(r->tokens);
    free(r->likeliest);
    free(r->likeliest_log);
    *r = (bl_reply){0};
}

/* A list for each token: "likeliest": [[{"id": 5, "text": " a", "log_probability": -1.5}]] */
static void print_likeliest(const bl_reply *r, size_t count, const bl_tokenizer *t)
{
    fputs(", \"likeliest\": [", stdout);
    for (size_t i = 0; i < count * r->each; i++) {
        size_t bytes;
        const char *text = bl_tokenizer_bytes(t, r->likeliest[i], &bytes);
        printf("%s{\"id\": %" PRId32 ", \"text\": ",
               i % r->each ? ", "
               : i         ? "], ["
                           : "[",
               r->likeliest[i]);
        bl_output_json_text(stdout, text ? text : "", text ? bytes : 0);
        fputs(", \"log_probability\": ", stdout);
        bl_output_json_number(stdout, r->likeliest_log[i]);
        putchar('}');
    }
    fputs(count ? "]]" : "]", stdout);
}

bl_status bl_reply_print_json(const bl_reply *r, const bl_tokenizer *t, size_t number,
                              bl_error *err)
{
    size_t count = r->count - (size_t)r->ends; /* what ends a text is not of it */
    putchar('{');
    if (number != SIZE_MAX)
        printf("\"sample\": %zu, ", number);
    printf("\"seed\": %" PRIu64 ", \"text\": ", r->seed);
    bl_output_json_text(stdout, r->text, r->bytes);
    printf(", \"ended\": \"%s\"", r->ended ? r->ended : "length");
    if (r->constrained)
        printf(", \"whole\": %s", r->whole ? "true" : "false");
    fputs(", \"ids\": [", stdout);
    for (size_t i = 0; i < count; i++)
        printf("%s%" PRId32, i ? ", " : "", r->tokens[i].id);
    putchar(']');
    if (r->count && !isnan(r->tokens[0].log_probability)) {
        fputs(", \"log_probabilities\": [", stdout);
        for (size_t i = 0; i < count; i++) {
            fputs(i ? ", " : "", stdout);
            bl_output_json_number(stdout, r->tokens[i].log_probability);
        }
        putchar(']');
    }
    if (r->each)
        print_likeliest(r, count, t);
    return bl_output_write("}\n", 2, err);
}

/* The lines that --logprobs writes. */
static bl_status print_list(const bl_reply *r, const bl_tokenizer *t, bl_error *err)
{
    bl_status status = BL_OK;
    for (size_t i = 0, at = 0; i < r->count && status == BL_OK; at += r->tokens[i++].bytes) {
        const bl_token_event token = {
            .id = r->tokens[i].id,
            .position = r->position + i,
            .text = r->text + at,
            .bytes = r->tokens[i].bytes,
            .log_probability = r->tokens[i].log_probability,
            .likeliest = r->likeliest + i * r->each,
            .likeliest_log_probabilities = r->likeliest_log + i * r->each,
            .likeliest_count = r->each,
        };
        status = bl_token_list_print(t, &token, err);
    }
    return status;
}

/* ---- many at once ---- */

/* One of a batch. */
typedef struct many_member {
    bl_session *session;
    int done;
    bl_reply reply;
} member;

/* The sessions that write together, and what the batch needs of those still at it. */
typedef struct many_group {
    const bl_many *many;
    bl_batch *batch;
    bl_options *options; /* a copy, whose max_tokens says what is left */
    const bl_tokenizer *tokenizer;
    size_t most; /* tokens of each */
    member members[TOGETHER];
    bl_batch_turn turns[TOGETHER];
    const bl_options *each[TOGETHER];
    int32_t drawn[TOGETHER];
    size_t at[TOGETHER]; /* of turn i, its member */
    size_t count;
} group;

/* A number among the options, which are valid. */
static unsigned long long number_of(const bl_options *o, const char *name)
{
    char text[64] = "0";
    (void)bl_options_get(o, name, text, sizeof text, NULL, NULL);
    return strtoull(text, NULL, 10);
}

/* Draws a token of each that is still at it. */
static bl_status draw_round(group *g, size_t round, size_t *left, bl_error *err)
{
    char number[32];
    size_t turns = 0;
    (void)snprintf(number, sizeof number, "%zu", g->most - round);
    bl_status status = bl_options_set(g->options, "max_tokens", number, err);
    for (size_t i = 0; i < g->count; i++) {
        if (g->members[i].done)
            continue;
        g->turns[turns] = (bl_batch_turn){.session = g->members[i].session};
        g->each[turns] = g->options;
        g->at[turns++] = i;
    }
    *left = turns;
    if (status == BL_OK && turns)
        status = bl_batch_next(g->batch, g->turns, turns, g->each, g->drawn, err);
    for (size_t i = 0; status == BL_OK && i < turns; i++) {
        const bl_token_event *token = bl_batch_event(g->batch, i);
        member *m = &g->members[g->at[i]];
        m->done = token->ends || token->stopped;
        status = bl_reply_add(&m->reply, token, err);
    }
    if (status == BL_OK && bl_signals_caught())
        status = bl_cli_fail(err, BL_EINTERRUPTED, "stopped");
    return status;
}

static bl_status join(group *g, bl_session *session, uint64_t seed, size_t i, bl_error *err)
{
    member *m = &g->members[i];
    bl_status status = bl_session_fork(&m->session, session, err);
    if (status != BL_OK)
        return status;
    bl_session_seed(m->session, seed);
    m->reply.seed = seed;
    m->reply.constrained = bl_session_constrained(m->session) != 0;
    return bl_batch_join(g->batch, m->session, err);
}

static void leave_all(group *g)
{
    for (size_t i = 0; i < TOGETHER; i++) {
        bl_session_close(g->members[i].session);
        bl_reply_release(&g->members[i].reply);
        g->members[i] = (member){0};
    }
}

static bl_status print_member(const group *g, member *m, size_t number, bl_error *err)
{
    bl_reply *r = &m->reply;
    int listed = bl_token_list_wanted(g->options);
    r->whole = r->constrained && (r->ends || bl_session_constrained(m->session) == 2);
    if (g->many->json)
        return bl_reply_print_json(r, g->tokenizer, number, err);
    bl_progress_print("sample %zu, seed %" PRIu64 ", %s", number, r->seed,
                      r->ended ? r->ended : "length");
    if (listed && number) /* an empty line between lists */
        (void)putchar('\n');
    bl_status status = BL_OK;
    if (!listed && g->many->before.bytes)
        status = bl_output_text(g->many->before.text, g->many->before.bytes, err);
    if (status == BL_OK)
        status = listed ? print_list(r, g->tokenizer, err)
                        : bl_output_text(r->text ? r->text : "", r->bytes, err);
    return status == BL_OK && !listed ? bl_output_write("\n", 1, err) : status;
}

/* The samples from `first` on, up to as many as go together. */
static bl_status write_group(group *g, bl_session *session, size_t first, uint64_t seed,
                             bl_error *err)
{
    size_t left = g->many->count - first;
    bl_status status = BL_OK;
    g->count = left < TOGETHER ? left : TOGETHER;
    for (size_t i = 0; status == BL_OK && i < g->count; i++)
        status = join(g, session, seed + first + i, i, err);
    for (size_t round = 0; status == BL_OK && left && round < g->most; round++)
        status = draw_round(g, round, &left, err);
    for (size_t i = 0; status == BL_OK && i < g->count; i++)
        status = print_member(g, &g->members[i], first + i, err);
    leave_all(g);
    return status;
}

static bl_status copy_options(bl_options **copy, const bl_options *from, bl_error *err)
{
    bl_status status = bl_options_open(copy, BL_OPTIONS_GENERATE, err);
    for (size_t i = 0; status == BL_OK && i < bl_options_count(BL_OPTIONS_GENERATE); i++) {
        char value[1024];
        const char *name = bl_options_field(BL_OPTIONS_GENERATE, i)->name;
        status = bl_options_get(from, name, value, sizeof value, NULL, err);
        if (status == BL_OK)
            status = bl_options_set(*copy, name, value, err);
    }
    return status == BL_OK ? bl_options_set(*copy, "seed", "-1", err) : status;
}

bl_status bl_replies_write(bl_session *session, bl_model *model, const bl_many *many, uint64_t seed,
                           bl_error *err)
{
    group *g = calloc(1, sizeof *g);
    if (!g)
        return no_memory(err);
    *g = (group){.many = many,
                 .tokenizer = bl_model_tokenizer(model),
                 .most = (size_t)number_of(many->options, "max_tokens")};
    bl_status status = copy_options(&g->options, many->options, err);
    if (status == BL_OK)
        status = bl_batch_open(&g->batch, model, many->count < TOGETHER ? many->count : TOGETHER,
                               NULL, err);
    for (size_t first = 0; status == BL_OK && first < many->count; first += TOGETHER)
        status = write_group(g, session, first, seed, err);
    leave_all(g);
    bl_batch_close(g->batch);
    bl_options_close(g->options);
    free(g);
    return status;
}
