/* The inputs of a TTT op under check. */
#ifndef BL_TESTS_CHECKOPS_TTT_H
#define BL_TESTS_CHECKOPS_TTT_H

#include "io.h"

typedef struct ttt_io {
    bl_ttt_shape shape;
    bl_ttt_params p;
    void *q, *k, *v, *lambda;
    bl_ttt_carry carry;
} ttt_io;

/* M is the width of W0: F, or 4F of an MLP. */
ttt_io ttt_inputs(io *b, const shape *s, size_t M);

/* Rows that continue from a state, and where they leave theirs. */
void ttt_carry_rows(io *b, const shape *s, ttt_io *t, size_t M);

#endif
