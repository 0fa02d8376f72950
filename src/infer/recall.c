/* Recall: what a model remembers of facts after it has read a number of tokens of other stories.
 *
 * A round reads a preface of stories, some facts, part of them again with another value, and
 * exactly `distance` tokens of stories, and asks for each of the facts in a separate branch.  The
 * control reads the same without the facts. */
#include "infer/recall.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "infer/feed.h"
#include "infer/recall_round.h"

enum { OVERHEAD = 280 }; /* tokens a round beside the distance, about */

typedef struct recall {
    const bl_net *net; /* the reader's */
    bl_recall_round round;
    bl_reader *reader;
    bl_state state, branch;
    float *logits; /* [V] */
    uint64_t read; /* tokens */
} recall;

uint64_t bl_recall_tokens(uint64_t distance, uint64_t questions)
{
    return 2 * ((questions + BL_RECALL_FACTS - 1) / BL_RECALL_FACTS) * (distance + OVERHEAD);
}

static bl_status feed(recall *r, bl_state *s, const int32_t *at, size_t count, float *logits,
                      bl_error *err)
{
    bl_watch_part(r->read, count);
    BL_TRY(bl_infer_feed(r->reader, s, at, count, logits, 0, err));
    r->read += count;
    return bl_watch_poll(1, 1, err);
}

static bl_status read_round(recall *r, int with_facts, bl_error *err)
{
    const int32_t bos = (int32_t)r->net->config.bos_token_id;
    const bl_recall_round *round = &r->round;
    size_t between = (size_t)round->distance;
    const int32_t *rest = round->stories.ids + round->stories.count - between;
    BL_TRY(bl_state_start(&r->state, r->net, err));
    BL_TRY(feed(r, &r->state, &bos, 1, NULL, err));
    BL_TRY(feed(r, &r->state, rest - BL_RECALL_PREFACE, BL_RECALL_PREFACE, NULL, err));
    if (with_facts)
        BL_TRY(feed(r, &r->state, round->facts.ids, round->facts.count, NULL, err));
    return feed(r, &r->state, rest, between, NULL, err);
}

/* The logits after the question, asked in a branch. */
static bl_status ask(recall *r, size_t fact, bl_error *err)
{
    BL_TRY(bl_recall_round_ask(&r->round, fact, err));
    BL_TRY(bl_state_copy(&r->branch, r->net, &r->state, err));
    return feed(r, &r->branch, r->round.question.ids, r->round.question.count, r->logits, err);
}

static bl_status score_round(recall *r, uint64_t number, size_t questions, bl_recall_result *sum,
                             bl_error *err)
{
    BL_TRY(bl_recall_round_make(&r->round, number, err));
    BL_TRY(read_round(r, 1, err));
    for (size_t i = 0; i < questions; i++) {
        BL_TRY(ask(r, i, err));
        bl_recall_count(&r->round, i, r->logits, r->net->m.V, sum);
    }
    BL_TRY(read_round(r, 0, err));
    for (size_t i = 0; i < questions; i++) {
        BL_TRY(ask(r, i, err));
        bl_recall_count_control(&r->round, i, r->logits, sum);
    }
    return BL_OK;
}

static bl_status run(recall *r, const bl_tokenizer *t, uint64_t questions, bl_recall_result *sum,
                     bl_error *err)
{
    BL_TRY(bl_recall_round_open(&r->round, t, sum->distance, err));
    BL_TRY(bl_state_open(&r->state, r->net, err));
    BL_TRY(bl_state_open(&r->branch, r->net, err));
    r->logits = bl_calloc(r->net->m.V, sizeof *r->logits);
    if (!r->logits)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu logits", r->net->m.V);
    for (uint64_t number = 0; sum->questions < questions; number++) {
        uint64_t left = questions - sum->questions;
        size_t n = left < BL_RECALL_FACTS ? (size_t)left : BL_RECALL_FACTS;
        BL_TRY(score_round(r, number, n, sum, err));
    }
    return BL_OK;
}

bl_status bl_recall(bl_reader *reader, const bl_tokenizer *t, uint64_t distance, uint64_t questions,
                    bl_recall_result *result, bl_error *err)
{
    const bl_net *net = reader->net;
    recall r = {.net = net, .reader = reader};
    *result = (bl_recall_result){.distance = distance};
    bl_status status = run(&r, t, questions, result, err);
    bl_recall_finish(result);
    bl_recall_round_release(&r.round);
    bl_state_release(&r.state, net);
    bl_state_release(&r.branch, net);
    bl_free(r.logits);
    return status;
}
