/* Barriers, warp collectives, tensor-core products and atomics of the emulation. */
#ifndef BL_EMULATE_WARP_H
#define BL_EMULATE_WARP_H

#include "emulate.h"

/* ---- barriers ---- */

static inline void __syncthreads(EMULATE_HERE)
{
    (void)emulate_block_wait(EMULATE_SYNCTHREADS, 0, file, line);
}
static inline int __syncthreads_count(int yes, EMULATE_HERE)
{
    return emulate_block_wait(EMULATE_SYNCTHREADS_COUNT, yes != 0, file, line);
}
static inline int __syncthreads_or(int yes, EMULATE_HERE)
{
    return __syncthreads_count(yes, file, line) != 0;
}
static inline int __syncthreads_and(int yes, EMULATE_HERE)
{
    return __syncthreads_count(yes, file, line) == (int)(blockDim.x * blockDim.y * blockDim.z);
}
static inline void __syncwarp(unsigned mask = 0xffffffffu, EMULATE_HERE)
{
    emulate_warp_wait(EMULATE_SYNCWARP, mask, 0, file, line);
}
static inline void __threadfence(void) {}
static inline void __threadfence_block(void) {}
static inline void __threadfence_system(void) {}

/* ---- shuffles and votes ---- */

template <typename T>
static inline T emulate_shuffle(emulate_kind kind, unsigned mask, T x, int arg, int width,
                                const char *file, int line)
{
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle takes at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof x);
    emulate_values *values = emulate_mine->values;
    unsigned lane = emulate_mine->lane;
    values->v[lane] = bits;
    values->arg[lane] = arg;
    emulate_warp_wait(kind, mask, width, file, line);
    bits = values->v[lane];
    memcpy(&x, &bits, sizeof x);
    return x;
}
template <typename T>
static inline T __shfl_sync(unsigned mask, T x, int from, int width = 32, EMULATE_HERE)
{
    return emulate_shuffle(EMULATE_SHFL, mask, x, from, width, file, line);
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T x, unsigned by, int width = 32, EMULATE_HERE)
{
    return emulate_shuffle(EMULATE_SHFL_UP, mask, x, (int)by, width, file, line);
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T x, unsigned by, int width = 32, EMULATE_HERE)
{
    return emulate_shuffle(EMULATE_SHFL_DOWN, mask, x, (int)by, width, file, line);
}
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T x, int with, int width = 32, EMULATE_HERE)
{
    return emulate_shuffle(EMULATE_SHFL_XOR, mask, x, with, width, file, line);
}
static inline unsigned __ballot_sync(unsigned mask, int yes, EMULATE_HERE)
{
    return (unsigned)emulate_shuffle(EMULATE_BALLOT, mask, (uint64_t)(yes != 0), 0, 0, file, line);
}
static inline int __any_sync(unsigned mask, int yes, EMULATE_HERE)
{
    return __ballot_sync(mask, yes, file, line) != 0;
}
static inline int __all_sync(unsigned mask, int yes, EMULATE_HERE)
{
    return __ballot_sync(mask, !yes, file, line) == 0;
}
template <typename T> static inline unsigned __match_any_sync(unsigned mask, T x, EMULATE_HERE)
{
    return (unsigned)emulate_shuffle(EMULATE_MATCH, mask, (uint64_t)x, 0, 0, file, line);
}

/* __reduce_..._sync of 32-bit integers. */
#define EMULATE_REDUCE(name, expression)                                                           \
    template <typename T> static inline T __reduce_##name##_sync(unsigned mask, T x, EMULATE_HERE) \
    {                                                                                              \
        static_assert(std::is_integral<T>::value && sizeof(T) == 4, "int or unsigned");            \
        for (int by = 16; by; by >>= 1) {                                                          \
            T y = __shfl_xor_sync(mask, x, by, 32, file, line);                                    \
            x = (T)(expression);                                                                   \
        }                                                                                          \
        return x;                                                                                  \
    }
EMULATE_REDUCE(add, (unsigned)x + (unsigned)y)
EMULATE_REDUCE(min, x < y ? x : y)
EMULATE_REDUCE(max, x > y ? x : y)
EMULATE_REDUCE(and, x &y)
EMULATE_REDUCE(or, x | y)
EMULATE_REDUCE(xor, x ^ y)
#undef EMULATE_REDUCE

/* ---- src/cuda/mma.cuh ---- */

static inline uint32_t shared_address(const void *p)
{
    return (uint32_t)((const unsigned char *)p - emulate_shared);
}

