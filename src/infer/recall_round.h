/* The rounds of a recall: facts, stories and questions as tokens, and counting the answers. */
#ifndef BL_INFER_RECALL_ROUND_H
#define BL_INFER_RECALL_ROUND_H

#include "core/buf.h"
#include "tales/facts.h"
#include "text/text.h"

enum {
    BL_RECALL_FACTS = 5,     /* a round */
    BL_RECALL_PREFACE = 128, /* tokens of stories before the facts */
    BL_RECALL_NEVER = -1
};

typedef struct bl_recall_fact {
    size_t name;
    int value, old; /* the newest, and the one before or BL_RECALL_NEVER */
} bl_recall_fact;

/* A round: the preface, the facts, the stories between, and a question; zero-initialise. */
typedef struct bl_recall_round {
    uint64_t distance;
    bl_recall_fact fact[BL_RECALL_FACTS];
    bl_id_list facts;
    bl_id_list stories; /* the last `distance` of them come between, the preface before those */
    bl_id_list question;
    int32_t first[BL_FACT_VALUES]; /* the token that each value begins with */
    bl_encoder *encoder;
    bl_tales *tales;
    bl_buf text;
    uint64_t number, draws;
} bl_recall_round;

/* The tokenizer must stay open until the release.  BL_EUNSUPPORTED when it does not distinguish the
 * values by their first tokens, BL_ENOMEM. */
bl_status bl_recall_round_open(bl_recall_round *r, const bl_tokenizer *t, uint64_t distance,
                               bl_error *err) BL_NODISCARD;
void bl_recall_round_release(bl_recall_round *r);

/* Facts and stories of round `number`; then the question for one of the facts. */
bl_status bl_recall_round_make(bl_recall_round *r, uint64_t number, bl_error *err) BL_NODISCARD;
bl_status bl_recall_round_ask(bl_recall_round *r, size_t fact, bl_error *err) BL_NODISCARD;

/* Counts the answer to the question for a fact: logits [V] after it, of the reader of the facts, or
 * of the control.  The members of *sum are counts until bl_recall_finish() makes shares of them. */
void bl_recall_count(const bl_recall_round *r, size_t fact, const float *logits, size_t V,
                     bl_recall_result *sum);
void bl_recall_count_control(const bl_recall_round *r, size_t fact, const float *logits,
                             bl_recall_result *sum);
void bl_recall_finish(bl_recall_result *sum);

#endif
