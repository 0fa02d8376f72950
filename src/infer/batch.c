/* Many sequences read at once: whose tokens are in which pass. */
#include "infer/batch.h"
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

/* Before anything is read. */
static bl_status check_turns(const bl_reader *r, const bl_turn *turns, size_t count, bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bl_turn *t = &turns[i];
        bl_status status = bl_infer_check_ids(r->net, t->ids, t->count, err);
        if (status == BL_OK && t->logits && !left_of(t) && !t->s->state.has_last)
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
    if (t->logits && p.T == left_of(t))
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
    t->s->decoder = (bl_decoder){.started = 1}; /* another text follows */
}

/* Row `row` of the reader's logits for turn i. */
static bl_status get_logits(const bl_reader *r, const bl_turn *t, size_t i, size_t row,
                            bl_error *err)
{
    bl_status status = bl_reader_get(r, row, t->logits, err);
    if (status == BL_OK)
        status = bl_infer_check_logits(&t->s->state, t->logits, 1, r->net->m.V, err);
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

static bl_status read_pass(bl_reader *r, bl_turn *turns, size_t count, bl_piece *pieces,
                           trouble *first, bl_error *err)
{
    size_t n = cut_pieces(r, turns, count, pieces), row = 0;
    bl_error why;
    BL_TRY(bl_reader_feed(r, pieces, n, err));
    for (size_t i = 0, k = 0; i < count && k < n; i++) {
        bl_turn *t = &turns[i];
        if (pieces[k].state != &t->s->state)
            continue;
        note_piece(t, &pieces[k]);
        if (pieces[k++].want == BL_LOGITS_LAST) {
            bl_status status = get_logits(r, t, i, row++, &why);
            note_trouble(first, status, &why);
        }
    }
    return BL_OK;
}

/* Turns of no tokens: logits of what was read by an earlier call. */
static bl_status read_last(bl_reader *r, const bl_turn *turns, size_t count, trouble *first,
                           bl_error *err)
{
    bl_error why;
    for (size_t i = 0; i < count; i++) {
        if (!turns[i].logits || left_of(&turns[i]))
            continue;
        BL_TRY(bl_reader_logits(r, &turns[i].s->state, err));
        bl_status status = get_logits(r, &turns[i], i, 0, &why);
        note_trouble(first, status, &why);
    }
    return BL_OK;
}

bl_status bl_batch_read(bl_reader *r, bl_turn *turns, size_t count, bl_piece *pieces,
                        bl_stop_fn *stop, void *user, bl_error *err)
{
    trouble first = {.status = BL_OK};
    size_t left = 0;
    BL_TRY(check_turns(r, turns, count, err));
    BL_TRY(read_last(r, turns, count, &first, err));
    for (size_t i = 0; i < count; i++)
        left += left_of(&turns[i]);
    for (size_t all = left; left;) {
        BL_TRY(read_pass(r, turns, count, pieces, &first, err));
        left -= r->filled;
        if (left)
            BL_TRY(bl_watch_poll(all - left, all, err));
        if (left && stop && stop(user))
            return bl_fail(err, BL_EINTERRUPTED, "the batch was closed");
    }
    if (first.status != BL_OK)
        return bl_fail(err, first.status, "%s", first.err.message);
    return BL_OK;
}
