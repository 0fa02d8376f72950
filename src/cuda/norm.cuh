/* How norm.cu and norm_bwd.cu lay threads over rows: RMSNorm, gate_norm, SwiGLU.
 *
 * All three end in an RMSNorm of some y, so one kernel a direction serves them:
 *
 *     RMSNORM  y = x
 *     SWIGLU   y = silu(x) z                          x the gate, z what it opens
 *     GATED    y = gelu(z) (lw xh + lb)               xh = LN(x); y = lw xh + lb without z
 *
 * A team of W warps takes a row, TEAMS teams make a block.  KEEP: a thread holds its V neighbours of
 * the row in registers (D <= 32 W V).  Otherwise it walks along the row and reads it once a pass. */
#ifndef BL_CUDA_NORM_CUH
#define BL_CUDA_NORM_CUH

#include "cuda/elementwise.cuh"

enum { RMSNORM, SWIGLU, GATED };

/* The statements with the V, W, TEAMS and KEEP that suit rows of D. */
#define WITH_WIDTH_CASE(v, w, teams, keep, ...)                                                    \
    {                                                                                              \
        enum { V = v, W = w, TEAMS = teams, KEEP = keep };                                         \
        __VA_ARGS__                                                                                \
    }
#define WITH_WIDTH(eights, D, ...)                                                                 \
    do {                                                                                           \
        if (!(eights))                                                                             \
            WITH_WIDTH_CASE(1, 4, 1, 0, __VA_ARGS__)                                               \
        else if ((D) <= 256)                                                                       \
            WITH_WIDTH_CASE(8, 1, 8, 1, __VA_ARGS__)                                               \
        else if ((D) <= 768)                                                                       \
            WITH_WIDTH_CASE(8, 3, 2, 1, __VA_ARGS__)                                               \
        else if ((D) <= 2048)                                                                      \
            WITH_WIDTH_CASE(8, 8, 1, 1, __VA_ARGS__)                                               \
        else                                                                                       \
            WITH_WIDTH_CASE(8, 8, 1, 0, __VA_ARGS__)                                               \
    } while (0)

/* A thread's pieces of a row that ends at `end`: one when it keeps the row, none when its team has no
 * row (end = 0). */
#define PIECES_BEGIN(i) for (size_t i = (size_t)thread * V; i < end; i += (size_t)32 * W * V) {
#define PIECES_END                                                                                 \
    if (KEEP)                                                                                      \
        break;                                                                                     \
    }

#endif
