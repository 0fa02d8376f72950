/* How fast a head of the TTT layer forgets: one function of its learned number for all backends. */
#ifndef BL_OPS_FORGET_H
#define BL_OPS_FORGET_H

#include <math.h>

/* What a head keeps and loses of W - W0 at the end of a full chunk (MODEL 3.7). */
typedef struct bl_forget {
    double rho;   /* kept: 2^(-1/hl) */
    double lost;  /* 1 - rho, exact also where rho is close to 1 */
    double slope; /* d rho / d a: rho ln2 / hl, or 0 where the half-life is held at one chunk */
} bl_forget;

/* The half-life in chunks, from its logarithm a. */
static inline double bl_half_life(double a)
{
    double grown = exp(a);
    return grown > 1 ? grown : 1;
}

/* From a, the logarithm of the half-life hl = max(exp(a), 1) in chunks.  A backend rounds each
 * value once to the type that it computes in. */
static inline bl_forget bl_forget_of(double a)
{
    const double ln2 = 0.69314718055994530942;
    double hl = bl_half_life(a);
    bl_forget f;
    f.rho = exp2(-1 / hl);
    f.lost = -expm1(-ln2 / hl);
    f.slope = hl > 1 ? f.rho * ln2 / hl : 0;
    return f;
}

#endif
