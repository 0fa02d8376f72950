/* The TTT kernels for AVX2. */
#define BL_KERN_FILL bl_kern_ttt_avx2
#include "kern/body/ttt.h"
