/* Many sequences read at once: whose tokens are in which pass, and what is drawn after it. */
#include "infer/batch.h"
#include "core/team.h"
#include "core/watch.h"
#include "infer/feed.h"
#include "model/base.h"

static size_t left_of(const bl_turn *t)
{
    return t->count - t->done + (t->s->pending != BL_NO_TOKEN);
}

static bl_status of_turn(bl_status status, size_t turn, bl_error *err)
{
    bl_error why = {.message = ""};
    if (err)
        why = *err;
    return bl_fail(err, status, "turn %zu: %s", turn, why.message);
}

/* Whether there must be logits of what the turn ends with; whether they are computed. */
static int has_logits(const bl_turn *t)
{
    return t->logits || t->options;
}

static int draws_by_logits(const bl_turn *t)
{
    return t->options && t->only == BL_NO_TOKEN;
}

static int wants_logits(const bl_turn *t)
{
    return t->logits || draws_by_logits(t);
}

/* A reply begins a sequence that has read nothing with the end-of-text token. */
static int begins(const bl_turn *t)
{
    return t->options && t->options->bos && t->s->state.position == 0 &&
           t->s->pending == BL_NO_TOKEN;
}

/* Before anything is read. */
static bl_status check_turns(const bl_reader *r, const bl_turn *turns, size_t count, bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bl_turn *t = &turns[i];
        bl_status status = bl_infer_check_ids(r->net, t->ids, t->count, err);
        if (status == BL_OK && has_logits(t) && !left_of(t) && !begins(t) && !t->s->state.has_last)
            status = bl_sequence_no_logits(t->s, err);
        if (status != BL_OK)
            return of_turn(status, i, err);
    }
    return BL_OK;
}

/* The turn's share of a pass, at most `most` tokens.  A pending token is one by itself. */
static bl_piece next_piece(bl_turn *t, const bl_net *net, size_t most)
{
    int pending = t->s->pending != BL_NO_TOKEN;
    bl_piece p = {.state = &t->s->state,
                  .ids = pending ? &t->s->pending : t->ids + t->done,
                  .T = pending ? 1 : t->count - t->done};
    size_t room = bl_base_room(p.state, net);
    p.T = p.T < room ? p.T : room;
    p.T = p.T < most ? p.T : most;
    if (wants_logits(t) && p.T == left_of(t))
        p.want = BL_LOGITS_LAST;
    return p;
}

static size_t unfinished(const bl_turn *turns, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += left_of(&turns[i]) > 0;
    return n;
}

/* A piece of every turn that has tokens left, while there are rows; what one leaves of its share is
 * for those after it.  Returns how many. */
static size_t cut_pieces(const bl_reader *r, bl_turn *turns, size_t count, bl_piece *pieces)
{
    size_t rows = r->rows, turns_left = unfinished(turns, count), n = 0;
    for (size_t i = 0; i < count && rows && n < r->sequences; i++) {
        if (!left_of(&turns[i]))
            continue;
        size_t share = rows / turns_left--;
        pieces[n] = next_piece(&turns[i], r->net, share ? share : 1);
        rows -= pieces[n++].T;
    }
    return n;
}

/* What was read of a piece is noted in its turn. */
static void note_piece(bl_turn *t, const bl_piece *p)
{
    if (p->ids == &t->s->pending) {
        t->s->pending = BL_NO_TOKEN;
        return;
    }
    t->done += p->T;
    bl_stops_begin(&t->s->stops);
    t->s->decoder = (bl_decoder){.started = 1}; /* another text follows */
}

/* Row t->row of the reader's logits to the host, those of turn i. */
static bl_status get_logits(const bl_reader *r, const bl_turn *t, size_t i, float *logits,
                            bl_error *err)
{
    bl_status status = bl_reader_get(r, t->row, logits, err);
    if (status == BL_OK)
        status = bl_infer_check_logits(&t->s->state, logits, 1, r->net->m.V, err);
    return status == BL_OK ? BL_OK : of_turn(status, i, err);
}

/* The first failure to come from logits; later ones do not take its place. */
typedef struct trouble {
    bl_status status;
    bl_error err;
} trouble;

