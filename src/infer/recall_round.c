/* The rounds of a recall: facts, stories and questions as tokens, and counting the answers. */
#include "infer/recall_round.h"
#include "core/alloc.h"
#include "core/rng.h"

#include <math.h>
#include <string.h>

enum { AGAIN = 3 }; /* one in this many facts is told a second time */

/* No option can give this seed, so no training text has these stories. */
static const uint64_t seed = (uint64_t)1 << 60;

/* Uniform in [0, n), n > 0. */
static uint64_t draw(bl_recall_round *r, uint64_t n)
{
    return bl_rng_below(seed, BL_RNG_TALES + 2, r->number << 16 | r->draws++, n);
}

/* ---- text ---- */

/* Every piece of text begins after a sentence, on a new line. */
static void begin_text(bl_recall_round *r)
{
    bl_buf_clear(&r->text);
    bl_buf_puts(&r->text, ".\n");
}

/* Appends the ids of r->text, without that of the full stop in front, which keeps an encoder that
 * puts a space in front of a text from doing so here. */
static bl_status encode(bl_recall_round *r, bl_id_list *to, bl_error *err)
{
    size_t count = 0, skip = 0;
    BL_TRY(bl_buf_status(&r->text, err));
    const bl_span text = {r->text.data, r->text.len};
    BL_TRY(bl_encoder_run(r->encoder, &text, 1, BL_ENCODE_OFFSETS, err));
    const int32_t *at = bl_encoder_ids(r->encoder, 0, &count);
    const bl_offset *offset = bl_encoder_offsets(r->encoder, 0, NULL);
    while (skip < count && offset[skip].end <= 1)
        skip++;
    BL_TRY(bl_grow(&to->ids, &to->ids_cap, to->count + count + 1, sizeof *to->ids, err));
    if (count > skip)
        memcpy(to->ids + to->count, at + skip, (count - skip) * sizeof *at);
    to->count += count - skip;
    return BL_OK;
}

/* This round's stories, a line's end before each, until there are that many tokens. */
static bl_status encode_stories(bl_recall_round *r, uint64_t tokens, bl_error *err)
{
    r->stories.count = 0;
    for (uint64_t i = 0; r->stories.count < tokens; i++) {
        begin_text(r);
        BL_TRY(bl_tales_story(r->tales, r->number << 20 | i, &r->text, err));
        BL_TRY(encode(r, &r->stories, err));
    }
    return BL_OK;
}

/* Distinct names, random values; told one after the other, then those that change. */
static bl_status make_facts(bl_recall_round *r, bl_error *err)
{
    size_t names[BL_FACT_NAMES];
    for (size_t i = 0; i < BL_FACT_NAMES; i++)
        names[i] = i;
    begin_text(r);
    for (size_t i = 0; i < BL_RECALL_FACTS; i++) {
        size_t k = i + (size_t)draw(r, BL_FACT_NAMES - i);
        r->fact[i].name = names[k];
        names[k] = names[i];
        r->fact[i].value = (int)draw(r, BL_FACT_VALUES);
        r->fact[i].old = BL_RECALL_NEVER;
        bl_fact_tell(&r->text, r->fact[i].name, (size_t)r->fact[i].value);
    }
    for (size_t i = 0; i < BL_RECALL_FACTS; i++) {
        if (draw(r, AGAIN))
            continue;
        int other = (int)draw(r, BL_FACT_VALUES - 1);
        r->fact[i].old = r->fact[i].value;
        r->fact[i].value = other + (other >= r->fact[i].old);
        bl_fact_tell(&r->text, r->fact[i].name, (size_t)r->fact[i].value);
    }
    BL_TRY(bl_buf_status(&r->text, err));
    if (!r->distance) /* the question brings the line's end */
        r->text.data[--r->text.len] = 0;
    r->facts.count = 0;
    return encode(r, &r->facts, err);
}

static bl_status make_question(bl_recall_round *r, size_t name, bl_error *err)
{
    begin_text(r);
    bl_fact_ask(&r->text, name);
    r->question.count = 0;
    return encode(r, &r->question, err);
}

