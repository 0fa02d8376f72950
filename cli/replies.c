/* Continuations of a prompt that are told when they are whole: as JSON, and many at once. */
#include "replies.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

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

bl_status bl_reply_add(bl_reply *r, const bl_token_event *token, bl_error *err)
{
    size_t each = token->likeliest_count, had = r->count * each;
    void *tokens = r->tokens, *likeliest = r->likeliest, *all = r->text;
    int fine = grow(&tokens, &r->cap, r->count + 1, sizeof *r->tokens);
    r->tokens = tokens;
    fine = fine && grow(&likeliest, &r->likeliest_cap, had + each, sizeof *r->likeliest);
    r->likeliest = likeliest;
    fine = fine && grow(&all, &r->text_cap, r->bytes + token->bytes, 1);
    r->text = all;
    if (!fine)
        return no_memory(err);
    if (token->bytes)
        memcpy(r->text + r->bytes, token->text, token->bytes);
    r->bytes += token->bytes;
    if (token->ends)
        return BL_OK;
    r->tokens[r->count++] = (bl_reply_token){token->id, token->log_probability};
    for (size_t i = 0; i < each; i++)
        r->likeliest[had + i] =
            (bl_reply_token){token->likeliest[i], token->likeliest_log_probabilities[i]};
    r->each = each;
    return BL_OK;
}

void bl_reply_release(bl_reply *r)
{
    free(r->text);
    free(r->tokens);
    free(r->likeliest);
    *r = (bl_reply){0};
}

/* A list for each token: "likeliest": [[{"id": 5, "text": " a", "log_probability": -1.5}]] */
static void print_likeliest(const bl_reply *r, const bl_tokenizer *t)
{
    fputs(", \"likeliest\": [", stdout);
    for (size_t i = 0; i < r->count * r->each; i++) {
        const bl_reply_token *token = &r->likeliest[i];
        size_t bytes;
        const char *text = bl_tokenizer_bytes(t, token->id, &bytes);
        printf("%s{\"id\": %" PRId32 ", \"text\": ",
               i % r->each ? ", "
               : i         ? "], ["
                           : "[",
               token->id);
        bl_output_json_text(stdout, text ? text : "", text ? bytes : 0);
        fputs(", \"log_probability\": ", stdout);
        bl_output_json_number(stdout, token->log_probability);
        putchar('}');
    }
    fputs(r->count ? "]]" : "]", stdout);
}

bl_status bl_reply_print_json(const bl_reply *r, const bl_tokenizer *t, size_t number,
                              bl_error *err)
{
    putchar('{');
    if (number != SIZE_MAX)
        printf("\"sample\": %zu, ", number);
    printf("\"seed\": %" PRIu64 ", \"text\": ", r->seed);
    bl_output_json_text(stdout, r->text, r->bytes);
    printf(", \"ended\": \"%s\"", r->ended);
    if (r->constrained)
        printf(", \"whole\": %s", r->whole ? "true" : "false");
    fputs(", \"ids\": [", stdout);
    for (size_t i = 0; i < r->count; i++)
        printf("%s%" PRId32, i ? ", " : "", r->tokens[i].id);
    putchar(']');
    if (r->count && !isnan(r->tokens[0].log_probability)) {
        fputs(", \"log_probabilities\": [", stdout);
        for (size_t i = 0; i < r->count; i++) {
            fputs(i ? ", " : "", stdout);
            bl_output_json_number(stdout, r->tokens[i].log_probability);
        }
        putchar(']');
    }
    if (r->each)
        print_likeliest(r, t);
    return bl_output_write("}\n", 2, err);
}

/* ---- many at once ---- */

/* One of a batch. */
typedef struct many_member {
    bl_session *session;
    int32_t *ids;
    size_t count;
    bl_reply reply;
} member;