static void note_trouble(trouble *first, bl_status status, const bl_error *err)
{
    if (status == BL_OK || first->status != BL_OK)
        return;
    first->status = status;
    first->err = *err;
}

/* ---- drawing ---- */

/* Whether a draw of the options tells how likely it was, for which it needs all logits. */
static int tells(const bl_generate_options *o)
{
    return o->log_probability || o->logprobs;
}

/* Whether the turn's token belongs to the text of the one before it. */
static int goes_on(const bl_turn *t)
{
    return t->s->pending != BL_NO_TOKEN && t->s->stops.written == t->s->state.position;
}

static bl_drawing drawing_of(const bl_batch_room *b, const bl_turn *t)
{
    return (bl_drawing){.left = t->options->finish ? t->options->max_tokens : 0,
                        .end = (int32_t)b->r->net->config.eos_token_id,
                        .drops_space = b->t && bl_tokenizer_prefix_space(b->t)};
}

/* The options of a turn, and whether it will draw by logits. */
static bl_status configure(const bl_batch_room *b, bl_turn *t, bl_error *err)
{
    if (t->options->heal)
        return bl_fail(err, BL_EINVAL, "`heal` is for one text, and these are ids of several");
    BL_TRY(bl_sampling_configure(&t->s->sampler, t->options, err));
    if (tells(t->options))
        return BL_OK;
    const bl_drawing d = drawing_of(b, t);
    if (bl_sequence_only(t->s, &d, &t->only, NULL) != BL_OK) /* the draw will say so */
        t->only = BL_NO_TOKEN;
    t->enough = draws_by_logits(t) ? bl_sampling_enough(&t->s->sampler) : 0;
    return BL_OK;
}

/* The options of all turns, and where their sequences begin. */
static bl_status begin_turns(const bl_batch_room *b, bl_turn *turns, size_t count, bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        bl_turn *t = &turns[i];
        t->only = BL_NO_TOKEN;
        if (t->options)
            BL_TRY(configure(b, t, err));
    }
    for (size_t i = 0; i < count; i++) {
        turns[i].begins = begins(&turns[i]);
        if (turns[i].options && !goes_on(&turns[i]))
            bl_stops_begin(&turns[i].s->stops);
        if (turns[i].begins)
            turns[i].s->pending = (int32_t)b->r->net->config.bos_token_id;
    }
    return BL_OK;
}

/* Draws turn t's token from the best logits, from all when there are none, or without any.  Where the best do
 * not do it is drawn again from those that are allowed, and where it fails from all. */
static bl_status draw(const bl_batch_room *b, bl_turn *t, const bl_candidate *best, size_t top,
                      const float *logits, bl_error *err)
{
    bl_drawing d = drawing_of(b, t);
    bl_sampling *s = &t->s->sampler;
    int constrained = t->s->constraint != NULL;
    d.best = best;
    d.count = top;
    d.logits = logits;
    d.found = t->wants_allowed;
    if (!t->wants_all && !t->wants_allowed) {
        if (t->begins)
            bl_sampling_accept(s, (int32_t)b->r->net->config.bos_token_id);
        for (size_t i = 0; i < t->count; i++)
            bl_sampling_accept(s, t->ids[i]);
    }
    bl_status status = draws_by_logits(t) ? bl_sequence_draw(t->s, &d, &t->drawn, err)
                                          : bl_sequence_take(t->s, &d, t->only, err);
    if (status == BL_OK && !draws_by_logits(t))
        t->drawn = t->only;
    t->wants_all = best && status != BL_OK;
    t->wants_allowed = best && status == BL_OK && t->drawn == BL_NO_TOKEN;
    if (status != BL_OK || t->wants_allowed)
        return status;
    bl_sampling_accept(s, t->drawn);
    t->ends = t->drawn == d.end && (!t->options->ignore_eos || constrained);
    bl_told_begin(t->told, t->drawn, t->s->state.position, t->ends);
    return logits ? bl_told_likelihoods(t->told, t->options, logits, b->r->net->m.V, err) : BL_OK;
}

