/* Shares of the mass of many candidates, found without sorting them. */
#ifndef BL_INFER_MASS_H
#define BL_INFER_MASS_H

#include "core/best.h"

/* What a candidate weighs beside the best: exp((logit - best) / temperature). */
double bl_mass_of(float logit, float best, double temperature);

/* Finds the candidate with which the mass of c[n], summed from the best on, reaches `part` (0..1) of
 * their whole mass.  `best` is the largest logit, finite; `loose`: how much of that whole, at its
 * end, may have been left out by whoever wants to know.  0 when rounding, or what is loose, could
 * make it another one than a sum in order finds.  Reorders c. */
int bl_mass_reach(bl_candidate *c, size_t n, float best, double temperature, double part,
                  double loose, bl_candidate *at);

/* Those of c[n] that are as good as `last` or better, to its front; returns how many. */
size_t bl_mass_keep(bl_candidate *c, size_t n, const bl_candidate *last);

#endif
