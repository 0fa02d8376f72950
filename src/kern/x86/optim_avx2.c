/* The optimizer kernels for AVX2. */
#define BL_KERN_FILL bl_kern_optim_avx2
#include "kern/body/optim.h"
