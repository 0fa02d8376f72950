/* After the last step: does the loss rise on one long text where fresh states do well? */
#include "core/watch.h"
#include "core/clock.h"
#include "infer/stream_loss.h"
#include "train/trainer.h"

enum {
    CONTEXTS = 64,    /* that are read at most; */
    TOKENS = 1 << 15, /* and tokens, */
    SECONDS = 5,      /* and this long, so that the end of a run does not wait for it */
    FEWEST = 8,       /* contexts that say anything */
    PIECE = 64,
    BATCH = 512 /* tokens of windows computed at once */
};

/* Does any token count? */
static int is_of_use(const bl_token_file *file)
{
    const bl_mask *mask = bl_token_file_mask(file);
    return !mask || bl_mask_counted(mask);
}

/* The folder with the longest validation text, and how many tokens of it can be predicted. */
static const bl_token_file *longest(const bl_trainer *t, uint64_t *most)
{
    const bl_token_file *best = NULL;
    size_t count = 0;
    for (size_t i = 0; i < t->data->count; i++) {
        const bl_token_file *file = t->data->data[i]->split[BL_DATA_VAL];
        if (bl_token_file_count(file) > count && is_of_use(file)) {
            best = file;
            count = bl_token_file_count(file);
        }
    }
    *most = count ? count - 1 : 0;
    return best;
}

/* How much of it is read; 0: too little to say anything. */
static uint64_t length_of(const bl_trainer *t, uint64_t there)
{
    uint64_t T = t->o.context, most = T * CONTEXTS < TOKENS ? T * CONTEXTS : TOKENS;
    most = t->o.eval_tokens && t->o.eval_tokens < most ? t->o.eval_tokens : most;
    most = there < most ? there : most;
    return most < T * FEWEST ? 0 : most;
}

static int asked_to_stop(void *user, const char *stage, uint64_t done, uint64_t total,
                         const char *unit)
{
    bl_trainer *t = user;
    (void)stage, (void)done, (void)total, (void)unit;
    return t->stop || bl_busy_closing(&t->busy);
}

static bl_status read_text(bl_stream_loss *e, const bl_token_file *text, bl_error *err)
{
    size_t count = bl_token_file_count(text);
    double end = bl_clock_seconds() + SECONDS;
    BL_TRY(bl_token_file_still(text, err));
    for (size_t at = 0; at < count && !bl_stream_loss_is_full(e); at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        if (bl_clock_seconds() > end)
            break;
        BL_TRY(bl_stream_loss_read_file(e, text, at, n, err));
    }
    return bl_stream_loss_end(e, err);
}

typedef struct last_octave {
    const bl_stream_loss *e;
    bl_stream_point *end;
} last_octave;

/* The last octave that is at least half there, well behind the first context, and with as many
 * tokens that count as a context has: a mask may name few. */
static void keep_last(void *user, const bl_stream_point *point)
{
    const last_octave *o = user;
    size_t T = o->e->p->T;
    if (o->e->scored > point->first + (point->last - point->first) / 2 && point->first >= 2 * T &&
        point->tokens >= T)
        *o->end = *point;
}

bl_status bl_trainer_stream(bl_trainer *t, bl_stream_point *end, bl_error *err)
{
    uint64_t most;
    const bl_token_file *text = longest(t, &most);
    *end = (bl_stream_point){0};
    most = length_of(t, most);
    if (!most)
        return BL_OK;
    bl_pass pass = t->blocks.eval; /* its room, for fewer windows */
    if (pass.N > BATCH)
        pass.B = pass.T < BATCH ? BATCH / pass.T : 1;
    pass.N = pass.B * pass.T;
    bl_stream_loss e;
    bl_watch watch;
    BL_TRY(bl_stream_loss_open(&e, &t->blocks.reader, &t->blocks.sample.state, &pass, most, err));
    bl_watch_begin_with(&watch, asked_to_stop, t, "evaluating", "tok", 0);
    bl_status status = read_text(&e, text, err);
    bl_watch_end(&watch);
    if (status == BL_OK && e.scored >= FEWEST * (uint64_t)pass.T)
        bl_stream_loss_tell(&e, keep_last, &(last_octave){&e, end});
    bl_stream_loss_release(&e);
    return status;
}
