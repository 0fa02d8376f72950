/* A server that scores texts: how likely a continuation is after a context.
 *
 *   score_server MODEL
 *
 * A request is a line, CONTEXT, a tab and CONTINUATION; its answer is a line, the natural logarithm
 * of the continuation's probability, a tab, its tokens, a tab, and 1 when a greedy reader would
 * write it, or else 0; or "error", a tab and what is wrong.  Answers come in the order of requests.
 * Requests that wait at the same time are read in one batch.  A Unix socket is one command away:
 *
 *   socat UNIX-LISTEN:score.sock,fork EXEC:'score_server MODEL' */
#define _POSIX_C_SOURCE 200809L
#include "bitllama.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 32 }; /* requests of a batch */

typedef struct server {
    const bl_tokenizer *tokenizer;
    bl_model *model;
    bl_encoder *encoder; /* keeps the words that it has met */
    bl_batch *batch;
    bl_session *session[MOST]; /* joined; begun anew for every request */
    int32_t bos;
} server;

typedef struct request {
    char *line; /* owned; the context, and after a 0 the continuation */
    const char *continuation;
    bl_status status;
    bl_error why;
    bl_score_result score;
} request;

static bl_status open_server(server *v, const char *path, bl_error *err)
{
    bl_model_info info = {.size = sizeof info};
    bl_status status = bl_model_open(&v->model, path, NULL, err);
    if (status == BL_OK)
        status = bl_model_describe(v->model, &info, err);
    if (status != BL_OK)
        return status;
    v->bos = info.bos;
    v->tokenizer = bl_model_tokenizer(v->model);
    status = bl_encoder_open(&v->encoder, v->tokenizer, 0, err);
    if (status == BL_OK)
        status = bl_batch_open(&v->batch, v->model, MOST, NULL, err);
    for (size_t i = 0; status == BL_OK && i < MOST; i++) {
        status = bl_session_open(&v->session[i], v->model, NULL, err);
        if (status == BL_OK)
            status = bl_batch_join(v->batch, v->session[i], err);
    }
    return status;
}

static void close_server(server *v)
{
    for (size_t i = 0; i < MOST; i++)
        bl_session_close(v->session[i]);
    bl_batch_close(v->batch);
    bl_encoder_close(v->encoder);
    bl_model_close(v->model);
}

/* ---- requests ---- */

static void refuse(request *r, bl_status status, const bl_error *why)
{
    r->status = status;
    r->why = *why;
}

/* Cuts the line at its tab.  The library takes UTF-8 alone: who encodes a text by itself first
 * knows which of many is wrong. */
static void check(const server *v, request *r)
{
    static const bl_error no_tab = {BL_EINVAL, "no tab between a context and a continuation"};
    bl_error err;
    size_t count;
    char *tab = strchr(r->line, '\t');
    if (!tab) {
        refuse(r, BL_EINVAL, &no_tab);
        return;
    }
    *tab = 0;
    r->continuation = tab + 1;
    bl_status status =
        bl_tokenizer_encode(v->tokenizer, r->line, strlen(r->line), 0, NULL, 0, &count, &err);
    if (status == BL_OK)
        status = bl_tokenizer_encode(v->tokenizer, r->continuation, strlen(r->continuation), 0,
                                     NULL, 0, &count, &err);
    if (status != BL_OK)
        refuse(r, status, &err);
}

/* All contexts are read in one batch: each session reads bos, and then its text. */
static bl_status read_contexts(server *v, request *requests, size_t count, bl_error *err)
{
    bl_span texts[2 * MOST];
    bl_batch_turn first[MOST], rest[MOST];
    bl_status status = BL_OK;
    size_t turns = 0;
    for (size_t i = 0; i < count; i++) {
        const request *r = &requests[i];
        int good = r->status == BL_OK;
        texts[2 * i] = (bl_span){good ? r->line : "", good ? strlen(r->line) : 0};
        texts[2 * i + 1] =
            (bl_span){good ? r->continuation : "", good ? strlen(r->continuation) : 0};
    }
    status = bl_encoder_run(v->encoder, texts, 2 * count, 0, err);
    for (size_t i = 0; status == BL_OK && i < count; i++) {
        size_t n;
        const int32_t *ids = bl_encoder_ids(v->encoder, 2 * i, &n);
        if (requests[i].status != BL_OK)
            continue;
        status = bl_session_reset(v->session[i], err);
        first[turns] = (bl_batch_turn){v->session[i], &v->bos, 1, NULL};
        rest[turns++] = (bl_batch_turn){v->session[i], ids, n, NULL};
    }
    if (status == BL_OK)
        status = bl_batch_feed(v->batch, first, turns, err);
    return status == BL_OK ? bl_batch_feed(v->batch, rest, turns, err) : status;
}

