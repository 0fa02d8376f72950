/* Counter-based random numbers (Philox4x32-10, Salmon et al., SC 2011).
 *
 * A draw is a pure function of (seed, stream, index): no state to carry, so any device and any
 * sharding of the work sees the same values. */
#ifndef BL_CORE_RNG_H
#define BL_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Streams: what a draw is for.  The low 32 bits number the user within the purpose. */
#define BL_RNG_INIT    ((uint64_t)1 << 32) /* + tensor number: initial weights */
#define BL_RNG_DROPOUT ((uint64_t)2 << 32) /* + site: dropout masks */
#define BL_RNG_SHUFFLE ((uint64_t)3 << 32) /* order of training windows */
#define BL_RNG_SAMPLE  ((uint64_t)4 << 32) /* sampling of tokens */
#define BL_RNG_TALES   ((uint64_t)5 << 32) /* the story generator */
#define BL_RNG_SPLIT   ((uint64_t)6 << 32) /* validation split */
#define BL_RNG_DEDUP   ((uint64_t)7 << 32) /* hash functions of near duplicates */
#define BL_RNG_CARRY   ((uint64_t)8 << 32) /* which rows of a batch begin afresh */

void bl_philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/* Uniform in [0, 1) with 24 bits (exact in float32). */
float bl_rng_uniform(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform integer in [0, n), n > 0, without modulo bias beyond 2^-32. */
uint64_t bl_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n);

/* Standard normal (Box-Muller in double, rounded once). */
float bl_rng_normal(uint64_t seed, uint64_t stream, uint64_t index);

#endif
