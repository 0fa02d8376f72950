/* Masks of the first lanes of an AVX-512 register, for the ends of rows. */
#ifndef BL_KERN_X86_LANES_AVX512_H
#define BL_KERN_X86_LANES_AVX512_H

#include <immintrin.h>
#include <stddef.h>

/* The first min(left, 16) of 16 lanes; of 8 lanes. */
static inline __mmask16 lanes16(size_t left)
{
    return (__mmask16)(left >= 16 ? 0xffffu : (1u << left) - 1u);
}

static inline __mmask8 lanes8(size_t left)
{
    return (__mmask8)(left >= 8 ? 0xffu : (1u << left) - 1u);
}

#endif
