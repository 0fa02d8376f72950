/* The optimizer kernels in plain C. */
#define BL_KERN_FILL bl_kern_optim_c
#include "kern/body/optim.h"
