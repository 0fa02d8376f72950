/* Learning a text: reading it with its loss, and consolidating meanwhile. */
#include "core/alloc.h"
#include "core/watch.h"
#include "infer/evaluate.h"
#include "infer/feed.h"
#include "infer/sequence.h"

static bl_status consolidate(bl_sequence *s, bl_reader *r, bl_lesson *lesson, bl_error *err)
{
    lesson->since = 0;
    if (!(lesson->share > 0))
        return BL_OK;
    lesson->consolidations++;
    return bl_sequence_consolidate(s, r, lesson->share, err);
}

/* How many of `left` tokens come before the next consolidation, in one feed. */
static size_t next_rows(const bl_lesson *lesson, size_t left)
{
    size_t rows = left < BL_READER_ROWS ? left : BL_READER_ROWS;
    uint64_t due = lesson->every - lesson->since;
    return lesson->every && due < rows ? (size_t)due : rows;
}

/* `rows` tokens were read. */
static bl_status note(bl_sequence *s, bl_reader *r, bl_lesson *lesson, size_t rows, bl_error *err)
{
    lesson->tokens += rows;
    lesson->since += rows;
    if (lesson->every && lesson->since >= lesson->every)
        BL_TRY(consolidate(s, r, lesson, err));
    return lesson->between ? lesson->between(lesson->user, err) : BL_OK;
}

/* The first id, predicted from what was read last: the pending token, or one read before. */
static bl_status score_first(bl_sequence *s, bl_reader *r, bl_lesson *lesson, int32_t id,
                             int counts, bl_error *err)
{
    int reads = s->pending != BL_NO_TOKEN;
    if (!reads && !s->state.has_last)
        return BL_OK;
    BL_TRY(bl_sequence_feed(s, r, NULL, 0, r->host, 0, err));
    if (counts) {
        lesson->nats += bl_loss_of(r->host, r->net->m.V, id);
        lesson->scored++;
    }
    return reads ? note(s, r, lesson, 1, err) : BL_OK;
}

static bl_status learn(bl_sequence *s, bl_reader *r, bl_lesson *lesson, const int32_t *ids,
                       const unsigned char *counts, size_t count, float *logits, bl_error *err)
{
    size_t V = r->net->m.V;
    for (size_t done = 0; done + 1 < count;) {
        size_t rows = next_rows(lesson, count - 1 - done);
        BL_TRY(bl_watch_poll(done, count, err));
        BL_TRY(bl_infer_feed(r, &s->state, ids + done, rows, logits, 1, err));
        for (size_t t = 0; t < rows; t++) {
            if (counts && !counts[done + t + 1])
                continue;
            lesson->nats += bl_loss_of(logits + t * V, V, ids[done + t + 1]);
            lesson->scored++;
        }
        done += rows;
        s->learned += rows;
        BL_TRY(note(s, r, lesson, rows, err));
    }
    s->pending = ids[count - 1];
    s->learned++;
    return BL_OK;
}

bl_status bl_sequence_learn(bl_sequence *s, bl_reader *r, bl_lesson *lesson, const int32_t *ids,
                            const unsigned char *counts, size_t count, bl_error *err)
{
    BL_TRY(bl_infer_check_ids(r->net, ids, count, err));
    if (!count)
        return BL_OK;
    float *logits = bl_calloc(BL_READER_ROWS * r->net->m.V, sizeof *logits);
    if (!logits)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu logits",
                       BL_READER_ROWS * r->net->m.V);
    bl_status status = score_first(s, r, lesson, ids[0], !counts || counts[0], err);
    if (status == BL_OK) {
        s->decoder = (bl_decoder){.started = 1}; /* another text follows */
        status = learn(s, r, lesson, ids, counts, count, logits, err);
    }
    bl_free(logits);
    return status;
}

bl_status bl_sequence_learned(bl_sequence *s, bl_reader *r, bl_lesson *lesson, bl_error *err)
{
    return lesson->since ? consolidate(s, r, lesson, err) : BL_OK;
}
