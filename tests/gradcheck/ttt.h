/* The inputs of a TTT pair under test. */
#ifndef BL_TESTS_GRADCHECK_TTT_H
#define BL_TESTS_GRADCHECK_TTT_H

#include "pairs.h"

/* The first inputs of every TTT pair. */
enum { Q, K, V, LAMBDA, W0, B0, GAMMA, BETA, DELTA };

bl_ttt_shape bl_pair_ttt_shape(const pair_run *r);

/* The inner model's tensors among x, or among their gradients. */
bl_ttt_params bl_pair_ttt_params(pair_run *r, void *const x[]);

/* M is the width of W0: F, or 4F of an MLP, whose steps are smaller (ttt_base_lr 0.1). */
void bl_pair_ttt_setup(pair_run *r, size_t M);

/* States for the rows to continue from, which the loss holds fixed whatever becomes of W0. */
void bl_pair_ttt_carry(pair_run *r);

#endif
