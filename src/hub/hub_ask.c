/* The Hub's API: one request, its answer JSON. */
#include "hub/hub_ask.h"
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MOST = 1 << 25 }; /* bytes: a listing of 100,000 files */

typedef struct question_at_work {
    const bl_hub_question *q;
    bl_buf answer;
} question_at_work;

static const char *shown(const bl_hub_question *q)
{
    return q->shown ? q->shown : q->url;
}

static bl_status on_body(void *target, const bl_http_answer *a, const void *bytes, size_t n,
                         bl_error *err)
{
    question_at_work *x = target;
    (void)a;
    if (n > ANSWER_MOST - x->answer.len)
        return bl_fail(err, BL_ENETWORK, "%s: the answer has more than %d bytes", shown(x->q),
                       ANSWER_MOST);
    bl_buf_append(&x->answer, bytes, n);
    return bl_buf_status(&x->answer, err);
}

static bl_status on_send(void *target, uint64_t at, void *to, size_t n, bl_error *err)
{
    const question_at_work *x = target;
    (void)err;
    memcpy(to, x->q->body->data + at, n);
    return BL_OK;
}

static bl_status read_json(const question_at_work *x, json_t **json, bl_error *err)
{
    json_error_t why;
    *json = bl_json_parse(x->answer.len ? x->answer.data : "", x->answer.len, 0, &why);
    if (json_is_object(*json))
        return BL_OK;
    int nothing = !*json;
    json_decref(*json);
    *json = NULL;
    if (nothing && bl_json_failure(&why) == BL_ENOMEM)
        return bl_fail(err, BL_ENOMEM, "out of memory while reading an answer");
    return bl_fail(err, BL_ENETWORK, "%s: the answer is no JSON object: no Hugging Face Hub there?",
                   shown(x->q));
}

static bl_status ask(const bl_http *http, const bl_http_request *r, question_at_work *x,
                     bl_http_answer *answer, bl_error *err)
{
    bl_error words = {BL_OK, ""};
    for (unsigned count = 1;; count++) {
        bl_buf_clear(&x->answer);
        bl_status status = bl_http_send(http, r, answer, &words);
        if (status == BL_OK)
            return BL_OK;
        status = bl_http_wait(http, r, answer, count, status, &words);
        if (status != BL_OK) {
            if (err)
                *err = words;
            return status;
        }
    }
}

bl_status bl_hub_ask(const bl_hub *hub, const bl_hub_question *q, bl_http_answer *answer,
                     json_t **json, bl_error *err)
{
    question_at_work x = {.q = q};
    bl_http http = hub->http;
    const bl_http_request r = {.url = q->url,
                               .shown = q->shown,
                               .method = q->method,
                               .brief = 1,
                               .accept = q->accept,
                               .content_type = q->content_type,
                               .stage = q->stage,
                               .send = q->body ? on_send : NULL,
                               .send_bytes = q->body ? q->body->len : 0,
                               .body = on_body,
                               .target = &x};
    bl_buf_init(&x.answer);
    if (q->tries)
        http.tries = q->tries;
    bl_status status = ask(&http, &r, &x, answer, err);
    if (json)
        *json = NULL;
    if (status == BL_OK && json)
        status = read_json(&x, json, err);
    bl_buf_release(&x.answer);
    return status;
}

bl_status bl_hub_post(const bl_hub *hub, const bl_hub_question *q, const json_t *value,
                      bl_http_answer *answer, json_t **json, bl_error *err)
{
    bl_buf text;
    bl_hub_question post = *q;
    char *dumped = value ? json_dumps(value, JSON_COMPACT) : NULL;
    if (!dumped)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_buf_init(&text);
    bl_buf_puts(&text, dumped);
    free(dumped); /* jansson's */
    post.method = BL_HTTP_POST;
    post.body = &text;
    if (!post.content_type)
        post.content_type = "application/json";
    bl_status status = bl_buf_status(&text, err);
    if (status == BL_OK)
        status = bl_hub_ask(hub, &post, answer, json, err);
    bl_buf_release(&text);
    return status;
}
