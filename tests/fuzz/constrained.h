/* A text written by a grammar from a stranger, or the refusal of it. */
#ifndef BL_TESTS_CONSTRAINED_H
#define BL_TESTS_CONSTRAINED_H

#include "small_tokenizer.h"

#include "core/rng.h"
#include "core/utf8.h"
#include "constrain/constraint.h"

enum { FUZZ_TOKENS = 48, FUZZ_V = 320, FUZZ_WORDS = FUZZ_V / 64, FUZZ_TEXT = 1 << 12 };

/* What is refused says so in one line; grammars of this size have no other way to fail. */
static inline void fuzz_refused(bl_status status, const bl_error *err)
{
    FUZZ_CHECK(status == BL_EFORMAT || status == BL_EUNSUPPORTED);
    FUZZ_CHECK(err->code == status && *err->message && !strchr(err->message, '\n'));
}

/* The tokens allowed one by one are those of the mask. */
static inline size_t fuzz_allowed(bl_constraint *c, const bl_token_limit *limit,
                                  const uint64_t *mask, bl_candidate *list)
{
    size_t count = FUZZ_V, n = 0;
    bl_error err;
    for (size_t i = 0; i < FUZZ_V; i++)
        list[i] = (bl_candidate){0, (int32_t)i};
    bl_status status = bl_constraint_keep(c, limit, list, &count, &err);
    FUZZ_CHECK(status == BL_OK);
    for (size_t i = 0; i < FUZZ_V; i++)
        if (mask[i / 64] >> i % 64 & 1)
            FUZZ_CHECK(n < count && list[n++].id == (int32_t)i);
    FUZZ_CHECK(n == count);
    return count;
}

/* Writes a text by random tokens that leave enough to end it.  1: it came to its end. */
static inline int fuzz_write_text(bl_grammar *g, uint64_t seed, char *text, size_t *bytes)
{
    const bl_tokenizer *t = fuzz_tokenizer();
    bl_constraint *c;
    bl_candidate list[FUZZ_V];
    uint64_t mask[FUZZ_WORDS];
    bl_error err;
    int ended = 0, any;
    *bytes = 0;
    bl_status status = bl_constraint_open(&c, g, &err);
    if (status != BL_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    for (uint64_t n = 0; n < FUZZ_TOKENS && !ended; n++) {
        const bl_token_limit limit = {.end = 0, .left = FUZZ_TOKENS - n};
        status = bl_constraint_mask(c, &limit, mask, FUZZ_V, &any, &err);
        if (status != BL_OK) {
            fuzz_refused(status, &err);
            break;
        }
        if (!any) /* rules would nest too deep */
            break;
        size_t count = fuzz_allowed(c, &limit, mask, list), token_bytes;
        int32_t id = list[bl_rng_below(seed, 9, n, count)].id;
        if (id == limit.end) {
            ended = 1;
            break;
        }
        FUZZ_CHECK(bl_constraint_accept(c, &limit, id, &err) == BL_OK);
        const char *token = bl_tokenizer_bytes(t, id, &token_bytes);
        FUZZ_CHECK(token_bytes && *bytes + token_bytes <= FUZZ_TEXT);
        memcpy(text + *bytes, token, token_bytes);
        *bytes += token_bytes;
    }
    bl_constraint_close(c);
    FUZZ_CHECK(!ended || bl_utf8_invalid(text, *bytes) == *bytes);
    return ended;
}

/* A seed that is the input's own. */
static inline uint64_t fuzz_seed(const uint8_t *data, size_t size)
{
    uint64_t seed = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * 1099511628211u;
    return seed;
}

#endif