template <typename C>
static inline void emulate_mma(emulate_kind kind, C c[4], const uint32_t a[4], const uint32_t b[2],
                               const char *file, int line)
{
    emulate_slot *s = emulate_mine;
    memcpy(s->a, a, sizeof s->a);
    memcpy(s->b, b, sizeof s->b);
    memcpy(s->c, c, sizeof s->c);
    emulate_warp_wait(kind, 0xffffffffu, 0, file, line);
    memcpy(c, s->c, sizeof s->c);
}
static inline void mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2], EMULATE_HERE)
{
    emulate_mma(EMULATE_MMA_BF16, c, a, b, file, line);
}
static inline void mma_s8(int32_t c[4], const uint32_t a[4], const uint32_t b[2], EMULATE_HERE)
{
    emulate_mma(EMULATE_MMA_S8, c, a, b, file, line);
}
static inline void emulate_ldmatrix(emulate_kind kind, uint32_t r[4], const void *row,
                                    const char *file, int line)
{
    emulate_slot *s = emulate_mine;
    s->row = row;
    emulate_warp_wait(kind, 0xffffffffu, 0, file, line);
    memcpy(r, s->c, sizeof s->c);
}
static inline void ldmatrix(uint32_t r[4], const void *row, EMULATE_HERE)
{
    emulate_ldmatrix(EMULATE_LDMATRIX, r, row, file, line);
}
static inline void ldmatrix_trans(uint32_t r[4], const void *row, EMULATE_HERE)
{
    emulate_ldmatrix(EMULATE_LDMATRIX_TRANS, r, row, file, line);
}
static inline void copy_async(void *shared, const void *global, int bytes, EMULATE_HERE)
{
    emulate_copy(shared, global, bytes, file, line);
}
static inline void copy_async_commit(void)
{
    emulate_copy_commit();
}
template <int N> static inline void copy_async_wait(void)
{
    emulate_copy_wait(N);
}

/* ---- src/cuda/barrier.cuh ---- */

static inline void barrier_init(uint64_t *bar, int arrivals)
{
    emulate_barrier_init(bar, arrivals);
}
static inline void copy_async_arrive(uint64_t *bar)
{
    emulate_copy_arrive(bar);
}
static inline void barrier_wait(uint64_t *bar, int parity, EMULATE_HERE)
{
    emulate_barrier_wait(bar, parity, file, line);
}

/* ---- atomics of integers; the old value.  None of floats: their order is not that of the source. ---- */

#define EMULATE_ATOMIC(name, T, expression)                                                        \
    static inline T name(T *at, T x)                                                               \
    {                                                                                              \
        T old = *at;                                                                               \
        *at = (T)(expression);                                                                     \
        return old;                                                                                \
    }
#define EMULATE_ATOMICS(T)                                                                         \
    EMULATE_ATOMIC(atomicMin, T, x < old ? x : old)                                                \
    EMULATE_ATOMIC(atomicMax, T, x > old ? x : old)                                                \
    EMULATE_ATOMIC(atomicExch, T, x)                                                               \
    EMULATE_ATOMIC(atomicAnd, T, old &x)                                                           \
    EMULATE_ATOMIC(atomicOr, T, old | x)                                                           \
    EMULATE_ATOMIC(atomicXor, T, old ^ x)                                                          \
    static inline T atomicCAS(T *at, T is, T x)                                                    \
    {                                                                                              \
        T old = *at;                                                                               \
        if (old == is)                                                                             \
            *at = x;                                                                               \
        return old;                                                                                \
    }
EMULATE_ATOMICS(int)
EMULATE_ATOMICS(unsigned)
EMULATE_ATOMICS(unsigned long long)
EMULATE_ATOMIC(atomicAdd, int, (unsigned)old + (unsigned)x)
EMULATE_ATOMIC(atomicAdd, unsigned, old + x)
EMULATE_ATOMIC(atomicAdd, unsigned long long, old + x)
EMULATE_ATOMIC(atomicSub, int, (unsigned)old - (unsigned)x)
EMULATE_ATOMIC(atomicSub, unsigned, old - x)
EMULATE_ATOMIC(atomicInc, unsigned, old >= x ? 0 : old + 1)
EMULATE_ATOMIC(atomicDec, unsigned, old == 0 || old > x ? x : old - 1)
#undef EMULATE_ATOMICS
#undef EMULATE_ATOMIC

#endif
