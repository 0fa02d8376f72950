/* TTT-Linear on the CPU: what its forward op and its step share. */
#ifndef BL_CPU_TTT_LINEAR_H
#define BL_CPU_TTT_LINEAR_H

#include "cpu/ttt.h"

/* T tokens of one (sequence, head). */
void bl_ttt_linear_task(const bl_ttt_task *task);

#endif
