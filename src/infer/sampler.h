/* Sampling: from logits to the next token. */
#ifndef BL_INFER_SAMPLER_H
#define BL_INFER_SAMPLER_H

#include "core/best.h"
#include "format/options.h"

/* What is added to the logit of a token. */
typedef struct bl_bias {
    int32_t id;
    float bias; /* -INFINITY: it is never drawn */
} bl_bias;

typedef struct bl_sampling {
    bl_generate_options options;
    int seeded;           /* 0: no seed yet */
    uint64_t seed, draws; /* the n-th draw is Philox(seed, SAMPLE, n): same seed, same text */
    size_t V;
    bl_candidate *candidate; /* [V] */
    int32_t *recent;         /* ring of the last tokens, for the repeat penalty */
    size_t recent_size, recent_count, recent_next;
    bl_bias *biases; /* rising ids */
    size_t bias_count;
    int raised;     /* a bias is above 0 */
    int restricted; /* somebody chooses among the candidates before one is drawn */
} bl_sampling;

bl_status bl_sampling_open(bl_sampling *s, size_t V, bl_error *err) BL_NODISCARD;
void bl_sampling_release(bl_sampling *s);

/* Options from now on.  Their seed begins new random numbers, but -1 and the seed in use continue
 * with those of the previous call; -1 at first takes a seed from the system.  The window of the
 * penalty keeps what it holds; it never shrinks. */
bl_status bl_sampling_configure(bl_sampling *s, const bl_generate_options *options,
                                bl_error *err) BL_NODISCARD;

/* Starts the seed's random numbers at the first one. */
void bl_sampling_seed(bl_sampling *s, uint64_t seed);

/* Forgets the seed and the window with its width. */
void bl_sampling_restart(bl_sampling *s);

/* Takes these biases, of different ids, sorted, for its own; with count 0 none. */
void bl_sampling_bias(bl_sampling *s, bl_bias *biases, size_t count);

/* Seed, draws, window and biases of `from`; BL_ENOMEM leaves `to` as it was. */
bl_status bl_sampling_copy(bl_sampling *to, const bl_sampling *from, bl_error *err) BL_NODISCARD;

/* The i-th id in the window, the oldest first. */
int32_t bl_sampling_recent(const bl_sampling *s, size_t i);

/* Notes a token for the repeat penalty: prompt and reply alike. */
void bl_sampling_accept(bl_sampling *s, int32_t id);

/* Draws from logits [V] in the order bias, penalty, top-k, top-p, min-p, temperature; with a mask
 * from those of the tokens whose bits are set in it (others are not read), -1 when there are none or biases forbid all of
 * them.  Equal logits rank by the smaller id.  One that is not a number counts as minus infinity. */
int32_t bl_sampling_next(bl_sampling *s, const float *logits, const uint64_t *mask);

/* How many of the best logits the next token can be drawn from, at most BL_TOP_MOST and V; 0: from
 * all alone.  There are few such numbers, as a device keeps a graph for each. */
size_t bl_sampling_enough(const bl_sampling *s);

/* What bl_sampling_next() draws, from the `count` best of its logits, best first: at least
 * bl_sampling_enough(). */
int32_t bl_sampling_next_of(bl_sampling *s, const bl_candidate *best, size_t count);

/* The same in two steps: the candidates that top-k leaves, in s->candidate, best first (of a mask
 * without a token none); and one drawn from the first `count` of them, at least one.  Both ways
 * leave the same candidates.  `restricted`, with a temperature of 0 too there are some to choose
 * among. */
size_t bl_sampling_leave(bl_sampling *s, const float *logits, const uint64_t *mask);
size_t bl_sampling_leave_of(bl_sampling *s, const bl_candidate *best, size_t count);
int32_t bl_sampling_choose(bl_sampling *s, size_t count);

/* Whether top-k leaves so many candidates that the best are not looked for first. */
int bl_sampling_leaves_all(const bl_sampling *s);

/* Among so many better tokens or more, what a grammar allows is beyond what top-k leaves; 0: the best of
 * it is drawn anyway, SIZE_MAX: a number of tokens does not tell. */
size_t bl_sampling_beyond(const bl_sampling *s);

/* The first token of a mask from token i on; V: there is none. */
static inline size_t bl_allowed_next(const uint64_t *mask, size_t V, size_t i)
{
    while (i < V) {
        uint64_t rest = mask[i / 64] >> i % 64;
        if (rest) {
            i += (size_t)__builtin_ctzll(rest);
            return i < V ? i : V;
        }
        i = 64 * (i / 64 + 1);
    }
    return V;
}

#endif