/* A pass whose rows are drawn from. */
typedef struct draws {
    const bl_batch_room *b;
    bl_turn *turns; /* the first of those that a thread may take */
    size_t top;     /* candidates of a row */
} draws;

static const bl_candidate *best_of(const bl_reader *r, const bl_turn *t, size_t top)
{
    return r->best + t->row * (top + 1);
}

static void draw_from_best(void *user, size_t first, size_t last, size_t member)
{
    const draws *d = user;
    (void)member;
    for (size_t i = first; i < last; i++) {
        bl_turn *t = &d->turns[i];
        if (t->at_row && t->enough)
            (void)draw(d->b, t, best_of(d->b->r, t, d->top), d->top, NULL, NULL);
    }
}

static bl_status draw_from_all(const bl_batch_room *b, bl_turn *t, size_t i, bl_error *err)
{
    bl_status status = draw(b, t, NULL, 0, b->r->host, err);
    return status == BL_OK ? BL_OK : of_turn(status, i, err);
}

/* Of a turn whose best did not do, from what is allowed or from all; the rows of the pass are lost. */
static bl_status draw_again(const bl_batch_room *b, bl_turn *t, size_t i, bl_error *err)
{
    bl_status status;
    if (t->wants_allowed) {
        bl_drawing d = {.count = t->enough};
        status = bl_sequence_fetch(t->s, b->r, &d, err);
        if (status == BL_OK)
            status = draw(b, t, d.best, d.count, d.logits, err);
        return status == BL_OK ? BL_OK : of_turn(status, i, err);
    }
    t->row = 0;
    status = bl_reader_logits(b->r, &t->s->state, err);
    if (status != BL_OK)
        return of_turn(status, i, err);
    BL_TRY(get_logits(b->r, t, i, b->r->host, err));
    return draw_from_all(b, t, i, err);
}

/* Hands out and draws from the rows that a pass left of turns `from` and after it. */
static void use_rows(const bl_batch_room *b, bl_turn *turns, size_t from, size_t count, size_t top,
                     trouble *first)
{
    enum { EACH = 8 }; /* turns of a thread, at least: some microseconds */
    bl_reader *r = b->r;
    bl_error why;
    for (size_t i = from; i < from + count; i++) {
        bl_turn *t = &turns[i];
        bl_status status = BL_OK;
        if (t->at_row && t->logits)
            status = get_logits(r, t, i, t->logits, &why);
        if (t->at_row && t->enough && status == BL_OK) {
            status = bl_infer_check_best(&t->s->state, best_of(r, t, top), top, r->net->m.V, &why);
            status = status == BL_OK ? BL_OK : of_turn(status, i, &why);
        }
        if (t->at_row && draws_by_logits(t) && !t->enough && status == BL_OK) {
            status = get_logits(r, t, i, r->host, &why);
            if (status == BL_OK)
                status = draw_from_all(b, t, i, &why);
        }
        note_trouble(first, status, &why);
        t->failed |= status != BL_OK;
        t->at_row = t->at_row && status == BL_OK;
    }
    draws d = {b, turns + from, top};
    size_t threads = b->threads < count / EACH ? b->threads : count / EACH;
    if (top)
        bl_team_run(threads ? threads : 1, count, draw_from_best, &d);
    for (size_t i = from; i < from + count; i++) {
        bl_turn *t = &turns[i];
        if (t->at_row && (t->wants_all || t->wants_allowed)) {
            bl_status status = draw_again(b, t, i, &why);
            note_trouble(first, status, &why);
        }
        t->at_row = 0;
    }
}

/* What a grammar forces is drawn once all before it was read. */
static void draw_forced(const bl_batch_room *b, bl_turn *turns, size_t count, trouble *first)
{
    bl_error why;
    for (size_t i = 0; i < count; i++) {
        bl_turn *t = &turns[i];
        if (!t->options || draws_by_logits(t) || left_of(t) || t->failed)
            continue;
        bl_status status = draw(b, t, NULL, 0, NULL, &why);
        note_trouble(first, status == BL_OK ? status : of_turn(status, i, &why), &why);
    }
}

/* What was drawn waits to be read by the next call, and adds to the text; what was to begin a
 * sequence does not wait. */
