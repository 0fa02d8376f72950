/* The end of a run compared with its beginning and its best; a long text with short ones. */
#include "train/remedy.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { FEWEST = 20, MOST_AVERAGED = 50 };

/* Well above: by more than evaluations of text that was not trained on differ from each other. */
static const double well_above = 1.05;

/* Mean of the finite losses of n points; the losses of single steps are noisy. */
static double mean(const bl_curve *c, size_t from, size_t n)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = from; i < from + n && i < c->count; i++)
        if (isfinite(c->at[i].loss)) {
            sum += c->at[i].loss;
            count++;
        }
    return count ? sum / (double)count : (double)NAN;
}

/* The mean of the steps up to this one. */
static double mean_until(const bl_curve *c, uint64_t step, size_t n)
{
    size_t end = 0;
    while (end < c->count && c->at[end].step <= step)
        end++;
    return mean(c, end > n ? end - n : 0, n);
}

/* Before the first update the loss has little noise, and after it may be anything. */
static double beginning(const bl_curve *c, size_t n)
{
    return c->at[0].step == 1 && isfinite(c->at[0].loss) ? c->at[0].loss : mean(c, 0, n);
}

typedef struct ending {
    const char *of;
    double first, best, last;
    uint64_t best_step;
} ending;

static ending of_validation(const bl_curve *val, double first)
{
    ending e = {"validation", first, val->at[val->count - 1].loss, val->at[val->count - 1].loss, 0};
    for (size_t i = 0; i < val->count; i++)
        if (val->at[i].loss < e.best) {
            e.best = val->at[i].loss;
            e.best_step = val->at[i].step;
        }
    return e;
}

static ending of_training(const bl_curve *train, double first, size_t n)
{
    ending e = {"training", first, first, mean(train, train->count - n, n), 0};
    for (size_t i = 0; i + n <= train->count; i += n) {
        double loss = mean(train, i, n);
        if (loss < e.best) {
            e.best = loss;
            e.best_step = train->at[i + n - 1].step;
        }
    }
    return e;
}

int bl_run_remedy(char *text, size_t room, const bl_curve *train, const bl_curve *val)
{
    if (train->count < FEWEST)
        return 0;
    size_t n = train->count / 10 < MOST_AVERAGED ? train->count / 10 : MOST_AVERAGED;
    double first = beginning(train, n), last = mean(train, train->count - n, n);
    int has_val = val->count > 0;
    ending e = has_val ? of_validation(val, first) : of_training(train, first, n);
    if (e.last > e.first) {
        (void)snprintf(text, room,
                       "the run ended worse than it began: the %s loss is %.4f, at first it was "
                       "%.4f; lower `lr`",
                       e.of, e.last, e.first);
        return 1;
    }
    if (!(e.last > well_above * e.best))
        return 0;
    int learnt_by_heart = has_val && last < mean_until(train, e.best_step, n);
    (void)snprintf(text, room,
                   "the run ended well above its best: the %s loss is %.4f, at step %" PRIu64
                   " it was %.4f; %s%s",
                   e.of, e.last, e.best_step, e.best,
                   learnt_by_heart
                       ? "the text is being learnt by heart: fewer `steps`, or more text"
                       : "lower `lr`",
                   has_val ? "; the model kept is that of the best step" : "");
    return 1;
}

int bl_stream_remedy(char *text, size_t room, const bl_stream_point *end, int forgets)
{
    const double too_much = 0.05; /* nats a token */
    if (!end->tokens || !isfinite(end->fresh) || end->loss <= end->fresh + too_much)
        return 0;
    (void)snprintf(text, room,
                   "the loss on one long text rises: it is %.4f nats a token after %" PRIu64
                   " tokens, where a fresh state has %.4f; train with %s",
                   fabs(end->loss), end->first, end->fresh, /* nan has no sign */
                   forgets ? "a larger `context` or a smaller `ttt_half_life_max`"
                           : "`ttt_forget`");
    return 1;
}