static void score(server *v, request *requests, size_t count)
{
    bl_error err = {BL_OK, ""};
    for (size_t i = 0; i < count; i++)
        check(v, &requests[i]);
    bl_status status = read_contexts(v, requests, count, &err);
    for (size_t i = 0; i < count; i++) {
        request *r = &requests[i];
        size_t n = 0;
        const int32_t *ids = bl_encoder_ids(v->encoder, 2 * i + 1, &n);
        r->score.size = sizeof r->score;
        if (r->status == BL_OK && status == BL_OK)
            r->status = bl_score(v->session[i], ids, n, NULL, NULL, &r->score, &r->why);
        else if (r->status == BL_OK)
            refuse(r, status, &err);
    }
}

static void answer(const request *r)
{
    if (r->status == BL_OK)
        (void)printf("%.6f\t%llu\t%d\n", r->score.log_probability,
                     (unsigned long long)r->score.tokens,
                     r->score.tokens == r->score.greedy_tokens);
    else
        (void)printf("error\t%s\n", r->why.message);
}

/* ---- lines ---- */

/* Lines as they come, without stdio, which would hide from poll() what it has read ahead. */
typedef struct lines {
    char *text;
    size_t used, room;
    int ended;
} lines;

static char *take_line(lines *l)
{
    char *end = l->used ? memchr(l->text, '\n', l->used) : NULL;
    size_t n = end ? (size_t)(end - l->text) : l->used, gone = end ? n + 1 : n;
    if (!end && !(l->ended && l->used))
        return NULL;
    char *line = malloc(n + 1);
    if (!line)
        return NULL;
    memcpy(line, l->text, n);
    line[n] = 0;
    l->used -= gone;
    memmove(l->text, l->text + gone, l->used);
    return line;
}

/* More bytes, waiting for them when `wait`; 0: none are there now, or memory is out. */
static int read_more(lines *l, int wait)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    if (l->ended || poll(&in, 1, wait ? -1 : 0) <= 0)
        return 0;
    if (l->room - l->used < 65536) {
        char *more = realloc(l->text, l->room + (1 << 20));
        if (!more)
            return 0;
        l->text = more;
        l->room += 1 << 20;
    }
    ssize_t n = read(STDIN_FILENO, l->text + l->used, l->room - l->used);
    if (n > 0)
        l->used += (size_t)n;
    else
        l->ended = 1;
    return 1;
}

/* The next requests: at least one, and those that have come by then.  0: there are no more. */
static size_t take_requests(lines *l, request requests[MOST])
{
    size_t count = 0;
    memset(requests, 0, MOST * sizeof *requests);
    while (count < MOST) {
        char *line = take_line(l);
        if (line)
            requests[count++].line = line;
        else if (!read_more(l, !count))
            break;
    }
    return count;
}

int main(int argc, char **argv)
{
    static request requests[MOST];
    server v = {0};
    lines l = {0};
    bl_error err = {BL_OK, ""};
    if (argc != 2) {
        (void)fputs("usage: score_server MODEL\n", stderr);
        return 2;
    }
    bl_status status = open_server(&v, argv[1], &err);
    if (status != BL_OK)
        (void)fprintf(stderr, "score_server: %s\n", err.message);
    for (size_t n; status == BL_OK && (n = take_requests(&l, requests));) {
        score(&v, requests, n);
        for (size_t i = 0; i < n; i++) {
            answer(&requests[i]);
            free(requests[i].line);
        }
        (void)fflush(stdout);
    }
    free(l.text);
    close_server(&v);
    return status == BL_OK ? 0 : bl_status_exit_code(status);
}