static void end_turns(const bl_batch_room *b, bl_turn *turns, size_t count, trouble *first)
{
    bl_error why;
    for (size_t i = 0; i < count; i++) {
        bl_turn *t = &turns[i];
        if (t->drawn == BL_NO_TOKEN) {
            if (t->begins && t->s->state.position == 0)
                t->s->pending = BL_NO_TOKEN;
            continue;
        }
        t->s->pending = t->drawn;
        if (b->t) {
            bl_status status = bl_told_text(t->told, t->s, b->t, t->options->max_tokens == 1, &why);
            note_trouble(first, status == BL_OK ? status : of_turn(status, i, &why), &why);
        }
    }
}

/* ---- passes ---- */

/* The most that any turn draws from. */
static size_t top_of(const bl_turn *turns, size_t count)
{
    size_t top = 0;
    for (size_t i = 0; i < count; i++)
        top = turns[i].enough > top ? turns[i].enough : top;
    return top;
}

/* Whether anybody wants all logits, to have or to draw from. */
static int all_logits(const bl_turn *turns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (turns[i].logits || (draws_by_logits(&turns[i]) && !turns[i].enough))
            return 1;
    return 0;
}

static bl_status read_pass(const bl_batch_room *b, bl_turn *turns, size_t count, size_t top,
                           trouble *first, bl_error *err)
{
    bl_reader *r = b->r;
    const bl_piece *pieces = b->pieces;
    size_t n = cut_pieces(r, turns, count, b->pieces), row = 0;
    r->top = top;
    r->logits_too = all_logits(turns, count);
    bl_status status = bl_reader_feed(r, pieces, n, err);
    r->top = 0;
    BL_TRY(status);
    for (size_t i = 0, k = 0; i < count && k < n; i++) {
        bl_turn *t = &turns[i];
        if (pieces[k].state != &t->s->state)
            continue;
        note_piece(t, &pieces[k]);
        t->at_row = pieces[k++].want == BL_LOGITS_LAST;
        t->row = row;
        row += (size_t)t->at_row;
    }
    if (row)
        use_rows(b, turns, 0, count, top, first);
    return BL_OK;
}

/* Turns of no tokens: logits of what was read by an earlier call. */
static bl_status read_last(const bl_batch_room *b, bl_turn *turns, size_t count, trouble *first,
                           bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        bl_turn *t = &turns[i];
        if (!wants_logits(t) || left_of(t))
            continue;
        b->r->top = t->enough;
        b->r->logits_too = all_logits(t, 1);
        bl_status status = bl_reader_logits(b->r, &t->s->state, err);
        b->r->top = 0;
        BL_TRY(status);
        t->at_row = 1;
        t->row = 0;
        use_rows(b, turns, i, 1, t->enough, first);
    }
    return BL_OK;
}

static bl_status read_turns(const bl_batch_room *b, bl_turn *turns, size_t count, trouble *first,
                            bl_error *err)
{
    size_t left = 0, top = top_of(turns, count);
    BL_TRY(read_last(b, turns, count, first, err));
    for (size_t i = 0; i < count; i++)
        left += left_of(&turns[i]);
    for (size_t all = left; left;) {
        BL_TRY(read_pass(b, turns, count, top, first, err));
        left -= b->r->filled;
        if (left)
            BL_TRY(bl_watch_poll(all - left, all, err));
        if (left && b->stop && b->stop(b->user))
            return bl_fail(err, BL_EINTERRUPTED, "the batch was closed");
    }
    return BL_OK;
}

bl_status bl_batch_read(const bl_batch_room *b, bl_turn *turns, size_t count, bl_error *err)
{
    trouble first = {.status = BL_OK};
    BL_TRY(check_turns(b->r, turns, count, err));
    BL_TRY(begin_turns(b, turns, count, err));
    bl_status status = read_turns(b, turns, count, &first, err);
    draw_forced(b, turns, count, &first);
    end_turns(b, turns, count, &first);
    if (status == BL_OK && first.status != BL_OK)
        return bl_fail(err, first.status, "%s", first.err.message);
    return status;
}
