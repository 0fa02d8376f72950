/* What is told of a token that was drawn: the text that it adds, and how likely it was. */
#include "infer/told.h"
#include "core/alloc.h"
#include "infer/evaluate.h"

#include <math.h>
#include <string.h>

void bl_told_release(bl_told *t)
{
    bl_buf_release(&t->text);
    bl_free(t->likeliest);
    bl_free(t->likeliest_log);
    *t = (bl_told){0};
}

void bl_told_begin(bl_told *t, int32_t id, uint64_t position, int ends)
{
    t->event = (bl_token_event){.size = sizeof t->event,
                                .id = id,
                                .ends = ends,
                                .position = position,
                                .text = "",
                                .log_probability = (double)NAN};
}

static bl_status make_room(bl_told *t, size_t n, bl_error *err)
{
    if (n <= t->room)
        return BL_OK;
    int32_t *ids = bl_calloc(n, sizeof *ids);
    double *logs = bl_calloc(n, sizeof *logs);
    if (!ids || !logs) {
        bl_free(ids);
        bl_free(logs);
        return bl_fail(err, BL_ENOMEM, "out of memory for the %zu likeliest tokens", n);
    }
    bl_free(t->likeliest);
    bl_free(t->likeliest_log);
    t->likeliest = ids;
    t->likeliest_log = logs;
    t->room = n;
    return BL_OK;
}

bl_status bl_told_likelihoods(bl_told *t, const bl_generate_options *o, const float *logits,
                              size_t V, bl_error *err)
{
    bl_candidate best[BL_BEST_MOST];
    size_t n = o->logprobs < V ? o->logprobs : V;
    if (!o->log_probability && !n)
        return BL_OK;
    BL_TRY(make_room(t, n, err));
    double sum = bl_log_sum_of(logits, V);
    t->event.log_probability = (double)logits[t->event.id] - sum;
    if (n)
        bl_best_of(best, n, logits, V);
    for (size_t i = 0; i < n; i++) {
        t->likeliest[i] = best[i].id;
        t->likeliest_log[i] = (double)best[i].logit - sum;
    }
    t->event.likeliest = t->likeliest;
    t->event.likeliest_log_probabilities = t->likeliest_log;
    t->event.likeliest_count = n;
    return BL_OK;
}

/* A text that begins with a reply begins without the space that encoding puts in front. */
static bl_status decode(bl_told *t, bl_sequence *s, const bl_tokenizer *tokenizer, bl_error *err)
{
    size_t token_bytes = 0;
    (void)bl_tokenizer_bytes(tokenizer, t->event.id, &token_bytes);
    bl_buf_clear(&t->text);
    char *to = bl_buf_reserve(&t->text, 3 * (token_bytes + 1) + 9);
    size_t bytes = bl_decoder_feed(&s->decoder, tokenizer, t->event.id, 1, to);
    if (!to)
        return bl_buf_status(&t->text, err);
    size_t hide = t->hidden < bytes ? t->hidden : bytes;
    t->hidden -= hide;
    t->text.len = bytes - hide;
    memmove(to, to + hide, t->text.len);
    return BL_OK;
}

/* Text that may begin one to stop at is held back. */
static bl_status stop(bl_told *t, bl_sequence *s, int last, bl_error *err)
{
    bl_span out;
    size_t which;
    BL_TRY(bl_stops_add(&s->stops, t->text.data, t->text.len, last, &out, &which, err));
    bl_buf_clear(&t->text);
    if (out.bytes)
        bl_buf_append(&t->text, out.text, out.bytes);
    t->event.stopped = (int)which;
    return bl_buf_status(&t->text, err);
}

bl_status bl_told_text(bl_told *t, bl_sequence *s, const bl_tokenizer *tokenizer, int last,
                       bl_error *err)
{
    int ends = t->event.ends;
    s->stops.written = s->state.position;
    bl_buf_clear(&t->text);
    if (!ends)
        BL_TRY(decode(t, s, tokenizer, err));
    if (s->stops.count)
        BL_TRY(stop(t, s, last || ends, err));
    if (ends)
        bl_stops_begin(&s->stops);
    if (t->text.len)
        t->event.text = t->text.data;
    t->event.bytes = t->text.len;
    return BL_OK;
}