/* The sessions that write together, and what the batch needs of those still at it. */
typedef struct many_group {
    const bl_many *many;
    bl_batch *batch;
    bl_options *options; /* a copy, whose max_tokens says what is left */
    const bl_tokenizer *tokenizer;
    int32_t eos;
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

static int is_on(const bl_options *o, const char *name)
{
    char text[16] = "";
    (void)bl_options_get(o, name, text, sizeof text, NULL, NULL);
    return strcmp(text, "true") == 0;
}

/* Whether the tokens end within a character. */
static int ends_within(const group *g, const member *m)
{
    size_t back = 1;
    for (size_t i = m->count; i-- > 0 && back < 4;) {
        size_t bytes;
        const char *token = bl_tokenizer_bytes(g->tokenizer, m->ids[i], &bytes);
        while (bytes-- && back < 4) {
            unsigned char c = (unsigned char)token[bytes];
            if ((c & 0xC0) != 0x80)
                return c >= 0xC2 && (c < 0xE0 ? 2u : c < 0xF0 ? 3u : 4u) > back;
            back++;
        }
    }
    return 0;
}

/* The text of all tokens so far, in whole characters. */
static bl_status read_text(const group *g, member *m, bl_error *err)
{
    size_t bytes = 0;
    bl_reply *r = &m->reply;
    void *text = r->text;
    bl_status status =
        bl_tokenizer_decode(g->tokenizer, m->ids, m->count, 0, r->text, r->text_cap, &bytes, err);
    if (status == BL_OK && bytes > r->text_cap) {
        if (!grow(&text, &r->text_cap, bytes, 1))
            return no_memory(err);
        r->text = text;
        status = bl_tokenizer_decode(g->tokenizer, m->ids, m->count, 0, r->text, r->text_cap,
                                     &bytes, err);
    }
    size_t space =
        !g->many->begun && bytes && *r->text == ' ' && bl_tokenizer_prefix_space(g->tokenizer);
    r->bytes = bytes - space;
    if (r->bytes >= 3 && ends_within(g, m)) /* U+FFFD */
        r->bytes -= 3;
    if (space)
        memmove(r->text, r->text + 1, r->bytes);
    return status;
}

/* Cuts the text before the first text to stop at; whether there is one. */
static int cut_text(const bl_many *many, bl_reply *r)
{
    for (size_t at = 0; at < r->bytes; at++)
        for (size_t i = 0; i < many->stop_count; i++) {
            const bl_span *stop = &many->stops[i];
            if (stop->bytes <= r->bytes - at && !memcmp(r->text + at, stop->text, stop->bytes)) {
                r->bytes = at;
                return 1;
            }
        }
    return 0;
}

/* Notes what was drawn for a member; *done when its text is at its end. */
static bl_status take_token(group *g, member *m, int32_t id, int *done, bl_error *err)
{
    int constrained = m->reply.constrained;
    m->ids[m->count] = id;
    int ends = id == g->eos && (constrained || !is_on(g->options, "ignore_eos"));
    m->count += !ends;
    *done = ends || m->count == g->most;
    m->reply.ended = ends ? "end" : "length";
    if (*done || g->many->stop_count) {
        bl_status status = read_text(g, m, err);
        if (status != BL_OK)
            return status;
        if (cut_text(g->many, &m->reply)) {
            m->reply.ended = "stop";
            *done = 1;
        }
    }
    if (*done && constrained)
        m->reply.whole = ends || bl_session_constrained(m->session) == 2;
    return BL_OK;
}

/* Draws a token of each that is still at it. */
static bl_status draw_round(group *g, size_t round, size_t *left, bl_error *err)
{
    char number[32];
    size_t turns = 0;
    (void)snprintf(number, sizeof number, "%zu", g->most - round);
    bl_status status = bl_options_set(g->options, "max_tokens", number, err);
    for (size_t i = 0; i < g->count; i++) {
        if (g->members[i].reply.ended)
            continue;
        g->turns[turns] = (bl_batch_turn){.session = g->members[i].session};
        g->each[turns] = g->options;
        g->at[turns++] = i;
    }
    *left = turns;
    if (status == BL_OK && turns)
        status = bl_batch_next(g->batch, g->turns, turns, g->each, g->drawn, err);
    for (size_t i = 0; status == BL_OK && i < turns; i++) {
        int done;
        member *m = &g->members[g->at[i]];
        status = take_token(g, m, g->drawn[i], &done, err);
        if (status == BL_OK && !done)
            m->reply.ended = NULL;
    }
    if (status == BL_OK && bl_signals_caught())
        status = bl_cli_fail(err, BL_EINTERRUPTED, "stopped");
    return status;
}

static bl_status join(group *g, bl_session *session, uint64_t seed, size_t i, bl_error *err)
{
    member *m = &g->members[i];
    m->ids = calloc(g->most + 1, sizeof *m->ids);
    if (!m->ids)
        return no_memory(err);
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
        free(g->members[i].ids);
        bl_reply_release(&g->members[i].reply);
        g->members[i] = (member){0};
    }
}

static bl_status print(group *g, size_t first, bl_error *err)
{
    for (size_t i = 0; i < g->count; i++) {
        member *m = &g->members[i];
        bl_status status = BL_OK;
        for (size_t k = 0; k < m->count && status == BL_OK && g->many->json; k++)
            status = bl_reply_add(
                &m->reply, &(bl_token_event){.id = m->ids[k], .log_probability = (double)NAN}, err);
        if (status == BL_OK && g->many->json)
            status = bl_reply_print_json(&m->reply, g->tokenizer, first + i, err);
        else if (status == BL_OK) {
            bl_progress_print("sample %zu, seed %" PRIu64 ", %s", first + i, m->reply.seed,
                              m->reply.ended);
            status = bl_output_text(m->reply.text ? m->reply.text : "", m->reply.bytes, err);
            if (status == BL_OK)
                status = bl_output_write("\n", 1, err);
        }
        if (status != BL_OK)
            return status;
    }
    return BL_OK;
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
    for (size_t i = 0; i < g->count; i++)
        if (!g->members[i].reply.ended)
            g->members[i].reply.ended = "length";
    if (status == BL_OK)
        status = print(g, first, err);
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
                 .eos = (int32_t)number_of(bl_model_config(model), "eos_token_id"),
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