/* The token that a value begins with after a question, a different one for each. */
static bl_status find_values(bl_recall_round *r, bl_error *err)
{
    BL_TRY(make_question(r, 0, err));
    size_t before = r->question.count;
    for (size_t i = 0; i < BL_FACT_VALUES; i++) {
        bl_id_list whole = {0};
        begin_text(r);
        bl_fact_ask(&r->text, 0);
        bl_buf_printf(&r->text, " %s", bl_fact_values[i]);
        bl_status status = encode(r, &whole, err);
        int apart = status == BL_OK && whole.count > before &&
                    memcmp(whole.ids, r->question.ids, before * sizeof *whole.ids) == 0;
        r->first[i] = apart ? whole.ids[before] : BL_RECALL_NEVER;
        bl_free(whole.ids);
        BL_TRY(status);
        for (size_t k = 0; k < i; k++)
            apart = apart && r->first[k] != r->first[i];
        if (!apart)
            return bl_fail(err, BL_EUNSUPPORTED,
                           "the tokenizer has no token that begins \"%s\" and no other color, so "
                           "recall cannot be scored; a vocabulary of 1024 or more has one",
                           bl_fact_values[i]);
    }
    return BL_OK;
}

/* ---- the round ---- */

bl_status bl_recall_round_open(bl_recall_round *r, const bl_tokenizer *t, uint64_t distance,
                               bl_error *err)
{
    *r = (bl_recall_round){.distance = distance};
    bl_status status = bl_encoder_open(&r->encoder, t, 1, err);
    if (status == BL_OK)
        status = bl_tales_open(&r->tales, seed, err);
    if (status == BL_OK)
        status = find_values(r, err);
    if (status != BL_OK)
        bl_recall_round_release(r);
    return status;
}

void bl_recall_round_release(bl_recall_round *r)
{
    bl_encoder_close(r->encoder);
    bl_tales_close(r->tales);
    bl_buf_release(&r->text);
    bl_free(r->facts.ids);
    bl_free(r->stories.ids);
    bl_free(r->question.ids);
    *r = (bl_recall_round){0};
}

bl_status bl_recall_round_make(bl_recall_round *r, uint64_t number, bl_error *err)
{
    r->number = number;
    r->draws = 0;
    BL_TRY(make_facts(r, err));
    return encode_stories(r, BL_RECALL_PREFACE + r->distance, err);
}

bl_status bl_recall_round_ask(bl_recall_round *r, size_t fact, bl_error *err)
{
    return make_question(r, r->fact[fact].name, err);
}

/* ---- counting ---- */

static int likeliest_value(const bl_recall_round *r, const float *logits)
{
    int best = 0;
    for (int i = 1; i < BL_FACT_VALUES; i++)
        if (logits[r->first[i]] > logits[r->first[best]])
            best = i;
    return best;
}

static int is_likeliest(int32_t id, const float *logits, size_t V)
{
    for (size_t i = 0; i < V; i++)
        if (logits[i] > logits[id])
            return 0;
    return 1;
}

void bl_recall_count(const bl_recall_round *r, size_t fact, const float *logits, size_t V,
                     bl_recall_result *sum)
{
    const bl_recall_fact *f = &r->fact[fact];
    int answer = likeliest_value(r, logits), changed = f->old != BL_RECALL_NEVER;
    sum->questions++;
    sum->chance += 1.0 / BL_FACT_VALUES;
    sum->right += answer == f->value;
    sum->greedy += is_likeliest(r->first[f->value], logits, V);
    sum->changed += (uint64_t)changed;
    sum->changed_right += changed && answer == f->value;
    sum->changed_old += changed && answer == f->old;
}

void bl_recall_count_control(const bl_recall_round *r, size_t fact, const float *logits,
                             bl_recall_result *sum)
{
    sum->control += likeliest_value(r, logits) == r->fact[fact].value;
}

static double share(double count, uint64_t of)
{
    return of ? count / (double)of : 0;
}

static double standard_error(double p, uint64_t n)
{
    return sqrt(share(p * (1 - p), n));
}

void bl_recall_finish(bl_recall_result *sum)
{
    uint64_t n = sum->questions;
    sum->chance = share(sum->chance, n);
    sum->right = share(sum->right, n);
    sum->greedy = share(sum->greedy, n);
    sum->control = share(sum->control, n);
    sum->error = standard_error(sum->right, n);
    sum->control_error = standard_error(sum->control, n);
    sum->changed_right = share(sum->changed_right, sum->changed);
    sum->changed_old = share(sum->changed_old, sum->changed);
}
