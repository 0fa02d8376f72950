/* The TTT kernels in plain C. */
#define BL_KERN_FILL bl_kern_ttt_c
#include "kern/body/ttt.h"
